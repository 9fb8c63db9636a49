//! Kernels built otherwise than Debian builds its own.

//! `nfm check` over memory that cannot be read.

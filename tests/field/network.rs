//! Sockets, devices, and sums over memory.

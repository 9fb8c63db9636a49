//! The C ABI: the header, the shared library, and programs in C that use both.

mod api;
#[allow(dead_code, reason = "the tests of the bindings use the rest")]
mod checkers;
mod files;
mod fleet;
mod header;
mod library;
mod members;
mod programs;
mod rows;
mod suite;

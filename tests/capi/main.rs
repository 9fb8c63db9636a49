//! The C ABI: the header, the shared library, and programs in C that use both.

#[path = "../lab/mod.rs"]
mod lab;

mod api;
#[allow(dead_code, reason = "the tests of the bindings use the rest")]
mod build;
mod checkers;
mod header;
mod library;
mod programs;
mod rows;
mod suite;

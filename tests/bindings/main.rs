//! The bindings for Python and Go, the same example in each language, and the snippets of the documentation.

#[allow(dead_code, reason = "the C library's tests use the rest")]
mod documentation;
mod example;
mod go;
mod names;
mod packaging;
mod python;
mod schema;
mod version;

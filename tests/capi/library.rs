//! The shared library as a file: its name, its symbols, its version.

use std::fs;
use std::process::Command;

use crate::header::{declared, header};
use lab::programs::{library, output};
use lab::root;

#[test]
fn the_soname_is_libnfm_so_0() {
    let dynamic = output(Command::new("readelf").arg("-d").arg(library()));
    assert!(dynamic.contains("Library soname: [libnfm.so.0]"), "{dynamic}");
}

/// Back ends bring the libraries of their hypervisors, and load them only to open a guest: so libnfm loads on
/// hosts that have none.
#[test]
fn no_hypervisors_library_is_needed() {
    let dynamic = output(Command::new("readelf").arg("-d").arg(library()));
    let needed: Vec<&str> = dynamic.lines().filter(|line| line.contains("(NEEDED)")).collect();
    assert!(needed.iter().any(|line| line.contains("[libc.so.6]")), "{dynamic}");
    assert!(needed.iter().any(|line| line.contains("[libvirt.so.0]")), "{dynamic}");
    assert!(!needed.iter().any(|line| line.contains("xen")), "{needed:?}");
}

/// Nothing else is exported, and each function has the version of the release that brought it.
#[test]
fn what_is_exported_is_what_is_declared() {
    let symbols = output(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let mut exported: Vec<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        // The names of the versions themselves are symbols too.
        .filter(|name| !name.starts_with("NFM_"))
        .collect();
    exported.sort_unstable();
    let expected = declared().into_iter().map(|(name, function)| {
        let since = function.comment.split("Since: ").nth(1).unwrap().trim();
        format!("{name}@@NFM_{since}")
    });
    let hint = "is there a symver! for each function? was there an lld? (build.rs)";
    assert_eq!(exported, expected.collect::<Vec<_>>(), "{hint}");
}

#[test]
fn one_version_number() {
    let define = format!("#define NFM_VERSION \"{}\"\n", env!("CARGO_PKG_VERSION"));
    assert!(header().contains(&define), "{define}");
    let numbers = ["MAJOR", "MINOR", "PATCH"].into_iter().zip(env!("CARGO_PKG_VERSION").split('.'));
    for (part, number) in numbers {
        let define = format!("#define NFM_VERSION_{part} {number}\n");
        assert!(header().contains(&define), "{define}");
    }
    let pc = fs::read_to_string(root().join("packaging/nfm.pc.in")).unwrap();
    assert!(pc.contains("\nVersion: @VERSION@\n"));
}

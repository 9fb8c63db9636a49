//! The packages agree with the sources. `make test-deb` builds and installs them.

use std::collections::BTreeSet;
use std::fs;

use lab::root;

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_rpm_spec_has_the_version() {
    let line = format!("\nVersion:        {}\n", env!("CARGO_PKG_VERSION"));
    assert!(text("packaging/rpm/nfm.spec").contains(&line), "{line}");
}

#[test]
fn the_debian_symbols_are_those_of_the_header() {
    let header = text("include/nfm.h");
    let (_, functions) = header.split_once("extern \"C\" {").unwrap();
    // Each with the release that brought it, in the order in which they stand.
    let since = functions.split("Since: ").skip(1).map(|rest| rest.lines().next().unwrap().trim());
    let names = functions.split("*/").skip(1).filter_map(|rest| {
        rest.split_once('(')?
            .0
            .rsplit([' ', '*', '\n'])
            .next()
            .filter(|name| name.starts_with("nfm_"))
    });
    let declared: BTreeSet<String> =
        names.zip(since).map(|(name, since)| format!("{name}@NFM_{since}")).collect();
    let symbols = text("packaging/debian/libnfm0.symbols");
    let listed: BTreeSet<String> = symbols
        .lines()
        .filter_map(|line| line.strip_prefix(" nfm_"))
        .map(|line| format!("nfm_{}", line.split(' ').next().unwrap()))
        .collect();
    assert!(listed.len() > 30, "{listed:?}");
    assert_eq!(listed, declared);
}

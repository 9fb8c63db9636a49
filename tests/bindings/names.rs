//! The same names in all languages, and every function of the header behind one of them.

use std::collections::BTreeSet;
use std::fs;

use lab::programs::{output, python};
use lab::root;

/// Names of the Python package that Go has otherwise: its own way of cancelling, of naming errors and constructors.
const OTHERWISE: [(&str, &str); 4] =
    [("Control", "context"), ("Result", "Code"), ("diff", "NewDiff"), ("ClosedError", "ErrClosed")];

/// Functions that a binding does not call, each with what it has instead.
const INSTEAD: [(&str, &str, &str); 4] = [
    ("go", "nfm_control_is_cancelled", "the caller's context knows"),
    ("go", "nfm_has_feature", "Features()"),
    ("python", "nfm_has_feature", "features()"),
    ("python", "nfm_fleet_stop", "Fleet.close(), for which next() waits in slices"),
];

/// The sources of a folder of bindings that end so, those of tests and one more left out.
fn sources(folder: &str, end: &str, but: &str) -> String {
    let entries = fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let paths = entries.filter(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(end) && !name.ends_with("_test.go") && name != but
    });
    paths.map(|path| fs::read_to_string(path).unwrap()).collect()
}

fn words(text: &str) -> BTreeSet<&str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect()
}

#[test]
fn go_has_the_names_of_python() {
    let mut command = python();
    let listed = output(command.args(["-c", "import nfm; print(*nfm.__all__)"]));
    let go = sources("bindings/go", ".go", "");
    let declared = go.lines().filter_map(|line| {
        let line = line.strip_prefix("func ").or(line.strip_prefix("type "))?;
        line.split(['(', '[', ' ', '=']).next()
    });
    // Errors are constants.
    let constants = go.lines().filter_map(|line| line.trim_start().split_once(" Code = "));
    let known: BTreeSet<String> = declared
        .chain(constants.map(|(name, _)| name))
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let missing: Vec<&str> = listed
        .split_whitespace()
        .filter(|name| OTHERWISE.iter().all(|(python, _)| python != name))
        .filter(|name| {
            let plain = name.replace('_', "").to_ascii_lowercase();
            let error = plain.strip_suffix("error").map(|kind| format!("err{kind}"));
            !known.contains(&plain) && !error.is_some_and(|error| known.contains(&error))
        })
        .collect();
    assert!(listed.split_whitespace().count() > 60, "{listed}");
    assert_eq!(missing, [""; 0]);
    let words = words(&go);
    for (_, go) in OTHERWISE {
        assert!(words.contains(go), "{go}");
    }
}

#[test]
fn every_function_of_the_header_is_used_by_both() {
    let header = fs::read_to_string(root().join("include/nfm.h")).unwrap();
    let (_, functions) = header.split_once("extern \"C\" {").unwrap();
    let declared = functions.split('(').filter_map(|before| before.rsplit([' ', '*', '\n']).next());
    let declared: BTreeSet<&str> =
        declared.filter(|name| name.starts_with("nfm_") && !name.ends_with("_t")).collect();
    assert!(declared.len() > 60, "{declared:?}");
    for (language, text) in [
        ("go", sources("bindings/go", ".go", "")),
        ("python", sources("bindings/python/nfm", ".py", "_abi.py")),
    ] {
        let used = words(&text);
        let unused: Vec<&&str> = declared.iter().filter(|name| !used.contains(**name)).collect();
        let instead: BTreeSet<&str> =
            INSTEAD.iter().filter(|one| one.0 == language).map(|one| one.1).collect();
        assert_eq!(unused.into_iter().copied().collect::<BTreeSet<_>>(), instead, "{language}");
    }
}

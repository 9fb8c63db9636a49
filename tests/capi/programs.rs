//! The uses that a program in C may make of the library, and those that it may not.

use std::fs;

#[cfg(debug_assertions)]
use lab::programs::run;
use lab::programs::{Build, output};
use lab::root;

#[test]
fn bad_input_has_defined_results() {
    let build = Build::new("arguments");
    output(&mut build.program("tests/capi/arguments.c"));
}

#[test]
fn a_guest_and_its_frames() {
    let build = Build::new("frames");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    // It is suspended for a moment.
    let _alone = guest.alone();
    output(build.program("tests/capi/frames.c").arg(guest.domain()));
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_stays_inside() {
    let build = Build::new("panic");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let ended = run(build.program("tests/capi/panic.c").arg(guest.domain()));
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{errors}");
    // Rust's own words about it.
    assert_eq!(errors.matches("NFM_TEST_PANIC asks for it").count(), 1, "{errors}");
    assert!(errors.contains("panicked at src/capi/domain.rs"), "{errors}");
}

/// The README's snippet, in a program around it.
#[test]
fn the_snippet_of_the_readme_works() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let snippet = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let build = Build::new("readme");
    let snippet = snippet.replace("\"web-1\"", &format!("\"{}\"", guest.domain()));
    assert!(snippet.contains(guest.domain()), "the README's snippet opens \"web-1\"");
    let program = format!(
        "#include <stdio.h>\n#include <nfm.h>\n\nint main(void)\n{{\n{snippet}\n    return 0;\n}}\n"
    );
    let source = build.source("readme.c", &program);
    let json = output(build.program(source).env("LIBVIRT_DEFAULT_URI", "qemu:///system"));
    let frame: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(frame["domain"]["name"], guest.domain());
}

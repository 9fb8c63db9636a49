//! Programs in C under the checkers of memory, which are shown to be there by programs that misuse it.

use std::process::Command;

use lab::programs::{Build, output, run};

/// Frames of one run.
const FRAMES: &str = "1000";
/// os, modules and mounts: rows with texts and with lists.
const SECTIONS: &str = "0x241";
/// os and modules: under valgrind a thousand frames of more take minutes.
const FEW_SECTIONS: &str = "0x41";

fn asan(test: &str) -> Build {
    Build::new(test).with(&["-fsanitize=address", "-fno-omit-frame-pointer"])
}

/// The program under valgrind.
fn valgrind(program: &Command) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["-q", "--error-exitcode=99", "--leak-check=full"]);
    command.args(["--errors-for-leak-kinds=definite", "--show-leak-kinds=definite"]);
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Runs the program under valgrind, which has nothing to say but that it does not know pidfd_open(2),
/// which older versions do not; nfm does without then.
fn passes_valgrind(program: &Command) {
    let ended = run(&mut valgrind(program));
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !errors.contains("=="), "{}: {errors}", ended.status);
}

#[test]
fn address_sanitizer_is_in() {
    let build = asan("asan-misuse");
    for (what, words) in [
        ("use-after-free", "AddressSanitizer: heap-use-after-free"),
        ("leak", "LeakSanitizer: detected memory leaks"),
    ] {
        let ended = run(build.program("tests/capi/misuse.c").arg(what));
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert!(!ended.status.success() && errors.contains(words), "{what}: {errors}");
    }
}

#[test]
fn valgrind_watches() {
    let build = Build::new("valgrind-misuse");
    for (what, words) in [("use-after-free", "Invalid read"), ("leak", "definitely lost")] {
        let mut program = build.program("tests/capi/misuse.c");
        program.arg(what);
        let ended = run(&mut valgrind(&program));
        let errors = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(99), "{what}: {errors}");
        assert!(errors.contains(words), "{what}: {errors}");
    }
}

#[test]
fn bad_input_under_address_sanitizer() {
    let build = asan("asan-arguments");
    output(&mut build.program("tests/capi/arguments.c"));
}

#[test]
fn bad_input_under_valgrind() {
    let build = Build::new("valgrind-arguments");
    passes_valgrind(&build.program("tests/capi/arguments.c"));
}

#[test]
fn a_guest_and_its_frames_under_address_sanitizer() {
    let build = asan("asan-frames");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let _alone = guest.alone();
    output(build.program("tests/capi/frames.c").arg(guest.domain()));
}

#[test]
#[cfg(debug_assertions)]
fn a_panic_under_address_sanitizer() {
    let build = asan("asan-panic");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let ended = run(build.program("tests/capi/panic.c").arg(guest.domain()));
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success() && !errors.contains("Sanitizer"), "{errors}");
}

#[test]
fn a_thousand_frames_leak_nothing_under_address_sanitizer() {
    let build = asan("asan-many");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut program = build.program("tests/capi/rows.c");
    output(program.args([guest.domain(), FRAMES, SECTIONS, "0"]));
    let mut whole = build.program("tests/capi/rows.c");
    output(whole.args([guest.domain(), "3", "0", "0"]));
}

#[test]
fn a_thousand_frames_leak_nothing_under_valgrind() {
    let build = Build::new("valgrind-many");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut program = build.program("tests/capi/rows.c");
    program.args([guest.domain(), FRAMES, FEW_SECTIONS, "0"]);
    passes_valgrind(&program);
}

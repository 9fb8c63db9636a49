//! The module for Go.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab::programs::{self, Build, library, output};
use lab::root;

/// A folder with this build's library as pkg-config finds it. It is the same for all tests, and stays: go
/// keeps what it compiled by pkg-config's answer without looking whether that still holds.
fn installed() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-installed");
    fs::create_dir_all(&folder).unwrap();
    let pc = fs::read_to_string(root().join("packaging/nfm.pc.in")).unwrap();
    let pc = pc
        .replace("${prefix}/include", root().join("include").to_str().unwrap())
        .replace("@LIBDIR@", folder.to_str().unwrap())
        .replace("@VERSION@", env!("CARGO_PKG_VERSION"));
    // Other tests do the same at the same time.
    let new = |name: &str| folder.join(format!("{name}.{}", std::process::id()));
    fs::write(new("nfm.pc"), pc).unwrap();
    symlink(library(), new("libnfm.so.0")).unwrap();
    symlink("libnfm.so.0", new("libnfm.so")).unwrap();
    for name in ["nfm.pc", "libnfm.so.0", "libnfm.so"] {
        fs::rename(new(name), folder.join(name)).unwrap();
    }
    folder
}

/// A command with pkg-config's answer and the library for whatever runs.
pub fn with_library(program: impl AsRef<Path>) -> Command {
    let installed = installed();
    let mut command = Command::new(program.as_ref());
    command.env("PKG_CONFIG_PATH", &installed).env("LD_LIBRARY_PATH", installed);
    command
}

/// The go command, in a folder: with this build's library, and nothing from a network.
pub fn go(folder: impl AsRef<Path>) -> Command {
    let mut command = with_library("go");
    command
        .current_dir(root().join(folder))
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local");
    command
}

/// Compiles a program, and gives the command that runs it.
pub fn program(build: &Build, folder: impl AsRef<Path>) -> Command {
    let program = build.folder().join("go-program");
    output(go(folder).arg("build").arg("-o").arg(&program).arg("."));
    with_library(program)
}

#[test]
fn its_own_tests_pass() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut test = go("bindings/go");
    test.args(["test", "-count=1", "-v", "./..."]).env("NFM_TEST_DOMAIN", guest.domain());
    let output = programs::run(&mut test);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!text.contains("SKIP"), "{text}");
    for test in [
        "TestRowsAreWhatTheJSONHas",
        "TestViewsAllocateNothing",
        "TestContextCancels",
        "TestNoSuchDomain",
    ] {
        assert!(text.contains(&format!("--- PASS: {test} ")), "{text}");
    }
}

/// As a proxy of modules has it: by its path and version, in a zip.
#[test]
fn it_can_be_fetched() {
    let build = Build::new("go-fetched");
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let folder = build.folder().join("proxy/nfm.invalid/go/nfm/@v");
    fs::create_dir_all(&folder).unwrap();
    let put =
        |end: &str, text: &str| fs::write(folder.join(format!("{version}{end}")), text).unwrap();
    put(".info", &format!("{{\"Version\": \"{version}\"}}"));
    put(".mod", &fs::read_to_string(root().join("bindings/go/go.mod")).unwrap());
    let pack = "import pathlib, sys, zipfile\n\
        archive = zipfile.ZipFile(sys.argv[1], 'w')\n\
        for path in pathlib.Path(sys.argv[2]).iterdir():\n    \
            archive.write(path, f'nfm.invalid/go/nfm@{sys.argv[3]}/{path.name}')\n\
        archive.close()";
    let zip = folder.join(format!("{version}.zip"));
    let mut packing = Command::new("/usr/bin/python3");
    output(packing.args(["-c", pack]).arg(zip).arg(root().join("bindings/go")).arg(version));
    let program = build.folder().join("program");
    fs::create_dir(&program).unwrap();
    build.source("program/go.mod", "module program\n\ngo 1.19\n");
    let mut fetch = go(&program);
    fetch.args(["get", &format!("nfm.invalid/go/nfm@{version}")]);
    fetch.env("GOPROXY", format!("file://{}", build.folder().join("proxy").display()));
    fetch.env("GOMODCACHE", build.folder().join("cache")).env("GOSUMDB", "off");
    let fetch = programs::run(fetch.env("GOFLAGS", "-mod=mod -modcacherw"));
    assert!(fetch.status.success(), "{fetch:?}");
    let fetched = format!("cache/nfm.invalid/go/nfm@{version}/nfm.go");
    assert!(build.folder().join(fetched).exists());
}

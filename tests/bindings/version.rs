//! One version number, in Cargo.toml: what each language says of itself and of the library that it loads.

use crate::go::{go, with_library};
use lab::programs::{Build, output, python};

const VERSION: &str = env!("CARGO_PKG_VERSION");

#[test]
fn c_has_it() {
    let build = Build::new("c-version");
    let source = build.source(
        "version.c",
        "#include <nfm.h>\n#include <stdio.h>\n\
         int main(void) { return printf(\"%s %s\", NFM_VERSION, nfm_version()) < 0; }\n",
    );
    assert_eq!(output(&mut build.program(source)), format!("{VERSION} {VERSION}"));
}

#[test]
fn pkg_config_has_it() {
    let printed = output(with_library("pkg-config").args(["--modversion", "nfm"]));
    assert_eq!(printed.trim(), VERSION);
}

#[test]
fn python_has_it() {
    let program = "import nfm; print(nfm.__version__, nfm.version(), end='')";
    assert_eq!(output(python().args(["-c", program])), format!("{VERSION} {VERSION}"));
}

#[test]
fn go_has_it() {
    let build = Build::new("go-version");
    let module = build.folder().join("module");
    std::fs::create_dir(&module).unwrap();
    let go_mod = format!(
        "module version\n\ngo 1.19\n\nrequire nfm v0.0.0\n\nreplace nfm => {}/bindings/go\n",
        lab::root().display()
    );
    build.source("module/go.mod", &go_mod);
    build.source(
        "module/main.go",
        "package main\n\nimport (\n\t\"fmt\"\n\n\t\"nfm\"\n)\n\n\
         func main() { fmt.Print(nfm.HeaderVersion, \" \", nfm.Version()) }\n",
    );
    let printed = output(go(&module).args(["run", "."]));
    assert_eq!(printed, format!("{VERSION} {VERSION}"));
}

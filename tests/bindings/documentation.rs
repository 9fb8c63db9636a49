//! The snippets of the documentation are compiled and run, each against a guest.

use std::fs;

use crate::go::program;
use lab::Guest;
use lab::programs::{Build, output, python};
use lab::root;

/// The name that snippets have for a guest.
const NAME: &str = "web-1";

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The code of one language in pages of Markdown, with a guest's name; it stands in each of those that
/// must have some.
fn snippets(language: &str, must: &str, may: &str, guest: &Guest) -> Vec<String> {
    let of = |path: &str| -> Vec<String> {
        let text = text(path);
        let fence = format!("```{language}\n");
        let parts = text.split(&fence).skip(1);
        let code = parts.filter_map(|part| Some(part.split_once("\n```")?.0));
        code.map(|code| code.replace(NAME, guest.domain())).collect()
    };
    let mut found = of(must);
    assert!(!found.is_empty(), "{must}");
    found.extend(of(may));
    found
}

fn guest() -> Guest {
    lab::guest("capi", &["--kernel", "6.1"])
}

#[test]
fn the_program_of_the_manual_lists_names() {
    let page = text("docs/man/libnfm.3");
    let (_, code) = page.split_once("\n.Bd -literal\n").unwrap();
    let code = code.split_once("\n.Ed\n").unwrap().0.replace("\\e", "\\");
    let build = Build::new("manual");
    let mut names = build.program(build.source("names.c", &format!("{code}\n")));
    names.env("LIBVIRT_DEFAULT_URI", "qemu:///system");
    let list = output(names.arg(guest().domain()));
    assert!(list.starts_with("1 init\n2 kthreadd\n"), "{list}");
}

#[test]
fn the_snippets_in_python_run() {
    let guest = guest();
    for code in snippets("python", "bindings/python/README.md", "README.md", &guest) {
        let mut command = python();
        command.arg("-c").arg(&code).env("LIBVIRT_DEFAULT_URI", "qemu:///system");
        let list = output(&mut command);
        assert!(list.contains("1 'init' "), "{code}\n{list}");
    }
}

#[test]
fn the_snippets_in_go_run() {
    let guest = guest();
    let build = Build::new("snippets");
    let module = build.folder().join("module");
    fs::create_dir(&module).unwrap();
    let go_mod = text("examples/go/nfm-ps/go.mod");
    let go_mod =
        go_mod.replace("../../../bindings/go", root().join("bindings/go").to_str().unwrap());
    build.source("module/go.mod", &go_mod);
    for code in snippets("go", "bindings/go/README.md", "README.md", &guest) {
        let whole = format!(
            "package main\n\nimport (\n\t\"context\"\n\t\"fmt\"\n\t\"log\"\n\n\t\"nfm.invalid/go/nfm\"\n)\n\n{code}\n\n\
             func main() {{\n\tif err := list(context.Background()); err != nil {{\n\
             \t\tlog.Fatal(err)\n\t}}\n}}\n"
        );
        build.source("module/main.go", &whole);
        let mut list = program(&build, &module);
        let list = output(list.env("LIBVIRT_DEFAULT_URI", "qemu:///system"));
        assert!(list.contains("1 \"init\" "), "{code}\n{list}");
    }
}

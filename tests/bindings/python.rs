//! The package for Python.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::programs::{Build, PYTHON, library, output, python, python_tests};
use lab::root;

#[test]
fn its_tests_without_a_guest_pass() {
    python_tests("test_nfm.py", 20, &mut python());
}

#[test]
fn its_tests_with_a_guest_pass() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    python_tests("test_guest.py", 10, python().env("NFM_TEST_DOMAIN", guest.domain()));
}

#[test]
fn a_wheel_has_the_library_inside() {
    let build = Build::new("wheel");
    let source = build.folder().join("source");
    // A copy: the build leaves files beside its sources.
    output(Command::new("cp").arg("-r").arg(root().join("bindings/python")).arg(&source));
    let (wheels, installed) = (build.folder().join("wheels"), build.folder().join("installed"));
    let pip = |arguments: &[&str], what: &Path| {
        let mut command = Command::new(PYTHON);
        command.args(["-m", "pip", "--quiet", "--disable-pip-version-check"]).args(arguments);
        command.args(["--no-index", "--no-deps"]).arg(what);
        command.env("PIP_ROOT_USER_ACTION", "ignore").env("NFM_WHEEL_LIBRARY", library());
        output(&mut command);
    };
    let to = |folder: &Path| folder.to_str().unwrap().to_owned();
    pip(&["wheel", "--no-build-isolation", "--wheel-dir", &to(&wheels)], &source);
    let version = env!("CARGO_PKG_VERSION");
    let wheel = fs::read_dir(&wheels).unwrap().next().unwrap().unwrap().path();
    let name = wheel.file_name().unwrap().to_str().unwrap();
    let start = format!("nfm-{version}-py3-none-manylinux_2_");
    assert!(name.starts_with(&start), "{name}");
    assert!(name.ends_with(&format!("_{}.whl", std::env::consts::ARCH)), "{name}");
    pip(&["install", "--target", &to(&installed)], &wheel);

    let program = "import importlib.metadata as m, nfm, os\n\
        print(nfm.__file__, nfm.version(), m.version('nfm'), *sorted(os.listdir(os.path.dirname(nfm.__file__))))";
    let mut import = Command::new(PYTHON);
    import.args(["-c", program]).current_dir("/").env("PYTHONPATH", &installed);
    let printed = output(import.env_remove("NFM_LIBRARY").env_remove("LD_LIBRARY_PATH"));
    let mut words = printed.split_whitespace();
    assert!(words.next().unwrap().starts_with(&to(&installed)), "{printed}");
    assert_eq!([words.next(), words.next()], [Some(version); 2], "{printed}");
    assert!(printed.contains(" libnfm.so.0 ") && printed.contains(" py.typed"), "{printed}");
}

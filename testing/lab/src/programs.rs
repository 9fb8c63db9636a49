//! Programs in C and Python with the shared library of this very build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::root;

/// The system's Python.
pub const PYTHON: &str = "/usr/bin/python3";
/// No warning passes.
pub const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The shared library of this very build, which cargo puts beside the tests.
pub fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap().with_file_name("libnfm.so");
    assert!(library.exists(), "{} is not there", library.display());
    library
}

/// Python with the package as it lies in the sources, and this build's library. It is the system's: that one has what
/// builds a wheel, from packages that scripts/setup installs.
pub fn python() -> Command {
    let mut command = Command::new(PYTHON);
    command
        .env("PYTHONPATH", root().join("bindings/python"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONWARNINGS", "error")
        .env("NFM_LIBRARY", library());
    command
}

/// Runs a file of the Python package's tests, of which there are at least so many.
pub fn python_tests(file: &str, least: usize, command: &mut Command) {
    let output = run(command.arg(root().join("bindings/python/tests").join(file)));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(text.ends_with("\nOK\n"), "some were skipped: {text}");
    // A test says there what it leaves out.
    text.lines().filter(|line| line.starts_with("SKIPPED")).for_each(|line| eprintln!("{line}"));
    let ran = text.split("\nRan ").nth(1).and_then(|rest| rest.split(' ').next());
    let ran: usize = ran.and_then(|number| number.parse().ok()).unwrap_or(0);
    assert!(ran >= least, "{text}");
}

pub fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// The output of a command that succeeds and says nothing else. libvirt's own lines are no concern: its error handler
/// is the program's, which the library leaves alone.
pub fn output(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<&str> = errors.lines().filter(|line| !line.starts_with("libvirt: ")).collect();
    let errors = errors.join("\n");
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    assert_eq!(errors, "", "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with the library under the name that programs look for, and with the programs.
pub struct Build {
    folder: PathBuf,
    include: PathBuf,
    flags: Vec<&'static str>,
    libraries: Vec<&'static str>,
}

impl Build {
    pub fn new(test: &str) -> Self {
        let name = format!("capi-{test}-{}", std::process::id());
        // As `CARGO_TARGET_TMPDIR`, which only tests themselves are compiled with.
        let test = std::env::current_exe().unwrap();
        let target = test.ancestors().nth(3).expect("target/PROFILE/deps/TEST");
        let folder = target.join("tmp").join(name);
        fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(library(), folder.join("libnfm.so.0")).unwrap();
        std::os::unix::fs::symlink("libnfm.so.0", folder.join("libnfm.so")).unwrap();
        // See `Stored` in src/capi/rows/mod.rs.
        let flags = if cfg!(debug_assertions) { vec!["-DROWS_HAVE_GROWN"] } else { Vec::new() };
        Self { folder, include: root().join("include"), flags, libraries: Vec::new() }
    }

    /// Programs are compiled with the oldest header that counts.
    pub fn with_baseline(mut self) -> Self {
        self.include = root().join("tests/capi/baseline");
        self
    }

    /// Programs are compiled with these options too.
    pub fn with(mut self, flags: &[&'static str]) -> Self {
        self.flags.extend(flags);
        self
    }

    /// Programs are linked with these libraries too (`-lNAME`).
    pub fn linked_with(mut self, libraries: &[&'static str]) -> Self {
        self.libraries.extend(libraries);
        self
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a source file.
    pub fn source(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Compiles a program, and gives the command that runs it.
    pub fn program(&self, source: impl AsRef<Path>) -> Command {
        let source = root().join(source);
        let program = self.folder.join(source.file_stem().unwrap());
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c99", "-O1", "-g", "-pthread"]).args(WARNINGS).args(&self.flags);
        compiler.arg("-I").arg(&self.include).arg("-o").arg(&program);
        compiler.arg(source).arg("-L").arg(&self.folder).arg("-lnfm").args(&self.libraries);
        output(&mut compiler);
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &self.folder);
        command
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

//! The C ABI: the header, the shared library, and programs in C that use both.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use nfm::{CrawlOptions, Domain, Frame, OpenOptions, Process, Section};
use serde_json::Value;

mod lab;

const WARNINGS: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn header() -> String {
    fs::read_to_string(root().join("include/nfm.h")).unwrap()
}

/// The shared library of this very build, which cargo puts beside the tests.
fn library() -> PathBuf {
    let library = std::env::current_exe().unwrap().with_file_name("libnfm.so");
    assert!(library.exists(), "{} is not there", library.display());
    library
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// What a command prints that succeeds in silence otherwise. libvirt's own lines are no concern: its
/// error handler is the program's, which the library leaves alone.
fn output(command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: String =
        errors.lines().filter(|line| !line.starts_with("libvirt: ")).map(str::to_owned).collect();
    assert!(output.status.success(), "{command:?}: {}\n{errors}", output.status);
    assert_eq!(errors, "", "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A folder with the library under the name that programs look for, and with the programs.
struct Build(PathBuf);

impl Build {
    fn new(test: &str) -> Self {
        let name = format!("capi-{test}-{}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        std::os::unix::fs::symlink(library(), folder.join("libnfm.so.0")).unwrap();
        std::os::unix::fs::symlink("libnfm.so.0", folder.join("libnfm.so")).unwrap();
        Self(folder)
    }

    /// Compiles a program, and gives the command that runs it.
    fn program(&self, source: &str) -> Command {
        let program = self.0.join(Path::new(source).file_stem().unwrap());
        let mut compiler = Command::new("cc");
        compiler.args(["-std=c99", "-O1", "-g", "-pthread"]).args(WARNINGS);
        compiler.arg("-I").arg(root().join("include")).arg("-o").arg(&program);
        compiler.arg(root().join(source)).arg("-L").arg(&self.0).arg("-lnfm");
        output(&mut compiler);
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &self.0);
        command
    }
}

impl Drop for Build {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Compilers that are here, the first of which must be.
fn compilers(names: [&'static str; 2]) -> Vec<&'static str> {
    let exists = |name: &&str| Command::new(name).arg("--version").output().is_ok();
    let there: Vec<_> = names.into_iter().filter(exists).collect();
    assert!(there.contains(&names[0]), "{} is not installed", names[0]);
    there
}

#[test]
fn the_committed_header_is_the_one_that_the_build_makes() {
    let made = include_str!(concat!(env!("OUT_DIR"), "/nfm.h"));
    assert!(header() == made, "include/nfm.h is out of date: build once more and commit it");
}

#[test]
fn the_header_compiles_as_c_and_as_cpp() {
    let header = root().join("include/nfm.h");
    let languages = [
        (["cc", "clang"], "c", "-std=c99"),
        (["cc", "clang"], "c", "-std=c17"),
        (["c++", "clang++"], "c++", "-std=c++11"),
        (["c++", "clang++"], "c++", "-std=c++20"),
    ];
    for (names, language, standard) in languages {
        for compiler in compilers(names) {
            let mut command = Command::new(compiler);
            command.args([standard, "-fsyntax-only", "-x", language]).args(WARNINGS).arg(&header);
            output(&mut command);
        }
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn structures_keep_their_layout() {
    for compiler in compilers(["cc", "clang"]) {
        let mut command = Command::new(compiler);
        command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(root().join("include"));
        output(command.args(WARNINGS).arg(root().join("tests/capi/layout.c")));
    }
}

/// The functions of the header, with their comments.
fn declared() -> BTreeMap<String, String> {
    let header = header();
    let functions = header.split("extern \"C\" {").nth(1).unwrap();
    let blocks = functions.split("/**").skip(1).filter_map(|block| {
        let (comment, declaration) = block.split_once("*/")?;
        let name = declaration.split_once('(')?.0.rsplit([' ', '*', '\n']).next()?;
        Some((name.to_owned(), comment.to_owned()))
    });
    blocks.collect()
}

#[test]
fn what_is_exported_is_what_is_declared() {
    let symbols = output(Command::new("nm").args(["-D", "--defined-only"]).arg(library()));
    let mut exported: Vec<_> =
        symbols.lines().filter_map(|line| line.split_whitespace().last()).collect();
    exported.sort_unstable();
    assert_eq!(exported, declared().keys().map(String::as_str).collect::<Vec<_>>());
    assert!(exported.iter().all(|name| name.starts_with("nfm_")), "{exported:?}");
}

#[test]
fn every_function_is_documented() {
    for (name, comment) in declared() {
        for part in ["Threads: ", "Since: 0."] {
            assert!(comment.contains(part), "{name} does not say '{part}'");
        }
        let frees = name.ends_with("_free") || name.starts_with("nfm_close_");
        assert!(frees || comment.contains("Returns: "), "{name} does not say what it returns");
        let takes_none = name == "nfm_version";
        assert!(takes_none || comment.contains("Parameters: "), "{name}: no parameters");
    }
}

#[test]
fn the_soname_is_libnfm_so_0() {
    let dynamic = output(Command::new("readelf").arg("-d").arg(library()));
    assert!(dynamic.contains("Library soname: [libnfm.so.0]"), "{dynamic}");
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

#[test]
fn bad_input_has_defined_results() {
    let build = Build::new("arguments");
    output(&mut build.program("tests/capi/arguments.c"));
}

#[test]
fn rows_tell_what_the_json_tells() {
    let build = Build::new("frames");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let text = output(build.program("tests/capi/frames.c").arg(guest.domain()));
    let (json, rows) = text.split_once('\n').unwrap();
    let frame: Value = serde_json::from_str(json).unwrap();
    assert_eq!(frame["format"], "nfm-frame/1");
    assert_eq!(frame["domain"]["name"], guest.domain());
    let processes = frame["processes"].as_array().unwrap();
    assert!(processes.len() > 40, "{}", processes.len());

    // In the order of nfm_process_t.
    let numbers = [
        "pid",
        "start_time_ns",
        "user_ns",
        "system_ns",
        "virtual_bytes",
        "rss_bytes",
        "shared_bytes",
        "pid_in_namespace",
        "ppid",
        "uid",
        "euid",
        "gid",
        "egid",
        "threads",
        "nice",
        "open_files",
    ];
    let namespaces = ["pid", "net", "mnt", "uts", "ipc", "user", "cgroup", "time"];
    let texts = ["name", "command_line", "exe", "cwd", "root", "cgroup"];
    let hexadecimal = |value: &Value| match value.as_str() {
        Some(text) => text.bytes().map(|byte| format!("{byte:02x}")).collect(),
        None => "null".to_owned(),
    };
    let flag = |value: &Value| match value.as_bool() {
        Some(is) => u8::from(is).to_string(),
        None => "null".to_owned(),
    };
    let expected = processes.iter().map(|process| {
        let mut cells: Vec<_> = numbers.iter().map(|name| process[*name].to_string()).collect();
        cells.extend(namespaces.iter().map(|name| process["namespaces"][*name].to_string()));
        cells.push(flag(&process["kernel_thread"]));
        cells.push(process["state"].as_str().unwrap_or("?").to_owned());
        cells.extend(texts.iter().map(|name| hexadecimal(&process[*name])));
        cells.join("\t")
    });
    assert_eq!(rows.lines().collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn the_example_lists_what_the_rust_api_sees() {
    let build = Build::new("example");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut options = OpenOptions::default();
    options.uri = Some("qemu:///system".to_owned());
    let mut domain = Domain::open(guest.domain(), &options).unwrap();
    let mut crawl = || domain.crawl(&CrawlOptions::sections(&[Section::Processes])).unwrap();
    let mut example = build.program("examples/c/nfm-ps.c");

    let before = crawl();
    let list = output(example.args(["-c", "qemu:///system", guest.domain()]));
    let after = crawl();
    let (before, after) = (lines(&before), lines(&after));

    let mut list = list.lines();
    assert_eq!(list.next(), Some("    PID    PPID     UID THREADS NAME            COMMAND"));
    let seen: BTreeMap<u32, &str> =
        list.map(|line| (line.split_whitespace().next().unwrap().parse().unwrap(), line)).collect();
    // Kernel workers come and go: what is there before and after is there between.
    let steady: Vec<_> = before.keys().filter(|key| after.contains_key(key)).collect();
    assert!(steady.len() > 40, "{}", steady.len());
    for key in steady {
        let line = seen.get(&key.0).copied().unwrap_or("nothing");
        assert!(
            [&before[key], &after[key]].iter().any(|expected| *expected == line),
            "the example printed\n{line}\nand not\n{}",
            after[key]
        );
    }
    for pid in seen.keys() {
        let known = |lines: &Lines| lines.range((*pid, 0)..=(*pid, u64::MAX)).next().is_some();
        assert!(known(&before) || known(&after) || seen[pid].contains("kworker"), "{}", seen[pid]);
    }
    assert!(
        seen.values().any(|line| line.contains("   1000       1 alice           /bin/lab-work"))
    );
}

#[test]
fn the_example_says_what_is_wrong() {
    let build = Build::new("failure");
    let mut example = build.program("examples/c/nfm-ps.c");
    let failure = run(example.args(["-c", "test:///default", "nope"]));
    assert_eq!(failure.status.code(), Some(nfm::ErrorCode::NoSuchDomain as i32));
    let words = String::from_utf8(failure.stderr).unwrap();
    assert!(words.starts_with("nfm-ps: there is no domain 'nope' at test:///default; "), "{words}");
    assert!(words.ends_with(" (NFM_ERR_NO_SUCH_DOMAIN)\n"), "{words}");
    assert_eq!(failure.stdout, b"");
}

/// The example's lines, by pid and start time.
type Lines = BTreeMap<(u32, u64), String>;

fn lines(frame: &Frame) -> Lines {
    assert!(frame.consistency.complete, "{:?}", frame.consistency.problems);
    let processes = frame.processes.as_ref().unwrap();
    processes.iter().map(|one| ((one.pid, one.start_time_ns.unwrap()), line(one))).collect()
}

/// As `print_process` in the example.
fn line(process: &Process) -> String {
    let number = |value: Option<u32>| value.map_or("?".to_owned(), |value| value.to_string());
    let text = |value: &Option<String>| value.as_deref().map_or("?".to_owned(), escaped);
    let mut line: String = [Some(process.pid), process.ppid, process.uid, process.threads]
        .map(|value| format!("{:>7} ", number(value)))
        .concat();
    let (name, command_line) = (text(&process.name), text(&process.command_line));
    line += &match command_line.is_empty() {
        true => name,
        false => format!("{name:<15} {command_line}"),
    };
    line
}

fn escaped(text: &str) -> String {
    let escape = |c: char| match c.is_control() {
        true => format!("\\x{:02x}", u32::from(c)),
        false => c.to_string(),
    };
    text.chars().map(escape).collect()
}

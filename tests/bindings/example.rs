//! The same example in each language: all are held to what the Rust API sees.

use std::collections::BTreeMap;
use std::process::Command;

use nfm::{CrawlOptions, Domain, Frame, OpenOptions, Process, Section, Text};

use crate::go;
use lab::programs::{Build, output, python, run};
use lab::root;

/// The example in each language.
fn examples(build: &Build) -> [(&'static str, Command); 3] {
    let mut in_python = python();
    in_python.arg(root().join("examples/python/nfm-ps.py"));
    [
        ("C", build.program("examples/c/nfm-ps.c")),
        ("Python", in_python),
        ("Go", go::program(build, "examples/go/nfm-ps")),
    ]
}

#[test]
fn the_examples_list_what_the_rust_api_sees() {
    let build = Build::new("example");
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut options = OpenOptions::default();
    options.uri = Some("qemu:///system".to_owned());
    let mut domain = Domain::open(guest.domain(), &options).unwrap();
    let mut crawl = || domain.crawl(&CrawlOptions::sections(&[Section::Processes])).unwrap();

    for (language, mut example) in examples(&build) {
        let before = crawl();
        let list = output(example.args(["-c", "qemu:///system", guest.domain()]));
        let after = crawl();
        compare(language, &list, &lines(&before), &lines(&after));
    }
}

/// Holds a list against frames that were taken before and after it.
fn compare(language: &str, list: &str, before: &Lines, after: &Lines) {
    let mut list = list.lines();
    let heading = "    PID    PPID     UID THREADS NAME            COMMAND";
    assert_eq!(list.next(), Some(heading), "{language}");
    let seen: BTreeMap<u32, &str> =
        list.map(|line| (line.split_whitespace().next().unwrap().parse().unwrap(), line)).collect();
    // Kernel workers come and go: what is there before and after is there between.
    let steady: Vec<_> = before.keys().filter(|key| after.contains_key(key)).collect();
    assert!(steady.len() > 40, "{language}: {}", steady.len());
    for key in steady {
        let line = seen.get(&key.0).copied().unwrap_or("nothing");
        assert!(
            [&before[key], &after[key]].iter().any(|expected| *expected == line),
            "the example in {language} printed\n{line}\nand not\n{}",
            after[key]
        );
    }
    for pid in seen.keys() {
        let known = |lines: &Lines| lines.range((*pid, 0)..=(*pid, u64::MAX)).next().is_some();
        let known = known(before) || known(after) || seen[pid].contains("kworker");
        assert!(known, "{language}: {}", seen[pid]);
    }
    // A changed name, and one with a line feed and a byte that is not UTF-8.
    for part in ["   1000       1 alice           /bin/lab-work", " new\\x0aline\u{fffd}\\n  /bin"]
    {
        assert!(
            seen.values().any(|line| line.contains(part)),
            "{language}: no {part} in {seen:#?}"
        );
    }
}

#[test]
fn the_examples_say_what_is_wrong() {
    let build = Build::new("failure");
    for (language, mut example) in examples(&build) {
        let failure = run(example.args(["-c", "test:///default", "nope"]));
        let code = Some(nfm::ErrorCode::NoSuchDomain as i32);
        assert_eq!(failure.status.code(), code, "{language}: {failure:?}");
        let words = String::from_utf8(failure.stderr).unwrap();
        let start = "nfm-ps: there is no domain 'nope' at test:///default; ";
        assert!(words.starts_with(start), "{language}: {words}");
        assert!(words.ends_with(" (NFM_ERR_NO_SUCH_DOMAIN)\n"), "{language}: {words}");
        assert_eq!(failure.stdout, b"", "{language}");
    }
    for (language, mut example) in examples(&build) {
        let failure = run(example.args(["-x", "y"]));
        let code = Some(nfm::ErrorCode::InvalidArgument as i32);
        assert_eq!(failure.status.code(), code, "{language}: {failure:?}");
        let words = String::from_utf8(failure.stderr).unwrap();
        assert!(words.starts_with("usage: nfm-ps"), "{language}: {words}");
    }
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
    let text = |value: &Option<Text>| value.as_deref().map_or("?".to_owned(), escaped);
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

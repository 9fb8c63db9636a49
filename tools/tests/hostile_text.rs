//! A guest whose text is made to steer the terminal of whoever looks: no verb, no JSON and no program over
//! the C ABI passes it on, and programs that read JSON get every character as it was.

use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");

/// A title set, a screen cleared, a row forged, text turned round, an 8-bit control, bytes that are no
/// UTF-8, characters that cannot be seen: one of no width, DEL, a mark of Arabic, a tag.
const EVIL: &str = r"\033]0;title\a\033[2J\n0 1 0 1 S forged\r\342\200\256back\302\233\377\342\200\213\177\330\234\363\240\201\201";
/// The text that programs get of it.
const EVIL_TEXT: &str = "\u{1b}]0;title\u{7}\u{1b}[2J\n0 1 0 1 S forged\r\u{202e}back\u{9b}\u{fffd}\u{200b}\u{7f}\u{61c}\u{e0041}";

/// Puts such text wherever a guest's user, or its root, may: names and arguments of processes (2 MB of
/// them), files, sockets, mounts, interfaces, groups, the host's name, the kernel's log.
const MISCHIEF: &str = r#"
ulimit -s 65536
evil=$(printf 'EVIL')
big=$(head -c 120000 /dev/zero | tr '\0' x)
sh -c 'printf "\033]0;x\a\n\302\233\377" >/proc/$$/comm; sleep 10000; :' "$evil" \
    $big $big $big $big $big $big $big $big $big $big $big $big $big $big $big $big $big $big \
    >/dev/null 2>&1 3>"/tmp/$evil" &
sh -c 'sleep 10000; :' "short$evil" >/dev/null 2>&1 &
mkdir -p "/tmp/mount$evil" && mount -t tmpfs "$evil" "/tmp/mount$evil"
mkdir "/sys/fs/cgroup/$(printf 'x\033[2Jy\342\200\256')" &&
    echo $! >"/sys/fs/cgroup/$(printf 'x\033[2Jy\342\200\256')/cgroup.procs"
ip link add "$(printf 'e\033[2J\342\200\256')" type dummy
ip addr add 10.66.6.1/24 dev "$(printf 'e\033[2J\342\200\256')"
ip link set "$(printf 'e\033[2J\342\200\256')" up
network neighbours "$(printf 'e\033[2J\342\200\256')" 10.66.6
hostname "$(printf 'h\033[2J\nforged')"
printf 'log\033[2J\342\200\256\302\233' >/dev/kmsg
while ! grep -q short /proc/[0-9]*/cmdline; do sleep 0.1; done
sleep 1
"#;

fn run(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// A character that must not reach a terminal from a guest.
fn steers(c: char) -> bool {
    nfm::steers_terminal(c) && !matches!(c, '\n' | '\t')
}

/// The output of a program, which must be UTF-8 without any such character, and no forged row.
fn harmless(what: &str, command: &mut Command) -> String {
    let output = run(command);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}: {errors}", output.status);
    quiet(what, &output)
}

/// The same, however it ended.
fn quiet(what: &str, output: &Output) -> String {
    let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec());
    let errors = utf8(&output.stderr).unwrap_or_else(|e| panic!("{what}: {e}"));
    let text = utf8(&output.stdout).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (stream, text) in [("output", &text), ("errors", &errors)] {
        let found = text.find(steers).map(|at| text[at..].chars().take(20).collect::<String>());
        assert_eq!(found, None, "{what}: {stream}");
        let forged = text.lines().find(|line| line.trim_start().starts_with("0 1 0 1 S forged"));
        assert_eq!(forged, None, "{what}: {stream}");
    }
    text
}

#[test]
fn hostile_text_is_shown_harmlessly() {
    let guest = lab::own_guest("text", &["--timeout", "300"]);
    guest.ask(&MISCHIEF.replace("EVIL", EVIL));
    let verbs: [&[&str]; 21] = [
        &["ps"],
        &["ps", "--cpu", "--interval", "0.1"],
        &["top", "--once", "--interval", "0.1"],
        &["lsof"],
        &["pmap"],
        &["ss"],
        &["ip"],
        &["route"],
        &["neigh"],
        &["oom"],
        &["topology"],
        &["mount"],
        &["free"],
        &["uptime"],
        &["lscpu"],
        &["lsmod"],
        &["dmesg"],
        &["crawl"],
        &["crawl", "--threads", "--physical"],
        &["doctor"],
        &["list"],
    ];
    let mut printed = String::new();
    for verb in verbs {
        let own = if verb == ["list"] { None } else { Some(guest.domain()) };
        let command = || {
            let mut command = Command::new(NFM);
            command.args(["-c", "qemu:///system"]).args(verb).args(own);
            command
        };
        printed += &harmless(&verb.join(" "), &mut command());
        if verb[0] == "top" {
            continue; // which has no JSON
        }
        let what = format!("{} --json", verb.join(" "));
        let text = harmless(&what, command().arg("--json"));
        let _: Value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{what}: {e}"));
    }
    // It was all there to be shown.
    for words in ["forged", r"\u{1b}[2J", r"\u{202e}back", "/tmp/mount", r"h\u{1b}[2J"] {
        assert!(printed.contains(words), "no {words}");
    }

    let mut crawl = Command::new(NFM);
    let text = harmless(
        "the frame",
        crawl
            .args(["-c", "qemu:///system", "crawl", "--json", "--time-limit", "30"])
            .arg(guest.domain()),
    );
    let frame: Value = serde_json::from_str(&text).unwrap();
    let rows = |section: &str| frame[section].as_array().cloned().unwrap_or_default();
    let has = |section: &str, of: &str, wanted: &dyn Fn(&str) -> bool| {
        rows(section).iter().any(|row| row[of].as_str().is_some_and(wanted))
    };
    assert!(has("processes", "name", &|name| name == "\u{1b}]0;x\u{7}\n\u{9b}\u{fffd}"));
    assert!(has("processes", "command_line", &|line| line.ends_with(&format!("short{EVIL_TEXT}"))));
    // A command line of 2 MB is shown as far as nfm keeps any.
    assert!(has("processes", "command_line", &|line| line.len() > 100_000 && line.ends_with("xxx")));
    assert!(has("processes", "cgroup", &|path| path == "/x\u{1b}[2Jy\u{202e}"));
    assert!(has("files", "path", &|path| path == format!("/tmp/{EVIL_TEXT}")));
    assert!(has("mounts", "target", &|path| path == format!("/tmp/mount{EVIL_TEXT}")));
    assert!(has("mounts", "source", &|source| source == EVIL_TEXT));
    assert!(has("interfaces", "name", &|name| name == "e\u{1b}[2J\u{202e}"));
    for section in ["routes", "neighbours"] {
        assert!(has(section, "interface", &|name| name == "e\u{1b}[2J\u{202e}"), "{section}");
    }
    assert!(has("log", "text", &|text| text == "log\u{1b}[2J\u{202e}\u{9b}"));
    assert_eq!(frame["os"]["nodename"], "h\u{1b}[2J\nforged");

    a_dump_with_a_hostile_name(&guest, &verbs);
    for mut program in programs() {
        let command = program.command.args(["-c", "qemu:///system", guest.domain()]);
        let text = harmless(program.what, command);
        for words in [
            "forged",
            r"\x1b[2J\x0a0 1 0 1 S forged",
            r"\u202eback\x9b",
            r"\u200b\x7f\u061c\U000e0041",
        ] {
            assert!(text.contains(words), "{} does not show {words}:\n{text}", program.what);
        }
    }
}

/// A dump tells itself whose it is: so its name is text of whoever made the file.
fn a_dump_with_a_hostile_name(guest: &lab::Guest, verbs: &[&[&str]]) {
    let name = format!("/var/tmp/nfm-hostile-name-{}.elf", std::process::id());
    let file = Removed(PathBuf::from(name));
    let dumped =
        run(Command::new(NFM).args(["-c", "qemu:///system", "dump", guest.domain()]).arg(&file.0));
    assert!(dumped.status.success(), "{}", String::from_utf8_lossy(&dumped.stderr));
    // The notes stand before the guest's memory.
    let opened = std::fs::File::options().read(true).write(true).open(&file.0).unwrap();
    let mut head = vec![0; 1 << 20];
    opened.read_exact_at(&mut head, 0).unwrap();
    let name = format!(r#""name":"{}"#, guest.domain());
    let at = memchr::memmem::find(&head, name.as_bytes()).expect("the note's name");
    opened.write_all_at(br#""name":"\u001b[2J\u202e"#, at as u64).unwrap();
    let uri = format!("file:{}", file.0.display());
    let mut printed = String::new();
    for verb in verbs.iter().copied().filter(|verb| *verb != ["list"]).chain([&["check"][..]]) {
        for options in [&[][..], &["--json"]] {
            let mut command = Command::new(NFM);
            command.args(verb).args(options).arg(&uri).env("NFM_LOG", "debug");
            // From a file nothing moves, and not all of it may be there: `check` may have another status.
            printed += &quiet(&verb.join(" "), &run(&mut command));
        }
    }
    let named = printed.matches(r"\u{1b}[2J\u{202e}").count();
    assert!(named >= 4, "crawl, crawl --threads, top and check name it, only {named} did");
}

/// A file that goes when dropped.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A program in another language over the C ABI that lists processes.
struct Program {
    what: &'static str,
    command: Command,
}

/// The examples, compiled anew.
fn programs() -> [Program; 3] {
    let root = lab::root();
    let folder =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("text-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let library = std::env::current_exe().unwrap().with_file_name("libnfm.so");
    assert!(library.exists(), "{} is not there", library.display());
    for name in ["libnfm.so", "libnfm.so.0"] {
        let _ = std::fs::remove_file(folder.join(name));
        std::os::unix::fs::symlink(&library, folder.join(name)).unwrap();
    }
    let with_library = |program: &Path| {
        let mut command = Command::new(program);
        command.env("LD_LIBRARY_PATH", &folder).env("NFM_LIBRARY", &library);
        command
    };
    let compiled = |compiler: &mut Command| {
        let output = run(compiler);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };

    let c = folder.join("nfm-ps");
    let mut compiler = Command::new("cc");
    compiler.arg("-I").arg(root.join("include")).arg("-o").arg(&c);
    compiled(compiler.arg(root.join("examples/c/nfm-ps.c")).arg("-L").arg(&folder).arg("-lnfm"));

    let go = folder.join("nfm-ps-go");
    let mut compiler = with_library(Path::new("go"));
    compiler.args(["build", "-o"]).arg(&go).arg(".");
    compiler.current_dir(root.join("examples/go/nfm-ps"));
    compiler.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"));
    compiler.env("GOFLAGS", "-mod=mod").env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    let (include, libraries) = (root.join("include"), folder.display());
    let about = format!(
        "Name: nfm\nDescription: of this build\nVersion: {}\nCflags: -I{}\nLibs: -L{libraries} -lnfm\n",
        env!("CARGO_PKG_VERSION"),
        include.display()
    );
    std::fs::write(folder.join("nfm.pc"), about).unwrap();
    compiler.env("PKG_CONFIG_PATH", &folder);
    compiled(&mut compiler);

    let mut python = with_library(Path::new("/usr/bin/python3"));
    python.env("PYTHONPATH", root.join("bindings/python")).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(root.join("examples/python/nfm-ps.py"));
    [
        Program { what: "nfm-ps in C", command: with_library(&c) },
        Program { what: "nfm-ps in Go", command: with_library(&go) },
        Program { what: "nfm-ps in Python", command: python },
    ]
}

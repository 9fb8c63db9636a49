//! The oracle over files: each kernel's memory is written down while the guest is held, and read from there.

use std::path::PathBuf;

use nfm::{Domain, DumpOptions, Mode, OpenOptions};
use oracle::{REQUIRED, Tally, View, compare_all};

use crate::{LEAST, generic};

/// No host runs a file.
const OF_HOST: &str = "host";

/// A file that goes when dropped.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn compare_dump(title: &str, options: &[&str]) {
    let guest = lab::guest(&crate::guest_name(title), options);
    let file = format!("/var/tmp/nfm-oracle-{}-{}", guest.domain(), std::process::id());
    let file = Temporary(file.into());
    let open = |name: &str| {
        Domain::open(name, &OpenOptions::default()).unwrap_or_else(|e| panic!("{title}: {e}"))
    };
    let mut live = open(guest.domain());
    let mut options = DumpOptions::default();
    options.mode = Mode::Paused;
    // Nothing but the dump between the guest's own views: load averages go up and down in seconds.
    let _alone = guest.alone();
    let (view, written) = View::around(
        |command| guest.ask_bytes(command),
        || live.dump(&file.0, &options, &mut |_, _| {}),
    );
    written.unwrap_or_else(|error| panic!("{title}: {error}"));
    let mut dump = open(&format!("file:{}", file.0.display()));
    let frame = dump.crawl(&lab::patient());
    let frame = frame.unwrap_or_else(|error| panic!("{title}: {error}"));
    let frame = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
    let mut tally = Tally::new(REQUIRED);
    compare_all(&mut tally, &view, &frame);
    let least: Vec<_> = LEAST.iter().copied().filter(|(section, _)| *section != OF_HOST).collect();
    tally.conclude(&format!("dump of {title}"), &least);
}

#[test]
fn dump_of_linux_5_10() {
    compare_dump("5.10 generic q35 6144 MiB 2 CPUs", &generic("5.10"));
}

#[test]
fn dump_of_linux_6_1() {
    let options = ["--kernel", "6.1", "--machine", "pc", "--memory", "512"];
    compare_dump("6.1 pc 512 MiB", &options);
}

#[test]
fn dump_of_linux_6_12() {
    compare_dump("6.12 generic q35 6144 MiB 2 CPUs", &generic("6.12"));
}

#[test]
fn dump_of_linux_7_2() {
    let options = ["--kernel", "7.2", "--cpu", "max", "--backing", "memfd"];
    compare_dump("7.2 five levels memfd", &options);
}

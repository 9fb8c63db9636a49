//! The section `files`: `/proc/PID/fd`, `/proc/PID/fdinfo`, and the kinds that stat(1) tells.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View, value_of};

const SECTION: &str = "files";

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(files) = tally.section(frame, SECTION) else { return };
    let mut rows: HashMap<u32, BTreeMap<u32, &Value>> = HashMap::new();
    for row in files.as_array().expect("files") {
        let number = |name: &str| row[name].as_u64().and_then(|number| u32::try_from(number).ok());
        let Some((pid, fd)) = number("pid").zip(number("fd")) else {
            tally.holds(SECTION, row, "pid and fd", false, "null");
            continue;
        };
        let twice = rows.entry(pid).or_default().insert(fd, row).is_some();
        tally.holds(SECTION, format!("{pid}/{fd}"), "listed once", !twice, "listed twice");
    }
    let kinds = (kinds(&view.before), kinds(&view.after));
    let none = BTreeMap::new();
    for (pid, stat, _) in view.lasting().filter(|(pid, ..)| !view.is_agent(*pid)) {
        let own = rows.get(&pid).unwrap_or(&none);
        let shown: BTreeSet<u32> = own.keys().copied().collect();
        let (before, after) = (view.before.descriptors(pid), view.after.descriptors(pid));
        let threads = (view.before.threads_descriptors(pid), view.after.threads_descriptors(pid));
        let all = |own: &BTreeSet<u32>, threads: &BTreeMap<u32, &str>| {
            own.iter().chain(threads.keys()).copied().collect::<BTreeSet<u32>>()
        };
        let key = format!("{pid} ({})", stat.name);
        let is_right = shown == all(&before, &threads.0) || shown == all(&after, &threads.1);
        for (fd, path) in &threads.0 {
            let Some(row) = own.get(fd).filter(|_| threads.1.contains_key(fd)) else { continue };
            tally.field(SECTION, format!("{key}, {fd}"), row, "path", Expected::is(*path));
        }
        tally.holds(
            SECTION,
            &key,
            &format!("descriptors {before:?}"),
            is_right,
            format!("{shown:?}"),
        );
        for fd in before.intersection(&after) {
            let Some(row) = own.get(fd) else { continue };
            let key = format!("{pid} ({}), {fd}", stat.name);
            let mut field = |name: &str, read: &dyn Fn(&Reading) -> Value| {
                let expected = Expected::steady(read(&view.before), read(&view.after));
                tally.field(SECTION, &key, row, name, expected);
            };
            let link = format!("fd/{fd}");
            field("path", &|reading| reading.link(pid, &link).into());
            let info = |reading: &Reading, name, radix| {
                let text = reading.of(pid, &format!("fdinfo/{fd}"));
                value_of(&text, name).map(|text| u64::from_str_radix(text, radix).expect("fdinfo"))
            };
            field("position", &|reading| info(reading, "pos", 10).into());
            field("flags", &|reading| info(reading, "flags", 8).into());
            let stat = |all: &Kinds| all.get(&(pid, *fd)).cloned();
            let (before, after) = (stat(&kinds.0), stat(&kinds.1));
            let kind = |of: &Option<(&'static str, u64)>| of.map(|(kind, _)| kind);
            let expected = Expected::steady(kind(&before), kind(&after));
            tally.field(SECTION, &key, row, "kind", expected);
            // fdinfo tells the inode since 5.14. What stat tells of an overlay's file is made up.
            let told = info(&view.before, "ino", 10);
            let is_overlay =
                row["path"].as_str().is_some_and(|path| path.starts_with("/mnt/overlay"));
            if let Some(inode) = told.or(before.map(|(_, inode)| inode).filter(|_| !is_overlay)) {
                tally.field(SECTION, &key, row, "inode", Expected::is(inode));
            }
        }
    }
}

type Kinds = HashMap<(u32, u32), (&'static str, u64)>;

/// Kind and inode by process and descriptor, from lines `MODE INODE /proc/PID/fd/FD`.
fn kinds(reading: &Reading) -> Kinds {
    let text = reading.text("stat");
    let all: Kinds = text
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            let mode = u32::from_str_radix(words.next()?, 16).ok()?;
            let inode = words.next()?.parse().ok()?;
            let (pid, fd) = words.next()?.strip_prefix("/proc/")?.split_once("/fd/")?;
            let kind = match mode & 0o170_000 {
                0o100_000 => "file",
                0o040_000 => "directory",
                0o020_000 => "character_device",
                0o060_000 => "block_device",
                0o010_000 => "pipe",
                0o140_000 => "socket",
                0o120_000 => "symlink",
                0 => "anon_inode",
                _ => panic!("a mode that no file has: {line}"),
            };
            Some(((pid.parse().ok()?, fd.parse().ok()?), (kind, inode)))
        })
        .collect();
    assert!(!all.is_empty(), "the guest's stat told nothing");
    all
}

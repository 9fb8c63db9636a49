//! The section `mappings`: `/proc/PID/smaps`, whose headings are the lines of `/proc/PID/maps`.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View, kilobytes, value_of};

const SECTION: &str = "mappings";

#[derive(Clone, Debug, PartialEq)]
struct Mapping {
    end: u64,
    permissions: String,
    offset: u64,
    path: Option<String>,
    resident: u64,
}

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(mappings) = tally.section(frame, SECTION) else { return };
    let mut rows: HashMap<u32, BTreeMap<u64, &Value>> = HashMap::new();
    for row in mappings.as_array().expect("mappings") {
        let pid = row["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok());
        let Some((pid, start)) = pid.zip(row["start"].as_u64()) else {
            tally.holds(SECTION, row, "pid and start", false, "null");
            continue;
        };
        let twice = rows.entry(pid).or_default().insert(start, row).is_some();
        tally.holds(SECTION, format!("{pid} {start:#x}"), "listed once", !twice, "listed twice");
    }
    let none = BTreeMap::new();
    for (pid, stat, _) in view.lasting() {
        let own = rows.get(&pid).unwrap_or(&none);
        let (before, after) = (parse(&view.before, pid), parse(&view.after, pid));
        let starts = |all: &BTreeMap<u64, Mapping>| all.keys().copied().collect::<Vec<_>>();
        let expected = Expected::steady(starts(&before), starts(&after));
        let shown: Vec<u64> = own.keys().copied().collect();
        let key = format!("{pid} ({})", stat.name);
        tally.fact(SECTION, &key, "all starts", &shown.into(), expected);
        for (start, before) in &before {
            let Some((after, row)) = after.get(start).zip(own.get(start)) else { continue };
            let key = format!("{pid} ({}), {start:#x} {:?}", stat.name, before.path);
            let mut field = |name, expected| tally.field(SECTION, &key, row, name, expected);
            field("end", Expected::steady(before.end, after.end));
            let permissions = [&before.permissions, &after.permissions].map(String::as_str);
            field("permissions", Expected::steady(permissions[0], permissions[1]));
            field("offset", Expected::steady(before.offset, after.offset));
            field("path", Expected::steady(before.path.clone(), after.path.clone()));
            field("resident_bytes", Expected::enclosed(before.resident, after.resident));
        }
    }
}

fn parse(reading: &Reading, pid: u32) -> BTreeMap<u64, Mapping> {
    let text = reading.of(pid, "smaps");
    let mut all = BTreeMap::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let mut facts = Vec::new();
        while let Some(fact) = lines.next_if(|line| !is_heading(line)) {
            facts.push(fact);
        }
        let resident = value_of(&facts.join("\n"), "Rss").and_then(kilobytes).expect("Rss");
        let mut words = line.split_ascii_whitespace();
        let mut word = || words.next().unwrap_or_else(|| panic!("a line of maps: {line}"));
        let (start, end) = word().split_once('-').expect("a range");
        let hexadecimal = |text| u64::from_str_radix(text, 16).expect("hexadecimal");
        let permissions = word().to_owned();
        let offset = hexadecimal(word());
        let (device, inode) = (word(), word());
        // The path may have spaces; it comes after the inode, padded on its left.
        let behind = line.split_once(device).and_then(|(_, rest)| rest.split_once(inode));
        let path = behind.expect("an inode").1.trim_start();
        let path = Some(path).filter(|path| !path.is_empty()).map(str::to_owned);
        let mapping = Mapping { end: hexadecimal(end), permissions, offset, path, resident };
        all.insert(hexadecimal(start), mapping);
    }
    all
}

/// The lines in between begin with a name and a colon.
fn is_heading(line: &str) -> bool {
    let range = line.split(' ').next().unwrap_or_default();
    range.contains('-') && range.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

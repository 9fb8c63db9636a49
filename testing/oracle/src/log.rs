//! The section `log`: every line that `dmesg -r` prints.

use std::collections::HashSet;

use serde_json::Value;

use crate::tally::Tally;
use crate::view::View;

const SECTION: &str = "log";

/// Level, microseconds and text.
type Line = (u64, u64, String);

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(log) = tally.section(frame, SECTION) else { return };
    let before = view.before.text("dmesg");
    let before: Vec<Line> = before.lines().map(parse).collect();
    assert!(before.len() > 50, "the guest's log has only {} lines", before.len());
    // A record of several lines is printed as so many.
    let lines = log.as_array().expect("log").iter().flat_map(|row| {
        let number = |name: &str| row[name].as_u64().unwrap_or(u64::MAX);
        let (level, time) = (number("level"), number("time_ns") / 1000);
        let text = row["text"].as_str().unwrap_or("(null)").to_owned();
        let line = move |text: &str| (level, time, text.to_owned());
        text.split('\n').map(line).collect::<Vec<_>>()
    });
    let lines: Vec<Line> = lines.collect();
    let all: HashSet<&Line> = lines.iter().collect();
    for line in &before {
        let near = lines.iter().find(|one| one.1 == line.1 || one.2 == line.2);
        tally.holds(SECTION, format!("{line:?}"), "there", all.contains(line), format!("{near:?}"));
    }
    let in_order = lines.starts_with(&before);
    tally.holds(SECTION, "-", "the same lines in the same order", in_order, lines.len());
    // Lines that came since, the guest has too.
    let after = view.after.text("dmesg");
    let after: HashSet<Line> = after.lines().map(parse).collect();
    for line in lines.iter().skip(before.len()) {
        tally.holds(
            SECTION,
            format!("{line:?}"),
            "known to the guest",
            after.contains(line),
            "new",
        );
    }
}

/// `<6>[    1.234567] text`; the number has the facility above the level's three bits.
fn parse(line: &str) -> Line {
    let parsed = (|| {
        let (number, rest) = line.strip_prefix('<')?.split_once(">[")?;
        let (time, text) = rest.split_once("] ").or_else(|| rest.split_once(']'))?;
        let (seconds, microseconds) = time.trim().split_once('.')?;
        let time = seconds.parse::<u64>().ok()? * 1_000_000 + microseconds.parse::<u64>().ok()?;
        Some((number.parse::<u64>().ok()? & 7, time, text.to_owned()))
    })();
    parsed.unwrap_or_else(|| panic!("a line of dmesg -r: {line:?}"))
}

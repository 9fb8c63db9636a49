//! The section `os`.

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View, value_of};

const SECTION: &str = "os";

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(os) = tally.section(frame, SECTION) else { return };
    let mut steady = |field: &str, of: &dyn Fn(&Reading) -> Value| {
        tally.field(SECTION, "-", os, field, Expected::steady(of(&view.before), of(&view.after)));
    };
    for (field, file) in [
        ("sysname", "/proc/sys/kernel/ostype"),
        ("nodename", "/proc/sys/kernel/hostname"),
        ("release", "/proc/sys/kernel/osrelease"),
        ("version", "/proc/sys/kernel/version"),
        ("machine", "uname"),
        ("command_line", "/proc/cmdline"),
    ] {
        steady(field, &|reading| {
            let text = reading.text(file);
            text.strip_suffix('\n').unwrap_or(&text).into()
        });
    }
    steady("build_id", &|reading| build_id(reading.bytes("/sys/kernel/notes")).into());
    steady("panicked", &|_| false.into());

    let boot = |reading: &Reading| -> u64 {
        let stat = reading.text("/proc/stat");
        stat.lines().find_map(|line| line.strip_prefix("btime ")?.parse().ok()).expect("btime")
    };
    // Whole seconds.
    let (before, after) = (boot(&view.before), boot(&view.after));
    let (low, high) = (before.min(after) * 1_000_000_000, before.max(after) * 1_000_000_000);
    let boot_time = Expected::Between(low, high + 999_999_999);
    tally.field(SECTION, "-", os, "boot_time_ns", boot_time);

    // Hundredths of a second.
    let up = |reading: &Reading| numbers(reading, "/proc/uptime")[0];
    let nanoseconds = |seconds: f64| (seconds * 100.0).round() as u64 * 10_000_000;
    let (before, after) = (nanoseconds(up(&view.before)), nanoseconds(up(&view.after)));
    let uptime = Expected::Between(before, after + 9_999_999);
    tally.field(SECTION, "-", os, "uptime_ns", uptime);

    // Every 5 s (LOAD_FREQ, include/linux/sched/loadavg.h) each average moves by at most this part of the
    // number of tasks that run. More than one such step between the guest's two answers may lead up and down.
    const STEPS: [f64; 3] = [1.0 - 1884.0 / 2048.0, 1.0 - 2014.0 / 2048.0, 1.0 - 2037.0 / 2048.0];
    const MOST_RUNNING: f64 = 8.0;
    let steps = (up(&view.after) - up(&view.before)) / 5.0;
    let away = if steps < 1.0 { 0.0 } else { steps * MOST_RUNNING };
    let (before, after) =
        (numbers(&view.before, "/proc/loadavg"), numbers(&view.after, "/proc/loadavg"));
    for (index, ((before, after), step)) in before.iter().zip(after).zip(STEPS).enumerate() {
        let load = os.get("load").and_then(|load| load.get(index)).unwrap_or(&Value::Null);
        let expected =
            Expected::Within(before.min(after) - away * step, before.max(after) + away * step);
        tally.fact(SECTION, "-", &format!("load[{index}]"), load, expected);
    }
}

fn numbers(reading: &Reading, file: &str) -> Vec<f64> {
    let numbers: Vec<f64> =
        reading.text(file).split_whitespace().map_while(|word| word.parse().ok()).collect();
    assert!(!numbers.is_empty(), "the guest's {file} was not read");
    numbers
}

/// The note of type 3 named "GNU", in hexadecimal.
fn build_id(mut notes: &[u8]) -> Option<String> {
    let word = |bytes: &[u8], at: usize| {
        Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?) as usize)
    };
    loop {
        let (name, length, kind) = (word(notes, 0)?, word(notes, 4)?, word(notes, 8)?);
        let start = 12 + name.next_multiple_of(4);
        let content = notes.get(start..start + length)?;
        if kind == 3 && notes.get(12..12 + name)? == b"GNU\0" {
            return Some(content.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = notes.get(start + length.next_multiple_of(4)..)?;
    }
}

/// The field of `/proc/cpuinfo` and the like for one entry of many, parted by empty lines.
pub fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split("\n\n").filter(|entry| value_of(entry, "processor").is_some())
}

//! The section `cpus`.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::os::entries;
use crate::tally::{Expected, Tally};
use crate::view::{Reading, View, value_of};

const SECTION: &str = "cpus";
/// Nanoseconds in a clock tick as `/proc` counts them.
pub const TICK: u64 = 10_000_000;
/// The columns of `/proc/stat`.
const TIMES: [&str; 10] =
    ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"];

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(cpus) = tally.section(frame, SECTION) else { return };
    let possible = list(&view.before, "/sys/devices/system/cpu/possible");
    let online = list(&view.before, "/sys/devices/system/cpu/online");
    let ids: Vec<u64> =
        cpus.as_array().expect("cpus").iter().filter_map(|c| c["id"].as_u64()).collect();
    let all: Vec<u64> = possible.iter().copied().collect();
    tally.fact(SECTION, "-", "ids", &ids.into(), Expected::is(all));

    let info = view.before.text("/proc/cpuinfo");
    for cpu in cpus.as_array().into_iter().flatten() {
        let Some(id) = cpu["id"].as_u64() else { continue };
        tally.field(SECTION, id, cpu, "online", Expected::is(online.contains(&id)));
        let number = id.to_string();
        let entry = entries(&info).find(|entry| value_of(entry, "processor") == Some(&number));
        let Some(entry) = entry else { continue };
        let text = |name| value_of(entry, name).unwrap_or_default();
        tally.field(SECTION, id, cpu, "vendor", Expected::is(text("vendor_id")));
        tally.field(SECTION, id, cpu, "model", Expected::is(text("model name")));
        let mhz: f64 = text("cpu MHz").parse().expect("cpu MHz");
        tally.field(SECTION, id, cpu, "mhz", Expected::Within(mhz - 0.001, mhz + 0.001));
        if let Some(cache) = text("cache size").strip_suffix(" KB") {
            let cache: u64 = cache.parse().expect("cache size");
            tally.field(SECTION, id, cpu, "cache_kib", Expected::is(cache));
        }
        for ((name, before), after) in
            TIMES.into_iter().zip(times(&view.before, id)).zip(times(&view.after, id))
        {
            let expected = Expected::Between(before * TICK, after * TICK + TICK - 1);
            tally.field(SECTION, id, cpu, &format!("{name}_ns"), expected);
        }
    }
}

fn times(reading: &Reading, id: u64) -> Vec<u64> {
    let stat = reading.text("/proc/stat");
    let prefix = format!("cpu{id} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap_or_default();
    line.split_whitespace().map(|word| word.parse().expect("a time of /proc/stat")).collect()
}

/// A list like `0-3,5`.
fn list(reading: &Reading, file: &str) -> BTreeSet<u64> {
    let text = reading.text(file);
    let ranges = text.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{file}: {range}"));
        number(first)..=number(last)
    });
    ranges.flatten().collect()
}

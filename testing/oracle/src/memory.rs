//! The section `memory`: `/proc/meminfo`, within 2 %.

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View, kilobytes, value_of};

const SECTION: &str = "memory";
const NAMES: [(&str, &str); 20] = [
    ("total", "MemTotal"),
    ("free", "MemFree"),
    ("available", "MemAvailable"),
    ("buffers", "Buffers"),
    ("cached", "Cached"),
    ("swap_cached", "SwapCached"),
    ("active", "Active"),
    ("inactive", "Inactive"),
    ("swap_total", "SwapTotal"),
    ("swap_free", "SwapFree"),
    ("dirty", "Dirty"),
    ("writeback", "Writeback"),
    ("anonymous", "AnonPages"),
    ("mapped", "Mapped"),
    ("shared", "Shmem"),
    ("slab", "Slab"),
    ("slab_reclaimable", "SReclaimable"),
    ("slab_unreclaimable", "SUnreclaim"),
    ("kernel_stack", "KernelStack"),
    ("page_tables", "PageTables"),
];
/// Bytes of each kind that the shell takes while the guest is asked; of mapped pages, also its program; of slabs, the
/// names and inodes of `/proc` that it looks up.
const ASKING: f64 = 192.0 * 1024.0;

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(memory) = tally.section(frame, SECTION) else { return };
    for (field, name) in NAMES {
        let (before, after) = (bytes(&view.before, name), bytes(&view.after, name));
        let expected = match field {
            "total" => Expected::is(before as u64),
            _ => {
                let (low, high) = (before.min(after), before.max(after));
                let asking = match field {
                    "mapped" | "slab" | "slab_reclaimable" => 2.5 * ASKING,
                    _ => ASKING,
                };
                let slack = |bytes: f64| (bytes * 0.02).max(asking);
                Expected::Within(low - slack(low), high + slack(high))
            }
        };
        tally.field(SECTION, name, memory, field, expected);
    }
    for field in memory.as_object().into_iter().flat_map(|fields| fields.keys()) {
        let is_known = NAMES.iter().any(|(name, _)| name == field);
        tally.holds(SECTION, field, "known to this test", is_known, "a field without a name here");
    }
}

fn bytes(reading: &Reading, name: &str) -> f64 {
    let text = reading.text("/proc/meminfo");
    let value = value_of(&text, name).unwrap_or_else(|| panic!("no {name} in /proc/meminfo"));
    kilobytes(value).unwrap_or_else(|| panic!("{name}: {value}")) as f64
}

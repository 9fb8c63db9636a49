//! The section `host`: what libvirt's Xen driver says of the guest.

use oracle::view::value_of;
use oracle::{Expected, Tally};
use serde_json::Value;

use crate::lab::{Guest, virsh};

const SECTION: &str = "host";
/// Pages that a guest has beside its memory: those that it shares with Xen, for one.
const BESIDE: u64 = 8 << 20;

/// A guest as libvirt describes it.
pub struct Host {
    /// Bytes of guest RAM.
    ram: u64,
    /// Tenths of a second that the vCPUs ran.
    tenths: u64,
    state: String,
}

impl Host {
    pub fn of(guest: &Guest) -> Self {
        let info = virsh(&["dominfo", guest.domain()]);
        let value = |name| value_of(&info, name).unwrap_or_else(|| panic!("no {name}: {info}"));
        let kib = value("Used memory").strip_suffix(" KiB").and_then(|kib| kib.parse::<u64>().ok());
        let seconds = value("CPU time").strip_suffix('s').and_then(|time| time.parse::<f64>().ok());
        Self {
            ram: kib.unwrap_or_else(|| panic!("no memory: {info}")) * 1024,
            tenths: (seconds.unwrap_or_else(|| panic!("no time: {info}")) * 10.0).round() as u64,
            state: value("State").to_owned(),
        }
    }
}

pub fn compare(tally: &mut Tally, (before, after): &(Host, Host), frame: &Value) {
    let Some(host) = tally.section(frame, SECTION) else { return };
    let mut field = |name, expected| tally.field(SECTION, "-", host, name, expected);
    // A guest that has nothing to do is idle.
    field("state", Expected::OneOf(vec!["running".into(), "idle".into()]));
    assert!(["running", "idle"].contains(&before.state.as_str()), "{}", before.state);
    let tenth = 100_000_000;
    let times =
        Expected::Between((before.tenths.saturating_sub(1)) * tenth, (after.tenths + 1) * tenth);
    field("vcpu_time_ns", times);
    field("rss_bytes", Expected::Between(before.ram - BESIDE, after.ram + BESIDE));
    field("swapped_bytes", Expected::is(0));
    // Asked of Xen for this very frame.
    field("memory_age_ns", Expected::is(0));
    // Xen keeps no count of it.
    field("untouched_bytes", Expected::is(Value::Null));
}

//! Use of the CPU by the difference of two frames.

use std::collections::HashMap;

use nfm::{Frame, Process};

/// One process between two frames.
#[derive(serde::Serialize)]
pub(crate) struct Usage<'a> {
    /// Share of one CPU, in percent.
    pub cpu_percent: f64,
    #[serde(flatten)]
    pub process: &'a Process,
}

/// CPU time of a process, user and system.
pub(crate) fn cpu_time(process: &Process) -> Option<u64> {
    Some(process.user_ns?.saturating_add(process.system_ns?))
}

/// Each process's share of one CPU between two frames, greatest first. A process that is not in the
/// earlier frame, or whose id was used anew, counts from its start.
pub(crate) fn usage<'a>(earlier: &Frame, later: &'a Frame) -> Vec<Usage<'a>> {
    let between = middle(later).saturating_sub(middle(earlier)).max(1);
    let before: HashMap<(u32, Option<u64>), u64> = earlier
        .processes
        .iter()
        .flatten()
        .filter_map(|process| Some(((process.pid, process.start_time_ns), cpu_time(process)?)))
        .collect();
    let mut rows: Vec<Usage> = later
        .processes
        .iter()
        .flatten()
        .map(|process| {
            let start = before.get(&(process.pid, process.start_time_ns)).copied().unwrap_or(0);
            let used = cpu_time(process).unwrap_or(0).saturating_sub(start);
            let cpu_percent = 100.0 * used as f64 / between as f64;
            Usage { cpu_percent, process }
        })
        .collect();
    rows.sort_by(|a, b| b.cpu_percent.total_cmp(&a.cpu_percent));
    rows
}

/// When a frame was read: the middle of its crawl, by the host's clock. What was measured around the
/// calls would count time that passed before or after the reading.
fn middle(frame: &Frame) -> u64 {
    frame.time_ns.saturating_add(frame.duration_ns / 2)
}

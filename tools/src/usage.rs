//! Use of the CPU by the difference of two frames, as the verbs show it.

use nfm::{Frame, Process};
pub(crate) use nfm_analysis::process_cpu_ns as cpu_time;

/// One process between two frames.
#[derive(serde::Serialize)]
pub(crate) struct Usage<'a> {
    /// Share of one CPU, in percent; unknown where the frames do not tell.
    pub cpu_percent: Option<f64>,
    #[serde(flatten)]
    pub process: &'a Process,
}

/// Each process's share of one CPU between two frames, greatest first, then those whose share is not known.
pub(crate) fn usage<'a>(earlier: &Frame, later: &'a Frame) -> Vec<Usage<'a>> {
    let used = nfm_analysis::process_use(earlier, later).into_iter();
    let mut rows: Vec<Usage> =
        used.map(|one| Usage { cpu_percent: one.cpu_percent, process: one.process }).collect();
    let share = |row: &Usage| row.cpu_percent.unwrap_or(-1.0);
    rows.sort_by(|a, b| share(b).total_cmp(&share(a)));
    rows
}

//! Analysis of frames: differences, rates, use of the CPU, groups. Pure functions, without input or output.
//!
//! Two frames of one guest are compared in order: the earlier one first. Absent is not zero: a number that the
//! frames do not tell is `None`, and a row that an incomplete frame lacks is *perhaps* gone or new
//! ([`Frame::is_whole`](nfm_frame::Frame::is_whole)).

#![warn(missing_docs)]
#![deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod boot;
mod condition;
mod cpu;
mod difference;
mod elapsed;
mod groups;
mod history;
mod identity;
mod oom;
mod rates;
mod series;
mod topology;
mod triggers;

pub use boot::{Boot, boot};
pub use condition::{CONDITION_SECTIONS, Trouble, condition};
pub use cpu::{
    CpuUse, GuestUse, HostShare, ProcessUse, cpu_use, guest_use, host_shares, process_cpu_ns,
    process_use,
};
pub use difference::{
    Comparison, Difference, RowDifference, compare, difference_of, is_same_guest,
    section_difference,
};
pub use elapsed::{Clock, Elapsed, elapsed};
pub use groups::{
    Group, RateSum, Sum, TreeRow, connections_by_process, connections_by_state, group_by,
    process_tree, processes_by_command, processes_by_control_group, processes_by_user, sum,
    sum_of_rates,
};
pub use history::{HISTORY_SECTIONS, Happening, History};
pub use identity::{Identity, Key, Part};
pub use oom::{OomCandidate, oom_candidates};
pub use rates::{Change, Rate, RowRates, changes, rates};
pub use series::{Point, Series, Subject};
pub use topology::{
    Edge, EdgeKind, Finding, FindingKind, GuestOfHost, HostDevice, HostNetworking, Level,
    NetworkDevice, Node, NodeKind, Selection, Span, Timeline, Topology, findings, topology,
};
pub use triggers::{Trigger, Watch};

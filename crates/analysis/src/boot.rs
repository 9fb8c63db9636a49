//! Restarts of a guest between two frames.

use std::collections::HashSet;

use nfm_frame::{Frame, Process, Section};

use crate::Identity;

/// By how much the boot clock may seem to go back within one boot: its seconds and its nanoseconds are read apart
/// from each other while the guest runs.
const TORN_NS: u64 = 2_000_000_000;

/// The relation of two frames' boots of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Boot {
    /// They are.
    Same,
    /// The guest was started anew in between, or set back to a snapshot.
    Other,
    /// The frames do not tell.
    Unknown,
}

/// Compares two frames, the earlier one first: are they of one boot of the guest?
///
/// In this order: a boot clock that went back, or another kernel, is another boot. The same boot time to the
/// nanosecond is the same boot. A boot time that changed is another boot or a wall clock that was set in the
/// guest: a process of user space that is in both frames decides. Without processes in both it is taken as another
/// boot.
pub fn boot(earlier: &Frame, later: &Frame) -> Boot {
    let both = earlier.os.as_ref().zip(later.os.as_ref());
    let clocks = both.and_then(|(a, b)| a.uptime_ns.zip(b.uptime_ns));
    if clocks.is_some_and(|(a, b)| b.saturating_add(TORN_NS) <= a) {
        return Boot::Other;
    }
    let kernels = both.and_then(|(a, b)| a.build_id.as_ref().zip(b.build_id.as_ref()));
    if kernels.is_some_and(|(a, b)| a != b) {
        return Boot::Other;
    }
    let began = both.and_then(|(a, b)| a.boot_time_ns.zip(b.boot_time_ns));
    if began.is_some_and(|(a, b)| a == b) {
        return Boot::Same;
    }
    let went_back = clocks.is_some_and(|(a, b)| b < a);
    let before: HashSet<_> = user_processes(earlier).map(Process::key).collect();
    let after: HashSet<_> = user_processes(later).map(Process::key).collect();
    if !went_back && !before.is_disjoint(&after) {
        return Boot::Same;
    }
    let are_whole = [earlier, later].iter().all(|frame| frame.is_whole(Section::Processes));
    let have_all = are_whole && !before.is_empty() && !after.is_empty();
    match began.is_some() || went_back || have_all {
        true => Boot::Other,
        false => Boot::Unknown,
    }
}

/// Processes whose start time tells one boot from another. Threads of the kernel and init begin at ticks, before a
/// finer clock runs: at the same ones in many a boot.
fn user_processes(frame: &Frame) -> impl Iterator<Item = &Process> {
    let is_fine = |start: u64| !start.is_multiple_of(1_000_000);
    frame.processes.iter().flatten().filter(move |process| {
        process.kernel_thread == Some(false) && process.start_time_ns.is_some_and(is_fine)
    })
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Consistency, Os};

    use super::*;

    fn frame(uptime: u64, boot_time: u64, starts: &[u64]) -> Frame {
        let os = Os { uptime_ns: Some(uptime), boot_time_ns: Some(boot_time), ..Os::default() };
        let processes = [736_000_000].iter().chain(starts).zip(1..).map(|(start, pid)| Process {
            pid,
            start_time_ns: Some(*start),
            kernel_thread: Some(false),
            ..Process::default()
        });
        Frame {
            consistency: Consistency { complete: true, ..Consistency::default() },
            os: Some(os),
            processes: Some(processes.collect()),
            ..Frame::default()
        }
    }

    const S: u64 = 1_000_000_000;

    #[test]
    fn the_clock_goes_on_or_back() {
        let first = frame(100 * S, 7, &[S + 10]);
        assert_eq!(boot(&first, &first), Boot::Same);
        assert_eq!(boot(&first, &frame(101 * S, 7, &[S + 10])), Boot::Same);
        assert_eq!(boot(&first, &frame(3 * S, 9, &[S + 15])), Boot::Other);
        assert_eq!(
            boot(&first, &frame(90 * S, 7, &[S + 10])),
            Boot::Other,
            "a snapshot of this boot"
        );
        assert_eq!(boot(&first, &frame(100 * S - 9, 7, &[S + 10])), Boot::Same, "torn");
    }

    #[test]
    fn a_restart_that_was_long_ago_and_a_clock_that_was_set() {
        let first = frame(10 * S, 7, &[S + 10]);
        assert_eq!(boot(&first, &frame(50 * S, 9, &[S + 11])), Boot::Other);
        assert_eq!(
            boot(&first, &frame(50 * S, 9, &[S + 10, 3 * S])),
            Boot::Same,
            "one process is the same"
        );
        let without = |mut frame: Frame| {
            frame.processes = None;
            frame
        };
        assert_eq!(boot(&without(first.clone()), &frame(50 * S, 9, &[S + 10])), Boot::Other);
    }

    #[test]
    fn without_the_os() {
        let without = |mut frame: Frame| {
            frame.os = None;
            frame
        };
        let first = without(frame(10 * S, 7, &[S + 10]));
        assert_eq!(boot(&first, &without(frame(0, 0, &[S + 10]))), Boot::Same);
        assert_eq!(boot(&first, &without(frame(0, 0, &[S + 11]))), Boot::Other);
        let mut part = without(frame(0, 0, &[S + 11]));
        part.consistency.complete = false;
        assert_eq!(boot(&first, &part), Boot::Unknown);
        assert_eq!(boot(&Frame::default(), &Frame::default()), Boot::Unknown);
    }

    #[test]
    fn another_kernel() {
        let mut first = frame(10 * S, 7, &[S + 10]);
        let mut later = frame(20 * S, 7, &[S + 10]);
        for (frame, id) in [(&mut first, "aa"), (&mut later, "bb")] {
            if let Some(os) = &mut frame.os {
                os.build_id = Some(id.into());
            }
        }
        assert_eq!(boot(&first, &later), Boot::Other);
    }
}

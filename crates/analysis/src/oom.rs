//! The order in which a kernel that is out of memory kills processes.

use nfm_frame::{Frame, Process, ProcessState};

/// Bytes of a page.
const PAGE: u64 = 4096;
/// `OOM_SCORE_ADJ_MIN` (include/uapi/linux/oom.h): a process that is never killed.
const NEVER: i32 = -1000;

/// A process that may be killed when memory is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OomCandidate<'a> {
    /// The process.
    pub process: &'a Process,
    /// The pages that the kernel compares: its resident memory, and its `oom_score_adj` thousandths of all memory and
    /// swap; `None` where the frame does not tell.
    pub badness_pages: Option<i64>,
    /// The same as `/proc/PID/oom_score` shows it: 667 of a process without memory and adjustment, 0 to 1333.
    pub oom_score: Option<i64>,
}

/// The processes that a guest's kernel may kill when its memory is out, the one that it kills first in front, as
/// `oom_badness` has it (mm/oom_kill.c); those of which the frame does not tell enough at the end.
///
/// It takes the sections `processes` and `memory`. Left out is what the kernel spares: its own threads, the first
/// process, an `oom_score_adj` of -1000, and who has ended. A frame does not tell what a process has in swap, its page
/// tables, and if it is a child of vfork(2) that still uses its parent's memory: the kernel adds the first two, and
/// spares the third. A limit of a control group has an order of its own, among its members alone.
pub fn oom_candidates(frame: &Frame) -> Vec<OomCandidate<'_>> {
    let memory = frame.memory.as_ref();
    let total = memory
        .and_then(|memory| memory.total.zip(memory.swap_total))
        .and_then(|(memory, swap)| i64::try_from(memory.saturating_add(swap) / PAGE).ok());
    let row = |process| {
        let badness_pages = total.and_then(|total| badness(process, total));
        let oom_score = total.zip(badness_pages).and_then(|(total, badness)| score(badness, total));
        OomCandidate { process, badness_pages, oom_score }
    };
    let may_be_killed = frame.processes.iter().flatten().filter(|process| !is_spared(process));
    let mut rows: Vec<_> = may_be_killed.map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.badness_pages));
    rows
}

/// True if the kernel does not look at it.
fn is_spared(process: &Process) -> bool {
    // A group whose leader has ended lives on in its other threads.
    let has_ended = matches!(process.state, Some(ProcessState::Zombie | ProcessState::Dead))
        && process.threads.is_some_and(|threads| threads <= 1);
    process.pid == 1
        || process.kernel_thread == Some(true)
        || process.oom_score_adj == Some(NEVER)
        || has_ended
}

/// `oom_badness`.
fn badness(process: &Process, total_pages: i64) -> Option<i64> {
    let resident = i64::try_from(process.rss_bytes? / PAGE).ok()?;
    let share = i64::from(process.oom_score_adj?).checked_mul(total_pages / 1000)?;
    resident.checked_add(share)
}

/// `proc_oom_score` (fs/proc/base.c).
fn score(badness: i64, total_pages: i64) -> Option<i64> {
    let share = badness.checked_mul(1000)?.checked_div(total_pages)?;
    share.checked_add(1000)?.checked_mul(2)?.checked_div(3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use nfm_frame::Memory;

    fn process(pid: u32, oom_score_adj: i32, rss_bytes: u64) -> Process {
        Process {
            pid,
            oom_score_adj: Some(oom_score_adj),
            rss_bytes: Some(rss_bytes),
            kernel_thread: Some(false),
            state: Some(ProcessState::Sleeping),
            threads: Some(1),
            ..Process::default()
        }
    }

    fn frame(processes: Vec<Process>) -> Frame {
        let memory = Memory { total: Some(1 << 30), swap_total: Some(0), ..Memory::default() };
        Frame { memory: Some(memory), processes: Some(processes), ..Frame::default() }
    }

    #[test]
    fn the_adjustment_counts_as_memory() {
        let mut unknown = process(6, 0, 0);
        unknown.rss_bytes = None;
        let frame = frame(vec![
            unknown,
            process(2, 0, 512 << 20),
            process(3, 600, 0),
            process(4, -999, 0),
            process(5, 0, 0),
        ]);
        let order = oom_candidates(&frame);
        let told: Vec<_> = order.iter().map(|row| (row.process.pid, row.oom_score)).collect();
        let scores = [(3, Some(1066)), (2, Some(1000)), (5, Some(666)), (4, Some(1)), (6, None)];
        assert_eq!(told, scores);
    }

    #[test]
    fn who_is_spared() {
        let mut zombie = process(7, 0, 0);
        zombie.state = Some(ProcessState::Zombie);
        let mut without_leader = zombie.clone();
        (without_leader.pid, without_leader.threads) = (8, Some(2));
        let mut kernel_thread = process(2, 0, 0);
        kernel_thread.kernel_thread = Some(true);
        let frame = frame(vec![
            process(1, 0, 4096),
            kernel_thread,
            process(3, NEVER, 1 << 29),
            zombie,
            without_leader,
        ]);
        let pids: Vec<u32> = oom_candidates(&frame).iter().map(|row| row.process.pid).collect();
        assert_eq!(pids, [8]);
    }

    #[test]
    fn numbers_that_cannot_be_have_no_score() {
        let mut frame = frame(vec![process(2, i32::MAX, u64::MAX)]);
        frame.memory =
            Some(Memory { total: Some(u64::MAX), swap_total: Some(u64::MAX), ..Memory::default() });
        assert_eq!(oom_candidates(&frame)[0].oom_score, None);
        frame.memory = Some(Memory { total: Some(0), swap_total: Some(0), ..Memory::default() });
        assert_eq!(oom_candidates(&frame)[0].oom_score, None);
    }
}

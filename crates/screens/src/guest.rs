//! One guest, as its last two frames tell it.

use std::collections::HashSet;
use std::sync::Arc;

use nfm_analysis::{
    Boot, GuestUse, Identity, ProcessUse, boot, guest_use, host_shares, process_use,
};
use nfm_frame::{Frame, Process, Section, Text};

/// How long a process is listed that no frame shows any more and none tells to be gone.
const LONGEST_UNKNOWN_NS: u64 = 60_000_000_000;
/// Processes of one guest that are listed so. A guest that lies can name ever new ones.
const MOST_UNKNOWN: usize = 10_000;

/// A process that was there, and that an incomplete frame lacks: it may be there still.
#[derive(Clone, Debug)]
struct Unknown {
    process: Process,
    /// The time of the last frame that has it.
    seen_ns: u64,
}

/// Shares of the CPU, in percent of one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Shares {
    /// As the guest counts.
    own: Option<f64>,
    /// The same of the host's CPUs.
    host: Option<f64>,
}

/// A guest's newest frame, and what the one before tells of it.
#[derive(Clone, Debug)]
pub struct GuestView {
    frame: Arc<Frame>,
    /// By place in the frame's processes.
    shares: Vec<Shares>,
    unknown: Vec<Unknown>,
    used: GuestUse,
}

/// One process of a guest.
#[derive(Clone, Copy, Debug)]
pub struct ProcessView<'a> {
    /// The process, as it was last seen.
    pub process: &'a Process,
    /// Share of one CPU in percent, as the guest counts; `None` where its frames do not tell.
    pub cpu_percent: Option<f64>,
    /// The holistic share: of one CPU of the host, in percent ([`host_shares`]).
    pub host_percent: Option<f64>,
    /// How long it has been running, by the guest's clock.
    pub elapsed_ns: Option<u64>,
    /// The time of the frame that it was seen in.
    pub seen_ns: u64,
    /// True if the newest frame lacks it and does not tell that it is gone.
    pub is_unknown: bool,
}

impl GuestView {
    /// The guest by one frame: it tells no use of the CPU.
    pub fn first(frame: Frame) -> Self {
        let shares = vec![Shares::default(); frame.processes.as_ref().map_or(0, Vec::len)];
        let cpus = frame.cpus.iter().flatten().filter(|cpu| cpu.online).count();
        let used = GuestUse { cpus, ..GuestUse::default() };
        Self { frame: Arc::new(frame), shares, unknown: Vec::new(), used }
    }

    /// The guest by another frame, which was taken later.
    pub fn next(&self, frame: Frame) -> Self {
        let earlier = &*self.frame;
        let uses = process_use(earlier, &frame);
        let mut of_host = host_shares(earlier, &frame).into_iter().peekable();
        // Both are in the order of the frame's processes; some have no share of the host.
        let shares = |one: &ProcessUse| Shares {
            own: one.cpu_percent,
            host: of_host
                .next_if(|share| std::ptr::eq(share.process, one.process))
                .map(|share| share.host_percent),
        };
        let shares = uses.iter().map(shares).collect();
        let used = guest_use(earlier, &frame);
        let unknown = self.unknown_after(&frame);
        Self { frame: Arc::new(frame), shares, unknown, used }
    }

    /// The guest by the same frame once more, with other sections: its use of the CPU stays.
    pub(crate) fn anew(&self, frame: Frame) -> Self {
        let is_same = frame.processes.as_ref().map(Vec::len) == Some(self.shares.len());
        match is_same && frame.time_ns == self.frame.time_ns {
            true => Self { frame: Arc::new(frame), ..self.clone() },
            false => Self::first(frame),
        }
    }

    /// The processes that a frame lacks and does not tell to be gone.
    fn unknown_after(&self, frame: &Frame) -> Vec<Unknown> {
        if frame.is_whole(Section::Processes) || boot(&self.frame, frame) == Boot::Other {
            return Vec::new();
        }
        let there: HashSet<_> = frame.processes.iter().flatten().map(Process::key).collect();
        let last = self.frame.processes.iter().flatten();
        let last = last.map(|process| (process, self.frame.time_ns));
        let before = self.unknown.iter().map(|one| (&one.process, one.seen_ns));
        let is_recent = |seen: u64| frame.time_ns.saturating_sub(seen) <= LONGEST_UNKNOWN_NS;
        last.chain(before)
            .filter(|(process, seen)| is_recent(*seen) && !there.contains(&process.key()))
            .take(MOST_UNKNOWN)
            .map(|(process, seen_ns)| Unknown { process: process.clone(), seen_ns })
            .collect()
    }

    /// The newest frame.
    pub fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The guest's labels, as libvirt's definition has them.
    pub fn labels(&self) -> &[Text] {
        self.frame.domain.labels.as_deref().unwrap_or_default()
    }

    /// The guest's use of the CPU as a whole.
    pub fn used(&self) -> GuestUse {
        self.used
    }

    /// The number of rows: processes, and those of which it is not known if they are there still.
    pub fn len(&self) -> usize {
        self.shares.len().saturating_add(self.unknown.len())
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of a place.
    pub fn row(&self, place: usize) -> Option<ProcessView<'_>> {
        let uptime = self.frame.os.as_ref().and_then(|os| os.uptime_ns);
        let elapsed = |process: &Process| Some(uptime?.saturating_sub(process.start_time_ns?));
        if let Some(shares) = self.shares.get(place) {
            let process = self.frame.processes.as_ref()?.get(place)?;
            return Some(ProcessView {
                process,
                cpu_percent: shares.own,
                host_percent: shares.host,
                elapsed_ns: elapsed(process),
                seen_ns: self.frame.time_ns,
                is_unknown: false,
            });
        }
        let Unknown { process, seen_ns } =
            self.unknown.get(place.checked_sub(self.shares.len())?)?;
        Some(ProcessView {
            process,
            cpu_percent: None,
            host_percent: None,
            elapsed_ns: elapsed(process),
            seen_ns: *seen_ns,
            is_unknown: true,
        })
    }

    /// All rows, those of the frame in its order.
    pub fn rows(&self) -> impl Iterator<Item = ProcessView<'_>> {
        (0..self.len()).filter_map(|place| self.row(place))
    }

    /// True if the frame tells all that it was asked for.
    pub fn is_complete(&self) -> bool {
        self.frame.consistency.complete
    }
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Consistency, Os, Problem};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn process(pid: u32, user_ns: u64) -> Process {
        Process {
            pid,
            start_time_ns: Some(S + 1),
            user_ns: Some(user_ns),
            system_ns: Some(0),
            ..Process::default()
        }
    }

    fn frame(at: u64, complete: bool, processes: Vec<Process>) -> Frame {
        let problem =
            Problem { section: "processes".into(), reason: "torn".to_owned(), address: None };
        let problems = if complete { Vec::new() } else { vec![problem] };
        Frame {
            time_ns: 1000 * S + at * S,
            consistency: Consistency { complete, problems, ..Consistency::default() },
            os: Some(Os { uptime_ns: Some((10 + at) * S), boot_time_ns: Some(5), ..Os::default() }),
            processes: Some(processes),
            ..Frame::default()
        }
    }

    fn told(view: &GuestView) -> Vec<(u32, Option<f64>, bool)> {
        view.rows().map(|row| (row.process.pid, row.cpu_percent, row.is_unknown)).collect()
    }

    #[test]
    fn a_process_that_an_incomplete_frame_lacks_is_unknown() {
        let first = GuestView::first(frame(0, true, vec![process(1, 0), process(2, 0)]));
        assert_eq!(told(&first), [(1, None, false), (2, None, false)]);
        let second = first.next(frame(2, false, vec![process(1, S)]));
        assert_eq!(told(&second), [(1, Some(50.0), false), (2, None, true)]);
        let row = second.row(1).expect("the unknown one");
        assert_eq!((row.seen_ns, row.elapsed_ns), (1000 * S, Some(11 * S - 1)));
        let third = second.next(frame(4, false, vec![process(1, S), process(3, 0)]));
        assert_eq!(told(&third)[2], (2, None, true), "still");
        assert_eq!(third.row(2).expect("it").seen_ns, 1000 * S, "as it was first missed");
        // Gone: a whole frame lacks it. So it is after a minute of not knowing.
        assert_eq!(told(&third.next(frame(6, true, vec![process(1, S)]))).len(), 1);
        assert_eq!(third.next(frame(61, false, vec![process(1, S)])).len(), 2);
        let back = third.next(frame(6, false, vec![process(2, 0)]));
        assert_eq!(told(&back)[0], (2, None, false), "there again, and new for all one knows");
    }

    #[test]
    fn a_guest_that_was_started_anew_has_none_of_its_old_processes() {
        let first = GuestView::first(frame(100, true, vec![process(1, 0), process(2, 0)]));
        let mut anew = frame(102, false, vec![process(1, 0)]);
        anew.os = Some(Os { uptime_ns: Some(S), boot_time_ns: Some(9), ..Os::default() });
        assert_eq!(first.next(anew).len(), 1);
    }
}

//! Figures of a guest over a time, to be drawn.

use nfm_frame::{Frame, Section};

use crate::{elapsed, guest_use};

/// Something of a guest that is drawn over time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Its CPUs: percent of one, as it believes and as the host gave them.
    Cpu,
    /// Its memory in bytes: what is used, and all that there is.
    Memory,
    /// Bytes in a second of its interfaces, the loopback left out: received, and sent.
    Net,
}

impl Subject {
    /// The sections that its figures need.
    pub fn sections(self) -> &'static [Section] {
        match self {
            Self::Cpu => &[Section::Os, Section::Cpus, Section::Host],
            Self::Memory => &[Section::Memory],
            Self::Net => &[Section::Os, Section::Interfaces],
        }
    }

    /// The names of its lines.
    pub fn lines(self) -> [&'static str; 2] {
        match self {
            Self::Cpu => ["guest", "host"],
            Self::Memory => ["used", "total"],
            Self::Net => ["received", "sent"],
        }
    }

    /// The unit of its figures.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Cpu => "% of a CPU",
            Self::Memory => "bytes",
            Self::Net => "bytes/s",
        }
    }

    /// The figures of a frame; those of time need the frame before. `None` for what is not known.
    fn values(self, earlier: Option<&Frame>, later: &Frame) -> [Option<f64>; 2] {
        match self {
            Self::Memory => {
                let memory = later.memory.as_ref();
                let total = memory.and_then(|one| one.total);
                let free = memory.and_then(|one| one.available.or(one.free));
                let used = total.zip(free).map(|(total, free)| total.saturating_sub(free));
                [used, total].map(|bytes| bytes.map(|bytes| bytes as f64))
            }
            Self::Cpu => {
                let Some(earlier) = earlier else { return [None; 2] };
                let used = guest_use(earlier, later);
                [used.busy_percent.map(|percent| percent * used.cpus as f64), used.host_percent]
            }
            Self::Net => {
                let Some(earlier) = earlier else { return [None; 2] };
                let Some(elapsed) = elapsed(earlier, later) else { return [None; 2] };
                let rose = |sum: fn(&Frame) -> Option<[u64; 2]>| {
                    Some(std::array::from_fn(|one| {
                        let (before, after) = (sum(earlier)?, sum(later)?);
                        let pair = before.get(one).zip(after.get(one));
                        let rose = pair.and_then(|(before, after)| after.checked_sub(*before));
                        rose.map(|rose| elapsed.per_second(rose))
                    }))
                };
                rose(transferred).unwrap_or([None; 2])
            }
        }
    }
}

/// Bytes that the interfaces received and sent; `None` if one of them does not tell.
fn transferred(frame: &Frame) -> Option<[u64; 2]> {
    let mut sums = [0_u64; 2];
    let others = frame.interfaces.as_ref()?.iter();
    for interface in others.filter(|one| one.name.as_deref() != Some("lo")) {
        let own = [interface.rx_bytes?, interface.tx_bytes?];
        sums.iter_mut().zip(own).for_each(|(sum, own)| *sum = sum.saturating_add(own));
    }
    Some(sums)
}

/// A figure at a time, nanoseconds since 1970; `None` where nothing is known: a line is broken there.
pub type Point = (u64, Option<f64>);

/// Makes the lines of a subject of frames, the earliest first.
pub struct Series {
    subject: Subject,
    step_ns: u64,
    last: Option<Frame>,
    lines: [Vec<Point>; 2],
}

impl Series {
    /// Lines with a point in so much time at most.
    pub fn new(subject: Subject, step_ns: u64) -> Self {
        Self { subject, step_ns, last: None, lines: [Vec::new(), Vec::new()] }
    }

    /// Adds a frame. Those that lack a section of the subject, or come too soon, are passed over.
    pub fn push(&mut self, frame: Frame) {
        let has = |section: &Section| frame.has(*section);
        let is_soon = |last: &Frame| {
            let since = frame.time_ns.checked_sub(last.time_ns);
            since.is_some_and(|since| since < self.step_ns)
        };
        if !self.subject.sections().iter().all(has) || self.last.as_ref().is_some_and(is_soon) {
            return;
        }
        let values = self.subject.values(self.last.as_ref(), &frame);
        for (line, value) in self.lines.iter_mut().zip(values) {
            line.push((frame.time_ns, value));
        }
        self.last = Some(frame);
    }

    /// The lines, broken where a time was not recorded: `gaps` are the times of the frames before and after each.
    pub fn finish(self, gaps: &[(u64, u64)]) -> [Vec<Point>; 2] {
        self.lines.map(|line| {
            let mut all: Vec<Point> = Vec::with_capacity(line.len());
            for (time, value) in line {
                let last = all.last().map(|(time, _)| *time);
                let is_in = |(from, to): &&(u64, u64)| {
                    last.is_some_and(|last| last <= *from && *to <= time)
                };
                if let Some((from, _)) = gaps.iter().find(is_in) {
                    all.push((*from, None));
                    // A rate over the gap would draw it as if it were known.
                    let is_rate = self.subject != Subject::Memory;
                    all.push((time, value.filter(|_| !is_rate)));
                } else {
                    all.push((time, value));
                }
            }
            all
        })
    }
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Interface, Memory, Os};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn frame(second: u64) -> Frame {
        let interface = |name: &'static str, bytes: u64| Interface {
            name: Some(name.into()),
            rx_bytes: Some(bytes),
            tx_bytes: Some(2 * bytes),
            ..Interface::default()
        };
        let mut frame = Frame {
            time_ns: second * S,
            os: Some(Os { uptime_ns: Some(second * S), boot_time_ns: Some(7), ..Os::default() }),
            memory: Some(Memory { total: Some(100), available: Some(40), ..Memory::default() }),
            interfaces: Some(vec![interface("lo", second * 7), interface("eth0", second * 1000)]),
            ..Frame::default()
        };
        frame.consistency.complete = true;
        frame
    }

    #[test]
    fn gaps_are_no_lines() {
        let gaps = [(3 * S, 60 * S)];
        let lines = |subject: Subject| {
            let mut series = Series::new(subject, S);
            [1, 2, 3, 60, 61].into_iter().for_each(|second| series.push(frame(second)));
            series.finish(&gaps)
        };
        let at = |second: u64, value: Option<f64>| (second * S, value);
        let memory = [1, 2, 3].map(|second| at(second, Some(60.0)));
        let later = [at(3, None), at(60, Some(60.0)), at(61, Some(60.0))];
        assert_eq!(lines(Subject::Memory)[0], [&memory[..], &later[..]].concat());
        let [received, sent] = lines(Subject::Net);
        let rates = [None, Some(1000.0), Some(1000.0), None, None, Some(1000.0)];
        assert_eq!(received.iter().map(|(_, value)| *value).collect::<Vec<_>>(), rates);
        assert_eq!(sent.last(), Some(&at(61, Some(2000.0))));
    }

    #[test]
    fn one_point_in_a_step() {
        let mut series = Series::new(Subject::Memory, 10 * S);
        (0..100).for_each(|second| series.push(frame(second)));
        assert_eq!(series.finish(&[])[1].len(), 10);
    }
}

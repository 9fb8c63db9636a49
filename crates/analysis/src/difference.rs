//! The rows that came, went and stayed between two frames of one guest.

use std::collections::{HashMap, VecDeque};

use nfm_frame::{Connection, Cpu, Frame, Interface, Module, Mount, Process};

use crate::{Boot, Identity, Key, boot};

/// Rows without a whole identity are held against others' until so many comparisons; from there on they are
/// perhaps new and gone without. A guest decides how many such rows there are.
const MOST_COMPARISONS: usize = 1 << 20;

/// The changes from one frame of a guest to a later one.
#[derive(Clone, Debug)]
pub enum Comparison<'a> {
    /// The frames are of two guests.
    OtherGuest,
    /// The guest was started anew or set back in between: nothing of the earlier frame is there any more.
    Restarted,
    /// It ran on: its rows by section.
    Difference(Box<Difference<'a>>),
}

/// The rows of two frames of one guest.
#[derive(Clone, Debug)]
pub struct Difference<'a> {
    /// [`Boot::Same`], or [`Boot::Unknown`] where the frames do not tell.
    pub boot: Boot,
    /// Processes, by id and start time.
    pub processes: RowDifference<'a, Process>,
    /// CPUs, by number.
    pub cpus: RowDifference<'a, Cpu>,
    /// Interfaces, by namespace and index.
    pub interfaces: RowDifference<'a, Interface>,
    /// Sockets.
    pub connections: RowDifference<'a, Connection>,
    /// Mounts, by namespace, source, target and type.
    pub mounts: RowDifference<'a, Mount>,
    /// Modules, by name and address.
    pub modules: RowDifference<'a, Module>,
}

/// The rows of one section in two frames. Each row of a frame is in exactly one of its lists.
#[derive(Clone, Debug, PartialEq)]
pub struct RowDifference<'a, R> {
    /// In the later frame alone.
    pub new: Vec<&'a R>,
    /// In the earlier frame alone.
    pub gone: Vec<&'a R>,
    /// In both: the earlier row and the later one.
    pub stayed: Vec<(&'a R, &'a R)>,
    /// In the later frame alone, and the earlier one does not tell: it lacks the section or part of it, or has a
    /// row that may be the same one.
    pub perhaps_new: Vec<&'a R>,
    /// In the earlier frame alone, and the later one does not tell.
    pub perhaps_gone: Vec<&'a R>,
}

impl<R> RowDifference<'_, R> {
    /// True if the same rows are in both frames.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty()
            && self.gone.is_empty()
            && self.perhaps_new.is_empty()
            && self.perhaps_gone.is_empty()
    }
}

/// Compares a guest's frame with a later one.
pub fn compare<'a>(earlier: &'a Frame, later: &'a Frame) -> Comparison<'a> {
    if !is_same_guest(earlier, later) {
        return Comparison::OtherGuest;
    }
    let boot = boot(earlier, later);
    if boot == Boot::Other {
        return Comparison::Restarted;
    }
    Comparison::Difference(Box::new(Difference {
        boot,
        processes: section_difference(earlier, later, |frame| frame.processes.as_deref()),
        cpus: section_difference(earlier, later, |frame| frame.cpus.as_deref()),
        interfaces: section_difference(earlier, later, |frame| frame.interfaces.as_deref()),
        connections: section_difference(earlier, later, |frame| frame.connections.as_deref()),
        mounts: section_difference(earlier, later, |frame| frame.mounts.as_deref()),
        modules: section_difference(earlier, later, |frame| frame.modules.as_deref()),
    }))
}

/// Are two frames of one guest? By its UUID; by its name where one of them has none.
pub fn is_same_guest(earlier: &Frame, later: &Frame) -> bool {
    let (one, other) = (&earlier.domain, &later.domain);
    match one.uuid.as_ref().zip(other.uuid.as_ref()) {
        Some((one, other)) => one == other,
        None => one.name == other.name,
    }
}

/// The difference of one section of two frames of one boot, the earlier one first; `rows` gives the section of a frame.
pub fn section_difference<'a, R: Identity>(
    earlier: &'a Frame,
    later: &'a Frame,
    rows: impl Fn(&'a Frame) -> Option<&'a [R]>,
) -> RowDifference<'a, R> {
    let side = |frame| (rows(frame).unwrap_or_default(), frame.is_whole(R::SECTION));
    difference_of(side(earlier), side(later))
}

/// The difference of two lists of rows, the earlier one first; each with whether it is whole, so that a row that is
/// not in it was not there.
pub fn difference_of<'a, R: Identity>(
    (earlier, is_earlier_whole): (&'a [R], bool),
    (later, is_later_whole): (&'a [R], bool),
) -> RowDifference<'a, R> {
    let mut before: HashMap<Key, VecDeque<usize>> = HashMap::with_capacity(earlier.len());
    for (index, row) in earlier.iter().enumerate() {
        before.entry(row.key()).or_default().push_back(index);
    }
    let mut has_stayed = vec![false; earlier.len()];
    let mut stayed = Vec::new();
    let mut only_later = Vec::new();
    for row in later {
        let index = before.get_mut(&row.key()).and_then(VecDeque::pop_front);
        let same = index.and_then(|index| earlier.get(index).zip(has_stayed.get_mut(index)));
        match same {
            Some((earlier, has_stayed)) => {
                *has_stayed = true;
                stayed.push((earlier, row));
            }
            None => only_later.push(row),
        }
    }
    let stayed_or_not = earlier.iter().zip(has_stayed);
    let only_earlier = stayed_or_not.filter(|(_, stayed)| !stayed).map(|(row, _)| row).collect();
    let (perhaps_new, new) = unsure(&only_later, &only_earlier, is_earlier_whole);
    let (perhaps_gone, gone) = unsure(&only_earlier, &only_later, is_later_whole);
    RowDifference { new, gone, stayed, perhaps_new, perhaps_gone }
}

/// Splits rows that one frame has alone into those that the other one may have had and those that it had not.
fn unsure<'a, R: Identity>(
    rows: &[&'a R],
    others: &Vec<&R>,
    is_other_whole: bool,
) -> (Vec<&'a R>, Vec<&'a R>) {
    if !is_other_whole {
        return (rows.to_vec(), Vec::new());
    }
    let parts: Vec<Key> =
        others.iter().map(|row| row.key()).filter(|key| !key.is_whole()).collect();
    let all: Vec<Key> = others.iter().map(|row| row.key()).collect();
    let mut left = MOST_COMPARISONS;
    rows.iter().partition(|row| {
        let key = row.key();
        // Two whole identities that differ are two things.
        let candidates = if key.is_whole() { &parts } else { &all };
        left = left.saturating_sub(candidates.len());
        !candidates.is_empty() && (left == 0 || candidates.iter().any(|other| key.may_be(other)))
    })
}

#[cfg(test)]
mod tests {
    use nfm_frame::Text;

    use super::*;

    fn process(pid: u32, start: Option<u64>) -> Process {
        Process { pid, start_time_ns: start, ..Process::default() }
    }

    fn pids(rows: &[&Process]) -> Vec<u32> {
        rows.iter().map(|row| row.pid).collect()
    }

    #[test]
    fn processes_by_id_and_start() {
        let earlier = [process(1, Some(1)), process(2, Some(5)), process(3, Some(6))];
        let later = [process(1, Some(1)), process(2, Some(9)), process(4, Some(8))];
        let whole = difference_of((&earlier, true), (&later, true));
        assert_eq!(pids(&whole.new), [2, 4]);
        assert_eq!(pids(&whole.gone), [2, 3]);
        assert_eq!(whole.stayed, [(&earlier[0], &later[0])]);
        assert!(whole.perhaps_new.is_empty() && whole.perhaps_gone.is_empty());

        let part = difference_of((&earlier, true), (&later, false));
        assert_eq!((pids(&part.gone), pids(&part.perhaps_gone)), (vec![], vec![2, 3]));
        assert_eq!(pids(&part.new), [2, 4]);
        let part = difference_of((&earlier, false), (&later, true));
        assert_eq!((pids(&part.new), pids(&part.perhaps_new)), (vec![], vec![2, 4]));
        assert_eq!(pids(&part.gone), [2, 3]);
    }

    #[test]
    fn a_start_time_that_is_not_known() {
        let (earlier, later) = ([process(5, None), process(6, None)], [process(5, Some(7))]);
        let rows = difference_of((&earlier, true), (&later, true));
        assert_eq!((pids(&rows.perhaps_new), pids(&rows.perhaps_gone)), (vec![5], vec![5]));
        assert_eq!((pids(&rows.new), pids(&rows.gone)), (vec![], vec![6]), "no process 6 at all");
        assert!(difference_of((&earlier, true), (&earlier, true)).is_empty());
    }

    fn connection(inode: u64, remote_port: u16, state: &'static str) -> Connection {
        Connection {
            netns: Some(4),
            protocol: "tcp".into(),
            state: Some(Text::fixed(state)),
            local_address: Some("10.0.0.1".into()),
            local_port: Some(22),
            remote_address: Some("10.0.0.2".into()),
            remote_port: Some(remote_port),
            inode: Some(inode),
            ..Connection::default()
        }
    }

    #[test]
    fn a_connection_outlives_its_socket() {
        let earlier = [connection(77, 5000, "ESTABLISHED"), connection(78, 0, "LISTEN")];
        let later = [connection(0, 5000, "TIME_WAIT"), connection(79, 0, "LISTEN")];
        let rows = difference_of((&earlier, true), (&later, true));
        assert_eq!(rows.stayed, [(&earlier[0], &later[0])]);
        assert_eq!((rows.new, rows.gone), (vec![&later[1]], vec![&earlier[1]]), "another listener");
    }

    #[test]
    fn rows_that_are_alike_are_counted() {
        let mount = Mount {
            mnt_ns: Some(1),
            source: Some("tmpfs".into()),
            target: Some("/mnt".into()),
            filesystem: Some("tmpfs".into()),
            options: None,
        };
        let (three, two) = (vec![mount.clone(); 3], vec![mount; 2]);
        let rows = difference_of((&three, true), (&two, true));
        assert_eq!((rows.stayed.len(), rows.gone.len(), rows.new.len()), (2, 1, 0));
    }

    #[test]
    fn many_rows_without_an_identity_take_no_time() {
        let rows = |index| (0..20_000).map(|pid| process(pid, index)).collect::<Vec<_>>();
        let (earlier, later) = (rows(None), rows(Some(5)));
        let rows = difference_of((&earlier, true), (&later, true));
        assert_eq!(rows.perhaps_gone.len() + rows.gone.len(), 20_000);
    }
}

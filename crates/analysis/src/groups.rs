//! Groups of rows, and sums over them.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use nfm_frame::column::{Column, Kind, Row, Value};
use nfm_frame::{Connection, Process};

use crate::{Elapsed, RowRates, rates};

/// Rows that have something in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Group<'a, K, R> {
    /// The thing; `None` for the rows of which it is not known.
    pub key: K,
    /// The rows, in their order.
    pub rows: Vec<&'a R>,
}

/// Groups rows by what `key` says of each, in the order in which the groups first appear.
pub fn group_by<'a, K: Clone + Eq + Hash, R>(
    rows: impl IntoIterator<Item = &'a R>,
    key: impl Fn(&'a R) -> K,
) -> Vec<Group<'a, K, R>> {
    let mut groups: Vec<Group<K, R>> = Vec::new();
    let mut places: HashMap<K, usize> = HashMap::new();
    for row in rows {
        let key = key(row);
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.rows.push(row),
            None => groups.push(Group { key, rows: vec![row] }),
        }
    }
    groups
}

/// Processes by real user id.
pub fn processes_by_user(processes: &[Process]) -> Vec<Group<'_, Option<u32>, Process>> {
    group_by(processes, |process| process.uid)
}

/// Processes by name (`comm`).
pub fn processes_by_command(processes: &[Process]) -> Vec<Group<'_, Option<&str>, Process>> {
    group_by(processes, |process| process.name.as_deref())
}

/// Processes by control group.
pub fn processes_by_control_group(processes: &[Process]) -> Vec<Group<'_, Option<&str>, Process>> {
    group_by(processes, |process| process.cgroup.as_deref())
}

/// Sockets by protocol and state.
pub fn connections_by_state(
    connections: &[Connection],
) -> Vec<Group<'_, (&str, Option<&str>), Connection>> {
    group_by(connections, |one| (&*one.protocol, one.state.as_deref()))
}

/// Sockets by the process that has them open; `None` for those that none has.
pub fn connections_by_process(
    connections: &[Connection],
) -> Vec<Group<'_, Option<u32>, Connection>> {
    group_by(connections, |one| one.pid)
}

/// One process in the tree of processes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TreeRow<'a> {
    /// The process.
    pub process: &'a Process,
    /// How many of its ancestors are in the tree.
    pub depth: usize,
    /// The number of rows of it and its descendants: this row and the ones right behind it.
    pub subtree: usize,
}

/// Processes by parent: each is followed by its children, in their order, and theirs. A process whose parent is not
/// there, or not known, begins a tree of its own; so does the first of a circle, which only a guest that lies has.
pub fn process_tree<P: Borrow<Process>>(processes: &[P]) -> Vec<TreeRow<'_>> {
    let processes: Vec<&Process> = processes.iter().map(Borrow::borrow).collect();
    let mut first_of: HashMap<u32, usize> = HashMap::with_capacity(processes.len());
    for (index, process) in processes.iter().enumerate() {
        first_of.entry(process.pid).or_insert(index);
    }
    let parent = |index: usize, process: &Process| {
        let parent = process.ppid.and_then(|ppid| first_of.get(&ppid));
        parent.copied().filter(|parent| *parent != index)
    };
    let mut children: Vec<Vec<usize>> = vec![Vec::new(); processes.len()];
    let mut begins = Vec::new();
    for (index, process) in processes.iter().enumerate() {
        match parent(index, process).and_then(|parent| children.get_mut(parent)) {
            Some(children) => children.push(index),
            None => begins.push(index),
        }
    }
    let mut rows: Vec<TreeRow> = Vec::with_capacity(processes.len());
    let mut is_in = vec![false; processes.len()];
    // Those that no tree leads to are in a circle.
    for start in begins.into_iter().chain(0..processes.len()) {
        let mut left = vec![(start, 0)];
        while let Some((index, depth)) = left.pop() {
            let (Some(process), Some(is_in)) = (processes.get(index), is_in.get_mut(index)) else {
                continue;
            };
            if std::mem::replace(is_in, true) {
                continue;
            }
            rows.push(TreeRow { process, depth, subtree: 1 });
            let children = children.get(index).into_iter().flatten().rev();
            left.extend(children.map(|child| (*child, depth.saturating_add(1))));
        }
    }
    count_subtrees(&mut rows);
    rows
}

/// Fills in the numbers of descendants, by the depths.
fn count_subtrees(rows: &mut [TreeRow]) {
    // The row behind the last one of each subtree that is open still, from the deepest row back to the first.
    let mut behind: Vec<(usize, usize)> = Vec::new();
    let end = rows.len();
    for (index, row) in rows.iter_mut().enumerate().rev() {
        while behind.last().is_some_and(|(depth, _)| *depth > row.depth) {
            behind.pop();
        }
        let next = behind.last().map_or(end, |(_, next)| *next);
        row.subtree = next.saturating_sub(index);
        if behind.last().is_some_and(|(depth, _)| *depth == row.depth) {
            behind.pop();
        }
        behind.push((row.depth, index));
    }
}

/// The sum of a column over rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sum {
    /// The sum of the values that are known.
    pub total: i128,
    /// How many rows do not tell theirs.
    pub unknown: usize,
}

/// The sum of a column over rows, in the column's unit; `None` if they have no such column, or one whose values are
/// not whole numbers to be summed (labels). Memory that processes share counts once for each.
pub fn sum<'a, R: Row + 'a>(rows: impl IntoIterator<Item = &'a R>, column: &str) -> Option<Sum> {
    let place = R::COLUMNS.iter().position(|one| one.name == column && one.kind != Kind::Label)?;
    let mut sum = Sum { total: 0, unknown: 0 };
    for row in rows {
        let value = match row.values().get(place)? {
            Value::Unsigned(value) => i128::from(*value),
            Value::Signed(value) => i128::from(*value),
            Value::Null => {
                sum.unknown = sum.unknown.saturating_add(1);
                continue;
            }
            _ => return None,
        };
        sum.total = sum.total.saturating_add(value);
    }
    Some(sum)
}

/// The sum of a counter's rates over rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSum {
    /// The counter's column.
    pub column: &'static Column,
    /// The sum of the rates that are known, in the column's unit per second.
    pub per_second: f64,
    /// How many rows have none: it is not known, went back, or the row began anew.
    pub unknown: usize,
}

/// The sums of all counters' rates over rows that stayed, each as the earlier frame and the later one have it.
pub fn sum_of_rates<'a, R: Row + 'a>(
    stayed: impl IntoIterator<Item = (&'a R, &'a R)>,
    elapsed: Elapsed,
) -> Vec<RateSum> {
    let counters = R::COLUMNS.iter().filter(|column| column.kind == Kind::Counter);
    let mut sums: Vec<RateSum> =
        counters.map(|column| RateSum { column, per_second: 0.0, unknown: 0 }).collect();
    for (earlier, later) in stayed {
        let rates = match rates(earlier, later, elapsed) {
            RowRates::Counted(rates) => rates.into_iter().map(|rate| rate.per_second).collect(),
            RowRates::Reset => vec![None; sums.len()],
        };
        for (sum, rate) in sums.iter_mut().zip(rates) {
            match rate {
                Some(rate) => sum.per_second += rate,
                None => sum.unknown = sum.unknown.saturating_add(1),
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Clock;

    fn process(pid: u32, ppid: u32, uid: u32) -> Process {
        Process {
            pid,
            ppid: Some(ppid),
            uid: (uid != 9).then_some(uid),
            rss_bytes: (uid != 9).then_some(u64::from(pid) * 4096),
            user_ns: Some(u64::from(pid) * 1000),
            ..Process::default()
        }
    }

    #[test]
    fn groups_and_sums() {
        let processes = [process(1, 0, 0), process(2, 0, 7), process(3, 1, 0), process(4, 3, 9)];
        let groups = processes_by_user(&processes);
        let keys: Vec<_> = groups.iter().map(|group| (group.key, group.rows.len())).collect();
        assert_eq!(keys, [(Some(0), 2), (Some(7), 1), (None, 1)]);
        let rss = |rows: &[&Process]| sum(rows.iter().copied(), "rss_bytes");
        assert_eq!(rss(&groups[0].rows), Some(Sum { total: 4 * 4096, unknown: 0 }));
        assert_eq!(rss(&groups[2].rows), Some(Sum { total: 0, unknown: 1 }));
        assert_eq!(sum(&processes, "uid"), None, "a label");
        assert_eq!(sum(&processes, "name"), None);
        assert_eq!(sum(&processes, "weight"), None);
    }

    #[test]
    fn sums_of_rates() {
        let earlier = [process(1, 0, 0), process(2, 0, 7), process(3, 1, 0)];
        let mut later = earlier.clone();
        later[0].user_ns = Some(3000);
        later[1].user_ns = Some(0);
        let elapsed = Elapsed { ns: 500_000_000, clock: Clock::Host };
        let sums = sum_of_rates(earlier.iter().zip(&later), elapsed);
        let told: Vec<_> =
            sums.iter().map(|sum| (sum.column.name, sum.per_second, sum.unknown)).collect();
        assert_eq!(told, [("user_ns", 4000.0, 1), ("system_ns", 0.0, 3)]);
    }

    #[test]
    fn connections() {
        let one = |state: &'static str, pid| Connection {
            protocol: "tcp".into(),
            state: Some(state.into()),
            pid,
            ..Connection::default()
        };
        let all = [one("LISTEN", Some(1)), one("TIME_WAIT", None), one("LISTEN", Some(2))];
        let by_state = connections_by_state(&all);
        assert_eq!(by_state[0].key, ("tcp", Some("LISTEN")));
        assert_eq!(by_state[0].rows.len(), 2);
        let by_process = connections_by_process(&all);
        let keys: Vec<_> = by_process.iter().map(|group| group.key).collect();
        assert_eq!(keys, [Some(1), None, Some(2)]);
    }

    fn tree(processes: &[(u32, u32)]) -> Vec<(u32, usize, usize)> {
        let processes: Vec<_> =
            processes.iter().map(|(pid, ppid)| process(*pid, *ppid, 0)).collect();
        let rows = process_tree(&processes);
        rows.iter().map(|row| (row.process.pid, row.depth, row.subtree)).collect()
    }

    #[test]
    fn a_tree_by_parent() {
        let rows = tree(&[(1, 0), (2, 0), (3, 2), (4, 1), (5, 4), (6, 1), (7, 5)]);
        assert_eq!(
            rows,
            [(1, 0, 5), (4, 1, 3), (5, 2, 2), (7, 3, 1), (6, 1, 1), (2, 0, 2), (3, 1, 1)]
        );
        // An orphan, a circle, a process that is its own parent, two of one id.
        assert_eq!(tree(&[(8, 99)]), [(8, 0, 1)]);
        assert_eq!(tree(&[(1, 2), (2, 1), (3, 1)]), [(1, 0, 3), (2, 1, 1), (3, 1, 1)]);
        assert_eq!(tree(&[(4, 4)]), [(4, 0, 1)]);
        assert_eq!(tree(&[(4, 0), (4, 0), (5, 4)]), [(4, 0, 2), (5, 1, 1), (4, 0, 1)]);
        assert_eq!(tree(&[]), []);
    }
}

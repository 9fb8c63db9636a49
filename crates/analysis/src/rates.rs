//! Rates of counters.

use nfm_frame::column::{Column, Kind, Row, Unit, Value};

use crate::Elapsed;

/// A counter of at least so much that went on shows that its row did not begin anew: it would have had to count all
/// of its past once more within the time between two frames.
const LARGE: u64 = 1 << 16;

/// The counters of one row between two frames.
#[derive(Clone, Debug, PartialEq)]
pub enum RowRates {
    /// One for each column of kind [`Kind::Counter`], in the order of the columns.
    Counted(Vec<Rate>),
    /// The row's counters began anew in between: the difference says nothing.
    Reset,
}

/// One counter between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// The counter's column.
    pub column: &'static Column,
    /// Its change.
    pub change: Change,
    /// By how much it rose in one second, in the column's unit: nanoseconds of CPU time per second, bytes per
    /// second. Not negative, finite; `None` where the change is not known.
    pub per_second: Option<f64>,
}

/// The change of a counter between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It rose by so much.
    Rose(u64),
    /// It rose by so much and went past the greatest number of 32 bits.
    Wrapped(u64),
    /// It went back, and the row did not begin anew: such a step says nothing. Times of CPUs do so now and then
    /// (proc(5) on `iowait`).
    WentBack,
    /// One of the frames does not tell it.
    Unknown,
}

impl Change {
    /// By how much it rose, where that is known.
    pub fn increase(self) -> Option<u64> {
        match self {
            Self::Rose(by) | Self::Wrapped(by) => Some(by),
            Self::WentBack | Self::Unknown => None,
        }
    }
}

/// The rates of a row's counters between two frames that are `elapsed` apart, from their [`changes`].
pub fn rates<R: Row>(earlier: &R, later: &R, elapsed: Elapsed) -> RowRates {
    let Some(changes) = changes(earlier, later) else { return RowRates::Reset };
    let rate = |(column, change): (&'static Column, Change)| {
        let per_second = change.increase().map(|by| elapsed.per_second(by));
        Rate { column, change, per_second }
    };
    RowRates::Counted(changes.into_iter().map(rate).collect())
}

/// The changes of a row's counters between two frames: one for each column of kind [`Kind::Counter`], in the order of
/// the columns. `None` where they began anew in between.
///
/// A counter that goes back means that its row began anew, unless another counter of the row
/// shows that it did not, by having been at least 65,536 and going on by no more than that. Then the counter that
/// went back wrapped at 32 bits, if it can have: it is a count or of bytes, was below 2^32, and is less than 2^31
/// ahead of its old value by that. The counters of Linux that nfm shows have 64 bits; those of some network cards
/// have 32.
pub fn changes<R: Row>(earlier: &R, later: &R) -> Option<Vec<(&'static Column, Change)>> {
    let (before, after) = (earlier.values(), later.values());
    let counters = R::COLUMNS.iter().zip(before.iter().zip(&after));
    let counters: Vec<(&'static Column, Option<(u64, u64)>)> = counters
        .filter(|(column, _)| column.kind == Kind::Counter)
        .map(|(column, values)| (column, numbers(values)))
        .collect();
    let known = || counters.iter().filter_map(|(_, numbers)| *numbers);
    let goes_back = known().any(|(before, after)| after < before);
    let goes_on = |(before, after): (u64, u64)| {
        before >= LARGE && after >= before && after <= before.saturating_mul(2)
    };
    if goes_back && !known().any(goes_on) {
        return None;
    }
    let change = |(column, numbers): (&'static Column, Option<(u64, u64)>)| {
        (column, numbers.map_or(Change::Unknown, |numbers| change(column, numbers)))
    };
    Some(counters.into_iter().map(change).collect())
}

/// The change of a counter of a row that did not begin anew.
fn change(column: &Column, (before, after): (u64, u64)) -> Change {
    if let Some(by) = after.checked_sub(before) {
        return Change::Rose(by);
    }
    let by = u32::try_from(before).ok().zip(u32::try_from(after).ok());
    let by = by.map(|(before, after)| after.wrapping_sub(before));
    match by {
        Some(by) if column.unit != Unit::Nanoseconds && by < 1 << 31 => Change::Wrapped(by.into()),
        _ => Change::WentBack,
    }
}

fn numbers(values: (&Value, &Value)) -> Option<(u64, u64)> {
    match values {
        (Value::Unsigned(before), Value::Unsigned(after)) => Some((*before, *after)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Cpu, Interface};

    use super::*;
    use crate::Clock;

    const TWO_SECONDS: Elapsed = Elapsed { ns: 2_000_000_000, clock: Clock::Guest };

    fn interface(rx_bytes: u64, rx_packets: u64, rx_errors: u64) -> Interface {
        Interface {
            rx_bytes: Some(rx_bytes),
            rx_packets: Some(rx_packets),
            rx_errors: Some(rx_errors),
            mtu: Some(1500),
            ..Interface::default()
        }
    }

    fn of(name: &str, earlier: &Interface, later: &Interface) -> Option<Rate> {
        match rates(earlier, later, TWO_SECONDS) {
            RowRates::Counted(rates) => rates.into_iter().find(|rate| rate.column.name == name),
            RowRates::Reset => None,
        }
    }

    #[test]
    fn every_counter_and_nothing_else() {
        let (earlier, later) = (interface(1000, 10, 0), interface(4000, 12, 0));
        let RowRates::Counted(all) = rates(&earlier, &later, TWO_SECONDS) else {
            panic!("a reset")
        };
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|rate| rate.column.kind == Kind::Counter));
        let rate = of("rx_bytes", &earlier, &later).unwrap();
        assert_eq!((rate.change, rate.per_second), (Change::Rose(3000), Some(1500.0)));
        let rate = of("rx_errors", &earlier, &later).unwrap();
        assert_eq!((rate.change, rate.per_second), (Change::Rose(0), Some(0.0)));
        let rate = of("tx_bytes", &earlier, &later).unwrap();
        assert_eq!((rate.change, rate.per_second), (Change::Unknown, None));
    }

    #[test]
    fn a_row_that_began_anew() {
        let earlier = interface(3_000_000_000, 2_000_000, 1);
        assert_eq!(rates(&earlier, &interface(1000, 10, 2), TWO_SECONDS), RowRates::Reset);
        // The same with a counter that has passed its small past: no proof that the row goes on.
        assert_eq!(rates(&earlier, &interface(1000, 10, 1), TWO_SECONDS), RowRates::Reset);
        // A busy one that passed its past many times over.
        let small = interface(3_000_000_000, 70_000, 0);
        assert_eq!(rates(&small, &interface(1000, 900_000, 0), TWO_SECONDS), RowRates::Reset);
    }

    #[test]
    fn a_wrap_at_32_bits() {
        let earlier = interface(u64::from(u32::MAX) - 999, 2_000_000, 0);
        let rate = of("rx_bytes", &earlier, &interface(1000, 2_000_002, 0)).unwrap();
        assert_eq!((rate.change, rate.per_second), (Change::Wrapped(2000), Some(1000.0)));
        // More than half of the circle, or a counter that has more bits: no wrap.
        for (before, after) in [(2_000_000_000, 1000), (1 << 33, 1000)] {
            let earlier = interface(before, 2_000_000, 0);
            let rate = of("rx_bytes", &earlier, &interface(after, 2_000_002, 0)).unwrap();
            assert_eq!((rate.change, rate.per_second), (Change::WentBack, None));
        }
    }

    #[test]
    fn times_do_not_wrap() {
        let cpu =
            |idle, iowait| Cpu { idle_ns: Some(idle), iowait_ns: Some(iowait), ..Cpu::default() };
        let earlier = cpu(1_000_000_000, u64::from(u32::MAX));
        let RowRates::Counted(rates) = rates(&earlier, &cpu(1_500_000_000, 5), TWO_SECONDS) else {
            panic!("a reset");
        };
        let changes: Vec<Change> = rates.iter().map(|rate| rate.change).collect();
        assert!(
            changes.contains(&Change::WentBack) && changes.contains(&Change::Rose(500_000_000))
        );
        assert!(changes.iter().all(|change| !matches!(change, Change::Wrapped(_))));
    }
}

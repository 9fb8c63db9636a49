//! The difference of two frames of one guest.

use std::ffi::c_int;
use std::ptr;
use std::slice;
use std::sync::{Arc, OnceLock};

use nfm_analysis::{
    Boot, Change, CpuUse, Identity, ProcessUse, RowDifference, boot, changes, cpu_use, elapsed,
    is_same_guest, process_use, section_difference,
};

use nfm_frame::column::Column;

use super::error::nfm_error_t;
use super::frame::{SharedFrame, nfm_frame_t};
use super::rows::connections::nfm_connection_t;
use super::rows::cpus::nfm_cpu_t;
use super::rows::interfaces::nfm_interface_t;
use super::rows::processes::nfm_process_t;
use super::rows::{Fill, Lazy, Row, Rows, hand_out, hand_out_one};
use super::{ffi, free};
use crate::frame::{Frame, Interface};

/// The difference of two frames of one guest. It never changes, and all that its functions return belongs to it: any
/// number of threads may read it at the same time, until nfm_diff_free(). It keeps what it needs of the frames, which
/// may be freed before it.
pub struct nfm_diff_t {
    earlier: Arc<SharedFrame>,
    later: Arc<SharedFrame>,
    boot: Boot,
    info: Lazy<nfm_diff_info_t>,
    processes: Made<nfm_process_diff_t>,
    cpus: Made<nfm_cpu_diff_t>,
    interfaces: Made<nfm_interface_diff_t>,
    connections: Made<nfm_connection_diff_t>,
}

/// Rows of a section that are made when they are first asked for; `None` where a frame does not hold the section.
type Made<T> = OnceLock<Option<Rows<T>>>;

const _: () = {
    const fn many_threads_read<T: Send + Sync>() {}
    many_threads_read::<nfm_diff_t>();
};

/// The answer to whether two frames are of one boot of the guest, as an int.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_boot_t {
    /// They are.
    NFM_BOOT_SAME = 1,
    /// The guest was started anew in between, or set back to a snapshot: all of the later frame is new, and all of the
    /// earlier one gone.
    NFM_BOOT_OTHER = 2,
    /// The frames do not tell; their rows are compared as of one boot.
    NFM_BOOT_UNKNOWN = 3,
}

/// The fate of a row between two frames, as an int. A row that a frame lacks which is not whole is none that was not
/// there.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_change_t {
    /// It is in the later frame alone.
    NFM_CHANGE_NEW = 1,
    /// It is in the earlier frame alone.
    NFM_CHANGE_GONE = 2,
    /// It is in both.
    NFM_CHANGE_STAYED = 3,
    /// It is in the later frame alone, and the earlier one does not tell: it is not whole, or has a row that may be the
    /// same one.
    NFM_CHANGE_PERHAPS_NEW = 4,
    /// It is in the earlier frame alone, and the later one does not tell.
    NFM_CHANGE_PERHAPS_GONE = 5,
}

/// Bit of nfm_diff_info_t.known: elapsed_ns.
pub const NFM_DIFF_INFO_ELAPSED_NS: u64 = 1u64 << 0;

/// The head of a difference.
#[repr(C)]
pub struct nfm_diff_info_t {
    /// Which members are known, NFM_DIFF_INFO_... combined; boot always is.
    pub known: u64,
    /// The time that passed for the guest between the frames, nanoseconds, never 0: by its own boot clock where the
    /// frames tell it (NFM_SECTION_OS), else by the host's. A figure of the difference divided by it is a rate.
    pub elapsed_ns: u64,
    /// Are they of one boot? One of nfm_boot_t.
    pub boot: u32,
    /// Zero.
    pub reserved: u32,
}

impl Row for nfm_diff_info_t {
    type Item = (Option<u64>, Boot);

    fn of((elapsed_ns, boot): &Self::Item, fill: &mut Fill) -> Self {
        let boot = match boot {
            Boot::Same => nfm_boot_t::NFM_BOOT_SAME,
            Boot::Other => nfm_boot_t::NFM_BOOT_OTHER,
            Boot::Unknown => nfm_boot_t::NFM_BOOT_UNKNOWN,
        };
        Self {
            elapsed_ns: fill.value(NFM_DIFF_INFO_ELAPSED_NS, *elapsed_ns),
            boot: boot as u32,
            reserved: 0,
            known: fill.known(),
        }
    }
}

/// Bit of nfm_process_diff_t.known: earlier.
pub const NFM_PROCESS_DIFF_EARLIER: u64 = 1u64 << 0;
/// Bit of nfm_process_diff_t.known: later.
pub const NFM_PROCESS_DIFF_LATER: u64 = 1u64 << 1;
/// Bit of nfm_process_diff_t.known: cpu_ns.
pub const NFM_PROCESS_DIFF_CPU_NS: u64 = 1u64 << 2;
/// Bit of nfm_process_diff_t.known: cpu_percent.
pub const NFM_PROCESS_DIFF_CPU_PERCENT: u64 = 1u64 << 3;

/// One process in two frames: it is the same where its id and its start time are.
#[repr(C)]
pub struct nfm_process_diff_t {
    /// Which members are known, NFM_PROCESS_DIFF_... combined; change always is.
    pub known: u64,
    /// Its row of the earlier frame; NULL where that has none.
    pub earlier: *const nfm_process_t,
    /// Its row of the later frame; NULL where that has none.
    pub later: *const nfm_process_t,
    /// CPU time that it used in between, user and system, nanoseconds; of a new one that since its start. Not known of
    /// one that is gone.
    pub cpu_ns: u64,
    /// The same as a share of one CPU, percent: a process of several threads may have more than 100.
    pub cpu_percent: f64,
    /// Its fate, one of nfm_change_t.
    pub change: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bit of nfm_cpu_diff_t.known: earlier.
pub const NFM_CPU_DIFF_EARLIER: u64 = 1u64 << 0;
/// Bit of nfm_cpu_diff_t.known: later.
pub const NFM_CPU_DIFF_LATER: u64 = 1u64 << 1;
/// Bit of nfm_cpu_diff_t.known: busy_ns.
pub const NFM_CPU_DIFF_BUSY_NS: u64 = 1u64 << 2;
/// Bit of nfm_cpu_diff_t.known: idle_ns.
pub const NFM_CPU_DIFF_IDLE_NS: u64 = 1u64 << 3;
/// Bit of nfm_cpu_diff_t.known: steal_ns.
pub const NFM_CPU_DIFF_STEAL_NS: u64 = 1u64 << 4;
/// Bit of nfm_cpu_diff_t.known: busy_percent.
pub const NFM_CPU_DIFF_BUSY_PERCENT: u64 = 1u64 << 5;

/// One of the guest's CPUs in two frames.
#[repr(C)]
pub struct nfm_cpu_diff_t {
    /// Which members are known, NFM_CPU_DIFF_... combined; change always is. There are no times after a restart, nor
    /// of a CPU that is in one frame alone.
    pub known: u64,
    /// Its row of the earlier frame; NULL where that has none.
    pub earlier: *const nfm_cpu_t,
    /// Its row of the later frame; NULL where that has none.
    pub later: *const nfm_cpu_t,
    /// Time at work in between, nanoseconds: user, nice, system, interrupts.
    pub busy_ns: u64,
    /// Time without work in between, nanoseconds: idle and waiting for input or output.
    pub idle_ns: u64,
    /// Time in between that it wanted to run and the hypervisor gave to others, nanoseconds; part of neither.
    pub steal_ns: u64,
    /// Time at work as a share of all three, percent, 0 to 100.
    pub busy_percent: f64,
    /// Its fate, one of nfm_change_t.
    pub change: u32,
    /// Zero.
    pub reserved: u32,
}

/// Bit of nfm_interface_diff_t.known: earlier.
pub const NFM_INTERFACE_DIFF_EARLIER: u64 = 1u64 << 0;
/// Bit of nfm_interface_diff_t.known: later.
pub const NFM_INTERFACE_DIFF_LATER: u64 = 1u64 << 1;
/// Bit of nfm_interface_diff_t.known: rx_bytes.
pub const NFM_INTERFACE_DIFF_RX_BYTES: u64 = 1u64 << 2;
/// Bit of nfm_interface_diff_t.known: rx_packets.
pub const NFM_INTERFACE_DIFF_RX_PACKETS: u64 = 1u64 << 3;
/// Bit of nfm_interface_diff_t.known: rx_errors.
pub const NFM_INTERFACE_DIFF_RX_ERRORS: u64 = 1u64 << 4;
/// Bit of nfm_interface_diff_t.known: rx_dropped.
pub const NFM_INTERFACE_DIFF_RX_DROPPED: u64 = 1u64 << 5;
/// Bit of nfm_interface_diff_t.known: tx_bytes.
pub const NFM_INTERFACE_DIFF_TX_BYTES: u64 = 1u64 << 6;
/// Bit of nfm_interface_diff_t.known: tx_packets.
pub const NFM_INTERFACE_DIFF_TX_PACKETS: u64 = 1u64 << 7;
/// Bit of nfm_interface_diff_t.known: tx_errors.
pub const NFM_INTERFACE_DIFF_TX_ERRORS: u64 = 1u64 << 8;
/// Bit of nfm_interface_diff_t.known: tx_dropped.
pub const NFM_INTERFACE_DIFF_TX_DROPPED: u64 = 1u64 << 9;

/// One network interface in two frames: it is the same where its namespace and its index are. Its counters are those in
/// between, also where one of 32 bits wrapped; none is known where they began anew (restarted).
#[repr(C)]
pub struct nfm_interface_diff_t {
    /// Which members are known, NFM_INTERFACE_DIFF_... combined; change and restarted always are.
    pub known: u64,
    /// Its row of the earlier frame; NULL where that has none.
    pub earlier: *const nfm_interface_t,
    /// Its row of the later frame; NULL where that has none.
    pub later: *const nfm_interface_t,
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Bad packets received.
    pub rx_errors: u64,
    /// Packets received and dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Failed sendings.
    pub tx_errors: u64,
    /// Packets dropped on the way out.
    pub tx_dropped: u64,
    /// Its fate, one of nfm_change_t.
    pub change: u32,
    /// 1 if it is in both frames and its counters began anew in between, else 0.
    pub restarted: u32,
}

/// Bit of nfm_connection_diff_t.known: earlier.
pub const NFM_CONNECTION_DIFF_EARLIER: u64 = 1u64 << 0;
/// Bit of nfm_connection_diff_t.known: later.
pub const NFM_CONNECTION_DIFF_LATER: u64 = 1u64 << 1;

/// One socket in two frames: a connection is the same where its namespace, protocol and both ends are, any other socket
/// where its inode is.
#[repr(C)]
pub struct nfm_connection_diff_t {
    /// Which members are known, NFM_CONNECTION_DIFF_... combined; change always is.
    pub known: u64,
    /// Its row of the earlier frame; NULL where that has none.
    pub earlier: *const nfm_connection_t,
    /// Its row of the later frame; NULL where that has none.
    pub later: *const nfm_connection_t,
    /// Its fate, one of nfm_change_t.
    pub change: u32,
    /// Zero.
    pub reserved: u32,
}

/// A row in two frames, by its places there.
#[derive(Clone, Copy)]
struct Pair {
    earlier: Option<usize>,
    later: Option<usize>,
    change: nfm_change_t,
}

/// The rows of a section in two frames: those of the later one in its order, then those of the earlier one alone.
fn pairs<R: Identity>(
    diff: &nfm_diff_t,
    rows: impl Fn(&Frame) -> Option<&[R]> + Copy,
) -> Option<Vec<Pair>> {
    let (earlier, later) = (rows(&diff.earlier.frame)?, rows(&diff.later.frame)?);
    let RowDifference { new, gone, stayed, perhaps_new, perhaps_gone } = match diff.boot {
        Boot::Other => RowDifference {
            new: later.iter().collect(),
            gone: earlier.iter().collect(),
            stayed: Vec::new(),
            perhaps_new: Vec::new(),
            perhaps_gone: Vec::new(),
        },
        Boot::Same | Boot::Unknown => {
            section_difference(&diff.earlier.frame, &diff.later.frame, rows)
        }
    };
    use nfm_change_t::*;
    let of_later = |row, change| Pair { earlier: None, later: place(later, row), change };
    let of_earlier = |row, change| Pair { earlier: place(earlier, row), later: None, change };
    let mut pairs: Vec<Pair> = stayed
        .iter()
        .map(|(before, row)| Pair {
            earlier: place(earlier, before),
            ..of_later(row, NFM_CHANGE_STAYED)
        })
        .chain(new.iter().map(|row| of_later(row, NFM_CHANGE_NEW)))
        .chain(perhaps_new.iter().map(|row| of_later(row, NFM_CHANGE_PERHAPS_NEW)))
        .collect();
    pairs.sort_by_key(|pair| pair.later);
    let left = pairs.len();
    pairs.extend(gone.iter().map(|row| of_earlier(row, NFM_CHANGE_GONE)));
    pairs.extend(perhaps_gone.iter().map(|row| of_earlier(row, NFM_CHANGE_PERHAPS_GONE)));
    if let Some(gone) = pairs.get_mut(left..) {
        gone.sort_by_key(|pair| pair.earlier);
    }
    Some(pairs)
}

/// The place of a row in the list that it is part of.
fn place<R>(list: &[R], row: &R) -> Option<usize> {
    let bytes = ptr::from_ref(row).addr().checked_sub(list.as_ptr().addr())?;
    bytes.checked_div(size_of::<R>()).filter(|place| *place < list.len())
}

/// The rows of C to which a pair leads; NULL for none.
fn ends<T>(pair: Pair, earlier: Option<&Rows<T>>, later: Option<&Rows<T>>) -> [*const T; 2] {
    let end = |rows: Option<&Rows<T>>, place: Option<usize>| {
        rows.zip(place).and_then(|(rows, place)| rows.at(place)).unwrap_or(ptr::null())
    };
    [end(earlier, pair.earlier), end(later, pair.later)]
}

/// A pair of rows of C, and the figures of it.
pub struct DiffItem<T, F> {
    ends: [*const T; 2],
    change: nfm_change_t,
    figures: F,
}

/// The use of the CPU by a process: nanoseconds, and percent of one CPU.
type CpuFigures = (Option<u64>, Option<f64>);

impl Row for nfm_process_diff_t {
    type Item = DiffItem<nfm_process_t, CpuFigures>;

    fn of(item: &Self::Item, fill: &mut Fill) -> Self {
        let ([earlier, later], (cpu_ns, cpu_percent)) = (item.ends, item.figures);
        Self {
            earlier: fill.pointer(NFM_PROCESS_DIFF_EARLIER, earlier),
            later: fill.pointer(NFM_PROCESS_DIFF_LATER, later),
            cpu_ns: fill.value(NFM_PROCESS_DIFF_CPU_NS, cpu_ns),
            cpu_percent: fill.value(NFM_PROCESS_DIFF_CPU_PERCENT, cpu_percent),
            change: item.change as u32,
            reserved: 0,
            known: fill.known(),
        }
    }
}

/// The times of a CPU: busy, idle, stolen, and the percentage at work.
type CpuTimes = ([Option<u64>; 3], Option<f64>);

impl Row for nfm_cpu_diff_t {
    type Item = DiffItem<nfm_cpu_t, CpuTimes>;

    fn of(item: &Self::Item, fill: &mut Fill) -> Self {
        let ([earlier, later], ([busy_ns, idle_ns, steal_ns], busy_percent)) =
            (item.ends, item.figures);
        Self {
            earlier: fill.pointer(NFM_CPU_DIFF_EARLIER, earlier),
            later: fill.pointer(NFM_CPU_DIFF_LATER, later),
            busy_ns: fill.value(NFM_CPU_DIFF_BUSY_NS, busy_ns),
            idle_ns: fill.value(NFM_CPU_DIFF_IDLE_NS, idle_ns),
            steal_ns: fill.value(NFM_CPU_DIFF_STEAL_NS, steal_ns),
            busy_percent: fill.value(NFM_CPU_DIFF_BUSY_PERCENT, busy_percent),
            change: item.change as u32,
            reserved: 0,
            known: fill.known(),
        }
    }
}

/// The counters of an interface between two frames.
#[derive(Default)]
pub struct Traffic {
    /// By how much each rose, by its column's name.
    rose: Vec<(&'static str, Option<u64>)>,
    restarted: bool,
}

impl Traffic {
    fn between(earlier: &Interface, later: &Interface) -> Self {
        match changes(earlier, later) {
            None => Self { rose: Vec::new(), restarted: true },
            Some(changes) => {
                let rose =
                    |(column, change): (&'static Column, Change)| (column.name, change.increase());
                Self { rose: changes.into_iter().map(rose).collect(), restarted: false }
            }
        }
    }

    fn of(&self, name: &str) -> Option<u64> {
        self.rose.iter().find(|(column, _)| *column == name).and_then(|(_, rose)| *rose)
    }
}

impl Row for nfm_interface_diff_t {
    type Item = DiffItem<nfm_interface_t, Traffic>;

    fn of(item: &Self::Item, fill: &mut Fill) -> Self {
        let ([earlier, later], rose) = (item.ends, |name| item.figures.of(name));
        Self {
            earlier: fill.pointer(NFM_INTERFACE_DIFF_EARLIER, earlier),
            later: fill.pointer(NFM_INTERFACE_DIFF_LATER, later),
            rx_bytes: fill.value(NFM_INTERFACE_DIFF_RX_BYTES, rose("rx_bytes")),
            rx_packets: fill.value(NFM_INTERFACE_DIFF_RX_PACKETS, rose("rx_packets")),
            rx_errors: fill.value(NFM_INTERFACE_DIFF_RX_ERRORS, rose("rx_errors")),
            rx_dropped: fill.value(NFM_INTERFACE_DIFF_RX_DROPPED, rose("rx_dropped")),
            tx_bytes: fill.value(NFM_INTERFACE_DIFF_TX_BYTES, rose("tx_bytes")),
            tx_packets: fill.value(NFM_INTERFACE_DIFF_TX_PACKETS, rose("tx_packets")),
            tx_errors: fill.value(NFM_INTERFACE_DIFF_TX_ERRORS, rose("tx_errors")),
            tx_dropped: fill.value(NFM_INTERFACE_DIFF_TX_DROPPED, rose("tx_dropped")),
            change: item.change as u32,
            restarted: u32::from(item.figures.restarted),
            known: fill.known(),
        }
    }
}

impl Row for nfm_connection_diff_t {
    type Item = DiffItem<nfm_connection_t, ()>;

    fn of(item: &Self::Item, fill: &mut Fill) -> Self {
        let [earlier, later] = item.ends;
        Self {
            earlier: fill.pointer(NFM_CONNECTION_DIFF_EARLIER, earlier),
            later: fill.pointer(NFM_CONNECTION_DIFF_LATER, later),
            change: item.change as u32,
            reserved: 0,
            known: fill.known(),
        }
    }
}

impl nfm_diff_t {
    fn of(earlier: &nfm_frame_t, later: &nfm_frame_t) -> Result<Self, nfm_error_t> {
        if !is_same_guest(&earlier.frame, &later.frame) {
            return Err(nfm_error_t::invalid("the frames are of two guests"));
        }
        Ok(Self {
            boot: boot(&earlier.frame, &later.frame),
            earlier: Arc::clone(earlier.shared()),
            later: Arc::clone(later.shared()),
            info: Lazy::default(),
            processes: OnceLock::new(),
            cpus: OnceLock::new(),
            interfaces: OnceLock::new(),
            connections: OnceLock::new(),
        })
    }

    /// The rows of C of one section's pairs; `figures` tells those of the earlier and the later row.
    fn rows<R: Identity, C, D, F>(
        &self,
        section: impl Fn(&Frame) -> Option<&[R]> + Copy,
        figures: impl Fn(Pair, Option<(&R, &R)>) -> F,
    ) -> Option<Rows<D>>
    where
        C: Row<Item = R>,
        D: Row<Item = DiffItem<C, F>>,
    {
        let (earlier, later) = (section(&self.earlier.frame)?, section(&self.later.frame)?);
        let rows_earlier = self.earlier.rows.of::<C>(Some(earlier));
        let rows_later = self.later.rows.of::<C>(Some(later));
        let item = |pair: Pair| {
            let before = pair.earlier.and_then(|place| earlier.get(place));
            let after = pair.later.and_then(|place| later.get(place));
            let figures = figures(pair, before.zip(after));
            DiffItem { ends: ends(pair, rows_earlier, rows_later), change: pair.change, figures }
        };
        let items: Vec<DiffItem<C, F>> = pairs(self, section)?.into_iter().map(item).collect();
        Some(Rows::new(&items))
    }

    fn processes(&self) -> Option<&Rows<nfm_process_diff_t>> {
        let made = self.processes.get_or_init(|| {
            let used = process_use(&self.earlier.frame, &self.later.frame);
            let figures = |used: &ProcessUse| (used.cpu_ns, used.cpu_percent);
            self.rows(
                |frame| frame.processes.as_deref(),
                |pair, _| {
                    pair.later.and_then(|place| used.get(place)).map_or((None, None), figures)
                },
            )
        });
        made.as_ref()
    }

    fn cpus(&self) -> Option<&Rows<nfm_cpu_diff_t>> {
        let made = self.cpus.get_or_init(|| {
            let used = cpu_use(&self.earlier.frame, &self.later.frame);
            let figures =
                |used: &CpuUse| ([used.busy_ns, used.idle_ns, used.steal_ns], used.busy_percent);
            self.rows(
                |frame| frame.cpus.as_deref(),
                |pair, _| {
                    pair.later.and_then(|place| used.get(place)).map_or(([None; 3], None), figures)
                },
            )
        });
        made.as_ref()
    }

    fn interfaces(&self) -> Option<&Rows<nfm_interface_diff_t>> {
        let made = self.interfaces.get_or_init(|| {
            self.rows(
                |frame| frame.interfaces.as_deref(),
                |_, both| {
                    both.map(|(earlier, later)| Traffic::between(earlier, later))
                        .unwrap_or_default()
                },
            )
        });
        made.as_ref()
    }

    fn connections(&self) -> Option<&Rows<nfm_connection_diff_t>> {
        let made = self
            .connections
            .get_or_init(|| self.rows(|frame| frame.connections.as_deref(), |_, _| ()));
        made.as_ref()
    }
}

/// Compares two frames of one guest: which rows are new, gone or in both, and what was used in between.
///
/// Absent is not zero: a figure that the frames do not tell has no bit in known, and a row that an incomplete frame
/// lacks is perhaps new or perhaps gone. Nothing is computed before it is asked for.
///
/// Parameters: earlier and later, two frames of one domain, which stay as they are and may be freed before the
/// difference; out receives it; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_INVALID_ARGUMENT, also if the frames are of two guests; NFM_ERR_PANIC.
/// Ownership: the difference is the caller's, to be ended with nfm_diff_free().
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_frame_diff(
    earlier: *const nfm_frame_t,
    later: *const nfm_frame_t,
    out: *mut *mut nfm_diff_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: each is NULL or a frame, by the caller's promise.
        let (earlier, later) = unsafe { (earlier.as_ref(), later.as_ref()) };
        let earlier = earlier.ok_or_else(|| nfm_error_t::null("earlier"))?;
        nfm_diff_t::of(earlier, later.ok_or_else(|| nfm_error_t::null("later"))?)
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_frame_diff);

/// The head of a difference: the time between its frames, and whether the guest was restarted.
///
/// Parameters: diff.
/// Returns: the head; NULL only if diff is NULL.
/// Errors: none.
/// Ownership: the difference's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_info(diff: *const nfm_diff_t) -> *const nfm_diff_info_t {
    // SAFETY: NULL or a difference, by the caller's promise.
    unsafe {
        hand_out_one(diff, |diff| {
            let elapsed = elapsed(&diff.earlier.frame, &diff.later.frame);
            let head = (elapsed.map(|elapsed| elapsed.ns), diff.boot);
            diff.info.of(Some(slice::from_ref(&head)))
        })
    }
}
symver!("NFM_0.1", nfm_diff_info);

/// The processes of two frames: those of the later one in its order, then those that are in the earlier one alone.
///
/// Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
/// the section or an argument is NULL.
/// Errors: none.
/// Ownership: the difference's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_processes(
    diff: *const nfm_diff_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_process_diff_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(diff, count, stride, nfm_diff_t::processes) }
}
symver!("NFM_0.1", nfm_diff_processes);

/// The CPUs of two frames: those of the later one in its order, then those that are in the earlier one alone.
///
/// Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
/// the section or an argument is NULL.
/// Errors: none.
/// Ownership: the difference's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_cpus(
    diff: *const nfm_diff_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_cpu_diff_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(diff, count, stride, nfm_diff_t::cpus) }
}
symver!("NFM_0.1", nfm_diff_cpus);

/// The network interfaces of two frames: those of the later one in its order, then those that are in the earlier one alone.
///
/// Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
/// the section or an argument is NULL.
/// Errors: none.
/// Ownership: the difference's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_interfaces(
    diff: *const nfm_diff_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_interface_diff_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(diff, count, stride, nfm_diff_t::interfaces) }
}
symver!("NFM_0.1", nfm_diff_interfaces);

/// The sockets of two frames: those of the later one in its order, then those that are in the earlier one alone.
///
/// Parameters: diff; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if one of the frames does not hold
/// the section or an argument is NULL.
/// Errors: none.
/// Ownership: the difference's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_connections(
    diff: *const nfm_diff_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_connection_diff_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(diff, count, stride, nfm_diff_t::connections) }
}
symver!("NFM_0.1", nfm_diff_connections);

/// Frees a difference, and with it all that was read from it.
///
/// Parameters: diff, or NULL, which does nothing.
/// Errors: none. To free a difference twice, or while it is read, is undefined.
/// Ownership: diff is no more.
/// Threads: any, once no other uses the difference.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_diff_free(diff: *mut nfm_diff_t) {
    // SAFETY: NULL or a difference that is freed this once, by the caller's promise.
    unsafe { free(diff) };
}
symver!("NFM_0.1", nfm_diff_free);

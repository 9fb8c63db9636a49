//! The section `os`.

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::{Os, Text};

/// The longest kernel command line (`COMMAND_LINE_SIZE` on x86 is 2048).
const LONGEST_COMMAND_LINE: usize = 4096;
/// Fixed-point bits of a load average (`FSHIFT`, include/linux/sched/loadavg.h).
const LOAD_BITS: u32 = 11;
/// Nanoseconds of a second.
const NANOSECONDS: u64 = 1_000_000_000;
/// How far the guest's clock may go on while it is looked at.
const CLOCK_SLACK_SECONDS: u64 = 2;
/// `PANIC_CPU_INVALID` (include/linux/panic.h).
const NO_CPU: u32 = u32::MAX;

pub(super) fn crawl(reader: &Reader) -> Os {
    let layout = &reader.layout.system;
    let symbols = &reader.layout.symbols;
    let uts = reader.symbol(symbols.init_uts_ns);
    let name = |what, field| reader.note(what, uts.and_then(|uts| reader.text(uts, field)));
    Os {
        sysname: name("sysname", layout.uts.sysname),
        nodename: name("nodename", layout.uts.nodename),
        release: name("release", layout.uts.release),
        version: name("version", layout.uts.version),
        machine: name("machine", layout.uts.machine),
        build_id: reader.kernel.build_id.as_deref().map(Text::from),
        command_line: reader.note("command_line", command_line(reader)),
        boot_time_ns: reader.note("boot_time_ns", boot_time(reader)),
        uptime_ns: reader.note("uptime_ns", uptime(reader)),
        load: reader.note("load", load(reader)),
        panicked: reader.note("panicked", panicked(reader)),
    }
}

fn command_line(reader: &Reader) -> ReadResult<Text> {
    let pointer = reader.symbol(reader.layout.symbols.saved_command_line)?;
    reader.text_at(reader.u64_at(pointer)?, LONGEST_COMMAND_LINE)
}

/// `getboottime64` (kernel/time/timekeeping.c).
pub(super) fn boot_time(reader: &Reader) -> ReadResult<u64> {
    let layout = &reader.layout.system.timekeeper;
    let clock = timekeeper(reader)?;
    let real = reader.unsigned(clock, layout.offs_real)?;
    Ok(real.wrapping_sub(reader.unsigned(clock, layout.offs_boot)?))
}

/// The boot clock at its last update: `ktime_get_boottime` without the cycles since then, which only
/// the guest's CPU could tell.
fn uptime(reader: &Reader) -> ReadResult<u64> {
    let asleep = reader.layout.system.timekeeper.offs_boot;
    let clock = timekeeper(reader)?;
    Ok(monotonic(reader)?.wrapping_add(reader.unsigned(clock, asleep)?))
}

/// The wall clock at its last update, nanoseconds since 1970.
pub(super) fn wall_clock(reader: &Reader) -> ReadResult<u64> {
    let offset = reader.layout.system.timekeeper.offs_real;
    let real = reader.unsigned(timekeeper(reader)?, offset)?;
    Ok(monotonic(reader)?.wrapping_add(real))
}

/// The monotonic clock at its last update.
pub(super) fn monotonic(reader: &Reader) -> ReadResult<u64> {
    let layout = &reader.layout.system.timekeeper;
    let clock = timekeeper(reader)?;
    let base = reader.unsigned(clock, layout.mono_base)?;
    let shift = reader.u32(clock, layout.mono_shift)?.min(63);
    Ok(base.wrapping_add(reader.unsigned(clock, layout.mono_nsec)? >> shift))
}

/// The core timekeeper. Until 6.12 `tk_core` is an anonymous structure: a sequence count, then the
/// timekeeper at its alignment of 8.
///
/// # Errors
/// Among others, where what lies there is no clock: `tk_update_ktime_data` (kernel/time/timekeeping.c) makes the
/// monotonic clock's base of the wall clock's seconds and what lies between both.
pub(super) fn timekeeper(reader: &Reader) -> ReadResult<u64> {
    const ALIGNMENT: u64 = 8;
    let symbols = &reader.layout.symbols;
    let system = &reader.layout.system;
    let data = symbols.timekeeper_data.address.or(symbols.tk_core.address);
    let data = data.ok_or(ReadError::NoSymbol(symbols.tk_core.name))?;
    let offset = match system.timekeeper_data.timekeeper.member() {
        Some(member) => u64::from(member.offset),
        None if system.sequence_count.sequence.exists() => {
            u64::from(system.sequence_count.size).next_multiple_of(ALIGNMENT)
        }
        None => return Err(ReadError::NoMember(system.sequence_count.sequence.name)),
    };
    let (clock, layout) = (data.wrapping_add(offset), &system.timekeeper);
    let base = reader.unsigned(clock, layout.mono_base)?;
    let wall = base.wrapping_add(reader.unsigned(clock, layout.offs_real)?);
    let seconds = reader.unsigned(clock, layout.xtime_sec)?;
    // The guest may set its clock between two looks.
    let between = (wall / NANOSECONDS).abs_diff(seconds);
    if between > CLOCK_SLACK_SECONDS {
        return Err(ReadError::Nonsense { what: "the clock contradicts itself", address: clock });
    }
    Ok(clock)
}

/// As `/proc/loadavg` rounds (`loadavg_proc_show`): half a hundredth is added.
fn load(reader: &Reader) -> ReadResult<[f64; 3]> {
    let address = reader.symbol(reader.layout.symbols.avenrun)?;
    let mut load = [0.0; 3];
    for (index, value) in load.iter_mut().enumerate() {
        let fixed = reader.u64_at(address.wrapping_add(8 * index as u64))?;
        let hundredths =
            (fixed.saturating_add((1 << LOAD_BITS) / 200).saturating_mul(100)) >> LOAD_BITS;
        *value = hundredths as f64 / 100.0;
    }
    Ok(load)
}

fn panicked(reader: &Reader) -> ReadResult<bool> {
    let address = reader.symbol(reader.layout.symbols.panic_cpu)?;
    Ok(reader.u32_at(address)? != NO_CPU)
}

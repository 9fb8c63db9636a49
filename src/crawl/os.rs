//! The section `os`.

use super::reader::{Context, ReadError, ReadResult};
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

pub(super) fn crawl(context: &Context) -> Os {
    let layout = &context.layout.system;
    let symbols = &context.layout.symbols;
    let uts = context.symbol(symbols.init_uts_ns);
    let name = |what, field| context.note(what, uts.and_then(|uts| context.text(uts, field)));
    Os {
        sysname: name("sysname", layout.uts.sysname),
        nodename: name("nodename", layout.uts.nodename),
        release: name("release", layout.uts.release),
        version: name("version", layout.uts.version),
        machine: name("machine", layout.uts.machine),
        build_id: context.kernel.build_id.as_deref().map(Text::from),
        command_line: context.note("command_line", command_line(context)),
        boot_time_ns: context.note("boot_time_ns", boot_time(context)),
        uptime_ns: context.note("uptime_ns", uptime(context)),
        load: context.note("load", load(context)),
        panicked: context.note("panicked", panicked(context)),
    }
}

fn command_line(context: &Context) -> ReadResult<Text> {
    let pointer = context.symbol(context.layout.symbols.saved_command_line)?;
    context.text_at(context.u64_at(pointer)?, LONGEST_COMMAND_LINE)
}

/// `getboottime64` (kernel/time/timekeeping.c).
pub(super) fn boot_time(context: &Context) -> ReadResult<u64> {
    let layout = &context.layout.system.timekeeper;
    let clock = timekeeper(context)?;
    let real = context.unsigned(clock, layout.offs_real)?;
    Ok(real.wrapping_sub(context.unsigned(clock, layout.offs_boot)?))
}

/// The boot clock at its last update: `ktime_get_boottime` without the cycles since then, which only
/// the guest's CPU could tell.
fn uptime(context: &Context) -> ReadResult<u64> {
    let asleep = context.layout.system.timekeeper.offs_boot;
    let clock = timekeeper(context)?;
    Ok(monotonic(context)?.wrapping_add(context.unsigned(clock, asleep)?))
}

/// The wall clock at its last update, nanoseconds since 1970.
pub(super) fn wall_clock(context: &Context) -> ReadResult<u64> {
    let offset = context.layout.system.timekeeper.offs_real;
    let real = context.unsigned(timekeeper(context)?, offset)?;
    Ok(monotonic(context)?.wrapping_add(real))
}

/// The monotonic clock at its last update.
pub(super) fn monotonic(context: &Context) -> ReadResult<u64> {
    let layout = &context.layout.system.timekeeper;
    let clock = timekeeper(context)?;
    let base = context.unsigned(clock, layout.mono_base)?;
    let shift = context.u32(clock, layout.mono_shift)?.min(63);
    Ok(base.wrapping_add(context.unsigned(clock, layout.mono_nsec)? >> shift))
}

/// The core timekeeper. Until 6.12 `tk_core` is an anonymous structure: a sequence count, then the
/// timekeeper at its alignment of 8.
///
/// # Errors
/// Among others, where what lies there is no clock: `tk_update_ktime_data` (kernel/time/timekeeping.c) makes the
/// monotonic clock's base of the wall clock's seconds and what lies between both.
pub(super) fn timekeeper(context: &Context) -> ReadResult<u64> {
    const ALIGNMENT: u64 = 8;
    let symbols = &context.layout.symbols;
    let system = &context.layout.system;
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
    let base = context.unsigned(clock, layout.mono_base)?;
    let wall = base.wrapping_add(context.unsigned(clock, layout.offs_real)?);
    let seconds = context.unsigned(clock, layout.xtime_sec)?;
    // The guest may set its clock between two looks.
    let between = (wall / NANOSECONDS).abs_diff(seconds);
    if between > CLOCK_SLACK_SECONDS {
        return Err(ReadError::Nonsense { what: "the clock contradicts itself", address: clock });
    }
    Ok(clock)
}

/// As `/proc/loadavg` rounds (`loadavg_proc_show`): half a hundredth is added.
fn load(context: &Context) -> ReadResult<[f64; 3]> {
    let address = context.symbol(context.layout.symbols.avenrun)?;
    let mut load = [0.0; 3];
    for (index, value) in load.iter_mut().enumerate() {
        let fixed = context.u64_at(address.wrapping_add(8 * index as u64))?;
        let hundredths =
            (fixed.saturating_add((1 << LOAD_BITS) / 200).saturating_mul(100)) >> LOAD_BITS;
        *value = hundredths as f64 / 100.0;
    }
    Ok(load)
}

fn panicked(context: &Context) -> ReadResult<bool> {
    let address = context.symbol(context.layout.symbols.panic_cpu)?;
    Ok(context.u32_at(address)? != NO_CPU)
}

//! The section `cpus`.

use super::os::monotonic;
use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::{Cpu, Text};

/// `TS_FLAG_IDLE_ACTIVE` (kernel/time/tick-sched.h).
const FLAG_IDLE_ACTIVE: u64 = 1 << 2;

pub(super) fn crawl(reader: &Reader) -> Vec<Cpu> {
    let symbols = &reader.layout.symbols;
    let possible = reader.cpus(symbols.__cpu_possible_mask);
    let online = reader.note("online", reader.cpus(symbols.__cpu_online_mask)).unwrap_or_default();
    let Some(possible) = reader.note("cpus", possible) else { return Vec::new() };
    let cpus = reader.rows::<Cpu, _>(possible);
    cpus.map(|id| cpu(reader, id, online.binary_search(&id).is_ok())).collect()
}

fn cpu(reader: &Reader, id: u32, online: bool) -> Cpu {
    let layout = &reader.layout.system.cpu_info;
    let symbols = &reader.layout.symbols;
    // Older uniprocessor kernels have none per CPU (arch/x86/include/asm/processor.h).
    let info = match symbols.boot_cpu_data.address {
        Some(only) if symbols.cpu_info.address.is_none() && reader.has_one_cpu() => Ok(only),
        _ => reader.symbol(symbols.cpu_info).and_then(|info| reader.per_cpu(info, id)),
    };
    // A CPU that never came up has no vendor.
    let identity = |what, field| {
        let text = info.and_then(|info| reader.text(info, field));
        reader.note(what, text).map(|text| Text::from(text.trim())).filter(|text| !text.is_empty())
    };
    let cache = info.and_then(|info| reader.unsigned(info, layout.cache_size));
    let row = Cpu {
        id,
        online,
        vendor: identity("vendor", layout.vendor),
        model: identity("model", layout.model),
        mhz: reader.note("mhz", mhz(reader)),
        cache_kib: reader.note("cache_kib", cache),
        ..Cpu::default()
    };
    with_times(reader, row)
}

fn mhz(reader: &Reader) -> ReadResult<f64> {
    let khz = reader.u32_at(reader.symbol(reader.layout.symbols.cpu_khz)?)?;
    Ok(f64::from(khz) / 1000.0)
}

/// Adds the times that `show_stat` (fs/proc/stat.c) shows.
fn with_times(reader: &Reader, row: Cpu) -> Cpu {
    let id = row.id;
    let layout = &reader.layout.system;
    let usage = layout.cpu_usage;
    let stat = reader
        .symbol(reader.layout.symbols.kernel_cpustat)
        .and_then(|stat| reader.per_cpu(stat, id));
    let time = |what, index: Option<i64>| {
        let index = index
            .and_then(|index| u32::try_from(index).ok())
            .ok_or(ReadError::NoMember("enum cpu_usage_stat"));
        let value = stat.and_then(|stat| reader.element(stat, layout.cpustat.cpustat, index?));
        reader.note(what, value)
    };
    // Kernels that keep no such counts (7.x) keep idle time where all times are.
    let idle = match layout.tick_sched.idle_sleeptime.exists() {
        true => reader.note("idle_ns", tick_idle(reader, id)),
        false => Some(None),
    };
    // Where it is not known if the tick stops, neither is known.
    let [idle_ns, iowait_ns] = match idle {
        Some(Some((idle, wait))) => [Some(idle), Some(wait)],
        Some(None) => [time("idle_ns", usage.idle), time("iowait_ns", usage.iowait)],
        None => [None; 2],
    };
    Cpu {
        user_ns: time("user_ns", usage.user),
        nice_ns: time("nice_ns", usage.nice),
        system_ns: time("system_ns", usage.system),
        idle_ns,
        iowait_ns,
        irq_ns: time("irq_ns", usage.irq),
        softirq_ns: time("softirq_ns", usage.softirq),
        steal_ns: time("steal_ns", usage.steal),
        guest_ns: time("guest_ns", usage.guest),
        guest_nice_ns: time("guest_nice_ns", usage.guest_nice),
        ..row
    }
}

/// Idle and iowait of a kernel that stops its tick: `get_cpu_idle_time_us` (kernel/time/tick-sched.c).
/// The sleep that lasts counts up to the clock's last update. `None` where the tick does not stop.
fn tick_idle(reader: &Reader, id: u32) -> ReadResult<Option<(u64, u64)>> {
    let symbols = &reader.layout.symbols;
    let layout = &reader.layout.system.tick_sched;
    if reader.u32_at(reader.symbol(symbols.tick_nohz_active)?)? == 0 {
        return Ok(None);
    }
    let tick = reader.per_cpu(reader.symbol(symbols.tick_cpu_sched)?, id)?;
    let mut idle = reader.unsigned(tick, layout.idle_sleeptime)?;
    let iowait = reader.unsigned(tick, layout.iowait_sleeptime)?;
    let active = match layout.idle_active.exists() {
        true => reader.unsigned(tick, layout.idle_active)? != 0,
        false => reader.unsigned(tick, layout.flags)? & FLAG_IDLE_ACTIVE != 0,
    };
    if active {
        let since = reader.unsigned(tick, layout.idle_entrytime)?;
        idle = idle.saturating_add(monotonic(reader)?.saturating_sub(since));
    }
    Ok(Some((idle, iowait)))
}

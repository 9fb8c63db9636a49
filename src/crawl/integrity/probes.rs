//! Places where the kernel itself leads code elsewhere: ftrace, kprobes, BPF.

use std::ops::Range;

use super::code::Code;
use super::confirm::{chain, whole};
use crate::crawl::reader::{ReadError, ReadResult, Reader};

/// `KPROBE_TABLE_SIZE` (kernel/kprobes.c).
const PROBE_CHAINS: u64 = 64;

/// A pointer to a function, with its name and where it lies.
pub(super) type Pointer = (String, u64, u64);

/// The functions that ftrace calls (kernel/trace/ftrace.c), and the trampolines through which it does.
pub(super) fn ftrace(reader: &Reader) -> ReadResult<(Vec<Pointer>, Vec<Range<u64>>)> {
    let layout = &reader.layout.integrity.ftrace_ops;
    let symbols = &reader.layout.symbols;
    let end = reader.symbol(symbols.ftrace_list_end)?;
    let first = reader.symbol(symbols.ftrace_ops_list)?;
    let (mut functions, mut trampolines) = (Vec::new(), Vec::new());
    chain(reader, first, reader.at(0, layout.next)?, end, |ops| {
        let at = reader.at(ops, layout.func)?;
        functions.push((format!("ftrace_ops {ops:#x}"), at, reader.u64_at(at)?));
        let start = reader.unsigned(ops, layout.trampoline)?;
        let length = reader.unsigned(ops, layout.trampoline_size)?;
        trampolines.push(start..start.saturating_add(length));
        Ok(())
    })?;
    Ok((functions, trampolines))
}

/// The probes (kernel/kprobes.c): where each stands, and the functions that it calls.
pub(super) fn kprobes(reader: &Reader) -> ReadResult<(Vec<u64>, Vec<Pointer>)> {
    let layout = &reader.layout.integrity;
    let table = reader.symbol(reader.layout.symbols.kprobe_table)?;
    let mut probes = Vec::new();
    for index in 0..PROBE_CHAINS {
        chain(reader, table.wrapping_add(index * 8), 0, 0, |link| {
            let probe = reader.container(link, layout.kprobe.hlist)?;
            probes.push(probe);
            // Several probes at one place hang on the first.
            let head = reader.at(probe, layout.kprobe.list)?;
            probes.extend(whole(reader, head, layout.kprobe.list)?);
            Ok(())
        })?;
    }
    let of_return = reader.layout.symbols.pre_handler_kretprobe.address;
    let (mut places, mut functions) = (Vec::new(), Vec::new());
    for probe in probes {
        let place = reader.unsigned(probe, layout.kprobe.addr)?;
        places.push(place);
        let mut add = |what, base, field| -> ReadResult<()> {
            let at = reader.at(base, field)?;
            functions.push((format!("{what} of the probe at {place:#x}"), at, reader.u64_at(at)?));
            Ok(())
        };
        add("pre_handler", probe, layout.kprobe.pre_handler)?;
        add("post_handler", probe, layout.kprobe.post_handler)?;
        let pre = reader.pointer(probe, layout.kprobe.pre_handler)?;
        if pre.is_some() && pre == of_return {
            let probe = reader.container(probe, layout.kretprobe.kp)?;
            add("handler", probe, layout.kretprobe.handler)?;
            add("entry_handler", probe, layout.kretprobe.entry_handler)?;
        }
    }
    Ok((places, functions))
}

/// Code that BPF made: programs and trampolines (kernel/bpf/core.c).
fn bpf(reader: &Reader) -> ReadResult<Vec<Range<u64>>> {
    let layout = &reader.layout.integrity.bpf_ksym;
    let head = reader.symbol(reader.layout.symbols.bpf_kallsyms)?;
    let ksyms = whole(reader, head, layout.list)?.into_iter();
    ksyms
        .map(|ksym| Ok(reader.unsigned(ksym, layout.start)?..reader.unsigned(ksym, layout.end)?))
        .collect()
}

/// Bytes that may stand at a function's beginning.
pub(super) struct Allowed {
    trampolines: Vec<Range<u64>>,
    probes: Vec<u64>,
}

impl Allowed {
    pub fn find(reader: &Reader) -> ReadResult<Self> {
        let mut trampolines = lacking(ftrace(reader))?.map(|(_, all)| all).unwrap_or_default();
        trampolines.extend(lacking(bpf(reader))?.unwrap_or_default());
        let probes = lacking(kprobes(reader))?.map(|(places, _)| places).unwrap_or_default();
        Ok(Self { trampolines, probes })
    }

    /// Where a function's beginning leads, if it may not lead there. A call may reach a module that is
    /// in the list: ftrace lets modules be called directly.
    pub fn stray(&self, reader: &Reader, code: &Code, function: u64) -> ReadResult<Option<u64>> {
        use super::prologue::Leads;
        for (place, leads) in super::prologue::leads(reader, function)? {
            if self.probes.contains(&place) {
                continue;
            }
            let is_stray = |target: &u64| !self.trampolines.iter().any(|one| one.contains(target));
            let stray = match leads {
                Leads::Call(target) => Some(target).filter(|target| !code.is_known(*target)),
                Leads::Jump(target) => Some(target).filter(|target| !code.is_kernel(*target)),
                Leads::Breakpoint => Some(place),
            };
            if let Some(stray) = stray.filter(is_stray) {
                return Ok(Some(stray));
            }
        }
        Ok(None)
    }
}

/// `None` for what this kernel has not.
fn lacking<T>(result: ReadResult<T>) -> ReadResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(ReadError::NoMember(_) | ReadError::NoSymbol(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

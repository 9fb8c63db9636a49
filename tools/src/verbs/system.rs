//! The system as a whole: `nfm lsmod`, `dmesg`, `mount`, `free`, `uptime`, `lscpu`.

use std::io::Write;

use nfm::Section;

use super::{Verb, each_frame, json};
use crate::args::FrameOf;
use crate::show::{clock, escaped, known, table};

/// `nfm lsmod`.
pub(crate) fn lsmod(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Modules], out, |frame, out| {
        let modules = frame.modules.as_deref().unwrap_or_default();
        if of.target.json {
            json(out, modules)?;
        } else {
            let rows = modules.iter().map(|module| {
                vec![
                    module.name.to_string(),
                    known(module.size),
                    known(module.references),
                    module.used_by.as_ref().map_or_else(|| "?".to_owned(), |names| names.join(",")),
                ]
            });
            table(out, &["Module", "Size>", "Used>", "by"], rows)?;
        }
        Ok(())
    })
}

/// `nfm dmesg`: the kernel's log.
pub(crate) fn dmesg(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Log], out, |frame, out| {
        let records = frame.log.as_deref().unwrap_or_default();
        if of.target.json {
            json(out, records)?;
        } else {
            for record in records {
                let microseconds = record.time_ns / 1000;
                for line in record.text.split('\n') {
                    let (seconds, rest) = (microseconds / 1_000_000, microseconds % 1_000_000);
                    // Boot logs hold tabs, which do no harm.
                    let text: Vec<_> = line.split('\t').map(escaped).collect();
                    writeln!(out, "[{seconds:5}.{rest:06}] {}", text.join("\t"))?;
                }
            }
        }
        Ok(())
    })
}

/// `nfm mount`.
pub(crate) fn mount(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Mounts], out, |frame, out| {
        let mounts = frame.mounts.as_deref().unwrap_or_default();
        if of.target.json {
            json(out, mounts)?;
        } else {
            let rows = mounts.iter().map(|mount| {
                vec![
                    known(mount.mnt_ns),
                    known(mount.source.as_ref()),
                    known(mount.target.as_ref()),
                    known(mount.filesystem.as_ref()),
                    known(mount.options.as_ref()),
                ]
            });
            table(out, &["NAMESPACE>", "SOURCE", "TARGET", "TYPE", "OPTIONS"], rows)?;
        }
        Ok(())
    })
}

/// `nfm free`: the columns of free(1), in KiB.
pub(crate) fn free(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Memory], out, |frame, out| {
        let memory = frame.memory.clone().unwrap_or_default();
        if of.target.json {
            json(out, &memory)?;
        } else {
            let kib = |bytes: Option<u64>| known(bytes.map(|bytes| bytes >> 10));
            let less = |all: Option<u64>, part: Option<u64>| Some(all?.saturating_sub(part?));
            let sum = |values: [Option<u64>; 3]| {
                values.into_iter().try_fold(0_u64, |sum, value| Some(sum.saturating_add(value?)))
            };
            let cache = sum([memory.buffers, memory.cached, memory.slab_reclaimable]);
            let rows = [
                vec![
                    "Mem:".to_owned(),
                    kib(memory.total),
                    kib(less(memory.total, memory.available)),
                    kib(memory.free),
                    kib(memory.shared),
                    kib(cache),
                    kib(memory.available),
                ],
                vec![
                    "Swap:".to_owned(),
                    kib(memory.swap_total),
                    kib(less(memory.swap_total, memory.swap_free)),
                    kib(memory.swap_free),
                    String::new(),
                    String::new(),
                    String::new(),
                ],
            ];
            let headings = ["", "total>", "used>", "free>", "shared>", "buff/cache>", "available>"];
            table(out, &headings, rows)?;
        }
        Ok(())
    })
}

/// `nfm uptime`.
pub(crate) fn uptime(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Os], out, |frame, out| {
        if of.target.json {
            json(out, &frame.os)?;
        } else {
            let os = frame.os.clone().unwrap_or_default();
            let load =
                os.load.map(|[one, five, fifteen]| format!("{one:.2}, {five:.2}, {fifteen:.2}"));
            writeln!(out, "up {}, load average: {}", known(os.uptime_ns.map(clock)), known(load))?;
        }
        Ok(())
    })
}

/// `nfm lscpu`: a line a CPU, with its times in seconds.
pub(crate) fn lscpu(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Cpus], out, |frame, out| {
        let cpus = frame.cpus.as_deref().unwrap_or_default();
        if of.target.json {
            json(out, cpus)?;
        } else {
            let seconds = |ns: Option<u64>| known(ns.map(|ns| format!("{:.2}", ns as f64 / 1e9)));
            let rows = cpus.iter().map(|cpu| {
                vec![
                    cpu.id.to_string(),
                    if cpu.online { "yes" } else { "no" }.to_owned(),
                    known(cpu.mhz.map(|mhz| format!("{mhz:.0}"))),
                    known(cpu.cache_kib),
                    seconds(cpu.user_ns),
                    seconds(cpu.system_ns),
                    seconds(cpu.idle_ns),
                    seconds(cpu.iowait_ns),
                    seconds(cpu.steal_ns),
                    known(cpu.model.as_ref()),
                ]
            });
            let headings = [
                "CPU>",
                "ONLINE",
                "MHZ>",
                "CACHE-KIB>",
                "USER>",
                "SYSTEM>",
                "IDLE>",
                "IOWAIT>",
                "STEAL>",
                "MODEL",
            ];
            table(out, &headings, rows)?;
        }
        Ok(())
    })
}

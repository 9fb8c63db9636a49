//! `nfm top`: who uses the CPU, by the difference of two frames.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Instant;

use nfm::{CrawlOptions, Domain, Frame, Section};

use super::{Verb, json, open, report};
use crate::Failure;
use crate::args::Top;
use crate::show::{clock, escaped, known, size, table};
use crate::usage::{Usage, cpu_time, usage};

/// Sections that a screen needs.
const SECTIONS: [Section; 4] = [Section::Os, Section::Cpus, Section::Memory, Section::Processes];

/// `nfm top`.
pub(crate) fn top(options: &nfm::OpenOptions, top: &Top, out: &mut dyn Write) -> Verb {
    let mut domain = open(options, &top.target.domain)?;
    let interval = top.interval;
    let (mut earlier, mut at) = sample(&mut domain)?;
    loop {
        std::thread::sleep((at + interval).saturating_duration_since(Instant::now()));
        let (later, now) = sample(&mut domain)?;
        let usage = usage(&earlier, &later);
        if top.target.json {
            json(out, &usage)?;
        } else {
            if !top.once && std::io::stdout().is_terminal() {
                // Home, and clear what is below.
                write!(out, "\x1b[H\x1b[J")?;
            }
            print(&later, &usage, out)?;
        }
        out.flush()?;
        report(&later);
        if top.once {
            return Ok(ExitCode::SUCCESS);
        }
        (earlier, at) = (later, now);
    }
}

fn sample(domain: &mut Domain) -> Result<(Frame, Instant), Failure> {
    let at = Instant::now();
    Ok((domain.crawl(&CrawlOptions::sections(&SECTIONS))?, at))
}

fn print(frame: &Frame, usage: &[Usage], out: &mut dyn Write) -> std::io::Result<()> {
    if let Some(os) = &frame.os {
        let load = os.load.map(|[a, b, c]| format!("{a:.2}, {b:.2}, {c:.2}"));
        let up = known(os.uptime_ns.map(clock));
        writeln!(out, "{}: up {up}, load average: {}", escaped(&frame.domain.name), known(load))?;
    }
    let running = usage.iter().filter(|row| row.process.state == Some(nfm::ProcessState::Running));
    writeln!(out, "Tasks: {} total, {} running", usage.len(), running.count())?;
    if let Some(memory) = &frame.memory {
        let of = |bytes: Option<u64>| known(bytes.map(size));
        let (total, available) = (of(memory.total), of(memory.available));
        writeln!(out, "Mem: {total} total, {} free, {available} available", of(memory.free))?;
    }
    writeln!(out)?;
    let rows = usage.iter().map(|row| {
        let process = row.process;
        vec![
            process.pid.to_string(),
            known(process.uid),
            known(process.nice),
            known(process.virtual_bytes.map(|bytes| bytes >> 10)),
            known(process.rss_bytes.map(|bytes| bytes >> 10)),
            known(process.shared_bytes.map(|bytes| bytes >> 10)),
            known(process.state.map(|state| state.letter())),
            format!("{:.1}", row.cpu_percent),
            known(cpu_time(process).map(clock)),
            known(process.name.as_ref()),
        ]
    });
    let headings =
        ["PID>", "UID>", "NI>", "VIRT>", "RES>", "SHR>", "S", "%CPU>", "TIME>", "COMMAND"];
    table(out, &headings, rows)
}

//! `nfm top`: who uses the CPU, by the difference of two frames.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use nfm::{Frame, Section};

use super::{Frames, Verb, json, report};
use crate::Failure;
use crate::args::Top;
use crate::show::{clock, escaped, known, size, table};
use crate::usage::{Usage, cpu_time, usage};

/// Sections that a screen needs.
const SECTIONS: [Section; 4] = [Section::Os, Section::Cpus, Section::Memory, Section::Processes];

/// `nfm top`.
pub(crate) fn top(options: &nfm::OpenOptions, top: &Top, out: &mut dyn Write) -> Verb {
    let mut frames = Frames::open(options, &top.of)?;
    if top.once {
        let [earlier, later] = frames.two(&SECTIONS, top.interval)?;
        show(top, &earlier, &later, out)?;
        return Ok(ExitCode::SUCCESS);
    }
    let is_screen = std::io::stdout().is_terminal() && !top.of.target.json;
    // Recorded frames that nobody watches need no time between them.
    let interval = if frames.is_live() || is_screen { top.interval } else { Duration::ZERO };
    let mut at = Instant::now();
    let mut earlier = frames.first(&SECTIONS)?;
    loop {
        std::thread::sleep((at + interval).saturating_duration_since(Instant::now()));
        at = Instant::now();
        let Some(later) = frames.next(&earlier, &SECTIONS)? else { return Ok(ExitCode::SUCCESS) };
        if is_screen {
            // Home, and clear what is below.
            write!(out, "\x1b[H\x1b[J")?;
        }
        show(top, &earlier, &later, out)?;
        earlier = later;
    }
}

/// Prints the use of the CPU between two frames.
fn show(top: &Top, earlier: &Frame, later: &Frame, out: &mut dyn Write) -> Result<(), Failure> {
    let usage = usage(earlier, later);
    match top.of.target.json {
        true => json(out, &usage)?,
        false => print(later, &usage, out)?,
    }
    out.flush()?;
    report(&later.consistency.problems);
    Ok(())
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
            known(row.cpu_percent.map(|percent| format!("{percent:.1}"))),
            known(cpu_time(process).map(clock)),
            known(process.name.as_ref()),
        ]
    });
    let headings =
        ["PID>", "UID>", "NI>", "VIRT>", "RES>", "SHR>", "S", "%CPU>", "TIME>", "COMMAND"];
    table(out, &headings, rows)
}

//! `nfm crawl`.

use std::io::Write;
use std::process::ExitCode;

use nfm::{CrawlOptions, ErrorCode, Frame, Mode, Rate, Section, Text};
use nfm_exporter::{Format, GroupRules, Guests, SECTIONS, influx};

use super::live::{self, Served, Way};
use super::recorded::Recorded;
use super::{Frames, Verb, open_only, report};
use crate::Failure;
use crate::args::{Crawl, CrawlFormat};
use crate::guard::Guard;
use crate::hosts::Host;
use crate::privileges;
use crate::show::{clock, complain, escaped, known, size};

/// `nfm crawl`: one frame, or one after another.
pub(crate) fn crawl(open_options: &nfm::OpenOptions, crawl: &Crawl, out: &mut dyn Write) -> Verb {
    let Some(domain) = crawl.domain.as_deref() else { return all(open_options, crawl, out) };
    if crawl.when.is_recorded() {
        return recorded(domain, crawl, out);
    }
    let mut options = match crawl.sections.as_slice() {
        [] => CrawlOptions::default(),
        sections => CrawlOptions::sections(sections),
    };
    let mut unserved = None;
    if !crawl.asks_for_more() {
        match live::way(open_options, domain, &crawl.when.live)? {
            Way::Recorder(served) => {
                privileges::give_up();
                return watch_recorder(served, crawl, &options.sections, out);
            }
            Way::Memory(failure) => unserved = failure,
        }
    }
    options.mode = if crawl.paused { Mode::Paused } else { Mode::Live };
    options.threads = crawl.threads;
    options.physical = crawl.physical;
    if let Some(limit) = crawl.time_limit {
        options.time_limit = limit;
    }
    if let Some(mebibytes) = crawl.memory_limit {
        options.memory_limit = (mebibytes as usize).saturating_mul(1 << 20);
    }
    if let Some(rows) = crawl.row_limit {
        options.row_limit = rows as usize;
    }
    let opened = open_only(open_options, domain);
    let mut domain = opened.map_err(|failure| live::reason(failure, unserved))?;
    let guard = match crawl.paused {
        true => Guard::start(domain.findings())?,
        false => None,
    };
    // Not before: the guard is a program of its own.
    privileges::give_up();
    let mut rate = Rate::new(crawl.watch.unwrap_or_default());
    let rounds = match (crawl.watch, crawl.count) {
        (None, _) => 1,
        (Some(_), count) => count.unwrap_or(u64::MAX),
    };
    for round in 0..rounds {
        if round > 0 {
            rate.wait();
        }
        let frame = match domain.crawl(&options) {
            // Its guest is being restarted: the next round may see the new kernel.
            Err(error) if crawl.watch.is_some() && error.code() == ErrorCode::NotBooted => {
                complain(error);
                continue;
            }
            frame => frame?,
        };
        print(crawl, &frame, out)?;
    }
    if let Some(guard) = guard {
        guard.dismiss();
    }
    Ok(ExitCode::SUCCESS)
}

impl Crawl {
    /// True if the guest's memory must be read for it: a recorder takes no such frames.
    fn asks_for_more(&self) -> bool {
        let limits = self.time_limit.is_some() || self.memory_limit.is_some();
        self.paused || self.threads || self.physical || limits || self.row_limit.is_some()
    }
}

/// Prints a frame.
fn print(crawl: &Crawl, frame: &Frame, out: &mut dyn Write) -> Result<(), Failure> {
    if let Some(format) = crawl.format {
        return print_all(format, vec![frame.clone()], out);
    }
    match crawl.json {
        true if crawl.pretty => writeln!(out, "{}", frame.to_json_pretty())?,
        true => writeln!(out, "{}", frame.to_json())?,
        false => summary(frame, out)?,
    }
    out.flush()?;
    if !crawl.json {
        report(&frame.consistency.problems);
    }
    Ok(())
}

/// Prints frames for another program.
fn print_all(format: CrawlFormat, frames: Vec<Frame>, out: &mut dyn Write) -> Result<(), Failure> {
    match format {
        CrawlFormat::Jsonl => {
            frames.iter().try_for_each(|frame| writeln!(out, "{}", frame.to_json()))?;
        }
        CrawlFormat::Influx => {
            frames.iter().try_for_each(|frame| out.write_all(influx(frame).as_bytes()))?;
        }
        CrawlFormat::OpenMetrics => {
            let now_ns = frames.iter().map(|frame| frame.time_ns).max().unwrap_or_default();
            let mut guests = Guests::new(GroupRules::default());
            guests.set_source(true);
            frames.into_iter().for_each(|frame| guests.take(frame, Vec::new()));
            let text = guests.exposition(now_ns).text(Format::OpenMetrics);
            out.write_all(text.as_bytes())?;
        }
    }
    Ok(out.flush()?)
}

/// `nfm crawl --all`: frames of all that run. One that cannot be read is named, and the status says so.
fn all(options: &nfm::OpenOptions, crawl: &Crawl, out: &mut dyn Write) -> Verb {
    let sections = match (crawl.sections.as_slice(), crawl.format) {
        // Integrity takes a second, and is asked for by name.
        ([], Some(CrawlFormat::OpenMetrics | CrawlFormat::Influx)) => {
            SECTIONS.into_iter().filter(|section| section.is_default()).collect()
        }
        ([], _) => CrawlOptions::default().sections,
        (sections, _) => sections.to_vec(),
    };
    let mut status = ExitCode::SUCCESS;
    let mut complain = |failure: Failure| status = ExitCode::from(crate::status_of(failure));
    let mut opened = Vec::new();
    let host = Host { name: String::new(), uri: options.uri.clone() };
    for guest in host.guests()? {
        match Frames::open_only(options, &guest.name, &crawl.when) {
            Ok(frames) => opened.push(frames),
            Err(failure) => complain(failure),
        }
    }
    privileges::give_up();
    let mut rate = Rate::new(crawl.watch.unwrap_or_default());
    let rounds = crawl.count.unwrap_or(if crawl.watch.is_some() { u64::MAX } else { 1 });
    for round in 0..rounds {
        if round > 0 {
            rate.wait();
        }
        let mut frames = Vec::new();
        for one in &mut opened {
            match one.latest_with(&sections) {
                Ok(frame) => frames.push(frame),
                Err(failure) => complain(failure),
            }
        }
        match crawl.format {
            Some(format) => print_all(format, frames, out)?,
            None => frames.iter().try_for_each(|frame| print(crawl, frame, out))?,
        }
    }
    Ok(status)
}

/// The recorder's newest frame, or one after another.
fn watch_recorder(
    mut served: Served,
    crawl: &Crawl,
    sections: &[Section],
    out: &mut dyn Write,
) -> Verb {
    let mut frame = served.latest(sections)?;
    let mut rate = Rate::new(crawl.watch.unwrap_or_default());
    let rounds = crawl.count.unwrap_or(if crawl.watch.is_some() { u64::MAX } else { 1 });
    for round in 0..rounds {
        if round > 0 {
            rate.wait();
            frame = served.next(&frame, sections)?;
        }
        print(crawl, &frame, out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `nfm crawl --at`: a recorded frame, or one after another.
fn recorded(domain: &str, crawl: &Crawl, out: &mut dyn Write) -> Verb {
    let mut frames = Recorded::open(domain, &crawl.when)?;
    let mut next = frames.begin(&crawl.sections)?;
    while let Some(frame) = next {
        print(crawl, &frame, out)?;
        next = frames.step(&frame, &crawl.sections)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn summary(frame: &Frame, out: &mut dyn Write) -> std::io::Result<()> {
    let text = |value: &Option<Text>| escaped(value.as_deref().unwrap_or("?")).into_owned();
    let uuid = frame.domain.uuid.as_deref().unwrap_or("no known UUID");
    writeln!(out, "domain      {} ({})", escaped(&frame.domain.name), escaped(uuid))?;
    if let Some(os) = &frame.os {
        writeln!(
            out,
            "os          {} {} {}",
            text(&os.sysname),
            text(&os.release),
            text(&os.machine)
        )?;
        writeln!(out, "node        {}", text(&os.nodename))?;
        let load = os.load.map(|[a, b, c]| format!("{a:.2} {b:.2} {c:.2}"));
        writeln!(out, "up          {}   load {}", known(os.uptime_ns.map(clock)), known(load))?;
        if os.panicked == Some(true) {
            writeln!(out, "            the kernel has PANICKED")?;
        }
    }
    if let Some(cpus) = &frame.cpus {
        let online = cpus.iter().filter(|cpu| cpu.online).count();
        let model = cpus.first().map_or_else(|| "?".to_owned(), |cpu| text(&cpu.model));
        writeln!(out, "cpus        {online} online of {}: {model}", cpus.len())?;
    }
    if let Some(processes) = &frame.processes {
        let threads: u64 = processes.iter().filter_map(|p| p.threads).map(u64::from).sum();
        let kernel = processes.iter().filter(|p| p.kernel_thread == Some(true)).count();
        let all = processes.len();
        writeln!(out, "processes   {all} ({threads} threads, {kernel} of the kernel)")?;
    }
    if let Some(modules) = &frame.modules {
        let bytes = modules.iter().filter_map(|module| module.size).sum();
        writeln!(out, "modules     {} ({})", modules.len(), size(bytes))?;
    }
    for interface in frame.interfaces.iter().flatten() {
        let all = [&interface.ipv4, &interface.ipv6];
        let addresses: Vec<&str> = all.into_iter().flatten().flatten().map(Text::as_str).collect();
        writeln!(
            out,
            "interface   {} in namespace {}: {}, rx {}, tx {}",
            text(&interface.name),
            known(interface.netns),
            if addresses.is_empty() {
                "no address".to_owned()
            } else {
                escaped(&addresses.join(" ")).into_owned()
            },
            known(interface.rx_bytes.map(size)),
            known(interface.tx_bytes.map(size)),
        )?;
    }
    if let Some(integrity) = &frame.integrity {
        let findings = integrity.findings();
        writeln!(out, "integrity   {findings} findings; nfm check explains them")?;
    }
    let milliseconds = frame.duration_ns as f64 / 1e6;
    let whole = if frame.consistency.complete { "complete" } else { "NOT complete" };
    writeln!(out, "frame       {whole}, taken in {milliseconds:.1} ms; --json prints all of it")
}

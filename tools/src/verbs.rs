//! The verbs that print facts of a frame.

use std::io::Write;
use std::process::ExitCode;

use nfm::{CrawlOptions, Domain, Frame, Libvirt, OpenOptions, Process, Section};

use crate::Failure;
use crate::args::{Crawl, List, Target};
use crate::show::{clock, escaped, known, size, table};

type Verb = Result<ExitCode, Failure>;

/// `nfm list`.
pub(crate) fn list(connect: Option<&str>, list: &List, out: &mut dyn Write) -> Verb {
    let domains = Libvirt::open(connect)?.list(list.all)?;
    if list.json {
        let rows: Vec<_> = domains
            .iter()
            .map(|domain| {
                serde_json::json!({
                    "id": domain.id,
                    "name": domain.name,
                    "uuid": domain.uuid,
                    "state": domain.state.name(),
                })
            })
            .collect();
        writeln!(out, "{}", serde_json::Value::from(rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = domains.into_iter().map(|domain| {
        let id = domain.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        vec![id, domain.name, domain.state.name().to_owned(), domain.uuid]
    });
    table(out, &["ID>", "NAME", "STATE", "UUID"], rows)?;
    Ok(ExitCode::SUCCESS)
}

/// Opens a domain and takes one frame.
fn frame(connect: Option<&str>, domain: &str, sections: &[Section]) -> Result<Frame, Failure> {
    let mut options = OpenOptions::default();
    options.uri = connect.map(str::to_owned);
    let mut domain = Domain::open(domain, &options)?;
    Ok(domain.crawl(&CrawlOptions::sections(sections))?)
}

/// Problems go to standard error: an incomplete table must not look whole.
fn report(frame: &Frame) {
    for problem in &frame.consistency.problems {
        let address = problem.address.map(|at| format!(" (at {at:#x})")).unwrap_or_default();
        eprintln!("nfm: {}: {}{address}", problem.section, escaped(&problem.reason));
    }
}

/// `nfm crawl`.
pub(crate) fn crawl(connect: Option<&str>, crawl: &Crawl, out: &mut dyn Write) -> Verb {
    let sections = if crawl.sections.is_empty() { &Section::ALL[..] } else { &crawl.sections };
    let frame = frame(connect, &crawl.target.domain, sections)?;
    if crawl.target.json {
        writeln!(out, "{}", frame.to_json())?;
        return Ok(ExitCode::SUCCESS);
    }
    summary(&frame, out)?;
    report(&frame);
    Ok(ExitCode::SUCCESS)
}

fn summary(frame: &Frame, out: &mut dyn Write) -> std::io::Result<()> {
    let text = |value: &Option<String>| escaped(value.as_deref().unwrap_or("?")).into_owned();
    writeln!(out, "domain      {} ({})", escaped(&frame.domain.name), frame.domain.uuid)?;
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
        let addresses: Vec<&str> =
            all.into_iter().flatten().flatten().map(String::as_str).collect();
        writeln!(
            out,
            "interface   {} in namespace {}: {}, rx {}, tx {}",
            text(&interface.name),
            known(interface.netns),
            if addresses.is_empty() { "no address".to_owned() } else { addresses.join(" ") },
            known(interface.rx_bytes.map(size)),
            known(interface.tx_bytes.map(size)),
        )?;
    }
    let milliseconds = frame.duration_ns as f64 / 1e6;
    let whole = if frame.consistency.complete { "complete" } else { "NOT complete" };
    writeln!(out, "frame       {whole}, taken in {milliseconds:.1} ms; --json prints all of it")
}

/// `nfm ps`.
pub(crate) fn ps(connect: Option<&str>, target: &Target, out: &mut dyn Write) -> Verb {
    let frame = frame(connect, &target.domain, &[Section::Os, Section::Processes])?;
    let processes = frame.processes.as_deref().unwrap_or_default();
    if target.json {
        writeln!(out, "{}", serde_json::json!(processes))?;
    } else {
        let uptime = frame.os.as_ref().and_then(|os| os.uptime_ns);
        let rows = processes.iter().map(|process| {
            let age =
                uptime.zip(process.start_time_ns).map(|(now, start)| now.saturating_sub(start));
            let cpu = process.user_ns.zip(process.system_ns).map(|(user, system)| user + system);
            vec![
                known(process.uid),
                process.pid.to_string(),
                known(process.ppid),
                known(process.threads),
                known(process.state.map(|state| state.letter())),
                known(process.nice),
                known(process.virtual_bytes.map(|bytes| bytes >> 10)),
                known(age.map(clock)),
                known(cpu.map(clock)),
                command(process),
            ]
        });
        let headings =
            ["UID>", "PID>", "PPID>", "NLWP>", "S", "NI>", "VSZ>", "ELAPSED>", "TIME>", "COMMAND"];
        table(out, &headings, rows)?;
    }
    report(&frame);
    Ok(ExitCode::SUCCESS)
}

/// The command line, or the name in brackets where there is none, as `ps` does.
fn command(process: &Process) -> String {
    match process.command_line.as_deref() {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => format!("[{}]", process.name.as_deref().unwrap_or("?")),
    }
}

/// `nfm lsmod`.
pub(crate) fn lsmod(connect: Option<&str>, target: &Target, out: &mut dyn Write) -> Verb {
    let frame = frame(connect, &target.domain, &[Section::Modules])?;
    let modules = frame.modules.as_deref().unwrap_or_default();
    if target.json {
        writeln!(out, "{}", serde_json::json!(modules))?;
    } else {
        let rows = modules.iter().map(|module| {
            vec![
                module.name.clone(),
                known(module.size),
                known(module.references),
                module.used_by.as_ref().map_or_else(|| "?".to_owned(), |names| names.join(",")),
            ]
        });
        table(out, &["Module", "Size>", "Used>", "by"], rows)?;
    }
    report(&frame);
    Ok(ExitCode::SUCCESS)
}

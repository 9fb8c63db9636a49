//! What belongs to processes: `nfm ps`, `nfm lsof`, `nfm pmap`.

use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;

use nfm::{Frame, Process, Section};

use super::{Verb, frame, json, report};
use crate::args::{OfProcess, Target};
use crate::show::{clock, known, table};

/// `nfm ps`.
pub(crate) fn ps(connect: Option<&str>, target: &Target, out: &mut dyn Write) -> Verb {
    let frame = frame(connect, &target.domain, &[Section::Os, Section::Processes])?;
    let processes = frame.processes.as_deref().unwrap_or_default();
    if target.json {
        json(out, processes)?;
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

/// Whether a row is of the process asked for.
fn is_wanted(wanted: Option<u32>, pid: u32) -> bool {
    wanted.is_none_or(|wanted| wanted == pid)
}

/// Names and owners by process id.
fn names(frame: &Frame) -> HashMap<u32, (String, String)> {
    let processes = frame.processes.iter().flatten();
    processes.map(|p| (p.pid, (known(p.name.as_ref()), known(p.uid)))).collect()
}

/// `nfm lsof`: the columns of lsof(8).
pub(crate) fn lsof(connect: Option<&str>, of: &OfProcess, out: &mut dyn Write) -> Verb {
    let frame = frame(connect, &of.target.domain, &[Section::Processes, Section::Files])?;
    let rows = frame.files.iter().flatten().filter(|file| is_wanted(of.pid, file.pid));
    if of.target.json {
        json(out, &rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let names = names(&frame);
    let rows = rows.map(|file| {
        let (name, uid) = names.get(&file.pid).cloned().unwrap_or_default();
        let mode = file.flags.map(|flags| match flags & 3 {
            0 => "r",
            1 => "w",
            _ => "u",
        });
        vec![
            name,
            file.pid.to_string(),
            uid,
            format!("{}{}", file.fd, mode.unwrap_or("?")),
            known(file.kind.map(nfm::FileKind::letters)),
            known(file.position),
            known(file.inode),
            known(file.path.as_ref()),
        ]
    });
    table(out, &["COMMAND", "PID>", "UID>", "FD>", "TYPE", "OFFSET>", "NODE>", "NAME"], rows)?;
    report(&frame);
    Ok(ExitCode::SUCCESS)
}

/// `nfm pmap`: the columns of pmap(1) -x, for one process or all.
pub(crate) fn pmap(connect: Option<&str>, of: &OfProcess, out: &mut dyn Write) -> Verb {
    let frame = frame(connect, &of.target.domain, &[Section::Mappings])?;
    let rows = frame.mappings.iter().flatten().filter(|area| is_wanted(of.pid, area.pid));
    if of.target.json {
        json(out, &rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = rows.map(|area| {
        vec![
            area.pid.to_string(),
            format!("{:016x}", area.start),
            (area.end.saturating_sub(area.start) >> 10).to_string(),
            known(area.resident_bytes.map(|bytes| bytes >> 10)),
            known(area.permissions.as_ref()),
            known(area.offset.map(|offset| format!("{offset:08x}"))),
            area.path.clone().unwrap_or_else(|| "[ anon ]".to_owned()),
        ]
    });
    let headings = ["PID>", "Address", "Kbytes>", "RSS>", "Mode", "Offset", "Mapping"];
    table(out, &headings, rows)?;
    report(&frame);
    Ok(ExitCode::SUCCESS)
}

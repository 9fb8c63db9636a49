//! The verbs about processes: `nfm ps`, `nfm oom`, `nfm lsof`, `nfm pmap`.

use std::collections::HashMap;
use std::io::Write;
use std::process::ExitCode;

use nfm::{Frame, Process, Section};

use super::{Frames, Verb, each_frame, json, report};
use crate::args::{FrameOf, OfProcess, Ps};
use crate::show::{clock, known, table};
use crate::usage::{cpu_time, usage};

/// `nfm ps`.
pub(crate) fn ps(options: &nfm::OpenOptions, ps: &Ps, out: &mut dyn Write) -> Verb {
    const SECTIONS: [Section; 2] = [Section::Os, Section::Processes];
    if !ps.cpu {
        return each_frame(options, &ps.of, &SECTIONS, out, |frame, out| {
            let processes: Vec<&Process> = frame.processes.iter().flatten().collect();
            match ps.of.target.json {
                true => json(out, &processes)?,
                false => print(frame, &processes, None, out)?,
            }
            Ok(())
        });
    }
    let [earlier, later] =
        Frames::open(options, &ps.of.target.domain, &ps.of.when)?.two(&SECTIONS, ps.interval)?;
    let mut usage = usage(&earlier, &later);
    usage.sort_by_key(|row| row.process.pid);
    if ps.of.target.json {
        json(out, &usage)?;
    } else {
        let processes: Vec<&Process> = usage.iter().map(|row| row.process).collect();
        let percent: Vec<Option<f64>> = usage.iter().map(|row| row.cpu_percent).collect();
        print(&later, &processes, Some(&percent), out)?;
    }
    report(&later.consistency.problems);
    Ok(ExitCode::SUCCESS)
}

/// The table of `ps`, with a column of CPU use where it was measured.
fn print(
    frame: &Frame,
    processes: &[&Process],
    percent: Option<&[Option<f64>]>,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let uptime = frame.os.as_ref().and_then(|os| os.uptime_ns);
    let rows = processes.iter().enumerate().map(|(index, process)| {
        let age = uptime.zip(process.start_time_ns).map(|(now, start)| now.saturating_sub(start));
        let mut row = vec![
            known(process.uid),
            process.pid.to_string(),
            known(process.ppid),
            known(process.threads),
            known(process.state.map(|state| state.letter())),
            known(process.nice),
            known(process.virtual_bytes.map(|bytes| bytes >> 10)),
            known(process.rss_bytes.map(|bytes| bytes >> 10)),
            known(age.map(clock)),
            known(cpu_time(process).map(clock)),
            command(process),
        ];
        if let Some(percent) = percent {
            let used = percent.get(index).copied().flatten().map(|percent| format!("{percent:.1}"));
            row.insert(8, known(used));
        }
        row
    });
    let mut headings = vec![
        "UID>", "PID>", "PPID>", "NLWP>", "S", "NI>", "VSZ>", "RSS>", "ELAPSED>", "TIME>",
        "COMMAND",
    ];
    if percent.is_some() {
        headings.insert(8, "%CPU>");
    }
    table(out, &headings, rows)
}

/// The command line, or the name in brackets where there is none, as `ps` does.
fn command(process: &Process) -> String {
    match process.command_line.as_deref() {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => format!("[{}]", process.name.as_deref().unwrap_or("?")),
    }
}

/// One process that may be killed.
#[derive(serde::Serialize)]
struct Candidate<'a> {
    /// As `/proc/PID/oom_score`.
    oom_score: Option<i64>,
    #[serde(flatten)]
    process: &'a Process,
}

/// `nfm oom`: whom the kernel would kill, the first in front.
pub(crate) fn oom(options: &nfm::OpenOptions, of: &FrameOf, out: &mut dyn Write) -> Verb {
    each_frame(options, of, &[Section::Memory, Section::Processes], out, |frame, out| {
        let candidates = nfm_analysis::oom_candidates(frame).into_iter();
        let rows =
            candidates.map(|one| Candidate { oom_score: one.oom_score, process: one.process });
        if of.target.json {
            return json(out, &rows.collect::<Vec<_>>());
        }
        let rows = rows.map(|Candidate { oom_score, process }| {
            vec![
                known(oom_score),
                known(process.oom_score_adj),
                known(process.rss_bytes.map(|bytes| bytes >> 10)),
                process.pid.to_string(),
                known(process.uid),
                command(process),
            ]
        });
        table(out, &["SCORE>", "ADJ>", "RSS>", "PID>", "UID>", "COMMAND"], rows)?;
        Ok(())
    })
}

/// True if a row is of the process asked for.
fn is_wanted(wanted: Option<u32>, pid: u32) -> bool {
    wanted.is_none_or(|wanted| wanted == pid)
}

/// Names and owners by process id.
fn names(frame: &Frame) -> HashMap<u32, (String, String)> {
    let processes = frame.processes.iter().flatten();
    processes.map(|p| (p.pid, (known(p.name.as_ref()), known(p.uid)))).collect()
}

/// `nfm lsof`: the columns of lsof(8).
pub(crate) fn lsof(options: &nfm::OpenOptions, one: &OfProcess, out: &mut dyn Write) -> Verb {
    each_frame(options, &one.of, &[Section::Processes, Section::Files], out, |frame, out| {
        let rows = frame.files.iter().flatten().filter(|file| is_wanted(one.pid, file.pid));
        if one.of.target.json {
            return json(out, &rows.collect::<Vec<_>>());
        }
        let names = names(frame);
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
        Ok(())
    })
}

/// `nfm pmap`: the columns of pmap(1) -x, for one process or all.
pub(crate) fn pmap(options: &nfm::OpenOptions, one: &OfProcess, out: &mut dyn Write) -> Verb {
    each_frame(options, &one.of, &[Section::Mappings], out, |frame, out| {
        let rows = frame.mappings.iter().flatten().filter(|area| is_wanted(one.pid, area.pid));
        if one.of.target.json {
            return json(out, &rows.collect::<Vec<_>>());
        }
        let rows = rows.map(|area| {
            vec![
                area.pid.to_string(),
                format!("{:016x}", area.start),
                (area.end.saturating_sub(area.start) >> 10).to_string(),
                known(area.resident_bytes.map(|bytes| bytes >> 10)),
                known(area.permissions.as_ref()),
                known(area.offset.map(|offset| format!("{offset:08x}"))),
                area.path.as_deref().unwrap_or("[ anon ]").to_owned(),
            ]
        });
        let headings = ["PID>", "Address", "Kbytes>", "RSS>", "Mode", "Offset", "Mapping"];
        table(out, &headings, rows)?;
        Ok(())
    })
}

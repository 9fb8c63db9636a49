//! Screens as they are printed: for people, as JSON, as CSV.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use nfm::{Frame, Process};
use nfm_screens::{Column, GuestView, Row};

use super::super::json;
use crate::Failure;
use crate::args::Top;
use crate::show::{clock, escaped, known, size, table};
use crate::usage::cpu_time;

/// A guest that is printed.
#[derive(Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Its host; empty for this one.
    pub host: &'a str,
    /// The guest.
    pub view: &'a GuestView,
    /// True if its frames are of now.
    pub is_live: bool,
}

/// Columns for people, of several guests; the first one where they are of several hosts.
const COLUMNS: [Column; 10] = [
    Column::Host,
    Column::Guest,
    Column::Pid,
    Column::User,
    Column::Cpu,
    Column::HostCpu,
    Column::Rss,
    Column::State,
    Column::Time,
    Column::Command,
];

/// One process of one guest, for programs.
#[derive(serde::Serialize)]
struct Told<'a> {
    /// The host's name; none for this one.
    host: Option<&'a str>,
    /// The guest's name.
    guest: &'a str,
    /// Share of one CPU in percent, as the guest counts; unknown where the frames do not tell.
    cpu_percent: Option<f64>,
    /// The holistic share: of one CPU of the host, in percent.
    host_percent: Option<f64>,
    /// How long ago it was so.
    age_ns: u64,
    /// True if an incomplete frame lacks it: it may be gone.
    unknown: bool,
    #[serde(flatten)]
    process: &'a Process,
}

/// Prints the use of the CPU between the last two frames of each guest.
pub(super) fn show(top: &Top, guests: &[Shown], out: &mut dyn Write) -> Result<(), Failure> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
    let mut rows: Vec<Row> = Vec::new();
    for Shown { host, view, is_live } in guests.iter().copied() {
        // Recorded frames are as old as they are meant to be.
        let now_ns = if is_live { now } else { view.frame().time_ns };
        let (guest, labels) = (&*view.frame().domain.name, view.labels());
        let row = |of| Row { host, guest, labels, of, now_ns };
        rows.extend(view.rows().map(row));
    }
    // The greatest first, then those whose share is not known.
    let share = |row: &Row| row.of.cpu_percent.unwrap_or(-1.0);
    rows.sort_by(|one, other| share(other).total_cmp(&share(one)));
    if top.json {
        json(out, &rows.iter().map(told).collect::<Vec<_>>())?;
    } else if top.csv {
        csv(&rows, out)?;
    } else {
        people(guests, &rows, out)?;
    }
    out.flush()?;
    Ok(())
}

fn told<'a>(row: &Row<'a>) -> Told<'a> {
    Told {
        host: Some(row.host).filter(|host| !host.is_empty()),
        guest: row.guest,
        cpu_percent: row.of.cpu_percent,
        host_percent: row.of.host_percent,
        age_ns: row.now_ns.saturating_sub(row.of.seen_ns),
        unknown: row.of.is_unknown,
        process: row.of.process,
    }
}

fn csv(rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(Column::ALL.iter().map(|column| column.name()))?;
    for row in rows {
        writer.write_record(Column::ALL.iter().map(|column| column.cell(row).plain()))?;
    }
    writer.flush()
}

fn people(guests: &[Shown], rows: &[Row], out: &mut dyn Write) -> std::io::Result<()> {
    for guest in guests {
        head(guest, out)?;
    }
    writeln!(out)?;
    if let [Shown { host: "", .. }] = *guests {
        let rows = rows.iter().map(|row| {
            let process = row.of.process;
            vec![
                process.pid.to_string(),
                known(process.uid),
                known(process.nice),
                known(process.virtual_bytes.map(|bytes| bytes >> 10)),
                known(process.rss_bytes.map(|bytes| bytes >> 10)),
                known(process.shared_bytes.map(|bytes| bytes >> 10)),
                known(process.state.filter(|_| !row.of.is_unknown).map(|state| state.letter())),
                known(row.of.cpu_percent.map(|percent| format!("{percent:.1}"))),
                known(cpu_time(process).map(clock)),
                known(process.name.as_ref()),
            ]
        });
        let headings =
            ["PID>", "UID>", "NI>", "VIRT>", "RES>", "SHR>", "S", "%CPU>", "TIME>", "COMMAND"];
        return table(out, &headings, rows);
    }
    let has_hosts = guests.iter().any(|guest| !guest.host.is_empty());
    let columns = COLUMNS.get(usize::from(!has_hosts)..).unwrap_or_default();
    let headings: Vec<String> = columns
        .iter()
        .map(|column| format!("{}{}", column.heading(), if column.is_right() { ">" } else { "" }))
        .collect();
    let headings: Vec<&str> = headings.iter().map(String::as_str).collect();
    let cells = |row: &Row| columns.iter().map(|one| one.cell(row).shown().into_owned()).collect();
    table(out, &headings, rows.iter().map(cells))
}

/// The guest as a whole.
fn head(guest: &Shown, out: &mut dyn Write) -> std::io::Result<()> {
    let Shown { host, view, .. } = *guest;
    let frame: &Frame = view.frame();
    if let Some(os) = &frame.os {
        let load = os.load.map(|[a, b, c]| format!("{a:.2}, {b:.2}, {c:.2}"));
        let up = known(os.uptime_ns.map(clock));
        let host = if host.is_empty() { String::new() } else { format!("{}/", escaped(host)) };
        let name = escaped(&frame.domain.name);
        writeln!(out, "{host}{name}: up {up}, load average: {}", known(load))?;
    }
    let is_running = |row: &nfm_screens::ProcessView| {
        !row.is_unknown && row.process.state == Some(nfm::ProcessState::Running)
    };
    let running = view.rows().filter(is_running).count();
    writeln!(out, "Tasks: {} total, {running} running", view.len())?;
    let percent = |value: Option<f64>| known(value.map(|value| format!("{value:.1} %")));
    let used = view.used();
    writeln!(
        out,
        "CPUs: {}, {} busy, {} stolen; {} by the host's count",
        used.cpus,
        percent(used.busy_percent),
        percent(used.steal_percent),
        percent(used.host_percent)
    )?;
    if let Some(memory) = &frame.memory {
        let of = |bytes: Option<u64>| known(bytes.map(size));
        let (total, available) = (of(memory.total), of(memory.available));
        writeln!(out, "Mem: {total} total, {} free, {available} available", of(memory.free))?;
    }
    Ok(())
}

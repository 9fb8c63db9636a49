//! How facts look on a terminal. Guest text is hostile: nothing of it reaches the terminal unescaped.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::DateTime;
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
pub(crate) use nfm::escaped;

/// Prints one line to standard error: trouble, which may hold text of a guest.
pub(crate) fn complain(trouble: impl Display) {
    eprintln!("nfm: {}", escaped(&trouble.to_string()));
}

/// Standard error, for the log. One write is one line, and nothing in it steers the terminal.
pub(crate) struct LogLines;

impl Write for LogLines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        writeln!(io::stderr(), "{}", escaped(text.strip_suffix('\n').unwrap_or(&text)))?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// A value, or `?` where it is not known.
pub(crate) fn known<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

/// Prints rows under headings, without lines; headings that end in `>` are of right-aligned columns.
pub(crate) fn table(
    out: &mut dyn Write,
    headings: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|heading| heading.trim_end_matches('>')));
    for row in rows {
        table.add_row(row.iter().map(|cell| escaped(cell).into_owned()));
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if headings.get(index).is_some_and(|heading| heading.ends_with('>')) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// Bytes in the unit that reads best.
pub(crate) fn size(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    let unit = units.get(unit).copied().unwrap_or_default();
    if value.fract() == 0.0 { format!("{value:.0} {unit}") } else { format!("{value:.1} {unit}") }
}

/// A duration as `ps` shows it: `[[dd-]hh:]mm:ss`.
pub(crate) fn clock(nanoseconds: u64) -> String {
    let seconds = nanoseconds / 1_000_000_000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let rest = format!("{:02}:{:02}", seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => rest,
        (0, hours) => format!("{hours:02}:{rest}"),
        (days, hours) => format!("{days}-{hours:02}:{rest}"),
    }
}

/// A time in nanoseconds since 1970, in UTC: `2026-11-30 04:05:06`.
pub(crate) fn utc(nanoseconds: i64) -> String {
    DateTime::from_timestamp_nanos(nanoseconds).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let mut out = Vec::new();
        let rows = vec![vec!["1".into(), "init".into()], vec!["1042".into(), "x\ty".into()]];
        table(&mut out, &["PID>", "NAME"], rows).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), " PID  NAME\n   1  init\n1042  x\\ty\n");
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!(clock(61_000_000_000), "01:01");
        assert_eq!(clock(3_600_000_000_000), "01:00:00");
        assert_eq!(clock(90_061_000_000_000), "1-01:01:01");
        assert_eq!(utc(0), "1970-01-01 00:00:00");
        assert_eq!(utc(951_827_696_999_999_999), "2000-02-29 12:34:56");
        assert_eq!(utc(4_107_542_399_000_000_000), "2100-02-28 23:59:59");
        assert_eq!(utc(-1), "1969-12-31 23:59:59");
        assert_eq!(size(512 << 20), "512 MiB");
        assert_eq!(size(1536), "1.5 KiB");
    }
}

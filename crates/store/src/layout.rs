//! Names of files and folders. They tell times, host and order, so that a look for a time opens few files.
//!
//! `log/T0-HOST-RUN-SEGMENT.log` is a log that is not sealed;
//! `table=TABLE/date=YYYY-MM-DD/hour=HH/T0-T1-HOST-RUN-SEGMENT.parquet` a sealed segment. T0 and T1 are
//! `YYYYMMDDThhmmssZ`, by the wall clock, the second one rounded up. Order is by run and segment: the clock may step.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Result, StoreError};

const SECOND: u64 = 1_000_000_000;
/// The wall-clock time that one segment holds.
const SLOT: u64 = 600 * SECOND;

/// The number of the ten minutes of a time. No segment holds frames of two.
pub fn slot(time_ns: u64) -> u64 {
    time_ns / SLOT
}

/// The name of a log or of a segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The host.
    pub host: String,
    /// The recorder's run.
    pub run: u64,
    /// The number of the log in the run.
    pub segment: u64,
    /// The first frame's time, seconds since 1970, rounded down.
    pub from_s: u64,
    /// The last frame's time, rounded up; `None` of a log.
    pub to_s: Option<u64>,
}

impl Name {
    /// The name of a file.
    pub fn parse(file: &str) -> Option<Self> {
        let (stem, kind) = file.rsplit_once('.')?;
        let mut front = stem;
        let mut time = || {
            let (time, rest) = front.split_once('-')?;
            front = rest;
            from_compact(time)
        };
        let from_s = time()?;
        let to_s = match kind {
            "log" => None,
            "parquet" => Some(time()?),
            _ => return None,
        };
        let (rest, segment) = front.rsplit_once('-')?;
        let (host, run) = rest.rsplit_once('-')?;
        Some(Self {
            host: host.to_owned(),
            run: run.parse().ok()?,
            segment: segment.parse().ok()?,
            from_s,
            to_s,
        })
    }

    /// The file's name.
    pub fn file(&self) -> String {
        let Self { host, run, segment, from_s, .. } = self;
        let from = compact(*from_s);
        match self.to_s {
            Some(to_s) => {
                format!("{from}-{}-{host}-{run:06}-{segment:06}.parquet", compact(to_s))
            }
            None => format!("{from}-{host}-{run:06}-{segment:06}.log"),
        }
    }

    /// The place of a table's segment in a store.
    pub(crate) fn path(&self, store: &Path, table: &str) -> PathBuf {
        store.join(format!("table={table}")).join(hour(self.from_s)).join(self.file())
    }

    /// The same segment, whatever its times.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.host, self.run, self.segment) == (&other.host, other.run, other.segment)
    }
}

/// A host's name as it may stand in a file's name.
pub fn host_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().take(64).map(safe).collect();
    if name.is_empty() { "host".to_owned() } else { name }
}

/// `date=YYYY-MM-DD/hour=HH` of a time.
pub(crate) fn hour(seconds: u64) -> PathBuf {
    let (year, month, day) = date(seconds / 86_400);
    let hour = seconds / 3600 % 24;
    PathBuf::from(format!("date={year:04}-{month:02}-{day:02}")).join(format!("hour={hour:02}"))
}

/// The folder of logs that are not sealed.
pub(crate) fn log_folder(store: &Path) -> PathBuf {
    store.join("log")
}

/// The folder of files that are not whole yet: engines read every file of a table's folder.
pub(crate) fn temporary_folder(store: &Path) -> PathBuf {
    store.join("tmp")
}

/// The names in a folder that are those of logs or segments, in their order; none where there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Result<Vec<Name>> {
    let mut names: Vec<Name> =
        files_in(folder)?.iter().filter_map(|file| Name::parse(file)).collect();
    names.sort();
    Ok(names)
}

/// The names of all files of a folder; none where there is no such folder.
pub(crate) fn files_in(folder: &Path) -> Result<Vec<String>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StoreError::file(folder)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(StoreError::file(folder))?;
        names.extend(entry.file_name().into_string());
    }
    names.sort();
    Ok(names)
}

fn compact(seconds: u64) -> String {
    let (year, month, day) = date(seconds / 86_400);
    let of_day = seconds % 86_400;
    let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
    format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
}

fn from_compact(text: &str) -> Option<u64> {
    let digits: String = text.strip_suffix('Z')?.split('T').collect();
    if digits.len() != 14 || text.len() != 16 {
        return None;
    }
    let part = |from: usize, to: usize| digits.get(from..to)?.parse::<u64>().ok();
    let days = days(part(0, 4)?, part(4, 6)?, part(6, 8)?)?;
    let of_day = part(8, 10)? * 3600 + part(10, 12)? * 60 + part(12, 14)?;
    Some(days * 86_400 + of_day)
}

/// Year, month and day of a day since 1970 (the algorithm of Howard Hinnant, `civil_from_days`).
pub(crate) fn date(days: u64) -> (u64, u64, u64) {
    let days = days.saturating_add(719_468);
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// The day since 1970 of a date (`days_from_civil`).
pub(crate) fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        let name = Name {
            host: "rack-7.example".to_owned(),
            run: 3,
            segment: 12,
            from_s: 1_796_000_400,
            to_s: Some(1_796_001_000),
        };
        assert_eq!(
            name.file(),
            "20261130T010000Z-20261130T011000Z-rack-7.example-000003-000012.parquet"
        );
        assert_eq!(Name::parse(&name.file()), Some(name.clone()));
        let log = Name { to_s: None, ..name.clone() };
        assert_eq!(Name::parse(&log.file()), Some(log));
        assert_eq!(
            name.path(Path::new("/s"), "frames").parent(),
            Some(Path::new("/s/table=frames/date=2026-11-30/hour=01"))
        );
        for wrong in ["", "x.log", "20261130T010000Z-a-b-1.log", "20261130T010000Z-a-1-1.txt"] {
            assert_eq!(Name::parse(wrong), None, "{wrong}");
        }
        assert_eq!(host_name("../a b"), ".._a_b");
    }

    #[test]
    fn days_come_back() {
        for day in (0..200_000).step_by(17) {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(20_787), (2026, 11, 30));
    }
}

//! Verifying a store: every byte is read, and all damage named.

use std::path::Path;

use crate::error::{Result, StoreError};
use crate::layout::{Name, files_in, log_folder};
use crate::log::Log;
use crate::parquet_file::Segment;
use crate::tables::TABLES;
use crate::track::log_tracks;

/// The result of reading all of a store.
#[derive(Clone, Debug, Default, serde::Serialize)]
pub struct Verified {
    /// Files that were read.
    pub files: u64,
    /// Rows of all tables.
    pub rows: u64,
    /// Each damage in one sentence.
    pub damage: Vec<String>,
}

/// Reads every file of a store.
///
/// # Errors
/// A folder cannot be read.
pub fn verify(store: &Path) -> Result<Verified> {
    let mut verified = Verified::default();
    for file in files_in(&log_folder(store))? {
        if Name::parse(&file).is_some() {
            verified.log(&log_folder(store).join(&file))?;
        }
    }
    for table in &TABLES.all {
        let folder = store.join(format!("table={}", table.name));
        for date in files_in(&folder)? {
            for hour in files_in(&folder.join(&date))? {
                let folder = folder.join(&date).join(&hour);
                for file in files_in(&folder)? {
                    if Name::parse(&file).is_some() {
                        verified.segment(&folder.join(&file))?;
                    }
                }
            }
        }
    }
    Ok(verified)
}

impl Verified {
    fn log(&mut self, path: &Path) -> Result<()> {
        let log = match Log::read(path) {
            Ok(log) => log,
            // It was sealed meanwhile.
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        self.files += 1;
        let (tracks, lost) = log_tracks(&log);
        self.rows += tracks.iter().map(|track| track.entries.len() as u64).sum::<u64>();
        let place = path.display();
        for (at, length) in &log.damage {
            self.damage.push(format!("'{place}': {length} bytes at byte {at} are damaged"));
        }
        for (domain, count) in lost {
            self.damage
                .push(format!("'{place}': {count} frames of '{}' cannot be read", domain.name));
        }
        Ok(())
    }

    fn segment(&mut self, path: &Path) -> Result<()> {
        match Segment::open(path) {
            Ok(segment) => {
                self.files += 1;
                let rows = (0..segment.groups()).map(|group| segment.rows_of(group));
                self.rows += rows.sum::<i64>().cast_unsigned();
                self.damage.extend(segment.verify());
            }
            Err(error @ (StoreError::Damaged { .. } | StoreError::Newer { .. })) => {
                self.files += 1;
                self.damage.push(error.to_string());
            }
            // Retention removed it.
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

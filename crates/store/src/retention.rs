//! Retention: sealed segments that are too old, or too many, are removed, the oldest first.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::{Result, StoreError};
use crate::layout::{Name, files_in, names_in};
use crate::tables::TABLES;

/// The sealed segments that are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// Those that ended so long ago at most.
    pub age: Option<Duration>,
    /// So many bytes of them at most.
    pub bytes: Option<u64>,
    /// As many as leave so many bytes free on the file system, or an eighth of it if that is less.
    pub free: Option<u64>,
}

/// A sealed segment with the files of its tables.
struct Segment {
    from_s: u64,
    to_s: u64,
    bytes: u64,
    files: Vec<(bool, PathBuf)>,
}

/// Removes what is not to be kept at a time (nanoseconds since 1970); returns how many segments that were, and their
/// bytes.
///
/// # Errors
/// A file cannot be removed.
pub fn prune(store: &Path, keep: &Retention, now_ns: u64) -> Result<(u64, u64)> {
    let segments = segments(store)?;
    let mut all: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let (mut free, disk) = free(store)?;
    let keep = Retention { free: keep.free.map(|least| least.min(disk / 8)), ..*keep };
    let (mut removed, mut bytes) = (0_u64, 0_u64);
    for segment in segments {
        let age =
            Duration::from_nanos(now_ns.saturating_sub(segment.to_s.saturating_mul(1_000_000_000)));
        let is_kept = keep.age.is_none_or(|most| age <= most)
            && keep.bytes.is_none_or(|most| all <= most)
            && keep.free.is_none_or(|least| free >= least);
        if is_kept {
            continue;
        }
        segment.remove(store)?;
        all = all.saturating_sub(segment.bytes);
        free = free.saturating_add(segment.bytes);
        removed += 1;
        bytes = bytes.saturating_add(segment.bytes);
    }
    Ok((removed, bytes))
}

/// Removes the oldest segment; false where there is none.
///
/// # Errors
/// A file cannot be removed.
pub fn remove_oldest(store: &Path) -> Result<bool> {
    let oldest = segments(store)?.into_iter().next();
    oldest.as_ref().map(|segment| segment.remove(store)).transpose()?;
    Ok(oldest.is_some())
}

/// The segments in the order in which they go.
fn segments(store: &Path) -> Result<Vec<Segment>> {
    let mut segments: BTreeMap<(String, u64, u64), Segment> = BTreeMap::new();
    for table in &TABLES.all {
        let folder = store.join(format!("table={}", table.name));
        for date in files_in(&folder)? {
            for hour in files_in(&folder.join(&date))? {
                let folder = folder.join(&date).join(&hour);
                for name in names_in(&folder)? {
                    let Name { host, run, segment, from_s, to_s: Some(to_s) } = name.clone() else {
                        continue;
                    };
                    let path = folder.join(name.file());
                    let bytes = fs::metadata(&path).map_or(0, |file| file.len());
                    let own = segments.entry((host, run, segment));
                    let own = own.or_insert(Segment { from_s, to_s, bytes: 0, files: Vec::new() });
                    own.bytes = own.bytes.saturating_add(bytes);
                    own.files.push((table.name == "frames", path));
                }
            }
        }
    }
    Ok(oldest_first(segments))
}

/// The segments of all hosts in the order in which they go. Those of one host go as they were recorded, also where its clock
/// stepped back between them.
fn oldest_first(segments: BTreeMap<(String, u64, u64), Segment>) -> Vec<Segment> {
    let mut latest: BTreeMap<String, u64> = BTreeMap::new();
    let mut all: Vec<(u64, Segment)> = Vec::with_capacity(segments.len());
    for ((host, ..), segment) in segments {
        let latest = latest.entry(host).or_default();
        *latest = segment.from_s.max(*latest);
        all.push((*latest, segment));
    }
    all.sort_by_key(|(time, _)| *time);
    all.into_iter().map(|(_, segment)| segment).collect()
}

impl Segment {
    /// Removes the files, that of `frames` first: from then on readers do not look for the others.
    fn remove(&self, store: &Path) -> Result<()> {
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by_key(|(is_frames, _)| !is_frames);
        for (_, path) in files {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(StoreError::file(path)(error));
                }
                _ => {}
            }
            // Folders that are empty now, up to the table's.
            let folders = path.ancestors().skip(1).take_while(|folder| *folder != store);
            let is_empty = |folder: &&Path| fs::remove_dir(folder).is_ok();
            let _ = folders.take_while(is_empty).count();
        }
        Ok(())
    }
}

/// Bytes that the file system has free, and all that it has.
fn free(store: &Path) -> Result<(u64, u64)> {
    let disk = rustix::fs::statvfs(store).map_err(|error| StoreError::file(store)(error.into()))?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.f_frsize);
    Ok((bytes(disk.f_bavail), bytes(disk.f_blocks)))
}

//! The write-ahead log: records in a file, until they are sealed.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Result, StoreError};
use crate::layout::{Name, log_folder};
use crate::record::{self, LogBegin, Parsed, Record, RecordHead, RecordKind};

/// Bytes of disk that are taken at once, so that a full disk shows before a record is half written.
const STEP: u64 = 256 << 10;
/// The version of the records.
pub(crate) const VERSION: u32 = 1;

/// A log that grows.
pub struct LogWriter {
    file: File,
    path: PathBuf,
    name: Name,
    length: u64,
    /// Bytes that the disk has given.
    allocated: u64,
    sync_period: Duration,
    synced: Instant,
    is_synced: bool,
}

impl LogWriter {
    /// Begins a log of a store. `highest` is the highest number that a frame had before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(store: &Path, name: Name, highest: u64, sync_period: Duration) -> Result<Self> {
        let path = log_folder(store).join(name.file());
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o640)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(&path)
            .map_err(StoreError::file(&path))?;
        let (run, segment) = (name.run, name.segment);
        let begin = LogBegin { version: VERSION, host: name.host.clone(), run, segment, highest };
        let mut log = Self {
            file,
            path,
            name,
            length: 0,
            allocated: 0,
            sync_period,
            synced: Instant::now(),
            is_synced: true,
        };
        let wall_ns = log.name.from_s.saturating_mul(1_000_000_000);
        let head = RecordHead::other(RecordKind::Begin, wall_ns, 0);
        let mut bytes = Vec::new();
        head.write_json(&begin, &mut bytes);
        log.append(&bytes)?;
        // The name of the file has to survive as its content does.
        let folder = log_folder(store);
        File::open(&folder).and_then(|one| one.sync_all()).map_err(StoreError::file(&folder))?;
        Ok(log)
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> u64 {
        self.length
    }

    /// The log's name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record's bytes: all of them, or none.
    ///
    /// # Errors
    /// The disk is full, or fails.
    pub fn append(&mut self, record: &[u8]) -> Result<()> {
        let wrong = StoreError::file(&self.path);
        let written = self.allocate(record.len() as u64).and_then(|()| {
            let written = self.file.write_all(record);
            if written.is_err() {
                // Its written part would be damage in the middle of the log.
                self.file.set_len(self.length)?;
                io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.length))?;
            }
            written
        });
        written.map_err(wrong)?;
        self.length = self.length.saturating_add(record.len() as u64);
        self.is_synced = false;
        Ok(())
    }

    fn allocate(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.length.saturating_add(bytes);
        if end <= self.allocated {
            return Ok(());
        }
        let more = bytes.max(STEP);
        let flags = rustix::fs::FallocateFlags::KEEP_SIZE;
        match rustix::fs::fallocate(&self.file, flags, self.length, more) {
            Ok(()) => self.allocated = self.length.saturating_add(more),
            // File systems without it tell by the write itself.
            Err(rustix::io::Errno::OPNOTSUPP) => self.allocated = u64::MAX,
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes to the disk what was appended, if the period for that has passed.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync_if_due(&mut self) -> Result<()> {
        match self.is_synced || self.synced.elapsed() < self.sync_period {
            true => Ok(()),
            false => self.sync(),
        }
    }

    /// Writes to the disk what was appended.
    ///
    /// # Errors
    /// The disk fails.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(StoreError::file(&self.path))?;
        (self.synced, self.is_synced) = (Instant::now(), true);
        Ok(())
    }
}

/// The bytes of a log, and where its sound records are.
pub struct Log {
    bytes: Vec<u8>,
    /// Each record's part before the payload, and the place of its first byte.
    records: Vec<(RecordHead, usize)>,
    /// Its beginning; `None` where that is damaged.
    pub begin: Option<LogBegin>,
    /// Bytes that are no sound record: the places, and how many.
    pub damage: Vec<(usize, usize)>,
}

impl Log {
    /// Reads a log.
    ///
    /// # Errors
    /// The file cannot be read, or is of a newer version.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = crate::files::read(path)?;
        let mut log =
            Self { bytes: Vec::new(), records: Vec::new(), begin: None, damage: Vec::new() };
        let mut at = 0;
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match record::parse(rest) {
                Parsed::Record(record, length) => {
                    if record.head.kind == RecordKind::Begin {
                        log.begin = serde_json::from_slice(record.payload).ok();
                    }
                    log.records.push((record.head, at));
                    at = at.saturating_add(length);
                }
                // A newer version wrote it, and those around it can be read.
                Parsed::Newer(length) => at = at.saturating_add(length),
                Parsed::Short(_) | Parsed::Damaged => {
                    let skipped = record::next_start(rest).unwrap_or(rest.len());
                    // A last record that is being written, or that a power cut left, was never acknowledged.
                    let is_tail =
                        skipped == rest.len() && matches!(record::parse(rest), Parsed::Short(_));
                    let is_room = rest.iter().all(|byte| *byte == 0);
                    if !is_tail && !is_room {
                        match log.damage.last_mut() {
                            Some((from, length)) if from.saturating_add(*length) == at => {
                                *length = length.saturating_add(skipped);
                            }
                            _ => log.damage.push((at, skipped)),
                        }
                    }
                    at = at.saturating_add(skipped);
                }
            }
        }
        if log.begin.as_ref().is_some_and(|begin| begin.version > VERSION) {
            return Err(StoreError::Newer { path: path.to_owned() });
        }
        log.bytes = bytes;
        Ok(log)
    }

    /// How many records it has.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// True if it has none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The records' parts before their payloads, in their order.
    pub fn heads(&self) -> impl Iterator<Item = RecordHead> {
        self.records.iter().map(|(head, _)| *head)
    }

    /// A record.
    pub fn record(&self, index: usize) -> Option<Record<'_>> {
        let (_, at) = self.records.get(index)?;
        match record::parse(self.bytes.get(*at..)?) {
            Parsed::Record(record, _) => Some(record),
            _ => None,
        }
    }

    /// The highest number of a frame, in the log and before it.
    pub fn highest(&self) -> u64 {
        let before = self.begin.as_ref().map_or(0, |begin| begin.highest);
        self.heads().map(|head| head.seq).fold(before, u64::max)
    }

    /// How many bytes it has.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The records with their places in the log.
    pub fn records(&self) -> impl Iterator<Item = (usize, Record<'_>)> {
        (0..self.len()).filter_map(|index| Some((index, self.record(index)?)))
    }
}

//! A store that is written to, by one recorder at a time.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Result, StoreError};
use crate::files::{Lock, make_folder};
use crate::layout::{Name, host_name, log_folder, names_in, slot, temporary_folder};
use crate::log::LogWriter;
use crate::record::{Event, RecordHead, RecordKind};
use crate::store::Store;

const SECOND: u64 = 1_000_000_000;
/// How long a log stays open after another was begun: frames of its ten minutes may be on their way.
const GRACE: Duration = Duration::from_secs(10);

/// A store with its lock.
pub struct StoreWriter {
    path: PathBuf,
    host: String,
    run: u64,
    /// Logs that were begun in this run.
    segments: u64,
    /// The highest number that a frame has.
    highest: u64,
    sync_period: Duration,
    /// The open logs, by the number of their ten minutes, with the time of their last record.
    logs: BTreeMap<u64, (LogWriter, Instant)>,
    /// Logs to be sealed: those of earlier runs, and those that are over.
    finished: Vec<(PathBuf, Name)>,
    _lock: Lock,
}

impl StoreWriter {
    /// Opens a store for a recorder, and makes it where there is none. What was appended is on the disk after
    /// `sync_period` at the latest.
    ///
    /// # Errors
    /// Another recorder writes to it, or a folder cannot be made.
    pub fn open(path: &Path, host: &str, sync_period: Duration) -> Result<Self> {
        make_folder(path)?;
        let lock = Lock::take(path)?;
        let logs = log_folder(path);
        make_folder(&logs)?;
        // The files that an interrupted sealing left are made anew from its log.
        let temporary = temporary_folder(path);
        match std::fs::remove_dir_all(&temporary) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoreError::file(&temporary)(error));
            }
            _ => make_folder(&temporary)?,
        }
        let host = host_name(host);
        let mut store = Store::open(path)?;
        let (names, highest) = (store.names()?, store.highest_number()?);
        let of_host = names.iter().filter(|name| name.host == host);
        let run = of_host.map(|name| name.run).max().unwrap_or(0).saturating_add(1);
        let mut finished = Vec::new();
        for name in names_in(&logs)? {
            let file = logs.join(name.file());
            match names.iter().any(|one| one.to_s.is_some() && one.is_same(&name)) {
                // It was sealed, and the recorder ended before it could remove it.
                true => std::fs::remove_file(&file).map_err(StoreError::file(&file))?,
                false => finished.push((file, name)),
            }
        }
        let (path, logs) = (path.to_owned(), BTreeMap::new());
        Ok(Self { path, host, run, segments: 0, highest, sync_period, logs, finished, _lock: lock })
    }

    /// The recorder's run, counted from 1.
    pub fn run(&self) -> u64 {
        self.run
    }

    /// The highest number that a frame has, of any guest: [`Encoder`](crate::Encoder)s number on from there.
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// The host's name, as it stands in the names of files.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The store's folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record, given by its bytes.
    ///
    /// # Errors
    /// The disk is full or fails: the record is not there, and later ones may be appended.
    pub fn append(&mut self, head: &RecordHead, record: &[u8]) -> Result<()> {
        let slot = slot(head.wall_ns);
        if !self.logs.contains_key(&slot) {
            self.segments = self.segments.saturating_add(1);
            let name = Name {
                host: self.host.clone(),
                run: self.run,
                segment: self.segments,
                from_s: head.wall_ns / SECOND,
                to_s: None,
            };
            let log = LogWriter::create(&self.path, name, self.highest, self.sync_period)?;
            self.logs.insert(slot, (log, Instant::now()));
        }
        if let Some((log, last)) = self.logs.get_mut(&slot) {
            log.append(record)?;
            *last = Instant::now();
            self.highest = self.highest.max(head.seq);
        }
        Ok(())
    }

    /// Appends an event.
    ///
    /// # Errors
    /// As with [`Self::append`].
    pub fn append_event(&mut self, event: &Event, boot_ns: u64) -> Result<()> {
        let wall_ns = event.time_ns;
        let head = RecordHead { kind: RecordKind::Event, vm: 0, seq: 0, wall_ns, boot_ns };
        let mut bytes = Vec::new();
        head.write_json(event, &mut bytes);
        self.append(&head, &bytes)
    }

    /// Does what time asks for: writes to the disk, and ends the logs that are over. To be called several times a second.
    ///
    /// # Errors
    /// The disk fails.
    pub fn tick(&mut self) -> Result<()> {
        let newest = self.logs.iter().max_by_key(|(_, (_, last))| *last).map(|(slot, _)| *slot);
        let is_over = |slot: &u64, last: &Instant| Some(*slot) != newest && last.elapsed() > GRACE;
        let over: Vec<u64> = self
            .logs
            .iter()
            .filter(|(slot, (_, last))| is_over(slot, last))
            .map(|(slot, _)| *slot)
            .collect();
        for slot in over {
            self.end(slot)?;
        }
        self.logs.values_mut().try_for_each(|(log, _)| log.sync_if_due())
    }

    fn end(&mut self, slot: u64) -> Result<()> {
        if let Some((mut log, _)) = self.logs.remove(&slot) {
            log.sync()?;
            self.finished.push((log.path().to_owned(), log.name().clone()));
        }
        Ok(())
    }

    /// Ends all logs, those of this moment among them.
    ///
    /// # Errors
    /// The disk fails.
    pub fn end_all(&mut self) -> Result<()> {
        let slots: Vec<u64> = self.logs.keys().copied().collect();
        slots.into_iter().try_for_each(|slot| self.end(slot))
    }

    /// The logs that are over, to be sealed by [`seal`](crate::seal), which may be done by another thread.
    pub fn take_finished(&mut self) -> Vec<(PathBuf, Name)> {
        std::mem::take(&mut self.finished)
    }
}

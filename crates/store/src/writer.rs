//! A store that is written to, by one recorder at a time.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::error::{Result, StoreError};
use crate::files::{Lock, make_folder};
use crate::layout::{Name, host_name, log_folder, names_in, slot, temporary_folder};
use crate::log::LogWriter;
use crate::record::{Event, RecordHead, RecordKind};
use crate::store::Store;

const SECOND: u64 = 1_000_000_000;
/// A log stays open at least so long after the next one was begun: frames of its ten minutes may be on their way.
const GRACE: Duration = Duration::from_secs(10);

/// Bytes after which a log is followed by another: readers have a log in memory, and it must leave room for its segment.
const LONGEST_LOG: u64 = 64 << 20;

/// The same on a small disk: a sixteenth of it.
fn longest_log(store: &Path) -> u64 {
    let disk = rustix::fs::statvfs(store);
    let all = disk.map_or(u64::MAX, |disk| disk.f_blocks.saturating_mul(disk.f_frsize));
    (all / 16).clamp(256 << 10, LONGEST_LOG)
}

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
    /// A log stays open so long after the next one was begun.
    grace: Duration,
    /// The open logs, in the order in which they were begun.
    logs: Vec<OpenLog>,
    /// The segment of the log that each guest's last key is in: what follows a key belongs behind it.
    keys: HashMap<u32, u64>,
    /// Logs to be sealed: those of earlier runs, and those that are over.
    finished: Vec<(PathBuf, Name)>,
    _lock: Lock,
}

/// A log that is appended to.
struct OpenLog {
    /// The number of its ten minutes.
    slot: u64,
    log: LogWriter,
    /// The host's clock since its boot at the first record.
    boot_ns: u64,
    /// When the last record was appended.
    last: Instant,
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
        let (logs, keys, segments) = (Vec::new(), HashMap::new(), 0);
        let path = path.to_owned();
        let (grace, _lock) = (GRACE, lock);
        Ok(Self {
            path,
            host,
            run,
            segments,
            highest,
            sync_period,
            grace,
            logs,
            keys,
            finished,
            _lock,
        })
    }

    /// Keeps logs open for records that come so much later than they were made.
    pub fn expect_late(&mut self, by: Duration) {
        self.grace = GRACE.saturating_add(by);
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
        let newest = self.logs.iter().rposition(|one| one.slot == slot);
        let of_key = self.keys.get(&head.vm);
        let index = match head.kind {
            RecordKind::Frame => self
                .logs
                .iter()
                .position(|one| one.slot == slot && Some(&one.log.name().segment) == of_key)
                .or(newest),
            // With a key a guest moves to the newest log, and a log that is long enough is followed by another. One that was
            // made before that belongs to those of its time.
            RecordKind::Key => {
                let is_own = |one: &OpenLog| one.slot == slot && one.boot_ns <= head.boot_ns;
                let own = self.logs.iter().rposition(is_own).or(newest);
                match own.and_then(|index| self.logs.get(index)) {
                    Some(open) if own == newest && open.log.len() > longest_log(&self.path) => None,
                    _ => own,
                }
            }
            _ => newest,
        };
        let index = match index {
            Some(index) => index,
            None => self.begin(slot, head)?,
        };
        if let Some(open) = self.logs.get_mut(index) {
            open.log.append(record)?;
            open.last = Instant::now();
            self.highest = self.highest.max(head.seq);
            if head.kind == RecordKind::Key {
                self.keys.insert(head.vm, open.log.name().segment);
            }
        }
        Ok(())
    }

    /// Begins a log; returns its index.
    fn begin(&mut self, slot: u64, head: &RecordHead) -> Result<usize> {
        let name = Name {
            host: self.host.clone(),
            run: self.run,
            segment: self.segments.saturating_add(1),
            from_s: head.wall_ns / SECOND,
            to_s: None,
        };
        let log = LogWriter::create(&self.path, name, self.highest, self.sync_period)?;
        self.segments = self.segments.saturating_add(1);
        self.logs.push(OpenLog { slot, log, boot_ns: head.boot_ns, last: Instant::now() });
        Ok(self.logs.len().saturating_sub(1))
    }

    /// Appends an event.
    ///
    /// # Errors
    /// As with [`Self::append`].
    pub fn append_event(&mut self, event: &Event, boot_ns: u64) -> Result<()> {
        let wall_ns = event.time_ns;
        let head = RecordHead::other(RecordKind::Event, wall_ns, boot_ns);
        let mut bytes = Vec::new();
        head.write_json(event, &mut bytes);
        self.append(&head, &bytes)
    }

    /// Does what time asks for: writes to the disk, and ends the logs that are over. To be called several times a second.
    ///
    /// # Errors
    /// The disk fails.
    pub fn tick(&mut self) -> Result<()> {
        let newest = self.logs.iter().map(|one| one.last).max();
        let grace = self.grace;
        let is_over = |one: &OpenLog| Some(one.last) != newest && one.last.elapsed() > grace;
        self.end(is_over)?;
        self.logs.iter_mut().try_for_each(|one| one.log.sync_if_due())
    }

    /// Ends the logs of which this is true.
    fn end(&mut self, is_over: impl Fn(&OpenLog) -> bool) -> Result<()> {
        while let Some(index) = self.logs.iter().position(&is_over) {
            let mut open = self.logs.remove(index);
            open.log.sync()?;
            self.finished.push((open.log.path().to_owned(), open.log.name().clone()));
        }
        Ok(())
    }

    /// Ends all logs, those of this moment among them.
    ///
    /// # Errors
    /// The disk fails.
    pub fn end_all(&mut self) -> Result<()> {
        self.end(|_| true)
    }

    /// The logs that are over, to be sealed by [`seal`](crate::seal), which may be done by another thread.
    pub fn take_finished(&mut self) -> Vec<(PathBuf, Name)> {
        std::mem::take(&mut self.finished)
    }
}

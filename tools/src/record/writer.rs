//! The process that writes the store: it has no rights, and reads nothing but the crawler's pipe.

use std::collections::{HashMap, HashSet};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use nfm_live::{About, Greeting, Server, Viewers};
use nfm_store::{
    Event, Name, Parsed, RecordHead, RecordKind, Retention, StoreWriter, is_of_flight, parse,
    prune, remove_oldest, seal,
};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::thread::CapabilitySet;

use crate::args::{Record, UseSocket};
use crate::crawler::{ANEW, Hello, boot_clock, wall_clock};
use crate::{Failure, complain, privileges};

/// The longest wait for records, so that what time asks for is done.
const TICK: Duration = Duration::from_millis(200);
/// The time from one look for what is too old to the next.
const PRUNE_PERIOD: Duration = Duration::from_secs(60);
/// The wall clock may be corrected by so much without being said to have stepped.
const STEP_NS: u64 = 1_000_000_000;

/// Writes the store until the pipe ends.
pub(crate) fn run(record: &Record, uri: &str, late: f64) -> Result<(), Failure> {
    // The socket's group is set with root's rights, where it has them.
    let listener = match record.live.live {
        UseSocket::Auto => listen(record)?,
        UseSocket::No => None,
    };
    privileges::give_up_capabilities(CapabilitySet::empty());
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let sync = Duration::from_secs_f64(record.sync);
    let mut store = StoreWriter::open(&record.store, &host, sync)?;
    store.expect_late(Duration::from_secs_f64(late));
    let server = match listener {
        Some((listener, viewers)) => {
            let program = concat!("nfm-record ", env!("CARGO_PKG_VERSION")).to_owned();
            let uri = uri.to_owned();
            let greeting = Greeting { host, uri, program };
            let about = About { greeting, viewers, log: complain };
            let started = Server::start(listener, about);
            Some(started.map_err(|error| Failure::other(format!("it cannot serve: {error}")))?)
        }
        None => None,
    };
    let hello = nfm::json(&Hello { highest: store.highest() }, false);
    say(&hello);
    let retention = Retention {
        age: Some(Duration::from_secs_f64(record.keep * 86_400.0)),
        bytes: record.size.map(|mebibytes| mebibytes.saturating_mul(1 << 20)),
        free: Some(record.free.saturating_mul(1 << 20)),
    };
    let sealer = start_sealer(record.store.clone(), retention);
    let (hidden, unwritten) = (HashSet::new(), HashMap::new());
    let mut writer = Writer { store, sealer, server, hidden, unwritten, offset: None };
    writer.event("recorder-started", "the recorder started".to_owned());
    let mut bytes = Vec::new();
    let mut room = vec![0; 256 << 10];
    loop {
        writer.tick();
        let stdin = std::io::stdin();
        let mut ready = [PollFd::new(&stdin, PollFlags::IN)];
        let wait = rustix::time::Timespec { tv_sec: 0, tv_nsec: TICK.subsec_nanos().into() };
        match poll(&mut ready, Some(&wait)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => continue,
            Ok(_) => {}
            Err(error) => return Err(Failure::other(format!("the pipe fails: {error}"))),
        }
        let count = std::io::stdin()
            .lock()
            .read(&mut room)
            .map_err(|error| Failure::other(format!("the pipe fails: {error}")))?;
        if count == 0 {
            writer.event("recorder-stopped", "the recorder ended".to_owned());
            return Ok(writer.store.end_all()?);
        }
        bytes.extend(room.iter().take(count));
        let taken = writer.take(&bytes)?;
        drop(bytes.drain(..taken));
    }
}

/// Makes the socket. A recorder that cannot serve records all the same, and says why.
fn listen(record: &Record) -> Result<Option<(UnixListener, Viewers)>, Failure> {
    let group = match &record.group {
        Some(name) => Some(group(name).ok_or_else(|| {
            Failure::other(format!("there is no group '{name}': name another one with --group"))
        })?),
        None => group("nfm"),
    };
    match Server::bind(&record.live.socket, group) {
        Ok(listener) => Ok(Some((listener, Viewers { group }))),
        Err(error) => {
            let path = record.live.socket.display();
            let reason = match error.kind() {
                ErrorKind::AddrInUse => {
                    "another recorder does; --socket names another path".to_owned()
                }
                _ => error.to_string(),
            };
            complain(&format!("nobody can look at guests through '{path}': {reason}"));
            Ok(None)
        }
    }
}

/// The id of a group, by its name or as a number.
fn group(name: &str) -> Option<u32> {
    let groups = std::fs::read_to_string("/etc/group").unwrap_or_default();
    let mut lines = groups.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let own = lines.find(|fields| fields.first() == Some(&name));
    own.and_then(|fields| fields.get(2)?.parse().ok()).or_else(|| name.parse().ok())
}

/// One line to the crawler.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // A crawler that is not there any more has ended the pipe, too.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

struct Writer {
    store: StoreWriter,
    sealer: Sender<Work>,
    /// Serves what is recorded to who looks.
    server: Option<Server>,
    /// Guests that it does not serve.
    hidden: HashSet<u32>,
    /// Frames of each guest that could not be written, since when, and why.
    unwritten: HashMap<u32, Unwritten>,
    /// The wall clock less the boot clock.
    offset: Option<u64>,
}

struct Unwritten {
    frames: u64,
    since_ns: u64,
    reason: String,
}

impl Writer {
    /// Writes the whole records of these bytes; returns how many bytes those are.
    fn take(&mut self, bytes: &[u8]) -> Result<usize, Failure> {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            match parse(rest) {
                Parsed::Record(record, length) => {
                    let whole = rest.get(..length).unwrap_or_default();
                    self.write(&record, whole);
                    taken += length;
                }
                Parsed::Short(_) => break,
                Parsed::Newer(_) | Parsed::Damaged => {
                    return Err(Failure::other("the pipe brings what is no record: start again"));
                }
            }
        }
        Ok(taken)
    }

    fn write(&mut self, record: &nfm_store::Record, bytes: &[u8]) {
        let head = &record.head;
        if head.kind == RecordKind::Message {
            self.hidden.insert(head.vm);
            return;
        }
        // The socket gives the frames that are always recorded: the flight recorder's may be of the past.
        let is_late = is_of_flight(record);
        if !is_late {
            self.see_clock(head);
        }
        let is_shown = !is_late && !self.hidden.contains(&head.vm);
        let server = self.server.as_ref().filter(|_| is_shown);
        if server.is_some_and(|server| !server.publish(bytes)) {
            // Too many wait: the next ones can be read without those.
            say(ANEW);
        }
        let is_frame = matches!(head.kind, RecordKind::Key | RecordKind::Frame);
        // A frame that needs one that is not there cannot be read: the next key can.
        if let (RecordKind::Frame, Some(gap)) = (head.kind, self.unwritten.get_mut(&head.vm)) {
            gap.frames += 1;
            return;
        }
        match self.store.append(head, bytes) {
            Ok(()) if head.kind == RecordKind::Key => {
                if let Some(gap) = self.unwritten.remove(&head.vm) {
                    let Unwritten { frames, since_ns, reason } = gap;
                    let seconds = head.wall_ns.saturating_sub(since_ns) / 1_000_000_000;
                    self.event(
                        "gap",
                        format!("{frames} frames in {seconds} s were not written: {reason}"),
                    );
                }
            }
            Ok(()) => {}
            Err(error) => {
                let is_new = self.unwritten.is_empty();
                if is_frame {
                    let reason = error.to_string();
                    let since_ns = head.wall_ns;
                    let gap = Unwritten { frames: 0, since_ns, reason };
                    self.unwritten.entry(head.vm).or_insert(gap).frames += 1;
                }
                if is_new {
                    complain(&format!("frames are not recorded for now: {error}"));
                    let _ = self.sealer.send(Work::Full);
                }
                say(ANEW);
            }
        }
    }

    /// Notes a wall clock that stepped.
    fn see_clock(&mut self, head: &RecordHead) {
        let offset = head.wall_ns.saturating_sub(head.boot_ns);
        let last = self.offset.replace(offset);
        let Some(last) = last.filter(|last| last.abs_diff(offset) > STEP_NS) else { return };
        let seconds = last.abs_diff(offset) as f64 / 1e9;
        let way = if offset > last { "forward" } else { "back" };
        self.event("clock-step", format!("the host's clock stepped {way} by {seconds:.1} s"));
    }

    fn event(&mut self, kind: &str, text: String) {
        let (vm, vm_uuid, time_ns) = (String::new(), None, wall_clock());
        let event = Event { time_ns, vm, vm_uuid, kind: kind.to_owned(), text };
        if let Err(error) = self.store.append_event(&event, boot_clock()) {
            complain(&format!("an event is lost ({}): {error}", event.text));
        }
    }

    fn tick(&mut self) {
        if let Err(error) = self.store.tick() {
            complain(&format!("the store is not on the disk yet: {error}"));
        }
        for (path, name) in self.store.take_finished() {
            let _ = self.sealer.send(Work::Seal(path, name));
        }
    }
}

/// Work of the thread that seals logs and removes what is too old.
enum Work {
    Seal(PathBuf, Name),
    /// The disk is full.
    Full,
}

fn start_sealer(store: PathBuf, retention: Retention) -> Sender<Work> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut waiting: Vec<(PathBuf, Name)> = Vec::new();
        let mut next = Instant::now();
        loop {
            match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
                Ok(Work::Seal(path, name)) => waiting.push((path, name)),
                Ok(Work::Full) | Err(RecvTimeoutError::Timeout) => {
                    next = Instant::now() + PRUNE_PERIOD;
                    if let Err(error) = prune(&store, &retention, wall_clock()) {
                        complain(&format!("what is too old cannot be removed: {error}"));
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
            waiting.retain(|(path, name)| seal_or_wait(&store, path, name));
            // On a small disk the next log needs the room at once.
            let _ = prune(&store, &retention, wall_clock());
        }
    });
    sender
}

/// Seals a log. One that cannot be sealed now is tried again with the next one, and can be read meanwhile: true. On a full
/// disk older segments make room for it; where there are none it goes itself, or nothing would be recorded any more.
fn seal_or_wait(store: &Path, log: &Path, name: &Name) -> bool {
    loop {
        let error = match seal(store, log, name) {
            Ok(sealed) => {
                sealed.into_iter().flat_map(|one| one.losses).for_each(|loss| complain(&loss));
                return false;
            }
            Err(error) => error,
        };
        let path = log.display();
        if !error.is_full() {
            complain(&format!("'{path}' cannot be sealed for now: {error}"));
            return true;
        }
        if !remove_oldest(store).unwrap_or(false) {
            complain(&format!("the disk is full, with no older segment: '{path}' is removed"));
            return std::fs::remove_file(log).is_err();
        }
    }
}

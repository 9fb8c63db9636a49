//! The recorder's side: a thread takes records, and one for each connection answers. None of them makes the recorder wait.

use std::collections::{HashMap, HashSet};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nfm_store::{FrameColumns, RecordHead};

use crate::guests::{Found, Guests, Interest, Told, known};
use crate::message::{Answer, Refusal, Request, VERSION};
use crate::peer::{Peer, Viewers};
use crate::records::{Incoming, RecordReader, RecordWriter};

/// Records that wait to be taken: more are left out.
const WAITING: usize = 1024;
/// Connections at once, and those of one user other than root.
const MOST_CONNECTIONS: usize = 1024;
const MOST_OF_A_USER: usize = 256;
/// How long a side may take to read an answer.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);
/// How long one may take to say who he is.
const HELLO_PATIENCE: Duration = Duration::from_secs(10);
/// How long a question for the next frame waits.
const FRAME_PATIENCE: Duration = Duration::from_secs(60);
/// Frames that wait for one who does not read: those after them are left out.
const QUEUE: usize = 64;
/// The longest silence on a connection that follows.
const SILENCE: Duration = Duration::from_secs(5);

/// The description that a server gives of itself.
pub struct Greeting {
    /// The host's name.
    pub host: String,
    /// libvirt's URI whose guests it has.
    pub uri: String,
    /// The program and its version.
    pub program: String,
}

/// A recorder's description of itself, and the users who may look.
pub struct About {
    /// The description for those who look.
    pub greeting: Greeting,
    /// The users who may look.
    pub viewers: Viewers,
    /// Told who looks at which guest, once for each connection and guest.
    pub log: fn(&str),
}

/// A recorder's server.
///
/// The socket is removed with it.
pub struct Server {
    records: SyncSender<Vec<u8>>,
    socket: Option<SocketFile>,
}

/// The file of a socket, and its inode: whoever has taken its place is left alone.
struct SocketFile {
    path: PathBuf,
    inode: u64,
}

impl SocketFile {
    fn of(listener: &UnixListener) -> Option<Self> {
        let path = listener.local_addr().ok()?.as_pathname()?.to_owned();
        let inode = std::fs::symlink_metadata(&path).ok()?.ino();
        Some(Self { path, inode })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let Some(SocketFile { path, inode }) = &self.socket else { return };
        if std::fs::symlink_metadata(path).is_ok_and(|own| own.ino() == *inode) {
            // Where the folder is another's it stays, and the next recorder replaces it.
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Server {
    /// Makes the socket, for a group. One that a recorder left which ended is replaced.
    ///
    /// # Errors
    /// Another recorder serves there (`AddrInUse`), or the socket cannot be made.
    pub fn bind(path: &Path, group: Option<u32>) -> io::Result<UnixListener> {
        let is_socket =
            std::fs::symlink_metadata(path).is_ok_and(|own| own.file_type().is_socket());
        if is_socket {
            match UnixStream::connect(path) {
                Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
                Err(_) => std::fs::remove_file(path)?,
            }
        }
        let listener = UnixListener::bind(path)?;
        // Nobody but the owner can connect before that: it takes the right to write.
        let mode = match group {
            Some(group) => {
                std::os::unix::fs::chown(path, None, Some(group))?;
                0o660
            }
            None => 0o600,
        };
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?;
        Ok(listener)
    }

    /// Begins to serve.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(listener: UnixListener, about: About) -> io::Result<Self> {
        let guests = Arc::new(Guests::default());
        let socket = SocketFile::of(&listener);
        let (records, waiting) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let own = guests.clone();
        std::thread::Builder::new()
            .name("live-frames".to_owned())
            .spawn(move || waiting.iter().for_each(|record| own.take(&record)))?;
        let connections = Connections { about, guests, counts: Mutex::default() };
        let connections = Arc::new(connections);
        std::thread::Builder::new()
            .name("live-socket".to_owned())
            .spawn(move || connections.accept(&listener))?;
        Ok(Self { records, socket })
    }

    /// Serves a record of the log from now on. Never waits: false where too many are on their way, so that this one was
    /// left out, and its guest's are until its next key.
    pub fn publish(&self, record: &[u8]) -> bool {
        self.records.try_send(record.to_owned()).is_ok()
    }
}

/// The connections of a server.
struct Connections {
    about: About,
    guests: Arc<Guests>,
    /// By user.
    counts: Mutex<HashMap<u32, usize>>,
}

impl Connections {
    fn accept(self: Arc<Self>, listener: &UnixListener) {
        loop {
            let Ok((stream, _)) = listener.accept() else {
                // No descriptor is left: some will be.
                std::thread::sleep(Duration::from_millis(100));
                continue;
            };
            let Ok(peer) = Peer::of(&stream) else { continue };
            let (own, uid) = (self.clone(), peer.uid);
            let is_room = self.count(uid);
            let started = std::thread::Builder::new().spawn(move || {
                // A viewer that goes away in the middle of an answer is no trouble.
                let _ = own.serve(&stream, &peer, is_room);
                own.uncount(uid);
            });
            if started.is_err() {
                self.uncount(uid);
            }
        }
    }

    /// Counts a connection of a user; false if that is one too many.
    fn count(&self, uid: u32) -> bool {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let own = counts.entry(uid).or_default();
        *own = own.saturating_add(1);
        all < MOST_CONNECTIONS && (uid == 0 || *own <= MOST_OF_A_USER)
    }

    fn uncount(&self, uid: u32) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = counts.get_mut(&uid) {
            *own = own.saturating_sub(1);
        }
        counts.retain(|_, count| *count > 0);
    }

    fn serve(&self, stream: &UnixStream, peer: &Peer, is_room: bool) -> io::Result<()> {
        stream.set_write_timeout(Some(WRITE_PATIENCE))?;
        stream.set_read_timeout(Some(HELLO_PATIENCE))?;
        let mut requests = RecordReader::of_requests(Box::new(stream.try_clone()?));
        let mut answers = RecordWriter::new(Box::new(stream.try_clone()?));
        if !self.about.viewers.may_look(peer) {
            let reason =
                "you may not look at this host's guests: only root and the socket's group may";
            return answers.message(&refused(Refusal::Forbidden, reason));
        }
        if !is_room {
            let reason = "as many look at the recorder's frames as may: end another nfm";
            return answers.message(&refused(Refusal::Busy, reason));
        }
        if !greet(&mut requests, &mut answers, &self.about.greeting)? {
            return Ok(());
        }
        stream.set_read_timeout(None)?;
        let mut seen = HashSet::new();
        let mut log = |domain: &str| {
            if seen.insert(domain.to_owned()) {
                (self.about.log)(&format!(
                    "user {} (process {}) looks at {domain}",
                    peer.uid, peer.pid
                ));
            }
        };
        while let Some(incoming) = requests.read()? {
            let Incoming::Message(request) = incoming else { continue };
            match request {
                Request::Domains => {
                    answers.message(&Answer::Domains { domains: self.guests.domains() })?;
                }
                Request::Frame { domain, sections, after } => {
                    let found =
                        self.guests.frame(&domain, &known(&sections), after, FRAME_PATIENCE);
                    if let Found::Columns(_) = found {
                        log(&format!("'{domain}'"));
                    }
                    answer(&mut answers, &domain, found)?;
                }
                Request::Follow { domains, sections, more } => {
                    log(&match domains.as_slice() {
                        [] => "all guests".to_owned(),
                        some => some.join(", "),
                    });
                    let interest = Interest::new(domains, &sections, more);
                    let done = self.follow(requests, &mut answers, interest);
                    // The thread that reads requests ends with the stream.
                    let _ = stream.shutdown(std::net::Shutdown::Both);
                    return done;
                }
                Request::Hello { .. } | Request::Unknown => {
                    let reason =
                        "the recorder does not know this request: it is of an older version";
                    answers.message(&refused(Refusal::NotKnown, reason))?;
                }
            }
        }
        Ok(())
    }

    /// Sends frames until the connection ends.
    fn follow(
        &self,
        mut requests: RecordReader,
        answers: &mut RecordWriter,
        mut interest: Interest,
    ) -> io::Result<()> {
        let (sender, queue) = mpsc::sync_channel(QUEUE);
        let own = sender.clone();
        std::thread::Builder::new().spawn(move || {
            while let Ok(Some(incoming)) = requests.read() {
                let Incoming::Message(request) = incoming else { continue };
                if own.send(Told::Asked(request)).is_err() {
                    return;
                }
            }
            let _ = own.send(Told::Ended);
        })?;
        let number = self.guests.number();
        let dropped = Arc::new(AtomicU64::new(0));
        let newest = |interest: &Interest| {
            let (queue, dropped) = (sender.clone(), dropped.clone());
            self.guests.follow(number, interest.clone(), queue, dropped)
        };
        newest(&interest).iter().try_for_each(|columns| answers.columns(columns))?;
        // The newest frame of each guest that was sent out of turn: those before it wait in the queue.
        let mut sent: HashMap<u32, u64> = HashMap::new();
        loop {
            match queue.recv_timeout(SILENCE) {
                Ok(Told::Columns(columns)) => {
                    let RecordHead { vm, seq, .. } = *columns.head();
                    if sent.get(&vm).is_none_or(|sent| *sent < seq) {
                        answers.columns(&columns)?;
                    }
                }
                Ok(Told::Changed) => self.tell_domains(answers, &interest)?,
                Ok(Told::Asked(Request::Follow { domains, sections, more })) => {
                    interest = Interest::new(domains, &sections, more);
                    send_newest(&newest(&interest), &mut sent, answers)?;
                }
                Ok(Told::Asked(_)) => {}
                Err(RecvTimeoutError::Timeout) => {
                    answers.message(&Answer::Alive { time_ns: wall_clock() })?;
                }
                Ok(Told::Ended) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
            let frames = dropped.swap(0, Ordering::Relaxed);
            if frames > 0 {
                answers.message(&Answer::Dropped { frames })?;
                // Sections that only those left out had come again, and so does the end of a guest.
                send_newest(&self.guests.newest(&interest), &mut sent, answers)?;
                self.tell_domains(answers, &interest)?;
            }
        }
    }

    /// The guests that one follows.
    fn tell_domains(&self, answers: &mut RecordWriter, interest: &Interest) -> io::Result<()> {
        let mut domains = self.guests.domains();
        domains.retain(|one| interest.is_of(&one.domain));
        answers.message(&Answer::Domains { domains })
    }
}

/// Sends frames out of turn, and notes their numbers.
fn send_newest(
    newest: &[FrameColumns],
    sent: &mut HashMap<u32, u64>,
    answers: &mut RecordWriter,
) -> io::Result<()> {
    newest.iter().try_for_each(|columns| {
        let RecordHead { vm, seq, .. } = *columns.head();
        sent.entry(vm).and_modify(|sent| *sent = seq.max(*sent)).or_insert(seq);
        answers.columns(columns)
    })
}

/// Answers a hello; false where the first request is none.
pub(crate) fn greet(
    requests: &mut RecordReader,
    answers: &mut RecordWriter,
    greeting: &Greeting,
) -> io::Result<bool> {
    let Some(Incoming::Message(Request::Hello { version, zstd, .. })) = requests.read()? else {
        answers.message(&refused(Refusal::NotKnown, "the first record is no hello"))?;
        return Ok(false);
    };
    let Greeting { host, uri, program } = greeting;
    answers.message(&Answer::Hello {
        version: version.min(VERSION),
        program: program.clone(),
        host: host.clone(),
        uri: uri.clone(),
        zstd,
    })?;
    if zstd {
        answers.compress()?;
    }
    Ok(true)
}

/// Answers a question for a frame.
fn answer(answers: &mut RecordWriter, domain: &str, found: Found) -> io::Result<()> {
    match found {
        Found::Columns(columns) => {
            columns.iter().try_for_each(|columns| answers.columns(columns))?;
            answers.message(&Answer::Done { time_ns: wall_clock() })
        }
        Found::NoSuchGuest(known) => {
            let reason = match known.as_slice() {
                [] => {
                    format!("the recorder has no frame of '{domain}', nor of any other guest yet")
                }
                known => {
                    format!("the recorder does not record '{domain}', but {}", known.join(", "))
                }
            };
            answers.message(&Answer::Refused { refusal: Refusal::NoSuchDomain, reason, known })
        }
        Found::NotNow(failure) => {
            let why = failure.map(|failure| format!(": {failure}")).unwrap_or_default();
            let reason = format!("the recorder takes no frame of '{domain}' now{why}");
            answers.message(&refused(Refusal::NoFrame, &reason))
        }
    }
}

pub(crate) fn refused(refusal: Refusal, reason: &str) -> Answer {
    Answer::Refused { refusal, reason: reason.to_owned(), known: Vec::new() }
}

/// The host's wall clock, nanoseconds since 1970.
pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

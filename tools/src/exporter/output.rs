//! The process that serves metrics, or writes them to a file: it has no rights, and reads no guest's memory.

use std::fs;
use std::io::{self, BufRead, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nfm::{DomainIdentity, Frame};
use nfm_exporter::{Exposition, Format, Guests, Server};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::args::Exporter;
use crate::recorder::Recorder;
use crate::{Failure, complain, group_rules, privileges};

/// Bytes that a line of the pipe may have: whoever crawls is not believed.
const LONGEST_LINE: u64 = 256 << 20;

/// A line of the pipe.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Message {
    /// A guest's frame.
    Frame(Box<Frame>),
    /// A guest that cannot be read now.
    Failed(DomainIdentity),
    /// A guest that ended.
    Gone(DomainIdentity),
    /// True if it is known which guests run.
    Listed(bool),
}

/// Shows a recorder's frames.
pub(crate) fn of_recorder(exporter: &Exporter) -> Result<(), Failure> {
    let listener = listen(exporter)?;
    privileges::give_up_capabilities(CapabilitySet::empty());
    let guests = Guests::new(group_rules(exporter)?);
    let recorder = Recorder::new(exporter.live.socket.clone(), exporter.domains.clone(), guests);
    let recorder = Mutex::new(recorder);
    let metrics = move || {
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.refresh();
        recorder.guests.exposition(wall_clock())
    };
    Output::new(exporter, listener, Arc::new(metrics))?.run()
}

/// Shows the frames that come through standard input, until it ends.
pub(crate) fn of_pipe(exporter: &Exporter) -> Result<(), Failure> {
    let listener = listen(exporter)?;
    privileges::give_up_capabilities(CapabilitySet::empty());
    let guests = Arc::new(Mutex::new(Guests::new(group_rules(exporter)?)));
    let shown = guests.clone();
    let metrics =
        move || shown.lock().unwrap_or_else(PoisonError::into_inner).exposition(wall_clock());
    let output = Output::new(exporter, listener, Arc::new(metrics))?;
    std::thread::spawn(move || {
        let error = take_all(&mut io::stdin().lock(), &guests).err();
        if let Some(error) = error {
            complain(&format!("the pipe fails: {error}"));
        }
        // The process that reads guests has ended, and says why.
        std::process::exit(nfm::ErrorCode::Other as i32);
    });
    output.run()
}

fn take_all(pipe: &mut dyn BufRead, guests: &Mutex<Guests>) -> io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        (&mut *pipe).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(());
        }
        let message = serde_json::from_slice(&line)?;
        let mut guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
        match message {
            Message::Frame(frame) => {
                guests.set_source(true);
                guests.take(*frame, Vec::new());
            }
            Message::Failed(domain) => guests.fail(&domain),
            Message::Gone(domain) => guests.forget(&domain),
            Message::Listed(is_listed) => guests.set_source(is_listed),
        }
    }
}

/// The place to serve at; none where a file is written.
fn listen(exporter: &Exporter) -> Result<Option<TcpListener>, Failure> {
    if exporter.textfile.is_some() {
        return Ok(None);
    }
    let address = exporter.listen;
    let cannot = |error: io::Error| {
        Failure::other(format!(
            "{address} cannot be served at: {error}; --listen names another place"
        ))
    };
    TcpListener::bind(address).map(Some).map_err(cannot)
}

/// A way out for metrics.
enum Output {
    File(PathBuf, Duration, Arc<Metrics>),
    Server(Box<Server>, TcpListener),
}

type Metrics = dyn Fn() -> Exposition + Send + Sync;

impl Output {
    fn new(
        exporter: &Exporter,
        listener: Option<TcpListener>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, Failure> {
        match (listener, &exporter.textfile) {
            (Some(listener), _) => {
                let scrape = Arc::new(move |format| metrics().text(format));
                let server = Server::new(exporter.web_config.as_deref(), scrape, complain);
                let server = server.map_err(|error| Failure::file(error.to_string()))?;
                Ok(Self::Server(Box::new(server), listener))
            }
            (None, path) => {
                let interval = Duration::from_secs_f64(exporter.interval);
                Ok(Self::File(path.clone().unwrap_or_default(), interval, metrics))
            }
        }
    }

    /// Serves, or writes the file again and again.
    fn run(self) -> Result<(), Failure> {
        match self {
            Self::Server(server, listener) => match server.run(listener) {
                Ok(never) => match never {},
                Err(error) => Err(Failure::other(error.to_string())),
            },
            Self::File(path, interval, metrics) => loop {
                let mut metrics = metrics();
                metrics.leave_out_node_names();
                if let Err(error) = replace(&path, &metrics.text(Format::Prometheus)) {
                    let path = path.display();
                    return Err(Failure::file(format!("'{path}' cannot be written: {error}")));
                }
                std::thread::sleep(interval);
            },
        }
    }
}

/// Replaces a file as a whole: who reads it sees the old text or the new one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A name that node_exporter takes for none of its files.
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The host's wall clock, nanoseconds since 1970.
fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

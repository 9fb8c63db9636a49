//! Frames from the recorder's socket, for those who may look.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::Duration;

use nfm::{At, DomainIdentity, ErrorCode, Frame, FrameSource, OpenOptions, Section, SourceError};
use nfm_live::{LiveConnection, LiveError, SshHost};

use super::Verb;
use super::recorded::tell_ages;
use crate::Failure;
use crate::record_args::{Live, UseSocket};
use crate::show::complain;

/// A frame that is so much older than it should be is said to be old, also between two others.
const OLD: Duration = Duration::from_secs(5);

/// A guest of a recorder that runs.
pub(super) struct Served {
    recorder: LiveConnection,
    domain: String,
}

/// The way to a domain's frames.
pub(super) enum Way {
    /// The recorder gives them.
    Recorder(Served),
    /// The guest's memory is to be read. If that is not permitted, this is why the recorder does not give them.
    Memory(Option<Failure>),
}

/// The recorder of another host, if the URI names one.
///
/// # Errors
/// The URI is wrong, the host cannot be reached, or no recorder of that libvirt serves there.
pub(super) fn of_other_host(uri: Option<&str>) -> Result<Option<LiveConnection>, Failure> {
    let default = default_uri();
    let Some(host) = uri.or(default.as_deref()).and_then(SshHost::of_uri) else { return Ok(None) };
    let host = host.map_err(|reason| SourceError::NoFrame { reason })?;
    let recorder = LiveConnection::ssh(&host).map_err(SourceError::from)?;
    if recorder.uri() != host.uri {
        let (own, asked) = (recorder.uri(), &host.uri);
        let reason = format!("the recorder of '{host}' records guests of {own}, not of {asked}");
        return Err(SourceError::NoFrame { reason }.into());
    }
    Ok(Some(recorder))
}

/// The URI where none is named on the command line.
pub(super) fn default_uri() -> Option<String> {
    std::env::var("LIBVIRT_DEFAULT_URI").ok().filter(|uri| !uri.is_empty())
}

/// The way to a domain's frames. Who says where symbols come from reads memory.
///
/// # Errors
/// The domain is of another host, whose recorder does not give its frames.
pub(super) fn way(options: &OpenOptions, domain: &str, live: &Live) -> Result<Way, Failure> {
    if let Some(mut recorder) = of_other_host(options.uri.as_deref())? {
        recorder.live_frame(domain, &[], None)?;
        return Ok(Way::Recorder(Served { recorder, domain: domain.to_owned() }));
    }
    Ok(way_here(options, domain, live))
}

/// The same of a domain of this host.
fn way_here(options: &OpenOptions, domain: &str, live: &Live) -> Way {
    let is_own_reading = options.symbols.is_some()
        || options.types.is_some()
        || matches!(options.cache, nfm::Cache::Off);
    let is_file = ["file:", "qemu:"].iter().any(|prefix| domain.starts_with(prefix));
    if live.live == UseSocket::No || is_own_reading || is_file {
        return Way::Memory(None);
    }
    let mut recorder = match LiveConnection::unix(&live.socket) {
        Ok(recorder) => recorder,
        Err(LiveError::NotThere { .. }) => return Way::Memory(None),
        Err(error) => return Way::Memory(Some(SourceError::from(error).into())),
    };
    let is_other = |uri: &String| *uri != recorder.uri();
    if options.uri.clone().or_else(default_uri).is_some_and(|uri| is_other(&uri)) {
        return Way::Memory(None);
    }
    // All that it has: without a section named, the guest is looked for.
    match recorder.live_frame(domain, &[], None) {
        Ok(_) => Way::Recorder(Served { recorder, domain: domain.to_owned() }),
        // It has no guest at all: that says nothing of this one.
        Err(SourceError::NoSuchDomain { known, .. }) if known.is_empty() => Way::Memory(None),
        Err(error) => Way::Memory(Some(error.into())),
    }
}

/// The reason for which a domain's frames are not to be had: where its memory may not be read, what the recorder said.
pub(super) fn reason(opening: Failure, unserved: Option<Failure>) -> Failure {
    let refusals = [ErrorCode::Permission, ErrorCode::Connect];
    match (&opening, unserved) {
        (Failure::Nfm(error), Some(unserved)) if refusals.contains(&error.code()) => unserved,
        _ => opening,
    }
}

/// True if an error says that the user may not look through the recorder's socket.
pub(crate) fn is_forbidden(error: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    matches!(error.downcast_ref(), Some(LiveError::Forbidden { .. }))
}

impl Served {
    /// The newest frame; says how old it is.
    pub(super) fn latest(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        let found = self.recorder.live_frame(&self.domain, sections, None)?;
        tell_ages(&found.frame, &found.ages, Some(found.age_ns));
        Ok(found.frame)
    }

    /// The frame after another one.
    pub(super) fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Frame, Failure> {
        let found = self.recorder.live_frame(&self.domain, sections, Some(after.seq))?;
        if u128::from(found.age_ns) > OLD.as_nanos() {
            let (name, seconds) = (&found.frame.domain.name, found.age_ns as f64 / 1e9);
            complain(format_args!("the newest frame of {name} is {seconds:.1} s old"));
        }
        Ok(found.frame)
    }
}

/// `nfm serve`: passes the bytes of the recorder's socket on, over standard input and output.
pub(crate) fn serve(live: &Live) -> Verb {
    let path = live.socket.display().to_string();
    let connected = UnixStream::connect(&live.socket);
    let socket =
        connected.map_err(|error| SourceError::from(LiveError::connecting(&path, &error)))?;
    let (mut from, mut to) = (socket.try_clone()?, socket);
    // Not by way of buffers: an answer does not end with a line.
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    std::thread::spawn(move || {
        // The other side is gone, whatever the reason.
        let _ = pass(&mut input, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    pass(&mut from, &mut output)?;
    Ok(ExitCode::SUCCESS)
}

/// Copies bytes by read(2) and write(2). `io::copy` of descriptors would splice(2), which holds a pipe's lock while it waits for
/// a socket: sshd at the pipe's other end then waits, too, and answers nobody.
fn pass(from: &mut dyn Read, to: &mut dyn Write) -> io::Result<u64> {
    io::copy(from, to)
}

impl FrameSource for Served {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        let mut all = self.recorder.domains()?;
        all.retain(|one| one.name == self.domain || one.uuid.as_ref() == Some(&self.domain));
        match all.is_empty() {
            true => {
                let (domain, known) = (self.domain.clone(), Vec::new());
                Err(SourceError::NoSuchDomain { domain, known })
            }
            false => Ok(all),
        }
    }

    fn is_live(&self) -> bool {
        true
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        self.recorder.frame(domain, at, sections)
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        FrameSource::next(&mut self.recorder, after, sections)
    }
}

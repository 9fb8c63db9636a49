//! Frames from the recorder's socket, for those who may look.

use std::time::Duration;

use nfm::{At, DomainIdentity, ErrorCode, Frame, FrameSource, OpenOptions, Section, SourceError};
use nfm_live::{LiveConnection, LiveError, SshHost};

use super::recorded::tell_ages;
use crate::Failure;
use crate::hosts::connect;
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

/// The URI where none is named on the command line.
pub(crate) fn default_uri() -> Option<String> {
    std::env::var("LIBVIRT_DEFAULT_URI").ok().filter(|uri| !uri.is_empty())
}

/// The way to a domain's frames. Who says where symbols come from reads memory.
///
/// # Errors
/// The domain is of another host, whose recorder does not give its frames.
pub(super) fn way(options: &OpenOptions, domain: &str, live: &Live) -> Result<Way, Failure> {
    if let Some(host) = options.uri.as_deref().and_then(SshHost::of_uri) {
        let host = host.map_err(|reason| SourceError::NoFrame { reason })?;
        let mut recorder = connect(&host)?;
        recorder.live_frame(domain, &[], None)?;
        return Ok(Way::Recorder(Served { recorder, domain: domain.to_owned() }));
    }
    Ok(way_here(options, domain, live))
}

/// This host's recorder, if it is to be asked; or why it cannot be.
pub(super) fn recorder_here(
    options: &OpenOptions,
    live: &Live,
) -> Option<Result<LiveConnection, Failure>> {
    let is_own_reading = options.symbols.is_some()
        || options.types.is_some()
        || matches!(options.cache, nfm::Cache::Off);
    if live.live == UseSocket::No || is_own_reading {
        return None;
    }
    match LiveConnection::unix(&live.socket) {
        Ok(recorder) => {
            let is_it = |uri: &String| *uri == recorder.uri();
            options.uri.as_ref().is_none_or(is_it).then_some(Ok(recorder))
        }
        Err(LiveError::NotThere { .. }) => None,
        Err(error) => Some(Err(SourceError::from(error).into())),
    }
}

/// The same of a domain of this host.
fn way_here(options: &OpenOptions, domain: &str, live: &Live) -> Way {
    if ["file:", "qemu:"].iter().any(|prefix| domain.starts_with(prefix)) {
        return Way::Memory(None);
    }
    let mut recorder = match recorder_here(options, live) {
        Some(Ok(recorder)) => recorder,
        Some(Err(failure)) => return Way::Memory(Some(failure)),
        None => return Way::Memory(None),
    };
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

//! Frames from the recorder's socket, for those who may look.

use std::time::Duration;

use nfm::{At, DomainIdentity, ErrorCode, Frame, FrameSource, OpenOptions, Section, SourceError};
use nfm_live::{LiveConnection, LiveError};

use super::recorded::tell_ages;
use crate::Failure;
use crate::record_args::{Live, UseSocket};
use crate::show::complain;

/// A frame that is so much older than it should be is said to be old, also between two others.
const OLD: Duration = Duration::from_secs(5);

/// A guest of a recorder that runs.
pub(crate) struct Served {
    recorder: LiveConnection,
    domain: String,
}

/// The way to a domain's frames.
pub(crate) enum Way {
    /// The recorder gives them.
    Recorder(Served),
    /// The guest's memory is to be read. If that is not permitted, this is why the recorder does not give them.
    Memory(Option<Failure>),
}

/// The way to a domain's frames. Who says where symbols come from reads memory.
pub(crate) fn way(options: &OpenOptions, domain: &str, live: &Live) -> Way {
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
    let default = std::env::var("LIBVIRT_DEFAULT_URI").ok().filter(|uri| !uri.is_empty());
    let is_other = |uri: &String| *uri != recorder.uri();
    if options.uri.clone().or(default).is_some_and(|uri| is_other(&uri)) {
        return Way::Memory(None);
    }
    // All that it has: without a section named, the guest is looked for.
    match recorder.live_frame(domain, &[], None) {
        Ok(_) => Way::Recorder(Served { recorder, domain: domain.to_owned() }),
        Err(error) => Way::Memory(Some(error.into())),
    }
}

/// The reason for which a domain's frames are not to be had: where its memory may not be read, what the recorder said.
pub(crate) fn reason(opening: Failure, unserved: Option<Failure>) -> Failure {
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

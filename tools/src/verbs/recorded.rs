//! Frames of a store, of the time that was asked for.

use std::path::PathBuf;
use std::time::Duration;

use nfm::{At, Frame, FrameSource, Section, SourceError};
use nfm_store::{Age, Store, StoreError};

use crate::Failure;
use crate::args::When;
use crate::record_args::STORE;
use crate::show::complain;
use crate::time::{Moment, shown};

impl When {
    /// True if recorded frames are asked for, not one that is taken now.
    pub(crate) fn is_recorded(&self) -> bool {
        self.at.is_some() || self.store.is_some() || self.is_range()
    }

    /// True if all frames of a time are asked for.
    pub(crate) fn is_range(&self) -> bool {
        self.since.is_some() || self.until.is_some() || self.every.is_some()
    }

    /// The store's folder.
    pub(crate) fn folder(&self) -> PathBuf {
        let of_environment = || std::env::var_os("NFM_STORE").map(PathBuf::from);
        self.store.clone().or_else(of_environment).unwrap_or_else(|| STORE.into())
    }
}

/// Opens the store of a folder.
pub(crate) fn open_store(folder: &std::path::Path) -> Result<Store, Failure> {
    Store::open(folder).map_err(|error| {
        let reason = match &error {
            StoreError::File { error, .. } if error.kind() == std::io::ErrorKind::NotFound => {
                "nothing was recorded there: nfm record does, and --store names another folder"
                    .to_owned()
            }
            StoreError::File { error, .. }
                if error.kind() == std::io::ErrorKind::PermissionDenied =>
            {
                "only its owner and group may read it: become a member of its group, or root"
                    .to_owned()
            }
            StoreError::File { error, .. } => error.to_string(),
            error => error.to_string(),
        };
        SourceError::File { path: folder.display().to_string(), reason }.into()
    })
}

/// The time of a moment, nanoseconds since 1970.
///
/// # Errors
/// The domain has no frame of that number, or the store cannot be read.
pub(crate) fn time_of(store: &mut Store, domain: &str, moment: Moment) -> Result<u64, Failure> {
    let seq = match moment {
        Moment::Time(time) => return Ok(time),
        Moment::Number(seq) => seq,
    };
    let found = store.time_of(domain, seq).map_err(SourceError::from)?;
    found.ok_or_else(|| {
        let reason = format!("there is no frame #{seq} of '{domain}'");
        SourceError::NoFrame { reason }.into()
    })
}

/// The recorded frames of one domain.
pub(crate) struct Recorded {
    store: Store,
    domain: String,
    /// The time of the last frame.
    until_ns: u64,
    /// The time of the first frame.
    since_ns: u64,
    every: Option<Duration>,
    is_range: bool,
}

impl Recorded {
    /// Opens the store for a domain and a time.
    pub(crate) fn open(domain: &str, when: &When) -> Result<Self, Failure> {
        let mut store = open_store(&when.folder())?;
        let mut time = |moment: Option<Moment>| {
            moment.map(|moment| time_of(&mut store, domain, moment)).transpose()
        };
        let (at, since, until) = (time(when.at)?, time(when.since)?, time(when.until)?);
        let until_ns = at.or(until).unwrap_or(u64::MAX);
        let (since_ns, every, is_range) = (since.unwrap_or(0), when.every, when.is_range());
        Ok(Self { store, domain: domain.to_owned(), until_ns, since_ns, every, is_range })
    }

    /// The first and the last time that are asked for, nanoseconds since 1970.
    pub(crate) fn span(&self) -> (u64, u64) {
        (self.since_ns, self.until_ns)
    }

    /// The sections that were recorded by the time that was asked for.
    pub(crate) fn sections(&mut self) -> Result<Vec<Section>, Failure> {
        self.recorded_sections(At::Before(self.until_ns), &[])
    }

    /// The frame at the time that was asked for; says how old its sections are.
    pub(crate) fn last(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        let at = At::Before(self.until_ns);
        let found = self.store.frame_with_ages(&self.domain, at, sections);
        self.tell_damage();
        let (frame, ages) = found?;
        tell_ages(&frame, &ages, None);
        Ok(frame)
    }

    /// The frame that was taken so long before another one, or the first after that.
    pub(crate) fn earlier(
        &mut self,
        frame: &Frame,
        between: Duration,
        sections: &[Section],
    ) -> Result<Frame, Failure> {
        let between = u64::try_from(between.as_nanos()).unwrap_or(u64::MAX);
        let time = frame.time_ns.saturating_sub(between);
        let found = self.store.frame(&self.domain, At::Before(time), sections);
        let found = found.or_else(|_| self.store.frame(&self.domain, At::After(time), sections));
        self.tell_damage();
        Ok(found?)
    }

    /// The first frame of the time.
    pub(crate) fn first(&mut self, sections: &[Section]) -> Result<Frame, Failure> {
        let found = self.store.frame(&self.domain, At::After(self.since_ns), sections);
        self.tell_damage();
        Ok(found?)
    }

    /// The frame after another one, up to the end of the time.
    pub(crate) fn next(
        &mut self,
        after: &Frame,
        sections: &[Section],
    ) -> Result<Option<Frame>, Failure> {
        let next = match self.every {
            None => self.store.next(after, sections),
            Some(every) => {
                let every = u64::try_from(every.as_nanos()).unwrap_or(u64::MAX);
                let at = At::After(after.time_ns.saturating_add(every));
                match self.store.frame(&self.domain, at, sections) {
                    Err(SourceError::NoFrame { .. }) => Ok(None),
                    found => found.map(Some),
                }
            }
        };
        self.tell_damage();
        Ok(next?.filter(|frame| frame.time_ns <= self.until_ns))
    }

    /// The first of the frames that were asked for; with no sections named, all that were recorded.
    pub(crate) fn begin(&mut self, sections: &[Section]) -> Result<Option<Frame>, Failure> {
        let at = if self.is_range { At::After(self.since_ns) } else { At::Before(self.until_ns) };
        let sections = self.recorded_sections(at, sections)?;
        match self.is_range {
            true => Ok(Some(self.first(&sections)?).filter(|frame| frame.time_ns <= self.until_ns)),
            false => self.last(&sections).map(Some),
        }
    }

    /// The next of them.
    pub(crate) fn step(
        &mut self,
        after: &Frame,
        sections: &[Section],
    ) -> Result<Option<Frame>, Failure> {
        if !self.is_range {
            return Ok(None);
        }
        let sections = self.recorded_sections(At::Nearest(after.time_ns), sections)?;
        self.next(after, &sections)
    }

    /// The sections that are named, or all that were recorded by then.
    fn recorded_sections(&mut self, at: At, named: &[Section]) -> Result<Vec<Section>, Failure> {
        match named {
            [] => Ok(self.store.sections(&self.domain, at)?),
            named => Ok(named.to_vec()),
        }
    }

    fn tell_damage(&mut self) {
        self.store.take_damage().iter().for_each(complain);
    }
}

/// Says on standard error which frame is shown, how long ago it was if that matters, and how old each section's rows are.
pub(super) fn tell_ages(frame: &Frame, ages: &[Age], ago_ns: Option<u64>) {
    let older = ages
        .iter()
        .filter(|age| age.age_ns > 0)
        .map(|age| format!("{} {:.1} s older", age.section.name(), age.age_ns as f64 / 1e9));
    let older: Vec<String> = older.collect();
    let older = if older.is_empty() { String::new() } else { format!("; {}", older.join(", ")) };
    let time = shown(frame.time_ns);
    let ago = ago_ns.map(|ago| format!(", {:.1} s ago", ago as f64 / 1e9)).unwrap_or_default();
    complain(format_args!("{} at {time} (#{}){ago}{older}", frame.domain.name, frame.seq));
}

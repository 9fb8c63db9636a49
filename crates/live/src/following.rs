//! Guests that are followed: the newest rows of each, kept up to date by one connection to their host, whose answers are
//! read by a thread of its own. A host that lies costs a bounded amount of memory.

use std::collections::HashMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use nfm_frame::{Frame, Section, SourceError};
use nfm_store::{FrameColumns, Newest};

use crate::connection::{Answers, LiveConnection, Update, follow_request, names};
use crate::error::LiveError;
use crate::message::{LiveDomain, More};
use crate::records::RecordWriter;
use crate::ssh::Ssh;

/// Updates that wait to be taken. Once they are so many, the host waits, and leaves out what is not read in time.
const WAITING: usize = 8;
/// Bytes that the guests of one host may have together: 1,000 guests of 200 processes have half of that.
const MOST_BYTES: usize = 128 << 20;
/// Bytes that a row has at least once a frame is made of it, however few it has on the wire.
const ROW: usize = 256;
/// Rows that a frame may have: a kernel of 32,768 processes with twice as many connections has fewer.
const MOST_ROWS: usize = 100_000;

/// Guests of one host, followed over one connection.
pub struct Following {
    requests: RecordWriter,
    updates: Receiver<Result<Update, LiveError>>,
    domains: Vec<String>,
    sections: Vec<Section>,
    /// The guest of which more is asked for, and which sections.
    more: Option<(String, Vec<Section>)>,
    /// By name.
    guests: HashMap<String, Kept>,
    /// The host, for errors.
    place: String,
    /// Ends with the value.
    _ssh: Option<Ssh>,
}

/// The newest rows of a guest, and the bytes that they have.
struct Kept {
    newest: Newest,
    /// Each record of which sections are kept: those, and its bytes.
    records: Vec<(Vec<Section>, usize)>,
}

/// Something that came of the guests that are followed.
pub enum Followed {
    /// A guest has a newer frame.
    Frame {
        /// Its name.
        domain: String,
        /// When the frame was taken, nanoseconds since 1970.
        time_ns: u64,
    },
    /// The guests that there are, after one has ended or failed.
    Domains(Vec<LiveDomain>),
}

impl LiveConnection {
    /// Follows the guests of these patterns (none: all) from now on, by these sections of theirs.
    ///
    /// # Errors
    /// The connection breaks, or no thread can be started.
    pub fn following(
        mut self,
        domains: &[String],
        sections: &[Section],
    ) -> Result<Following, LiveError> {
        self.follow(domains, sections)?;
        let (answers, requests, ssh) = self.into_parts();
        let place = answers.place.clone();
        let updates = read(answers).map_err(|error| LiveError::broken(&place, error))?;
        Ok(Following {
            requests,
            updates,
            domains: domains.to_vec(),
            sections: sections.to_vec(),
            more: None,
            guests: HashMap::new(),
            place,
            _ssh: ssh,
        })
    }
}

/// Reads answers in a thread, until the connection ends or nobody takes them any more.
fn read(mut answers: Answers) -> std::io::Result<Receiver<Result<Update, LiveError>>> {
    let (sender, updates) = sync_channel(WAITING);
    std::thread::Builder::new().name("live-answers".to_owned()).spawn(move || {
        loop {
            let update = answers.update();
            let is_last = update.is_err();
            if sender.send(update).is_err() || is_last {
                return;
            }
        }
    })?;
    Ok(updates)
}

impl Following {
    /// Takes sections of one guest along, and no more of the one before.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn take_along(&mut self, more: Option<(String, Vec<Section>)>) -> Result<(), LiveError> {
        if self.more == more {
            return Ok(());
        }
        self.more = more;
        let more = self
            .more
            .iter()
            .map(|(domain, sections)| More { domain: domain.clone(), sections: names(sections) });
        let request = follow_request(&self.domains, &self.sections, more.collect());
        self.requests.message(&request).map_err(|error| LiveError::broken(&self.place, error))
    }

    /// Waits so long for what comes next; `None` if nothing does.
    ///
    /// # Errors
    /// The connection breaks, or brings more than any host has.
    pub fn next(&mut self, patience: Duration) -> Result<Option<Followed>, LiveError> {
        match self.updates.recv_timeout(patience) {
            Ok(Ok(Update::Columns(columns))) => self.take(*columns).map(Some),
            Ok(Ok(Update::Domains(domains))) => {
                self.guests.retain(|name, _| domains.iter().any(|one| one.domain.name == *name));
                Ok(Some(Followed::Domains(domains)))
            }
            Ok(Ok(Update::Dropped(_) | Update::Alive(_))) | Err(RecvTimeoutError::Timeout) => {
                Ok(None)
            }
            Ok(Err(error)) => Err(error),
            Err(RecvTimeoutError::Disconnected) => {
                Err(LiveError::broken(&self.place, "the recorder ended"))
            }
        }
    }

    /// The sections that are asked for of a guest.
    fn asked(&self, domain: &str) -> Vec<Section> {
        let more = self.more.iter().filter(|(one, _)| one == domain);
        self.sections.iter().chain(more.flat_map(|(_, more)| more)).copied().collect()
    }

    fn take(&mut self, columns: FrameColumns) -> Result<Followed, LiveError> {
        let (domain, time_ns) = (columns.domain().name.clone(), columns.head().wall_ns);
        let asked = self.asked(&domain);
        let columns = columns.with_only(&asked);
        if columns.rows() > MOST_ROWS {
            let reason = format!("a frame of '{domain}' has {} rows", columns.rows());
            return Err(LiveError::broken(&self.place, reason));
        }
        let bytes = columns.bytes().saturating_add(columns.rows().saturating_mul(ROW));
        let taken = columns.sections();
        match self.guests.get_mut(&domain) {
            Some(kept) => kept.newest.take(columns),
            None => {
                let Some(newest) = Newest::new(columns) else {
                    return Err(LiveError::broken(&self.place, "a frame lacks its own row"));
                };
                self.guests.insert(domain.clone(), Kept { newest, records: Vec::new() });
            }
        }
        if let Some(kept) = self.guests.get_mut(&domain) {
            for (sections, _) in &mut kept.records {
                sections.retain(|one| !taken.contains(one));
            }
            kept.records.retain(|(sections, _)| !sections.is_empty());
            kept.records.push((taken, bytes));
        }
        let of_guest = |kept: &Kept| {
            let records = kept.records.iter().map(|(_, bytes)| *bytes);
            records.fold(kept.newest.log_bytes(), usize::saturating_add)
        };
        let all = self.guests.values().map(of_guest).fold(0, usize::saturating_add);
        if all > MOST_BYTES {
            let reason = format!("its guests have more than {} MiB together", MOST_BYTES >> 20);
            return Err(LiveError::broken(&self.place, reason));
        }
        Ok(Followed::Frame { domain, time_ns })
    }

    /// The newest frame of a guest, with those of these sections that there are.
    ///
    /// # Errors
    /// There is no such guest, or its frame makes no sense.
    pub fn frame(&self, domain: &str, sections: &[Section]) -> Result<Frame, SourceError> {
        let Some(kept) = self.guests.get(domain) else {
            let known = self.guests.keys().cloned().collect();
            return Err(SourceError::NoSuchDomain { domain: domain.to_owned(), known });
        };
        let there = kept.newest.ages();
        let there: Vec<Section> = there.into_iter().map(|age| age.section).collect();
        let sections: Vec<Section> =
            sections.iter().copied().filter(|one| there.contains(one)).collect();
        kept.newest.frame(&sections)
    }
}

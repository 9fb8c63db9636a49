//! The newest frames of all guests, and who follows them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nfm_frame::{DomainIdentity, Section};
use nfm_store::{Decoder, Event, FrameColumns, Newest, Parsed, Record, RecordKind, parse};

use crate::message::{LiveDomain, More, Request, SectionAge};

/// The newest frames of all guests.
#[derive(Default)]
pub(crate) struct Guests {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By their numbers in the recorder's run.
    guests: HashMap<u32, Guest>,
    followers: Vec<Follower>,
    /// Counts those who follow.
    followed: u64,
}

#[derive(Default)]
struct Guest {
    decoder: Option<Decoder>,
    newest: Option<Newest>,
    /// The last failure, if no frame came since.
    failure: Option<String>,
}

/// The guests that one follows, and the sections of each.
#[derive(Clone)]
pub(crate) struct Interest {
    patterns: Vec<String>,
    sections: Vec<Section>,
    more: Vec<(String, Vec<Section>)>,
}

/// Something for one who follows.
pub(crate) enum Told {
    /// A guest's frame.
    Columns(FrameColumns),
    /// A guest ended, or failed.
    Changed,
    /// A request of his own.
    Asked(Request),
    /// His side of the connection ended.
    Ended,
}

/// One who gets all frames of some guests.
struct Follower {
    /// The number of his connection.
    number: u64,
    interest: Interest,
    queue: SyncSender<Told>,
    /// Counts what was left out, as his queue is full.
    dropped: Arc<AtomicU64>,
}

/// The answer to a question for a guest's newest frame.
pub(crate) enum Found {
    Columns(Vec<FrameColumns>),
    NoSuchGuest(Vec<String>),
    /// No newer frame came in time; why not, if that is known.
    NotNow(Option<String>),
}

impl Guests {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a record of the log.
    pub(crate) fn take(&self, bytes: &[u8]) {
        let Parsed::Record(record, _) = parse(bytes) else { return };
        match record.head.kind {
            RecordKind::Key | RecordKind::Frame => self.take_frame(&record),
            RecordKind::Event => {
                if let Ok(event) = serde_json::from_slice(record.payload) {
                    self.take_event(&event);
                }
            }
            _ => {}
        }
    }

    fn take_frame(&self, record: &Record) {
        let mut state = self.lock();
        let guest = state.guests.entry(record.head.vm).or_default();
        let decoder = match &mut guest.decoder {
            Some(decoder) => decoder,
            none => match Decoder::new() {
                Ok(decoder) => none.insert(decoder),
                Err(_) => return,
            },
        };
        // One that needs others which are not there is left out, up to the next key.
        let Ok(Some(columns)) = decoder.columns(record) else { return };
        guest.failure = None;
        match &mut guest.newest {
            Some(newest) => newest.take(columns.clone()),
            none => *none = Newest::new(columns.clone()),
        }
        state.followers.retain(|follower| follower.send_frame(&columns));
        drop(state);
        self.changed.notify_all();
    }

    fn take_event(&self, event: &Event) {
        let mut state = self.lock();
        for guest in state.guests.values_mut() {
            let is_it = guest.newest.as_ref().is_some_and(|newest| {
                newest.domain().name == event.vm || newest.domain().uuid == event.vm_uuid
            });
            match event.kind.as_str() {
                "gone" if is_it => guest.newest = None,
                "failed" if is_it => guest.failure = Some(event.text.clone()),
                _ => {}
            }
        }
        if matches!(event.kind.as_str(), "gone" | "failed") {
            state.followers.retain(|follower| follower.send(Told::Changed));
        }
        drop(state);
        self.changed.notify_all();
    }

    /// All guests, by name.
    pub(crate) fn domains(&self) -> Vec<LiveDomain> {
        let state = self.lock();
        let all = state.guests.values().filter_map(|guest| {
            let newest = guest.newest.as_ref()?;
            let sections = newest.ages().into_iter().map(|age| SectionAge {
                section: age.section.name().to_owned(),
                age_ns: age.age_ns,
            });
            Some(LiveDomain {
                domain: newest.domain().clone(),
                seq: newest.head().seq,
                time_ns: newest.head().wall_ns,
                sections: sections.collect(),
                failure: guest.failure.clone(),
            })
        });
        let mut all: Vec<LiveDomain> = all.collect();
        all.sort_by(|a, b| a.domain.name.cmp(&b.domain.name));
        all
    }

    /// A guest's newest frame; one with a higher number than `after`, if it comes within `patience`.
    pub(crate) fn frame(
        &self,
        domain: &str,
        sections: &[Section],
        after: Option<u64>,
        patience: Duration,
    ) -> Found {
        let begun = Instant::now();
        let mut state = self.lock();
        loop {
            let is_it =
                |own: &DomainIdentity| own.name == domain || own.uuid.as_deref() == Some(domain);
            let all = || state.guests.values().filter_map(|one| Some((one, one.newest.as_ref()?)));
            let Some((guest, newest)) = all().find(|(_, newest)| is_it(newest.domain())) else {
                let names = all().map(|(_, newest)| newest.domain().name.clone());
                let mut names: Vec<String> = names.collect();
                names.sort();
                return Found::NoSuchGuest(names);
            };
            if after.is_none_or(|after| newest.head().seq > after) {
                return Found::Columns(newest.columns(sections));
            }
            let left = patience.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Found::NotNow(guest.failure.clone());
            }
            let woken = self.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The newest frames of the guests that one follows.
    pub(crate) fn newest(&self, interest: &Interest) -> Vec<FrameColumns> {
        self.lock().newest(interest)
    }

    /// A number for one who is about to follow.
    pub(crate) fn number(&self) -> u64 {
        let mut state = self.lock();
        state.followed = state.followed.wrapping_add(1);
        state.followed
    }

    /// The newest frames of some guests; all that come from then on go to a queue, until its receiver is dropped or the
    /// same number follows others.
    pub(crate) fn follow(
        &self,
        number: u64,
        interest: Interest,
        queue: SyncSender<Told>,
        dropped: Arc<AtomicU64>,
    ) -> Vec<FrameColumns> {
        let mut state = self.lock();
        let newest = state.newest(&interest);
        state.followers.retain(|follower| follower.number != number);
        state.followers.push(Follower { number, interest, queue, dropped });
        newest
    }
}

impl State {
    fn newest(&self, interest: &Interest) -> Vec<FrameColumns> {
        let all = self.guests.values().filter_map(|guest| guest.newest.as_ref());
        let chosen = all.filter_map(|one| Some((one, interest.sections(one.domain())?)));
        chosen.flat_map(|(newest, sections)| newest.columns(&sections)).collect()
    }
}

impl Interest {
    /// That of a request; a section that this version does not know is not there.
    pub(crate) fn new(patterns: Vec<String>, sections: &[String], more: Vec<More>) -> Self {
        let more = more.into_iter().map(|one| (one.domain, known(&one.sections))).collect();
        Self { patterns, sections: known(sections), more }
    }

    /// True if a guest is followed.
    pub(crate) fn is_of(&self, domain: &DomainIdentity) -> bool {
        domain.is_any_of(&self.patterns)
    }

    /// The sections of a guest; `None` if it is not followed.
    pub(crate) fn sections(&self, domain: &DomainIdentity) -> Option<Vec<Section>> {
        let more = self.more.iter().filter(|(pattern, _)| domain.is_one_of(pattern));
        let more = more.flat_map(|(_, sections)| sections);
        self.is_of(domain).then(|| self.sections.iter().chain(more).copied().collect())
    }
}

/// The sections of names; one that this version does not know is not there.
pub(crate) fn known(names: &[String]) -> Vec<Section> {
    names.iter().filter_map(|name| Section::from_name(name)).collect()
}

impl Follower {
    /// Gives it a frame, if it is of its guests; false once it does not follow any more.
    fn send_frame(&self, columns: &FrameColumns) -> bool {
        match self.interest.sections(columns.domain()) {
            Some(sections) => self.send(Told::Columns(columns.with_only(&sections))),
            None => true,
        }
    }

    fn send(&self, told: Told) -> bool {
        match self.queue.try_send(told) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

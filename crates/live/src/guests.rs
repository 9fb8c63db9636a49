//! The newest frames of all guests, and who follows them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nfm_frame::{DomainIdentity, Section};
use nfm_store::{Decoder, Event, FrameColumns, Newest, Parsed, Record, RecordKind, parse};

use crate::message::{LiveDomain, SectionAge};

/// Frames that wait for one who does not read: those after them are left out.
const QUEUE: usize = 64;

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
}

#[derive(Default)]
struct Guest {
    decoder: Option<Decoder>,
    newest: Option<Newest>,
    /// The last failure, if no frame came since.
    failure: Option<String>,
}

/// One who gets all frames of some guests.
struct Follower {
    patterns: Vec<String>,
    sections: Vec<Section>,
    queue: SyncSender<FrameColumns>,
    dropped: Arc<AtomicU64>,
}

/// The frames of one who follows.
pub(crate) struct Followed {
    pub queue: Receiver<FrameColumns>,
    /// Frames that were left out since this was looked at last.
    pub dropped: Arc<AtomicU64>,
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
        state.followers.retain(|follower| follower.send(&columns));
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

    /// The newest frames of the guests of these patterns.
    pub(crate) fn newest(&self, patterns: &[String], sections: &[Section]) -> Vec<FrameColumns> {
        self.lock().newest(patterns, sections)
    }

    /// The newest frames of these guests, and all that come from then on.
    pub(crate) fn follow(
        &self,
        patterns: Vec<String>,
        sections: Vec<Section>,
    ) -> (Vec<FrameColumns>, Followed) {
        let mut state = self.lock();
        let newest = state.newest(&patterns, &sections);
        let (sender, queue) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        let follower = Follower { patterns, sections, queue: sender, dropped: dropped.clone() };
        state.followers.push(follower);
        (newest, Followed { queue, dropped })
    }
}

impl State {
    fn newest(&self, patterns: &[String], sections: &[Section]) -> Vec<FrameColumns> {
        let all = self.guests.values().filter_map(|guest| guest.newest.as_ref());
        let chosen = all.filter(|newest| newest.domain().is_any_of(patterns));
        chosen.flat_map(|newest| newest.columns(sections)).collect()
    }
}

impl Follower {
    /// Gives it a frame, if it is of its guests; false once it does not follow any more.
    fn send(&self, columns: &FrameColumns) -> bool {
        if !columns.domain().is_any_of(&self.patterns) {
            return true;
        }
        match self.queue.try_send(columns.with_only(&self.sections)) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Disconnected(_)) => false,
        }
    }
}

//! The recorder's side without a recorder: one conversation over any pair of streams, answered from a source of frames that are
//! taken when they are asked for.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Section, SourceError};
use nfm_store::FrameColumns;

use crate::guests::{Interest, known};
use crate::message::{Answer, LiveDomain, Refusal, Request};
use crate::records::{Incoming, RecordReader, RecordWriter};
use crate::server::{Greeting, greet, refused, wall_clock};

/// The time between two frames of a guest that is followed.
const PERIOD: Duration = Duration::from_secs(1);
/// The time from one list of the guests to the next.
const LISTING: Duration = Duration::from_secs(2);
/// Requests that wait for an answer.
const WAITING: usize = 16;

/// Answers requests until the connection ends: a frame is taken for each question, and one of each guest that is followed
/// every second.
///
/// # Errors
/// The streams fail.
pub fn serve_source(
    from: Box<dyn Read + Send>,
    to: Box<dyn Write + Send>,
    greeting: &Greeting,
    source: &mut dyn FrameSource,
) -> io::Result<()> {
    let mut requests = RecordReader::of_requests(from);
    let mut answers = RecordWriter::new(to);
    if !greet(&mut requests, &mut answers, greeting)? {
        return Ok(());
    }
    let (sender, waiting) = mpsc::sync_channel(WAITING);
    std::thread::Builder::new().spawn(move || {
        while let Ok(Some(incoming)) = requests.read() {
            if let Incoming::Message(request) = incoming
                && sender.send(request).is_err()
            {
                return;
            }
        }
    })?;
    let (seq, guests, failures) = (0, HashMap::new(), HashMap::new());
    let told = (Instant::now(), Vec::new());
    Conversation { answers, source, seq, guests, failures, told }.hold(&waiting)
}

struct Conversation<'a> {
    answers: RecordWriter,
    source: &'a mut dyn FrameSource,
    /// The number of the last frame.
    seq: u64,
    /// Numbers of guests, by name.
    guests: HashMap<String, u32>,
    /// Why there is no frame of a guest, by name.
    failures: HashMap<String, String>,
    /// When the guests were listed last, and which were there.
    told: (Instant, Vec<DomainIdentity>),
}

impl Conversation<'_> {
    fn hold(mut self, requests: &Receiver<Request>) -> io::Result<()> {
        let mut followed: Option<Interest> = None;
        let mut next = Instant::now();
        loop {
            let request = match &followed {
                None => requests.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(_) => requests.recv_timeout(next.saturating_duration_since(Instant::now())),
            };
            match (request, &followed) {
                (Ok(Request::Domains), _) => {
                    let domains = self.domains();
                    self.answer_domains(domains)?;
                }
                (Ok(Request::Frame { domain, sections, .. }), _) => {
                    self.answer_frame(&domain, &known(&sections))?;
                }
                (Ok(Request::Follow { domains, sections, more }), _) => {
                    followed = Some(Interest::new(domains, &sections, more));
                    next = Instant::now();
                }
                (Ok(Request::Hello { .. } | Request::Unknown), _) => {
                    let reason = "nfm there does not know this request: it is of an older version";
                    self.answers.message(&refused(Refusal::NotKnown, reason))?;
                }
                (Err(RecvTimeoutError::Timeout), Some(interest)) => {
                    next = (next + PERIOD).max(Instant::now());
                    self.take_all(interest)?;
                }
                (Err(_), _) => return Ok(()),
            }
        }
    }

    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        let domains = self.source.domains()?;
        self.told = (Instant::now(), domains.clone());
        Ok(domains)
    }

    fn answer_domains(
        &mut self,
        domains: Result<Vec<DomainIdentity>, SourceError>,
    ) -> io::Result<()> {
        let domains = match domains {
            Ok(domains) => domains,
            Err(error) => {
                let answer = refused(Refusal::Other, &error.to_string());
                return self.answers.message(&answer);
            }
        };
        let all = domains.into_iter().map(|domain| LiveDomain {
            failure: self.failures.get(&domain.name).cloned(),
            domain,
            seq: self.seq,
            time_ns: wall_clock(),
            sections: Vec::new(),
        });
        self.answers.message(&Answer::Domains { domains: all.collect() })
    }

    /// A frame that is taken now, as a record.
    fn columns(&mut self, domain: &str, sections: &[Section]) -> Result<FrameColumns, SourceError> {
        // A guest that is looked for shows by that that it can be read.
        let asked = if sections.is_empty() { &[Section::Os] } else { sections };
        let mut frame: Frame = self.source.frame(domain, At::Latest, asked)?;
        if sections.is_empty() {
            frame.keep_only(&[]);
        }
        self.seq = self.seq.saturating_add(1);
        frame.seq = self.seq;
        let count = u32::try_from(self.guests.len()).unwrap_or(u32::MAX);
        let name = frame.domain.name.clone();
        let vm = *self.guests.entry(name).or_insert(count.saturating_add(1));
        FrameColumns::of(vm, &frame).map_err(|error| SourceError::Crawl(Box::new(error)))
    }

    fn answer_frame(&mut self, domain: &str, sections: &[Section]) -> io::Result<()> {
        match self.columns(domain, sections) {
            Ok(columns) => {
                self.answers.columns(&columns)?;
                self.answers.message(&Answer::Done { time_ns: wall_clock() })
            }
            Err(error) => {
                let known = self.source.domains().unwrap_or_default();
                let known: Vec<String> = known.into_iter().map(|one| one.name).collect();
                let refusal = match known.iter().any(|name| name == domain) {
                    true => Refusal::NoFrame,
                    false => Refusal::NoSuchDomain,
                };
                let reason = error.to_string();
                self.answers.message(&Answer::Refused { refusal, reason, known })
            }
        }
    }

    /// Takes a frame of each guest that is followed, and tells which there are where that has changed.
    fn take_all(&mut self, interest: &Interest) -> io::Result<()> {
        let mut is_changed = false;
        if self.told.0.elapsed() >= LISTING || self.told.1.is_empty() {
            let before = std::mem::take(&mut self.told.1);
            match self.domains() {
                Ok(now) => is_changed = now != before,
                Err(error) => {
                    return self.answers.message(&refused(Refusal::Other, &error.to_string()));
                }
            }
        }
        for domain in self.told.1.clone() {
            let Some(sections) = interest.sections(&domain) else { continue };
            match self.columns(&domain.name, &sections) {
                Ok(columns) => {
                    is_changed |= self.failures.remove(&domain.name).is_some();
                    self.answers.columns(&columns)?;
                }
                Err(error) => {
                    let reason = error.to_string();
                    let before = self.failures.insert(domain.name.clone(), reason.clone());
                    is_changed |= before.is_none_or(|before| before != reason);
                }
            }
        }
        if is_changed {
            let mut domains = self.told.1.clone();
            domains.retain(|one| interest.is_of(one));
            return self.answer_domains(Ok(domains));
        }
        self.answers.message(&Answer::Alive { time_ns: wall_clock() })
    }
}

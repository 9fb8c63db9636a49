//! The side of one who looks: frames of a recorder's guests, over its socket or any other pair of streams.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Section, SourceError};
use nfm_store::{Age, FrameColumns, Newest};

use crate::error::LiveError;
use crate::message::{Answer, LiveDomain, More, Refusal, Request, VERSION};
use crate::records::{Incoming, RecordReader, RecordWriter};
use crate::ssh::{self, Ssh, SshHost};

/// A recorder that is silent for so long is taken for gone.
const PATIENCE: Duration = Duration::from_secs(90);
/// Frames that an answer may have: one for each section, and the newest.
const MOST_FRAMES: usize = 64;

/// A connection to a recorder.
pub struct LiveConnection {
    answers: Answers,
    requests: RecordWriter,
    /// The socket, or the host, for errors.
    place: String,
    host: String,
    uri: String,
    program: String,
    /// The program that holds the connection to another host.
    ssh: Option<Ssh>,
}

/// A guest's frame, and how old it is.
pub struct LiveFrame {
    /// The frame.
    pub frame: Frame,
    /// The age of each section when the frame was taken.
    pub ages: Vec<Age>,
    /// The age of the frame by the clock of its host, nanoseconds.
    pub age_ns: u64,
}

/// Something that came while guests are followed.
pub enum Update {
    /// A guest's frame, with the sections that were taken then.
    Columns(Box<FrameColumns>),
    /// So many frames were left out, as they were not read in time.
    Dropped(u64),
    /// The guests that there are, after one has ended or failed.
    Domains(Vec<LiveDomain>),
    /// Nothing for a while; the host's wall clock, nanoseconds since 1970.
    Alive(u64),
}

impl LiveConnection {
    /// Connects to a recorder's socket.
    ///
    /// # Errors
    /// No recorder serves there, or the user may not look.
    pub fn unix(path: &Path) -> Result<Self, LiveError> {
        let place = path.display().to_string();
        let connected = UnixStream::connect(path).and_then(|stream| {
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_write_timeout(Some(PATIENCE))?;
            Ok((stream.try_clone()?, stream))
        });
        let (from, to) = connected.map_err(|error| LiveError::connecting(&place, &error))?;
        Self::over(&place, Box::new(from), Box::new(to), false)
    }

    /// Connects to the recorder of another host by ssh(1). Whatever that has to say goes to standard error.
    ///
    /// # Errors
    /// ssh cannot connect, no recorder serves there, or the user may not look.
    pub fn ssh(host: &SshHost) -> Result<Self, LiveError> {
        ssh::connect(host)
    }

    /// Keeps a program for as long as the connection lasts.
    pub(crate) fn keep(&mut self, ssh: Ssh) {
        self.ssh = Some(ssh);
    }

    /// A connection over streams: those of another program, which passes the bytes of a recorder's socket on. `place`
    /// names it in errors; with `zstd` it compresses what it sends.
    ///
    /// # Errors
    /// The other side is no recorder, or refuses.
    pub fn over(
        place: &str,
        from: Box<dyn Read + Send>,
        to: Box<dyn Write + Send>,
        zstd: bool,
    ) -> Result<Self, LiveError> {
        let mut own = Self {
            answers: Answers { reader: RecordReader::new(from), place: place.to_owned() },
            requests: RecordWriter::new(to),
            place: place.to_owned(),
            host: String::new(),
            uri: String::new(),
            program: String::new(),
            ssh: None,
        };
        let program = format!("nfm {}", env!("CARGO_PKG_VERSION"));
        own.ask(&Request::Hello { version: VERSION, program, zstd })?;
        match own.answer()? {
            Incoming::Message(Answer::Hello { program, host, uri, zstd, .. }) => {
                (own.program, own.host, own.uri) = (program, host, uri);
                if zstd {
                    own.answers
                        .reader
                        .decompress()
                        .map_err(|error| LiveError::broken(place, error))?;
                }
                Ok(own)
            }
            _ => Err(LiveError::broken(place, "the other side is no recorder")),
        }
    }

    /// The host's name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// libvirt's URI whose guests are recorded there.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// The recorder's program and version.
    pub fn program(&self) -> &str {
        &self.program
    }

    fn ask(&mut self, request: &Request) -> Result<(), LiveError> {
        self.requests.message(request).map_err(|error| LiveError::broken(&self.place, error))
    }

    fn answer(&mut self) -> Result<Incoming<Answer>, LiveError> {
        self.answers.next()
    }

    /// The parts of a connection: its answers may be read by a thread of its own.
    pub(crate) fn into_parts(self) -> (Answers, RecordWriter, Option<Ssh>) {
        (self.answers, self.requests, self.ssh)
    }

    /// The guests that are recorded there.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn live_domains(&mut self) -> Result<Vec<LiveDomain>, LiveError> {
        self.ask(&Request::Domains)?;
        loop {
            if let Incoming::Message(Answer::Domains { domains }) = self.answer()? {
                return Ok(domains);
            }
        }
    }

    /// A guest's newest frame with these sections; one with a higher number than `after`, if that is given.
    ///
    /// # Errors
    /// The guest is not recorded there, a section of it is not, or the connection breaks.
    pub fn live_frame(
        &mut self,
        domain: &str,
        sections: &[Section],
        after: Option<u64>,
    ) -> Result<LiveFrame, SourceError> {
        let (newest, now_ns) =
            self.newest(domain, sections, after).map_err(|error| match error {
                LiveError::Refused { refusal: Refusal::NoSuchDomain, known, .. } => {
                    SourceError::NoSuchDomain { domain: domain.to_owned(), known }
                }
                error => error.into(),
            })?;
        let frame = newest.frame(sections)?;
        let age_ns = now_ns.saturating_sub(frame.time_ns);
        let mut ages = newest.ages();
        ages.retain(|age| sections.contains(&age.section));
        Ok(LiveFrame { frame, ages, age_ns })
    }

    /// The same as columns, and the host's wall clock.
    fn newest(
        &mut self,
        domain: &str,
        sections: &[Section],
        after: Option<u64>,
    ) -> Result<(Newest, u64), LiveError> {
        let sections = names(sections);
        self.ask(&Request::Frame { domain: domain.to_owned(), sections, after })?;
        let mut newest: Option<Newest> = None;
        for _ in 0..MOST_FRAMES {
            match self.answer()? {
                Incoming::Columns(columns) => match &mut newest {
                    Some(newest) => newest.take(*columns),
                    none => *none = Newest::new(*columns),
                },
                Incoming::Message(Answer::Done { time_ns }) => {
                    let none = || LiveError::broken(&self.place, "it brings no frame");
                    return newest.map(|newest| (newest, time_ns)).ok_or_else(none);
                }
                Incoming::Message(_) | Incoming::Unknown => {}
            }
        }
        Err(LiveError::broken(&self.place, "an answer does not end"))
    }

    /// Asks for all frames from now on of the guests of these patterns (none: all). [`Self::update`] gives them.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn follow(&mut self, domains: &[String], sections: &[Section]) -> Result<(), LiveError> {
        self.ask(&follow_request(domains, sections, Vec::new()))
    }

    /// Waits for the next update of the guests that are followed.
    ///
    /// # Errors
    /// The connection breaks.
    pub fn update(&mut self) -> Result<Update, LiveError> {
        self.answers.update()
    }
}

/// The request for all frames of the guests of these patterns.
pub(crate) fn follow_request(domains: &[String], sections: &[Section], more: Vec<More>) -> Request {
    Request::Follow { domains: domains.to_vec(), sections: names(sections), more }
}

/// The names of sections.
pub(crate) fn names(sections: &[Section]) -> Vec<String> {
    sections.iter().map(|section| section.name().to_owned()).collect()
}

/// The recorder's side of a connection, to be read.
pub(crate) struct Answers {
    reader: RecordReader,
    /// The socket, or the host, for errors.
    pub place: String,
}

impl Answers {
    /// The next record of the recorder; a refusal is an error.
    fn next(&mut self) -> Result<Incoming<Answer>, LiveError> {
        let next = self.reader.read().map_err(|error| LiveError::broken(&self.place, error))?;
        match next {
            Some(Incoming::Message(Answer::Refused { refusal: Refusal::Forbidden, .. })) => {
                Err(LiveError::Forbidden { path: self.place.clone() })
            }
            Some(Incoming::Message(Answer::Refused { refusal, reason, known })) => {
                Err(LiveError::Refused { refusal, reason, known })
            }
            Some(incoming) => Ok(incoming),
            None => Err(LiveError::broken(&self.place, "the recorder ended")),
        }
    }

    /// The next update of the guests that are followed.
    pub(crate) fn update(&mut self) -> Result<Update, LiveError> {
        loop {
            return Ok(match self.next()? {
                Incoming::Columns(columns) => Update::Columns(columns),
                Incoming::Message(Answer::Dropped { frames }) => Update::Dropped(frames),
                Incoming::Message(Answer::Alive { time_ns }) => Update::Alive(time_ns),
                Incoming::Message(Answer::Domains { domains }) => Update::Domains(domains),
                Incoming::Message(_) | Incoming::Unknown => continue,
            });
        }
    }
}

impl FrameSource for LiveConnection {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        Ok(self.live_domains()?.into_iter().map(|one| one.domain).collect())
    }

    fn is_live(&self) -> bool {
        true
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        match at {
            At::Latest => Ok(self.live_frame(domain, sections, None)?.frame),
            At::Before(_) | At::After(_) | At::Nearest(_) => Err(SourceError::NoFrame {
                reason:
                    "a recorder's socket has the newest frames alone: --at looks into its store"
                        .to_owned(),
            }),
        }
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        let domain = after.domain.uuid.as_deref().unwrap_or(&after.domain.name);
        Ok(Some(self.live_frame(domain, sections, Some(after.seq))?.frame))
    }
}

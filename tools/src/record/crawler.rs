//! The process that reads guests' memory.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nfm::{
    DomainIdentity, DomainSummary, FleetEvent, FollowOptions, Frame, Libvirt, OwnSections, Section,
};
use nfm_analysis::Trigger;
use nfm_store::{Encoder, Event, RecordHead, RecordKind};
use rustix::thread::CapabilitySet;
use serde::{Deserialize, Serialize};

use crate::args::{Record, UseSocket};
use crate::choice::Choice;
use crate::config::Config;
use crate::flight::Flight;
use crate::users::user;
use crate::{Failure, complain, privileges};

/// Sections that are not taken in every frame.
const RARELY: [(Section, u64); 9] = [
    (Section::Files, 10),
    (Section::Log, 10),
    (Section::Mappings, 60),
    (Section::Modules, 60),
    (Section::Mounts, 60),
    (Section::Interfaces, 60),
    (Section::Routes, 60),
    (Section::Neighbours, 60),
    (Section::Integrity, 60),
];

/// The writer's first line: what the crawler has to know of the store.
#[derive(Deserialize, Serialize)]
pub(crate) struct Hello {
    /// The highest number that a frame has.
    pub highest: u64,
}

/// The writer's line that asks for records that can be read without those before: some were not written.
pub(crate) const ANEW: &str = "anew";

/// Starts the writer and records until the program is ended.
pub(crate) fn run(connect: Option<&str>, record: &Record) -> Result<(), Failure> {
    let libvirt = Libvirt::open(connect)?;
    let mut config = Config::read(&record.rules(), record.rules.is_some())?;
    config.set_flight(&record.flight);
    let mut options = FollowOptions::default();
    options.open.uri = connect.map(str::to_owned);
    let usual = Duration::from_secs_f64(1.0 / record.rate);
    options.period = match config.has_triggers() {
        true => usual.min(Duration::from_secs_f64(1.0 / config.flight.rate)),
        false => usual,
    };
    options.crawl.sections = Section::ALL.to_vec();
    let mut rarely: Vec<(Section, Duration)> =
        RARELY.map(|(section, seconds)| (section, Duration::from_secs(seconds))).to_vec();
    let named = record.every.iter().map(|(section, s)| (*section, Duration::from_secs_f64(*s)));
    replace(&mut rarely, config.every.iter().copied().chain(named));
    options.rarely = rarely;
    let late = if config.has_triggers() { config.flight.ring } else { Duration::ZERO };
    let mut writer = start_writer(&libvirt, record, late)?;
    let choice = Arc::new(Choice::new(record.domains.clone(), config, libvirt));
    let rates = Rates { usual, all: options.period, rarely: options.rarely.clone() };
    let (own, usual) = (choice.clone(), options.rarely.clone());
    options.own_sections = Some(OwnSections::new(move |domain| own.sections(domain, &usual)));
    let (Some(pipe), Some(answers)) = (writer.stdin.take(), writer.stdout.take()) else {
        return Err(Failure::other("the process that writes the store has no pipe"));
    };
    let mut answers = BufReader::new(answers);
    let mut line = String::new();
    let _ = answers.read_line(&mut line);
    let Ok(Hello { highest }) = serde_json::from_str(&line) else {
        // It has said why.
        let status = writer.wait().ok().and_then(|status| status.code());
        std::process::exit(status.unwrap_or(nfm::ErrorCode::Other as i32));
    };
    // Not before: the writer is a program of its own. Guests that start later are opened with what is kept.
    privileges::give_up_but(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH);
    let anew = Arc::new(AtomicBool::new(false));
    listen(answers, anew.clone());
    let recorder = Recorder {
        pipe,
        guests: HashMap::new(),
        numbers: 0,
        highest,
        choice: choice.clone(),
        rates,
        anew,
        ended: false,
    };
    let recorder = Mutex::new(recorder);
    let is_chosen = |domain: &DomainSummary| choice.is_chosen(domain);
    let lock = || recorder.lock().unwrap_or_else(PoisonError::into_inner);
    nfm::follow(&options, is_chosen, |event| lock().take(event))?;
    drop(recorder);
    let _ = writer.wait();
    Err(Failure::other(
        "the process that writes the store has ended: look at what it said, and start again",
    ))
}

/// Puts cadences in the places of those of the same sections.
pub(crate) fn replace(
    all: &mut Vec<(Section, Duration)>,
    others: impl Iterator<Item = (Section, Duration)>,
) {
    for (section, length) in others {
        all.retain(|(one, _)| *one != section);
        all.push((section, length));
    }
}

/// Starts this program once more, as another user, with a pipe.
fn start_writer(libvirt: &Libvirt, record: &Record, late: Duration) -> Result<Child, Failure> {
    let folder = |error: std::io::Error| {
        let path = record.store.display();
        Failure {
            code: nfm::ErrorCode::File,
            sentence: format!("'{path}' cannot be made: {error}"),
        }
    };
    let mut command = Command::new("/proc/self/exe");
    command.arg0("nfm-record").arg("--writer").args(["--uri", libvirt.uri()]);
    command.arg("--late").arg(late.as_secs_f64().to_string());
    command.args(record.arguments(None));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    // Ctrl-C at a terminal ends the crawler; the writer then writes what is on its way.
    command.process_group(0);
    make_folder(&record.store).map_err(folder)?;
    let own = rustix::process::getuid();
    let user = match &record.user {
        Some(name) => Some(user(name).ok_or_else(|| {
            Failure::other(format!("there is no user '{name}': name another one with --user"))
        })?),
        None => user("nfm").filter(|_| own.is_root()),
    };
    if let Some((uid, gid)) = user.filter(|(uid, _)| *uid != own.as_raw()) {
        std::os::unix::fs::chown(&record.store, Some(uid), Some(gid)).map_err(folder)?;
        command.uid(uid).gid(gid);
    }
    if record.live.live == UseSocket::Auto {
        make_socket_folder(&record.live.socket, user);
    }
    command.spawn().map_err(|error| {
        Failure::other(format!("the process that writes the store cannot be started: {error}"))
    })
}

/// Makes the store's folder, for its owner and its group; those above it are for all to go through.
fn make_folder(store: &Path) -> std::io::Result<()> {
    if let Some(above) = store.parent() {
        fs::create_dir_all(above)?;
    }
    match fs::DirBuilder::new().mode(0o750).create(store) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Makes the socket's folder for the writer, where there is none. All may enter it: the socket itself is for some. If it
/// cannot be made, the writer says that it cannot serve.
fn make_socket_folder(socket: &Path, user: Option<(u32, u32)>) {
    let Some(folder) = socket.parent() else { return };
    let made = fs::DirBuilder::new().mode(0o755).create(folder);
    if let (Ok(()), Some((uid, gid))) = (made, user) {
        let _ = std::os::unix::fs::chown(folder, Some(uid), Some(gid));
    }
}

/// Hears the writer, in a thread of its own.
fn listen(answers: BufReader<ChildStdout>, anew: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        for line in answers.lines().map_while(Result::ok) {
            if line == ANEW {
                anew.store(true, Ordering::Relaxed);
            }
        }
    });
}

/// How often frames are taken, and which of them are recorded.
struct Rates {
    /// The time from one recorded frame of a guest to the next.
    usual: Duration,
    /// The time from one frame to the next.
    all: Duration,
    /// Sections that few frames have: those are recorded all.
    rarely: Vec<(Section, Duration)>,
}

/// Makes records of what happens to the guests.
struct Recorder {
    pipe: ChildStdin,
    /// By UUID.
    guests: HashMap<String, Guest>,
    /// The numbers of guests' records that were given out.
    numbers: u32,
    highest: u64,
    choice: Arc<Choice>,
    rates: Rates,
    anew: Arc<AtomicBool>,
    ended: bool,
}

/// A guest that is recorded.
struct Guest {
    encoder: Encoder,
    /// The number of the last frame that was taken.
    seq: u64,
    /// When the last frame was recorded that time asked for, by the host's clock since its boot.
    recorded_ns: Option<u64>,
    rarely: Vec<Section>,
    flight: Option<Flight>,
}

impl Guest {
    /// True if a frame is recorded whatever happens.
    fn is_due(&mut self, frame: &Frame, boot_ns: u64, rates: &Rates) -> bool {
        if rates.usual <= rates.all {
            return true;
        }
        let since = self.recorded_ns.map(|last| boot_ns.saturating_sub(last));
        let is_due = since.is_none_or(|since| {
            Duration::from_nanos(since).saturating_add(rates.all / 2) >= rates.usual
        });
        if is_due {
            self.recorded_ns = Some(boot_ns);
        }
        is_due || self.rarely.iter().any(|section| frame.has(*section))
    }
}

impl Recorder {
    fn take(&mut self, event: FleetEvent<'_>) -> ControlFlow<()> {
        match event {
            FleetEvent::Frame { domain, frame, restarted } => {
                if restarted {
                    self.event(domain, "restarted", "its kernel was started anew".to_owned());
                }
                self.frame(domain, *frame, restarted);
            }
            FleetEvent::New { domain } => {
                self.event(domain, "new", "it was found, and is recorded from now on".to_owned());
            }
            FleetEvent::Gone { domain } => {
                let flight = self.guests.get(&domain.uuid).and_then(|guest| guest.flight.as_ref());
                let fired = flight.and_then(Flight::end);
                self.fire(domain, fired.into_iter().collect(), boot_clock());
                self.event(domain, "gone", "it ended".to_owned());
            }
            FleetEvent::Failed { domain, error, repeated: false, .. } => {
                complain(&error.to_string());
                self.event(domain, "failed", error.to_string());
            }
            FleetEvent::NotListed { error, repeated: false, .. } => complain(&error.to_string()),
            _ => {}
        }
        if self.ended { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn frame(&mut self, domain: &DomainSummary, mut frame: Frame, is_restarted: bool) {
        if self.anew.swap(false, Ordering::Relaxed) {
            for guest in self.guests.values_mut() {
                guest.encoder.begin_anew();
                guest.flight.iter_mut().for_each(Flight::begin_anew);
            }
        }
        let rule = self.choice.config.rule(&frame.domain);
        // Here, where guests' memory is read: secrets get no further.
        if rule.is_none_or(|rule| rule.redact) {
            self.choice.config.redactor.redact(&mut frame);
        }
        match self.record(domain, frame, is_restarted) {
            Ok(()) => {}
            Err(error) => complain(&format!("a frame of '{}' is lost: {error}", domain.name)),
        }
    }

    /// Sends the frame's record, or has the flight recorder keep it.
    fn record(
        &mut self,
        domain: &DomainSummary,
        mut frame: Frame,
        is_restarted: bool,
    ) -> nfm_store::Result<()> {
        let boot_ns = boot_clock();
        if !self.guests.contains_key(&domain.uuid) {
            self.add(domain, &frame.domain)?;
        }
        let Some(guest) = self.guests.get_mut(&domain.uuid) else { return Ok(()) };
        let is_due = guest.is_due(&frame, boot_ns, &self.rates);
        guest.seq = guest.seq.saturating_add(1);
        let flight = guest.flight.as_mut();
        let fired = flight.map(|one| one.watch(&frame, is_restarted)).unwrap_or_default();
        let record = match (is_due, &mut guest.flight) {
            (true, _) => {
                let mut bytes = Vec::new();
                guest.encoder.number_on(guest.seq.saturating_sub(1));
                guest.encoder.encode(&mut frame, boot_ns, &mut bytes)?;
                Some(bytes)
            }
            (false, Some(flight)) => flight.take(frame, guest.seq, boot_ns)?,
            (false, None) => None,
        };
        record.iter().for_each(|bytes| self.send(bytes));
        self.fire(domain, fired, boot_ns);
        Ok(())
    }

    /// Makes what a guest's records need.
    fn add(&mut self, domain: &DomainSummary, identity: &DomainIdentity) -> nfm_store::Result<()> {
        let config = &self.choice.config;
        let vm = self.numbers.saturating_add(1);
        self.numbers = vm.saturating_add(1);
        let rarely = match self.choice.sections(domain, &self.rates.rarely) {
            Some(own) => own.rarely,
            None => self.rates.rarely.clone(),
        };
        let triggers = config.triggers(identity);
        let flight = (!triggers.is_empty())
            .then(|| Flight::new(self.numbers, identity.clone(), triggers, &config.flight))
            .transpose()?;
        let is_rare = |(_, length): &&(Section, Duration)| *length > self.rates.all;
        let guest = Guest {
            encoder: Encoder::new(vm, identity.clone(), self.highest)?,
            seq: self.highest,
            recorded_ns: None,
            rarely: rarely.iter().filter(is_rare).map(|(section, _)| *section).collect(),
            flight,
        };
        if config.rule(identity).is_some_and(|rule| !rule.serve) {
            self.hide(vm);
        }
        self.guests.insert(domain.uuid.clone(), guest);
        Ok(())
    }

    /// Sends the frames that the flight recorder has, if anything fired.
    fn fire(&mut self, domain: &DomainSummary, fired: Vec<(Trigger, String)>, boot_ns: u64) {
        let flight = self.guests.get_mut(&domain.uuid).and_then(|guest| guest.flight.as_mut());
        let Some(flight) = flight.filter(|_| !fired.is_empty()) else { return };
        let (records, kept) = flight.keep(boot_ns);
        self.send(&records);
        for (trigger, text) in fired {
            self.event(domain, "trigger", format!("{trigger}: {text}; {kept}"));
        }
    }

    /// Has the writer keep a guest from its socket.
    fn hide(&mut self, vm: u32) {
        let mut bytes = Vec::new();
        let head = RecordHead::other(RecordKind::Message, wall_clock(), boot_clock());
        RecordHead { vm, ..head }.write(&[], &mut bytes);
        self.send(&bytes);
    }

    fn event(&mut self, domain: &DomainSummary, kind: &str, text: String) {
        let time_ns = wall_clock();
        let (vm, vm_uuid) = (domain.name.clone(), Some(domain.uuid.clone()));
        let event = Event { time_ns, vm, vm_uuid, kind: kind.to_owned(), text };
        let mut bytes = Vec::new();
        RecordHead::other(RecordKind::Event, time_ns, boot_clock()).write_json(&event, &mut bytes);
        self.send(&bytes);
    }

    fn send(&mut self, bytes: &[u8]) {
        self.ended |= self.pipe.write_all(bytes).is_err();
    }
}

/// The host's wall clock, nanoseconds since 1970.
pub(crate) fn wall_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}

/// The host's clock since its boot, sleep included, nanoseconds.
pub(crate) fn boot_clock() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let part = |number: i64| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}

//! The process that reads guests' memory, where no recorder does: each at a steady rate, however often somebody asks for
//! metrics.

use std::io::Write;
use std::ops::ControlFlow;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nfm::{DomainIdentity, DomainSummary, FleetEvent, FollowOptions, Libvirt};
use nfm_exporter::SECTIONS;
use rustix::thread::CapabilitySet;

use crate::args::Exporter;
use crate::output::Message;
use crate::{Failure, complain, privileges, users};

/// Starts the process that serves, and crawls until it ends.
pub(crate) fn run(connect: Option<&str>, exporter: &Exporter) -> Result<(), Failure> {
    let libvirt = Libvirt::open(connect)?;
    let mut options = FollowOptions::default();
    options.open.uri = connect.map(str::to_owned);
    options.period = Duration::from_secs_f64(exporter.interval);
    options.crawl.sections = SECTIONS.into_iter().filter(|one| one.is_default()).collect();
    let mut server = start_server(exporter)?;
    let Some(pipe) = server.stdin.take() else {
        return Err(Failure::other("the process that serves has no pipe"));
    };
    // Not before: the server is a program of its own. Guests that start later are opened with what is kept.
    privileges::give_up_but(CapabilitySet::SYS_PTRACE | CapabilitySet::DAC_READ_SEARCH);
    let pipe = Mutex::new(pipe);
    let is_chosen = |domain: &DomainSummary| {
        exporter.domains.is_empty() || identity(&libvirt, domain).is_any_of(&exporter.domains)
    };
    nfm::follow(&options, is_chosen, |event| {
        let Some(message) = message(event) else { return ControlFlow::Continue(()) };
        let mut line = nfm::json(&message, false);
        line.push('\n');
        let mut pipe = pipe.lock().unwrap_or_else(PoisonError::into_inner);
        match pipe.write_all(line.as_bytes()) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    drop(pipe);
    // It has said why.
    let status = server.wait().ok().and_then(|status| status.code());
    std::process::exit(status.unwrap_or(nfm::ErrorCode::Other as i32));
}

/// A line of the pipe for an event; none for one that changes no metric.
fn message(event: FleetEvent<'_>) -> Option<Message> {
    let named = |domain: &DomainSummary| DomainIdentity {
        name: domain.name.clone(),
        uuid: Some(domain.uuid.clone()),
        ..DomainIdentity::default()
    };
    match event {
        FleetEvent::Frame { frame, .. } => Some(Message::Frame(frame)),
        FleetEvent::Gone { domain } => Some(Message::Gone(named(domain))),
        FleetEvent::Failed { domain, error, repeated, .. } => {
            if !repeated {
                complain(&error.to_string());
            }
            Some(Message::Failed(named(domain)))
        }
        FleetEvent::NotListed { error, repeated, .. } => {
            if !repeated {
                complain(&error.to_string());
            }
            Some(Message::Listed(false))
        }
        _ => None,
    }
}

fn identity(libvirt: &Libvirt, domain: &DomainSummary) -> DomainIdentity {
    DomainIdentity {
        name: domain.name.clone(),
        uuid: Some(domain.uuid.clone()),
        labels: libvirt.find(&domain.uuid).ok().map(|found| found.labels()),
        ..DomainIdentity::default()
    }
}

/// Starts this program once more, as another user, with a pipe.
fn start_server(exporter: &Exporter) -> Result<Child, Failure> {
    let mut command = Command::new("/proc/self/exe");
    command.arg0("nfm-exporter").arg("--server").args(exporter.arguments(None));
    command.stdin(Stdio::piped());
    let own = rustix::process::getuid();
    let user = match &exporter.user {
        Some(name) => Some(users::user(name).ok_or_else(|| {
            Failure::other(format!("there is no user '{name}': name another one with --user"))
        })?),
        None => users::user("nfm").filter(|_| own.is_root()),
    };
    if let Some((uid, gid)) = user.filter(|(uid, _)| *uid != own.as_raw()) {
        command.uid(uid).gid(gid);
    }
    command.spawn().map_err(|error| {
        Failure::other(format!("the process that serves cannot be started: {error}"))
    })
}

//! `nfm`: see into running Linux guests from their host.

mod args;
mod console;
mod disk;
#[path = "disk/args.rs"]
mod disk_args;
mod doctor;
#[path = "exporter/args.rs"]
mod exporter_args;
mod guard;
mod hosts;
mod privileges;
mod programs;
#[path = "record/args.rs"]
mod record_args;
mod show;
mod time;
mod usage;
mod verbs;

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Profile, Verb};
use hosts::Hosts;

/// The reason for which a verb ends early.
pub(crate) enum Failure {
    /// nfm's own error, with its code as exit status.
    Nfm(nfm::Error),
    /// Frames could not be had.
    Frames(nfm::SourceError),
    /// A guest's disks cannot be read: its name, and the reason.
    Disk(String, nfm_disk::DiskError),
    /// Writing to standard output failed.
    Output(io::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nfm(error) => error.fmt(f),
            Self::Frames(error) => error.fmt(f),
            Self::Disk(name, error) => write!(f, "the disks of '{name}' cannot be read: {error}"),
            Self::Output(error) => write!(f, "cannot write to standard output: {error}"),
        }
    }
}

impl From<nfm::Error> for Failure {
    fn from(error: nfm::Error) -> Self {
        Self::Nfm(error)
    }
}

impl From<nfm::SourceError> for Failure {
    fn from(error: nfm::SourceError) -> Self {
        match error {
            nfm::SourceError::Crawl(error) => match error.downcast() {
                Ok(error) => Self::Nfm(*error),
                Err(error) => Self::Frames(nfm::SourceError::Crawl(error)),
            },
            error => Self::Frames(error),
        }
    }
}

impl From<Failure> for nfm::SourceError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Nfm(error) => Self::Crawl(Box::new(error)),
            Failure::Frames(error) => error,
            Failure::Disk(_, error) => Self::Crawl(Box::new(error)),
            Failure::Output(error) => Self::Crawl(Box::new(error)),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// How domains are opened.
fn open_options(cli: &Cli) -> nfm::OpenOptions {
    let mut options = nfm::OpenOptions::default();
    options.symbols = cli.symbols.symbols.clone();
    options.types = cli.symbols.types.clone();
    if cli.symbols.no_cache {
        options.cache = nfm::Cache::Off;
    }
    options
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("NFM_LOG"))
        .with_writer(|| show::LogLines)
        .init();
    nfm::silence_libvirt();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let result = run(cli, &mut out);
    match result.and_then(|status| out.flush().map(|()| status).map_err(Failure::from)) {
        Ok(status) => status,
        Err(failure) => ExitCode::from(status_of(failure)),
    }
}

/// Runs a verb.
fn run(mut cli: Cli, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut options = open_options(&cli);
    let hosts = Hosts::of(&cli)?;
    if let Some(domain) = cli.verb.guest_mut() {
        (options.uri, *domain) = hosts.guest(domain)?;
    } else if !matches!(cli.verb, Verb::List(_) | Verb::Top(_) | Verb::Console(_)) {
        options.uri = hosts.only()?;
    }
    let options = &options;
    match &cli.verb {
        Verb::List(list) => verbs::list(&hosts, list, out),
        Verb::Crawl(crawl) => verbs::crawl(options, crawl, out),
        Verb::Dump(dump) => verbs::dump(options, dump, out),
        Verb::Ps(ps) => verbs::ps(options, ps, out),
        Verb::Top(top) => verbs::top(options, &hosts, top, out),
        Verb::Oom(of) => verbs::oom(options, of, out),
        Verb::Lsof(of) => verbs::lsof(options, of, out),
        Verb::Pmap(of) => verbs::pmap(options, of, out),
        Verb::Ss(target) => verbs::ss(options, target, out),
        Verb::Ip(target) => verbs::ip(options, target, out),
        Verb::Route(target) => verbs::route(options, target, out),
        Verb::Neigh(target) => verbs::neigh(options, target, out),
        Verb::Topology(args) => verbs::topology(options, args, out),
        Verb::Mount(target) => verbs::mount(options, target, out),
        Verb::Ls(ls) => verbs::ls(options, ls, out),
        Verb::Stat(stat) => verbs::stat(options, stat, out),
        Verb::Cat(cat) => verbs::cat(options, cat, out),
        Verb::Find(find) => verbs::find(options, find, out),
        Verb::Recover(recover) => verbs::recover(options, recover, out),
        Verb::Disk(of) => verbs::disk(options, of, out),
        Verb::Packages(of) => verbs::packages(options, of, out),
        Verb::Sha256(of) => verbs::sha256(options, of, out),
        Verb::Free(target) => verbs::free(options, target, out),
        Verb::Uptime(target) => verbs::uptime(options, target, out),
        Verb::Lscpu(target) => verbs::lscpu(options, target, out),
        Verb::Lsmod(target) => verbs::lsmod(options, target, out),
        Verb::Dmesg(target) => verbs::dmesg(options, target, out),
        Verb::Profile(Profile::Export(export)) => verbs::export(options, export, out),
        Verb::Profile(Profile::Import(import)) => verbs::import(import, out),
        Verb::ResumeGuard { uri, uuid } => guard::run(uri, uuid),
        Verb::History(args) => verbs::history(args, out),
        Verb::Diff(args) => verbs::diff(args, out),
        Verb::Plot(args) => verbs::plot(args, out),
        Verb::Store(verb) => verbs::store(verb, out),
        Verb::Serve(serve) => verbs::serve(options, &serve.live),
        Verb::Record(record) => verbs::record(options.uri.as_deref(), record),
        Verb::Exporter(exporter) => verbs::exporter(options.uri.as_deref(), exporter),
        Verb::Check(check) => verbs::check(options, check, out),
        Verb::Console(args) => console::console(&cli, args, out),
        Verb::Doctor(doctor) => doctor::doctor(options, doctor, out),
    }
}

/// Says what failed, and returns the exit status for it.
fn status_of(failure: Failure) -> u8 {
    match failure {
        // The reader has seen enough: `nfm ps guest | head`.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        failure => {
            show::complain(&failure);
            code_of(&failure) as u8
        }
    }
}

/// The exit status for a failure.
fn code_of(failure: &Failure) -> nfm::ErrorCode {
    match failure {
        Failure::Output(_) => nfm::ErrorCode::Other,
        Failure::Disk(_, error) if error.reason == nfm_disk::Reason::Worker => {
            nfm::ErrorCode::Other
        }
        Failure::Disk(..) => nfm::ErrorCode::File,
        Failure::Nfm(error) => error.code(),
        Failure::Frames(nfm::SourceError::NoSuchDomain { .. }) => nfm::ErrorCode::NoSuchDomain,
        Failure::Frames(nfm::SourceError::Crawl(error)) if verbs::is_forbidden(error.as_ref()) => {
            nfm::ErrorCode::Permission
        }
        Failure::Frames(nfm::SourceError::Crawl(_) | nfm::SourceError::Unreadable { .. }) => {
            nfm::ErrorCode::Other
        }
        Failure::Frames(_) => nfm::ErrorCode::File,
    }
}

//! `nfm`: see into running Linux guests from their host.

mod args;
mod console;
mod disk;
mod doctor;
mod guard;
mod privileges;
mod programs;
#[path = "record/args.rs"]
mod record_args;
mod show;
mod time;
mod usage;
mod verbs;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Profile, Verb};

/// The reason for which a verb ends early.
pub(crate) enum Failure {
    /// nfm's own error, with its code as exit status.
    Nfm(nfm::Error),
    /// Frames could not be had.
    Frames(nfm::SourceError),
    /// Writing to standard output failed.
    Output(io::Error),
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
    options.uri = cli.connect.clone();
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
    let options = &open_options(&cli);
    let result = match &cli.verb {
        Verb::List(list) => verbs::list(cli.connect.as_deref(), list, &mut out),
        Verb::Crawl(crawl) => verbs::crawl(options, crawl, &mut out),
        Verb::Dump(dump) => verbs::dump(options, dump, &mut out),
        Verb::Ps(ps) => verbs::ps(options, ps, &mut out),
        Verb::Top(top) => verbs::top(options, top, &mut out),
        Verb::Oom(of) => verbs::oom(options, of, &mut out),
        Verb::Lsof(of) => verbs::lsof(options, of, &mut out),
        Verb::Pmap(of) => verbs::pmap(options, of, &mut out),
        Verb::Ss(target) => verbs::ss(options, target, &mut out),
        Verb::Ip(target) => verbs::ip(options, target, &mut out),
        Verb::Route(target) => verbs::route(options, target, &mut out),
        Verb::Neigh(target) => verbs::neigh(options, target, &mut out),
        Verb::Topology(args) => verbs::topology(options, args, &mut out),
        Verb::Mount(target) => verbs::mount(options, target, &mut out),
        Verb::Ls(ls) => verbs::ls(options, ls, &mut out),
        Verb::Stat(stat) => verbs::stat(options, stat, &mut out),
        Verb::Cat(cat) => verbs::cat(options, cat, &mut out),
        Verb::Find(find) => verbs::find(options, find, &mut out),
        Verb::Recover(recover) => verbs::recover(options, recover, &mut out),
        Verb::Disk(of) => verbs::disk(options, of, &mut out),
        Verb::Sha256(of) => verbs::sha256(options, of, &mut out),
        Verb::Free(target) => verbs::free(options, target, &mut out),
        Verb::Uptime(target) => verbs::uptime(options, target, &mut out),
        Verb::Lscpu(target) => verbs::lscpu(options, target, &mut out),
        Verb::Lsmod(target) => verbs::lsmod(options, target, &mut out),
        Verb::Dmesg(target) => verbs::dmesg(options, target, &mut out),
        Verb::Profile(Profile::Export(export)) => verbs::export(options, export, &mut out),
        Verb::Profile(Profile::Import(import)) => verbs::import(import, &mut out),
        Verb::ResumeGuard { uri, uuid } => guard::run(uri, uuid),
        Verb::History(args) => verbs::history(args, &mut out),
        Verb::Diff(args) => verbs::diff(args, &mut out),
        Verb::Store(verb) => verbs::store(verb, &mut out),
        Verb::Serve(serve) => verbs::serve(&serve.live),
        Verb::Record(record) => verbs::record(cli.connect.as_deref(), record),
        Verb::Check(check) => verbs::check(options, check, &mut out),
        Verb::Console(args) => console::console(&cli, args, &mut out),
        Verb::Doctor(doctor) => doctor::doctor(options, doctor, &mut out),
    };
    match result.and_then(|status| out.flush().map(|()| status).map_err(Failure::from)) {
        Ok(status) => status,
        Err(failure) => ExitCode::from(status_of(failure)),
    }
}

/// Says what failed, and returns the exit status for it.
fn status_of(failure: Failure) -> u8 {
    match failure {
        // The reader has seen enough: `nfm ps guest | head`.
        Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
        Failure::Output(error) => {
            show::complain(format_args!("cannot write to standard output: {error}"));
            nfm::ErrorCode::Other as u8
        }
        Failure::Frames(error) => {
            show::complain(&error);
            (match &error {
                nfm::SourceError::NoSuchDomain { .. } => nfm::ErrorCode::NoSuchDomain,
                nfm::SourceError::Crawl(error) if verbs::is_forbidden(error.as_ref()) => {
                    nfm::ErrorCode::Permission
                }
                nfm::SourceError::Crawl(_) | nfm::SourceError::Unreadable { .. } => {
                    nfm::ErrorCode::Other
                }
                _ => nfm::ErrorCode::File,
            }) as u8
        }
        Failure::Nfm(error) => {
            show::complain(&error);
            error.code() as u8
        }
    }
}

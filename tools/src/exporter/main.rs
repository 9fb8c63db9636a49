//! `nfm-exporter`: serves the metrics of a host's guests. `nfm exporter` starts it.
//!
//! Where a recorder runs, its frames are shown, and this program needs no rights. Else it is two processes, as the
//! recorder is: one reads guests' memory and speaks to nobody, the other serves and has no rights; frames go from the
//! first to the second through a pipe.

mod args;
mod crawler;
mod output;
#[allow(dead_code, reason = "the command's, which opens its domain before")]
#[path = "../privileges.rs"]
mod privileges;
#[allow(dead_code, reason = "the recorder's")]
#[path = "../record/args.rs"]
mod record_args;
mod recorder;
#[path = "../users.rs"]
mod users;

use std::process::ExitCode;

use clap::Parser;
use nfm::ErrorCode;
use nfm_exporter::GroupRules;
use nfm_live::{LiveConnection, LiveError};

use args::Exporter;
use record_args::UseSocket;

#[derive(Parser)]
#[command(
    name = "nfm-exporter",
    version,
    about = "Serves the metrics of a host's guests; nfm exporter starts it"
)]
struct Cli {
    /// libvirt connection URI
    #[arg(short, long)]
    connect: Option<String>,
    /// The process that serves, which this program starts beside itself
    #[arg(long, hide = true)]
    server: bool,
    #[command(flatten)]
    exporter: Exporter,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("NFM_LOG"))
        .with_writer(std::io::stderr)
        .init();
    nfm::silence_libvirt();
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.sentence);
            ExitCode::from(failure.code as u8)
        }
    }
}

fn run(cli: &Cli) -> Result<(), Failure> {
    let exporter = &cli.exporter;
    if cli.server {
        return output::of_pipe(exporter);
    }
    // Whoever may not read guests' memory waits for a recorder.
    let is_served = exporter.live.live == UseSocket::Auto
        && (!rustix::process::getuid().is_root()
            || !matches!(
                LiveConnection::unix(&exporter.live.socket),
                Err(LiveError::NotThere { .. })
            ));
    match is_served {
        true => output::of_recorder(exporter),
        false => crawler::run(cli.connect.as_deref(), exporter),
    }
}

/// The rules that group processes.
fn group_rules(exporter: &Exporter) -> Result<GroupRules, Failure> {
    let Some(path) = &exporter.groups else { return Ok(GroupRules::default()) };
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    let rules = text.and_then(|text| GroupRules::parse(&text).map_err(|error| error.to_string()));
    rules.map_err(|reason| Failure::file(format!("'{}': {reason}", path.display())))
}

/// An error that ends the program early.
struct Failure {
    code: ErrorCode,
    sentence: String,
}

impl From<nfm::Error> for Failure {
    fn from(error: nfm::Error) -> Self {
        Self { code: error.code(), sentence: error.to_string() }
    }
}

impl Failure {
    fn other(sentence: impl Into<String>) -> Self {
        Self { code: ErrorCode::Other, sentence: sentence.into() }
    }

    fn file(sentence: impl Into<String>) -> Self {
        Self { code: ErrorCode::File, sentence: sentence.into() }
    }
}

/// Prints one line to standard error. Guests' text in it does not steer the terminal.
fn complain(trouble: &str) {
    eprintln!("nfm-exporter: {}", nfm::escaped(trouble));
}

//! `nfm-record`: records a host's guests into a store. `nfm record` starts it.
//!
//! Two processes: one reads guests' memory and writes no file, the other writes the store and has no rights. Records go
//! from the first to the second through a pipe.

mod args;
mod choice;
mod config;
mod crawler;
mod flight;
#[allow(dead_code, reason = "the command's, which opens its domain before")]
#[path = "../privileges.rs"]
mod privileges;
mod redact;
#[path = "../users.rs"]
mod users;
mod writer;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "nfm-record", version, about = "Records a host's guests; nfm record starts it")]
struct Cli {
    /// libvirt connection URI
    #[arg(short, long)]
    connect: Option<String>,
    /// The process that writes the store, which this program starts beside itself
    #[arg(long, hide = true)]
    writer: bool,
    /// libvirt's URI, as libvirt completes it, for those who look
    #[arg(long, hide = true, default_value = "")]
    uri: String,
    /// Seconds by which records may come later than they were made
    #[arg(long, hide = true, default_value = "0", value_parser = args::seconds)]
    late: f64,
    #[command(flatten)]
    record: args::Record,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("NFM_LOG"))
        .with_writer(std::io::stderr)
        .init();
    nfm::silence_libvirt();
    let result = match cli.writer {
        true => writer::run(&cli.record, &cli.uri, cli.late),
        false => crawler::run(cli.connect.as_deref(), &cli.record),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            complain(&failure.sentence);
            ExitCode::from(failure.code as u8)
        }
    }
}

/// An error that ends the program early.
struct Failure {
    code: nfm::ErrorCode,
    sentence: String,
}

impl From<nfm::Error> for Failure {
    fn from(error: nfm::Error) -> Self {
        Self { code: error.code(), sentence: error.to_string() }
    }
}

impl From<nfm_store::StoreError> for Failure {
    fn from(error: nfm_store::StoreError) -> Self {
        Self {
            code: nfm::ErrorCode::File,
            sentence: format!("the store cannot be written: {error}"),
        }
    }
}

impl Failure {
    fn other(sentence: impl Into<String>) -> Self {
        Self { code: nfm::ErrorCode::Other, sentence: sentence.into() }
    }
}

/// Prints one line to standard error. Guests' text in it does not steer the terminal.
fn complain(trouble: &str) {
    let escaped = |c: char| match nfm::steers_terminal(c) {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    };
    eprintln!("nfm-record: {}", trouble.chars().map(escaped).collect::<String>());
}

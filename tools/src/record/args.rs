//! The options of `nfm record`, which `nfm` explains and the program `nfm-record` takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

/// The store where none is named.
pub(crate) const STORE: &str = "/var/lib/nfm/store";

/// The rules where no file is named.
const RULES: &str = "/etc/nfm/record.toml";

#[derive(Args)]
pub(crate) struct Record {
    /// The domains to record, by name, UUID or label (project=shop); * and ? stand for any text and any character
    /// (default: all)
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// The folder of the recorded frames; it is made where there is none
    #[arg(long, value_name = "FOLDER", default_value = STORE, env = "NFM_STORE")]
    pub store: PathBuf,
    /// Frames of each guest in a second; files and the kernel's log are recorded every ten seconds, and
    /// mappings, modules, mounts, interfaces, routes, neighbours and integrity every minute
    #[arg(long, value_name = "HERTZ", default_value = "1", value_parser = rate)]
    pub rate: f64,
    /// Record a section every so many seconds: --every modules=10 --every integrity=300
    #[arg(long, value_name = "SECTION=SECONDS", value_parser = cadence)]
    pub every: Vec<(nfm::Section, f64)>,
    /// Seconds after which recorded frames are on the disk at the latest
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    pub sync: f64,
    /// The user who owns the store and writes it: what reads guests' memory writes no file (default: nfm, if
    /// there is such a user, else root)
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Remove what is older than so many days
    #[arg(long, value_name = "DAYS", default_value = "7", value_parser = days)]
    pub keep: f64,
    /// Keep at most so many MiB, the newest
    #[arg(long, value_name = "MIB")]
    pub size: Option<u64>,
    /// Leave so many MiB of the disk free
    #[arg(long, value_name = "MIB", default_value = "512")]
    pub free: u64,
    /// The group whose members see the guests' newest frames without root (default: nfm, if there is such a group)
    #[arg(long, value_name = "GROUP")]
    pub group: Option<String>,
    /// The rules for single guests, and for secrets on command lines (default: /etc/nfm/record.toml, if it is there)
    #[arg(long, value_name = "FILE")]
    pub rules: Option<PathBuf>,
    #[command(flatten)]
    pub live: Live,
}

/// The recorder's socket, for who records and for who looks.
#[derive(Args, Clone, Default)]
pub(crate) struct Live {
    /// The socket on which a recorder gives its guests' newest frames to root and group nfm
    #[arg(long, value_name = "PATH", default_value = nfm_live::SOCKET, env = "NFM_SOCKET")]
    pub socket: PathBuf,
    /// Take frames from the recorder's socket where it has the domain (auto), or read the guest's memory oneself (no);
    /// with record: serve them, or do not
    #[arg(long, value_name = "WAY", value_enum, default_value_t = UseSocket::Auto)]
    pub live: UseSocket,
}

/// The use of the recorder's socket.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum UseSocket {
    #[default]
    Auto,
    No,
}

impl Record {
    /// The file of the rules.
    #[allow(dead_code, reason = "the recorder's")]
    pub(crate) fn rules(&self) -> PathBuf {
        self.rules.clone().unwrap_or_else(|| RULES.into())
    }

    /// The arguments that mean the same to `nfm-record`.
    pub(crate) fn arguments(&self, connect: Option<&str>) -> Vec<OsString> {
        let mut all: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| all.extend([name.into(), value]);
        if let Some(uri) = connect {
            add("--connect", uri.into());
        }
        add("--socket", self.live.socket.clone().into());
        if self.live.live == UseSocket::No {
            add("--live", "no".into());
        }
        if let Some(rules) = &self.rules {
            add("--rules", rules.into());
        }
        if let Some(group) = &self.group {
            add("--group", group.into());
        }
        add("--store", self.store.clone().into());
        add("--rate", self.rate.to_string().into());
        add("--sync", self.sync.to_string().into());
        add("--keep", self.keep.to_string().into());
        add("--free", self.free.to_string().into());
        for (section, seconds) in &self.every {
            add("--every", format!("{}={seconds}", section.name()).into());
        }
        if let Some(user) = &self.user {
            add("--user", user.into());
        }
        if let Some(size) = self.size {
            add("--size", size.to_string().into());
        }
        all.push("--".into());
        all.extend(self.domains.iter().map(OsString::from));
        all
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(rate) if (0.01..=100.0).contains(&rate) => Ok(rate),
        _ => Err("a rate is a number from 0.01 to 100".to_owned()),
    }
}

fn cadence(text: &str) -> Result<(nfm::Section, f64), String> {
    let (name, length) = text.split_once('=').ok_or("a section and seconds are SECTION=SECONDS")?;
    let section = nfm::Section::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = nfm::Section::ALL.iter().map(|section| section.name()).collect();
        format!("there is no section '{name}'; the sections are {}", names.join(", "))
    })?;
    Ok((section, seconds(length)?))
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if Duration::try_from_secs_f64(seconds).is_ok() && seconds <= 3600.0 => {
            Ok(seconds)
        }
        _ => Err("seconds are a number from 0 to 3600".to_owned()),
    }
}

pub(crate) fn days(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(days) if (0.001..=36_500.0).contains(&days) => Ok(days),
        _ => Err("days are a number from 0.001 to 36500".to_owned()),
    }
}

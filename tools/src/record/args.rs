//! The options of `nfm record`, which `nfm` explains and the program `nfm-record` takes.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use nfm_analysis::Trigger;

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
    pub flight: Flight,
    #[command(flatten)]
    pub live: Live,
}

/// The flight recorder's options.
#[derive(Args, Default)]
pub(crate) struct Flight {
    /// Keep the seconds before and after an event at a higher rate: the kernel panics (panic), the guest ends or is
    /// started anew (end), a process name, kernel module or listening socket that was never there (process, module,
    /// listener), a finding of an integrity check (finding), the guest hangs, is stopped, has no network, or its log
    /// tells of a lockup or of memory that ran out (trouble). Until then they are in memory alone
    #[arg(long, value_name = "EVENT", value_parser = trigger)]
    pub trigger: Vec<Trigger>,
    /// With --trigger: the seconds before an event that are kept (default: 30)
    #[arg(long, value_name = "SECONDS", value_parser = ring)]
    pub ring: Option<f64>,
    /// With --trigger: frames of each guest in a second, of which --rate are recorded and the others are in memory
    /// (default: 10)
    #[arg(long, value_name = "HERTZ", value_parser = rate)]
    pub ring_rate: Option<f64>,
    /// With --trigger: the seconds after an event in which all of these frames are recorded (default: 30)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub ring_after: Option<f64>,
    /// With --trigger: the seconds in which a guest's names are learned, from its first frame and from each of its
    /// boots on (default: 60)
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub ring_learn: Option<f64>,
    /// With --trigger: MiB of memory that a guest's frames may take until then; the oldest go first (default: 4)
    #[arg(long, value_name = "MIB", value_parser = mebibytes)]
    pub ring_size: Option<u64>,
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
        for trigger in &self.flight.trigger {
            add("--trigger", trigger.name().into());
        }
        let Flight { ring, ring_rate, ring_after, ring_learn, ring_size, .. } = &self.flight;
        for (name, number) in [
            ("--ring", ring),
            ("--ring-rate", ring_rate),
            ("--ring-after", ring_after),
            ("--ring-learn", ring_learn),
        ] {
            number.iter().for_each(|number| add(name, number.to_string().into()));
        }
        ring_size.iter().for_each(|size| add("--ring-size", size.to_string().into()));
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

/// The longest ring, seconds.
pub(crate) const LONGEST_RING: f64 = 300.0;

fn ring(text: &str) -> Result<f64, String> {
    let is_right = |seconds: &f64| (1.0..=LONGEST_RING).contains(seconds);
    let number = text.parse().ok().filter(is_right);
    number.ok_or_else(|| format!("a ring has from 1 to {LONGEST_RING} seconds"))
}

fn mebibytes(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| (1..=1024).contains(number));
    number.ok_or_else(|| "MiB are a number from 1 to 1024".to_owned())
}

fn trigger(text: &str) -> Result<Trigger, String> {
    Trigger::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = Trigger::ALL.iter().map(|one| one.name()).collect();
        format!("there is no event '{text}'; the events are {}", names.join(", "))
    })
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
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

//! The options of `nfm exporter`, which `nfm` explains and the program `nfm-exporter` takes.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::record_args::{Live, UseSocket};

#[derive(Args)]
pub(crate) struct Exporter {
    /// The domains to show, by name, UUID or label (project=shop); * and ? stand for any text and any character
    /// (default: all)
    #[arg(value_name = "DOMAIN")]
    pub domains: Vec<String>,
    /// The address and the port to serve at
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:19177")]
    pub listen: SocketAddr,
    /// TLS and passwords, in the format of Prometheus's exporter-toolkit (web.yml)
    #[arg(long, value_name = "FILE")]
    pub web_config: Option<PathBuf>,
    /// The rules that group processes, in the format of process-exporter (default: by name)
    #[arg(long, value_name = "FILE")]
    pub groups: Option<PathBuf>,
    /// Write the metrics to this file, for node_exporter's textfile collector, and serve nothing; series under
    /// node_exporter's own names are left out
    #[arg(long, value_name = "FILE")]
    pub textfile: Option<PathBuf>,
    /// Seconds from one frame of a guest to the next, where no recorder takes them, and from one --textfile to the next
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = interval)]
    pub interval: f64,
    /// The user who serves, where this program reads guests itself (default: nfm, if there is such a user, else root)
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    #[command(flatten)]
    pub live: Live,
}

impl Exporter {
    /// The arguments that mean the same to `nfm-exporter`.
    pub(crate) fn arguments(&self, connect: Option<&str>) -> Vec<OsString> {
        let mut all: Vec<OsString> = Vec::new();
        let mut add = |name: &str, value: OsString| all.extend([name.into(), value]);
        if let Some(uri) = connect {
            add("--connect", uri.into());
        }
        add("--listen", self.listen.to_string().into());
        add("--interval", self.interval.to_string().into());
        add("--socket", self.live.socket.clone().into());
        if self.live.live == UseSocket::No {
            add("--live", "no".into());
        }
        for (name, file) in [
            ("--web-config", &self.web_config),
            ("--groups", &self.groups),
            ("--textfile", &self.textfile),
        ] {
            if let Some(file) = file {
                add(name, file.into());
            }
        }
        if let Some(user) = &self.user {
            add("--user", user.into());
        }
        all.push("--".into());
        all.extend(self.domains.iter().map(OsString::from));
        all
    }
}

fn interval(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.1..=3600.0).contains(&seconds) => Ok(seconds),
        _ => Err("seconds are a number from 0.1 to 3600".to_owned()),
    }
}

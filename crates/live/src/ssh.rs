//! Recorders of other hosts, by ssh: `nfm serve` there passes the bytes of its recorder's socket on.

use std::fmt;
use std::io::{Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::connection::LiveConnection;
use crate::error::LiveError;

/// The exit status of ssh where it cannot connect, and of a shell where there is no such program (ssh(1), sh(1)).
const NOT_CONNECTED: i32 = 255;
const NOT_FOUND: i32 = 127;
/// The time in which ssh ends once its connection has.
const PATIENCE: Duration = Duration::from_secs(2);

/// Another host, as a libvirt URI with the transport ssh names it: `qemu+ssh://user@host:port/system`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshHost {
    /// The name, or the address, as ssh and its configuration know it.
    pub host: String,
    user: Option<String>,
    port: Option<u16>,
    /// libvirt's URI there.
    pub uri: String,
}

impl SshHost {
    /// The host of a URI; `None` if that has another transport.
    ///
    /// # Errors
    /// One sentence: the host or the port is missing or wrong.
    pub fn of_uri(uri: &str) -> Option<Result<Self, String>> {
        let (driver, rest) = uri.split_once("+ssh://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, "system"));
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let (user, place) = match authority.rsplit_once('@') {
            Some((user, place)) => (Some(user.to_owned()), place),
            None => (None, authority),
        };
        // An IPv6 address stands in brackets.
        let (host, port) = match place.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, rest)) => (host, rest.strip_prefix(':')),
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let wrong = || Err(format!("'{uri}' names no host: qemu+ssh://USER@HOST/system does"));
        let port = match port.map(str::parse).transpose() {
            Ok(port) => port,
            Err(_) => return Some(wrong()),
        };
        if host.is_empty() || user.as_deref() == Some("") {
            return Some(wrong());
        }
        let uri = format!("{driver}:///{path}");
        Some(Ok(Self { host: host.to_owned(), user, port, uri }))
    }

    /// The program that connects. Keys, other names and shared connections are ssh's own configuration's.
    fn command(&self) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args([
            "-T",
            "-e",
            "none",
            "-o",
            "ConnectTimeout=10",
            "-o",
            "ServerAliveInterval=5",
            "-o",
            "ServerAliveCountMax=3",
        ]);
        if let Some(user) = &self.user {
            ssh.args(["-l", user]);
        }
        if let Some(port) = self.port {
            ssh.args(["-p", &port.to_string()]);
        }
        ssh.args(["--", &self.host, "nfm", "serve"]);
        ssh
    }
}

impl fmt::Display for SshHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)
    }
}

/// The program that holds a connection; it ends with the value.
pub(crate) struct Ssh(Child);

impl Drop for Ssh {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Ssh {
    /// Its status, if it ends by itself.
    fn status(&mut self) -> Option<ExitStatus> {
        let begun = Instant::now();
        loop {
            match self.0.try_wait() {
                Ok(None) if begun.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                ended => return ended.ok().flatten(),
            }
        }
    }
}

/// Starts ssh and says hello to the recorder.
pub(crate) fn connect(host: &SshHost) -> Result<LiveConnection, LiveError> {
    let broken = |reason: &dyn fmt::Display| LiveError::broken(&host.host, reason);
    let mut command = host.command();
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut ssh =
        Ssh(spawned.map_err(|error| broken(&format_args!("ssh cannot be started: {error}")))?);
    let (Some(to), Some(from)) = (ssh.0.stdin.take(), ssh.0.stdout.take()) else {
        return Err(broken(&"ssh has no pipes"));
    };
    let (to, from): (Box<dyn Write + Send>, Box<dyn Read + Send>) = (Box::new(to), Box::new(from));
    match LiveConnection::over(&host.host, from, to, true) {
        Ok(mut connection) => {
            connection.keep(ssh);
            Ok(connection)
        }
        Err(LiveError::Broken { .. }) => Err(match ssh.status().and_then(|status| status.code()) {
            Some(NOT_CONNECTED) => LiveError::Unreachable { host: host.host.clone() },
            Some(NOT_FOUND) => broken(&"nfm is not installed there"),
            Some(status) => broken(&format_args!("nfm serve ended there with status {status}")),
            None => broken(&"no recorder answers there"),
        }),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_uris() {
        let host = |uri: &str| SshHost::of_uri(uri).expect("ssh").expect("a host");
        let arguments = |uri: &str| {
            let command = host(uri).command();
            let all = command.get_args().map(|one| one.to_str().unwrap().to_owned());
            all.skip(9).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(arguments("qemu+ssh://h2/system"), "-- h2 nfm serve");
        assert_eq!(
            arguments("qemu+ssh://root@h2.example:2222/session?keyfile=x"),
            "-l root -p 2222 -- h2.example nfm serve"
        );
        assert_eq!(arguments("qemu+ssh://[fe80::1]:22/system"), "-p 22 -- fe80::1 nfm serve");
        assert_eq!(arguments("xen+ssh://-oProxyCommand=x/"), "-- -oProxyCommand=x nfm serve");
        assert_eq!(host("qemu+ssh://h2/session").uri, "qemu:///session");
        assert_eq!(host("qemu+ssh://h2").uri, "qemu:///system");
        for wrong in ["qemu+ssh:///system", "qemu+ssh://@h/system", "qemu+ssh://h:x/system"] {
            assert!(SshHost::of_uri(wrong).unwrap().is_err(), "{wrong}");
        }
        for other in ["qemu:///system", "qemu+tls://h/system", "test:///default"] {
            assert_eq!(SshHost::of_uri(other), None);
        }
    }
}

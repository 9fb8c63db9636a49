//! The hosts whose guests are looked at: `-c`, `--hosts`, or the file of the user's own.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use nfm::{DomainIdentity, SourceError};
use nfm_live::{LiveConnection, SshHost};

use crate::Failure;
use crate::args::{Cli, Target, Verb, When};
use crate::show::complain;
use crate::verbs::{guests_of_host, guests_of_this_host};

/// The file of hosts where none is named, below the user's folder of configurations.
const FILE: &str = "nfm/hosts";
/// How long hosts are waited for that are asked for their guests.
const PATIENCE: Duration = Duration::from_secs(20);

/// A host whose guests are looked at.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Host {
    /// Its name; empty for this host where that is the only one.
    pub name: String,
    /// libvirt's URI; `None` for libvirt's own choice.
    pub uri: Option<String>,
}

/// The hosts whose guests are looked at.
pub(crate) struct Hosts {
    all: Vec<Host>,
    /// True if they come from the user's own file: verbs that are of one host take this one.
    is_usual: bool,
}

impl Host {
    /// The host by ssh, if it is another one.
    ///
    /// # Errors
    /// Its URI is wrong.
    pub(crate) fn ssh(&self) -> Result<Option<SshHost>, SourceError> {
        let host = self.uri.as_deref().and_then(SshHost::of_uri).transpose();
        host.map_err(|reason| SourceError::NoFrame { reason })
    }

    /// Its guests that run.
    pub(crate) fn guests(&self) -> Result<Vec<DomainIdentity>, Failure> {
        match self.ssh()? {
            Some(host) => Ok(guests_of_host(&host)?),
            None => guests_of_this_host(self.uri.as_deref()),
        }
    }

    /// A guest's name beside those of other hosts.
    pub(crate) fn named(&self, guest: &str) -> String {
        match &*self.name {
            "" => guest.to_owned(),
            host => format!("{host}/{guest}"),
        }
    }
}

impl Hosts {
    /// The hosts of a command line.
    ///
    /// # Errors
    /// A file of hosts cannot be read, a URI is wrong, or two hosts have one name.
    pub(crate) fn of(cli: &Cli) -> Result<Self, Failure> {
        let default = crate::verbs::default_uri();
        let (lines, is_usual) = match (&*cli.connect, &cli.hosts) {
            ([], Some(file)) => (of_file(file)?, false),
            ([], None) => match usual_file().filter(|file| default.is_none() && file.is_file()) {
                Some(file) => (of_file(&file)?, true),
                None => (vec![(default, None)], false),
            },
            (uris, None) => (uris.iter().map(|uri| (Some(uri.clone()), None)).collect(), false),
            (uris, Some(file)) => {
                let mut all: Vec<_> = uris.iter().map(|uri| (Some(uri.clone()), None)).collect();
                all.extend(of_file(file)?);
                (all, false)
            }
        };
        let is_one = lines.len() == 1;
        let mut all: Vec<Host> = Vec::new();
        for (uri, name) in lines {
            let host = Host { name: String::new(), uri };
            let own = match (name, host.ssh()?) {
                (Some(name), _) => name,
                (None, Some(ssh)) => ssh.host,
                (None, None) if is_one => String::new(),
                (None, None) => this_host(),
            };
            if all.iter().any(|one| one.name == own) {
                let reason = format!(
                    "two hosts have the name '{own}': a file of hosts (--hosts) gives them others, behind their URIs"
                );
                return Err(SourceError::NoFrame { reason }.into());
            }
            all.push(Host { name: own, ..host });
        }
        Ok(Self { all, is_usual })
    }

    /// The URI for a verb that looks at one host.
    ///
    /// # Errors
    /// There are several.
    pub(crate) fn only(&self) -> Result<Option<String>, Failure> {
        match &*self.all {
            _ if self.is_usual => Ok(None),
            [one] => Ok(one.uri.clone()),
            all => {
                let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
                let reason =
                    format!("this verb looks at one host, and these are {}", names.join(", "));
                Err(SourceError::NoFrame { reason }.into())
            }
        }
    }

    /// The hosts that patterns `[HOST/]NAME` are of, each with the patterns of its guests; none stands for all.
    ///
    /// # Errors
    /// A pattern names a host that there is not.
    pub(crate) fn chosen(&self, patterns: &[String]) -> Result<Vec<(Host, Vec<String>)>, Failure> {
        if patterns.is_empty() {
            return Ok(self.all.iter().map(|host| (host.clone(), Vec::new())).collect());
        }
        let mut chosen: Vec<(Host, Vec<String>)> = Vec::new();
        for pattern in patterns {
            let (hosts, own) = self.split(pattern)?;
            for host in hosts {
                match chosen.iter_mut().find(|(one, _)| one == host) {
                    Some((_, all)) => all.push(own.to_owned()),
                    None => chosen.push((host.clone(), vec![own.to_owned()])),
                }
            }
        }
        Ok(chosen)
    }

    /// The hosts that a pattern `[HOST/]NAME` is of, and the pattern of its guests.
    fn split<'a>(&self, pattern: &'a str) -> Result<(Vec<&Host>, &'a str), Failure> {
        let all = || (self.all.iter().collect(), pattern);
        let is_unnamed = matches!(&*self.all, [one] if one.name.is_empty());
        let parts = pattern.split_once('/').filter(|(host, _)| !host.contains([':', '=']));
        let Some((host, own)) = parts.filter(|_| !is_unnamed) else { return Ok(all()) };
        let is_it = |one: &&Host| {
            let named = DomainIdentity { name: one.name.clone(), ..DomainIdentity::default() };
            named.is_one_of(host)
        };
        let hosts: Vec<&Host> = self.all.iter().filter(is_it).collect();
        if hosts.is_empty() {
            let names: Vec<&str> = self.all.iter().map(|one| &*one.name).collect();
            let reason = format!("there is no host '{host}': the hosts are {}", names.join(", "));
            return Err(SourceError::NoFrame { reason }.into());
        }
        Ok((hosts, own))
    }

    /// The URI and the name of the one guest that `[HOST/]NAME` stands for. Hosts are asked where it could be of several.
    ///
    /// # Errors
    /// There is no such host or guest, or there are several such guests.
    pub(crate) fn guest(&self, domain: &str) -> Result<(Option<String>, String), Failure> {
        let is_file = domain.starts_with("file:") || domain.starts_with("qemu:");
        if is_file {
            let here = self.all.iter().find(|host| matches!(host.ssh(), Ok(None)));
            return Ok((here.and_then(|host| host.uri.clone()), domain.to_owned()));
        }
        let (hosts, name) = self.split(domain)?;
        if let ([host], false) = (&*hosts, is_pattern(name)) {
            return Ok((host.uri.clone(), name.to_owned()));
        }
        let (mut found, mut known) = (Vec::new(), Vec::new());
        let mut failed = None;
        for (host, guests) in ask(hosts.into_iter().cloned().collect()) {
            match guests {
                Ok(guests) => {
                    for guest in guests {
                        known.push(host.named(&guest.name));
                        if guest.is_one_of(name) {
                            found.push((host.clone(), guest.name));
                        }
                    }
                }
                Err(failure) => {
                    let sentence = failure.to_string();
                    complain(format_args!("{}: {sentence}", host.name));
                    failed = Some(failure);
                }
            }
        }
        match (&*found, failed) {
            ([(host, name)], _) => Ok((host.uri.clone(), name.clone())),
            ([], Some(failure)) if known.is_empty() => Err(failure),
            ([], _) => Err(SourceError::NoSuchDomain { domain: domain.to_owned(), known }.into()),
            (several, _) => {
                let names: Vec<String> =
                    several.iter().map(|(host, name)| host.named(name)).collect();
                let names = names.join(", ");
                let reason = format!("'{domain}' may be any of {names}: name one of them");
                Err(SourceError::NoFrame { reason }.into())
            }
        }
    }
}

/// Asks hosts for their guests, all at once. One that does not answer in time holds up no other.
fn ask(hosts: Vec<Host>) -> Vec<(Host, Result<Vec<DomainIdentity>, Failure>)> {
    answers(hosts, Host::guests)
}

/// Asks hosts something, all at once; gives what they answer in time, in their order.
pub(crate) fn answers<T: Send + 'static>(
    hosts: Vec<Host>,
    ask: impl Fn(&Host) -> Result<T, Failure> + Clone + Send + 'static,
) -> Vec<(Host, Result<T, Failure>)> {
    let (sender, answers) = mpsc::channel();
    for (place, host) in hosts.iter().cloned().enumerate() {
        let (sender, ask) = (sender.clone(), ask.clone());
        std::thread::spawn(move || sender.send((place, ask(&host))));
    }
    drop(sender);
    let mut all: Vec<Option<Result<T, Failure>>> = hosts.iter().map(|_| None).collect();
    let begun = std::time::Instant::now();
    while let Ok((place, answer)) = answers.recv_timeout(PATIENCE.saturating_sub(begun.elapsed())) {
        if let Some(own) = all.get_mut(place) {
            *own = Some(answer);
        }
    }
    let silent = || {
        let reason = format!("it does not answer in {} s", PATIENCE.as_secs());
        Err(SourceError::NoFrame { reason }.into())
    };
    hosts.into_iter().zip(all).map(|(host, one)| (host, one.unwrap_or_else(silent))).collect()
}

/// True if a name stands for several.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?']) && !name.contains(':')
}

/// This host's name.
fn this_host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The user's own file of hosts.
fn usual_file() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|one| !one.is_empty());
    let own = folder("XDG_CONFIG_HOME").map(PathBuf::from);
    let own = own.or_else(|| Some(PathBuf::from(folder("HOME")?).join(".config")));
    own.map(|folder| folder.join(FILE))
}

/// A URI, and the name that the user gives the host.
type Line = (Option<String>, Option<String>);

/// The URIs and names of a file of hosts: a line each, `#` begins a comment.
fn of_file(path: &Path) -> Result<Vec<Line>, Failure> {
    let wrong = |reason: String| SourceError::File { path: path.display().to_string(), reason };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let mut all = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let (uri, name) = match *words {
            [] => continue,
            [uri] => (uri, None),
            [uri, name] if !name.contains(['/', ':', '=']) => (uri, Some(name.to_owned())),
            _ => {
                let number = number.saturating_add(1);
                let reason = format!(
                    "line {number} is not a URI and at most one name without '/', ':' and '='"
                );
                return Err(wrong(reason).into());
            }
        };
        all.push((Some(uri.to_owned()), name));
    }
    match all.is_empty() {
        true => Err(wrong(
            "it names no host: a line each, as qemu+ssh://USER@HOST/system NAME".to_owned(),
        )
        .into()),
        false => Ok(all),
    }
}

/// Connects to the recorder of another host.
///
/// # Errors
/// The host cannot be reached, or nobody records that libvirt's guests there.
pub(crate) fn connect(host: &SshHost) -> Result<LiveConnection, SourceError> {
    let recorder = LiveConnection::ssh(host)?;
    if recorder.uri() != host.uri {
        let (own, asked) = (recorder.uri(), &host.uri);
        let reason = format!("the recorder of '{host}' records guests of {own}, not of {asked}");
        return Err(SourceError::NoFrame { reason });
    }
    Ok(recorder)
}

impl Verb {
    /// The domain of a verb that shows one guest now, of any host.
    pub(crate) fn guest_mut(&mut self) -> Option<&mut String> {
        let (target, when): (&mut Target, &When) = match self {
            Self::Crawl(crawl) => {
                return crawl.domain.as_mut().filter(|_| !crawl.when.is_recorded());
            }
            Self::Ps(ps) => (&mut ps.of.target, &ps.of.when),
            Self::Lsof(one) | Self::Pmap(one) => (&mut one.of.target, &one.of.when),
            Self::Check(check) => (&mut check.of.target, &check.of.when),
            Self::Oom(of)
            | Self::Ss(of)
            | Self::Ip(of)
            | Self::Route(of)
            | Self::Neigh(of)
            | Self::Mount(of)
            | Self::Free(of)
            | Self::Uptime(of)
            | Self::Lscpu(of)
            | Self::Lsmod(of)
            | Self::Dmesg(of) => (&mut of.target, &of.when),
            _ => return None,
        };
        (!when.is_recorded()).then_some(&mut target.domain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(names: &[&str]) -> Hosts {
        let host = |name: &&str| {
            let uri = Some(format!("qemu+ssh://{name}/system"));
            Host { name: (*name).to_owned(), uri }
        };
        Hosts { all: names.iter().map(host).collect(), is_usual: false }
    }

    fn told(hosts: &Hosts, patterns: &[&str]) -> Result<String, String> {
        let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
        let chosen = hosts.chosen(&patterns).map_err(|failure| failure.to_string())?;
        let one = |(host, own): &(Host, Vec<String>)| format!("{}:{}", host.name, own.join("+"));
        Ok(chosen.iter().map(one).collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn guests_of_hosts_by_patterns() {
        let hosts = hosts(&["h1", "h2", "db"]);
        assert_eq!(told(&hosts, &[]), Ok("h1: h2: db:".to_owned()));
        assert_eq!(told(&hosts, &["web-*"]), Ok("h1:web-* h2:web-* db:web-*".to_owned()));
        assert_eq!(told(&hosts, &["h?/web-*", "db/x"]), Ok("h1:web-* h2:web-* db:x".to_owned()));
        assert_eq!(told(&hosts, &["*/a", "h2/b"]), Ok("h1:a h2:a+b db:a".to_owned()));
        let label = told(&hosts, &["title=a/b"]).expect("a label");
        assert!(label.starts_with("h1:title=a/b"), "{label}");
        let none = told(&hosts, &["h9/web"]).expect_err("no such host");
        assert_eq!(none, "there is no host 'h9': the hosts are h1, h2, db");
        assert_eq!(
            hosts.guest("h2/web").ok(),
            Some((Some("qemu+ssh://h2/system".to_owned()), "web".to_owned()))
        );
        assert!(hosts.only().is_err());
    }

    #[test]
    fn a_file_of_hosts() {
        let path = std::env::temp_dir().join(format!("nfm-hosts-{}", std::process::id()));
        let read = |text: &str| {
            std::fs::write(&path, text).expect("a file");
            of_file(&path).map_err(|failure| failure.to_string())
        };
        let all = read("# ours\nqemu+ssh://root@h1/system  one # the first\n\nqemu:///system\n");
        let named = |uri: &str, name: Option<&str>| (Some(uri.to_owned()), name.map(str::to_owned));
        let wanted =
            vec![named("qemu+ssh://root@h1/system", Some("one")), named("qemu:///system", None)];
        assert_eq!(all, Ok(wanted));
        assert!(read("qemu:///system a b\n").is_err_and(|reason| reason.contains("line 1")));
        assert!(read("qemu:///system a/b\n").is_err_and(|reason| reason.contains("line 1")));
        assert!(read("# nothing\n").is_err_and(|reason| reason.contains("it names no host")));
        std::fs::remove_file(path).expect("removed");
    }
}

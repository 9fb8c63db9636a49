//! Verbs of `nfm` as commands of the console: each runs in a process of its own, which opens the guest and then gives up
//! its rights, so that the console itself reads no hostile memory.

use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use clap::CommandFactory;

use super::filter::{Filter, Lines};
use crate::args::Cli;

/// Verbs that write files, which the console does not do.
const WRITERS: [&str; 3] = ["dump", "recover", "record"];
/// The verb that draws on the screen by itself.
const SCREEN: &str = "top";
/// The program that shows long outputs, and that Ctrl-C ends. It starts no other: see LESSSECURE in less(1).
const PAGER: (&str, &str) = ("less", "-FKRSX");

/// A verb, as far as the console has to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Verb {
    /// Its name.
    pub name: String,
    /// Its purpose, in a few words.
    pub about: String,
    /// True if it takes a domain.
    pub of_domain: bool,
    /// True if it shows a recorded frame.
    pub takes_at: bool,
    /// True if it shows all up to a time.
    pub takes_until: bool,
    /// True if it can be told the store's folder.
    pub takes_store: bool,
    /// Its long options.
    pub options: Vec<String>,
}

impl Verb {
    /// The verbs that look at guests and change nothing, as the command line defines them.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for verb in Cli::command().get_subcommands() {
            let has = |id: &str| verb.get_arguments().any(|one| one.get_id() == id);
            // It lists all guests, also in a session that looks at one.
            let is_listing = verb.get_name() == "list";
            let of_domain = (has("domain") || has("domains")) && !is_listing;
            let is_left_out = WRITERS.contains(&verb.get_name()) || verb.get_name() == "console";
            if verb.is_hide_set() || is_left_out || !(of_domain || is_listing) {
                continue;
            }
            let options = verb.get_arguments().filter_map(|one| one.get_long());
            let one = Self {
                name: verb.get_name().to_owned(),
                about: verb.get_about().map(ToString::to_string).unwrap_or_default(),
                of_domain,
                takes_at: has("at"),
                takes_until: has("until"),
                takes_store: has("store"),
                options: options.map(|long| format!("--{long}")).collect(),
            };
            let aliases = verb.get_visible_aliases();
            let aliases = aliases.map(|name| Self { name: name.to_owned(), ..one.clone() });
            all.extend(aliases.collect::<Vec<_>>());
            all.push(one);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }
}

/// Starts verbs, with the options that the console was started with.
pub(super) struct Starter {
    program: PathBuf,
    options: Vec<OsString>,
}

impl Starter {
    /// Starts verbs of this very program.
    ///
    /// # Errors
    /// Its file is not known.
    pub fn new(cli: &Cli) -> io::Result<Self> {
        let mut options = Vec::new();
        for uri in &cli.connect {
            options.extend(["--connect".into(), uri.into()]);
        }
        if let Some(file) = &cli.hosts {
            options.extend(["--hosts".into(), file.into()]);
        }
        if let Some(file) = &cli.symbols.symbols {
            options.extend(["--symbols".into(), file.into()]);
        }
        if let Some(file) = &cli.symbols.types {
            options.extend(["--types".into(), file.into()]);
        }
        if cli.symbols.no_cache {
            options.push("--no-cache".into());
        }
        Ok(Self { program: std::env::current_exe()?, options })
    }

    fn command(&self, arguments: &[String]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.options).args(arguments).stdin(Stdio::null());
        command
    }

    /// Runs a verb to its end, and prints what its filters let through: by a pager where that goes to a terminal.
    ///
    /// # Errors
    /// The verb cannot be started, or the output not be written.
    pub fn run(
        &self,
        arguments: &[String],
        filters: &[Filter],
        out: &mut dyn Write,
    ) -> io::Result<ExitStatus> {
        out.flush()?;
        let mut command = self.command(arguments);
        let is_terminal = io::stdout().is_terminal();
        let is_screen = arguments.first().is_some_and(|name| name == SCREEN);
        if filters.is_empty() && (!is_terminal || is_screen) {
            if is_terminal {
                command.stdin(Stdio::inherit());
            }
            return command.status();
        }
        let mut child = command.stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        let output = BufReader::new(output.ok_or(io::ErrorKind::BrokenPipe)?);
        let lines = through(filters, output);
        let printed = match is_terminal.then(pager).flatten() {
            Some(mut pager) => {
                let printed = match pager.stdin.take() {
                    Some(mut input) => print(lines, &mut input),
                    None => Ok(()),
                };
                pager.wait()?;
                // Its reader has seen enough.
                printed.or_else(|error| match error.kind() {
                    io::ErrorKind::BrokenPipe => Ok(()),
                    _ => Err(error),
                })
            }
            None => print(lines, out),
        };
        let status = child.wait()?;
        printed.map(|()| status)
    }

    /// The rows that a verb prints as JSON; none where it fails. What it complains of is not shown.
    pub fn rows(&self, arguments: &[String]) -> Vec<serde_json::Value> {
        serde_json::from_str(&self.output(arguments)).unwrap_or_default()
    }

    /// The output of a verb; empty where it fails.
    pub fn output(&self, arguments: &[String]) -> String {
        let output = self.command(arguments).stderr(Stdio::null()).output();
        String::from_utf8_lossy(&output.map(|output| output.stdout).unwrap_or_default())
            .into_owned()
    }
}

/// Prints what filters let through of a text.
///
/// # Errors
/// It cannot be written.
pub(super) fn filtered(mut text: &[u8], filters: &[Filter], out: &mut dyn Write) -> io::Result<()> {
    print(through(filters, &mut text), out)
}

/// The lines of an output that filters let through.
fn through<'a>(filters: &'a [Filter], from: impl BufRead + 'a) -> Lines<'a> {
    let all: Lines = Box::new(lines(from));
    filters.iter().fold(all, |lines, filter| filter.over(lines))
}

/// The lines of an output, as they come.
fn lines<'a>(mut from: impl BufRead + 'a) -> impl Iterator<Item = io::Result<Vec<u8>>> + 'a {
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        match from.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(Ok(line)),
            Err(error) => Some(Err(error)),
        }
    })
}

fn print(lines: Lines, out: &mut dyn Write) -> io::Result<()> {
    for line in lines {
        out.write_all(&line?)?;
    }
    out.flush()
}

/// Starts the pager; `None` where there is none.
fn pager() -> Option<std::process::Child> {
    let (program, options) = PAGER;
    let mut pager = Command::new(program);
    pager.arg(options).env("LESSSECURE", "1").env_remove("LESSOPEN").env_remove("LESSCLOSE");
    pager.stdin(Stdio::piped()).spawn().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbs_that_look_are_commands_and_those_that_write_are_not() {
        let all = Verb::all();
        let find = |name: &str| all.iter().find(|verb| verb.name == name);
        for name in [
            "ps", "lsof", "pmap", "ss", "netstat", "ip", "ifconfig", "route", "arp", "lsmod",
            "mount", "free", "uptime", "dmesg", "top", "check",
        ] {
            assert!(find(name).is_some_and(|verb| verb.of_domain && verb.takes_at), "{name}");
        }
        for name in ["ls", "cat", "stat", "find"] {
            assert!(find(name).is_some_and(|verb| verb.of_domain && !verb.takes_at), "{name}");
        }
        for name in ["dump", "recover", "record", "store", "profile", "console", "resume-guard"] {
            assert_eq!(find(name), None, "{name}");
        }
        assert!(find("history").is_some_and(|verb| verb.takes_until && verb.takes_store));
        assert!(find("list").is_some_and(|verb| !verb.of_domain));
    }
}

//! One session of the console: the guest and the time that it shows, and its commands.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nfm::Frame;
use nfm_analysis::{CONDITION_SECTIONS, condition};

use super::line::Line;
use super::moment::{Frames, Move, Recorded, folder};
use super::verbs::{Starter, Verb, filtered};
use crate::Failure;
use crate::show::{escaped, table};

/// The console's own commands: name, arguments, purpose.
pub(super) const COMMANDS: [(&str, &str, &str); 9] = [
    ("use", "DOMAIN", "Look at this guest from now on"),
    ("sync", "", "Show guests as they are now, again"),
    (
        "seek",
        "TIME",
        "Show the guest as it was recorded: 14:00, 'yesterday 14:00', -10s, #123, +1 (a frame)",
    ),
    ("step", "[N]", "Show the next recorded frame, or the Nth from here; -1 is the one before"),
    ("diff", "TIME", "Tell what is different at another time"),
    ("play", "[COMMAND]", "Show one recorded frame after another by a command (top --once)"),
    ("now", "", "Tell the guest and the time that are shown"),
    ("help", "[COMMAND]", "List the commands, or explain one"),
    ("quit", "", "End; so does Ctrl-D"),
];

/// The longest time that `play` waits between two frames.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// How a command ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// With an exit status.
    Status(u8),
    /// The console is to end.
    Quit,
}

/// The state of the console.
pub(super) struct Session {
    /// The guest, as the user named it.
    pub guest: Option<String>,
    /// The recorded frame that is shown; `None` for now.
    pub at: Option<Recorded>,
    /// The folder of recorded frames that the user named.
    pub store: Option<PathBuf>,
    /// The verbs that are commands.
    pub verbs: Vec<Verb>,
    /// Starts them.
    pub starter: Starter,
    /// True since Ctrl-C was pressed.
    pub interrupted: Arc<AtomicBool>,
}

impl Session {
    /// The text before the line that is typed.
    pub fn prompt(&self) -> String {
        let guest = self.guest.as_deref().map_or_else(|| "nfm".into(), escaped);
        match self.at {
            Some(at) => format!("{guest} {}> ", at.shown()),
            None => format!("{guest}> "),
        }
    }

    /// Runs a line.
    ///
    /// # Errors
    /// A command cannot be run, or its output not be printed.
    pub fn run(&mut self, line: &Line, out: &mut dyn Write) -> Result<Done, Failure> {
        self.interrupted.store(false, Ordering::Relaxed);
        let Some((name, arguments)) = line.words.split_first() else { return Ok(Done::Status(0)) };
        match (name.as_str(), arguments) {
            ("quit" | "exit", []) => Ok(Done::Quit),
            ("help", [command]) if self.verbs.iter().any(|verb| verb.name == *command) => {
                let arguments = [command.clone(), "--help".to_owned()];
                Ok(Done::Status(status(self.starter.run(&arguments, &line.filters, out)?)))
            }
            ("diff", [time]) if !time.starts_with("--") => self.diff(time, line, out),
            ("play", words) => self.play(words, line, out),
            (name, arguments) if COMMANDS.iter().any(|command| command.0 == name) => {
                let mut text = Vec::new();
                let done = self.own(name, arguments, &mut text)?;
                filtered(&text, &line.filters, out)?;
                Ok(done)
            }
            (name, arguments) => self.verb(name, arguments, line, out),
        }
    }

    /// Runs a command of the console's own that starts no verb, and prints into `out`.
    fn own(
        &mut self,
        name: &str,
        arguments: &[String],
        out: &mut dyn Write,
    ) -> Result<Done, Failure> {
        match (name, arguments) {
            ("help", []) => self.help(out)?,
            ("help", [command]) => return explain(command, out),
            ("now", []) => self.tell_now(out)?,
            ("use", [guest]) => self.look_at(guest, out)?,
            ("sync", []) => {
                self.at = None;
                self.tell_condition(out)?;
            }
            ("seek", [_, ..]) => return self.seek(Move::parse(&arguments.join(" ")), out),
            ("step", []) => return self.seek(Ok(Move::Frames(1)), out),
            ("step", [count]) => {
                let count = count.strip_prefix('+').unwrap_or(count).parse();
                let by = count.map(Move::Frames);
                return self.seek(
                    by.map_err(|_| "step takes a number of frames: step 5, step -1".to_owned()),
                    out,
                );
            }
            _ => {
                let form = COMMANDS.iter().find(|one| one.0 == name).map_or("", |one| one.1);
                return wrong(format!("it is: {name} {form}").trim_end());
            }
        }
        Ok(Done::Status(0))
    }

    /// Looks at another guest from now on.
    ///
    /// # Errors
    /// It cannot be printed.
    pub fn look_at(&mut self, guest: &str, out: &mut dyn Write) -> io::Result<()> {
        self.guest = Some(guest.to_owned());
        self.tell_condition(out)
    }

    /// Moves to another time.
    ///
    /// # Errors
    /// There are no frames, or it cannot be printed.
    pub fn seek(&mut self, by: Result<Move, String>, out: &mut dyn Write) -> Result<Done, Failure> {
        let by = match by {
            Ok(by) => by,
            Err(reason) => return wrong(&reason),
        };
        let Some(guest) = self.guest.clone() else { return no_guest() };
        let before = self.at;
        let mut frames = Frames::open(&folder(self.store.as_ref()))?;
        self.at = Some(frames.moved(&guest, before, &by)?);
        if before.is_some() && before == self.at && by != Move::Frames(0) {
            let which =
                if matches!(by, Move::Frames(count) if count < 0) { "first" } else { "nearest" };
            writeln!(out, "this is the {which} frame that was recorded")?;
        }
        self.tell_now(out)?;
        Ok(Done::Status(0))
    }

    /// Tells the guest and the time that are shown.
    fn tell_now(&self, out: &mut dyn Write) -> io::Result<()> {
        let guest = self.guest.as_deref().map_or_else(|| "no guest".into(), escaped);
        match self.at {
            Some(at) => writeln!(out, "{guest} at {}", at.shown()),
            None => writeln!(out, "{guest}, now"),
        }
    }

    /// Says what is wrong with the guest, if anything is.
    fn tell_condition(&self, out: &mut dyn Write) -> io::Result<()> {
        let Some(guest) = &self.guest else { return Ok(()) };
        let sections: Vec<&str> = CONDITION_SECTIONS.iter().map(|section| section.name()).collect();
        let mut arguments = vec!["crawl".to_owned(), guest.clone(), "--json".to_owned()];
        arguments.extend(["--sections".to_owned(), sections.join(",")]);
        // Two frames tell if it hangs; files hold one.
        if !guest.starts_with("file:") {
            arguments.extend(["--watch", "0.5", "--count", "2"].map(str::to_owned));
        }
        let output = self.starter.output(&arguments);
        let frames: Vec<Frame> =
            output.lines().filter_map(|line| Frame::from_json(line).ok()).collect();
        let (earlier, later) = match frames.as_slice() {
            [earlier, .., later] => (Some(earlier), later),
            [later] => (None, later),
            // The first command will say why.
            [] => return Ok(()),
        };
        for trouble in condition(earlier, later) {
            writeln!(out, "{}: {}", escaped(guest), escaped(&trouble.to_string()))?;
        }
        Ok(())
    }

    /// Runs a verb of `nfm` for the guest and the time that are shown.
    fn verb(
        &mut self,
        name: &str,
        arguments: &[String],
        line: &Line,
        out: &mut dyn Write,
    ) -> Result<Done, Failure> {
        let Some(verb) = self.verbs.iter().find(|verb| verb.name == name) else {
            return wrong(&format!("there is no command '{name}': help lists them"));
        };
        let has = |option: &str| {
            let with_value = format!("{option}=");
            arguments.iter().any(|one| one == option || one.starts_with(&with_value))
        };
        let mut all = vec![name.to_owned()];
        if verb.of_domain {
            let Some(guest) = &self.guest else { return no_guest() };
            all.push(guest.clone());
        }
        all.extend_from_slice(arguments);
        let names_time = ["--at", "--since", "--until"].into_iter().any(has);
        if let Some(at) = self.at.filter(|_| !names_time && !has("--help")) {
            if verb.takes_at {
                all.extend(["--at".to_owned(), at.argument()]);
            } else if verb.takes_until {
                all.extend(["--until".to_owned(), at.argument()]);
            } else if verb.of_domain {
                let reason = format!(
                    "{name} reads the guest's memory as it is now, not that of {}: sync first",
                    at.shown()
                );
                return wrong(&reason);
            }
        }
        let looks_back = self.at.is_some() || names_time || !verb.takes_at;
        if let Some(store) =
            self.store.as_ref().filter(|_| verb.takes_store && looks_back && !has("--store"))
        {
            all.extend(["--store".to_owned(), store.display().to_string()]);
        }
        Ok(Done::Status(status(self.starter.run(&all, &line.filters, out)?)))
    }

    /// Tells what is different at another time.
    fn diff(&mut self, time: &str, line: &Line, out: &mut dyn Write) -> Result<Done, Failure> {
        let by = match Move::parse(time) {
            Ok(by) => by,
            Err(reason) => return wrong(&reason),
        };
        let Some(guest) = self.guest.clone() else { return no_guest() };
        let mut frames = Frames::open(&folder(self.store.as_ref()))?;
        let other = frames.moved(&guest, self.at, &by)?;
        let this = match self.at {
            Some(at) => at,
            None => frames.moved(&guest, None, &Move::Frames(0))?,
        };
        let mut times = [this, other];
        times.sort_by_key(|one| one.time_ns);
        let mut all = vec!["diff".to_owned(), guest];
        for time in times {
            all.extend(["--at".to_owned(), time.argument()]);
        }
        if let Some(store) = &self.store {
            all.extend(["--store".to_owned(), store.display().to_string()]);
        }
        Ok(Done::Status(status(self.starter.run(&all, &line.filters, out)?)))
    }

    /// Shows one frame after another, from the one that is shown to the last.
    fn play(
        &mut self,
        words: &[String],
        line: &Line,
        out: &mut dyn Write,
    ) -> Result<Done, Failure> {
        let words = match words {
            [] => vec!["top".to_owned(), "--once".to_owned()],
            words => words.to_vec(),
        };
        let Some((name, arguments)) = words.split_first() else { return Ok(Done::Status(0)) };
        let Some(guest) = self.guest.clone() else { return no_guest() };
        if self.at.is_none() {
            return wrong("play begins at a recorded frame: seek to one first");
        }
        let is_terminal = io::stdout().is_terminal();
        let mut frames = Frames::open(&folder(self.store.as_ref()))?;
        let mut last = 0;
        loop {
            let begun = Instant::now();
            if is_terminal {
                // Home, and clear what is below.
                write!(out, "\x1b[H\x1b[J")?;
            }
            self.tell_now(out)?;
            match self.verb(name, arguments, line, out)? {
                Done::Status(0) => {}
                Done::Status(other) => last = other,
                Done::Quit => return Ok(Done::Quit),
            }
            let next = frames.moved(&guest, self.at, &Move::Frames(1))?;
            let Some(at) = self.at.filter(|at| *at != next) else { break };
            let between =
                Duration::from_nanos(next.time_ns.saturating_sub(at.time_ns)).min(LONGEST_WAIT);
            while is_terminal && begun.elapsed() < between && !self.is_interrupted() {
                std::thread::sleep(Duration::from_millis(20));
            }
            if self.is_interrupted() {
                break;
            }
            self.at = Some(next);
        }
        Ok(Done::Status(last))
    }

    fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::Relaxed)
    }

    fn help(&self, out: &mut dyn Write) -> io::Result<()> {
        let own = COMMANDS.iter().map(|(name, form, about)| {
            vec![format!("{name} {form}").trim_end().to_owned(), (*about).to_owned()]
        });
        let verbs = self.verbs.iter().map(|verb| vec![verb.name.clone(), verb.about.clone()]);
        table(out, &["COMMAND", "PURPOSE"], own.chain(verbs))?;
        writeln!(out, "Behind '|': {}", super::filter::FORMS)
    }
}

/// Explains a command of the console's own.
fn explain(command: &str, out: &mut dyn Write) -> Result<Done, Failure> {
    match COMMANDS.iter().find(|one| one.0 == command) {
        Some((name, form, about)) => {
            writeln!(out, "{}\n{about}", format!("{name} {form}").trim_end())?
        }
        None => return wrong(&format!("there is no command '{command}': help lists them")),
    }
    Ok(Done::Status(0))
}

/// A line that cannot be run, in one sentence.
fn wrong(reason: &str) -> Result<Done, Failure> {
    crate::show::complain(reason);
    Ok(Done::Status(2))
}

fn no_guest() -> Result<Done, Failure> {
    wrong("no guest is chosen: use DOMAIN; list names them")
}

/// A status as a shell has it.
fn status(ended: ExitStatus) -> u8 {
    use std::os::unix::process::ExitStatusExt;
    match (ended.code(), ended.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) => u8::try_from(signal.saturating_add(128)).unwrap_or(1),
        _ => 1,
    }
}

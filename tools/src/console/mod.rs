//! `nfm console`: one prompt for every guest, and for every time that was recorded.

mod editor;
mod filter;
mod line;
mod moment;
mod session;
mod verbs;

use std::cell::RefCell;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use rustyline::error::ReadlineError;

use crate::Failure;
use crate::args::{Cli, Console};
use line::Line;
use moment::Move;
use session::{Done, Session};

/// `nfm console`: commands from the terminal, or from a script on standard input.
pub(crate) fn console(
    cli: &Cli,
    console: &Console,
    out: &mut dyn Write,
) -> Result<ExitCode, Failure> {
    // Ctrl-C ends the verb that runs, not the console.
    let interrupted = Arc::default();
    signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&interrupted))?;
    let mut session = Session {
        guest: None,
        at: None,
        store: console.store.clone(),
        verbs: verbs::Verb::all(),
        starter: verbs::Starter::new(cli)?,
        interrupted,
    };
    match (&console.domain, console.at) {
        (Some(domain), Some(at)) => {
            session.guest = Some(domain.clone());
            session.seek(Ok(Move::To(at)), out)?;
        }
        (Some(domain), None) => session.look_at(domain, out)?,
        (None, _) => {}
    }
    out.flush()?;
    let session = Rc::new(RefCell::new(session));
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        return interactive(&session, out);
    }
    script(&mut session.borrow_mut(), out)
}

/// Reads lines at a terminal.
fn interactive(session: &Rc<RefCell<Session>>, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let unusable = |error: ReadlineError| Failure::Output(io::Error::other(error));
    let mut editor = editor::editor(Rc::clone(session)).map_err(unusable)?;
    writeln!(out, "help lists the commands; nothing that is typed here changes a guest")?;
    out.flush()?;
    loop {
        let prompt = session.borrow().prompt();
        match editor.readline(&prompt) {
            Ok(text) => {
                // A line that is not remembered can be typed again.
                let _ = editor.add_history_entry(&text);
                if let (_, true) = run(&mut session.borrow_mut(), &text, out)? {
                    break;
                }
            }
            // The editor has a handler of its own for Ctrl-C, which may come before it has set the terminal.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(unusable(error)),
        }
    }
    editor::keep(&mut editor);
    Ok(ExitCode::SUCCESS)
}

/// Runs the lines of standard input. The exit status is that of the last command that failed.
fn script(session: &mut Session, out: &mut dyn Write) -> Result<ExitCode, Failure> {
    let mut last = 0;
    for text in io::stdin().lock().lines() {
        let (status, ends) = run(session, &text?, out)?;
        if status != 0 {
            last = status;
        }
        if ends {
            break;
        }
    }
    Ok(ExitCode::from(last))
}

/// Runs a line: its exit status, and true if the console is to end. A command that fails does not end it.
fn run(session: &mut Session, text: &str, out: &mut dyn Write) -> Result<(u8, bool), Failure> {
    let line = match Line::parse(text) {
        Ok(Some(line)) => line,
        Ok(None) => return Ok((0, false)),
        Err(reason) => {
            crate::show::complain(reason);
            return Ok((2, false));
        }
    };
    match session.run(&line, out) {
        Ok(Done::Status(status)) => Ok((status, false)),
        Ok(Done::Quit) => Ok((0, true)),
        // Standard output is gone, or the program's own file.
        Err(Failure::Output(error)) => Err(error.into()),
        Err(failure) => Ok((crate::status_of(failure), false)),
    }
}

//! The line that is typed at a terminal: history and completion.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hinter, HistoryHinter};
use rustyline::history::FileHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, Editor, Helper};

use super::moment::{Frames, folder};
use super::session::{COMMANDS, Session};
use crate::show::escaped;

/// Lines that are remembered.
const REMEMBERED: usize = 1000;
/// Commands whose arguments are paths in the guest.
const OF_PATHS: [&str; 4] = ["ls", "cat", "stat", "find"];
/// Filters that may stand behind `|`.
const FILTERS: [&str; 4] = ["grep", "head", "tail", "wc"];

/// Completes commands, guests, process ids and paths.
pub(super) struct Completions {
    session: Rc<RefCell<Session>>,
    hinter: HistoryHinter,
}

/// An editor of lines with the history of earlier sessions.
///
/// # Errors
/// The terminal cannot be used.
pub(super) fn editor(
    session: Rc<RefCell<Session>>,
) -> rustyline::Result<Editor<Completions, FileHistory>> {
    let config = Config::builder()
        .max_history_size(REMEMBERED)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Completions { session, hinter: HistoryHinter::new() }));
    if let Some(path) = history_file() {
        // The first session has none.
        let _ = editor.load_history(&path);
    }
    Ok(editor)
}

/// Keeps the lines for the next session. Where the home folder cannot be written, they are forgotten.
pub(super) fn keep(editor: &mut Editor<Completions, FileHistory>) {
    let Some(path) = history_file() else { return };
    if let Some(folder) = path.parent() {
        let _ = std::fs::create_dir_all(folder);
    }
    if let Err(error) = editor.save_history(&path) {
        tracing::info!(%error, path = %path.display(), "the history of lines was not kept");
    }
}

/// `$XDG_STATE_HOME/nfm/console_history` (XDG Base Directory Specification).
fn history_file() -> Option<PathBuf> {
    let folder =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let state = folder("XDG_STATE_HOME").or_else(|| Some(folder("HOME")?.join(".local/state")))?;
    Some(state.join("nfm/console_history"))
}

impl Completions {
    /// The texts that may stand at the end of these words, the last of which is being typed.
    fn candidates(&self, words: &[&str], typed: &str) -> Vec<String> {
        let session = self.session.borrow();
        let verb = |name: &str| session.verbs.iter().find(|verb| verb.name == name);
        let own = COMMANDS.iter().map(|command| command.0.to_owned());
        match words {
            [] => own.chain(session.verbs.iter().map(|verb| verb.name.clone())).collect(),
            ["help"] => own.chain(session.verbs.iter().map(|verb| verb.name.clone())).collect(),
            ["use"] => guests(&session),
            ["play"] => session.verbs.iter().map(|verb| verb.name.clone()).collect(),
            [name, ..] if typed.starts_with('-') => {
                verb(name).map(|verb| verb.options.clone()).unwrap_or_default()
            }
            [.., "-p" | "--pid"] => pids(&session),
            [name, ..] if OF_PATHS.contains(name) && session.at.is_none() => paths(&session, typed),
            _ => Vec::new(),
        }
    }
}

/// The guests that run here and those that were recorded.
fn guests(session: &Session) -> Vec<String> {
    let rows = session.starter.rows(&["list".into(), "--json".into()]);
    let text = |row: &serde_json::Value, name: &str| Some(row.get(name)?.as_str()?.to_owned());
    let named = |row| match (text(row, "host"), text(row, "name")?) {
        (Some(host), name) => Some(format!("{host}/{name}")),
        (None, name) => Some(name),
    };
    let mut names: Vec<String> = rows.iter().filter_map(named).collect();
    if let Ok(mut frames) = Frames::open(&folder(session.store.as_ref())) {
        names.extend(frames.guests().unwrap_or_default());
    }
    names.sort();
    names.dedup();
    names
}

fn pids(session: &Session) -> Vec<String> {
    let Some(guest) = session.guest.clone() else { return Vec::new() };
    let mut arguments = vec!["ps".to_owned(), guest, "--json".to_owned()];
    if let Some(at) = session.at {
        arguments.extend(["--at".to_owned(), at.argument()]);
        let store =
            session.store.iter().flat_map(|one| ["--store".to_owned(), one.display().to_string()]);
        arguments.extend(store);
    }
    let rows = session.starter.rows(&arguments);
    rows.iter().filter_map(|row| Some(row.get("pid")?.as_u64()?.to_string())).collect()
}

/// The paths below the directory of a path that is being typed.
fn paths(session: &Session, typed: &str) -> Vec<String> {
    let Some(guest) = session.guest.clone() else { return Vec::new() };
    let directory = typed.rsplit_once('/').map_or("/", |(before, _)| before);
    let directory = format!("{}/", directory.trim_end_matches('/'));
    let arguments = ["ls".to_owned(), guest, directory.clone(), "--json".to_owned()];
    let listing = session.starter.output(&arguments);
    let listing: serde_json::Value = serde_json::from_str(&listing).unwrap_or_default();
    let files =
        listing.get("files").and_then(|files| files.as_array()).cloned().unwrap_or_default();
    let path = |file: &serde_json::Value| {
        let name = file.get("path")?.as_str()?;
        let is_directory = file.get("kind").and_then(|kind| kind.as_str()) == Some("directory");
        Some(format!("{directory}{name}{}", if is_directory { "/" } else { "" }))
    };
    files.iter().filter_map(path).collect()
}

impl Completer for Completions {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let line = line.get(..position).unwrap_or(line);
        let start = line.rfind(|c: char| c.is_whitespace() || c == '|').map_or(0, |at| at + 1);
        let typed = line.get(start..).unwrap_or_default();
        let words: Vec<&str> = line.get(..start).unwrap_or_default().split_whitespace().collect();
        let candidates = match words.iter().rposition(|word| *word == "|" || word.ends_with('|')) {
            Some(bar) if bar + 1 == words.len() => FILTERS.map(str::to_owned).to_vec(),
            Some(_) => Vec::new(),
            None => self.candidates(&words, typed),
        };
        let fitting = candidates.into_iter().filter(|one| one.starts_with(typed));
        // A guest's text must not steer the terminal, and quotes keep it one word.
        let pair = |text: String| Pair {
            display: escaped(&text).into_owned(),
            replacement: shell_words::quote(&text).into_owned(),
        };
        let fitting = fitting.filter(|text| !text.contains(nfm::steers_terminal));
        Ok((start, fitting.map(pair).collect()))
    }
}

impl Hinter for Completions {
    type Hint = String;

    fn hint(&self, line: &str, position: usize, context: &Context<'_>) -> Option<String> {
        self.hinter.hint(line, position, context)
    }
}

impl Highlighter for Completions {}
impl Validator for Completions {}
impl Helper for Completions {}

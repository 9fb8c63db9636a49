//! Makes the manual pages and the shells' completions, for `make install` and packages:
//!
//!     cargo run --release -p nfm-tools --example manual -- DIR
//!
//! DIR then has `man/man1` (from the command line's definition), `man/man3` (from the header's comments,
//! beside the overview in `docs/man`), `man/man7` and `completions/{bash,zsh,fish}`. It is an example so
//! that what only packagers need is no part of the command.

#[allow(dead_code, reason = "the command's, of which only the definition is wanted")]
#[path = "../../src/args.rs"]
mod args;
mod command;
#[path = "../../src/disk/args.rs"]
mod disk_args;
#[allow(dead_code, reason = "the same")]
#[path = "../../src/exporter/args.rs"]
mod exporter_args;
mod header;
mod library;
#[allow(dead_code, reason = "the same")]
#[path = "../../src/record/args.rs"]
mod record_args;
#[allow(dead_code, reason = "the same")]
#[path = "../../src/time.rs"]
mod time;
mod types;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Command, CommandFactory};
use clap_complete::{Shell, generate_to};

/// The pages that are written by hand.
const WRITTEN: [(&str, &str); 2] = [
    ("man/man3/libnfm.3", include_str!("../../../docs/man/libnfm.3")),
    ("man/man7/nfm-security.7", include_str!("../../../docs/man/nfm-security.7")),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    generate(&folder.ok_or("usage: manual DIR")?)
}

/// Makes all of it below a folder.
pub(crate) fn generate(folder: &Path) -> Result<(), Box<dyn Error>> {
    let date = date()?;
    let (mut pages, aliases) = command::pages(&date)?;
    pages.extend(library::pages(&date)?);
    pages.extend(WRITTEN.map(|(path, text)| (path.to_owned(), text.to_owned())));
    // Pages of functions and verbs that are no more must not stay.
    if folder.join("man").exists() {
        fs::remove_dir_all(folder.join("man"))?;
    }
    for (path, text) in pages {
        write(&folder.join(path), &text)?;
    }
    for (path, name) in aliases {
        std::os::unix::fs::symlink(name, folder.join(path))?;
    }
    for (shell, name) in [(Shell::Bash, "bash"), (Shell::Zsh, "zsh"), (Shell::Fish, "fish")] {
        let folder = folder.join("completions").join(name);
        fs::create_dir_all(&folder)?;
        let file = generate_to(shell, &mut for_users(), "nfm", &folder)?;
        if shell == Shell::Bash {
            // bash-completion looks for a file named as the command.
            fs::rename(file, folder.join("nfm"))?;
        }
    }
    Ok(())
}

/// The command without its hidden verbs, which clap_complete would offer.
fn for_users() -> Command {
    let nfm = args::Cli::command();
    Command::new("nfm")
        .version(env!("CARGO_PKG_VERSION"))
        .args(nfm.get_arguments().cloned())
        .subcommands(nfm.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned())
}

fn write(path: &Path, text: &str) -> Result<(), Box<dyn Error>> {
    let folder = path.parent().ok_or("a page without a folder")?;
    fs::create_dir_all(folder)?;
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The pages' date: SOURCE_DATE_EPOCH's, so that packages can be built twice alike, or else today's.
fn date() -> Result<String, Box<dyn Error>> {
    let now = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(seconds) => UNIX_EPOCH + Duration::from_secs(seconds.parse()?),
        Err(_) => SystemTime::now(),
    };
    let days = now.duration_since(UNIX_EPOCH)?.as_secs() / 86_400;
    let (year, month, day) = civil(days);
    Ok(format!("{year:04}-{month:02}-{day:02}"))
}

/// Year, month and day of a day since 1970-01-01.
fn civil(days: u64) -> (u64, u64, u64) {
    // Years begin in March here, so that the leap day is the last; eras are of 400 years.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    (era * 400 + year + u64::from(month <= 2), month, day)
}

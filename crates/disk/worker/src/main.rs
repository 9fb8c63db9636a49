//! `nfm-disk`: answers one question about a guest's disks. `nfm` starts it, with the images open for reading.
//!
//! The parsers of filesystems are large and made by others, and disks are hostile: so this process has its descriptors,
//! some memory and some time, and nothing else.

mod answers;
mod btrfs;
mod device;
mod ext4;
mod fat;
mod filesystem;
mod question;
mod sandbox;
mod stable;
mod tree;
mod xfs;

use std::io::{self, BufRead, BufWriter, Write};
use std::process::ExitCode;

use nfm_disk::message::{Answer, Question};
use nfm_disk::{DiskError, Reason};

use answers::Answers;

fn main() -> ExitCode {
    let mut line = String::new();
    let question: Question = match io::stdin()
        .lock()
        .read_line(&mut line)
        .map(|_| serde_json::from_str(&line))
    {
        Ok(Ok(question)) => question,
        _ => {
            eprintln!(
                "nfm-disk: nfm starts this program, and asks it one question on its standard input"
            );
            return ExitCode::from(2);
        }
    };
    let mut answers = Answers::new(BufWriter::with_capacity(1 << 16, io::stdout().lock()));
    let disks = question::open(question.disks);
    if let Err(error) = sandbox::enter() {
        let text = format!("its rights could not be given up: {error}");
        return failed(&mut answers, DiskError::new(Reason::Worker, text));
    }
    // A panic is told as a reason by whoever reads a layer; here it needs no text.
    std::panic::set_hook(Box::new(|_| {}));
    match question::answer(&disks, &question.ask, &mut answers) {
        Ok(()) => match answers.give(&Answer::Done).and_then(|()| answers.flush()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err(question::Ended::Disk(error)) => failed(&mut answers, error),
        // Nobody listens any more.
        Err(question::Ended::Output(_)) => ExitCode::FAILURE,
    }
}

fn failed<W: Write>(answers: &mut Answers<W>, error: DiskError) -> ExitCode {
    let _ = answers.give(&Answer::Failed(error)).and_then(|()| answers.flush());
    ExitCode::FAILURE
}

//! Answers to `nfm`.

use std::io::{self, Write};

use nfm_disk::message::Answer;

/// The way to `nfm`.
pub(crate) struct Answers<W> {
    out: W,
}

impl<W: Write> Answers<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out }
    }

    /// Writes one answer.
    pub(crate) fn give(&mut self, answer: &Answer) -> io::Result<()> {
        serde_json::to_writer(&mut self.out, answer)?;
        self.out.write_all(b"\n")
    }

    /// Writes bytes of a file's content.
    pub(crate) fn content(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.give(&Answer::Content(bytes.len() as u64))?;
        self.out.write_all(bytes)
    }

    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

//! Records one after another on a pair of streams.

use std::io::{self, BufReader, Read, Write};

use nfm_store::{FrameColumns, HEADER, Parsed, RecordHead, RecordKind, parse};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes that a record may have on a connection: a frame of 20,000 processes with all sections has less.
const LONGEST_RECORD: usize = 64 << 20;
/// Bytes that a request or an answer may have.
const LONGEST_MESSAGE: usize = 4 << 20;
/// How far back a connection's stream may be compressed by what was sent before.
const WINDOW_LOG: u32 = 20;
const LEVEL: i32 = 3;
/// Bytes that are asked for at once.
const STEP: usize = 64 << 10;

/// A record that came.
pub enum Incoming<M> {
    /// A request or an answer.
    Message(M),
    /// A guest's frame.
    Columns(Box<FrameColumns>),
    /// A record of a newer version.
    Unknown,
}

/// Reads records. It holds no more than one of them, and believes nothing.
pub struct RecordReader {
    stream: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    longest: usize,
}

impl RecordReader {
    /// A reader of answers and frames.
    pub fn new(stream: Box<dyn Read + Send>) -> Self {
        Self { stream, bytes: Vec::new(), longest: LONGEST_RECORD }
    }

    /// A reader of requests, which are short.
    pub fn of_requests(stream: Box<dyn Read + Send>) -> Self {
        Self { stream, bytes: Vec::new(), longest: STEP }
    }

    /// All that follows is one zstd stream.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn decompress(&mut self) -> io::Result<()> {
        let rest = io::Cursor::new(std::mem::take(&mut self.bytes));
        let stream = std::mem::replace(&mut self.stream, Box::new(io::empty()));
        let mut decoder =
            zstd::stream::read::Decoder::with_buffer(BufReader::new(rest.chain(stream)))?;
        decoder.window_log_max(WINDOW_LOG)?;
        self.stream = Box::new(decoder);
        Ok(())
    }

    /// The next record; `None` where the stream ends.
    ///
    /// # Errors
    /// The stream fails, or brings what is no record.
    pub fn read<M: DeserializeOwned>(&mut self) -> io::Result<Option<Incoming<M>>> {
        let wrong = |reason: String| io::Error::new(io::ErrorKind::InvalidData, reason);
        loop {
            let needed = match parse(&self.bytes) {
                Parsed::Record(record, length) => {
                    let incoming = match record.head.kind {
                        RecordKind::Message if record.payload.len() > LONGEST_MESSAGE => {
                            Err(wrong("a message is longer than any".to_owned()))
                        }
                        RecordKind::Message => serde_json::from_slice(record.payload)
                            .map(Incoming::Message)
                            .map_err(|error| wrong(error.to_string())),
                        RecordKind::Columns => FrameColumns::read(&record)
                            .map(|columns| Incoming::Columns(Box::new(columns)))
                            .map_err(|error| wrong(error.to_string())),
                        _ => Ok(Incoming::Unknown),
                    };
                    drop(self.bytes.drain(..length));
                    // One large frame shall not be paid for as long as the connection lives.
                    self.bytes.shrink_to(STEP);
                    return incoming.map(Some);
                }
                Parsed::Newer(length) => {
                    drop(self.bytes.drain(..length));
                    return Ok(Some(Incoming::Unknown));
                }
                Parsed::Short(needed) => needed,
                Parsed::Damaged => return Err(wrong("it brings what is no record".to_owned())),
            };
            if needed > self.longest {
                return Err(wrong(format!("a record of {needed} bytes is longer than any")));
            }
            if !self.read_on(needed.max(HEADER))? {
                return match self.bytes.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    /// Reads on until there are so many bytes, or more; false where the stream ends before.
    fn read_on(&mut self, needed: usize) -> io::Result<bool> {
        while self.bytes.len() < needed {
            let before = self.bytes.len();
            // Room grows with what came, not with what was promised.
            self.bytes.resize(before.saturating_add(STEP), 0);
            let room = self.bytes.get_mut(before..).unwrap_or_default();
            let read = loop {
                match self.stream.read(room) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    read => break read,
                }
            };
            let count = read.as_ref().copied().unwrap_or(0);
            self.bytes.truncate(before.saturating_add(count));
            if read? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Writes records. Each is sent when it is whole.
pub struct RecordWriter {
    stream: Stream,
    bytes: Vec<u8>,
}

enum Stream {
    Plain(Box<dyn Write + Send>),
    Compressed(Box<zstd::stream::write::Encoder<'static, Box<dyn Write + Send>>>),
    /// A stream that could not be compressed.
    Broken,
}

impl RecordWriter {
    /// A writer to a stream.
    pub fn new(stream: Box<dyn Write + Send>) -> Self {
        Self { stream: Stream::Plain(stream), bytes: Vec::new() }
    }

    /// All that follows is one zstd stream.
    ///
    /// # Errors
    /// Memory ran out.
    pub fn compress(&mut self) -> io::Result<()> {
        self.stream = match std::mem::replace(&mut self.stream, Stream::Broken) {
            Stream::Plain(stream) => {
                let mut encoder = zstd::stream::write::Encoder::new(stream, LEVEL)?;
                encoder.window_log(WINDOW_LOG)?;
                Stream::Compressed(Box::new(encoder))
            }
            stream => stream,
        };
        Ok(())
    }

    /// Sends a request or an answer.
    ///
    /// # Errors
    /// The stream fails.
    pub fn message<M: Serialize>(&mut self, message: &M) -> io::Result<()> {
        self.bytes.clear();
        let head = RecordHead::other(RecordKind::Message, 0, 0);
        head.write_json(message, &mut self.bytes);
        self.send()
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// The stream fails.
    pub fn columns(&mut self, columns: &FrameColumns) -> io::Result<()> {
        self.bytes.clear();
        columns.write(&mut self.bytes).map_err(io::Error::other)?;
        self.send()
    }

    fn send(&mut self) -> io::Result<()> {
        let stream: &mut dyn Write = match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Compressed(stream) => stream,
            Stream::Broken => return Err(io::ErrorKind::BrokenPipe.into()),
        };
        stream.write_all(&self.bytes)?;
        stream.flush()?;
        self.bytes.shrink_to(STEP);
        Ok(())
    }
}

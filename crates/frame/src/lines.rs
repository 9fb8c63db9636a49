//! Recorded frames in a file: one frame's JSON on each line, as `nfm crawl --json --watch` prints them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::source::{At, FrameSource, SourceError};
use super::{DomainIdentity, FORMAT, Frame, Section};

/// Bytes that one frame's line may have. Frames of 5,000 processes have some 40 MB.
const LONGEST_LINE: u64 = 512 << 20;
/// The start of [`FORMAT`], whatever its version.
const FORMAT_NAME: &str = "nfm-frame/";

/// A file of frames. Opening it reads each line once, for its place and time; a frame is read when it is asked for.
#[derive(Debug)]
pub struct FrameLines {
    path: PathBuf,
    file: File,
    frames: Vec<Line>,
    domains: Vec<DomainIdentity>,
}

/// The place of a frame in the file.
#[derive(Clone, Copy, Debug)]
struct Line {
    offset: u64,
    length: u64,
    /// Index in the file's domains.
    domain: usize,
    seq: u64,
    time_ns: u64,
}

/// The part of a frame that tells it from others.
#[derive(Deserialize)]
struct Head {
    format: String,
    domain: DomainIdentity,
    seq: u64,
    time_ns: u64,
}

impl FrameLines {
    /// True if a file begins as a file of frames does, whatever their version.
    pub fn is_one(path: &Path) -> bool {
        let mut start = [0; 64];
        let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
        let begin = format!("{{\"format\":\"{FORMAT_NAME}");
        start.get(..read).is_some_and(|start| start.starts_with(begin.as_bytes()))
    }

    /// Opens a file of frames, of one domain or of several. A last line without an end, as a recording that was
    /// ended leaves it, is left out.
    ///
    /// # Errors
    /// [`SourceError::File`]: it cannot be read, or a line is no frame of this version; the line is named.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        let wrong = |reason: String| SourceError::File { path: path.display().to_string(), reason };
        let file = File::open(path).map_err(|error| wrong(error.to_string()))?;
        let mut lines =
            Self { path: path.to_owned(), file, frames: Vec::new(), domains: Vec::new() };
        let mut reader = BufReader::new(&lines.file);
        let (mut offset, mut text) = (0, Vec::new());
        for number in 1_u64.. {
            text.clear();
            let length = (&mut reader)
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut text)
                .map_err(|error| wrong(error.to_string()))? as u64;
            if length == LONGEST_LINE && text.last() != Some(&b'\n') {
                return Err(wrong(format!("line {number} is longer than any frame")));
            }
            if text.last() != Some(&b'\n') {
                break;
            }
            if text.iter().any(|byte| !byte.is_ascii_whitespace()) {
                let head: Head = serde_json::from_slice(&text)
                    .map_err(|error| wrong(format!("line {number} is no frame ({error})")))?;
                if head.format != FORMAT {
                    return Err(wrong(format!(
                        "line {number} has the format '{}', and this nfm reads {FORMAT}",
                        head.format
                    )));
                }
                let known = lines.domains.iter().position(|one| *one == head.domain);
                let domain = known.unwrap_or(lines.domains.len());
                if known.is_none() {
                    lines.domains.push(head.domain);
                }
                let (seq, time_ns) = (head.seq, head.time_ns);
                lines.frames.push(Line { offset, length, domain, seq, time_ns });
            }
            offset = offset.saturating_add(length);
        }
        match lines.frames.is_empty() {
            true => Err(wrong("it holds no whole frame".to_owned())),
            false => Ok(lines),
        }
    }

    fn read(&mut self, line: Line, sections: &[Section]) -> Result<Frame, SourceError> {
        let wrong = |reason: String| SourceError::File {
            path: self.path.display().to_string(),
            reason: format!("{reason}; it changed since it was opened"),
        };
        let mut text = Vec::new();
        self.file
            .seek(SeekFrom::Start(line.offset))
            .and_then(|_| (&self.file).take(line.length).read_to_end(&mut text))
            .map_err(|error| wrong(error.to_string()))?;
        let mut frame: Frame =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if let Some(section) = sections.iter().copied().find(|section| !frame.has(*section)) {
            let known = Section::ALL.into_iter().filter(|section| frame.has(*section)).collect();
            return Err(SourceError::NoSection { section, known });
        }
        frame.keep_only(sections);
        Ok(frame)
    }
}

impl FrameSource for FrameLines {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        Ok(self.domains.clone())
    }

    fn is_live(&self) -> bool {
        false
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        let is_it =
            |one: &DomainIdentity| one.name == domain || one.uuid.as_deref() == Some(domain);
        let Some(index) = self.domains.iter().position(is_it) else {
            let known = self.domains.iter().map(|one| one.name.clone()).collect();
            return Err(SourceError::NoSuchDomain { domain: domain.to_owned(), known });
        };
        let mut own = self.frames.iter().filter(|line| line.domain == index);
        // The last one in the file counts where several have one time.
        let found = match at {
            At::Latest => own.next_back(),
            At::Before(time) => {
                own.filter(|line| line.time_ns <= time).max_by_key(|line| line.time_ns)
            }
            At::After(time) => {
                own.filter(|line| line.time_ns >= time).min_by_key(|line| line.time_ns)
            }
            At::Nearest(time) => own.min_by_key(|line| line.time_ns.abs_diff(time)),
        };
        match found.copied() {
            Some(line) => self.read(line, sections),
            None => Err(SourceError::NoFrame {
                reason: format!(
                    "'{}' holds no frame of '{domain}' of that time",
                    self.path.display()
                ),
            }),
        }
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        let domain = self.domains.iter().position(|one| *one == after.domain);
        let mut own = self.frames.iter().filter(|line| Some(line.domain) == domain);
        own.find(|line| (line.seq, line.time_ns) == (after.seq, after.time_ns));
        let next = own.next().copied();
        next.map(|line| self.read(line, sections)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::{Os, Process};

    fn frame(name: &str, seq: u64, time_ns: u64) -> Frame {
        Frame {
            domain: DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() },
            seq,
            time_ns,
            os: Some(Os::default()),
            processes: Some(vec![Process { pid: seq as u32, ..Process::default() }]),
            ..Frame::default()
        }
    }

    /// A file of these lines, in a folder of the test's own.
    fn file(name: &str, text: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("nfm-lines-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(name);
        File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    fn lines(frames: &[Frame]) -> String {
        frames.iter().map(|frame| frame.to_json() + "\n").collect()
    }

    #[test]
    fn frames_are_found_by_time_and_in_order() {
        let all = [frame("a", 1, 100), frame("b", 1, 150), frame("a", 2, 200), frame("a", 3, 300)];
        // A recording that was ended in the middle of a line.
        let text = lines(&all) + "\n" + &all[0].to_json()[..20];
        let path = file("order", &text);
        assert!(FrameLines::is_one(&path));
        let mut source = FrameLines::open(&path).unwrap();
        let names: Vec<String> =
            source.domains().unwrap().into_iter().map(|one| one.name).collect();
        assert_eq!(names, ["a", "b"]);
        let every = [Section::Os, Section::Processes];
        let mut seq = |at| source.frame("a", at, &every).map(|frame| frame.seq).ok();
        assert_eq!(seq(At::Latest), Some(3));
        assert_eq!(seq(At::Before(250)), Some(2));
        assert_eq!(seq(At::Before(99)), None);
        assert_eq!(seq(At::After(101)), Some(2));
        assert_eq!(seq(At::After(301)), None);
        assert_eq!(seq(At::Nearest(0)), Some(1));
        assert_eq!(seq(At::Nearest(260)), Some(3));
        let first = source.frame("a", At::After(0), &every).unwrap();
        assert_eq!(first, all[0]);
        let second = source.next(&first, &[Section::Processes]).unwrap().unwrap();
        assert_eq!((second.seq, second.has(Section::Os)), (2, false));
        let third = source.next(&second, &every).unwrap().unwrap();
        assert_eq!(third, all[3]);
        assert!(source.next(&third, &every).unwrap().is_none());
    }

    #[test]
    fn each_lack_is_named() {
        let path = file("lacks", &lines(&[frame("a", 1, 100)]));
        let mut source = FrameLines::open(&path).unwrap();
        let mut error = |domain, sections: &[Section]| {
            source.frame(domain, At::Latest, sections).unwrap_err().to_string()
        };
        assert_eq!(
            error("a", &[Section::Os, Section::Files]),
            "the recorded frame has no section 'files', only os, processes: record it with that section"
        );
        assert_eq!(error("c", &[]), "there are no frames of a domain 'c'; there are of a");
        let open = |name, text: &str| FrameLines::open(&file(name, text)).unwrap_err().to_string();
        assert!(open("empty", "\n").ends_with("it holds no whole frame"));
        let good = lines(&[frame("a", 1, 100)]);
        assert!(open("bad", &(good.clone() + "{}\n")).contains("line 2 is no frame"));
        let newer = good.replace(FORMAT, "nfm-frame/99");
        assert!(open("newer", &newer).contains("'nfm-frame/99', and this nfm reads nfm-frame/2"));
        assert!(FrameLines::open(Path::new("/nonexistent")).is_err());
        assert!(!FrameLines::is_one(&file("other", "[1]\n")));
    }
}

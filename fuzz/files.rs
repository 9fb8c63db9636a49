//! The files of snapshots whose inodes, XArrays, dentries and mounts lie.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use nfm::fuzzing::{begin_recording, end_recording};
use nfm::{Domain, ErrorCode, FileKind, GuestFiles, OpenFile};

use crate::case::{Outcome, Tally, TimeLimit, run};
use crate::crawls::CRAWL_LIMIT;
use crate::mutate::{Lies, Map};
use crate::random::Random;
use crate::snapshot::Snapshot;

/// Cases of one open domain.
pub const FILES_A_GROUP: u64 = 100;
/// Files whose content is looked at when a snapshot is learned.
const LEARNED: usize = 60;

/// A directory that has an extended attribute in the lab's guest.
const WITH_ATTRIBUTES: &str = "/run";

/// The words of a snapshot that lead to its files.
pub struct Files {
    map: Map,
    paths: Vec<PathBuf>,
}

/// The parts of [`Files::map`].
const NAMES: usize = 0;
const CONTENT: usize = 1;

impl Files {
    /// Looks at the files of a sound snapshot, and records what is read.
    pub fn learn(snapshot: &Snapshot, domain: &mut Domain) -> Self {
        let mut paths = Vec::new();
        begin_recording();
        let mut files = domain.files();
        let found = files.find(Path::new("/"), false, &mut |file| {
            if file.status.kind == Some(FileKind::File) && file.status.size > Some(0) {
                paths.push(file.path);
            }
            ControlFlow::Continue(())
        });
        assert_eq!(found.expect("a search"), [], "{}", snapshot.name);
        files.extended_attributes(Path::new(WITH_ATTRIBUTES), true).expect("its attributes");
        let names = end_recording();
        begin_recording();
        let all = paths.len().max(1);
        for path in paths.iter().step_by(all.div_ceil(LEARNED)) {
            if let Ok(file) = files.open(path) {
                files.content(&file).expect("its ranges");
                files.read(&file, 0, &mut [0; 1 << 16]).expect("a read");
            }
        }
        let content = end_recording();
        Self { map: Map::new(snapshot, &[names, content]), paths }
    }

    /// How many words are read.
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// One case; gives the domain back unless it panicked.
    pub fn case(
        &self,
        random: &mut Random,
        mut domain: Domain,
        lies: &Lies,
        tally: &mut Tally,
        floor: usize,
        fail: &mut dyn FnMut(String),
    ) -> Option<Domain> {
        let path = random.pick(&self.paths).cloned().unwrap_or_default();
        let part = if random.one_in(2) { NAMES } else { CONTENT };
        let (fd, length) = (random.below(12) as u32, 1 << random.below(20));
        let what = random.below(5);
        // A file that was opened while all was sound, too.
        let opened = domain.files().open(&path).ok();
        self.map.mutate(random, &[part], lies);
        let work = || {
            let mut files = domain.files().with_time_limit(CRAWL_LIMIT);
            let result = match what {
                0 => search(&mut files),
                1 => {
                    files.open_descriptor(1, fd).and_then(|file| content(&mut files, &file, length))
                }
                2 => files.open(&path).and_then(|file| content(&mut files, &file, length)),
                3 => {
                    let path = Path::new(WITH_ATTRIBUTES);
                    files.extended_attributes(path, true).map(|_| Ok(()))
                }
                _ => match &opened {
                    Some(file) => content(&mut files, file, length),
                    None => files.list(Path::new("/dev")).map(|_| Ok(())),
                },
            };
            match result {
                Ok(checked) => (Outcome::Whole, Ok(checked)),
                Err(error) => (Outcome::Refused, Err(error)),
            }
        };
        let limit = TimeLimit { limit: CRAWL_LIMIT, by_clock: true };
        match run(tally, limit, floor, work, fail)?.0 {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => {
                tally.wrong += 1;
                fail(reason);
            }
            // The guest seems restarted.
            Err(error) if error.code() == ErrorCode::NotBooted => return None,
            Err(error) if error.to_string().is_empty() => {
                tally.wrong += 1;
                fail("an error without words".to_owned());
            }
            Err(_) => {}
        }
        Some(domain)
    }
}

/// All files, within bounds.
fn search(files: &mut GuestFiles) -> nfm::Result<Result<(), String>> {
    let mut longest = 0;
    files.find(Path::new("/"), false, &mut |file| {
        longest = longest.max(file.path.as_os_str().len());
        ControlFlow::Continue(())
    })?;
    Ok(if longest > 1 << 16 { Err(format!("a path of {longest} bytes")) } else { Ok(()) })
}

/// A file's ranges, which cover it, and its bytes: parts that are not known lie within them, apart, and are 0.
fn content(
    files: &mut GuestFiles,
    file: &OpenFile,
    length: usize,
) -> nfm::Result<Result<(), String>> {
    let mut end = 0;
    let is_sound = files.content(file)?.iter().all(|range| {
        let follows = range.offset == end && range.length > 0;
        end = range.offset.saturating_add(range.length);
        follows
    });
    if !is_sound {
        return Ok(Err("the ranges of a file do not follow each other".to_owned()));
    }
    let mut bytes = vec![0xee; length];
    let read = files.read(file, 0, &mut bytes)?;
    let mut end = 0;
    let is_sound = read.length <= length
        && read.absent.iter().all(|part| {
            let begins = part.offset >= end && part.length > 0;
            end = part.offset.saturating_add(part.length);
            begins && bytes.get(part.offset..end).is_some_and(|part| part.iter().all(|b| *b == 0))
        });
    Ok(if is_sound && end <= read.length {
        Ok(())
    } else {
        Err("parts of a file that are absent are not as they should be".to_owned())
    })
}

//! One question, and its answers.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{FromRawFd, OwnedFd};

use nfm_disk::message::{Answer, Ask, Attribute, Disk, FileRow, FilesystemRow, Name, Place, Usage};
use nfm_disk::os_release::OsRelease;
use nfm_disk::packages::{self, Manager};
use nfm_disk::{Content, DiskError, OpenDisk, Reason, Result, Volume, volumes};
use nfm_frame::FileKind;
use sha2::{Digest, Sha256};

use crate::answers::Answers;
use crate::filesystem::mount;
use crate::stable;
use crate::tree::{Found, Tree, guarded};

/// Bytes of content that are read at once.
const PIECE: usize = 1 << 20;
/// Directories inside one another.
const MOST_DEPTH: usize = 1000;

/// The reason for which a question has no more answers.
pub(crate) enum Ended {
    /// The disk cannot be read.
    Disk(DiskError),
    /// The answers cannot be written.
    Output(#[allow(dead_code, reason = "nobody is left to be told")] io::Error),
}

impl From<DiskError> for Ended {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<io::Error> for Ended {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

type Answered = std::result::Result<(), Ended>;

/// Takes over the descriptors that were passed in.
pub(crate) fn open(disks: Vec<Disk>) -> Vec<OpenDisk> {
    let opened = disks.into_iter().map(|Disk { name, images }| {
        let images = images.map(|images| {
            let files = images.into_iter().map(|image| {
                // SAFETY: nfm passed this descriptor in, for this image alone; it names none twice.
                let file = unsafe { OwnedFd::from_raw_fd(image.descriptor) };
                (File::from(file), image.format)
            });
            files.collect()
        });
        OpenDisk { name, images }
    });
    opened.collect()
}

/// Answers a question.
pub(crate) fn answer<W: Write>(disks: &[OpenDisk], ask: &Ask, out: &mut Answers<W>) -> Answered {
    let volumes = volumes(disks);
    match ask {
        // Mounts all anew for each file.
        Ask::Packages => installed(disks, out),
        Ask::Volumes => list_volumes(&volumes, out),
        Ask::List(place) => list(&tree(&volumes, place, out)?, place, out),
        Ask::Status { place, follow } => {
            let tree = tree(&volumes, place, out)?;
            let file = read(|| {
                let found = tree.find(place.path.bytes(), *follow)?;
                let mut file = file(&tree, place.path.bytes(), found)?;
                let attributes = tree.attributes(found)?;
                file.extended_attributes = Some(attributes.iter().map(attribute).collect());
                Ok(file)
            });
            Ok(out.give(&Answer::File(file.map_err(|error| of(error, place))?))?)
        }
        Ask::Content(place) => content(&tree(&volumes, place, out)?, place, out),
        Ask::Walk { place, one_file_system } => {
            let tree = tree(&volumes, place, out)?;
            walk(&tree, place, *one_file_system, false, out)
        }
        Ask::Hash(place) => walk(&tree(&volumes, place, out)?, place, false, true, out),
    }
}

/// The operating system, and the packages of each manager that has a database.
fn installed<W: Write>(disks: &[OpenDisk], out: &mut Answers<W>) -> Answered {
    let mut os = None;
    for path in OsRelease::FILES {
        os = stable::file(disks, path, |bytes| Ok(OsRelease::parse(bytes)))?;
        if os.is_some() {
            break;
        }
    }
    let os = os.unwrap_or_default();
    out.give(&Answer::OsRelease(os.clone()))?;
    let mut read = 0;
    for (manager, path) in Manager::ALL {
        match stable::file(disks, path, |bytes| packages::packages(manager, bytes, &os))? {
            None => continue,
            Some(packages) => {
                read += 1;
                for package in packages {
                    out.give(&Answer::Package(package))?;
                }
            }
        }
    }
    match read {
        0 => Err(DiskError::new(
            Reason::Absent,
            "no database of packages that nfm reads (dpkg, apk) is on its disks",
        )
        .into()),
        _ => Ok(()),
    }
}

fn attribute((name, value): &(Vec<u8>, Vec<u8>)) -> Attribute {
    Attribute { name: name.as_slice().into(), value: value.as_slice().into() }
}

fn of(error: DiskError, place: &Place) -> DiskError {
    error.of(&String::from_utf8_lossy(place.path.bytes()))
}

/// The tree that a place is in. Mounts that fail are told: what is below them is missing.
fn tree<'a, W: Write>(
    volumes: &'a [Volume],
    place: &Place,
    out: &mut Answers<W>,
) -> std::result::Result<Tree<'a>, Ended> {
    let mut tree = match &place.volume {
        Some(name) => Tree::of_volume(volumes, name)?,
        None => guarded(|| Tree::of_guest(volumes))?,
    };
    for problem in tree.problems.drain(..) {
        out.give(&Answer::Problem(problem))?;
    }
    Ok(tree)
}

fn read<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    guarded(read)
}

fn list_volumes<W: Write>(volumes: &[Volume], out: &mut Answers<W>) -> Answered {
    for volume in volumes {
        out.give(&Answer::Volume(volume.row.clone()))?;
    }
    let tree = guarded(|| Tree::of_guest(volumes)).ok();
    let mounted: Vec<(&str, &str)> = tree.iter().flat_map(Tree::mounted_on).collect();
    for volume in volumes {
        let row = &volume.row;
        let Some(content) = row.content.filter(|content| content.is_filesystem()) else { continue };
        let usage = match &volume.source {
            Some(source) => guarded(|| mount(content, source)?.usage()),
            None => Err(DiskError::new(Reason::Missing, "it has no source")),
        };
        let mounted_on = mounted.iter().find(|(name, _)| *name == row.name);
        out.give(&Answer::Filesystem(FilesystemRow {
            volume: row.name.clone(),
            kind: content,
            uuid: row.uuid.clone(),
            label: row.label.clone(),
            mounted_on: mounted_on.map(|(_, path)| (*path).to_owned()),
            problem: usage.as_ref().err().cloned(),
            usage: usage.unwrap_or_else(|_| Usage::default()),
        }))?;
    }
    Ok(())
}

fn file(tree: &Tree, path: &[u8], found: Found) -> Result<FileRow> {
    let status = tree.status(found)?;
    let target = status.is_symlink().then(|| tree.target(found)).transpose()?;
    let row = tree.volume(found).map(|volume| &volume.row);
    Ok(FileRow {
        path: path.into(),
        kind: FileKind::of_mode(u64::from(status.mode)),
        inode: Some(found.node.inode),
        generation: status.generation,
        mode: Some(status.mode & 0o7777),
        links: status.links,
        uid: status.uid,
        gid: status.gid,
        rdev: status.rdev,
        size: Some(status.size),
        accessed_ns: status.accessed_ns,
        modified_ns: status.modified_ns,
        changed_ns: status.changed_ns,
        target: target.as_deref().map(Name::from),
        filesystem: row.and_then(|row| row.content).unwrap_or(Content::Unknown),
        volume: row.map(|row| row.name.clone()).unwrap_or_default(),
        sha256: None,
        extended_attributes: None,
    })
}

fn list<W: Write>(tree: &Tree, place: &Place, out: &mut Answers<W>) -> Answered {
    let entries = read(|| {
        let found = tree.find(place.path.bytes(), true)?;
        match tree.status(found)?.is_directory() {
            true => tree.entries(found),
            false => Err(DiskError::new(Reason::WrongKind, "it is no directory")),
        }
    });
    for (name, found) in entries.map_err(|error| of(error, place))? {
        match read(|| file(tree, &name, found)) {
            Ok(file) => out.give(&Answer::File(file))?,
            Err(error) => {
                out.give(&Answer::Problem(error.of(&String::from_utf8_lossy(&name))))?;
            }
        }
    }
    Ok(())
}

fn content<W: Write>(tree: &Tree, place: &Place, out: &mut Answers<W>) -> Answered {
    let found = read(|| {
        let found = tree.find(place.path.bytes(), true)?;
        let status = tree.status(found)?;
        match status.is_file() {
            true => Ok((found, status.size)),
            false => Err(DiskError::new(Reason::WrongKind, "it is no regular file")),
        }
    });
    let (found, size) = found.map_err(|error| of(error, place))?;
    pieces(tree, found, size, |piece| Ok(out.content(piece)?)).map_err(|ended| match ended {
        Ended::Disk(error) => Ended::Disk(of(error, place)),
        output => output,
    })
}

/// A file's bytes from the first to the last.
fn pieces(
    tree: &Tree,
    found: Found,
    size: u64,
    mut take: impl FnMut(&[u8]) -> Answered,
) -> Answered {
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(PIECE).min(PIECE)];
    let mut done = 0;
    while done < size {
        let wanted = usize::try_from(size - done).unwrap_or(PIECE).min(PIECE);
        let room = bytes.get_mut(..wanted).unwrap_or_default();
        let length = read(|| tree.read(found, done, room))?;
        if length == 0 {
            return Err(DiskError::new(Reason::Truncated, "it is shorter than it says").into());
        }
        take(room.get(..length).unwrap_or_default())?;
        done = done.saturating_add(length as u64);
    }
    Ok(())
}

fn hash(tree: &Tree, found: Found, size: u64) -> Result<String> {
    let mut hash = Sha256::new();
    let done = pieces(tree, found, size, |piece| {
        hash.update(piece);
        Ok(())
    });
    match done {
        Ok(()) => Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()),
        Err(Ended::Disk(error)) => Err(error),
        Err(Ended::Output(error)) => Err(DiskError::new(Reason::Worker, error.to_string())),
    }
}

/// Answers a file and all below it. With hashes, only regular files are answered.
fn walk<W: Write>(
    tree: &Tree,
    place: &Place,
    one_file_system: bool,
    hashes: bool,
    out: &mut Answers<W>,
) -> Answered {
    let path = place.path.bytes();
    // find(1) does not follow what it is given; sha256sum does.
    let first = read(|| tree.find(path, hashes)).map_err(|error| of(error, place))?;
    let mut left = vec![(path.to_vec(), first, 0)];
    let mut seen = HashSet::new();
    while let Some((path, found, depth)) = left.pop() {
        let told = read(|| {
            let mut file = file(tree, &path, found)?;
            if hashes && file.kind == Some(FileKind::File) {
                file.sha256 = Some(hash(tree, found, file.size.unwrap_or(0))?);
            }
            Ok(file)
        });
        let file = match told {
            Ok(file) => file,
            Err(error) if depth == 0 => return Err(of(error, place).into()),
            Err(error) => {
                out.give(&Answer::Problem(error.of(&String::from_utf8_lossy(&path))))?;
                continue;
            }
        };
        let is_directory = file.kind == Some(FileKind::Directory);
        if !hashes || file.sha256.is_some() {
            out.give(&Answer::File(file))?;
        }
        if !is_directory || (one_file_system && found.mount != first.mount) {
            continue;
        }
        let entries = match (seen.insert(found), depth < MOST_DEPTH) {
            (true, true) => read(|| tree.entries(found)),
            (false, _) => Err(DiskError::damaged("the directory is in the tree twice")),
            (_, false) => Err(DiskError::damaged("too many directories are inside one another")),
        };
        match entries {
            Ok(entries) => left.extend(entries.into_iter().rev().map(|(name, found)| {
                let mut below = path.clone();
                if below.last() != Some(&b'/') {
                    below.push(b'/');
                }
                below.extend(name);
                (below, found, depth + 1)
            })),
            Err(error) => {
                out.give(&Answer::Problem(error.of(&String::from_utf8_lossy(&path))))?;
            }
        }
    }
    Ok(())
}

//! FAT, by crate `fatfs`.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Mutex, PoisonError};

use fatfs::{Dir, FileSystem, FsOptions};
use nfm_disk::message::Usage;
use nfm_disk::{DiskError, ReadAt, Reason, Result};

use crate::filesystem::{Entry, Filesystem, Node, Status};

/// A volume as the stream that the crate wants; what it would write is refused.
struct Stream {
    source: Arc<dyn ReadAt>,
    position: u64,
}

impl Read for Stream {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let left = self.source.length().saturating_sub(self.position);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let room = bytes.get_mut(..length).unwrap_or_default();
        self.source.read_at(self.position, room).map_err(|error| io::Error::other(error.text))?;
        self.position = self.position.saturating_add(length as u64);
        Ok(length)
    }
}

impl Seek for Stream {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.source.length().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Write for Stream {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Files have no numbers of their own: they get them in the order in which they are met.
#[derive(Default)]
struct Numbers {
    paths: Vec<String>,
    by_path: std::collections::HashMap<String, u64>,
}

impl Numbers {
    fn of(&mut self, path: String) -> u64 {
        let next = self.paths.len() as u64;
        *self.by_path.entry(path.clone()).or_insert_with(|| {
            self.paths.push(path);
            next
        })
    }
}

pub(crate) struct Fat {
    own: FileSystem<Stream>,
    numbers: Mutex<Numbers>,
}

fn told(error: io::Error) -> DiskError {
    let reason = match error.kind() {
        io::ErrorKind::NotFound => Reason::NoSuchFile,
        _ => Reason::Damaged,
    };
    DiskError::new(reason, error.to_string())
}

impl Fat {
    pub(crate) fn mount(source: Arc<dyn ReadAt>) -> Result<Self> {
        let options = FsOptions::new().update_accessed_date(false);
        let own = FileSystem::new(Stream { source, position: 0 }, options).map_err(told)?;
        let fat = Self { own, numbers: Mutex::default() };
        fat.number(String::new())?;
        Ok(fat)
    }

    fn number(&self, path: String) -> Result<Node> {
        let mut numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        if numbers.paths.len() >= MOST_FILES {
            return Err(DiskError::damaged("it has more files than a FAT can have"));
        }
        Ok(Node { tree: 0, inode: numbers.of(path) })
    }

    fn path(&self, node: Node) -> Result<String> {
        let numbers = self.numbers.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(node.inode).unwrap_or(usize::MAX);
        numbers.paths.get(index).cloned().ok_or_else(|| DiskError::damaged("no such file"))
    }

    fn directory(&self, path: &str) -> Result<Dir<'_, Stream>> {
        let root = self.own.root_dir();
        if path.is_empty() { Ok(root) } else { root.open_dir(path).map_err(told) }
    }

    /// Looks at the entry of a path.
    fn entry<T>(&self, path: &str, look: impl Fn(&fatfs::DirEntry<'_, Stream>) -> T) -> Result<T> {
        let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
        for entry in self.directory(folder)?.iter().take(MOST_ENTRIES) {
            let entry = entry.map_err(told)?;
            if entry.file_name() == name {
                return Ok(look(&entry));
            }
        }
        Err(DiskError::new(Reason::NoSuchFile, "there is no such file"))
    }
}

/// Entries of a directory: it has 2 MiB at most. A chain of clusters that leads back to itself has no end.
const MOST_ENTRIES: usize = 65_536;
/// Files that get a number, and bytes of a path: a directory may be in itself.
const MOST_FILES: usize = 1 << 20;
const LONGEST_PATH: usize = 4096;

/// As Linux shows them by default: all of root, and no permission is kept.
const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_755;
const NOT_WRITABLE: u32 = 0o222;

impl Filesystem for Fat {
    fn root(&self) -> Node {
        Node { tree: 0, inode: 0 }
    }

    /// Times are left out: they are in the guest's time zone, which a FAT does not tell.
    fn status(&self, node: Node) -> Result<Status> {
        let path = self.path(node)?;
        let of =
            |mode, size| Status { mode, size, uid: Some(0), gid: Some(0), ..Status::default() };
        if path.is_empty() {
            return Ok(of(DIRECTORY, 0));
        }
        self.entry(&path, |entry| {
            let mode = if entry.is_dir() { DIRECTORY } else { FILE };
            let read_only = entry.attributes().contains(fatfs::FileAttributes::READ_ONLY);
            of(if read_only { mode & !NOT_WRITABLE } else { mode }, entry.len())
        })
    }

    fn entries(&self, directory: Node) -> Result<Vec<Entry>> {
        let path = self.path(directory)?;
        let mut entries = Vec::new();
        for entry in self.directory(&path)?.iter() {
            if entries.len() >= MOST_ENTRIES {
                return Err(DiskError::damaged("a directory does not end"));
            }
            let name = entry.map_err(told)?.file_name();
            if name == "." || name == ".." {
                continue;
            }
            let below = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if below.len() > LONGEST_PATH {
                return Err(DiskError::damaged("a directory is in itself"));
            }
            entries.push(Entry { name: name.into_bytes(), node: self.number(below)? });
        }
        Ok(entries)
    }

    fn look_up(&self, directory: Node, name: &[u8]) -> Result<Option<Node>> {
        // Names are the same in any case.
        let is = |entry: &Entry| entry.name.eq_ignore_ascii_case(name);
        Ok(self.entries(directory)?.into_iter().find(is).map(|entry| entry.node))
    }

    fn read(&self, file: Node, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        let path = self.path(file)?;
        let mut file = self.own.root_dir().open_file(&path).map_err(told)?;
        file.seek(SeekFrom::Start(offset)).map_err(told)?;
        let mut done = 0;
        while let Some(room) = bytes.get_mut(done..).filter(|room| !room.is_empty()) {
            match file.read(room).map_err(told)? {
                0 => break,
                read => done = done.saturating_add(read),
            }
        }
        Ok(done)
    }

    fn target(&self, _link: Node) -> Result<Vec<u8>> {
        Err(DiskError::new(Reason::WrongKind, "a FAT has no symbolic links"))
    }

    fn attributes(&self, _node: Node) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        Ok(Vec::new())
    }

    fn usage(&self) -> Result<Usage> {
        let stats = self.own.stats().map_err(told)?;
        let bytes = |clusters: u32| {
            Some(u64::from(clusters).saturating_mul(u64::from(stats.cluster_size())))
        };
        Ok(Usage {
            size_bytes: bytes(stats.total_clusters()),
            free_bytes: bytes(stats.free_clusters()),
            available_bytes: bytes(stats.free_clusters()),
            ..Usage::default()
        })
    }
}

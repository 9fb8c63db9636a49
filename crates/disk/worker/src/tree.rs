//! A guest's tree of files: its root filesystem, and what its /etc/fstab mounts below.

use nfm_disk::{DiskError, Reason, Result, Volume};

use crate::filesystem::{Entry, Filesystem, Node, Status, mount};

/// Symbolic links on one path (`MAXSYMLINKS` of the kernel).
const MOST_LINKS: u32 = 40;
/// The files of which one is in each root filesystem.
const MARKS: [&str; 3] = ["/etc/os-release", "/usr/lib/os-release", "/etc/fstab"];
/// Bytes of an fstab.
const MOST_FSTAB: u64 = 1 << 20;

/// A mounted filesystem in the tree.
struct Mount {
    /// The index of its volume.
    volume: usize,
    filesystem: Box<dyn Filesystem>,
    /// The root of the mount in its filesystem.
    root: Node,
    /// The mount and the directory that it covers; `None` for the first.
    on: Option<(usize, Node)>,
    /// Its path.
    path: String,
}

/// A file: its mount, and its node there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Found {
    pub mount: usize,
    pub node: Node,
}

/// The filesystems of a guest's disks as one tree.
pub(crate) struct Tree<'a> {
    volumes: &'a [Volume],
    mounts: Vec<Mount>,
    /// Mounts of the fstab that could not be made.
    pub problems: Vec<DiskError>,
}

impl<'a> Tree<'a> {
    /// The filesystem of one volume alone.
    pub(crate) fn of_volume(volumes: &'a [Volume], name: &str) -> Result<Self> {
        let found = volumes.iter().position(|volume| volume.row.name == name);
        let volume = found.ok_or_else(|| {
            let names: Vec<&str> = volumes.iter().map(|volume| volume.row.name.as_str()).collect();
            let text = format!("there is no volume '{name}'; there are {}", names.join(", "));
            DiskError::new(Reason::Absent, text)
        })?;
        let filesystem = mounted(volumes, volume)?;
        Ok(Self::new(volumes, volume, filesystem))
    }

    /// The guest's own tree.
    pub(crate) fn of_guest(volumes: &'a [Volume]) -> Result<Self> {
        let mut reasons = Vec::new();
        let mut candidates = Vec::new();
        for (index, volume) in volumes.iter().enumerate() {
            if let Some(problem) = &volume.row.problem {
                reasons.push(problem.clone().of(&volume.row.name));
            }
            if !volume.row.content.is_some_and(|content| content.is_filesystem()) {
                continue;
            }
            match mounted(volumes, index) {
                Ok(filesystem) => candidates.push(Self::new(volumes, index, filesystem)),
                Err(error) => reasons.push(error),
            }
        }
        let is_root =
            |tree: &Self| MARKS.iter().any(|mark| tree.find(mark.as_bytes(), true).is_ok());
        let alone = candidates.len() == 1;
        let chosen = candidates.into_iter().find(|tree| alone || is_root(tree));
        let Some(mut tree) = chosen else {
            let mut text = "no filesystem on its disks has the guest's root directory".to_owned();
            for reason in &reasons {
                text = format!("{text}; {reason}");
            }
            let reason = reasons.first().map_or(Reason::Absent, |first| first.reason);
            return Err(DiskError::new(reason, text));
        };
        tree.mount_all();
        Ok(tree)
    }

    fn new(volumes: &'a [Volume], volume: usize, filesystem: Box<dyn Filesystem>) -> Self {
        let root = filesystem.root();
        let first = Mount { volume, filesystem, root, on: None, path: "/".to_owned() };
        Self { volumes, mounts: vec![first], problems: Vec::new() }
    }

    /// Mounts what the fstab names, the shorter paths first.
    fn mount_all(&mut self) {
        let Ok(fstab) =
            self.find(b"/etc/fstab", true).and_then(|file| self.content(file, MOST_FSTAB))
        else {
            return;
        };
        let fstab = String::from_utf8_lossy(&fstab).into_owned();
        let mut lines: Vec<(String, String)> = fstab
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'))
            .filter_map(|line| {
                let mut words = line.split_whitespace();
                Some((words.next()?.to_owned(), words.next()?.to_owned()))
            })
            .filter(|(_, path)| path.starts_with('/') && path != "/")
            .collect();
        lines.sort_by_key(|(_, path)| path.len());
        for (what, path) in lines {
            let Some(volume) = self.volume_of(&what) else { continue };
            let done = self.find(path.as_bytes(), true).and_then(|on| {
                let filesystem = mounted(self.volumes, volume)?;
                Ok((on, filesystem))
            });
            match done {
                Ok((on, filesystem)) => {
                    let (root, on) = (filesystem.root(), Some((on.mount, on.node)));
                    self.mounts.push(Mount { volume, filesystem, root, on, path });
                }
                Err(error) => self.problems.push(error.of(&path)),
            }
        }
    }

    /// The volume that a word of the fstab names.
    fn volume_of(&self, what: &str) -> Option<usize> {
        self.volumes.iter().position(|volume| {
            let row = &volume.row;
            let is = |own: &Option<String>, other: &str| {
                own.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(other.trim_matches('"')))
            };
            let is_filesystem = row.content.is_some_and(|content| content.is_filesystem());
            is_filesystem
                && match what.split_once('=') {
                    Some(("UUID", uuid)) => is(&row.uuid, uuid),
                    Some(("LABEL", label)) => row.label.as_deref() == Some(label.trim_matches('"')),
                    Some(("PARTUUID", uuid)) => is(&row.partition_uuid, uuid),
                    Some(("PARTLABEL", name)) => row.partition_name.as_deref() == Some(name),
                    _ => is_device(what, &row.name),
                }
        })
    }

    /// The volume's name and the filesystem of a file's mount.
    pub(crate) fn volume(&self, found: Found) -> Option<&'a Volume> {
        self.volumes.get(self.mounts.get(found.mount)?.volume)
    }

    /// The paths at which volumes are mounted, by the volumes' names.
    pub(crate) fn mounted_on(&self) -> impl Iterator<Item = (&str, &str)> {
        self.mounts.iter().filter_map(|mount| {
            Some((self.volumes.get(mount.volume)?.row.name.as_str(), mount.path.as_str()))
        })
    }

    fn filesystem(&self, mount: usize) -> Result<&dyn Filesystem> {
        let mount = self.mounts.get(mount);
        mount.map(|mount| &*mount.filesystem).ok_or_else(|| DiskError::damaged("no such mount"))
    }

    pub(crate) fn status(&self, found: Found) -> Result<Status> {
        self.filesystem(found.mount)?.status(found.node)
    }

    pub(crate) fn target(&self, found: Found) -> Result<Vec<u8>> {
        self.filesystem(found.mount)?.target(found.node)
    }

    pub(crate) fn attributes(&self, found: Found) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.filesystem(found.mount)?.attributes(found.node)
    }

    pub(crate) fn read(&self, found: Found, offset: u64, bytes: &mut [u8]) -> Result<usize> {
        self.filesystem(found.mount)?.read(found.node, offset, bytes)
    }

    /// The names in a directory, in the order of their bytes.
    pub(crate) fn entries(&self, found: Found) -> Result<Vec<(Vec<u8>, Found)>> {
        let mut entries = self.filesystem(found.mount)?.entries(found.node)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let there = |Entry { name, node }| (name, self.through(Found { mount: found.mount, node }));
        Ok(entries.into_iter().map(there).collect())
    }

    /// A file's whole content, if it is not longer than that.
    pub(crate) fn content(&self, found: Found, most: u64) -> Result<Vec<u8>> {
        let status = self.status(found)?;
        if !status.is_file() {
            return Err(DiskError::new(Reason::WrongKind, "it is no regular file"));
        }
        if status.size > most {
            return Err(DiskError::damaged(format!("it has {} bytes, too many", status.size)));
        }
        let mut bytes = vec![0; usize::try_from(status.size).unwrap_or(0)];
        let mut done = 0;
        while let Some(room) = bytes.get_mut(done..).filter(|room| !room.is_empty()) {
            match self.read(found, done as u64, room)? {
                0 => return Err(DiskError::new(Reason::Truncated, "it is shorter than it says")),
                read => done = done.saturating_add(read),
            }
        }
        Ok(bytes)
    }

    /// The root of what is mounted on a directory, or the directory.
    fn through(&self, mut found: Found) -> Found {
        while let Some((index, mount)) = self
            .mounts
            .iter()
            .enumerate()
            .rev()
            .find(|(_, mount)| mount.on == Some((found.mount, found.node)))
        {
            found = Found { mount: index, node: mount.root };
        }
        found
    }

    /// The file at a path. Links lead nowhere outside of the tree.
    pub(crate) fn find(&self, path: &[u8], follow: bool) -> Result<Found> {
        let root = self.through(Found { mount: 0, node: self.filesystem(0)?.root() });
        let mut way = vec![root];
        let mut links = 0;
        // The names that are still to go, the next one last.
        let mut left: Vec<Vec<u8>> = names(path);
        while let Some(name) = left.pop() {
            let here = way.last().copied().unwrap_or(root);
            match name.as_slice() {
                b"." => continue,
                b".." => {
                    if way.len() > 1 {
                        way.pop();
                    }
                    continue;
                }
                _ => {}
            }
            if !self.status(here)?.is_directory() {
                return Err(DiskError::new(
                    Reason::WrongKind,
                    "a part of the path is no directory",
                ));
            }
            let node = self.filesystem(here.mount)?.look_up(here.node, &name)?;
            let node =
                node.ok_or_else(|| DiskError::new(Reason::NoSuchFile, "there is no such file"))?;
            let found = self.through(Found { mount: here.mount, node });
            if (follow || !left.is_empty()) && self.status(found)?.is_symlink() {
                links += 1;
                if links > MOST_LINKS {
                    let text = "symbolic links lead to one another";
                    return Err(DiskError::new(Reason::LinkLoop, text));
                }
                let target = self.target(found)?;
                if target.first() == Some(&b'/') {
                    way.truncate(1);
                }
                left.extend(names(&target));
                continue;
            }
            way.push(found);
        }
        Ok(way.last().copied().unwrap_or(root))
    }
}

/// The names of a path, the first one last.
fn names(path: &[u8]) -> Vec<Vec<u8>> {
    let names = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty());
    let mut names: Vec<Vec<u8>> = names.map(<[u8]>::to_vec).collect();
    names.reverse();
    names
}

/// True if a path of a device in a guest is that of a volume.
fn is_device(path: &str, volume: &str) -> bool {
    path.strip_prefix("/dev/mapper/").or_else(|| path.strip_prefix("/dev/")).is_some_and(|name| {
        // A volume of LVM: vg/lv, and vg-lv with the hyphens of both doubled.
        match name.split_once('/') {
            Some((group, one)) => {
                format!("{}-{}", group.replace('-', "--"), one.replace('-', "--")) == volume
            }
            None => name == volume,
        }
    })
}

fn mounted(volumes: &[Volume], index: usize) -> Result<Box<dyn Filesystem>> {
    let none = || DiskError::new(Reason::Absent, "there is no filesystem");
    let volume = volumes.get(index).ok_or_else(none)?;
    let of = |error: DiskError| error.of(&volume.row.name);
    match (&volume.source, volume.row.content, &volume.row.problem) {
        (Some(source), Some(content), _) if content.is_filesystem() => {
            guarded(|| mount(content, source)).map_err(of)
        }
        (_, _, Some(problem)) => Err(problem.clone().of(&volume.row.name)),
        (_, content, _) => {
            let text = format!(
                "it holds no filesystem ({})",
                content.map_or("unreadable", |content| content.name())
            );
            Err(DiskError::new(Reason::Absent, text).of(&volume.row.name))
        }
    }
}

/// Reads by others' code: its panics are reasons like others.
pub(crate) fn guarded<T>(read: impl FnOnce() -> Result<T>) -> Result<T> {
    let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
    done.unwrap_or_else(|_| Err(DiskError::damaged("its reader gave up on it")))
}

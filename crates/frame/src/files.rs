//! The section `files`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;
use super::lenient::or_unknown;

/// One open file descriptor of one process, as `/proc/PID/fd` shows it. Of threads with a table of descriptors of
/// their own, and of those whose leader has ended, what only they have open comes behind (`/proc/PID/task/TID/fd`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct File {
    /// The process.
    #[column(label)]
    pub pid: u32,
    /// The descriptor.
    #[column(label)]
    pub fd: u32,
    /// The kind of file.
    #[serde(default, deserialize_with = "or_unknown")]
    pub kind: Option<FileKind>,
    /// The path as `readlink /proc/PID/fd/FD` shows it in the guest.
    pub path: Option<Text>,
    /// The flags of open(2), `O_CLOEXEC` included, as `/proc/PID/fdinfo` shows them in octal.
    #[column(label)]
    pub flags: Option<u64>,
    /// The offset for the next read or write.
    #[column(bytes)]
    pub position: Option<u64>,
    /// The inode's number.
    #[column(label)]
    pub inode: Option<u64>,
}

/// Kinds of files, by the mode of their inode (inode(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// A pipe or FIFO.
    Pipe,
    /// A socket.
    Socket,
    /// A symbolic link (opened with `O_PATH`).
    Symlink,
    /// A file without a kind: epoll, eventfd, timerfd and their like.
    AnonInode,
}

impl FileKind {
    /// The kind that an inode's mode names.
    pub fn of_mode(mode: u64) -> Option<Self> {
        Some(match mode & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Directory,
            0o020_000 => Self::CharacterDevice,
            0o060_000 => Self::BlockDevice,
            0o010_000 => Self::Pipe,
            0o140_000 => Self::Socket,
            0o120_000 => Self::Symlink,
            0 => Self::AnonInode,
            _ => return None,
        })
    }

    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::File,
        Self::Directory,
        Self::CharacterDevice,
        Self::BlockDevice,
        Self::Pipe,
        Self::Socket,
        Self::Symlink,
        Self::AnonInode,
    ];

    /// The kinds' names in JSON.
    pub const NAMES: [&'static str; 8] = [
        "file",
        "directory",
        "character_device",
        "block_device",
        "pipe",
        "socket",
        "symlink",
        "anon_inode",
    ];

    /// The kind's name in JSON.
    pub fn name(self) -> &'static str {
        Self::NAMES.get(self as usize).copied().unwrap_or_default()
    }

    /// The letters that `lsof` shows.
    pub fn letters(self) -> &'static str {
        match self {
            Self::File => "REG",
            Self::Directory => "DIR",
            Self::CharacterDevice => "CHR",
            Self::BlockDevice => "BLK",
            Self::Pipe => "FIFO",
            Self::Socket => "sock",
            Self::Symlink => "LINK",
            Self::AnonInode => "a_inode",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::FileKind;

    #[test]
    fn names_are_those_of_the_json() {
        for (kind, name) in FileKind::ALL.into_iter().zip(FileKind::NAMES) {
            assert_eq!(serde_json::from_value::<FileKind>(name.into()).unwrap(), kind);
            assert_eq!(kind.name(), name);
        }
    }
}

//! The question to a worker, one line of JSON on its standard input, and its answers, a line each on its standard
//! output. A line that announces content is followed by so many bytes.

use nfm_frame::FileKind;
use serde::{Deserialize, Serialize};

use crate::content::Content;
use crate::error::DiskError;
use crate::os_release::OsRelease;
use crate::packages::Package;

/// One question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The disks of the guest.
    pub disks: Vec<Disk>,
    /// The facts that are asked for.
    pub ask: Ask,
}

/// A disk of a guest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Disk {
    /// Its name: the target's in the domain's definition, or that of its image.
    pub name: String,
    /// Its images, the uppermost first; or the reason for which they cannot be opened.
    pub images: Result<Vec<Image>, DiskError>,
}

/// A file or a block device, open in the worker.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Image {
    /// Its descriptor in the worker.
    pub descriptor: i32,
    /// Its format.
    pub format: Format,
}

/// Formats of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The bytes themselves.
    Raw,
    /// QEMU's own format.
    Qcow2,
}

/// The facts that are asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Volumes and filesystems.
    Volumes,
    /// The files of a directory.
    List(Place),
    /// The status of a file, and its extended attributes.
    Status {
        /// The file.
        place: Place,
        /// True if a symbolic link is followed at the end.
        follow: bool,
    },
    /// The content of a file.
    Content(Place),
    /// The status of all files below one, itself first.
    Walk {
        /// The file.
        place: Place,
        /// True if what is mounted below is left out.
        one_file_system: bool,
    },
    /// The SHA-256 of a file, or of all files below a directory.
    Hash(Place),
    /// The operating system, and its packages.
    Packages,
}

/// A file on a disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Place {
    /// The volume; `None` for the guest's own tree of mounts.
    pub volume: Option<String>,
    /// The path.
    pub path: Name,
}

/// A name or a path, in which any byte may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Name {
    /// UTF-8.
    Text(String),
    /// Other bytes.
    Bytes(Vec<u8>),
}

impl Name {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Name {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_vec()),
        }
    }
}

/// One answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// A disk, partition or volume.
    Volume(VolumeRow),
    /// A filesystem.
    Filesystem(FilesystemRow),
    /// A file.
    File(FileRow),
    /// The operating system.
    OsRelease(OsRelease),
    /// An installed package.
    Package(Package),
    /// So many bytes of content follow this line.
    Content(u64),
    /// A part that cannot be read; the other answers are of the rest.
    Problem(DiskError),
    /// Nothing can be answered.
    Failed(DiskError),
    /// The last answer: there are no others.
    Done,
}

/// A disk, a partition or a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumeRow {
    /// Its name in the guest, as far as the host can tell: `vda1`, `vg-lv`.
    pub name: String,
    /// `disk`, `partition`, `lv` or `md`.
    pub kind: String,
    /// The volumes that it lies on.
    pub on: Vec<String>,
    /// Its first byte in that; of a partition only.
    pub offset: Option<u64>,
    /// Bytes.
    pub size_bytes: u64,
    /// The format of its content; `None` where it cannot be read.
    pub content: Option<Content>,
    /// The UUID of its content.
    pub uuid: Option<String>,
    /// The label of its content.
    pub label: Option<String>,
    /// The UUID of a partition.
    pub partition_uuid: Option<String>,
    /// The name of a partition.
    pub partition_name: Option<String>,
    /// The reason for which it cannot be read, or not in whole.
    pub problem: Option<DiskError>,
}

/// A filesystem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FilesystemRow {
    /// The volume that it is on.
    pub volume: String,
    /// Its type.
    pub kind: Content,
    /// Its UUID.
    pub uuid: Option<String>,
    /// Its label.
    pub label: Option<String>,
    /// Where the guest's /etc/fstab mounts it.
    pub mounted_on: Option<String>,
    /// Its use.
    #[serde(flatten)]
    pub usage: Usage,
    /// The reason for which it cannot be read.
    pub problem: Option<DiskError>,
}

/// The use of a filesystem, as statfs(2) tells it of a mounted one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Bytes for files.
    pub size_bytes: Option<u64>,
    /// Bytes that no file has.
    pub free_bytes: Option<u64>,
    /// Bytes that users other than root may still have.
    pub available_bytes: Option<u64>,
    /// Inodes; `None` where there is no fixed number of them.
    pub inodes: Option<u64>,
    /// Inodes that are free.
    pub free_inodes: Option<u64>,
}

/// A file on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRow {
    /// Its name in its directory, or its path.
    pub path: Name,
    /// The kind of file.
    pub kind: Option<FileKind>,
    /// The inode's number.
    pub inode: Option<u64>,
    /// The inode's generation.
    pub generation: Option<u64>,
    /// Permissions and the bits beside them (0o7777).
    pub mode: Option<u32>,
    /// Names that the file has.
    pub links: Option<u32>,
    /// The owner.
    pub uid: Option<u32>,
    /// The group.
    pub gid: Option<u32>,
    /// A device file's own number, as stat(2) has it.
    pub rdev: Option<u64>,
    /// Bytes.
    pub size: Option<u64>,
    /// When it was last read, in nanoseconds since 1970.
    pub accessed_ns: Option<i64>,
    /// When its content changed last.
    pub modified_ns: Option<i64>,
    /// When its inode changed last.
    pub changed_ns: Option<i64>,
    /// A symbolic link's target.
    pub target: Option<Name>,
    /// The type of the filesystem.
    pub filesystem: Content,
    /// The volume that the filesystem is on.
    pub volume: String,
    /// The SHA-256 of its content, where it was asked for.
    pub sha256: Option<String>,
    /// Extended attributes, where they were asked for.
    pub extended_attributes: Option<Vec<Attribute>>,
}

/// An extended attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribute {
    /// Its name, with the name of its space.
    pub name: Name,
    /// Its value.
    pub value: Name,
}

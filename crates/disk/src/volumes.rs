//! From a guest's disks to the volumes on them: images, partitions, arrays and logical volumes.

use std::fs::File;
use std::sync::Arc;

use crate::content::{Content, Identity, identify};
use crate::error::{DiskError, Result};
use crate::message::{Format, VolumeRow};
use crate::partitions::{self, Partition};
use crate::qcow2::Qcow2;
use crate::read_at::{HostFile, ReadAt, Slice};

/// A disk of a guest: its name, and its images, the uppermost first.
pub struct OpenDisk {
    /// The target's name.
    pub name: String,
    /// Its images, or the reason for which they cannot be opened.
    pub images: Result<Vec<(File, Format)>>,
}

/// A volume, and how it is read.
pub struct Volume {
    /// The facts of it.
    pub row: VolumeRow,
    /// Its bytes; `None` where they cannot be had.
    pub source: Option<Arc<dyn ReadAt>>,
}

/// All volumes of a guest's disks, each behind those that it lies on. The disks are opened anew: nothing is kept of a
/// former reading.
pub fn volumes(disks: &[OpenDisk]) -> Vec<Volume> {
    let mut found = Vec::new();
    for disk in disks {
        let image = disk.images.as_ref().map_err(DiskError::clone).and_then(|images| open(images));
        add_disk(&disk.name, image, &mut found);
    }
    found
}

/// The bytes of a disk, through its chain of images.
fn open(images: &[(File, Format)]) -> Result<Arc<dyn ReadAt>> {
    let mut below: Option<Arc<dyn ReadAt>> = None;
    for (file, format) in images.iter().rev() {
        let file = file
            .try_clone()
            .map_err(|error| DiskError::new(crate::Reason::Unreadable, error.to_string()))?;
        let file: Arc<dyn ReadAt> = Arc::new(HostFile::new(file)?);
        below = Some(match (format, below.take()) {
            (Format::Raw, _) => file,
            (Format::Qcow2, backing) => Arc::new(Qcow2::open(file, backing)?),
        });
    }
    below.ok_or_else(|| DiskError::new(crate::Reason::Missing, "it has no image"))
}

fn row(name: &str, kind: &str, on: &[&str]) -> VolumeRow {
    VolumeRow {
        name: name.to_owned(),
        kind: kind.to_owned(),
        on: on.iter().map(|name| (*name).to_owned()).collect(),
        offset: None,
        size_bytes: 0,
        content: None,
        uuid: None,
        label: None,
        partition_uuid: None,
        partition_name: None,
        problem: None,
    }
}

fn add_disk(name: &str, image: Result<Arc<dyn ReadAt>>, found: &mut Vec<Volume>) {
    let mut row = row(name, "disk", &[]);
    let source = match image {
        Ok(source) => source,
        Err(error) => {
            row.problem = Some(error);
            return found.push(Volume { row, source: None });
        }
    };
    row.size_bytes = source.length();
    let identity = identify(&*source);
    let table = match identity.content {
        // They have the first sector for themselves. The marks of all others may be left of former times.
        Content::Vfat | Content::Ntfs | Content::Xfs | Content::Luks => Ok(None),
        _ => partitions::table(&*source),
    };
    let partitions = match table {
        Ok(Some(table)) => {
            row.content = Some(if table.kind == "gpt" { Content::Gpt } else { Content::Dos });
            row.problem = table.problem;
            table.partitions
        }
        Ok(None) => {
            tell(&mut row, identity);
            Vec::new()
        }
        Err(error) => {
            row.problem = Some(error);
            Vec::new()
        }
    };
    found.push(Volume { row, source: Some(Arc::clone(&source)) });
    for partition in partitions {
        add_partition(name, &source, partition, found);
    }
}

fn add_partition(
    disk: &str,
    source: &Arc<dyn ReadAt>,
    partition: Partition,
    found: &mut Vec<Volume>,
) {
    // As the kernel names them: nvme0n1p1, vda1.
    let between = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
    let mut row = row(&format!("{disk}{between}{}", partition.number), "partition", &[disk]);
    let Partition { start, length, .. } = partition;
    row.offset = Some(start);
    row.size_bytes = length;
    row.partition_uuid = partition.uuid;
    row.partition_name = partition.name;
    let slice: Arc<dyn ReadAt> = Arc::new(Slice::new(Arc::clone(source), start, length));
    tell(&mut row, identify(&*slice));
    if start.checked_add(length).is_none_or(|end| end > source.length()) {
        row.problem = Some(DiskError::damaged("it ends behind its disk"));
    }
    found.push(Volume { row, source: Some(slice) });
}

/// Notes a volume's format, and that it cannot be read where that is so.
fn tell(row: &mut VolumeRow, identity: Identity) {
    let Identity { content, uuid, label } = identity;
    row.content = Some(content);
    (row.uuid, row.label) = (uuid, label);
    row.problem = match content {
        Content::Luks => Some(DiskError::new(crate::Reason::Encrypted, "it is encrypted (LUKS)")),
        Content::Iso9660 | Content::Squashfs | Content::Ntfs | Content::Bcache | Content::Zfs => {
            Some(DiskError::unsupported(format!("nfm does not read {}", content.name())))
        }
        _ => None,
    };
}

//! From a domain to the images of its disks, open for reading and without a lock.

use std::fs::File;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use nfm::{Libvirt, OpenOptions};
use nfm_disk::definition::{self, DefinedDisk};
use nfm_disk::message::Format;
use nfm_disk::{DiskError, Reason, bytes_at, qcow2};

use crate::Failure;

/// The beginning of a DOMAIN that is an image.
const IMAGE: &str = "image:";

/// The disks of a domain, or an image that stands for one.
pub(crate) struct Sources {
    /// The domain's name, or the image's.
    pub name: String,
    /// The disks, with their images.
    pub disks: Vec<Source>,
}

/// One disk.
pub(crate) struct Source {
    /// The target's name.
    pub name: String,
    /// Its images, the uppermost first, or the reason for which they cannot be opened.
    pub images: Result<Vec<(File, Format)>, DiskError>,
}

/// True if a DOMAIN is a disk's image.
pub(crate) fn is_image(domain: &str) -> bool {
    domain.starts_with(IMAGE)
}

impl Sources {
    /// Opens the images of a domain's disks, which its definition names, or an image (`image:FILE`) over the backing
    /// files that are named beside it.
    pub fn open(options: &OpenOptions, domain: &str, backing: &[PathBuf]) -> Result<Self, Failure> {
        let Some(path) = domain.strip_prefix(IMAGE) else {
            if !backing.is_empty() {
                let reason = "a domain's own definition names its backing files; --backing is for image:FILE";
                return Err(cannot(domain, DiskError::new(Reason::Absent, reason)));
            }
            return Self::of_domain(options, domain);
        };
        let path = Path::new(path.strip_prefix("//").unwrap_or(path));
        let images = std::iter::once(path).chain(backing.iter().map(PathBuf::as_path));
        let images = images.map(|path| {
            let file = open(path)?;
            let format = format_of(&file)?;
            Ok((file, format))
        });
        let images: Result<Vec<_>, DiskError> = images.collect();
        let images = images.map_err(|error| cannot(domain, error))?;
        // One that is looked at by itself has no target: it has the name that most guests give their first disk.
        let disk = Source { name: "vda".to_owned(), images: Ok(images) };
        Ok(Self { name: domain.to_owned(), disks: vec![disk] })
    }

    fn of_domain(options: &OpenOptions, domain: &str) -> Result<Self, Failure> {
        if ["qemu:", "file:"].iter().any(|kind| domain.starts_with(kind)) {
            let reason = "libvirt's definition of a domain names its disks, and this has none: name an image (image:FILE)";
            return Err(cannot(domain, DiskError::new(Reason::Absent, reason)));
        }
        let libvirt = Libvirt::open(options.uri.as_deref())?;
        // Another host's definition names that host's files, and here others may have the same names.
        if !libvirt.uri().split_once("://").is_some_and(|(_, rest)| rest.starts_with('/')) {
            let text = format!("they are on another host ({}): run nfm there", libvirt.uri());
            return Err(cannot(domain, DiskError::unsupported(text)));
        }
        let found = libvirt.find(domain)?;
        let disks = definition::disks(&found.xml).map_err(|error| cannot(domain, error))?;
        if disks.is_empty() {
            return Err(cannot(
                domain,
                DiskError::new(Reason::Absent, "its definition has no disk"),
            ));
        }
        let disks = disks.into_iter().map(|DefinedDisk { name, images }| {
            let images = images.and_then(|images| {
                images.into_iter().map(|(path, format)| Ok((open(&path)?, format))).collect()
            });
            Source { name, images }
        });
        Ok(Self { name: found.summary.name, disks: disks.collect() })
    }
}

fn cannot(name: &str, error: DiskError) -> Failure {
    Failure::Disk(name.to_owned(), error)
}

/// Opens a file or a block device for reading.
fn open(path: &Path) -> Result<File, DiskError> {
    let unreadable = |reason: &dyn std::fmt::Display| {
        DiskError::new(Reason::Unreadable, format!("{}: {reason}", path.display()))
    };
    let kind = std::fs::metadata(path).map_err(|error| unreadable(&error))?.file_type();
    if !kind.is_file() && !kind.is_block_device() {
        return Err(unreadable(&"it is neither a file nor a block device"));
    }
    File::open(path).map_err(|error| unreadable(&error))
}

/// The format of an image that its user names, by its first bytes.
fn format_of(file: &File) -> Result<Format, DiskError> {
    let file = nfm_disk::HostFile::new(
        file.try_clone().map_err(|error| DiskError::new(Reason::Unreadable, error.to_string()))?,
    )?;
    Ok(match bytes_at::<4>(&file, 0) {
        Ok(qcow2::MAGIC) => Format::Qcow2,
        _ => Format::Raw,
    })
}

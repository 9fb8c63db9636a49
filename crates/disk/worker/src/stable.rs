//! Files of interest on the disk of a guest that runs.
//!
//! A journal is replayed when its filesystem is mounted, and the view of it ages from then on: parts of it may be of
//! different times, and nothing says so. So a file is read by mounting all anew, and believed once two readings in a row
//! agree in its inode and its bytes, and the bytes are whole.

use nfm_disk::{DiskError, OpenDisk, Reason, Result, volumes};

use crate::filesystem::Status;
use crate::tree::{Found, Tree, guarded};

/// Readings, after which a file is said to be unstable.
const MOST_READINGS: u32 = 10;
/// Bytes of a file of interest.
const MOST_BYTES: u64 = 64 << 20;

/// One reading of a file.
type Reading = Option<(Found, Status, Vec<u8>)>;

/// A file's content as two readings agree on it, made into facts; `None` where there is no such file.
pub(crate) fn file<T>(
    disks: &[OpenDisk],
    path: &str,
    parse: impl Fn(&[u8]) -> Result<T>,
) -> Result<Option<T>> {
    let mut last: Option<Result<Reading>> = None;
    let mut reason = None;
    for _ in 0..MOST_READINGS {
        let now = guarded(|| reading(disks, path));
        if last.as_ref() == Some(&now) {
            match now {
                Ok(None) => return Ok(None),
                Err(error) => return Err(error.of(path)),
                Ok(Some((_, _, bytes))) => match parse(&bytes) {
                    Ok(facts) => return Ok(Some(facts)),
                    // It may be half written, in place.
                    Err(error) => reason = Some(error),
                },
            }
            last = None;
        } else {
            last = Some(now);
        }
    }
    Err(reason
        .unwrap_or_else(|| {
            DiskError::new(Reason::Unstable, "the guest changed it each time that it was read")
        })
        .of(path))
}

fn reading(disks: &[OpenDisk], path: &str) -> Result<Reading> {
    let volumes = volumes(disks);
    let tree = Tree::of_guest(&volumes)?;
    let found = match tree.find(path.as_bytes(), true) {
        Ok(found) => found,
        Err(error) if error.reason == Reason::NoSuchFile => return Ok(None),
        Err(error) => return Err(error),
    };
    let bytes = tree.content(found, MOST_BYTES)?;
    let mut status = tree.status(found)?;
    // Reading a file changes that time, and nothing else of it.
    status.accessed_ns = None;
    Ok(Some((found, status, bytes)))
}

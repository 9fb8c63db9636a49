//! Extended attributes, where a file system keeps them beside its inode in memory.

use serde::Serialize;

use super::overlay::{Part, inode_below};
use crate::crawl::{ReadError, ReadResult, Reader, file_system, rb_entries};
use crate::frame::Text;
use crate::layout::Xfs;

/// Bytes of a name and of a value (`XATTR_NAME_MAX`, `XATTR_SIZE_MAX`, include/uapi/linux/limits.h).
const LONGEST_NAME: usize = 255;
const LONGEST_VALUE: u64 = 65536;
/// Attributes that one file may have here.
const MOST: usize = 10_000;
/// `XFS_DINODE_FMT_LOCAL` and `XFS_DINODE_FMT_EXTENTS` (fs/xfs/libxfs/xfs_format.h).
const FORMAT_LOCAL: u64 = 1;
const FORMAT_EXTENTS: u64 = 2;
/// Bytes of the largest inode on an xfs (`XFS_DINODE_MAX_SIZE`).
const LARGEST_INODE: u64 = 2048;

/// An extended attribute of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ExtendedAttribute {
    /// The name with its kind, such as `user.note`.
    pub name: Text,
    /// The value's bytes; in JSON, two hexadecimal digits each.
    #[serde(serialize_with = "hexadecimal")]
    pub value: Vec<u8>,
}

fn hexadecimal<S: serde::Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    serializer.serialize_str(&digits)
}

/// The extended attributes of an inode, in the order of their names, without access control lists; of an overlay's, those
/// of the file in its layer. `None` where memory does not keep them by the inode: on ext4, and on xfs where they are many.
pub(crate) fn extended_attributes(
    reader: &Reader,
    inode: u64,
) -> ReadResult<Option<Vec<ExtendedAttribute>>> {
    let below = inode_below(reader, inode, Part::Status)?;
    let sb = reader.follow(below, reader.layout.page_cache.inode.sb)?;
    let found = match file_system(reader, sb)?.as_str() {
        "tmpfs" | "devtmpfs" => Some(of_tmpfs(reader, below)?),
        "xfs" => of_xfs(reader, below)?,
        "ramfs" => Some(Vec::new()),
        _ => None,
    };
    let Some(mut found) = found else { return Ok(None) };
    if below != inode {
        // The overlay's own notes (`ovl_is_private_xattr`, fs/overlayfs/xattrs.c).
        found.retain(|one| !one.name.starts_with("trusted.overlay."));
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(Some(found))
}

fn of_tmpfs(reader: &Reader, inode: u64) -> ReadResult<Vec<ExtendedAttribute>> {
    let (file, layout) = (&reader.layout.page_cache.shmem, &reader.layout.page_cache.xattr);
    let own = reader.container(inode, file.inode)?;
    let entries = if file.xattr_tree.exists() {
        let mut entries = Vec::new();
        rb_entries(reader, reader.at(own, file.xattr_tree)?, layout.in_tree, MOST, &mut entries)?;
        entries
    } else {
        reader.list("extended attributes", reader.at(own, file.xattr_list)?, layout.in_list)
    };
    let mut found = Vec::new();
    for entry in entries.into_iter().take(MOST) {
        let name = reader.follow(entry, layout.name)?;
        let size = reader.unsigned(entry, layout.length)?;
        if size > LONGEST_VALUE {
            let what = "an extended attribute is too large";
            return Err(ReadError::Nonsense { what, address: entry });
        }
        reader.keep(size as usize)?;
        reader.row::<ExtendedAttribute>()?;
        let value = reader.bytes_at(reader.at(entry, layout.value)?, size as usize)?;
        found.push(ExtendedAttribute { name: reader.text_at(name, LONGEST_NAME)?, value });
    }
    Ok(found)
}

fn of_xfs(reader: &Reader, inode: u64) -> ReadResult<Option<Vec<ExtendedAttribute>>> {
    let Ok(layout) = reader.driver::<Xfs>() else { return Ok(None) };
    let own = reader.container(inode, layout.inode.inode)?;
    let fork = match layout.inode.attributes.exists() {
        true => Some(reader.at(own, layout.inode.attributes)?),
        false => reader.pointer(own, layout.inode.attributes_pointer)?,
    };
    let has_room = reader.unsigned(own, layout.inode.fork_offset)? != 0;
    let Some(fork) = fork.filter(|_| has_room) else { return Ok(Some(Vec::new())) };
    match reader.unsigned(fork, layout.fork.format)? {
        FORMAT_LOCAL => {
            let length = reader.unsigned(fork, layout.fork.bytes)?;
            let data = reader.follow(fork, layout.fork.data)?;
            if length > LARGEST_INODE {
                let what = "an inode is too large";
                return Err(ReadError::Nonsense { what, address: fork });
            }
            let bytes = reader.bytes_at(data, length as usize)?;
            let found = in_inode(&bytes);
            let what = "the extended attributes of an inode are none";
            found.map(Some).ok_or(ReadError::Nonsense { what, address: data })
        }
        FORMAT_EXTENTS if reader.unsigned(fork, layout.fork.extents)? == 0 => Ok(Some(Vec::new())),
        _ => Ok(None),
    }
}

/// The extended attributes of xfs in an inode (`struct xfs_attr_sf_hdr`, `struct xfs_attr_sf_entry`).
fn in_inode(bytes: &[u8]) -> Option<Vec<ExtendedAttribute>> {
    /// `XFS_ATTR_ROOT`, `XFS_ATTR_SECURE`.
    const ROOT: u8 = 1 << 1;
    const SECURE: u8 = 1 << 2;
    let ([_, _, count, _], mut rest) = bytes.split_first_chunk::<4>()?;
    let mut found = Vec::new();
    for _ in 0..*count {
        let ([name, value, flags], behind) = rest.split_first_chunk::<3>()?;
        let (name, behind) = behind.split_at_checked(usize::from(*name))?;
        let (value, behind) = behind.split_at_checked(usize::from(*value))?;
        rest = behind;
        let kind = match *flags {
            0 => "user",
            ROOT => "trusted",
            SECURE => "security",
            // One that is being changed, or a link to the directory above.
            _ => continue,
        };
        let name = Text::of(format_args!("{kind}.{}", String::from_utf8_lossy(name)));
        found.push(ExtendedAttribute { name, value: value.to_vec() });
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::in_inode;

    #[test]
    fn attributes_in_an_inode_of_xfs() {
        let bytes = b"\0\x19\x02\0\x04\x05\0notehello\x01\0\x04s";
        let found = in_inode(bytes).unwrap();
        let found: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.value.as_slice())).collect();
        assert_eq!(found, [("user.note", b"hello".as_slice()), ("security.s", b"")]);
        assert_eq!(in_inode(b"\0\x04\0\0"), Some(Vec::new()));
        for length in 0..bytes.len() {
            assert_eq!(in_inode(&bytes[..length]), None, "{length} bytes");
        }
    }
}

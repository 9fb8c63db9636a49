//! The mounts of one namespace, by the places that they cover.

use rustc_hash::FxHashMap;

use crate::crawl::{PathRef, ReadResult, Reader, mounts_in_namespace};

/// Bytes that a mount costs in the table.
const MOUNT_COST: usize = 96;

/// The mounts of a namespace, by the place that each covers.
pub(super) struct MountTree {
    /// By mount and dentry, the `struct mount` on top.
    on: FxHashMap<(u64, u64), u64>,
}

impl MountTree {
    /// The mounts of a namespace.
    pub fn read(reader: &Reader, namespace: u64) -> ReadResult<Self> {
        let layout = &reader.layout.files.mount;
        let mounts = mounts_in_namespace(reader, namespace);
        reader.keep(mounts.len().saturating_mul(MOUNT_COST))?;
        let size = u64::from(layout.size);
        reader.space.prefetch(mounts.iter().map(|mount| (*mount, size)));
        let mut on = FxHashMap::default();
        for mount in mounts {
            let place = reader
                .follow(mount, layout.parent)
                .and_then(|parent| Ok(((parent, reader.follow(mount, layout.mountpoint)?), mount)));
            // A later one covers an earlier one.
            if let Some((place, mount)) = reader.note("mount", place)
                && place.0 != mount
            {
                on.insert(place, mount);
            }
        }
        Ok(Self { on })
    }

    /// The directory that one sees at a place: the root of what is mounted there, or else the place itself.
    pub fn seen_at(&self, reader: &Reader, place: PathRef) -> ReadResult<PathRef> {
        let layout = &reader.layout.files;
        let mut here = place;
        // Each mount is entered at most once.
        for _ in 0..=self.on.len() {
            let mount = reader.container(here.mnt, layout.mount.mnt)?;
            let Some(on_top) = self.on.get(&(mount, here.dentry)) else { return Ok(here) };
            let mnt = reader.at(*on_top, layout.mount.mnt)?;
            here = PathRef { mnt, dentry: reader.follow(mnt, layout.vfsmount.root)? };
        }
        Ok(here)
    }

    /// The directory above; that of the mount below where this is the root of one.
    pub fn above(&self, reader: &Reader, place: PathRef) -> ReadResult<PathRef> {
        let layout = &reader.layout.files;
        let mut here = place;
        for _ in 0..=self.on.len() {
            if reader.unsigned(here.mnt, layout.vfsmount.root)? != here.dentry {
                break;
            }
            let mount = reader.container(here.mnt, layout.mount.mnt)?;
            let below = reader.follow(mount, layout.mount.parent)?;
            if below == mount {
                return Ok(here);
            }
            let mnt = reader.at(below, layout.mount.mnt)?;
            here = PathRef { mnt, dentry: reader.follow(mount, layout.mount.mountpoint)? };
        }
        let dentry = crate::crawl::parent_of(reader, here.dentry)?;
        self.seen_at(reader, PathRef { mnt: here.mnt, dentry })
    }
}

//! The section `mounts`: `/proc/PID/mountinfo` (fs/proc_namespace.c) of every mount namespace that a
//! process is in, seen from the root directory of its first process.

use super::path;
use super::path_cache::PathRef;
use super::reader::{ReadResult, Reader};
use super::taken::MountNamespaces;
use super::tree::rb_entries;
use crate::frame::{Mount, Text};

/// Mounts of one namespace (`fs.mount-max` is 100,000 unless raised).
const MOST_MOUNTS: usize = 1 << 20;
/// Options by the bits of `mnt_flags` (include/linux/mount.h), in the order of `show_vfsmnt_opts`.
const OPTIONS: [(u64, &str); 7] = [
    (0x01, "nosuid"),
    (0x02, "nodev"),
    (0x04, "noexec"),
    (0x08, "noatime"),
    (0x10, "nodiratime"),
    (0x20, "relatime"),
    (0x80, "nosymfollow"),
];
/// `MNT_READONLY`.
const READ_ONLY: u64 = 0x40;
/// `MNT_CURSOR`: the place of a reader in the list, no mount (until 6.8).
const CURSOR: u64 = 0x1000_0000;

/// The mounts of namespaces that a pass over the tasks met.
pub(super) fn crawl(reader: &Reader, namespaces: MountNamespaces) -> Vec<Mount> {
    let mut rows = Vec::new();
    for (namespace, root) in namespaces.roots {
        reader.space.may_move_on();
        of_namespace(reader, namespace, root, &mut rows);
    }
    rows
}

/// Adds the mount namespace of a task; a dead one has none.
pub(super) fn add(reader: &Reader, task: u64, namespaces: &mut MountNamespaces) {
    let namespace = reader.note("namespace", namespace_of(reader, task)).flatten();
    if let Some(namespace) = namespace.filter(|namespace| !namespaces.has(*namespace))
        && let Some(root) = reader.note("root", root(reader, task)).flatten()
    {
        namespaces.add(namespace, root);
    }
}

/// A task's mount namespace; a dead one has none.
pub(crate) fn namespace_of(reader: &Reader, task: u64) -> ReadResult<Option<u64>> {
    let layout = &reader.layout.process;
    match reader.pointer(task, layout.task.nsproxy)? {
        Some(proxy) => reader.pointer(proxy, layout.nsproxy.mnt),
        None => Ok(None),
    }
}

/// A task's root directory; a dead one has none.
pub(crate) fn root(reader: &Reader, task: u64) -> ReadResult<Option<PathRef>> {
    let layout = &reader.layout.files.fs;
    let Some(fs) = reader.pointer(task, reader.layout.process.task.fs)? else {
        return Ok(None);
    };
    let mnt = reader.follow(fs, layout.root_mnt)?;
    Ok(Some(PathRef { mnt, dentry: reader.follow(fs, layout.root_dentry)? }))
}

fn of_namespace(reader: &Reader, namespace: u64, root: PathRef, rows: &mut Vec<Mount>) {
    let layout = &reader.layout.files;
    let mnt_ns = reader.note("mnt_ns", reader.u32(namespace, layout.mnt_ns.inum));
    for mount in reader.rows::<Mount, _>(in_namespace(reader, namespace)) {
        let flags = reader.note("flags", reader.unsigned(mount, layout.mount.flags));
        // A mount that the root directory hides is not shown.
        match reader.note("target", target(reader, mount, root)) {
            Some(None) => {}
            target => rows.push(row(reader, mount, mnt_ns, target.flatten(), flags)),
        }
    }
}

/// The `struct mount` of a mount namespace.
pub(crate) fn in_namespace(reader: &Reader, namespace: u64) -> Vec<u64> {
    let layout = &reader.layout.files;
    // A tree since 2eea9ce4310d (6.8), of which the first mount is the namespace's root; a list before.
    let mut mounts = Vec::new();
    let walked = match layout.mount.node.exists() {
        true => reader
            .at(namespace, layout.mnt_ns.mounts)
            .and_then(|root| rb_entries(reader, root, layout.mount.node, MOST_MOUNTS, &mut mounts)),
        false => reader
            .at(namespace, layout.mnt_ns.list)
            .map(|head| mounts = reader.list("mounts", head, layout.mount.list)),
    };
    if !layout.mount.node.exists() {
        let flags = |mount| reader.unsigned(mount, layout.mount.flags);
        mounts.retain(|mount| !flags(*mount).is_ok_and(|flags| flags & CURSOR != 0));
    }
    if let Err(error) = walked {
        let reached = mounts.len();
        reader.broken(error, format!("mounts: the tree breaks off after {reached}: {error}"));
    }
    mounts
}

fn row(
    reader: &Reader,
    mount: u64,
    mnt_ns: Option<u32>,
    target: Option<Text>,
    flags: Option<u64>,
) -> Mount {
    let layout = &reader.layout.files;
    let source = reader.pointer(mount, layout.mount.devname).and_then(|name| match name {
        Some(name) => reader.text_at(name, 4096),
        None => Ok(Text::fixed("none")),
    });
    let options = flags.map(|flags| Ok(options(flags, is_idmapped(reader, mount)?)));
    Mount {
        mnt_ns,
        source: reader.note("source", source),
        target,
        filesystem: reader.note("filesystem", filesystem(reader, mount)),
        options: options.and_then(|options| reader.note("options", options)),
    }
}

/// True if users are others in this mount: `is_idmapped_mnt` (include/linux/fs.h).
fn is_idmapped(reader: &Reader, mount: u64) -> ReadResult<bool> {
    let layout = &reader.layout.files;
    let symbols = &reader.layout.symbols;
    let mnt = reader.at(mount, layout.mount.mnt)?;
    if layout.vfsmount.idmap.exists() {
        let none = reader.symbol(symbols.nop_mnt_idmap)?;
        return Ok(reader.unsigned(mnt, layout.vfsmount.idmap)? != none);
    }
    if !layout.vfsmount.users.exists() {
        return Ok(false);
    }
    // Until bd303368b776 (5.17) a mount without a map has the first user namespace, whatever its file system has; no
    // map can be that one.
    let users = reader.unsigned(mnt, layout.vfsmount.users)?;
    let sb = reader.follow(mnt, layout.vfsmount.sb)?;
    Ok(users != reader.symbol(symbols.init_user_ns)?
        && users != reader.unsigned(sb, layout.sb.user_ns)?)
}

fn target(reader: &Reader, mount: u64, root: PathRef) -> ReadResult<Option<Text>> {
    let layout = &reader.layout.files;
    let mnt = reader.at(mount, layout.mount.mnt)?;
    let dentry = reader.follow(mnt, layout.vfsmount.root)?;
    path::below(reader, PathRef { mnt, dentry }, root)
}

/// `show_type`.
fn filesystem(reader: &Reader, mount: u64) -> ReadResult<Text> {
    let layout = &reader.layout.files;
    let mnt = reader.at(mount, layout.mount.mnt)?;
    let sb = reader.follow(mnt, layout.vfsmount.sb)?;
    let kind = path::file_system(reader, sb)?;
    match reader.pointer(sb, layout.sb.subtype)? {
        // The subtype follows the dot in the name that `mount` was given, which may have a page.
        Some(subtype) => match reader.text_at(subtype, 4096)? {
            subtype if subtype.is_empty() => Ok(kind),
            subtype => Ok(Text::of(format_args!("{kind}.{subtype}"))),
        },
        None => Ok(kind),
    }
}

fn options(flags: u64, idmapped: bool) -> Text {
    let first = if flags & READ_ONLY != 0 { "ro" } else { "rw" };
    let set = OPTIONS.iter().filter(|(bit, _)| flags & bit != 0).map(|(_, name)| *name);
    let all = std::iter::once(first).chain(set).chain(idmapped.then_some("idmapped"));
    all.collect::<Vec<_>>().join(",").into()
}

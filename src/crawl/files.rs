//! The section `files`: descriptors as `/proc/PID/fd` and `/proc/PID/fdinfo` show them.

use super::path;
use super::reader::{Context, ReadError, ReadResult};
use crate::frame::{File, FileKind};

/// Descriptors of one process that are followed (the kernel's own limit is `sysctl_nr_open`, 2^20).
const MOST_FDS: u64 = 1 << 20;
/// `O_CLOEXEC` (include/uapi/asm-generic/fcntl.h).
const CLOSE_ON_EXEC: u64 = 0o2_000_000;

/// Adds the descriptors that a task has open.
pub(super) fn add(
    context: &Context,
    task: u64,
    open: ReadResult<&[Descriptor]>,
    rows: &mut Vec<File>,
) {
    let pid = context.u32(task, context.layout.process.task.tgid);
    let Some(pid) = context.note("pid", pid) else { return };
    let open = context.note("descriptors", open).unwrap_or_default();
    rows.extend(context.rows::<File, _>(open).map(|one| row(context, pid, *one)));
}

/// An open descriptor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptor {
    pub fd: u32,
    /// The `struct file`.
    pub file: u64,
    pub close_on_exec: bool,
}

impl Context<'_> {
    /// Lets the descriptors of a task be looked at.
    pub(super) fn with_descriptors<T>(
        &self,
        task: u64,
        look: impl FnOnce(ReadResult<&[Descriptor]>) -> T,
    ) -> T {
        let mut open = self.room.take();
        open.clear();
        let read = descriptors(self, task, &mut open);
        let looked = look(read.map(|()| open.as_slice()));
        self.room.replace(open);
        looked
    }
}

fn descriptors(context: &Context, task: u64, rows: &mut Vec<Descriptor>) -> ReadResult<()> {
    let layout = &context.layout.files;
    let Some(files) = context.pointer(task, context.layout.process.task.files)? else {
        return Ok(());
    };
    let table = context.follow(files, layout.files.fdt)?;
    let count = context.unsigned(table, layout.table.max_fds)?;
    if count > MOST_FDS {
        return Err(ReadError::Nonsense {
            what: "a table of too many descriptors",
            address: table,
        });
    }
    let array = context.follow(table, layout.table.fd)?;
    let open = context.follow(table, layout.table.open_fds)?;
    let closing = context.follow(table, layout.table.close_on_exec)?;
    // Bit by bit of the words of `unsigned long` that the bitmaps are made of.
    for first in (0..count).step_by(64) {
        let word = |bitmap: u64| context.u64_at(bitmap.wrapping_add(first / 8));
        let mut left = word(open)?;
        if count - first < 64 {
            left &= (1 << (count - first)) - 1;
        }
        let closing = if left != 0 { word(closing)? } else { 0 };
        while left != 0 {
            let bit = left.trailing_zeros();
            left &= left - 1;
            let fd = first + u64::from(bit);
            // A reserved descriptor has no file yet.
            let file = context.u64_at(array.wrapping_add(fd * 8))?;
            if file != 0 {
                let close_on_exec = closing & 1 << bit != 0;
                rows.push(Descriptor { fd: fd as u32, file, close_on_exec });
            }
        }
    }
    Ok(())
}

fn row(context: &Context, pid: u32, descriptor: Descriptor) -> File {
    let Descriptor { fd, file, close_on_exec } = descriptor;
    let layout = &context.layout.files;
    let inode = context.follow(file, layout.file.inode);
    let of_inode = |field| inode.and_then(|inode| context.unsigned(inode, field));
    let flags = context.unsigned(file, layout.file.flags).map(|flags| {
        let own = flags & !CLOSE_ON_EXEC;
        if close_on_exec { own | CLOSE_ON_EXEC } else { own }
    });
    let path = context.note("path", path::of_file(context, file));
    let mode = context.note("kind", of_inode(layout.inode.mode));
    // Since 6.9 a pidfd's inode has the mode of a file.
    let kind = match path.as_deref() {
        Some(path) if path.starts_with("anon_inode:") => Some(FileKind::AnonInode),
        _ => mode.and_then(FileKind::of_mode),
    };
    File {
        pid,
        fd,
        kind,
        path,
        flags: context.note("flags", flags),
        position: context.note("position", context.unsigned(file, layout.file.pos)),
        inode: context.note("inode", of_inode(layout.inode.number)),
    }
}

//! A guest's files as its memory holds them: `nfm ls`, `stat`, `cat`, `find`, `recover`.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

use nfm::{
    ContentRange, Domain, ErrorCode, FileKind, FileStatus, GuestFiles, OpenFile, OpenOptions,
};
use serde_json::json;

use super::{Verb, disk_files, json, open, open_only, report};
use crate::Failure;
use crate::args::{Cat, Find, Ls, Recover, Stat};
use crate::show::{complain, escaped, known, table, utc};

/// Bytes that are read at once.
const PIECE: usize = 4 << 20;
/// Parts that are named one by one.
const MOST_NAMED: usize = 10;

/// `nfm ls`: the names in a directory.
pub(crate) fn ls(options: &OpenOptions, ls: &Ls, out: &mut dyn Write) -> Verb {
    if ls.of.disk.is_meant(&ls.of.target.domain) {
        return disk_files::ls(options, ls, out);
    }
    let mut domain = open(options, &ls.of.target.domain)?;
    let listing = files_of(&mut domain, ls.of.pid).list(&ls.of.path)?;
    if ls.of.target.json {
        json(out, &listing)?;
    } else if ls.long {
        let rows =
            listing.files.iter().map(|file| long(&file.path.to_string_lossy(), &file.status));
        table(out, &LONG_HEADINGS, rows)?;
    } else {
        for file in &listing.files {
            writeln!(out, "{}", escaped(&file.path.to_string_lossy()))?;
        }
    }
    report(&listing.problems);
    if !listing.complete {
        complain("memory holds names that were used lately: there may be others");
    }
    Ok(ExitCode::SUCCESS)
}

/// The columns of `ls -l`.
pub(super) const LONG_HEADINGS: [&str; 7] =
    ["MODE", "LINKS>", "UID>", "GID>", "SIZE>", "MODIFIED", "NAME"];

/// A line as `ls -l` has it.
pub(super) fn long(name: &str, status: &FileStatus) -> Vec<String> {
    let FileStatus { links, uid, gid, size, modified_ns, target, .. } = status;
    let name = match target {
        Some(target) => format!("{name} -> {target}"),
        None => name.to_owned(),
    };
    vec![
        mode(status),
        known(*links),
        known(*uid),
        known(*gid),
        known(*size),
        known(modified_ns.map(utc)),
        name,
    ]
}

/// A file's kind and permissions: `drwxr-xr-x`.
fn mode(status: &FileStatus) -> String {
    let Some(mode) = status.mode else { return "?".to_owned() };
    let kind = match status.kind {
        Some(FileKind::File) => '-',
        Some(FileKind::Directory) => 'd',
        Some(FileKind::CharacterDevice) => 'c',
        Some(FileKind::BlockDevice) => 'b',
        Some(FileKind::Pipe) => 'p',
        Some(FileKind::Socket) => 's',
        Some(FileKind::Symlink) => 'l',
        _ => '?',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (bits & 1 != 0, mode & special != 0) {
            (true, false) => 'x',
            (false, false) => '-',
            (true, true) => letter,
            (false, true) => letter.to_ascii_uppercase(),
        });
    }
    text
}

/// `nfm stat`: a file's status, and where its content is.
pub(crate) fn stat(options: &OpenOptions, stat: &Stat, out: &mut dyn Write) -> Verb {
    if stat.of.disk.is_meant(&stat.of.target.domain) {
        return disk_files::stat(options, stat, out);
    }
    let mut domain = open(options, &stat.of.target.domain)?;
    let mut files = files_of(&mut domain, stat.of.pid);
    let path = &stat.of.path;
    let (status, mut problems) = files.stat(path, stat.dereference)?;
    let content = match status.kind {
        Some(FileKind::File) => match files.open(path) {
            Ok(file) => Some(files.content(&file)?),
            // The kernel makes it when it is read.
            Err(error) if error.code() == ErrorCode::NotInMemory => None,
            Err(error) => return Err(error.into()),
        },
        _ => None,
    };
    let known_bytes = content.as_deref().map(known_bytes);
    let (attributes, more_problems) = files.extended_attributes(path, stat.dereference)?;
    problems.extend(more_problems);
    if stat.of.target.json {
        let mut facts = serde_json::to_value(&status).unwrap_or_default();
        if let Some(facts) = facts.as_object_mut() {
            facts.insert("path".to_owned(), json!(path.to_string_lossy()));
            facts.insert("known_bytes".to_owned(), json!(known_bytes));
            facts.insert("content".to_owned(), json!(content));
            facts.insert("extended_attributes".to_owned(), json!(attributes));
            facts.insert("problems".to_owned(), json!(problems));
        }
        json(out, &facts)?;
    } else {
        print_status(out, path, &status)?;
        for attribute in attributes.iter().flatten() {
            let value = String::from_utf8_lossy(&attribute.value);
            writeln!(out, " Xattr: {}={}", escaped(&attribute.name), escaped(&value))?;
        }
        if let (Some(content), Some(known_bytes)) = (&content, known_bytes) {
            writeln!(out, "Memory: {known_bytes} of {} bytes are known", known(status.size))?;
            let rows = content.iter().map(|range| {
                let end = range.offset.saturating_add(range.length);
                vec![range.offset.to_string(), end.to_string(), kind_of(range)]
            });
            table(out, &["FROM>", "TO>", "CONTENT"], rows)?;
        } else if status.kind == Some(FileKind::File) {
            writeln!(out, "Memory: the kernel makes its content when it is read")?;
        }
    }
    report(&problems);
    Ok(ExitCode::SUCCESS)
}

pub(super) fn print_status(
    out: &mut dyn Write,
    path: &Path,
    status: &FileStatus,
) -> io::Result<()> {
    let path = path.to_string_lossy();
    match &status.target {
        Some(target) => writeln!(out, "  File: {} -> {}", escaped(&path), escaped(target))?,
        None => writeln!(out, "  File: {}", escaped(&path))?,
    }
    let kind = known(status.kind.map(FileKind::name));
    let filesystem = known(status.filesystem.as_ref().map(|kind| escaped(kind).into_owned()));
    writeln!(out, "  Size: {}  Kind: {kind}  Filesystem: {filesystem}", known(status.size))?;
    let (device, inode, links) = (known(status.device), known(status.inode), known(status.links));
    writeln!(out, "Device: {device}  Inode: {inode}  Links: {links}")?;
    let octal = known(status.mode.map(|mode| format!("{mode:04o}")));
    let (uid, gid) = (known(status.uid), known(status.gid));
    writeln!(out, "Access: {octal} ({})  Uid: {uid}  Gid: {gid}", mode(status))?;
    let times = [
        ("Access", status.accessed_ns),
        ("Modify", status.modified_ns),
        ("Change", status.changed_ns),
    ];
    for (name, time) in times {
        writeln!(out, "{name}: {}", known(time.map(utc)))?;
    }
    Ok(())
}

fn kind_of(range: &ContentRange) -> String {
    match serde_json::to_value(range.content) {
        Ok(serde_json::Value::String(name)) => name,
        _ => "?".to_owned(),
    }
}

fn known_bytes(content: &[ContentRange]) -> u64 {
    let known = content.iter().filter(|range| range.content.is_known());
    known.map(|range| range.length).sum()
}

/// `nfm cat`: a file's content. Nothing is printed of one that memory does not hold whole, unless zeros may stand in.
pub(crate) fn cat(options: &OpenOptions, cat: &Cat, out: &mut dyn Write) -> Verb {
    if cat.disk.is_meant(&cat.domain) {
        return disk_files::cat(options, cat, out);
    }
    let mut domain = open(options, &cat.domain)?;
    let mut files = files_of(&mut domain, cat.pid);
    let file = files.open(&cat.path)?;
    let mut unknown = Unknown::default();
    if !cat.zeros {
        for range in files.content(&file)?.iter().filter(|range| !range.content.is_known()) {
            unknown.add(range.offset, range.length, &kind_of(range));
        }
        if !unknown.parts.is_empty() {
            unknown.complain("nothing is printed; --zeros prints zeros for them");
            return Ok(ExitCode::from(ErrorCode::NotInMemory as u8));
        }
    }
    let whole = copy(&mut files, &file, &mut unknown, cat.zeros, out)?;
    match (unknown.parts.is_empty(), whole) {
        (true, _) => return Ok(ExitCode::SUCCESS),
        (false, true) => unknown.complain("zeros are printed for them"),
        (false, false) => {
            unknown.complain("they left memory meanwhile, and the rest is not printed")
        }
    }
    Ok(ExitCode::from(ErrorCode::NotInMemory as u8))
}

/// `nfm find`: all that memory holds below a directory, one line each.
pub(crate) fn find(options: &OpenOptions, find: &Find, out: &mut dyn Write) -> Verb {
    if find.of.disk.is_meant(&find.of.target.domain) {
        return disk_files::find(options, find, out);
    }
    let mut domain = open(options, &find.of.target.domain)?;
    let mut files = files_of(&mut domain, find.of.pid);
    if let Some(limit) = find.time_limit {
        files = files.with_time_limit(limit);
    }
    let mut incomplete = 0_u64;
    let mut failed = None;
    let problems = files.find(&find.of.path, find.one_file_system, &mut |file| {
        incomplete += u64::from(file.complete == Some(false));
        let printed = match find.of.target.json {
            true => json(out, &file),
            false => {
                writeln!(out, "{}", escaped(&file.path.to_string_lossy())).map_err(Failure::from)
            }
        };
        match printed {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    })?;
    if let Some(failure) = failed {
        return Err(failure);
    }
    report(&problems);
    if incomplete > 0 {
        complain(format_args!(
            "of {incomplete} directories memory holds names that were used lately: there may be others"
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// `nfm recover`: what a process has open, to a file here.
pub(crate) fn recover(options: &OpenOptions, recover: &Recover, out: &mut dyn Write) -> Verb {
    let mut domain = open_only(options, &recover.target.domain)?;
    let mut files = domain.files();
    let file = files.open_descriptor(recover.pid, recover.fd)?;
    let saved = files.save(&file, &recover.output, recover.force)?;
    let mut unknown = Unknown::default();
    for part in &saved.absent {
        unknown.add(part.offset as u64, part.length as u64, part.reason.name());
    }
    let length = saved.length;
    let lacking: u64 = unknown.parts.iter().map(|(_, length, _)| *length).sum();
    if recover.target.json {
        let parts = unknown.parts.iter();
        let parts: Vec<_> = parts
            .map(|(offset, length, reason)| {
                json!({"offset": offset, "length": length, "reason": reason})
            })
            .collect();
        let facts = json!({
            "file": recover.output.display().to_string(),
            "size": length,
            "known_bytes": length.saturating_sub(lacking),
            "unknown": parts,
            "status": file.status,
        });
        json(out, &facts)?;
    } else {
        let path = recover.output.display().to_string();
        writeln!(out, "{}: {} of {length} bytes", escaped(&path), length - lacking.min(length))?;
    }
    if unknown.parts.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    unknown.complain("they are holes in the file");
    Ok(ExitCode::from(ErrorCode::NotInMemory as u8))
}

/// The files as a process sees them.
fn files_of(domain: &mut Domain, pid: Option<u32>) -> GuestFiles<'_> {
    let files = domain.files();
    match pid {
        Some(pid) => files.of_process(pid),
        None => files,
    }
}

/// Prints a file as long as it was at the beginning; false where it ends at what is not known.
fn copy(
    files: &mut GuestFiles,
    file: &OpenFile,
    unknown: &mut Unknown,
    goes_on: bool,
    out: &mut dyn Write,
) -> Result<bool, Failure> {
    let mut bytes = vec![0; PIECE];
    let mut offset = 0_u64;
    let mut left = file.status.size.unwrap_or(u64::MAX);
    while left > 0 {
        let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        let Some(room) = bytes.get_mut(..wanted) else { break };
        let read = files.read(file, offset, room)?;
        for part in &read.absent {
            let at = offset.saturating_add(part.offset as u64);
            unknown.add(at, part.length as u64, part.reason.name());
        }
        let good = match (goes_on, read.absent.first()) {
            (false, Some(part)) => part.offset,
            _ => read.length,
        };
        out.write_all(room.get(..good).unwrap_or_default())?;
        if good < read.length {
            return Ok(false);
        }
        if read.length < wanted {
            break;
        }
        offset = offset.saturating_add(read.length as u64);
        left = left.saturating_sub(read.length as u64);
    }
    Ok(true)
}

/// Parts of a file that are not known: offset, bytes, reason.
#[derive(Default)]
struct Unknown {
    parts: Vec<(u64, u64, String)>,
}

impl Unknown {
    fn add(&mut self, offset: u64, length: u64, reason: &str) {
        match self.parts.last_mut() {
            Some((start, bytes, why))
                if start.checked_add(*bytes) == Some(offset) && why == reason =>
            {
                *bytes = bytes.saturating_add(length);
            }
            _ => self.parts.push((offset, length, reason.to_owned())),
        }
    }

    /// Names them on standard error.
    fn complain(&self, consequence: &str) {
        for (offset, length, reason) in self.parts.iter().take(MOST_NAMED) {
            complain(format_args!(
                "bytes {offset} to {}: {reason}",
                offset.saturating_add(*length)
            ));
        }
        let more = self.parts.len().saturating_sub(MOST_NAMED);
        if more > 0 {
            complain(format_args!("and {more} more parts"));
        }
        let bytes: u64 = self.parts.iter().map(|(_, length, _)| *length).sum();
        complain(format_args!("{bytes} bytes are not in the guest's memory: {consequence}"));
    }
}

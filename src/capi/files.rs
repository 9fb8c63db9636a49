//! The guest's files as its memory holds them.

use std::ffi::{c_char, c_int};
use std::os::unix::ffi::OsStrExt;

use super::domain::{nfm_domain_t, with_domain};
use super::error::nfm_error_t;
use super::rows::{Fill, Row, Rows, hand_out};
use super::{ffi, free, guest_path, status};
use crate::domain::{Domain, FoundFile, GuestFiles, OpenFile};
use crate::files::{ContentRange, RangeContent};
use crate::frame::FileKind;
use crate::memory::{Absence, AbsentMemory};

/// Bit of nfm_found_file_t.known: kind.
pub const NFM_FOUND_FILE_KIND: u64 = 1u64 << 0;
/// Bit of nfm_found_file_t.known: target.
pub const NFM_FOUND_FILE_TARGET: u64 = 1u64 << 1;
/// Bit of nfm_found_file_t.known: filesystem.
pub const NFM_FOUND_FILE_FILESYSTEM: u64 = 1u64 << 2;
/// Bit of nfm_found_file_t.known: inode.
pub const NFM_FOUND_FILE_INODE: u64 = 1u64 << 3;
/// Bit of nfm_found_file_t.known: device.
pub const NFM_FOUND_FILE_DEVICE: u64 = 1u64 << 4;
/// Bit of nfm_found_file_t.known: rdev.
pub const NFM_FOUND_FILE_RDEV: u64 = 1u64 << 5;
/// Bit of nfm_found_file_t.known: size.
pub const NFM_FOUND_FILE_SIZE: u64 = 1u64 << 6;
/// Bit of nfm_found_file_t.known: accessed_ns.
pub const NFM_FOUND_FILE_ACCESSED_NS: u64 = 1u64 << 7;
/// Bit of nfm_found_file_t.known: modified_ns.
pub const NFM_FOUND_FILE_MODIFIED_NS: u64 = 1u64 << 8;
/// Bit of nfm_found_file_t.known: changed_ns.
pub const NFM_FOUND_FILE_CHANGED_NS: u64 = 1u64 << 9;
/// Bit of nfm_found_file_t.known: mode.
pub const NFM_FOUND_FILE_MODE: u64 = 1u64 << 10;
/// Bit of nfm_found_file_t.known: links.
pub const NFM_FOUND_FILE_LINKS: u64 = 1u64 << 11;
/// Bit of nfm_found_file_t.known: uid.
pub const NFM_FOUND_FILE_UID: u64 = 1u64 << 12;
/// Bit of nfm_found_file_t.known: gid.
pub const NFM_FOUND_FILE_GID: u64 = 1u64 << 13;

/// A file of the guest: its name, and what stat(2) tells of it.
#[repr(C)]
pub struct nfm_found_file_t {
    /// Which members are known, NFM_FOUND_FILE_... combined; path always is.
    pub known: u64,
    /// Its name in its directory, or its path as it was asked for: its bytes, which need not be UTF-8.
    pub path: *const c_char,
    /// The kind of file, as in nfm_file_t; NULL if not known.
    pub kind: *const c_char,
    /// A symbolic link's target; NULL if it is none.
    pub target: *const c_char,
    /// The type of the file system; NULL if not known.
    pub filesystem: *const c_char,
    /// The inode's number.
    pub inode: u64,
    /// The number of the device that the file system has.
    pub device: u64,
    /// A device file's own number.
    pub rdev: u64,
    /// Bytes.
    pub size: u64,
    /// When it was last read, nanoseconds since 1970.
    pub accessed_ns: i64,
    /// When its content changed last, nanoseconds since 1970.
    pub modified_ns: i64,
    /// When it or its status changed last, nanoseconds since 1970.
    pub changed_ns: i64,
    /// Permissions and the bits beside them (07777).
    pub mode: u32,
    /// Names that the file has; 0 once all were removed.
    pub links: u32,
    /// The owner.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

impl Row for nfm_found_file_t {
    type Item = FoundFile;

    fn of(file: &FoundFile, fill: &mut Fill) -> Self {
        let status = &file.status;
        Self {
            path: fill.bytes(file.path.as_os_str().as_bytes()),
            kind: fill.text(NFM_FOUND_FILE_KIND, status.kind.map(FileKind::name)),
            target: fill.text(NFM_FOUND_FILE_TARGET, status.target.as_deref()),
            filesystem: fill.text(NFM_FOUND_FILE_FILESYSTEM, status.filesystem.as_deref()),
            inode: fill.value(NFM_FOUND_FILE_INODE, status.inode),
            device: fill.value(NFM_FOUND_FILE_DEVICE, status.device),
            rdev: fill.value(NFM_FOUND_FILE_RDEV, status.rdev),
            size: fill.value(NFM_FOUND_FILE_SIZE, status.size),
            accessed_ns: fill.value(NFM_FOUND_FILE_ACCESSED_NS, status.accessed_ns),
            modified_ns: fill.value(NFM_FOUND_FILE_MODIFIED_NS, status.modified_ns),
            changed_ns: fill.value(NFM_FOUND_FILE_CHANGED_NS, status.changed_ns),
            mode: fill.value(NFM_FOUND_FILE_MODE, status.mode),
            links: fill.value(NFM_FOUND_FILE_LINKS, status.links),
            uid: fill.value(NFM_FOUND_FILE_UID, status.uid),
            gid: fill.value(NFM_FOUND_FILE_GID, status.gid),
            known: fill.known(),
        }
    }
}

/// Files that were found. It never changes, and its rows belong to it: any number of threads may read it at the same
/// time, until nfm_file_list_free().
pub struct nfm_file_list_t {
    rows: Rows<nfm_found_file_t>,
    complete: bool,
}

/// A regular file of the guest that is open for reading: it is the same one also once its last name is removed. It never
/// changes: any number of threads may have it, until nfm_file_close().
pub struct nfm_open_file_t {
    file: OpenFile,
}

/// The place of a part of a file's content, as an int. The first three are known.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum nfm_content_t {
    /// In the guest's page cache, and the same on its disk.
    NFM_CONTENT_CACHED = 1,
    /// In the guest's page cache, and newer than its disk; also files that no disk has.
    NFM_CONTENT_DIRTY = 2,
    /// Never written: zeros.
    NFM_CONTENT_HOLE = 3,
    /// In the guest's swap: not known.
    NFM_CONTENT_SWAPPED = 4,
    /// Not in memory: not known.
    NFM_CONTENT_NOT_CACHED = 5,
    /// It moved or changed whenever it was looked at: not known.
    NFM_CONTENT_MOVING = 6,
    /// In memory that the host or the dump has not: not known.
    NFM_CONTENT_NO_RAM = 7,
}

/// A part of a file.
#[repr(C)]
pub struct nfm_file_range_t {
    /// Zero: all members are known.
    pub known: u64,
    /// Its first byte.
    pub offset: u64,
    /// How many bytes it has.
    pub length: u64,
    /// Where they are, one of nfm_content_t.
    pub content: u32,
    /// Zero.
    pub reserved: u32,
}

/// A part of a file, as rows of C are made of it.
pub struct RangeItem {
    offset: u64,
    length: u64,
    content: nfm_content_t,
}

impl Row for nfm_file_range_t {
    type Item = RangeItem;

    fn of(range: &RangeItem, fill: &mut Fill) -> Self {
        Self {
            known: fill.known(),
            offset: range.offset,
            length: range.length,
            content: range.content as u32,
            reserved: 0,
        }
    }
}

impl From<&ContentRange> for RangeItem {
    fn from(range: &ContentRange) -> Self {
        use nfm_content_t::*;
        let content = match range.content {
            RangeContent::Cached => NFM_CONTENT_CACHED,
            RangeContent::Dirty => NFM_CONTENT_DIRTY,
            RangeContent::Hole => NFM_CONTENT_HOLE,
            RangeContent::Swapped => NFM_CONTENT_SWAPPED,
            RangeContent::NotCached => NFM_CONTENT_NOT_CACHED,
            RangeContent::Moving => NFM_CONTENT_MOVING,
        };
        Self { offset: range.offset, length: range.length, content }
    }
}

impl RangeItem {
    /// A part of bytes that were read from an offset of a file on.
    fn absent(from: u64, part: &AbsentMemory) -> Self {
        use nfm_content_t::*;
        let content = match part.reason {
            Absence::NotCached | Absence::NotMapped => NFM_CONTENT_NOT_CACHED,
            Absence::Swapped => NFM_CONTENT_SWAPPED,
            Absence::Moving => NFM_CONTENT_MOVING,
            Absence::NotRam => NFM_CONTENT_NO_RAM,
        };
        let offset = from.saturating_add(part.offset as u64);
        Self { offset, length: part.length as u64, content }
    }
}

/// Parts of a file. It never changes, and its rows belong to it: any number of threads may read it at the same time, until
/// nfm_file_ranges_free().
pub struct nfm_file_ranges_t {
    rows: Rows<nfm_file_range_t>,
}

const _: () = {
    const fn many_threads_read<T: Send + Sync>() {}
    many_threads_read::<nfm_file_list_t>();
    many_threads_read::<nfm_open_file_t>();
    many_threads_read::<nfm_file_ranges_t>();
};

/// The files as a process sees them: as the first one, if it is 0.
fn files(domain: &mut Domain, pid: u32) -> GuestFiles<'_> {
    match pid {
        0 => domain.files(),
        pid => domain.files().of_process(pid),
    }
}

/// Opens a regular file of the guest for reading by its path, as a process sees it: by its root directory and its mounts.
/// Nothing is done in the guest.
///
/// Parameters: domain; pid, the process, or 0 for the first one; path, which need not be UTF-8; out receives the file; error receives what
/// went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_FILE where the guest has no such file, or it is no regular one; NFM_ERR_NOT_IN_MEMORY where the guest's
/// memory does not hold the name, or the kernel makes the file's content when it is read (as in proc); NFM_ERR_OTHER where
/// memory cannot be read or that takes more than ten seconds; else as of nfm_crawl().
/// Ownership: the file is the caller's, to be ended with nfm_file_close(); it may outlive the domain.
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_open(
    domain: *mut nfm_domain_t,
    pid: u32,
    path: *const c_char,
    out: *mut *mut nfm_open_file_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let path = unsafe { guest_path(path) }?;
        // SAFETY: as above.
        let file = unsafe { with_domain(domain, |domain| Ok(files(domain, pid).open(path)?)) }?;
        Ok(nfm_open_file_t { file })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_file_open);

/// Opens a regular file that a process of the guest has open for reading, by its descriptor (nfm_file_t.fd): also one
/// whose last name was removed.
///
/// Parameters: domain; pid, the process; fd, its descriptor; out receives the file; error receives what went wrong, or is
/// NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: as of nfm_file_open(); NFM_ERR_FILE where there is no such process or descriptor.
/// Ownership: the file is the caller's, to be ended with nfm_file_close(); it may outlive the domain.
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_open_descriptor(
    domain: *mut nfm_domain_t,
    pid: u32,
    fd: u32,
    out: *mut *mut nfm_open_file_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let file =
            unsafe { with_domain(domain, |domain| Ok(domain.files().open_descriptor(pid, fd)?)) }?;
        Ok(nfm_open_file_t { file })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_file_open_descriptor);

/// Reads bytes of a file from an offset on, as many as it has there. Each page (4096 bytes) was the file's both before and
/// after its bytes were copied, and where the file was written to meanwhile, they were the same twice.
///
/// Parameters: domain, that the file was opened of; file; offset; bytes receives them, zeros where they are not known;
/// length, how many there is room for, at most 16 MiB; count receives how many the file has there; unknown receives the
/// parts that are not known, by their offsets in the file, or is NULL: then such a part is an error; error receives what
/// went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors, on which bytes means nothing.
/// Errors: NFM_ERR_FILE once the file is gone; NFM_ERR_NOT_IN_MEMORY where unknown is NULL and not all is known;
/// NFM_ERR_INVALID_ARGUMENT, also for a longer read; else as of nfm_file_open().
/// Ownership: unknown is the caller's, to be ended with nfm_file_ranges_free().
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_read(
    domain: *mut nfm_domain_t,
    file: *const nfm_open_file_t,
    offset: u64,
    bytes: *mut u8,
    length: usize,
    count: *mut usize,
    unknown: *mut *mut nfm_file_ranges_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let file = unsafe { file.as_ref() }.ok_or_else(|| nfm_error_t::null("file"))?;
        if bytes.is_null() || count.is_null() {
            return Err(nfm_error_t::null(if count.is_null() { "count" } else { "bytes" }));
        }
        // SAFETY: not NULL, so that many bytes may be written, by the caller's promise; they are zeroed first, as they
        // need not hold anything yet.
        let room = unsafe {
            bytes.write_bytes(0, length);
            std::slice::from_raw_parts_mut(bytes, length)
        };
        // SAFETY: NULL or valid, by the caller's promise.
        let read = unsafe {
            with_domain(domain, |domain| Ok(domain.files().read(&file.file, offset, room)?))
        }?;
        if unknown.is_null() {
            if let Some(part) = read.absent.first() {
                let at = offset.saturating_add(part.offset as u64);
                // SAFETY: NULL or valid, by the caller's promise.
                return unsafe {
                    with_domain(domain, |domain| {
                        Err(domain.files().lack(&file.file, at, part).into())
                    })
                };
            }
        } else {
            let parts = read.absent.iter().map(|part| RangeItem::absent(offset, part));
            let rows = Rows::new(&parts.collect::<Vec<_>>());
            // SAFETY: not NULL, so the caller may have it written.
            unsafe { unknown.write(Box::into_raw(Box::new(nfm_file_ranges_t { rows }))) };
        }
        // SAFETY: as above.
        unsafe { count.write(read.length) };
        Ok(())
    };
    // SAFETY: NULL or may be written, by the caller's promise.
    unsafe { status(error, body) }
}
symver!("NFM_0.1", nfm_file_read);

/// The parts of a file from its beginning to its end, ascending, each with where it is.
///
/// Parameters: domain, that the file was opened of; file; out receives the parts; error receives what went wrong, or is
/// NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: NFM_ERR_FILE once the file is gone; else as of nfm_file_open().
/// Ownership: the parts are the caller's, to be ended with nfm_file_ranges_free().
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_content(
    domain: *mut nfm_domain_t,
    file: *const nfm_open_file_t,
    out: *mut *mut nfm_file_ranges_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let file = unsafe { file.as_ref() }.ok_or_else(|| nfm_error_t::null("file"))?;
        // SAFETY: as above.
        let content =
            unsafe { with_domain(domain, |domain| Ok(domain.files().content(&file.file)?)) }?;
        let items: Vec<RangeItem> = content.iter().map(RangeItem::from).collect();
        Ok(nfm_file_ranges_t { rows: Rows::new(&items) })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_file_content);

/// The rows of parts of a file.
///
/// Parameters: ranges; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is NULL.
/// Errors: none.
/// Ownership: the ranges'.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_ranges_rows(
    ranges: *const nfm_file_ranges_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_file_range_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(ranges, count, stride, |ranges| Some(&ranges.rows)) }
}
symver!("NFM_0.1", nfm_file_ranges_rows);

/// Ends parts of a file.
///
/// Parameters: ranges, or NULL, which does nothing.
/// Errors: none.
/// Ownership: ranges, and all that was had of it, is no more.
/// Threads: any, once no other uses it.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_ranges_free(ranges: *mut nfm_file_ranges_t) {
    // SAFETY: NULL or made by this library and ended this once, by the caller's promise.
    unsafe { free(ranges) };
}
symver!("NFM_0.1", nfm_file_ranges_free);

/// The status of a path in the guest, as stat(2) tells it: a list of one.
///
/// Parameters: domain; pid, the process that sees the path so, or 0 for the first one; path, which need not be UTF-8; follow, 0 to show a
/// symbolic link itself, as lstat(2) does; out receives the list; error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: as of nfm_file_open(), for files of every kind.
/// Ownership: the list is the caller's, to be ended with nfm_file_list_free().
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_stat(
    domain: *mut nfm_domain_t,
    pid: u32,
    path: *const c_char,
    follow: c_int,
    out: *mut *mut nfm_file_list_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let path = unsafe { guest_path(path) }?.to_owned();
        // SAFETY: as above.
        let status = unsafe {
            with_domain(domain, |domain| Ok(files(domain, pid).stat(&path, follow != 0)?))
        };
        let (status, problems) = status?;
        let file = FoundFile { path, status, complete: None };
        Ok(nfm_file_list_t { rows: Rows::new(&[file]), complete: problems.is_empty() })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_file_stat);

/// The names in a directory of the guest that its memory holds, in the order of their bytes, each with what lstat(2) tells
/// of it; of another file, that one.
///
/// Parameters: domain; pid, the process that sees the path so, or 0 for the first one; path, which need not be UTF-8; out receives the list;
/// error receives what went wrong, or is NULL.
/// Returns: NFM_OK or one of the errors.
/// Errors: as of nfm_file_open(), for files of every kind.
/// Ownership: the list is the caller's, to be ended with nfm_file_list_free().
/// Threads: one at a time for each domain.
/// Since: 0.1
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn nfm_file_list(
    domain: *mut nfm_domain_t,
    pid: u32,
    path: *const c_char,
    out: *mut *mut nfm_file_list_t,
    error: *mut *mut nfm_error_t,
) -> c_int {
    let body = || {
        // SAFETY: NULL or valid, by the caller's promise.
        let path = unsafe { guest_path(path) }?;
        // SAFETY: as above.
        let listing = unsafe { with_domain(domain, |domain| Ok(files(domain, pid).list(path)?)) }?;
        Ok(nfm_file_list_t { rows: Rows::new(&listing.files), complete: listing.complete })
    };
    // SAFETY: each is NULL or may be written, by the caller's promise.
    unsafe { ffi(out, error, body) }
}
symver!("NFM_0.1", nfm_file_list);

/// The files of a list.
///
/// Parameters: list; count receives the number of rows; stride receives the bytes from one row to the next, for
/// NFM_ROW().
/// Returns: the first row, not to be read if count is 0; NULL, with a count of 0, if an argument is NULL.
/// Errors: none.
/// Ownership: the list's.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_list_rows(
    list: *const nfm_file_list_t,
    count: *mut usize,
    stride: *mut usize,
) -> *const nfm_found_file_t {
    // SAFETY: each is NULL or valid, by the caller's promise.
    unsafe { hand_out(list, count, stride, |list| Some(&list.rows)) }
}
symver!("NFM_0.1", nfm_file_list_rows);

/// Tells if a list has all names of its directory: it has where the guest's file system keeps all in memory, as tmpfs
/// does, and nothing was unreadable.
///
/// Parameters: list.
/// Returns: 1 if there are no others; 0 if there may be, or list is NULL.
/// Errors: none.
/// Ownership: nothing is given.
/// Threads: any number at the same time.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_list_is_complete(list: *const nfm_file_list_t) -> c_int {
    // SAFETY: NULL or valid, by the caller's promise.
    let list = unsafe { list.as_ref() };
    c_int::from(list.is_some_and(|list| list.complete))
}
symver!("NFM_0.1", nfm_file_list_is_complete);

/// Ends a list of files.
///
/// Parameters: list, or NULL, which does nothing.
/// Errors: none.
/// Ownership: list, and all that was had of it, is no more.
/// Threads: any, once no other uses it.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_list_free(list: *mut nfm_file_list_t) {
    // SAFETY: NULL or made by this library and ended this once, by the caller's promise.
    unsafe { free(list) };
}
symver!("NFM_0.1", nfm_file_list_free);

/// Closes a file of the guest.
///
/// Parameters: file, or NULL, which does nothing.
/// Errors: none.
/// Ownership: file is no more.
/// Threads: any, once no other uses it.
/// Since: 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn nfm_file_close(file: *mut nfm_open_file_t) {
    // SAFETY: NULL or made by this library and ended this once, by the caller's promise.
    unsafe { free(file) };
}
symver!("NFM_0.1", nfm_file_close);

//! The files of an open guest.

use std::ffi::OsString;
use std::io;
use std::ops::ControlFlow;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::new_file::{self, NewFile};
use super::{Domain, not_cancelled};
use crate::control::Control;
use crate::crawl::Reader;
use crate::error::{Error, Result};
use crate::files::{
    self, ContentRange, ExtendedAttribute, FileError, FileIdentity, FileResult, FileStatus, Links,
    Tree,
};
use crate::frame::{FileKind, Problem};
use crate::memory::{Absences, AbsentMemory, Limits, PAGE_SIZE, PhysicalMemory};
use crate::paging::AddressSpace;

/// The kinds of frame that these calls are for the page cache.
const NAMES_KIND: u32 = u32::MAX - 1;
const CONTENT_KIND: u32 = u32::MAX - 2;
/// How long one call may take, if nothing else is said.
const LONGEST: Duration = Duration::from_secs(10);
/// Looks at what changes while it is read.
const LOOKS: u32 = 4;
/// Bytes that are read at once of a file that is written here.
const PIECE: usize = 4 << 20;
/// The process whose files are shown, if none is named.
const FIRST_PROCESS: u32 = 1;

/// The files of a guest as its memory holds them: names, inodes, cached pages. From [`Domain::files`].
///
/// Nothing is read of the guest's disks: what its memory does not hold is *unknown*, and said so by range. Files of tmpfs
/// and its like, which are in memory alone, are whole unless they are in swap. Paths are those of one process, by its root
/// directory and its mount namespace: of the first one (PID 1) unless [`Self::of_process`] names another.
pub struct GuestFiles<'d> {
    domain: &'d mut Domain,
    control: Option<Control>,
    time_limit: Duration,
    pid: u32,
}

/// A regular file of a guest, to be read by [`GuestFiles::read`] as long as the guest has it, also once its last name is
/// removed.
#[derive(Clone, Debug)]
pub struct OpenFile {
    identity: FileIdentity,
    /// As it was asked for.
    name: String,
    /// Its status when it was opened.
    pub status: FileStatus,
}

/// Bytes of a file that were read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileContent {
    /// How many bytes the file has there, of those that were asked for.
    pub length: usize,
    /// The parts that are not known, ascending: their bytes are 0.
    pub absent: Vec<AbsentMemory>,
}

/// A file of the guest that was written to a file here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SavedFile {
    /// Bytes that it has.
    pub length: u64,
    /// The parts that are not known, ascending, by their places in the file: they are holes.
    pub absent: Vec<AbsentMemory>,
}

/// A file that was found by its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FoundFile {
    /// Its name in its directory, or its path.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Its status.
    #[serde(flatten)]
    pub status: FileStatus,
    /// For a directory whose names were looked at: true if the guest's memory holds all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
}

/// The names in a directory that memory holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Listing {
    /// The files, in the order of their names' bytes.
    pub files: Vec<FoundFile>,
    /// True if there are no others: the file system has all names in memory.
    pub complete: bool,
    /// Facts that could not be read.
    pub problems: Vec<Problem>,
}

fn lossy<S: serde::Serializer>(path: &Path, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

impl Domain {
    /// The guest's files.
    ///
    /// ```no_run
    /// # use std::path::Path;
    /// let mut domain = nfm::Domain::open("web-1", &nfm::OpenOptions::default())?;
    /// let mut files = domain.files();
    /// let hosts = files.open(Path::new("/etc/hosts"))?;
    /// let mut bytes = [0; 4096];
    /// let read = files.read(&hosts, 0, &mut bytes)?;
    /// match read.absent.first() {
    ///     None => println!("{}", String::from_utf8_lossy(&bytes[..read.length])),
    ///     Some(part) => println!("not known from byte {}: {}", part.offset, part.reason.name()),
    /// }
    /// # Ok::<(), nfm::Error>(())
    /// ```
    pub fn files(&mut self) -> GuestFiles<'_> {
        GuestFiles { domain: self, control: None, time_limit: LONGEST, pid: FIRST_PROCESS }
    }
}

impl GuestFiles<'_> {
    /// Bytes that one call reads at most.
    pub const LONGEST_READ: usize = 16 << 20;

    /// The same, cancelled by this from another thread.
    #[must_use]
    pub fn with_control(self, control: &Control) -> Self {
        Self { control: Some(control.clone()), ..self }
    }

    /// The same, with another limit than ten seconds on each call.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// The same, with paths as this process sees them.
    #[must_use]
    pub fn of_process(self, pid: u32) -> Self {
        Self { pid, ..self }
    }

    /// The status of a path as stat(2) tells it, or lstat(2) if symbolic links are not to be followed, and the facts that
    /// could not be read.
    ///
    /// # Errors
    /// [`Error::NoGuestFile`] where the guest has no such file; [`Error::NotInMemory`] where its memory does not hold the
    /// name; [`Error::Unreadable`] for memory that cannot be read, or where it takes too long; [`Error::Gone`];
    /// [`Error::NotBooted`] while the guest is restarted; [`Error::Forked`]; [`Error::Cancelled`].
    pub fn stat(&mut self, path: &Path, follow: bool) -> Result<(FileStatus, Vec<Problem>)> {
        let links = if follow { Links::Follow } else { Links::Keep };
        self.look(path, NAMES_KIND, |reader, memory, pid| {
            let tree = Tree::of_process(reader, memory, pid)?;
            Ok(tree.status(tree.walk(path.as_os_str().as_bytes(), links)?))
        })
    }

    /// The extended attributes of a path, in the order of their names, without access control lists; and the facts that
    /// could not be read. `None` where the guest's memory does not keep them by the file's inode: on ext4, on xfs where
    /// they are many, and where the file system is another than those, tmpfs and ramfs.
    ///
    /// # Errors
    /// As of [`Self::stat`].
    pub fn extended_attributes(
        &mut self,
        path: &Path,
        follow: bool,
    ) -> Result<(Option<Vec<ExtendedAttribute>>, Vec<Problem>)> {
        let links = if follow { Links::Follow } else { Links::Keep };
        self.look(path, NAMES_KIND, |reader, memory, pid| {
            let tree = Tree::of_process(reader, memory, pid)?;
            let found = tree.walk(path.as_os_str().as_bytes(), links)?;
            Ok(files::extended_attributes(reader, found.inode)?)
        })
    }

    /// The names in a directory, each with what lstat(2) tells of it; of another file, that one.
    ///
    /// # Errors
    /// As of [`Self::stat`].
    pub fn list(&mut self, path: &Path) -> Result<Listing> {
        let listed = self.look(path, NAMES_KIND, |reader, memory, pid| {
            let tree = Tree::of_process(reader, memory, pid)?;
            let found = tree.walk(path.as_os_str().as_bytes(), Links::Follow)?;
            if tree.kind(found)? != Some(FileKind::Directory) {
                let status = tree.status(found);
                let file = FoundFile { path: path.to_owned(), status, complete: None };
                return Ok((vec![file], true));
            }
            let names = tree.names(found)?;
            let files = reader.rows::<FoundFile, _>(names.names).map(|(name, found)| FoundFile {
                path: OsString::from_vec(name).into(),
                status: tree.status(found),
                complete: None,
            });
            Ok((files.collect(), names.complete))
        });
        let ((files, complete), problems) = listed?;
        let complete = complete && problems.is_empty();
        Ok(Listing { files, complete, problems })
    }

    /// Visits a file and all that memory holds below it, each directory before what is in it, names in the order of their
    /// bytes, until `visit` breaks off. With `one_file_system`, what is mounted below is shown and not entered. Gives what
    /// could not be read.
    ///
    /// # Errors
    /// As of [`Self::stat`]; what was visited before was.
    pub fn find(
        &mut self,
        path: &Path,
        one_file_system: bool,
        visit: &mut dyn FnMut(FoundFile) -> ControlFlow<()>,
    ) -> Result<Vec<Problem>> {
        let mut visited = false;
        let found = self.look_while(path, NAMES_KIND, |reader, memory, pid| {
            let done = Tree::of_process(reader, memory, pid).and_then(|tree| {
                files::find(&tree, path.as_os_str().as_bytes(), one_file_system, &mut |file| {
                    visited = true;
                    let path = OsString::from_vec(file.path.to_vec()).into();
                    let found = FoundFile { path, status: file.status, complete: file.complete };
                    visit(found).is_continue()
                })
            });
            // It cannot be begun anew.
            (done, !visited)
        });
        Ok(found?.1)
    }

    /// A regular file, by its path.
    ///
    /// # Errors
    /// As of [`Self::stat`]; [`Error::NoGuestFile`] also for what is no regular file, [`Error::NotInMemory`] for files
    /// whose content the kernel makes when they are read (those of proc and its like).
    pub fn open(&mut self, path: &Path) -> Result<OpenFile> {
        let opened = self.look(path, NAMES_KIND, |reader, memory, pid| {
            let tree = Tree::of_process(reader, memory, pid)?;
            let found = tree.walk(path.as_os_str().as_bytes(), Links::Follow)?;
            Ok((FileIdentity::of_inode(reader, found.inode)?, tree.status(found)))
        });
        let (identity, status) = opened?.0;
        Ok(OpenFile { identity, name: path.display().to_string(), status })
    }

    /// A regular file that a process has open, by its descriptor: also one without a name any more.
    ///
    /// # Errors
    /// As of [`Self::open`]; [`Error::NoGuestFile`] where there is no such process or descriptor.
    pub fn open_descriptor(&mut self, pid: u32, fd: u32) -> Result<OpenFile> {
        let name = format!("descriptor {fd} of process {pid}");
        let opened = self.look(Path::new(&name), NAMES_KIND, |reader, memory, _| {
            let identity = files::open_descriptor(reader, pid, fd)?;
            Ok((identity, files::status(reader, memory, identity.inode)))
        });
        let (identity, status) = opened?.0;
        Ok(OpenFile { identity, name, status })
    }

    /// The parts of a file from its beginning to its end, ascending, each with where it is.
    ///
    /// # Errors
    /// As of [`Self::stat`]; [`Error::NoGuestFile`] once the file is gone.
    pub fn content(&mut self, file: &OpenFile) -> Result<Vec<ContentRange>> {
        let name = Path::new(&file.name);
        let content =
            self.look(name, CONTENT_KIND, |reader, _, _| files::content(reader, &file.identity));
        Ok(content?.0)
    }

    /// Reads bytes of a file from an offset on, as many as it has there. Each page (4096 bytes) was the file's both before
    /// and after its bytes were copied, and where the file was written to meanwhile, they were the same twice. The file's
    /// length is that at the beginning of the call, or a shorter one where it was cut.
    ///
    /// # Errors
    /// As of [`Self::content`]; [`Error::InvalidArgument`] for more than [`Self::LONGEST_READ`] bytes.
    pub fn read(&mut self, file: &OpenFile, offset: u64, bytes: &mut [u8]) -> Result<FileContent> {
        if bytes.len() > Self::LONGEST_READ {
            return Err(Error::InvalidArgument(format!(
                "one call reads at most {} bytes of a file, not {}; call it for each part",
                Self::LONGEST_READ,
                bytes.len()
            )));
        }
        let name = Path::new(&file.name);
        let read = self.look(name, CONTENT_KIND, |reader, memory, _| {
            files::read(reader, memory, &file.identity, offset, bytes)
        });
        let (length, absent) = read?.0;
        Ok(FileContent { length, absent })
    }

    /// Writes a file of the guest, as long as it was when it was opened, to a new file here, which only its owner may read.
    /// It has its name once it is complete; what fails leaves nothing behind. Zeros and parts that are not known are holes.
    /// With `overwrite`, it replaces a regular file of that name.
    ///
    /// # Errors
    /// As of [`Self::read`]; [`Error::Dump`] when it cannot be written, also when there is such a file already.
    pub fn save(&mut self, file: &OpenFile, path: &Path, overwrite: bool) -> Result<SavedFile> {
        let target = NewFile::new(path, overwrite)?;
        let failed = |error: io::Error| new_file::failure(path, &error);
        let mut bytes = vec![0; PIECE];
        let mut absent = Absences::default();
        let mut length = 0_u64;
        let end = file.status.size.unwrap_or(u64::MAX);
        while length < end {
            let wanted = usize::try_from(end - length).unwrap_or(PIECE).min(PIECE);
            let room = bytes.get_mut(..wanted).unwrap_or_default();
            let read = self.read(file, length, room)?;
            for part in &read.absent {
                let offset = (length as usize).saturating_add(part.offset);
                absent.add(offset, part.length, part.reason);
            }
            let found = room.get(..read.length).unwrap_or_default();
            for (page, at) in found.chunks(PAGE_SIZE).zip((length..).step_by(PAGE_SIZE)) {
                if page.iter().any(|byte| *byte != 0) {
                    target.file().write_all_at(page, at).map_err(failed)?;
                }
            }
            length = length.saturating_add(read.length as u64);
            if read.length < wanted {
                break;
            }
        }
        target.file().set_len(length).map_err(failed)?;
        target.complete(path, overwrite)?;
        Ok(SavedFile { length, absent: absent.into_parts() })
    }

    /// The error of a part of a file that is not known, for those who need all of it.
    #[cfg(feature = "capi")]
    pub(crate) fn lack(&self, file: &OpenFile, offset: u64, part: &AbsentMemory) -> Error {
        let domain = self.domain.source.identity().name.clone();
        let end = offset.saturating_add(part.length as u64);
        let reason = format!("bytes {offset} to {end} are not known: {}", part.reason.name());
        Error::NotInMemory { domain, path: file.name.clone(), reason }
    }

    /// Looks at the guest; what seems torn is looked at anew.
    fn look<T>(
        &mut self,
        path: &Path,
        kind: u32,
        mut act: impl FnMut(&Reader, &dyn PhysicalMemory, u32) -> FileResult<T>,
    ) -> Result<(T, Vec<Problem>)> {
        self.look_while(path, kind, |reader, memory, pid| (act(reader, memory, pid), true))
    }

    /// The same as long as `act` says that it can be looked at anew.
    fn look_while<T>(
        &mut self,
        path: &Path,
        kind: u32,
        mut act: impl FnMut(&Reader, &dyn PhysicalMemory, u32) -> (FileResult<T>, bool),
    ) -> Result<(T, Vec<Problem>)> {
        let begun = Instant::now();
        let control = self.control.as_ref();
        not_cancelled(control, &self.domain.source.identity().name)?;
        self.domain.check(control)?;
        self.domain.follow_plugs(false);
        self.domain.follow_restart(self.time_limit, control)?;
        let found = &self.domain.found;
        let limits = self.domain.options.limits(begun);
        let limits = Limits { deadline: begun.checked_add(self.time_limit), ..limits };
        found.ram.begin_frame(kind, limits, self.control.clone());
        let (root, levels) = (found.kernel.image.root, found.kernel.image.levels);
        let space = AddressSpace::new(&found.ram, root, levels);
        let mut look = 1;
        let (done, problems) = loop {
            let reader = Reader::new(&space, &found.kernel, &found.layout);
            reader.enter("files");
            let (done, again) = match space.has_machine_frames() {
                // A frame has another number there than the guest gives it.
                true => (Err(FileError::Unsupported("a guest of Xen without HVM".into())), false),
                false => act(&reader, found.ram.memory(), self.pid),
            };
            let torn = done.as_ref().is_err_and(FileError::may_be_torn) || reader.torn() > 0;
            if !torn || !again || look == LOOKS {
                reader.leave();
                break (done, reader.finish().0);
            }
            look += 1;
            space.forget();
        };
        found.ram.end_frame();
        self.domain.check(control)?;
        if !self.domain.is_same_boot() {
            return Err(self.domain.restarting("it was restarted while it was read"));
        }
        match done {
            Ok(done) => Ok((done, problems)),
            Err(error) => Err(self.failure(path, &error)),
        }
    }

    fn failure(&self, path: &Path, error: &FileError) -> Error {
        let domain = self.domain.source.identity().name.clone();
        let (path, reason) = (path.display().to_string(), error.to_string());
        match error {
            FileError::Read(_) => {
                Error::Unreadable { domain, what: format!("the file '{path}'"), reason }
            }
            error if error.is_not_held() => Error::NotInMemory { domain, path, reason },
            _ => Error::NoGuestFile { domain, path, reason },
        }
    }
}

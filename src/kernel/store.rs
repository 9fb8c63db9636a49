//! Where profiles are kept: those that were imported, for all guests, and a cache of those that nfm made
//! itself, each for the guest that it was made of. (A guest may lie about its kernel. Kept for itself
//! alone, its lie reaches no other guest.)
//!
//! A file's name tells the kernel's build id and where in the image it stands, so that the right file is
//! known before any is read.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use super::profile::{self, LARGEST, Profile};

const SUFFIX: &str = ".nfm-profile";
/// Files of one folder that are looked at.
const MOST_FILES: usize = 8192;
/// Files that the cache keeps: the oldest goes.
const MOST_CACHED: usize = 1024;

/// The folders of profiles.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    /// Imported profiles, the user's own first.
    pub imported: Vec<PathBuf>,
    /// The cache, and the guest's name in it.
    pub cache: Option<(PathBuf, String)>,
}

/// A file whose name is a profile's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    path: PathBuf,
    /// True if it was imported; else it is cached.
    pub imported: bool,
    /// The kernel's build id, and bytes from the image's start to its note.
    pub build_id: String,
    pub notes: u64,
}

impl Store {
    /// Every profile that could be of this guest's kernel, imported ones first.
    pub fn candidates(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for folder in &self.imported {
            candidates.extend(list(folder, None));
        }
        if let Some((folder, guest)) = &self.cache {
            candidates.extend(list(folder, Some(guest)));
        }
        candidates
    }

    /// Keeps a profile of the guest in the cache. That fails in silence: a cache is no need.
    pub fn keep(&self, profile: &Profile) {
        let Some((folder, guest)) = &self.cache else { return };
        let name = file_name(Some(guest), profile);
        match write(folder, 0o700, &name, 0o600, &profile.to_bytes()) {
            Ok(path) => {
                tracing::debug!(path = %path.display(), "profile cached");
                prune(folder);
            }
            Err(error) => tracing::debug!(folder = %folder.display(), %error, "profile not cached"),
        }
    }
}

impl Candidate {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the profile; `None`, with a line in nfm's log, where it is none that may be used.
    pub fn load(&self) -> Option<Profile> {
        let read = read_private(&self.path).map_err(|error| error.to_string());
        let parsed = read.and_then(|bytes| Profile::parse(&bytes)).and_then(|profile| {
            let marks = &profile.marks;
            let same = marks.build_id == self.build_id && marks.notes == self.notes;
            same.then_some(profile).ok_or_else(|| "its name is of another kernel".to_owned())
        });
        match parsed {
            Ok(profile) => Some(profile),
            Err(reason) => {
                let path = self.path.display();
                match self.imported {
                    true => tracing::warn!(%path, reason, "imported profile not used"),
                    false => tracing::debug!(%path, reason, "cached profile not used"),
                }
                None
            }
        }
    }
}

/// Writes a profile to the folder of imported ones.
pub(crate) fn import(folder: &Path, profile: &Profile) -> io::Result<PathBuf> {
    write(folder, 0o755, &file_name(None, profile), 0o644, &profile.to_bytes())
}

/// Reads a profile that the user named.
///
/// # Errors
/// A clause that says what is wrong.
pub(crate) fn read(path: &Path) -> Result<Profile, String> {
    let file = open(path).map_err(|error| error.to_string())?;
    Profile::parse(&read_bounded(file).map_err(|error| error.to_string())?)
}

fn open(path: &Path) -> io::Result<File> {
    let not_file = || io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
    // Opening a FIFO would wait for its other end.
    fs::metadata(path)?.is_file().then_some(()).ok_or_else(not_file)?;
    File::open(path)
}

fn read_bounded(file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One byte more shows that it is too large.
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// `GUEST_BUILDID_NOTES.nfm-profile`, or without the guest.
fn file_name(guest: Option<&str>, profile: &Profile) -> String {
    let guest = guest.map(|guest| format!("{guest}_")).unwrap_or_default();
    let marks = &profile.marks;
    format!("{guest}{}_{:x}{SUFFIX}", marks.build_id, marks.notes)
}

fn list(folder: &Path, guest: Option<&str>) -> Vec<Candidate> {
    let is_ours = |about: Metadata| about.is_dir() && is_trusted(&about);
    if !fs::metadata(folder).is_ok_and(is_ours) {
        return Vec::new();
    }
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let candidate = |name: &OsStr| {
        let stem = name.to_str()?.strip_suffix(SUFFIX)?;
        let stem = match guest {
            Some(guest) => stem.strip_prefix(guest)?.strip_prefix('_')?,
            None => stem,
        };
        let (build_id, notes) = stem.split_once('_')?;
        profile::is_build_id(build_id).then_some(())?;
        Some(Candidate {
            path: folder.join(name),
            imported: guest.is_none(),
            build_id: build_id.to_owned(),
            notes: u64::from_str_radix(notes, 16).ok()?,
        })
    };
    let entries = entries.take(MOST_FILES).filter_map(Result::ok);
    entries.filter_map(|entry| candidate(&entry.file_name())).collect()
}

/// Ours or root's, and nobody else may write it.
fn is_trusted(about: &Metadata) -> bool {
    let owner = about.uid();
    (owner == 0 || owner == rustix::process::geteuid().as_raw()) && about.mode() & 0o022 == 0
}

/// Reads a file that nobody but us or root can have written.
fn read_private(path: &Path) -> io::Result<Vec<u8>> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let about = file.metadata()?;
    if !about.is_file() || !is_trusted(&about) {
        return Err(io::Error::other("others may write it, or it belongs to another user"));
    }
    read_bounded(file)
}

/// Writes a file under a name of its own and gives it its name when it is whole.
fn write(
    folder: &Path,
    folder_mode: u32,
    name: &str,
    mode: u32,
    bytes: &[u8],
) -> io::Result<PathBuf> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    fs::DirBuilder::new().recursive(true).mode(folder_mode).create(folder)?;
    if !is_trusted(&fs::metadata(folder)?) {
        let reason = format!("others may write the folder {}", folder.display());
        return Err(io::Error::other(reason));
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!(".{}-{number}.new", std::process::id()));
    let path = folder.join(name);
    let written = (|| {
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&temporary)?;
        file.write_all(bytes)?;
        // Whatever the umask was.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        fs::rename(&temporary, &path)
    })();
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written.map(|()| path)
}

/// Removes the oldest of too many files, and what a writer that was killed left behind.
fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let entries: Vec<_> = entries.take(MOST_FILES).filter_map(Result::ok).collect();
    if entries.len() <= MOST_CACHED {
        return;
    }
    let age = |path: &Path| fs::symlink_metadata(path).and_then(|about| about.modified());
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .into_iter()
        .map(|entry| entry.path())
        .filter_map(|path| Some((age(&path).ok()?, path)))
        .collect();
    files.sort();
    let too_many = files.len().saturating_sub(MOST_CACHED);
    for (_, path) in files.into_iter().take(too_many) {
        let _ = fs::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::super::profile::tests::sample;
    use super::*;

    const GUEST: &str = "6a1b0c1e-0000-4000-8000-000000000001";

    /// A folder of the test's own.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("nfm-store-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&path);
            Self(path)
        }

        fn store(&self) -> Store {
            let cache = Some((self.0.join("cache"), GUEST.to_owned()));
            Store { imported: vec![self.0.join("imported")], cache }
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_is_kept_is_found_by_its_guest_alone() {
        let folder = Folder::new("kept");
        let store = folder.store();
        assert_eq!(store.candidates(), []);
        store.keep(&sample());
        let found = store.candidates();
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].build_id.as_str(), found[0].notes),
            (&*sample().marks.build_id, 0x43_7e70)
        );
        assert_eq!(found[0].load(), Some(sample()));
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&folder.0.join("cache")), mode(found[0].path())), (0o700, 0o600));
        let other =
            Store { cache: Some((folder.0.join("cache"), "other".to_owned())), ..store.clone() };
        assert_eq!(other.candidates(), []);

        import(&store.imported[0], &sample()).unwrap();
        let found = store.candidates();
        assert_eq!(found.iter().map(|one| one.imported).collect::<Vec<_>>(), [true, false]);
        assert_eq!(found[0].load(), Some(sample()));
        assert_eq!(other.candidates().len(), 1, "an imported profile is for every guest");
    }

    #[test]
    fn what_others_can_write_is_refused() {
        let folder = Folder::new("private");
        let store = folder.store();
        store.keep(&sample());
        let found = store.candidates().remove(0);
        let set = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
        };
        set(found.path(), 0o622);
        assert_eq!(found.load(), None);
        set(found.path(), 0o600);
        assert!(found.load().is_some());
        set(&folder.0.join("cache"), 0o777);
        assert_eq!(store.candidates(), []);
        set(&folder.0.join("cache"), 0o700);

        let elsewhere = folder.0.join("elsewhere");
        fs::rename(found.path(), &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, found.path()).unwrap();
        assert_eq!(found.load(), None, "a link");
    }

    #[test]
    fn a_damaged_file_is_written_anew() {
        let folder = Folder::new("damaged");
        let store = folder.store();
        store.keep(&sample());
        let found = store.candidates().remove(0);
        let whole = fs::read(found.path()).unwrap();
        for bad in [&whole[..whole.len() / 2], b"", b"\x7fELF", &vec![b'x'; LARGEST as usize + 1]] {
            fs::write(found.path(), bad).unwrap();
            assert_eq!(found.load(), None);
        }
        let mut other = sample();
        other.marks.build_id = "ff".repeat(20);
        fs::write(found.path(), other.to_bytes()).unwrap();
        assert_eq!(found.load(), None, "a profile of another kernel under this one's name");
        store.keep(&sample());
        assert_eq!(found.load(), Some(sample()));
        assert_eq!(
            fs::read_dir(folder.0.join("cache")).unwrap().count(),
            1,
            "nothing is left over"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_none() {
        let folder = Folder::new("unwritable");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("cache"), "a file").unwrap();
        let store = folder.store();
        store.keep(&sample());
        assert_eq!(store.candidates(), []);
        let full = Store { cache: Some(("/proc/nfm".into(), GUEST.to_owned())), ..store };
        full.keep(&sample());
        assert_eq!(full.candidates(), []);
    }

    #[test]
    fn many_writers_leave_whole_files() {
        let folder = Folder::new("writers");
        let store = folder.store();
        store.keep(&sample());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..100).for_each(|_| store.keep(&sample())));
            }
            for _ in 0..400 {
                assert_eq!(store.candidates().remove(0).load(), Some(sample()));
            }
        });
        assert_eq!(store.candidates().len(), 1);
    }

    #[test]
    fn the_cache_does_not_grow_for_ever() {
        let folder = Folder::new("bounded");
        let cache = folder.0.join("cache");
        fs::create_dir_all(&cache).unwrap();
        for number in 0..MOST_CACHED + 10 {
            fs::write(cache.join(format!("x_{number:08x}_1{SUFFIX}")), "").unwrap();
        }
        prune(&cache);
        assert_eq!(fs::read_dir(&cache).unwrap().count(), MOST_CACHED);
    }
}

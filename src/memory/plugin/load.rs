//! Finding and loading a back end.
//!
//! A back end runs with all rights that the caller has, often root's, so it is loaded only where nobody
//! else could have put it: the file and every folder above it belong to root or to the caller, and
//! others cannot write to them.

use std::ffi::{CStr, OsStr, c_char, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::table::{ENTRY, Entry, Table};

/// Names the folder of the back ends, in place of those beside the library.
const FOLDER_VARIABLE: &str = "NFM_BACKEND_DIR";
/// The folder's name below a library folder.
const FOLDER: &str = "nfm/backends";

/// Why a back end could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LoadError {
    /// There is none of this name in any of these folders.
    Missing(Vec<PathBuf>),
    /// There is one, which cannot be used, and why.
    Unusable(PathBuf, String),
}

/// The functions of a back end that is loaded. It is never unloaded: threads of its own may run in it.
#[derive(Clone, Copy)]
pub(super) struct Loaded(&'static Table);

// SAFETY: the interface allows every function to be called from any thread, and the table never changes.
unsafe impl Send for Loaded {}
// SAFETY: as above.
unsafe impl Sync for Loaded {}

impl Loaded {
    /// The table.
    pub fn table(self) -> &'static Table {
        self.0
    }
}

/// Where the back end of this name is; it is not loaded.
pub(crate) fn find(name: &str) -> Result<PathBuf, LoadError> {
    let folders = folders();
    let file = format!("{name}.so");
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let found = folders.iter().map(|folder| folder.join(&file)).find(|path| path.exists());
    let Some(path) = found.filter(|_| !name.is_empty() && name.chars().all(plain)) else {
        return Err(LoadError::Missing(folders));
    };
    let unusable = |reason: String| LoadError::Unusable(path.clone(), reason);
    let path = fs::canonicalize(&path).map_err(|error| unusable(error.to_string()))?;
    check_trusted(&path).map_err(unusable)?;
    Ok(path)
}

/// Loads the back end of this name.
pub(super) fn load(name: &str) -> Result<Loaded, LoadError> {
    let path = find(name)?;
    let unusable = |reason: String| LoadError::Unusable(path.clone(), reason);
    // SAFETY: the file is one that root or the caller put there, see above, and what it does when it
    // is loaded is theirs to answer for, as with any shared library.
    let library = unsafe { libloading::Library::new(&path) };
    let library = library.map_err(|error| unusable(error.to_string()))?;
    // SAFETY: the interface fixes this function's type by its name.
    let entry = unsafe { library.get::<Entry>(ENTRY) }
        .map(|entry| *entry)
        .map_err(|_| unusable("it exports no nfm_backend_v1".to_owned()))?;
    std::mem::forget(library);
    // SAFETY: the function has no parameters and may be called at any time.
    let table = unsafe { entry() };
    // SAFETY: the interface promises a table that stays as long as the process, or NULL at worst.
    let table = unsafe { table.as_ref() }.ok_or_else(|| unusable("it has no table".to_owned()))?;
    let whole = table.size >= size_of::<Table>()
        && table.open.is_some()
        && table.close.is_some()
        && table.memory.is_some()
        && table.read.is_some()
        && table.state.is_some();
    if !whole {
        return Err(unusable("its table of functions is not whole".to_owned()));
    }
    Ok(Loaded(table))
}

/// The folders that are searched, in order.
fn folders() -> Vec<PathBuf> {
    let named = std::env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty());
    // A program that has more rights than its caller does not take the caller's word.
    // SAFETY: the call reads what the kernel gave the process, and nothing else.
    let raised = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    if let Some(folder) = named.filter(|_| !raised) {
        return vec![folder.into()];
    }
    let Some(own) = own_folder() else { return Vec::new() };
    let multiarch = format!("../lib/{}-linux-gnu", std::env::consts::ARCH);
    // Beside libnfm.so; or, where the library is part of a program, in the library folders beside its bin.
    ["", "../lib", "../lib64", &multiarch].map(|way| tidy(&own.join(way)).join(FOLDER)).into()
}

/// The folder of the file that this code was loaded from: libnfm.so, or a program.
fn own_folder() -> Option<PathBuf> {
    let mut info = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    let here = own_folder as *const c_void;
    // SAFETY: `info` is there to be written; any address may be asked for.
    let found = unsafe { libc::dladdr(here, &mut info) } != 0 && !info.dli_fname.is_null();
    // SAFETY: the name is a string of the loader's that lives as long as the object is loaded.
    let name = found.then(|| unsafe { CStr::from_ptr(info.dli_fname.cast::<c_char>()) })?;
    let name = Path::new(OsStr::from_bytes(name.to_bytes()));
    // The loader knows a program only by the name that it was called by.
    let path = if name.extension().is_some_and(|extension| extension == "so")
        || name.to_string_lossy().contains(".so.")
    {
        fs::canonicalize(name).ok()?
    } else {
        std::env::current_exe().ok()?
    };
    path.parent().map(Path::to_owned)
}

/// The path with its `..` taken out.
fn tidy(path: &Path) -> PathBuf {
    let mut tidy = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(tidy.pop()),
            part => tidy.push(part),
        }
    }
    tidy
}

/// Refuses a file that others than root and the caller can have put there.
fn check_trusted(path: &Path) -> Result<(), String> {
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    for part in path.ancestors() {
        let status = fs::metadata(part).map_err(|error| format!("{}: {error}", part.display()))?;
        let ours = [0, user.as_raw()].contains(&status.uid());
        // In a folder with the sticky bit, such as /tmp, only the owner replaces a file.
        let sticky = status.is_dir() && status.mode() & 0o1000 != 0;
        let by_group = status.mode() & 0o020 != 0 && ![0, group.as_raw()].contains(&status.gid());
        let by_others = status.mode() & 0o002 != 0;
        let reason = match (ours, (by_group || by_others) && !sticky) {
            (false, _) => "belongs neither to root nor to the caller",
            (true, true) => "can be written to by others",
            (true, false) => continue,
        };
        return Err(format!("it is not trusted, as {} {reason}", part.display()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_tidied_without_a_look_at_the_disk() {
        assert_eq!(tidy(Path::new("/usr/bin/../lib")), Path::new("/usr/lib"));
        assert_eq!(tidy(Path::new("/usr/lib/")), Path::new("/usr/lib"));
    }

    #[test]
    fn a_name_is_no_path() {
        assert!(matches!(find("../xen"), Err(LoadError::Missing(_))));
        assert!(matches!(find(""), Err(LoadError::Missing(_))));
    }

    #[test]
    fn what_others_can_write_to_is_not_trusted() {
        use std::os::unix::fs::PermissionsExt;
        let folder = std::env::temp_dir().join(format!("nfm-trust-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let file = folder.join("x.so");
        fs::write(&file, "").unwrap();
        let file = fs::canonicalize(file).unwrap();
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        mode(&folder, 0o755);
        mode(&file, 0o644);
        let trusted = check_trusted(&file);
        mode(&file, 0o666);
        let file_open = check_trusted(&file).unwrap_err();
        mode(&file, 0o644);
        mode(&folder, 0o777);
        let folder_open = check_trusted(&file).unwrap_err();
        fs::remove_dir_all(&folder).unwrap();
        assert_eq!(trusted, Ok(()));
        assert!(file_open.contains("x.so can be written to by others"), "{file_open}");
        assert!(folder_open.contains("can be written to by others"), "{folder_open}");
    }
}

//! Where files of the host are: the environment and the XDG base directories.

use std::path::PathBuf;

/// Where distributions put debug information.
pub(super) const DEBUG: &str = "/usr/lib/debug";
/// Imported profiles of the whole system.
const SYSTEM_PROFILES: &str = "/var/lib/nfm/profiles";
/// Root's cache.
const SYSTEM_CACHE: &str = "/var/cache/nfm";

/// The folder that an environment variable names. A program that has more rights than its user (file capabilities,
/// set-user-ID) takes nothing from it.
pub(super) fn variable(name: &str) -> Option<PathBuf> {
    if has_more_rights() {
        return None;
    }
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// The cache's folder; `None` where `NFM_CACHE_DIR` is set to nothing or no folder is known.
pub(super) fn cache() -> Option<PathBuf> {
    if std::env::var_os("NFM_CACHE_DIR").is_some_and(|value| value.is_empty()) {
        return None;
    }
    let folder = variable("NFM_CACHE_DIR")
        .or_else(|| absolute("XDG_CACHE_HOME").map(|folder| folder.join("nfm")))
        .or_else(|| is_root().then(|| SYSTEM_CACHE.into()))
        .or_else(|| absolute("HOME").map(|folder| folder.join(".cache/nfm")))?;
    Some(folder.join("profiles"))
}

/// The folders of imported profiles: the user's own, then the system's.
pub(super) fn profiles() -> Vec<PathBuf> {
    let system = PathBuf::from(SYSTEM_PROFILES);
    own_profiles().filter(|own| *own != system).into_iter().chain([system]).collect()
}

/// The folder to which the user imports profiles, `NFM_PROFILE_DIR` first; root imports them for the
/// whole system.
pub(super) fn own_profiles() -> Option<PathBuf> {
    if let Some(folder) = variable("NFM_PROFILE_DIR") {
        return Some(folder);
    }
    if is_root() {
        return Some(SYSTEM_PROFILES.into());
    }
    let data = absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|folder| folder.join(".local/share")))?;
    Some(data.join("nfm/profiles"))
}

/// A base directory; the specification has relative ones ignored.
fn absolute(name: &str) -> Option<PathBuf> {
    variable(name).filter(|path| path.is_absolute())
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn has_more_rights() -> bool {
    // SAFETY: getauxval only reads what the kernel gave the process at its start.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

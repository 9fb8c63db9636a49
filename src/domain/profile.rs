//! Profiles: what nfm needs to know of one kernel, in one small file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Domain, folders};
use crate::error::{Error, Result};
use crate::kernel::{self, Ask, Files, NamesNeeded};
use crate::layout::{Drivers, Layout, Symbols};

/// All that nfm needs to know of one kernel: the places of its variables and the layout of its structures. Made where
/// that is known, it opens guests of the same kernel where it is not, because the kernel was built without BTF or
/// kallsyms.
#[derive(Clone, Debug)]
pub struct Profile(kernel::Profile);

impl Domain {
    /// The profile of the kernel that runs in this guest. Of drivers that are modules it has what frames so
    /// far have met.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a kernel without a build id, by which a profile is found again, and for one whose types
    /// tasks in memory told; [`Error::NoSymbols`] for one whose table of symbols names functions alone.
    pub fn profile(&self) -> Result<Profile> {
        self.check_owner()?;
        let domain = self.source.identity().name.clone();
        let kernel = &self.found.kernel;
        if !kernel.names_all_variables() {
            let reason = "it names functions alone, as without CONFIG_KALLSYMS_ALL: a profile of them would lack variables";
            return Err(Error::NoSymbols { domain, reason: reason.to_owned() });
        }
        let unsupported = |reason: &str| Error::Unsupported { domain, reason: reason.to_owned() };
        if kernel.has_pinned_types() {
            return Err(unsupported(
                "its types are not known but for a few members of tasks: make the profile of its vmlinux (--vmlinux)",
            ));
        }
        let found = self.found.profile().map(Profile);
        found.ok_or_else(|| {
            unsupported("its kernel has no build id, by which its profile could be found again")
        })
    }
}

impl Profile {
    /// Makes a profile of a kernel that does not run, from its vmlinux with BTF or DWARF and, if that has no
    /// symbols, its `System.map`. Drivers that are modules are looked for in the folder of debug information
    /// (`NFM_DEBUG_DIR`, else `/usr/lib/debug`).
    ///
    /// # Errors
    /// [`Error::BadFile`] names the file that cannot serve.
    pub fn of_files(vmlinux: &Path, system_map: Option<&Path>) -> Result<Self> {
        let types = Layout::type_names();
        let wanted = NamesNeeded { symbols: Symbols::NAMES, types: &types };
        let debug = folders::variable("NFM_DEBUG_DIR").unwrap_or_else(|| folders::DEBUG.into());
        let files = Files { vmlinux, system_map, debug_folders: &[debug] };
        let ask: Ask = |types| {
            Layout::compile(types, |_| None);
        };
        kernel::Profile::of_files(&files, &wanted, ask, Drivers::MODULES)
            .map(Self)
            .map_err(|(path, reason)| Error::BadFile { path: path.display().to_string(), reason })
    }

    /// Reads a profile's file.
    ///
    /// # Errors
    /// [`Error::BadFile`] for what is none.
    pub fn read(path: &Path) -> Result<Self> {
        let bad = |reason| Error::BadFile { path: path.display().to_string(), reason };
        kernel::read_profile(path).map(Self).map_err(bad)
    }

    /// Writes a profile's file, in place of one that is there.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn write(&self, path: &Path) -> Result<()> {
        let failed = |error| Error::io(format!("writing {}", path.display()), error);
        // Whole or not at all.
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        let written = File::create(&temporary)
            .and_then(|mut file| file.write_all(&self.0.to_bytes()))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written.map_err(failed)
    }

    /// Puts the profile where nfm finds it for every guest of its kernel: in `NFM_PROFILE_DIR`, else for root
    /// in `/var/lib/nfm/profiles`, else in `$XDG_DATA_HOME/nfm/profiles` (`~/.local/share`). Tells where.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::InvalidArgument`] where none of these folders is known.
    pub fn import(&self) -> Result<PathBuf> {
        let folder = folders::own_profiles().ok_or_else(|| {
            Error::InvalidArgument(
                "no folder for profiles is known: set HOME or NFM_PROFILE_DIR".to_owned(),
            )
        })?;
        kernel::import_profile(&folder, &self.0)
            .map_err(|error| Error::io(format!("writing to {}", folder.display()), error))
    }

    /// The kernel's build id, in hexadecimal.
    pub fn build_id(&self) -> &str {
        &self.0.marks.build_id
    }

    /// `uname -r`, where known.
    pub fn release(&self) -> Option<&str> {
        self.0.release.as_deref()
    }
}

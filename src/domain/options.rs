//! How to open a domain, and how to crawl it.

use std::path::PathBuf;
use std::time::Duration;

use super::folders;
use crate::control::Control;
use crate::crawl::Section;
use crate::frame::DomainIdentity;
use crate::kernel::{Sources, Store};

/// A frame that is not done by then is given up where it stands.
const LONGEST_CRAWL: Duration = Duration::from_secs(10);

/// How to open a domain.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// libvirt's connection URI; `None` for libvirt's own default.
    pub uri: Option<String>,
    /// A file that tells the kernel's symbols instead of the guest's memory: `System.map`, or vmlinux. `None`
    /// for what `NFM_SYMBOLS` names in the environment, if it is set.
    pub symbols: Option<PathBuf>,
    /// A file that tells the kernel's types instead of the guest's memory: vmlinux with DWARF or BTF, or raw
    /// BTF. `None` for what `NFM_TYPES` names in the environment, if it is set.
    pub types: Option<PathBuf>,
    /// The folder that is searched for the kernel's debug package where its memory tells no symbols or
    /// types. `None` for what `NFM_DEBUG_DIR` names in the environment, else `/usr/lib/debug`.
    pub debug_dir: Option<PathBuf>,
    /// Where what was learned of the kernel is kept for the next opening.
    pub cache: Cache,
    /// Cancels it from another thread.
    pub control: Option<Control>,
}

/// Where what was learned of a guest's kernel is kept for its next opening. It is checked by the kernel's
/// build id and name whenever it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cache {
    /// In the folder that `NFM_CACHE_DIR` names in the environment (nowhere, if that is empty), else in
    /// `$XDG_CACHE_HOME/nfm`, else in `/var/cache/nfm` (root) or `~/.cache/nfm`.
    #[default]
    Default,
    /// In this folder.
    At(PathBuf),
    /// Nowhere: all is learned anew.
    Off,
}

impl OpenOptions {
    /// The sources of symbols and types, for a guest.
    pub(super) fn sources(&self, guest: &DomainIdentity) -> Sources {
        let named = |own: &Option<PathBuf>, name| own.clone().or_else(|| folders::variable(name));
        let debug_folder = named(&self.debug_dir, "NFM_DEBUG_DIR");
        let cache = match &self.cache {
            Cache::Default => folders::cache(),
            Cache::At(folder) => Some(folder.clone()),
            Cache::Off => None,
        };
        // Only a guest that can be told from all others has a place in the cache.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        let guest = guest.uuid.clone().filter(|uuid| uuid.bytes().all(is_plain));
        Sources {
            symbols: named(&self.symbols, "NFM_SYMBOLS"),
            types: named(&self.types, "NFM_TYPES"),
            debug_folders: vec![debug_folder.unwrap_or_else(|| folders::DEBUG.into())],
            store: Store { imported: folders::profiles(), cache: cache.zip(guest) },
        }
    }
}

/// How to crawl.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CrawlOptions {
    /// The sections to fill.
    pub sections: Vec<Section>,
    /// A frame that is not done after this long is returned as it is, with a problem that says so.
    pub time_limit: Duration,
    /// How the guest is treated meanwhile.
    pub mode: Mode,
    /// List the threads of each process ([`crate::Process::thread_list`]).
    pub threads: bool,
    /// Tell where the pages of each mapping are ([`crate::Mapping::physical`]).
    pub physical: bool,
    /// Cancels it from another thread, and tells how far it is.
    pub control: Option<Control>,
}

/// How the guest is treated while a frame is taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mode {
    /// It runs on: what looks torn is read anew.
    #[default]
    Live,
    /// libvirt suspends it for the crawl and resumes it after, over a read-write connection. A guest
    /// whose vCPUs do not run is left as it is. If the calling process is killed in between, the guest
    /// stays suspended: see [`crate::resume_if_paused`].
    Paused,
}

impl Mode {
    /// The mode's name in [`crate::Consistency::mode`].
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Paused => "paused",
        }
    }
}

impl Default for CrawlOptions {
    fn default() -> Self {
        Self {
            sections: Section::DEFAULT.to_vec(),
            time_limit: LONGEST_CRAWL,
            mode: Mode::Live,
            threads: false,
            physical: false,
            control: None,
        }
    }
}

impl CrawlOptions {
    /// A number for what is to be read: frames of one kind read much the same pages.
    pub(super) fn kind(&self) -> u32 {
        let sections = Section::ALL.iter().enumerate();
        let wanted = sections.filter(|(_, section)| self.sections.contains(section));
        let sections = wanted.fold(0, |kind, (index, _)| kind | 1 << index);
        let details = [self.threads, self.physical];
        details.into_iter().fold(sections, |kind, detail| kind << 1 | u32::from(detail))
    }

    /// Options for these sections alone.
    pub fn sections(sections: &[Section]) -> Self {
        Self { sections: sections.to_vec(), ..Self::default() }
    }
}

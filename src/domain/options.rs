//! How to open a domain, and how to crawl it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::folders;
use crate::control::Control;
use crate::error::Result;
use crate::frame::DomainIdentity;
use crate::frame::Section;
use crate::kernel::{Sources, Store};
use crate::memory::{Limits, Optimizations};
use crate::resolve::{Libvirt, LibvirtConnection};

/// A search for the kernel that is not done by then is given up.
const LONGEST_OPENING: Duration = Duration::from_secs(10);
/// A frame that is not done by then is given up where it stands.
const LONGEST_CRAWL: Duration = Duration::from_secs(1);
/// Bytes that a frame, or an opening, may take of pages and rows.
const MOST_BYTES: usize = 64 << 20;
/// Rows that a frame may have.
const MOST_ROWS: usize = 1_000_000;

/// How to open a domain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenOptions {
    /// libvirt's connection URI; `None` for libvirt's own default.
    pub uri: Option<String>,
    /// The program's own connection to libvirt, instead of one that is made to `uri`.
    pub connection: Option<LibvirtConnection>,
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
    /// The search for the kernel in guest memory is given up after this long.
    pub time_limit: Duration,
    /// Cancels it from another thread.
    pub control: Option<Control>,
    /// The optimizations of the frames to come: all, but for measurements and tests.
    pub optimizations: Optimizations,
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
    /// The libvirt that knows the domain.
    pub(crate) fn libvirt(&self) -> Result<Libvirt> {
        match &self.connection {
            Some(connection) => Ok(Libvirt::over(connection)),
            None => Libvirt::open(self.uri.as_deref()),
        }
    }

    /// The limits of a search for the kernel that begins now.
    pub(super) fn limits(&self, now: Instant) -> Limits {
        let deadline = now.checked_add(self.time_limit);
        Limits { deadline, bytes: MOST_BYTES, rows: MOST_ROWS }
    }

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

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            uri: None,
            connection: None,
            symbols: None,
            types: None,
            debug_dir: None,
            cache: Cache::Default,
            time_limit: LONGEST_OPENING,
            control: None,
            optimizations: Optimizations::default(),
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
    /// A frame that would take more bytes than this, of guest pages that are held and of what was learned
    /// from them, ends there in the same way. Where it is only the pages that are too many, they are forgotten between two rows, and some are read twice.
    pub memory_limit: usize,
    /// A frame with so many rows, of all sections together, ends there in the same way.
    pub row_limit: usize,
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
            sections: Section::defaults().collect(),
            time_limit: LONGEST_CRAWL,
            memory_limit: MOST_BYTES,
            row_limit: MOST_ROWS,
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

    /// The limits of a crawl that begins now.
    pub(super) fn limits(&self, now: Instant) -> Limits {
        let deadline = now.checked_add(self.time_limit);
        Limits { deadline, bytes: self.memory_limit, rows: self.row_limit }
    }
}

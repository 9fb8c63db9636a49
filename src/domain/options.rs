//! How to open a domain, and how to crawl it.

use std::time::Duration;

use crate::control::Control;
use crate::crawl::Section;

/// A frame that is not done by then is given up where it stands.
const LONGEST_CRAWL: Duration = Duration::from_secs(10);

/// How to open a domain.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct OpenOptions {
    /// libvirt's connection URI; `None` for libvirt's own default.
    pub uri: Option<String>,
    /// Cancels it from another thread.
    pub control: Option<Control>,
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
            sections: Section::ALL.to_vec(),
            time_limit: LONGEST_CRAWL,
            mode: Mode::Live,
            threads: false,
            physical: false,
            control: None,
        }
    }
}

impl CrawlOptions {
    /// Options for these sections alone.
    pub fn sections(sections: &[Section]) -> Self {
        Self { sections: sections.to_vec(), ..Self::default() }
    }
}

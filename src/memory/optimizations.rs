//! Switches of what makes frames cheaper, so that each can be measured and tested by itself.

/// Work that frames save. Each switch can be turned off alone; frames tell the same either way, at another cost:
/// `docs/measurements/tricks.md` says what each saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Optimizations {
    /// Ask the CPU for memory a little before it is needed.
    pub cpu_prefetch: bool,
    /// Read the cache lines that the last frame used rather than whole pages.
    pub partial_reads: bool,
    /// Keep room for copies of pages between frames, on the host's large pages.
    pub page_pool: bool,
    /// Believe facts of a process that has not run since for up to ten seconds. `nfm check` never does.
    pub sleeper_cache: bool,
    /// Keep translations of the kernel's virtual addresses during a frame.
    pub translation_cache: bool,
}

impl Default for Optimizations {
    fn default() -> Self {
        Self {
            cpu_prefetch: true,
            partial_reads: true,
            page_pool: true,
            sleeper_cache: true,
            translation_cache: true,
        }
    }
}

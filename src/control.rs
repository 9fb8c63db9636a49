//! A hand on a call that runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::frame::Section;

/// A hand on calls that run: any thread can cancel them through it, and see how far they are. Clones are
/// the same hand. It is given to [`crate::Domain::open`] and [`crate::Domain::crawl`] with their options,
/// to one of them or to many, of one domain or of several.
///
/// ```no_run
/// let mut options = nfm::CrawlOptions::default();
/// let control = nfm::Control::default();
/// options.control = Some(control.clone());
/// std::thread::spawn(move || control.cancel());
/// # let mut domain = nfm::Domain::open("web-1", &nfm::OpenOptions::default())?;
/// match domain.crawl(&options) {
///     Err(nfm::Error::Cancelled { .. }) => println!("not wanted any more"),
///     frame => println!("{}", frame?.to_json()),
/// }
/// # Ok::<(), nfm::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Control(Arc<State>);

#[derive(Debug, Default)]
struct State {
    cancelled: AtomicBool,
    /// The place in [`Section::ALL`] of the section in work, from 1; 0 for none.
    section: AtomicU32,
    pages: AtomicU64,
}

impl Control {
    /// Cancels the calls that run with this control, and those that begin before [`Self::reset`]: they
    /// fail with [`crate::Error::Cancelled`] as soon as they would read another page of the guest. A guest
    /// that was suspended for the call is resumed first. Only stores a flag: a signal handler may do it.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    /// Lets calls run again.
    pub fn reset(&self) {
        self.0.cancelled.store(false, Ordering::Relaxed);
    }

    /// True if it was cancelled and not reset since.
    pub fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    /// The section that a crawl is at; `None` while none runs.
    pub fn section(&self) -> Option<Section> {
        let place = self.0.section.load(Ordering::Relaxed);
        Section::ALL.get(usize::try_from(place.checked_sub(1)?).ok()?).copied()
    }

    /// Guest pages that all calls with this control have read: it rises while they get on.
    pub fn pages(&self) -> u64 {
        self.0.pages.load(Ordering::Relaxed)
    }

    pub(crate) fn enter(&self, section: Option<Section>) {
        let place = section.and_then(|section| Section::ALL.iter().position(|one| *one == section));
        let place = place.map_or(0, |place| place as u32 + 1);
        self.0.section.store(place, Ordering::Relaxed);
    }

    pub(crate) fn add_pages(&self, pages: u64) {
        self.0.pages.fetch_add(pages, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_are_one_hand() {
        let control = Control::default();
        let other = control.clone();
        assert!(!control.is_cancelled());
        other.cancel();
        assert!(control.is_cancelled());
        control.reset();
        assert!(!other.is_cancelled());
        other.add_pages(3);
        assert_eq!(control.pages(), 3);
    }

    #[test]
    fn it_tells_the_section() {
        let control = Control::default();
        assert_eq!(control.section(), None);
        for section in Section::ALL {
            control.enter(Some(section));
            assert_eq!(control.section(), Some(section));
        }
        control.enter(None);
        assert_eq!(control.section(), None);
    }
}

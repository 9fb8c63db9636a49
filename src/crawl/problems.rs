//! The problems of a frame: facts that could not be read, each with the section that lacks it.

use std::cell::{Cell, RefCell};

use crate::frame::{Problem, Text};

/// Problems that a frame names; more are counted only.
const MOST_PROBLEMS: usize = 100;

/// The problems of one frame.
#[derive(Debug, Default)]
pub(super) struct Problems {
    section: Cell<&'static str>,
    named: RefCell<Vec<Problem>>,
    unnamed: Cell<usize>,
    met: Cell<u64>,
}

/// How many problems there were at some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct ProblemCount {
    named: usize,
    unnamed: usize,
}

impl Problems {
    /// Problems from here on belong to this section.
    pub fn enter(&self, section: &'static str) {
        self.section.set(section);
    }

    /// Adds one, unless it is known already.
    pub fn add(&self, reason: String, address: Option<u64>) {
        self.met.set(self.met.get().saturating_add(1));
        let problem = Problem { section: Text::fixed(self.section.get()), reason, address };
        let mut named = self.named.borrow_mut();
        if named.contains(&problem) {
            return;
        }
        if named.len() < MOST_PROBLEMS {
            named.push(problem);
        } else {
            self.unnamed.set(self.unnamed.get().saturating_add(1));
        }
    }

    /// How often a problem was added, also one that was known already.
    pub fn met(&self) -> u64 {
        self.met.get()
    }

    /// How many there are, for [`Self::take_back`].
    pub fn count(&self) -> ProblemCount {
        ProblemCount { named: self.named.borrow().len(), unnamed: self.unnamed.get() }
    }

    /// Takes back those that were added since.
    pub fn take_back(&self, before: ProblemCount) {
        self.named.borrow_mut().truncate(before.named);
        self.unnamed.set(before.unnamed);
    }

    /// All of them, for the frame.
    pub fn finish(self) -> Vec<Problem> {
        let mut problems = self.named.into_inner();
        let more = self.unnamed.get();
        if more > 0 {
            let section = Text::fixed(self.section.get());
            problems.push(Problem::more(section, more));
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_known_is_met_again_and_named_once() {
        let problems = Problems::default();
        problems.enter("files");
        problems.add("gone".to_owned(), Some(1));
        problems.add("gone".to_owned(), Some(1));
        problems.enter("mounts");
        problems.add("gone".to_owned(), Some(1));
        assert_eq!(problems.met(), 3);
        let sections: Vec<_> = problems.finish().into_iter().map(|one| one.section).collect();
        assert_eq!(sections, ["files", "mounts"]);
    }

    #[test]
    fn too_many_are_counted_and_can_be_taken_back() {
        let problems = Problems::default();
        let add = |from: usize, to: usize| {
            (from..to).for_each(|number| problems.add(number.to_string(), None));
        };
        add(0, MOST_PROBLEMS + 2);
        let before = problems.count();
        add(MOST_PROBLEMS + 2, MOST_PROBLEMS + 9);
        problems.take_back(before);
        let named = problems.finish();
        assert_eq!(named.len(), MOST_PROBLEMS + 1);
        assert_eq!(named.last().map(|last| last.reason.as_str()), Some("2 more problems"));
    }
}

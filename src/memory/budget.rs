//! Limits of what one frame, or one opening, may cost. Guest memory decides how long a list seems and how large a
//! table: a hostile guest can make us spend no more than these.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

use crate::control::Control;

/// Reads between two looks at the clock.
const READS_A_LOOK: u32 = 512;

/// How much may be spent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// When it has to be over.
    pub deadline: Option<Instant>,
    /// Bytes of guest pages and of rows together.
    pub bytes: usize,
    /// Rows.
    pub rows: usize,
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The time is over.
    Time,
    /// The memory is used up.
    Memory,
    /// The frame has as many rows as it may.
    Rows,
    /// The caller gave up.
    Cancelled,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Time => "the time limit is reached",
            Self::Memory => "the memory limit is reached",
            Self::Rows => "the row limit is reached",
            Self::Cancelled => "the call was cancelled",
        })
    }
}

/// The costs so far. Once a limit is reached, nothing more is given out.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Cell<Limits>,
    spent: Cell<Spent>,
    /// Bytes that are set aside for pages.
    pages: Cell<usize>,
    /// Bytes of the largest buffer that was asked for in this frame.
    buffer: Cell<usize>,
    /// Reads before the clock is looked at; none once a limit is reached.
    reads_left: Cell<u32>,
    reached: Cell<Option<Limit>>,
    control: RefCell<Option<Control>>,
}

/// Bytes and rows that are kept until the frame is done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spent {
    bytes: usize,
    rows: usize,
}

impl Default for Budget {
    fn default() -> Self {
        let limits = Limits { deadline: None, bytes: usize::MAX, rows: usize::MAX };
        Self {
            limits: Cell::new(limits),
            spent: Cell::default(),
            pages: Cell::default(),
            buffer: Cell::default(),
            reads_left: Cell::default(),
            reached: Cell::default(),
            control: RefCell::default(),
        }
    }
}

impl Budget {
    /// Begins anew with these limits.
    pub fn begin(&self, limits: Limits, control: Option<Control>) {
        self.control.replace(control);
        self.limits.set(limits);
        self.spent.set(Spent::default());
        self.buffer.set(0);
        self.reached.set(None);
        self.reads_left.set(READS_A_LOOK - 1);
    }

    /// The limit that was reached first.
    pub fn reached(&self) -> Option<Limit> {
        self.reached.get()
    }

    /// One more read. The clock is looked at now and then, also while every page is held already.
    #[inline]
    pub fn read(&self) -> Result<(), Limit> {
        match self.reads_left.get().checked_sub(1) {
            Some(left) => {
                self.reads_left.set(left);
                Ok(())
            }
            None => self.go_on(),
        }
    }

    #[cold]
    fn go_on(&self) -> Result<(), Limit> {
        self.look_at_clock()?;
        self.reads_left.set(READS_A_LOOK - 1);
        Ok(())
    }

    /// Fails if the caller gave up.
    pub fn check_control(&self) -> Result<(), Limit> {
        if self.control.borrow().as_ref().is_some_and(Control::is_cancelled) {
            self.reach(Limit::Cancelled);
        }
        self.reached.get().map_or(Ok(()), Err)
    }

    /// Fails if the time is over or the caller gave up.
    pub fn look_at_clock(&self) -> Result<(), Limit> {
        self.check_control()?;
        if self.limits.get().deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            self.reach(Limit::Time);
        }
        self.reached.get().map_or(Ok(()), Err)
    }

    /// Waits for the guest to change, as long as there is time.
    pub fn wait(&self, time: Duration) {
        // Nobody changes this memory: a crawl would wait in vain.
        if cfg!(feature = "fuzzing") {
            return;
        }
        let left =
            self.limits.get().deadline.map(|end| end.saturating_duration_since(Instant::now()));
        std::thread::sleep(left.map_or(time, |left| left.min(time)));
    }

    /// Bytes that are kept until the frame is done.
    pub fn keep(&self, bytes: usize) -> Result<(), Limit> {
        self.spend(Spent { bytes, rows: 0 })
    }

    /// A row of so many bytes.
    pub fn row(&self, bytes: usize) -> Result<(), Limit> {
        self.spend(Spent { bytes, rows: 1 })
    }

    fn spend(&self, more: Spent) -> Result<(), Limit> {
        let (limits, mut spent) = (self.limits.get(), self.spent.get());
        spent.bytes = spent.bytes.saturating_add(more.bytes);
        spent.rows = spent.rows.saturating_add(more.rows);
        let aside = self.pages.get().saturating_add(self.buffer.get());
        if spent.bytes.saturating_add(aside) > limits.bytes {
            self.reach(Limit::Memory);
        } else if spent.rows > limits.rows {
            self.reach(Limit::Rows);
        }
        if let Some(limit) = self.reached.get() {
            return Err(limit);
        }
        self.spent.set(spent);
        Ok(())
    }

    /// Makes room for so many bytes in a buffer that the tasks of a frame share. The most that one of them needs is
    /// charged, once: [`Self::restore`] does not give it back, since the buffer stays as large as it is.
    pub fn buffer(&self, bytes: usize) -> Result<(), Limit> {
        self.buffer.set(self.buffer.get().max(bytes));
        self.keep(0)
    }

    /// The costs so far, for [`Self::restore`].
    pub fn spent(&self) -> Spent {
        self.spent.get()
    }

    /// Takes the costs back that came after these.
    pub fn restore(&self, spent: Spent) {
        self.spent.set(spent);
    }

    /// The same where a limit ended what was tried; false if nothing else can be tried either, as none was reached
    /// or there is no time left.
    pub fn reopen(&self, spent: Spent) -> bool {
        let reached = self.reached.get();
        let opens = matches!(reached, Some(Limit::Memory | Limit::Rows));
        if opens {
            self.restore(spent);
            self.reached.set(None);
        }
        opens
    }

    /// Tells whoever watches that pages were read.
    pub fn count_pages(&self, pages: u64) {
        if let Some(control) = self.control.borrow().as_ref() {
            control.add_pages(pages);
        }
    }

    /// Bytes that are set aside for pages: they are none for rows.
    pub fn set_pages(&self, bytes: usize) {
        self.pages.set(bytes);
    }

    /// The limit of memory, in bytes.
    pub fn bytes(&self) -> usize {
        self.limits.get().bytes
    }

    /// Ends the frame.
    pub fn reach(&self, limit: Limit) {
        if self.reached.get().is_none() {
            self.reached.set(Some(limit));
            self.reads_left.set(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(bytes: usize, rows: usize) -> Budget {
        let budget = Budget::default();
        budget.begin(Limits { deadline: None, bytes, rows }, None);
        budget
    }

    #[test]
    fn the_first_limit_that_is_reached_ends_all() {
        let budget = limits(100, 2);
        assert_eq!(budget.row(40), Ok(()));
        assert_eq!(budget.row(40), Ok(()));
        budget.set_pages(10);
        assert_eq!(budget.keep(9), Ok(()));
        assert_eq!(budget.row(1), Err(Limit::Rows));
        assert_eq!(budget.keep(1), Err(Limit::Rows));
        assert_eq!(budget.read(), Err(Limit::Rows));
        assert_eq!(limits(100, 2).keep(101), Err(Limit::Memory));
    }

    #[test]
    fn what_is_given_up_can_be_spent_again() {
        let budget = limits(100, 9);
        let before = budget.spent();
        for _ in 0..10 {
            assert_eq!(budget.keep(60), Ok(()));
            budget.restore(before);
        }
        assert_eq!(budget.reached(), None);
    }

    #[test]
    fn a_buffer_is_charged_for_its_largest_use() {
        let budget = limits(100, 9);
        let before = budget.spent();
        assert_eq!(
            (budget.buffer(60), budget.buffer(40), budget.keep(40)),
            (Ok(()), Ok(()), Ok(()))
        );
        budget.restore(before);
        assert_eq!((budget.keep(40), budget.buffer(61)), (Ok(()), Err(Limit::Memory)));
        budget.begin(Limits { deadline: None, bytes: 100, rows: 9 }, None);
        assert_eq!(budget.keep(100), Ok(()));
    }

    #[test]
    fn only_what_is_no_limit_of_time_can_be_tried_otherwise() {
        let budget = limits(100, 9);
        let before = budget.spent();
        assert!(!budget.reopen(before));
        assert_eq!(budget.keep(101), Err(Limit::Memory));
        assert!(budget.reopen(before));
        assert_eq!((budget.read(), budget.keep(60)), (Ok(()), Ok(())));
        budget.reach(Limit::Time);
        assert!(!budget.reopen(before));
        assert_eq!(budget.reached(), Some(Limit::Time));
    }

    #[test]
    fn the_clock_is_looked_at_without_new_pages() {
        let budget = limits(100, 9);
        let deadline = Some(Instant::now());
        budget.begin(Limits { deadline, bytes: 100, rows: 9 }, None);
        let reads = (0..2 * READS_A_LOOK).take_while(|_| budget.read().is_ok());
        assert!(reads.count() < READS_A_LOOK as usize);
    }
}

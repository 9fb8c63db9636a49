//! Lists in the guest's memory: linked structures, walked within bounds.

use std::time::Duration;

use super::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// Entries that a list may have before it counts as endless.
const LONGEST_LIST: usize = 1 << 20;
/// Walks of one list before the longest of them must do. The first ones follow one another: a list that grows and
/// shrinks 700 times a second meanwhile is met at rest by one of them.
const WALKS: u32 = 10;
/// Walks after which each wait is four times the one before.
const QUICK_WALKS: u32 = 4;
/// Time that one frame gives the guest to settle, over all its lists: who breaks many of them must not
/// use up the frame's time so.
const LONGEST_WAIT: Duration = Duration::from_millis(60);
/// Bytes that an entry of a list costs while it is looked at.
const ENTRY_COST: usize = 16;

/// How a list is linked. In both kinds an entry has the next one's address first, then the address of where its own
/// stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListKind {
    /// `struct list_head`: the last entry leads back to the head.
    Circular,
    /// `struct hlist_node`: the last entry leads nowhere.
    OpenEnded,
}

/// Tells whether a walk along links meets itself: it is at one place after each power of two of steps, and there
/// again (Brent's algorithm), so that nothing is kept and no length is too long.
pub(crate) struct Walk<T> {
    mark: T,
    steps: usize,
}

impl<T: PartialEq> Walk<T> {
    /// A walk that begins here.
    pub fn new(start: T) -> Self {
        Self { mark: start, steps: 0 }
    }

    /// Steps so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The walk comes here, from its beginning on.
    ///
    /// # Errors
    /// It was here before.
    pub fn step(&mut self, here: T, what: &'static str, address: u64) -> ReadResult<()> {
        if self.steps > 0 && self.mark == here {
            return Err(ReadError::Nonsense { what, address });
        }
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.mark = here;
        }
        Ok(())
    }
}

impl Reader<'_> {
    /// The structures of a doubly linked list (`struct list_head`), its head left out. Each link is
    /// checked against the one back. A list that changes under the walk is walked anew on fresh pages;
    /// one that stays broken gives what was reached, and a problem that says so.
    pub fn list(&self, what: &str, head: u64, node: Field) -> Vec<u64> {
        self.list_of(what, head, node, |entry| entry)
    }

    /// The same, and what of each structure is looked at while the walk is there.
    pub fn list_of<T>(
        &self,
        what: &str,
        head: u64,
        node: Field,
        look: impl FnMut(u64) -> T,
    ) -> Vec<T> {
        let walked = self.walks(ListKind::Circular, head, node, look);
        self.as_far_as_reached(what, walked)
    }

    /// The structures of a list whose head is one pointer (`struct hlist_head`), as [`Self::list`] has those of the
    /// other kind. `head` is the address of that pointer.
    pub fn hlist(&self, what: &str, head: u64, node: Field) -> Vec<u64> {
        let walked = self.walks(ListKind::OpenEnded, head, node, |entry| entry);
        self.as_far_as_reached(what, walked)
    }

    fn as_far_as_reached<T>(&self, what: &str, walked: (Vec<T>, ReadResult<()>)) -> Vec<T> {
        let (entries, done) = walked;
        if let Err(error) = done {
            let reached = entries.len();
            let reason = format!("{what}: the list breaks off after {reached} entries: {error}");
            self.broken(error, reason);
        }
        entries
    }

    /// The same of a list of which a part is worth nothing: that over which something is summed up.
    pub fn whole_list(&self, head: u64, node: Field) -> ReadResult<Vec<u64>> {
        let (entries, done) = self.walks(ListKind::Circular, head, node, |entry| entry);
        done.map(|()| entries)
    }

    /// Walks a list until a walk comes to its end; gives the longest walk, and why it broke off.
    fn walks<T>(
        &self,
        kind: ListKind,
        head: u64,
        node: Field,
        mut look: impl FnMut(u64) -> T,
    ) -> (Vec<T>, ReadResult<()>) {
        let mut best = Vec::new();
        let before = self.space.budget().spent();
        let mut walk = 1;
        loop {
            let mut entries = Vec::new();
            let done = self.walk_list(kind, head, node, |entry| entries.push(look(entry)));
            let Err(error) = done else { return (entries, Ok(())) };
            self.space.budget().restore(before);
            if entries.len() >= best.len() {
                best = entries;
            }
            let settled = self.waited.get() >= LONGEST_WAIT;
            let last = walk == WALKS || settled || matches!(error, ReadError::NoMember(_));
            if last || error.is_final() {
                return (best, Err(error));
            }
            self.forget();
            // A guest's CPU may have been taken away in the middle of a change: give it time.
            let wait = Duration::from_micros(20 << (2 * walk.saturating_sub(QUICK_WALKS)));
            self.waited.set(self.waited.get().saturating_add(wait));
            self.space.budget().wait(wait);
            walk += 1;
        }
    }

    fn walk_list(
        &self,
        kind: ListKind,
        head: u64,
        node: Field,
        mut visit: impl FnMut(u64),
    ) -> ReadResult<()> {
        let (mut here, mut length) = (head, 0);
        loop {
            let next = self.u64_at(here)?;
            if kind == ListKind::OpenEnded && next == 0 {
                return Ok(());
            }
            let back = self.u64_at(next.wrapping_add(8))?;
            if back != here {
                return Err(ReadError::Nonsense {
                    what: "a link does not lead back",
                    address: next,
                });
            }
            if kind == ListKind::Circular && next == head {
                return Ok(());
            }
            if length >= LONGEST_LIST {
                return Err(ReadError::Nonsense { what: "the list does not end", address: next });
            }
            self.keep(ENTRY_COST)?;
            self.space.may_move_on_to(next);
            visit(self.container(next, node)?);
            length += 1;
            here = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Walk;

    #[test]
    fn a_walk_in_a_circle_ends() {
        for (lead, circle) in [(0, 1), (0, 2), (1, 1), (5, 7), (600, 1), (2000, 300)] {
            let places = (0_u64..).map(|step| match step < lead {
                true => step,
                false => lead + (step - lead) % circle,
            });
            let mut walk = Walk::new(0);
            let steps = places.take_while(|place| walk.step(*place, "", 0).is_ok()).count() as u64;
            assert!(
                steps >= lead + circle && steps <= 4 * (lead + circle),
                "{lead}, {circle}: {steps}"
            );
        }
        let mut walk = Walk::new(0);
        assert!((0..100_000).all(|place| walk.step(place, "", 0).is_ok()));
    }
}

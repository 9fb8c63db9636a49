//! The command lines of processes: `get_mm_cmdline` (fs/proc/base.c), with spaces for the NULs between arguments.
//! Four of the five pages that one takes are page tables; they are not read again for a process that has not run since.

use super::reader::{Context, ReadError, ReadResult};
use super::resident::{self, State};
use super::reuse::Kept;
use crate::frame::Text;
use crate::memory::PAGE_SIZE;

/// Bytes of a command line that are kept.
const LONGEST: u64 = 128 << 10;
/// Bytes of all those together that are remembered.
const MOST_BYTES: usize = 4 << 20;

/// A command line that lies in one page, and where it was found.
#[derive(Debug)]
struct Found {
    /// Of its process. Its page tables are as they were while that is the same; see [`State`].
    state: State,
    /// Whether the state was the same in a frame before that in which it was found. Within one frame it may have been
    /// read later.
    steady: bool,
    start: u64,
    end: u64,
    /// The guest-physical address.
    physical: u64,
    text: Text,
}

/// Where the command lines of processes were found.
#[derive(Debug, Default)]
pub(super) struct CommandLines {
    kept: Kept<Found>,
    /// Bytes of those that this frame keeps.
    bytes: usize,
}

impl CommandLines {
    /// A frame of processes begins: of processes that the last one did not meet nothing is kept.
    pub fn begin(&mut self) {
        self.kept.begin();
        self.bytes = 0;
    }

    /// What the last frame found, of a process that has not run since.
    fn before(&mut self, state: State, start: u64, end: u64) -> Option<Found> {
        let found = self.kept.take(state.task())?;
        (found.state == state && found.start == start && found.end == end).then_some(found)
    }

    fn keep(&mut self, found: Found) {
        let cost = std::mem::size_of::<Found>() + found.text.len();
        self.bytes = self.bytes.saturating_add(cost);
        if self.bytes <= MOST_BYTES {
            self.kept.keep(found.state.task(), found);
        }
    }
}

/// The command line of a task with this address space.
pub(super) fn of(context: &Context, task: u64, mm: Option<u64>) -> ReadResult<Text> {
    let Some(mm) = mm else { return Ok(Text::default()) };
    let layout = &context.layout.process.mm;
    let start = context.unsigned(mm, layout.arg_start)?;
    let end = context.unsigned(mm, layout.arg_end)?;
    if end <= start {
        return Ok(Text::default());
    }
    let in_page = start & (PAGE_SIZE as u64 - 1);
    let is_short = end - start <= PAGE_SIZE as u64 - in_page;
    let Some(state) = resident::state(context, task, mm).filter(|_| is_short) else {
        return context.kept(read(context, mm, start, end)?.0);
    };
    let before = context.reuse.command_lines.borrow_mut().before(state, start, end);
    let steady = before.is_some();
    let found = match before.filter(|before| before.steady && is_there(context, before)) {
        Some(before) => before,
        None => {
            let (text, is_plain) = read(context, mm, start, end)?;
            if !is_plain {
                return context.kept(text);
            }
            let physical = context.user_space(mm)?.translate(start)?;
            Found { state, steady, start, end, physical, text }
        }
    };
    let text = found.text.clone();
    context.reuse.command_lines.borrow_mut().keep(found);
    context.kept(text)
}

/// Whether the same text is where it was found. Were its page moved, another's would be there.
fn is_there(context: &Context, found: &Found) -> bool {
    context.gather(|bytes| {
        bytes.resize((found.end - found.start) as usize, 0);
        if !context.space.read_physical(found.physical, bytes) || bytes.last() != Some(&0) {
            return false;
        }
        tidy(bytes);
        bytes == found.text.as_bytes()
    })
}

/// The command line, and whether it is just the bytes between start and end.
fn read(context: &Context, mm: u64, start: u64, end: u64) -> ReadResult<(Text, bool)> {
    let layout = &context.layout.process.mm;
    let space = context.user_space(mm)?;
    let length = (end - start).min(LONGEST);
    context.gather(|bytes| {
        bytes.resize(length as usize, 0);
        space.read(start, bytes).map_err(ReadError::Fault)?;
        let is_plain = bytes.last() == Some(&0);
        if !is_plain && length == end - start {
            // setproctitle(3) wrote over the last NUL: one string, perhaps on into the environment.
            let env_start = context.unsigned(mm, layout.env_start)?;
            let longest = match env_start == end {
                true => context.unsigned(mm, layout.env_end)?.saturating_sub(start),
                false => length,
            };
            *bytes = context.until_nul(&space, start, longest.min(4096) as usize)?;
        }
        tidy(bytes);
        Ok((Text::from_bytes(bytes), is_plain))
    })
}

/// Spaces for the NULs between arguments, and nothing for those behind the last.
fn tidy(bytes: &mut Vec<u8>) {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(switches: u64, steady: bool) -> Found {
        let (state, text) = (State::asleep(switches), Text::fixed("init"));
        Found { state, steady, start: 16, end: 21, physical: 0x5010, text }
    }

    #[test]
    fn what_ran_or_has_other_arguments_is_not_known() {
        let mut lines = CommandLines::default();
        let mut again = |switches, end| {
            lines.begin();
            lines.keep(found(7, true));
            lines.begin();
            lines.before(State::asleep(switches), 16, end).is_some()
        };
        assert!(again(7, 21));
        assert!(!again(8, 21));
        assert!(!again(7, 22));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut lines = CommandLines::default();
        lines.begin();
        lines.bytes = MOST_BYTES;
        lines.keep(found(7, true));
        assert!(lines.kept.is_empty());
    }
}

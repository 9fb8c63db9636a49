//! The command lines of processes: `get_mm_cmdline` (fs/proc/base.c), with spaces for the NULs between arguments.

use super::reader::{Context, ReadError, ReadResult};
use crate::frame::Text;

/// Bytes of a command line that are kept.
const LONGEST: u64 = 128 << 10;

/// The command line of a process with this address space.
pub(super) fn of(context: &Context, mm: Option<u64>) -> ReadResult<Text> {
    let Some(mm) = mm else { return Ok(Text::default()) };
    let layout = &context.layout.process.mm;
    let start = context.unsigned(mm, layout.arg_start)?;
    let end = context.unsigned(mm, layout.arg_end)?;
    if end <= start {
        return Ok(Text::default());
    }
    let space = context.user_space(mm)?;
    let length = (end - start).min(LONGEST);
    context.gather(|bytes| {
        bytes.resize(length as usize, 0);
        space.read(start, bytes).map_err(ReadError::Fault)?;
        if bytes.last() != Some(&0) && length == end - start {
            // setproctitle(3) wrote over the last NUL: one string, perhaps on into the environment.
            let env_start = context.unsigned(mm, layout.env_start)?;
            let longest = match env_start == end {
                true => context.unsigned(mm, layout.env_end)?.saturating_sub(start),
                false => length,
            };
            *bytes = context.until_nul(&space, start, longest.min(4096) as usize)?;
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        context.kept(Text::from_bytes(bytes))
    })
}

//! The command lines of processes: `get_mm_cmdline` (fs/proc/base.c), with spaces for the NULs between arguments.

use super::reader::{ReadResult, Reader};
use crate::frame::Text;
use crate::memory::PAGE_SIZE;
use crate::paging::AddressSpace;

/// Bytes of a command line that are shown. The kernel shows all, and takes up to 6 MiB (`bprm_stack_limits`, fs/exec.c).
const LONGEST: u64 = 128 << 10;

/// The command line of a process with this address space.
pub(super) fn of(reader: &Reader, mm: Option<u64>) -> ReadResult<Text> {
    let Some(mm) = mm else { return Ok(Text::default()) };
    let layout = &reader.layout.process.mm;
    let start = reader.unsigned(mm, layout.arg_start)?;
    let end = reader.unsigned(mm, layout.arg_end)?;
    if end <= start {
        return Ok(Text::default());
    }
    let space = reader.user_space(mm)?;
    let length = (end - start).min(LONGEST);
    reader.gather(|bytes| {
        bytes.resize(length as usize, 0);
        let missing = fill(&space, start, bytes).err();
        if let Some(error) = missing.filter(|error| bytes.is_empty() || error.is_final()) {
            return Err(error);
        }
        if let Some(error) = missing {
            let read = bytes.len();
            reader.broken(error, format!("a command line is cut after {read} bytes: {error}"));
        } else if length < end - start {
            reader.problem(format!("a command line is cut after {LONGEST} bytes"), Some(mm));
        } else if bytes.last() != Some(&0) {
            // setproctitle(3) wrote over the last NUL: one string, perhaps on into the environment.
            let env_start = reader.unsigned(mm, layout.env_start)?;
            let longest = match env_start == end {
                true => reader.unsigned(mm, layout.env_end)?.saturating_sub(start),
                false => length,
            };
            *bytes = reader.until_nul(&space, start, longest.min(4096) as usize)?;
        }
        while bytes.last() == Some(&0) {
            bytes.pop();
        }
        bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b' ');
        reader.kept(Text::from_bytes(bytes))
    })
}

/// Fills the bytes page by page; what cannot be read ends them.
fn fill(space: &AddressSpace, start: u64, bytes: &mut Vec<u8>) -> ReadResult<()> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        let address = start.wrapping_add(done as u64);
        let length = rest.len().min(PAGE_SIZE - (address as usize & (PAGE_SIZE - 1)));
        let read = space.read(address, rest.get_mut(..length).unwrap_or_default());
        if let Err(fault) = read {
            bytes.truncate(done);
            return Err(fault.into());
        }
        done += length;
    }
    Ok(())
}

//! The first instructions of a function: where a jump or a call written over them leads.

use crate::crawl::reader::{ReadResult, Reader};

/// Bytes that are looked at.
const BYTES: usize = 32;
/// Instructions without effect at a function's beginning (arch/x86/include/asm/{ibt,nops}.h): ENDBR64, ENDBR64 that
/// was taken back (in two ways), and the places of ftrace's calls.
const NOTHING: [&[u8]; 5] = [
    &[0xf3, 0x0f, 0x1e, 0xfa],
    &[0x66, 0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0xd6],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x66, 0x66, 0x66, 0x90],
];

/// An instruction that leads elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// A call, as ftrace writes one.
    Call(u64),
    /// A jump, or a return to an address that was just pushed.
    Jump(u64),
    /// A breakpoint.
    Breakpoint,
}

/// Branches that lead elsewhere in the first instructions of a function, each with its place.
pub(super) fn leads(reader: &Reader, function: u64) -> ReadResult<Vec<(u64, Leads)>> {
    // Shorter at a border to memory that is not mapped.
    let bytes = reader
        .bytes_at(function, BYTES)
        .or_else(|_| reader.bytes_at(function, 4096 - (function as usize & 4095)))?;
    Ok(decode(function, &bytes, |address| reader.u64_at(address).ok()))
}

fn decode(start: u64, bytes: &[u8], word: impl Fn(u64) -> Option<u64>) -> Vec<(u64, Leads)> {
    let mut found = Vec::new();
    let (mut here, mut rest) = (start, bytes);
    loop {
        let length = match rest {
            [0xe8, ..] => {
                let Some(target) = relative(here, rest) else { return found };
                found.push((here, Leads::Call(target)));
                5
            }
            _ => match NOTHING.iter().find(|nothing| rest.starts_with(nothing)) {
                Some(nothing) => nothing.len(),
                None => {
                    found.extend(jump(here, rest, word).map(|leads| (here, leads)));
                    return found;
                }
            },
        };
        here = here.wrapping_add(length as u64);
        rest = rest.get(length..).unwrap_or_default();
    }
}

/// The jumps that are written over functions.
fn jump(here: u64, code: &[u8], word: impl Fn(u64) -> Option<u64>) -> Option<Leads> {
    let absolute = |at: usize| code.get(at..)?.first_chunk().map(|b| u64::from_le_bytes(*b));
    match code {
        [0xcc, ..] => Some(Leads::Breakpoint),
        [0xe9, ..] => relative(here, code).map(Leads::Jump),
        [0xeb, near, ..] => {
            let distance = i64::from(*near as i8);
            Some(Leads::Jump(here.wrapping_add(2).wrapping_add_signed(distance)))
        }
        // jmp *distance(%rip)
        [0xff, 0x25, rest @ ..] => {
            let distance = i64::from(i32::from_le_bytes(*rest.first_chunk()?));
            word(here.wrapping_add(6).wrapping_add_signed(distance)).map(Leads::Jump)
        }
        // push $address; ret
        [0x68, rest @ ..] if rest.get(4) == Some(&0xc3) => {
            Some(Leads::Jump(i64::from(i32::from_le_bytes(*rest.first_chunk()?)) as u64))
        }
        // movabs $address, %register; then jmp *%register, or push %register; ret
        [0x48 | 0x49, 0xb8..=0xbf, ..] => match code.get(10..)? {
            [0xff, 0xe0..=0xe7, ..]
            | [0x41, 0xff, 0xe0..=0xe7, ..]
            | [0x50..=0x57, 0xc3, ..]
            | [0x41, 0x50..=0x57, 0xc3, ..] => absolute(2).map(Leads::Jump),
            _ => None,
        },
        _ => None,
    }
}

/// The target of an instruction of one byte and a distance.
fn relative(here: u64, code: &[u8]) -> Option<u64> {
    let distance = i64::from(i32::from_le_bytes(*code.get(1..)?.first_chunk()?));
    Some(here.wrapping_add(5).wrapping_add_signed(distance))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 0xffff_ffff_8100_0000;

    fn only(code: &[u8]) -> Vec<(u64, Leads)> {
        decode(START, code, |address| Some(address ^ 1))
    }

    #[test]
    fn what_is_written_over_a_function_is_seen() {
        let jump = |offset: u64, target: u64| vec![(START + offset, Leads::Jump(target))];
        assert_eq!(only(&[0xe9, 0x10, 0, 0, 0]), jump(0, START + 0x15));
        assert_eq!(only(&[0xe9, 0xfb, 0xff, 0xff, 0xff]), jump(0, START));
        assert_eq!(only(&[0xf3, 0x0f, 0x1e, 0xfa, 0xeb, 0xfe]), jump(4, START + 4));
        assert_eq!(only(&[0xff, 0x25, 2, 0, 0, 0]), jump(0, (START + 8) ^ 1));
        assert_eq!(only(&[0x68, 0, 0, 0, 0xc0, 0xc3]), jump(0, 0xffff_ffff_c000_0000));
        let address = 0xffff_ffff_c012_3456_u64.to_le_bytes();
        for (mov, rest) in [
            ([0x48, 0xb8], [0xff, 0xe0].as_slice()),
            ([0x49, 0xbb], &[0x41, 0xff, 0xe3]),
            ([0x48, 0xb8], &[0x50, 0xc3]),
        ] {
            let code = [mov.as_slice(), &address, rest].concat();
            assert_eq!(only(&code), jump(0, 0xffff_ffff_c012_3456), "{code:x?}");
        }
        let traced = [0x66, 0x0f, 0x1f, 0, 0xe8, 1, 0, 0, 0, 0xcc];
        assert_eq!(
            only(&traced),
            [(START + 4, Leads::Call(START + 10)), (START + 9, Leads::Breakpoint)]
        );
    }

    #[test]
    fn what_compilers_write_is_left_alone() {
        // As `__x64_sys_kill` of 5.10 and 6.12 begins.
        let code = [0x66, 0x66, 0x66, 0x66, 0x90, 0x41, 0x55, 0xb9, 6, 0, 0, 0, 0x31, 0xd2];
        assert_eq!(only(&code), []);
        let code = [0xf3, 0x0f, 0x1e, 0xfa, 0x0f, 0x1f, 0x44, 0, 0, 0x41, 0x54, 0xb9, 5];
        assert_eq!(only(&code), []);
        // A movabs that no jump follows.
        assert_eq!(only(&[0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0x48, 0x89, 0x07]), []);
        for length in 0..10 {
            assert_eq!(only(&[0xe9, 0, 0, 0, 0][..length.min(4)]), [], "cut off");
        }
        assert_eq!(only(&[0x48, 0xb8, 1]), []);
    }
}

//! Flags whose bits' numbers an enumeration of the kernel tells.

use crate::crawl::{ReadError, ReadResult};

/// The value of a flag by its bit's number, which an enumeration tells.
pub(super) fn bit(number: Option<i64>) -> ReadResult<u64> {
    let number = number.and_then(|number| u32::try_from(number).ok());
    let bit = number.and_then(|number| 1_u64.checked_shl(number));
    bit.ok_or(ReadError::NoMember("a flag of the page cache"))
}

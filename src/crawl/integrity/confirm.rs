//! Several looks at a guest that runs on, and walks as the kernel itself makes them.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashSet;

use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::layout::Field;

/// Looks in which a finding must be.
const LOOKS: u32 = 4;
/// Looks in all, those included that met memory in the middle of a change.
const MOST_LOOKS: u32 = 12;
/// Between the first looks; the next waits are 4 and 16 times as long.
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
/// Entries that a list may have.
const LONGEST_LIST: usize = 1 << 18;

/// Findings that several looks agree on.
pub(super) struct Confirmed<K, V> {
    /// The findings, by what tells them apart.
    pub found: BTreeMap<K, V>,
    /// Memory that cannot be read was passed over, so that this is not all.
    pub unread: Option<ReadError>,
}

/// The findings that are in every one of several looks at fresh memory. A look is given what was found so far. One
/// that ends in an error says nothing, and is made anew. A look finds nothing by the absence of what it could not
/// read; that it passed over such memory is told with what it found.
///
/// # Errors
/// The last look's, when too few looks came to an end.
pub(super) fn confirmed<K: Ord, V>(
    reader: &Reader,
    mut look: impl FnMut(&BTreeMap<K, V>) -> ReadResult<BTreeMap<K, V>>,
) -> ReadResult<Confirmed<K, V>> {
    let mut found: Option<BTreeMap<K, V>> = None;
    let mut looks = 0;
    let mut trouble = None;
    // A pointer that is just being changed may lead to such memory once, but not twice in a row.
    let mut was_unread = false;
    for attempt in 0..MOST_LOOKS {
        if attempt > 0 {
            reader.forget();
            // A guest's CPU may have been taken away in the middle of a change: give it time.
            reader.space.budget().wait(SHORTEST_WAIT * (1 << (2 * attempt.min(3) - 2)));
        }
        let before = found.take().unwrap_or_default();
        reader.begin_steps();
        let absences = reader.absences();
        let result = look(&before);
        let unread = reader.unread_since(absences);
        let is_settled = unread.is_none() || was_unread;
        was_unread = unread.is_some();
        match result {
            Ok(now) if looks == 0 => found = Some(now),
            Ok(mut now) => {
                now.retain(|key, _| before.contains_key(key));
                found = Some(now);
            }
            Err(error) => {
                if error.is_final() || error.is_lack() || (error.is_unreadable() && is_settled) {
                    return Err(error);
                }
                trouble = Some(error);
                found = Some(before);
                continue;
            }
        }
        looks += 1;
        let is_done = looks >= LOOKS || found.as_ref().is_some_and(BTreeMap::is_empty);
        if is_done && is_settled {
            return Ok(Confirmed { found: found.unwrap_or_default(), unread });
        }
    }
    Err(trouble.unwrap_or(ReadError::Nonsense { what: "it does not rest", address: 0 }))
}

/// The structures of a doubly linked list by its forward links, which is how the kernel walks it: a link
/// back that lies does not hide anything there. What was reached, and why not all was.
pub(super) fn forward(reader: &Reader, head: u64, node: Field) -> (Vec<u64>, ReadResult<()>) {
    let mut entries = Vec::new();
    let walked = chain(reader, head, 0, head, |link| {
        entries.push(reader.container(link, node)?);
        Ok(())
    });
    (entries, walked)
}

/// All structures of such a list, or an error.
pub(super) fn whole(reader: &Reader, head: u64, node: Field) -> ReadResult<Vec<u64>> {
    let (entries, walked) = forward(reader, head, node);
    walked.map(|()| entries)
}

/// `None` for what cannot be read: the look goes on without it, and [`confirmed`] tells of it.
pub(super) fn readable<T>(result: ReadResult<T>) -> ReadResult<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_unreadable() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Visits the links of a chain until `end`. `first` is where the first link stands, `next` where in what
/// a link leads to the next one does.
pub(super) fn chain(
    reader: &Reader,
    first: u64,
    next: u64,
    end: u64,
    mut visit: impl FnMut(u64) -> ReadResult<()>,
) -> ReadResult<()> {
    let mut seen = FxHashSet::default();
    let mut link = reader.u64_at(first)?;
    while link != end {
        if !seen.insert(link) || seen.len() > LONGEST_LIST {
            return Err(ReadError::Nonsense { what: "the list does not end", address: link });
        }
        reader.step(link)?;
        visit(link)?;
        link = reader.u64_at(link.wrapping_add(next))?;
    }
    Ok(())
}

/// The address of an element of an array member.
pub(super) fn slot(reader: &Reader, base: u64, field: Field, index: u32) -> ReadResult<u64> {
    let member = field.member().ok_or(ReadError::NoMember(field.name))?;
    let stride = member.size.checked_div(member.elements).unwrap_or(0);
    if index >= member.elements {
        return Err(ReadError::NoMember(field.name));
    }
    Ok(reader.at(base, field)?.wrapping_add(u64::from(index) * u64::from(stride)))
}

/// How many elements an array member has.
pub(super) fn slots(field: Field) -> ReadResult<u32> {
    Ok(field.member().ok_or(ReadError::NoMember(field.name))?.elements)
}

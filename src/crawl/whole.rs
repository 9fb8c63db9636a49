//! Tables and trees that are read as a whole: what changes meanwhile is read anew.

use super::read_error::ReadError;
use super::reader::{ReadResult, Reader};

/// Readings of one table before what was reached must do.
const READINGS: u32 = 4;

/// Bytes that a pointer of an array costs while it is followed.
const POINTER_COST: usize = 16;

/// The entries that `read` adds. A table that looks torn is read anew on fresh pages; one that stays so gives what the
/// last reading reached, and a problem that says so.
pub(super) fn whole<T>(
    reader: &Reader,
    what: &str,
    read: impl Fn(&mut Vec<T>) -> ReadResult<()>,
) -> Vec<T> {
    let before = reader.space.budget().spent();
    let mut reading = 1;
    loop {
        let (torn, said) = (reader.torn(), reader.problems.count());
        let mut entries = Vec::new();
        let done = read(&mut entries);
        let settled = done.is_ok() && reader.torn() == torn;
        let hopeless = done.is_err_and(|error| error.is_final() || error.is_lack());
        if settled || hopeless || reading == READINGS {
            if let Err(error) = done {
                let reached = entries.len();
                let reason = format!("{what}: it breaks off after {reached} entries: {error}");
                reader.broken(error, reason);
            }
            return entries;
        }
        reader.problems.take_back(said);
        reader.space.budget().restore(before);
        reader.forget();
        reading += 1;
    }
}

/// The pointers of an array that are not NULL, each with its place in it.
pub(super) fn pointers(reader: &Reader, first: u64, count: u64) -> ReadResult<Vec<(u64, u64)>> {
    if !first.is_multiple_of(8) {
        return Err(ReadError::Nonsense { what: "an array of pointers is askew", address: first });
    }
    let mut found = Vec::new();
    reader.space.words(first, count, 8, |place, pointer| {
        if pointer != 0 {
            reader.keep(POINTER_COST)?;
            found.push((place, pointer));
        }
        Ok::<_, ReadError>(())
    })?;
    Ok(found)
}

//! Parts of a call's bytes that could not be read, and why.

/// A part of a call's bytes that could not be read: they are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AbsentMemory {
    /// Where in the caller's bytes it begins.
    pub offset: usize,
    /// How many bytes it has.
    pub length: usize,
    /// Why it is not there.
    pub reason: Absence,
}

/// Why memory is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Absence {
    /// No RAM lies there, or the host or the dump has it not.
    NotRam,
    /// The process has no page there: no mapping, or one that it has not touched yet.
    NotMapped,
    /// The page is in the guest's swap.
    Swapped,
    /// The page moved, or changed, whenever it was looked at.
    Moving,
    /// The page of a file is not in the guest's page cache: it may be on its disk.
    NotCached,
}

impl Absence {
    /// The reason in words.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotRam => "no readable RAM",
            Self::NotMapped => "not mapped",
            Self::Swapped => "in the guest's swap",
            Self::Moving => "moved while it was read",
            Self::NotCached => "not in the guest's page cache",
        }
    }
}

/// The parts that are absent, neighbours put together.
#[derive(Default)]
pub(crate) struct Absences(Vec<AbsentMemory>);

impl Absences {
    /// Adds a part behind the others.
    pub fn add(&mut self, offset: usize, length: usize, reason: Absence) {
        match self.0.last_mut() {
            Some(last) if last.reason == reason && last.offset + last.length == offset => {
                last.length += length;
            }
            _ => self.0.push(AbsentMemory { offset, length, reason }),
        }
    }

    /// All parts.
    pub fn into_parts(self) -> Vec<AbsentMemory> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_that_are_absent_for_one_reason_are_one() {
        let mut absent = Absences::default();
        for (offset, reason) in [
            (0, Absence::NotRam),
            (10, Absence::NotRam),
            (20, Absence::Swapped),
            (40, Absence::Swapped),
        ] {
            absent.add(offset, 10, reason);
        }
        let parts: Vec<_> =
            absent.into_parts().iter().map(|part| (part.offset, part.length)).collect();
        assert_eq!(parts, [(0, 20), (20, 10), (40, 10)]);
    }
}

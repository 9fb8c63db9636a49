//! The newest rows of each section of one guest, kept as columns: who serves frames, and who gets them served, makes
//! whole frames of them.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use nfm_frame::{DomainIdentity, Frame, Section, SourceError};

use crate::assemble::{FrameRow, Parts};
use crate::error::StoreError;
use crate::frame_columns::FrameColumns;
use crate::record::RecordHead;
use crate::store::Age;
use crate::stream::WHOLE_LOG;
use crate::tables::FRAMES;
use crate::track::table_of;

/// Records of a kernel's log that are kept: its ring buffer holds fewer.
const LONGEST_LOG: usize = 50_000;

/// The newest rows of each section of one guest.
pub struct Newest {
    domain: DomainIdentity,
    head: RecordHead,
    /// The row of the newest frame.
    own: RecordBatch,
    sections: Vec<(Section, Taken)>,
}

/// A section as a frame had it.
struct Taken {
    head: RecordHead,
    /// The frame's own row.
    frames: RecordBatch,
    /// The section's rows; `None` for none, and for a section that is a part of the frame's row.
    rows: Option<RecordBatch>,
}

impl Newest {
    /// Those of a guest's first frame; `None` if it lacks its own row.
    pub fn new(columns: FrameColumns) -> Option<Self> {
        let own = columns.batches.get(&FRAMES)?.clone();
        let (domain, head) = (columns.domain.clone(), columns.head);
        let mut newest = Self { domain, head, own, sections: Vec::new() };
        newest.take(columns);
        Some(newest)
    }

    /// Takes the sections of the guest's next frame.
    pub fn take(&mut self, mut columns: FrameColumns) {
        let Some(frames) = columns.batches.remove(&FRAMES) else { return };
        for section in Section::ALL {
            if columns.sections & section.bit() == 0 {
                continue;
            }
            let mut rows = columns.batches.remove(&table_of(section));
            let place = self.sections.iter().position(|(one, _)| *one == section);
            let old = place.map(|place| self.sections.swap_remove(place).1);
            if section == Section::Log && columns.sections & WHOLE_LOG == 0 {
                rows = joined(old.and_then(|old| old.rows), rows);
            }
            let taken = Taken { head: columns.head, frames: frames.clone(), rows };
            self.sections.push((section, taken));
        }
        (self.domain, self.head, self.own) = (columns.domain, columns.head, frames);
    }

    /// The guest.
    pub fn domain(&self) -> &DomainIdentity {
        &self.domain
    }

    /// The part before the payload of the newest frame's record: its number and times.
    pub fn head(&self) -> &RecordHead {
        &self.head
    }

    /// The sections that there are, and how long before the newest frame each was taken.
    pub fn ages(&self) -> Vec<Age> {
        let age = |taken: &Taken| self.head.wall_ns.saturating_sub(taken.head.wall_ns);
        let all = self.sections.iter();
        let mut ages: Vec<Age> =
            all.map(|(section, taken)| Age { section: *section, age_ns: age(taken) }).collect();
        ages.sort_by_key(|age| age.section as usize);
        ages
    }

    /// Bytes of the kernel's log, which grows by what is new in each frame.
    pub fn log_bytes(&self) -> usize {
        let rows = self.taken(Section::Log).and_then(|taken| taken.rows.as_ref());
        let columns = rows.iter().flat_map(|rows| rows.columns());
        // The sum of offsets and texts, of the part that is kept.
        let bytes = columns.map(|one| one.to_data().get_slice_memory_size().unwrap_or(0));
        bytes.fold(0, usize::saturating_add)
    }

    fn taken(&self, section: Section) -> Option<&Taken> {
        self.sections.iter().find(|(one, _)| *one == section).map(|(_, taken)| taken)
    }

    /// The newest frame with these sections, each as it was taken last.
    ///
    /// # Errors
    /// A section was not taken yet, or is never taken.
    pub fn frame(&self, sections: &[Section]) -> Result<Frame, SourceError> {
        let row = |batch: &RecordBatch| FrameRow { batch: batch.clone(), row: 0 };
        let (mut flat, mut tables) = (Vec::new(), BTreeMap::new());
        for section in sections {
            let Some(taken) = self.taken(*section) else {
                let known = self.ages().into_iter().map(|age| age.section).collect();
                return Err(SourceError::NoSection { section: *section, known });
            };
            flat.push((*section, row(&taken.frames)));
            if let Some(rows) = &taken.rows {
                tables.insert(table_of(*section), rows.clone());
            }
        }
        let (domain, seq, own) = (self.domain.clone(), self.head.seq, row(&self.own));
        Ok(Parts { domain, seq, own, flat, tables }.frame(sections)?)
    }

    /// The frames that these sections are of, each with its own of them, the newest frame last.
    pub fn columns(&self, sections: &[Section]) -> Vec<FrameColumns> {
        let frame = |head: RecordHead, row: &RecordBatch| FrameColumns {
            domain: self.domain.clone(),
            head,
            sections: 0,
            batches: BTreeMap::from([(FRAMES, row.clone())]),
            bytes: 0,
        };
        let mut all = BTreeMap::from([(self.head.seq, frame(self.head, &self.own))]);
        for section in sections {
            let Some(taken) = self.taken(*section) else { continue };
            let own = all.entry(taken.head.seq).or_insert_with(|| frame(taken.head, &taken.frames));
            own.sections |= section.bit();
            if *section == Section::Log {
                own.sections |= WHOLE_LOG;
            }
            if let Some(rows) = &taken.rows {
                own.batches.insert(table_of(*section), rows.clone());
            }
        }
        all.into_values().collect()
    }
}

/// A kernel's log and its new records.
fn joined(old: Option<RecordBatch>, new: Option<RecordBatch>) -> Option<RecordBatch> {
    let (Some(old), Some(new)) = (&old, &new) else { return new.or(old) };
    let all = arrow_select::concat::concat_batches(&old.schema(), [old, new]);
    // Columns of another version: the new ones at least.
    let all = all.map_err(StoreError::from).unwrap_or_else(|_| new.clone());
    let length = all.num_rows().min(LONGEST_LOG);
    Some(all.slice(all.num_rows().saturating_sub(length), length))
}

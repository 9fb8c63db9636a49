//! All frames of a time, one after another: each file is read once.

use std::collections::BTreeMap;

use nfm_frame::{Frame, Section, SourceError};

use crate::assemble::{FrameRow, Parts};
use crate::store::{Place, Store, lost};
use crate::tables::FRAMES;
use crate::track::{Part, Track, table_of};

/// Frames whose rows are held at once.
const AT_ONCE: usize = 1000;

impl Store {
    /// Gives each frame of a guest between two times to `each`, in the order in which they were taken, with those of the
    /// sections that were recorded in the frame itself. Of the kernel's log that is what was new.
    ///
    /// # Errors
    /// A file cannot be read. Damaged parts are left out.
    pub fn each_frame(
        &mut self,
        domain: &str,
        (from_ns, to_ns): (u64, u64),
        sections: &[Section],
        mut each: impl FnMut(Frame),
    ) -> Result<(), SourceError> {
        for name in self.names_between(from_ns, to_ns)? {
            for (part, track) in self.places(&name, domain)? {
                let indices: Vec<usize> = track
                    .entries
                    .iter()
                    .enumerate()
                    .filter(|(_, entry)| (from_ns..=to_ns).contains(&entry.time_ns))
                    .map(|(index, _)| index)
                    .collect();
                for some in indices.chunks(AT_ONCE) {
                    match frames_of(&part, &track, some, sections) {
                        Ok(frames) => frames.into_iter().for_each(&mut each),
                        Err(error) => self.note_damage(error)?,
                    }
                }
            }
        }
        Ok(())
    }
}

fn frames_of(
    part: &std::rc::Rc<Part>,
    track: &Track,
    indices: &[usize],
    sections: &[Section],
) -> crate::Result<Vec<Frame>> {
    let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::from([(FRAMES, indices.to_vec())]);
    let has = |index: &usize, section: &Section| {
        track.entries.get(*index).is_some_and(|entry| entry.has(*section))
    };
    for section in sections.iter().filter(|section| table_of(**section) != FRAMES) {
        let own = indices.iter().copied().filter(|index| has(index, section));
        wanted.insert(table_of(*section), own.collect());
    }
    let loaded = part.load(track, &wanted)?;
    let mut frames = Vec::with_capacity(indices.len());
    for index in indices {
        let Some(entry) = track.entries.get(*index) else { continue };
        let place = || Place { part: part.clone(), track: track.clone(), index: *index };
        let (batch, row) = loaded.frames.get(&entry.seq).ok_or_else(|| lost(&place()))?;
        let own = FrameRow { batch: batch.clone(), row: *row };
        let present: Vec<Section> =
            sections.iter().copied().filter(|section| has(index, section)).collect();
        let flat = present.iter().map(|section| (*section, own.clone())).collect();
        let rows = loaded.tables.iter().filter_map(|(table, all)| {
            let own = all.iter().find(|(seq, _)| *seq == entry.seq)?;
            Some((*table, own.1.clone()))
        });
        let (domain, seq, tables) = (track.domain.clone(), entry.seq, rows.collect());
        frames.push(Parts { domain, seq, own, flat, tables }.frame(&present)?);
    }
    Ok(frames)
}

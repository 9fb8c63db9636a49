//! Frames from the rows of tables.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use nfm_frame::column::{Fact, Row, Type, Value};
use nfm_frame::{Consistency, DomainIdentity, FORMAT, Frame, Section};

use crate::columns::Reader;
use crate::error::{Result, StoreError};
use crate::tables::{FRAMES, Place, TABLES};

/// A row of the table `frames`.
#[derive(Clone)]
pub(crate) struct FrameRow {
    pub batch: RecordBatch,
    pub row: usize,
}

/// The parts of a frame, which may be of several recorded ones.
pub(crate) struct Parts {
    pub domain: DomainIdentity,
    pub seq: u64,
    /// The row of the frame itself.
    pub own: FrameRow,
    /// Sections of one row: where each is.
    pub flat: Vec<(Section, FrameRow)>,
    /// Rows by table.
    pub tables: BTreeMap<usize, RecordBatch>,
}

impl Parts {
    /// The frame with these sections.
    pub(crate) fn frame(&self, sections: &[Section]) -> Result<Frame> {
        let own = readers(&self.own);
        let empty = (Vec::new(), 0);
        let mut values = Vec::new();
        // Texts of the frames' batches are borrowed until the frame is made.
        let flat: Vec<_> =
            self.flat.iter().map(|(section, row)| (*section, readers(row))).collect();
        let tables: BTreeMap<usize, Vec<Reader>> = self
            .tables
            .iter()
            .filter_map(|(table, batch)| {
                let columns = &TABLES.all.get(*table)?.columns;
                Some((*table, Reader::of_batch(batch, columns)))
            })
            .collect();
        for (column, place) in <Frame as Row>::COLUMNS.iter().zip(&TABLES.places) {
            let section = Section::from_name(column.name);
            let is_wanted = section.is_none_or(|section| sections.contains(&section));
            values.push(match place {
                _ if !is_wanted => Value::Null,
                Place::Envelope => match column.value {
                    Type::Row(_) => self.domain.value(),
                    Type::Text => Value::Text(FORMAT),
                    _ => Value::Unsigned(self.seq),
                },
                Place::Column(at) => value(&own, *at),
                Place::Columns(first) => {
                    let found = flat.iter().find(|(one, _)| Some(*one) == section);
                    let row = match section {
                        Some(_) => found.map_or(&empty, |(_, row)| row),
                        None => &own,
                    };
                    let Type::Row(columns) = column.value else { continue };
                    match row.0.is_empty() {
                        true => Value::Null,
                        false => Value::Row(
                            (0..columns.len())
                                .map(|at| value(row, first.saturating_add(at)))
                                .collect(),
                        ),
                    }
                }
                Place::Table(table) => match (self.tables.get(table), tables.get(table)) {
                    (Some(batch), Some(readers)) => {
                        let row = |row| readers.iter().map(|one| one.value(row)).collect();
                        match column.value {
                            Type::Rows(_) => Value::Rows((0..batch.num_rows()).map(row).collect()),
                            _ if batch.num_rows() == 0 => Value::Null,
                            _ => Value::Row(row(0)),
                        }
                    }
                    // Sections without a row have no batch.
                    _ if matches!(column.value, Type::Rows(_)) => Value::Rows(Vec::new()),
                    _ => Value::Null,
                },
            });
        }
        let mut frame = Frame::from_values(values).ok_or_else(|| StoreError::Damaged {
            place: format!("frame {} of '{}'", self.seq, self.domain.name),
            reason: "it lacks what no frame is without".to_owned(),
        })?;
        for (section, row) in &self.flat {
            self.problems_of(&mut frame, *section, row);
        }
        Ok(frame)
    }

    /// Adds the problems of a section that comes from an older frame.
    pub(crate) fn problems_of(&self, frame: &mut Frame, section: Section, row: &FrameRow) {
        let is_own = row.row == self.own.row && row.batch == self.own.batch;
        let Some(consistency) = (!is_own).then(|| consistency(row)).flatten() else { return };
        let is_of = |name: &str| name == section.name() || Section::from_name(name).is_none();
        let problems = consistency.problems.into_iter().filter(|one| is_of(&one.section));
        let before = frame.consistency.problems.len();
        frame.consistency.problems.extend(problems);
        frame.consistency.complete &= frame.consistency.problems.len() == before;
    }
}

/// How far the frame of a row can be trusted.
fn consistency(row: &FrameRow) -> Option<Consistency> {
    let readers = readers(row);
    let columns = <Frame as Row>::COLUMNS.iter().zip(&TABLES.places);
    let (_, place) = columns.into_iter().find(|(column, _)| column.name == "consistency")?;
    let Place::Columns(first) = place else { return None };
    let count = <Consistency as Row>::COLUMNS.len();
    let values = (0..count).map(|at| value(&readers, first.saturating_add(at))).collect();
    Consistency::from_values(values)
}

fn readers(row: &FrameRow) -> (Vec<Reader<'_>>, usize) {
    let columns = TABLES.all.get(FRAMES).map(|table| table.columns.as_slice());
    (Reader::of_batch(&row.batch, columns.unwrap_or_default()), row.row)
}

fn value<'a>((readers, row): &(Vec<Reader<'a>>, usize), column: usize) -> Value<'a> {
    readers.get(column).map_or(Value::Null, |reader| reader.value(*row))
}

//! A store as a source of frames.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use arrow_array::{Array, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use nfm_frame::{At, DomainIdentity, Frame, FrameSource, Section, SourceError};

use crate::assemble::{FrameRow, Parts};
use crate::error::{Result, StoreError};
use crate::layout::{Name, files_in, log_folder, names_in};
use crate::record::Event;
use crate::seal::{microseconds, with_columns};
use crate::tables::{FRAMES, TS, Table};
use crate::track::{Entry, Loaded, Part, Track, table_name, table_of};

const SECOND: u64 = 1_000_000_000;
/// Earlier segments that are looked into for a section that a segment does not begin with.
const EARLIER_SEGMENTS: usize = 2;

/// The age of a section in a frame: how long before the frame its rows were taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The section.
    pub section: Section,
    /// Nanoseconds; 0 for a section of the frame itself.
    pub age_ns: u64,
}

/// A folder of recorded frames.
pub struct Store {
    path: PathBuf,
    /// The segment that was used last, and the guest's frames in it: who asks for one frame asks for the next.
    last: Option<(Rc<Part>, Track)>,
    damage: Vec<String>,
}

/// The frames of a guest in one segment or log.
#[derive(Clone, Debug)]
pub struct Content {
    /// The guest.
    pub domain: DomainIdentity,
    /// The time of the first frame, nanoseconds since 1970.
    pub first_ns: u64,
    /// The time of the last one.
    pub last_ns: u64,
    /// How many there are.
    pub frames: u64,
}

/// A frame's place.
#[derive(Clone)]
pub(crate) struct Place {
    pub part: Rc<Part>,
    pub track: Track,
    pub index: usize,
}

impl Place {
    fn entry(&self) -> Option<&Entry> {
        self.track.entries.get(self.index)
    }
}

impl Store {
    /// Opens a store for reading.
    ///
    /// # Errors
    /// There is no such folder, or it is no store.
    pub fn open(path: &Path) -> Result<Self> {
        let log = log_folder(path);
        let frames = path.join(format!("table={}", table_name(FRAMES)));
        let is_there = |folder: &Path| std::fs::metadata(folder).map(|_| ());
        is_there(&log).or_else(|_| is_there(&frames)).map_err(StoreError::file(&log))?;
        Ok(Self { path: path.to_owned(), last: None, damage: Vec::new() })
    }

    /// The damage that was met and left out, each in one sentence; it is told once.
    pub fn take_damage(&mut self) -> Vec<String> {
        std::mem::take(&mut self.damage)
    }

    /// All segments and logs, by host, run and number.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn names(&self) -> Result<Vec<Name>> {
        let mut names = Vec::new();
        for hour in self.hours()? {
            names.extend(self.names_of(&hour)?);
        }
        names.sort();
        Ok(names)
    }

    /// Those that may have something of a time, in the same order.
    pub(crate) fn names_between(&self, from_ns: u64, to_ns: u64) -> Result<Vec<Name>> {
        let mut names = self.names()?;
        names.retain(|name| {
            let is_over = name.to_s.is_some_and(|to| to.saturating_mul(SECOND) < from_ns);
            !is_over && name.from_s.saturating_mul(SECOND) <= to_ns
        });
        Ok(names)
    }

    /// Notes damage, to be told; any other error is the caller's.
    pub(crate) fn note_damage(&mut self, error: StoreError) -> Result<()> {
        match error {
            StoreError::Damaged { .. } => {
                self.damage.push(error.to_string());
                Ok(())
            }
            error => Err(error),
        }
    }

    /// The content of the store, by segment and guest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn contents(&mut self) -> Result<Vec<Content>> {
        let mut contents = Vec::new();
        for name in self.names()? {
            let Some(part) = self.part(&name)? else { continue };
            let tracks = match part.tracks(None) {
                Ok(tracks) => tracks,
                Err(error) => {
                    self.note_damage(error)?;
                    continue;
                }
            };
            contents.extend(tracks.into_iter().filter(|track| !track.entries.is_empty()).map(
                |track| {
                    let times = || track.entries.iter().map(|entry| entry.time_ns);
                    let (first_ns, last_ns) =
                        (times().min().unwrap_or(0), times().max().unwrap_or(0));
                    let frames = track.entries.len() as u64;
                    Content { domain: track.domain, first_ns, last_ns, frames }
                },
            ));
        }
        Ok(contents)
    }

    /// Gives the rows of a table between two times to `each`, of a guest or of all.
    ///
    /// # Errors
    /// A file cannot be read, or `each` fails. Damaged parts are left out.
    pub fn each_batch(
        &mut self,
        table: &Table,
        domain: Option<&str>,
        (from_ns, to_ns): (u64, u64),
        mut each: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        let times = microseconds(from_ns)..=microseconds(to_ns);
        for name in self.names_between(from_ns, to_ns)? {
            let Some(part) = self.part(&name)? else { continue };
            let batches = match part.batches(&self.path, table, None, domain) {
                Ok(batches) => batches,
                Err(error) => {
                    self.note_damage(error)?;
                    continue;
                }
            };
            for batch in batches {
                let batch = with_columns(&batch, &table.segment_schema())?;
                let of_time = batch.column_by_name(TS).and_then(|one| {
                    let one = one.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
                    Some(one.values().iter().map(|time| times.contains(time)).collect())
                });
                let Some(of_time): Option<BooleanArray> = of_time else { continue };
                each(&arrow_select::filter::filter_record_batch(&batch, &of_time)?)?;
            }
        }
        Ok(())
    }

    /// Gives columns of all rows of a table to `each`, a guest's at a time.
    ///
    /// # Errors
    /// As with [`Self::each_batch`].
    pub fn each_columns(
        &mut self,
        table: &Table,
        columns: &[&str],
        mut each: impl FnMut(&RecordBatch) -> Result<()>,
    ) -> Result<()> {
        for name in self.names()? {
            let Some(part) = self.part(&name)? else { continue };
            match part.batches(&self.path, table, Some(columns), None) {
                Ok(batches) => {
                    batches.iter().filter(|one| one.num_rows() > 0).try_for_each(&mut each)?
                }
                Err(error) => self.note_damage(error)?,
            }
        }
        Ok(())
    }

    /// The hours that the store has anything of, seconds since 1970 of their beginnings, oldest first.
    fn hours(&self) -> Result<Vec<u64>> {
        let frames = self.path.join(format!("table={}", table_name(FRAMES)));
        let mut hours: Vec<u64> = names_in(&log_folder(&self.path))?
            .iter()
            .map(|name| name.from_s / 3600 * 3600)
            .collect();
        for date in files_in(&frames)? {
            let Some(day) = date.strip_prefix("date=").and_then(day_of) else { continue };
            for hour in files_in(&frames.join(&date))? {
                let hour = hour.strip_prefix("hour=").and_then(|hour| hour.parse::<u64>().ok());
                hours.extend(hour.map(|hour| day.saturating_add(hour).saturating_mul(3600)));
            }
        }
        hours.sort_unstable();
        hours.dedup();
        Ok(hours)
    }

    /// The segments and logs of an hour. A log that is sealed already is not named: its segment is.
    fn names_of(&self, hour: &u64) -> Result<Vec<Name>> {
        let folder = self.path.join(format!("table={}", table_name(FRAMES)));
        let logs = || -> Result<Vec<Name>> {
            let names = names_in(&log_folder(&self.path))?.into_iter();
            Ok(names
                .filter(|name| name.from_s / 3600 * 3600 == *hour && name.to_s.is_none())
                .collect())
        };
        // The logs first: what is sealed meanwhile is then in both.
        let logs = logs()?;
        let mut names = names_in(&folder.join(crate::layout::hour(*hour)))?;
        names.retain(|name| name.to_s.is_some());
        let unsealed = logs.into_iter().filter(|log| !names.iter().any(|name| name.is_same(log)));
        let unsealed: Vec<Name> = unsealed.collect();
        names.extend(unsealed);
        Ok(names)
    }

    /// Opens a part. One that is damaged is left out and told; a log that was sealed meanwhile is read as its segment.
    fn part(&mut self, name: &Name) -> Result<Option<Rc<Part>>> {
        if let Some((part, _)) = &self.last
            && part.name == *name
            && part.is_current(&self.path)
        {
            return Ok(Some(part.clone()));
        }
        let found = match Part::open(&self.path, name) {
            Err(error) if error.is_not_found() && name.to_s.is_none() => {
                let hour = name.from_s / 3600 * 3600;
                let sealed = self.names_of(&hour)?.into_iter().find(|one| one.is_same(name));
                match sealed {
                    Some(sealed) => Part::open(&self.path, &sealed),
                    None => return Ok(None),
                }
            }
            found => found,
        };
        match found {
            Ok(part) => Ok(Some(Rc::new(part))),
            // Retention removed it.
            Err(error) if error.is_not_found() => Ok(None),
            Err(error @ StoreError::Damaged { .. }) => {
                self.damage.push(error.to_string());
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The frames of a guest in a part, as one list for each identity that it had there.
    pub(crate) fn places(&mut self, name: &Name, domain: &str) -> Result<Vec<(Rc<Part>, Track)>> {
        if let Some((part, track)) = &self.last {
            let is_own =
                track.domain.name == domain || track.domain.uuid.as_deref() == Some(domain);
            if part.name == *name && is_own && part.is_current(&self.path) {
                return Ok(vec![(part.clone(), track.clone())]);
            }
        }
        let Some(part) = self.part(name)? else { return Ok(Vec::new()) };
        match part.tracks(Some(domain)) {
            Ok(tracks) => Ok(tracks.into_iter().map(|track| (part.clone(), track)).collect()),
            Err(error @ StoreError::Damaged { .. }) => {
                self.damage.push(error.to_string());
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// The frame of a guest that suits best, by what `better` says of a candidate and the best so far.
    fn best(
        &mut self,
        domain: &str,
        hours: impl Iterator<Item = u64>,
        suits: impl Fn(&Entry) -> bool,
        better: impl Fn(u64, u64) -> bool,
    ) -> Result<Option<Place>> {
        for hour in hours {
            let mut best: Option<(u64, Place)> = None;
            for name in self.names_of(&hour)? {
                for (part, track) in self.places(&name, domain)? {
                    let mut found = best.as_ref().map(|(time, _)| (*time, None));
                    for (index, entry) in
                        track.entries.iter().enumerate().filter(|(_, one)| suits(one))
                    {
                        if found.is_none_or(|(time, _)| better(entry.time_ns, time)) {
                            found = Some((entry.time_ns, Some(index)));
                        }
                    }
                    if let Some((time, Some(index))) = found {
                        best = Some((time, Place { part, track, index }));
                    }
                }
            }
            if let Some((_, place)) = best {
                self.last = Some((place.part.clone(), place.track.clone()));
                return Ok(Some(place));
            }
        }
        Ok(None)
    }

    fn before(&mut self, domain: &str, time_ns: u64) -> Result<Option<Place>> {
        let hours = self.hours()?.into_iter().rev();
        let hours: Vec<u64> = hours.filter(|hour| hour.saturating_mul(SECOND) <= time_ns).collect();
        // Among several at one time the later ones in the order of recording count.
        let suits = |entry: &Entry| entry.time_ns <= time_ns;
        self.best(domain, hours.into_iter(), suits, |time, best| time >= best)
    }

    fn after(&mut self, domain: &str, time_ns: u64) -> Result<Option<Place>> {
        let ends = |hour: &u64| hour.saturating_add(3600).saturating_mul(SECOND) > time_ns;
        let hours: Vec<u64> = self.hours()?.into_iter().filter(ends).collect();
        let suits = |entry: &Entry| entry.time_ns >= time_ns;
        self.best(domain, hours.into_iter(), suits, |time, best| time < best)
    }

    fn place(&mut self, domain: &str, at: At) -> Result<Option<Place>> {
        match at {
            At::Latest => self.before(domain, u64::MAX),
            At::Before(time) => self.before(domain, time),
            At::After(time) => self.after(domain, time),
            At::Nearest(time) => {
                let (before, after) = (self.before(domain, time)?, self.after(domain, time)?);
                let distance = |place: &Option<Place>| {
                    let entry = place.as_ref().and_then(Place::entry);
                    entry.map_or(u64::MAX, |entry| entry.time_ns.abs_diff(time))
                };
                Ok(if distance(&before) <= distance(&after) { before } else { after })
            }
        }
    }

    /// The time of a guest's frame, by its number.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn time_of(&mut self, domain: &str, seq: u64) -> Result<Option<u64>> {
        let hours = self.hours()?.into_iter().rev().collect::<Vec<_>>();
        let place = self.best(domain, hours.into_iter(), |entry| entry.seq == seq, |_, _| false)?;
        Ok(place.as_ref().and_then(Place::entry).map(|entry| entry.time_ns))
    }

    /// The sections that were recorded of a guest by a time, in the segment of that time.
    ///
    /// # Errors
    /// As with [`FrameSource::frame`].
    pub fn sections(&mut self, domain: &str, at: At) -> Result<Vec<Section>, SourceError> {
        match self.place(domain, at)? {
            Some(place) => {
                let is_there = |section: &Section| newest(&place, *section).is_some();
                Ok(Section::ALL.into_iter().filter(is_there).collect())
            }
            None => Err(self.no_frame(domain, at)),
        }
    }

    /// The frame of a place with these sections, each as it was last recorded, and how old each is.
    fn frame_at(
        &mut self,
        place: &Place,
        sections: &[Section],
    ) -> Result<(Frame, Vec<Age>), SourceError> {
        let Some(entry) = place.entry().copied() else {
            return Err(SourceError::NoFrame { reason: "there is no such frame".to_owned() });
        };
        // Where each section is: here, or in an earlier segment.
        let mut sources: Vec<(Place, Vec<(Section, usize)>)> = vec![(place.clone(), Vec::new())];
        let mut missing = Vec::new();
        for section in sections {
            match newest(place, *section) {
                Some(index) => {
                    sources.first_mut().into_iter().for_each(|(_, own)| own.push((*section, index)))
                }
                None => missing.push(*section),
            }
        }
        if !missing.is_empty() {
            for earlier in self.earlier(place)? {
                let found = missing.iter().filter_map(|one| Some((*one, newest(&earlier, *one)?)));
                let found: Vec<(Section, usize)> = found.collect();
                missing.retain(|one| !found.iter().any(|(section, _)| section == one));
                sources.push((earlier, found));
            }
        }
        if let Some(section) = missing.first() {
            let has = |one: &Section| place.track.entries.iter().any(|entry| entry.has(*one));
            let known = Section::ALL.into_iter().filter(has).collect();
            return Err(SourceError::NoSection { section: *section, known });
        }
        let mut parts: Option<Parts> = None;
        let mut ages = Vec::new();
        for (source, found) in &sources {
            let is_own = parts.is_none();
            let mut wanted: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            if is_own {
                wanted.entry(FRAMES).or_default().push(source.index);
            }
            for (section, index) in found {
                let table = table_of(*section);
                let indices = wanted.entry(table).or_default();
                match section {
                    // Records of the log are stored once: all from the last whole one on.
                    Section::Log => indices.extend(log_entries(&source.track, *index)),
                    _ => indices.push(*index),
                }
                // The problems that the section's own frame had.
                wanted.entry(FRAMES).or_default().push(*index);
                let taken = source.track.entries.get(*index).map_or(0, |one| one.time_ns);
                ages.push(Age { section: *section, age_ns: entry.time_ns.saturating_sub(taken) });
            }
            let loaded = source.part.load(&source.track, &wanted)?;
            let row = |index: usize| frame_row(&loaded, source, index);
            if parts.is_none() {
                let own = row(source.index).ok_or_else(|| lost(source))?;
                let domain = source.track.domain.clone();
                let (flat, tables) = (Vec::new(), BTreeMap::new());
                parts = Some(Parts { domain, seq: entry.seq, own, flat, tables });
            }
            let Some(parts) = &mut parts else { continue };
            for (section, index) in found {
                parts.flat.push((*section, row(*index).ok_or_else(|| lost(source))?));
            }
            for (section, index) in found {
                let table = table_of(*section);
                let Some(all) = loaded.tables.get(&table) else { continue };
                let seq = source.track.entries.get(*index).map(|one| one.seq);
                // The kernel's log is that of all its frames, any other section that of one.
                let is_own =
                    |one: &&(u64, RecordBatch)| *section == Section::Log || Some(one.0) == seq;
                let own: Vec<&RecordBatch> =
                    all.iter().filter(is_own).map(|(_, rows)| rows).collect();
                if let Some(first) = own.first() {
                    let rows = arrow_select::concat::concat_batches(&first.schema(), own)
                        .map_err(StoreError::from)?;
                    parts.tables.insert(table, rows);
                }
            }
        }
        let Some(parts) = parts else { return Err(lost(place).into()) };
        ages.sort_by_key(|age| sections.iter().position(|one| *one == age.section));
        Ok((parts.frame(sections)?, ages))
    }

    /// The last frames of the guest in the segments before this one.
    fn earlier(&mut self, place: &Place) -> Result<Vec<Place>> {
        let own = &place.part.name;
        let names: Vec<Name> = self
            .names()?
            .into_iter()
            .filter(|name| {
                name.host == own.host && (name.run, name.segment) < (own.run, own.segment)
            })
            .collect();
        let mut earlier = Vec::new();
        let domain = place.track.domain.name.clone();
        for name in names.iter().rev().take(EARLIER_SEGMENTS) {
            for (part, track) in self.places(name, &domain)? {
                if let Some(index) = track.entries.len().checked_sub(1) {
                    earlier.push(Place { part, track, index });
                }
            }
        }
        Ok(earlier)
    }

    /// A guest's frame at a time, and how old each of its sections is.
    ///
    /// # Errors
    /// As with [`FrameSource::frame`].
    pub fn frame_with_ages(
        &mut self,
        domain: &str,
        at: At,
        sections: &[Section],
    ) -> Result<(Frame, Vec<Age>), SourceError> {
        match self.place(domain, at)? {
            Some(place) => self.frame_at(&place, sections),
            None => Err(self.no_frame(domain, at)),
        }
    }

    fn no_frame(&mut self, domain: &str, at: At) -> SourceError {
        let span = (self.place(domain, At::After(0)), self.place(domain, At::Latest));
        let span = match span {
            (Ok(first), Ok(last)) => first.zip(last),
            (Err(error), _) | (_, Err(error)) => return error.into(),
        };
        let time = |place: &Place| place.entry().map_or(0, |entry| entry.time_ns);
        match span {
            Some((first, last)) => SourceError::NoFrame {
                reason: format!(
                    "'{domain}' was recorded from {} to {}, and not {}",
                    text_of_time(time(&first)),
                    text_of_time(time(&last)),
                    match at {
                        At::After(time) => format!("at {} or after", text_of_time(time)),
                        At::Before(time) => format!("at {} or before", text_of_time(time)),
                        At::Nearest(time) => format!("at {}", text_of_time(time)),
                        At::Latest => "now".to_owned(),
                    }
                ),
            },
            None => {
                let known = self.domains().unwrap_or_default();
                let known = known.into_iter().map(|one| one.name).collect();
                SourceError::NoSuchDomain { domain: domain.to_owned(), known }
            }
        }
    }

    /// The place of a frame that this store gave.
    fn place_of(&mut self, frame: &Frame) -> Result<Option<Place>> {
        let is_it = |entry: &Entry| (entry.seq, entry.time_ns) == (frame.seq, frame.time_ns);
        let hour = frame.time_ns / SECOND / 3600 * 3600;
        let name = frame.domain.name.clone();
        self.best(&name, std::iter::once(hour), is_it, |_, _| true)
    }

    /// The events of a time, of one guest and of the recorder, or of all guests, in their order.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn events(&mut self, domain: Option<&str>, from_ns: u64, to_ns: u64) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for name in self.names_between(from_ns, to_ns)? {
            let Some(part) = self.part(&name)? else { continue };
            match part.events() {
                Ok(own) => events.extend(own),
                Err(error @ StoreError::Damaged { .. }) => self.damage.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        let is_own = |event: &Event| {
            domain.is_none_or(|domain| {
                event.vm.is_empty()
                    || event.vm == domain
                    || event.vm_uuid.as_deref() == Some(domain)
            })
        };
        events.retain(|event| (from_ns..=to_ns).contains(&event.time_ns) && is_own(event));
        events.sort_by_key(|event| event.time_ns);
        Ok(events)
    }

    /// The guest's frames of a time without their rows, in the order in which they were taken.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn entries(&mut self, domain: &str, from_ns: u64, to_ns: u64) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for name in self.names_between(from_ns, to_ns)? {
            for (_, track) in self.places(&name, domain)? {
                let own = track.entries.into_iter();
                entries.extend(own.filter(|one| (from_ns..=to_ns).contains(&one.time_ns)));
            }
        }
        Ok(entries)
    }

    /// The highest number that a frame has, of any guest.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn highest_number(&mut self) -> Result<u64> {
        let mut names = self.names()?;
        // Each file tells the highest number before it; a damaged one is passed over.
        names
            .sort_by_key(|name| (name.to_s.is_some(), std::cmp::Reverse((name.run, name.segment))));
        let mut highest = 0;
        for name in names {
            let Some(part) = self.part(&name)? else { continue };
            highest = highest.max(part.highest());
            if name.to_s.is_some() {
                break;
            }
        }
        Ok(highest)
    }
}

pub(crate) fn lost(place: &Place) -> StoreError {
    StoreError::Damaged {
        place: format!("a frame of '{}' in '{}'", place.track.domain.name, place.part.name.file()),
        reason: "its row is not there".to_owned(),
    }
}

fn frame_row(loaded: &Loaded, place: &Place, index: usize) -> Option<FrameRow> {
    let seq = place.track.entries.get(index)?.seq;
    let (batch, row) = loaded.frames.get(&seq)?;
    Some(FrameRow { batch: batch.clone(), row: *row })
}

/// The newest frame up to a place that has a section.
fn newest(place: &Place, section: Section) -> Option<usize> {
    let entries = place.track.entries.get(..=place.index)?;
    entries.iter().rposition(|entry| entry.has(section))
}

/// The frames whose records make the kernel's log at a frame.
fn log_entries(track: &Track, index: usize) -> Vec<usize> {
    let entries = track.entries.get(..=index).unwrap_or_default();
    let whole = entries.iter().rposition(Entry::has_whole_log).unwrap_or(0);
    let own = entries.iter().enumerate().skip(whole);
    own.filter(|(_, entry)| entry.has(Section::Log)).map(|(index, _)| index).collect()
}

/// The day since 1970 of `YYYY-MM-DD`, as hours.
fn day_of(date: &str) -> Option<u64> {
    let mut parts = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    crate::layout::days(year, month, day)?.checked_mul(24)
}

/// A time as RFC 3339 has it, in UTC.
pub(crate) fn text_of_time(time_ns: u64) -> String {
    let seconds = time_ns / SECOND;
    let (year, month, day) = crate::layout::date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let milliseconds = time_ns / 1_000_000 % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

impl FrameSource for Store {
    fn domains(&mut self) -> Result<Vec<DomainIdentity>, SourceError> {
        let mut domains: Vec<DomainIdentity> = Vec::new();
        for name in self.names()? {
            let Some(part) = self.part(&name)? else { continue };
            let tracks = match part.tracks(None) {
                Err(error @ StoreError::Damaged { .. }) => {
                    self.damage.push(error.to_string());
                    continue;
                }
                tracks => tracks?,
            };
            for track in tracks {
                if !domains.contains(&track.domain) {
                    domains.push(track.domain);
                }
            }
        }
        Ok(domains)
    }

    fn is_live(&self) -> bool {
        false
    }

    fn frame(&mut self, domain: &str, at: At, sections: &[Section]) -> Result<Frame, SourceError> {
        self.frame_with_ages(domain, at, sections).map(|(frame, _)| frame)
    }

    fn next(&mut self, after: &Frame, sections: &[Section]) -> Result<Option<Frame>, SourceError> {
        let Some(place) = self.place_of(after)? else { return Ok(None) };
        let index = place.index.saturating_add(1);
        if index < place.track.entries.len() {
            let next = Place { index, ..place };
            return Ok(Some(self.frame_at(&next, sections)?.0));
        }
        let own = place.part.name.clone();
        let later: Vec<Name> = self
            .names()?
            .into_iter()
            .filter(|name| {
                name.host == own.host && (name.run, name.segment) > (own.run, own.segment)
            })
            .collect();
        let domain = after.domain.uuid.clone().unwrap_or_else(|| after.domain.name.clone());
        for name in later {
            for (part, track) in self.places(&name, &domain)? {
                if !track.entries.is_empty() {
                    let next = Place { part, track, index: 0 };
                    self.last = Some((next.part.clone(), next.track.clone()));
                    return Ok(Some(self.frame_at(&next, sections)?.0));
                }
            }
        }
        Ok(None)
    }
}

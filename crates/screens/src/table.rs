//! All processes of all guests in one table: chosen, grouped, sorted. Pure: nothing here knows a terminal.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use nfm_analysis::{group_by, process_tree};
use nfm_frame::{Process, Section};

use crate::column::{Cell, Column, Row};
use crate::guest::{GuestView, ProcessView};

/// Values that a guest's sparkline is made of.
pub const HISTORY: usize = 60;

/// A guest of the table.
#[derive(Clone, Debug, Default)]
pub struct Guest {
    /// The host that it runs on; empty for this one.
    pub host: String,
    /// Its name.
    pub name: String,
    /// Its last frames; `None` where there is none yet.
    pub view: Option<Arc<GuestView>>,
    /// The reason why there is no newer frame, in one sentence.
    pub trouble: Option<String>,
    /// Its use of the CPU in percent, the newest last; `None` where it was not known.
    pub history: VecDeque<Option<f64>>,
}

/// Groups that rows are summed by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The host.
    Host,
    /// The guest.
    Guest,
    /// A label of the guest, as libvirt's definition has it: a guest of several labels is in the group of each.
    Label,
    /// The control group, in one guest or in several.
    Container,
    /// The real user id.
    User,
    /// The name of the process.
    Command,
}

impl Group {
    /// Every group.
    pub const ALL: [Self; 6] =
        [Self::Host, Self::Guest, Self::Label, Self::Container, Self::User, Self::Command];

    /// The name for people and for programs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Guest => "guest",
            Self::Label => "label",
            Self::Container => "container",
            Self::User => "user",
            Self::Command => "command",
        }
    }

    fn key<'a>(self, row: &Row<'a>) -> GroupKey<'a> {
        let text = |text: Option<&'a str>| text.map_or(GroupKey::Unknown, GroupKey::Text);
        match self {
            Self::Host => GroupKey::Text(row.host),
            Self::Guest => GroupKey::Guest(row.host, row.guest),
            Self::Label => text(row.labels.first().map(|label| &**label)),
            Self::Container => text(row.of.process.cgroup.as_deref()),
            Self::User => row.of.process.uid.map_or(GroupKey::Unknown, GroupKey::Number),
            Self::Command => text(row.of.process.name.as_deref()),
        }
    }
}

/// The keys of a row: one, but for labels.
fn keys<'a>(group: Group, row: &Row<'a>) -> impl Iterator<Item = GroupKey<'a>> {
    let others = if group == Group::Label { row.labels.get(1..).unwrap_or_default() } else { &[] };
    std::iter::once(group.key(row)).chain(others.iter().map(|label| GroupKey::Text(label)))
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum GroupKey<'a> {
    Unknown,
    Number(u32),
    Text(&'a str),
    Guest(&'a str, &'a str),
}

impl GroupKey<'_> {
    fn name(&self) -> String {
        match self {
            Self::Unknown => "?".to_owned(),
            Self::Number(number) => number.to_string(),
            Self::Text("") => "-".to_owned(),
            Self::Text(text) | Self::Guest("", text) => (*text).to_owned(),
            Self::Guest(host, guest) => format!("{host}/{guest}"),
        }
    }
}

/// A sum of which some summands may not be known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PartSum {
    /// The sum of those that are known.
    pub total: f64,
    /// How many are known.
    pub known: usize,
}

impl PartSum {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            self.total += value;
            self.known = self.known.saturating_add(1);
        }
    }

    /// The sum; `None` if nothing is known.
    pub fn value(&self) -> Option<f64> {
        (self.known > 0).then_some(self.total)
    }
}

/// Rows that have something in common, summed.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLine {
    /// The thing that they have in common.
    pub name: String,
    /// The guests that the rows are of.
    pub guests: usize,
    /// The rows.
    pub processes: usize,
    /// Shares of one CPU, in percent, as the guests count.
    pub cpu: PartSum,
    /// The same of the host's CPUs.
    pub host_cpu: PartSum,
    /// Memory in RAM; what processes share counts once for each.
    pub rss: PartSum,
}

/// A line of the table.
#[derive(Clone, Debug, PartialEq)]
pub enum Line {
    /// A process: the guest's place in the table, the row's in the guest, and how deep it is in a tree.
    Process {
        /// The guest.
        guest: usize,
        /// The row.
        row: usize,
        /// Ancestors that are in the table.
        depth: usize,
    },
    /// A group.
    Group(GroupLine),
}

/// The part of the table that is asked for, and its order.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The column that rows are sorted by.
    pub sort: Column,
    /// True for the greatest first.
    pub descending: bool,
    /// Words that a row must have, each somewhere, in any case.
    pub filter: String,
    /// Rows are summed by this.
    pub group: Option<Group>,
    /// Only the rows of this group.
    pub only: Option<(Group, String)>,
    /// Only the rows of the guest of this host and name.
    pub guest: Option<(String, String)>,
    /// Children below their parents.
    pub tree: bool,
}

impl Default for Choice {
    fn default() -> Self {
        Self {
            sort: Column::Cpu,
            descending: true,
            filter: String::new(),
            group: None,
            only: None,
            guest: None,
            tree: false,
        }
    }
}

/// The guests of a screen.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// By host and name.
    guests: Vec<Guest>,
}

impl Table {
    /// The guests, by host and name.
    pub fn guests(&self) -> &[Guest] {
        &self.guests
    }

    /// The guest of a host and a name.
    pub fn guest(&self, host: &str, name: &str) -> Option<&Guest> {
        self.place(host, name).ok().and_then(|place| self.guests.get(place))
    }

    fn place(&self, host: &str, name: &str) -> Result<usize, usize> {
        self.guests.binary_search_by(|one| (&*one.host, &*one.name).cmp(&(host, name)))
    }

    fn entry(&mut self, host: &str, name: &str) -> Option<&mut Guest> {
        let place = self.place(host, name).unwrap_or_else(|place| {
            let (host, name) = (host.to_owned(), name.to_owned());
            self.guests.insert(place, Guest { host, name, ..Guest::default() });
            place
        });
        self.guests.get_mut(place)
    }

    /// Takes a guest's newest frame in.
    pub fn show(&mut self, host: &str, name: &str, view: Arc<GuestView>) {
        let Some(guest) = self.entry(host, name) else { return };
        let last = guest.view.as_ref().map(|old| old.frame().time_ns);
        if last.is_some_and(|last| last > view.frame().time_ns) {
            // They are of another time.
            guest.history.clear();
        }
        if last != Some(view.frame().time_ns) {
            guest.history.push_back(view.used().busy_percent);
            if guest.history.len() > HISTORY {
                guest.history.pop_front();
            }
        }
        guest.view = Some(view);
        guest.trouble = None;
    }

    /// Notes why there is no newer frame of a guest.
    pub fn trouble(&mut self, host: &str, name: &str, reason: String) {
        if let Some(guest) = self.entry(host, name) {
            guest.trouble = Some(reason);
        }
    }

    /// Forgets a guest's frame: there is none of the time that is shown.
    pub fn forget(&mut self, host: &str, name: &str) {
        if let Some(guest) = self.entry(host, name) {
            guest.view = None;
        }
    }

    /// Removes a guest.
    pub fn remove(&mut self, host: &str, name: &str) {
        if let Ok(place) = self.place(host, name) {
            self.guests.remove(place);
        }
    }

    /// Removes all guests.
    pub fn clear(&mut self) {
        self.guests.clear();
    }

    /// The row of a line.
    pub fn row(&self, guest: usize, row: usize, now_ns: u64) -> Option<Row<'_>> {
        let guest = self.guests.get(guest)?;
        let view = guest.view.as_ref()?;
        Some(Row {
            host: &guest.host,
            guest: &guest.name,
            labels: view.labels(),
            of: view.row(row)?,
            now_ns,
        })
    }

    /// The lines that are asked for. Only the first `needed` of them must be in order: to sort what no screen shows
    /// would cost more than to show the rest.
    pub fn lines(&self, choice: &Choice, now_ns: u64, needed: usize) -> Vec<Line> {
        let words: Vec<String> = choice.filter.split_whitespace().map(str::to_lowercase).collect();
        let mut rows: Vec<(usize, usize, Row)> = Vec::new();
        for (place, guest) in self.guests.iter().enumerate() {
            let Some(view) = &guest.view else { continue };
            if choice
                .guest
                .as_ref()
                .is_some_and(|(host, name)| (host, name) != (&guest.host, &guest.name))
            {
                continue;
            }
            rows.reserve(view.len());
            let labels = view.labels();
            for (index, of) in view.rows().enumerate() {
                let row = Row { host: &guest.host, guest: &guest.name, labels, of, now_ns };
                let is_of = |(group, name): &(Group, String)| {
                    keys(*group, &row).any(|key| key.name() == *name)
                };
                if choice.only.as_ref().is_none_or(is_of) && has_words(&row, &words) {
                    rows.push((place, index, row));
                }
            }
        }
        match choice.group {
            Some(group) => grouped(group, &rows, choice),
            None if choice.tree => trees(&rows),
            None => sorted(&rows, choice, needed),
        }
    }
}

fn sorted(rows: &[(usize, usize, Row)], choice: &Choice, needed: usize) -> Vec<Line> {
    let mut keys: Vec<(Cell, usize, usize)> =
        rows.iter().map(|(guest, row, of)| (choice.sort.cell(of), *guest, *row)).collect();
    let order = |one: &(Cell, usize, usize), other: &(Cell, usize, usize)| {
        let places = || (one.1, one.2).cmp(&(other.1, other.2));
        one.0.order(&other.0, choice.descending).then_with(places)
    };
    if needed < keys.len() {
        keys.select_nth_unstable_by(needed, order);
    }
    let shown = needed.min(keys.len());
    if let Some(first) = keys.get_mut(..shown) {
        first.sort_unstable_by(order);
    }
    let line = |(_, guest, row)| Line::Process { guest, row, depth: 0 };
    keys.into_iter().map(line).collect()
}

fn trees(rows: &[(usize, usize, Row)]) -> Vec<Line> {
    let mut lines = Vec::with_capacity(rows.len());
    for of_guest in rows.chunk_by(|one, other| one.0 == other.0) {
        let processes: Vec<&Process> = of_guest.iter().map(|(_, _, row)| row.of.process).collect();
        let places: HashMap<*const Process, (usize, usize)> = of_guest
            .iter()
            .map(|(guest, row, of)| (std::ptr::from_ref(of.of.process), (*guest, *row)))
            .collect();
        for one in process_tree(&processes) {
            if let Some((guest, row)) = places.get(&std::ptr::from_ref(one.process)) {
                lines.push(Line::Process { guest: *guest, row: *row, depth: one.depth });
            }
        }
    }
    lines
}

fn grouped(group: Group, rows: &[(usize, usize, Row)], choice: &Choice) -> Vec<Line> {
    let keyed: Vec<(GroupKey, &(usize, usize, Row))> =
        rows.iter().flat_map(|row| keys(group, &row.2).map(move |key| (key, row))).collect();
    let line = |one: nfm_analysis::Group<GroupKey, (GroupKey, &(usize, usize, Row))>| {
        let (mut cpu, mut host_cpu, mut rss) = <(PartSum, PartSum, PartSum)>::default();
        let mut guests = HashSet::new();
        for (_, (guest, _, row)) in &one.rows {
            guests.insert(*guest);
            let ProcessView { process, cpu_percent, host_percent, .. } = row.of;
            cpu.add(cpu_percent);
            host_cpu.add(host_percent);
            rss.add(process.rss_bytes.map(|bytes| bytes as f64));
        }
        let (name, guests, processes) = (one.key.name(), guests.len(), one.rows.len());
        GroupLine { name, guests, processes, cpu, host_cpu, rss }
    };
    let mut lines: Vec<GroupLine> =
        group_by(&keyed, |(key, _)| *key).into_iter().map(line).collect();
    let value = |line: &GroupLine| match choice.sort {
        Column::HostCpu => line.host_cpu.value(),
        Column::Rss => line.rss.value(),
        Column::Cpu => line.cpu.value(),
        _ => None,
    };
    lines.sort_by(|one, other| {
        let cell = |line: &GroupLine| value(line).map_or(Cell::Unknown, Cell::Percent);
        let names = || one.name.cmp(&other.name);
        cell(one).order(&cell(other), choice.descending).then_with(names)
    });
    lines.into_iter().map(Line::Group).collect()
}

/// True if a row has each of these words, which are in lower case.
fn has_words(row: &Row, words: &[String]) -> bool {
    let process = row.of.process;
    let texts = [
        Some(row.host),
        Some(row.guest),
        process.name.as_deref(),
        process.command_line.as_deref(),
        process.cgroup.as_deref(),
    ];
    words.iter().all(|word| {
        let is_number =
            |number: Option<u32>| number.is_some_and(|number| word.parse() == Ok(number));
        is_number(Some(process.pid))
            || is_number(process.uid)
            || texts.iter().flatten().any(|text| contains(text, word))
    })
}

/// True if a text has a word, which is in lower case.
pub(crate) fn contains(text: &str, word: &str) -> bool {
    if !text.is_ascii() {
        return text.to_lowercase().contains(word);
    }
    let word = word.as_bytes();
    word.is_empty()
        || text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}

/// Figures of all guests together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Totals {
    /// Hosts.
    pub hosts: usize,
    /// Guests.
    pub guests: usize,
    /// Their processes.
    pub processes: usize,
    /// Guests of which there is no frame, or whose newest one is older than it should be.
    pub stale: usize,
    /// Guests whose newest frame lacks something.
    pub incomplete: usize,
    /// Use of the CPU in percent of one, as the guests count.
    pub cpu: PartSum,
    /// The same as the host gave it.
    pub host_cpu: PartSum,
    /// Memory that is in use.
    pub used_bytes: u64,
    /// Memory.
    pub total_bytes: u64,
}

impl Guest {
    /// True if its newest frame is older than so much, or there is none.
    pub fn is_stale(&self, now_ns: u64, limit_ns: u64) -> bool {
        let taken = self.view.as_ref().map(|view| view.frame().time_ns);
        taken.is_none_or(|taken| now_ns.saturating_sub(taken) > limit_ns)
    }

    /// Memory in use, and all of it.
    pub fn memory(&self) -> Option<(u64, u64)> {
        let memory = self.view.as_ref()?.frame().memory.as_ref()?;
        let total = memory.total?;
        Some((total.saturating_sub(memory.available?), total))
    }
}

impl Table {
    /// Figures of all guests together. A frame that is older than `limit_ns` is stale.
    pub fn totals(&self, now_ns: u64, limit_ns: u64) -> Totals {
        let hosts: HashSet<&str> = self.guests.iter().map(|guest| &*guest.host).collect();
        let mut totals =
            Totals { hosts: hosts.len(), guests: self.guests.len(), ..Totals::default() };
        for guest in &self.guests {
            totals.stale = totals.stale.saturating_add(guest.is_stale(now_ns, limit_ns).into());
            let Some(view) = &guest.view else { continue };
            totals.incomplete = totals.incomplete.saturating_add((!view.is_complete()).into());
            let processes = match view.frame().has(Section::Processes) {
                true => view.len(),
                false => 0,
            };
            totals.processes = totals.processes.saturating_add(processes);
            totals.cpu.add(view.used().busy_percent);
            totals.host_cpu.add(view.used().host_percent);
            let (used, total) = guest.memory().unwrap_or_default();
            totals.used_bytes = totals.used_bytes.saturating_add(used);
            totals.total_bytes = totals.total_bytes.saturating_add(total);
        }
        totals
    }
}

/// The order of two guests on the summary: those in trouble first, then the busiest.
pub(crate) fn by_interest(one: &Guest, other: &Guest) -> Ordering {
    let busy = |guest: &Guest| guest.view.as_ref().and_then(|view| view.used().busy_percent);
    let is_well = |guest: &Guest| guest.trouble.is_none();
    let rank = |guest: &Guest| busy(guest).unwrap_or(-1.0);
    is_well(one).cmp(&is_well(other)).then_with(|| rank(other).total_cmp(&rank(one)))
}

#[cfg(test)]
mod tests;

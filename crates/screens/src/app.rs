//! The state of the screen, and what keys, the mouse and news make of it. It draws nothing and starts nothing: what is
//! to be done outside comes back as [`Effect`]s.

use std::time::Duration;

use crossterm::event::{
    Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers, MouseButton, MouseEvent, MouseEventKind,
};
use nfm_frame::At;

use crate::column::Column;
use crate::details::Tab;
use crate::feed::{News, Order, Show};
use crate::table::{Choice, Group, Line, Table};

const SECOND: u64 = 1_000_000_000;
/// The shortest age at which a frame is stale.
const STALE_NS: u64 = 4 * SECOND;
/// Speeds of playing.
const SPEEDS: [u32; 7] = [1, 2, 5, 10, 30, 60, 300];

/// Reads and writes times as people do.
#[derive(Clone, Copy)]
pub struct Clock {
    /// A time from its text, nanoseconds since 1970.
    pub parse: fn(&str) -> Option<u64>,
    /// The forms that it takes, in one sentence.
    pub forms: &'static str,
    /// A time as a text.
    pub show: fn(u64) -> String,
}

/// The beginning of a screen.
#[derive(Clone, Debug)]
pub struct Options {
    /// The time between two frames.
    pub interval: Duration,
    /// True if there are living guests to be shown.
    pub has_live: bool,
    /// True if there are recorded ones.
    pub has_recorded: bool,
    /// The time to begin at; `None` for now.
    pub at_ns: Option<u64>,
    /// True to play from there on.
    pub plays: bool,
    /// The end of playing.
    pub until_ns: Option<u64>,
    /// True if nothing is to be coloured.
    pub no_color: bool,
    /// True for a terminal that shows ASCII alone.
    pub is_ascii: bool,
}

/// The time that is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    /// Now.
    Live,
    /// Now was then: frames are not taken.
    Frozen,
    /// A recorded time.
    Replay {
        /// The time.
        at_ns: u64,
        /// True if it goes on by itself.
        plays: bool,
    },
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The screen is closed.
    Quit,
    /// An order to the sources of living guests.
    Live(Order),
    /// An order to the source of recorded ones.
    Recorded(Order),
    /// A guest was opened, or none any more: its sources take more of it.
    Open(Option<(String, String)>),
}

/// The part of the screen that keys go to.
#[derive(Clone, Debug, PartialEq)]
pub enum Focus {
    /// The table.
    Table,
    /// The words of the filter.
    Filter,
    /// The time to seek.
    Seek(String),
    /// The list of columns, with the place in it.
    Columns(usize),
    /// Help.
    Help,
}

/// Where things were drawn, for the mouse.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The line of the headings.
    pub heading: u16,
    /// The first line of the rows.
    pub rows: u16,
    /// Rows that have room.
    pub page: usize,
    /// The headings' first and last column of the screen.
    pub columns: Vec<(u16, u16, Column)>,
}

/// The state of the screen.
pub struct App {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) table: Table,
    pub(crate) choice: Choice,
    pub(crate) columns: Vec<Column>,
    pub(crate) mode: Mode,
    pub(crate) focus: Focus,
    pub(crate) tab: Tab,
    /// The lines of the table, as they were last drawn.
    pub(crate) lines: Vec<Line>,
    pub(crate) top: usize,
    pub(crate) selected: usize,
    /// The number of lines of the list that is shown.
    pub(crate) count: usize,
    pub(crate) places: Places,
    pub(crate) message: Option<String>,
    pub(crate) speed: usize,
    serial: u64,
    /// The order for frames that was not answered yet.
    awaited: Option<Awaited>,
}

/// An order for frames that is on its way.
#[derive(Clone, Copy, PartialEq)]
enum Awaited {
    /// The frames of the time that is shown.
    Frames,
    /// The next or the last frame of one guest, whose time is to be shown.
    Step,
}

impl App {
    /// A screen that shows nothing yet, and how it begins.
    pub fn new(options: Options, clock: Clock) -> (Self, Vec<Effect>) {
        let mut app = Self {
            clock,
            table: Table::default(),
            choice: Choice::default(),
            columns: Column::DEFAULT.to_vec(),
            mode: Mode::Live,
            focus: Focus::Table,
            tab: Tab::Processes,
            lines: Vec::new(),
            top: 0,
            selected: 0,
            count: 0,
            places: Places::default(),
            message: None,
            speed: 0,
            serial: 0,
            awaited: None,
            options,
        };
        let effects = match (app.options.at_ns, app.options.has_live) {
            (None, true) => vec![Effect::Live(Order::Run)],
            (at, _) => {
                let plays = app.options.plays;
                app.mode = Mode::Replay { at_ns: at.unwrap_or(u64::MAX), plays };
                app.show(Awaited::Frames, at.map_or(At::Latest, At::Before), None)
            }
        };
        (app, effects)
    }

    /// The time that is shown: that of the clock on the wall, or a recorded one.
    pub fn now_ns(&self, wall_ns: u64) -> u64 {
        match self.mode {
            Mode::Replay { at_ns, .. } => at_ns,
            Mode::Live | Mode::Frozen => wall_ns,
        }
    }

    /// The age from which on a frame is stale.
    pub(crate) fn stale_ns(&self) -> u64 {
        self.interval_ns().saturating_mul(2).max(STALE_NS)
    }

    fn interval_ns(&self) -> u64 {
        u64::try_from(self.options.interval.as_nanos()).unwrap_or(u64::MAX)
    }

    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The guest that is open.
    pub(crate) fn open(&self) -> Option<&(String, String)> {
        self.choice.guest.as_ref()
    }

    /// Works out the lines to be drawn, where so many have room.
    pub(crate) fn refresh(&mut self, wall_ns: u64, page: usize) {
        let now_ns = self.now_ns(wall_ns);
        let needed = self.top.saturating_add(page).saturating_add(1);
        self.lines = self.table.lines(&self.choice, now_ns, needed);
    }

    /// Takes news in. True if something of them is to be seen.
    pub fn news(&mut self, news: News, wall_ns: u64) -> (bool, Vec<Effect>) {
        match news {
            News::Frame { host, guest, view, serial } => {
                if self.is_current(serial) && self.awaited != Some(Awaited::Step) {
                    self.table.remove(&host, "");
                    self.table.show(&host, &guest, view);
                    return (true, Vec::new());
                }
            }
            News::Trouble { host, guest, reason, serial } => {
                if self.is_current(serial) && self.awaited != Some(Awaited::Step) {
                    self.table.trouble(&host, &guest, reason);
                    if serial.is_some() {
                        self.table.forget(&host, &guest);
                    }
                    return (true, Vec::new());
                }
            }
            News::Ended { host, guest, .. } => {
                if self.mode == Mode::Live {
                    self.table.remove(&host, &guest);
                    if self.open() == Some(&(host, guest.clone())) {
                        self.message = Some(format!("{guest} has ended"));
                    }
                    return (true, Vec::new());
                }
            }
            News::Shown { serial, newest_ns, trouble } if serial == self.serial => {
                return (true, self.shown(newest_ns, trouble, wall_ns));
            }
            News::Terminal(event) => return (true, self.event(event, wall_ns)),
            News::Shown { .. } | News::Found(_) => {}
        }
        (false, Vec::new())
    }

    fn is_current(&self, serial: Option<u64>) -> bool {
        match self.mode {
            Mode::Live => serial.is_none(),
            Mode::Frozen => false,
            Mode::Replay { .. } => serial == Some(self.serial),
        }
    }

    /// The frames of a time are all there.
    fn shown(
        &mut self,
        newest_ns: Option<u64>,
        trouble: Option<String>,
        wall_ns: u64,
    ) -> Vec<Effect> {
        let awaited = self.awaited.take();
        let Mode::Replay { at_ns, plays } = self.mode else { return Vec::new() };
        let Some(newest_ns) = newest_ns else {
            self.mode = Mode::Replay { at_ns: at_ns.min(wall_ns), plays: false };
            self.message = trouble.or_else(|| Some("nothing was recorded".to_owned()));
            return Vec::new();
        };
        if awaited == Some(Awaited::Step) {
            self.mode = Mode::Replay { at_ns: newest_ns, plays: false };
            return self.show(Awaited::Frames, At::Before(newest_ns), None);
        }
        if at_ns == u64::MAX {
            self.mode = Mode::Replay { at_ns: newest_ns, plays };
        } else if plays && at_ns.saturating_sub(newest_ns) > self.longest_gap() {
            self.mode = Mode::Replay { at_ns, plays: false };
            let time = (self.clock.show)(newest_ns);
            self.message =
                Some(format!("the last frame before this is of {time}: . goes to the next"));
        }
        Vec::new()
    }

    /// The longest time without a frame that is played through.
    fn longest_gap(&self) -> u64 {
        let step = self.interval_ns().saturating_mul(self.speed().into());
        step.saturating_mul(3).max(10 * SECOND)
    }

    pub(crate) fn speed(&self) -> u32 {
        SPEEDS.get(self.speed).copied().unwrap_or(1)
    }

    fn show(&mut self, awaited: Awaited, at: At, guest: Option<String>) -> Vec<Effect> {
        self.serial = self.serial.saturating_add(1);
        self.awaited = Some(awaited);
        vec![Effect::Recorded(Order::Show(Show { serial: self.serial, at, guest }))]
    }

    /// An interval has passed: a recording that is played goes on, unless the last step is on its way still.
    pub fn tick(&mut self, wall_ns: u64) -> Vec<Effect> {
        let Mode::Replay { at_ns, plays: true } = self.mode else { return Vec::new() };
        if self.awaited.is_some() {
            return Vec::new();
        }
        let step = self.interval_ns().saturating_mul(self.speed().into());
        let end = self.options.until_ns.unwrap_or(u64::MAX).min(wall_ns);
        let at_ns = at_ns.saturating_add(step).min(end);
        self.mode = Mode::Replay { at_ns, plays: at_ns < end };
        self.show(Awaited::Frames, At::Before(at_ns), None)
    }

    /// Shows another time.
    fn seek(&mut self, at_ns: u64, wall_ns: u64) -> Vec<Effect> {
        if !self.options.has_recorded {
            self.message = Some(
                "nothing is recorded here: nfm record does, --store names a folder".to_owned(),
            );
            return Vec::new();
        }
        let mut effects = Vec::new();
        if !matches!(self.mode, Mode::Replay { .. }) {
            self.table.clear();
            effects.push(Effect::Live(Order::Rest));
        }
        let at_ns = at_ns.min(wall_ns);
        self.mode = Mode::Replay { at_ns, plays: false };
        effects.extend(self.show(Awaited::Frames, At::Before(at_ns), None));
        effects
    }

    fn seek_by(&mut self, seconds: i64, wall_ns: u64) -> Vec<Effect> {
        let by = seconds.unsigned_abs().saturating_mul(SECOND);
        let now = self.now_ns(wall_ns).min(wall_ns);
        let at = if seconds < 0 { now.saturating_sub(by) } else { now.saturating_add(by) };
        self.seek(at, wall_ns)
    }

    /// The next frame, or the one before, of the guest that is open or selected.
    fn step(&mut self, is_forward: bool, wall_ns: u64) -> Vec<Effect> {
        let Mode::Replay { at_ns, .. } = self.mode else { return self.seek(wall_ns, wall_ns) };
        let of_line = match self.lines.get(self.selected) {
            Some(Line::Process { guest, .. }) => self.table.guests().get(*guest),
            _ => None,
        };
        let guest = match self.open() {
            Some((host, name)) => self.table.guest(host, name),
            None => of_line.or_else(|| self.table.guests().iter().find(|one| one.view.is_some())),
        };
        let taken =
            guest.and_then(|one| Some((one.name.clone(), one.view.as_ref()?.frame().time_ns)));
        // The frame of the time that was sought is on its way still: what is shown is of another time.
        let is_awaited = self.awaited.is_some() && at_ns != u64::MAX;
        let taken = taken.map(|(name, time)| (name, if is_awaited { at_ns } else { time }));
        let Some((name, time_ns)) = taken else {
            return self.seek(at_ns, wall_ns);
        };
        let at = match is_forward {
            true => At::After(time_ns.saturating_add(1)),
            false => At::Before(time_ns.saturating_sub(1)),
        };
        self.mode = Mode::Replay { at_ns, plays: false };
        self.show(Awaited::Step, at, Some(name))
    }

    fn pause(&mut self) -> Vec<Effect> {
        match self.mode {
            Mode::Live => {
                self.mode = Mode::Frozen;
                vec![Effect::Live(Order::Rest)]
            }
            Mode::Frozen => {
                self.mode = Mode::Live;
                vec![Effect::Live(Order::Run)]
            }
            Mode::Replay { at_ns, plays } => {
                self.mode = Mode::Replay { at_ns, plays: !plays };
                Vec::new()
            }
        }
    }

    /// Back to now; of recorded guests alone, to the newest frame.
    fn sync(&mut self) -> Vec<Effect> {
        if !self.options.has_live {
            self.mode = Mode::Replay { at_ns: u64::MAX, plays: false };
            return self.show(Awaited::Frames, At::Latest, None);
        }
        if matches!(self.mode, Mode::Replay { .. }) {
            self.table.clear();
        }
        self.mode = Mode::Live;
        vec![Effect::Live(Order::Run)]
    }

    fn event(&mut self, event: Event, wall_ns: u64) -> Vec<Effect> {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => self.key(key, wall_ns),
            Event::Mouse(mouse) => self.mouse(mouse),
            _ => Vec::new(),
        }
    }

    /// A key was pressed.
    pub fn key(&mut self, key: KeyEvent, wall_ns: u64) -> Vec<Effect> {
        self.message = None;
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return match key.code {
                KeyCode::Char('c') => vec![Effect::Quit],
                _ => Vec::new(),
            };
        }
        match std::mem::replace(&mut self.focus, Focus::Table) {
            Focus::Table => self.table_key(key.code, wall_ns),
            Focus::Help => Vec::new(),
            Focus::Filter => {
                match key.code {
                    KeyCode::Enter => {}
                    KeyCode::Esc => self.choice.filter.clear(),
                    code => {
                        edit(&mut self.choice.filter, code);
                        self.focus = Focus::Filter;
                    }
                }
                self.go_to_top();
                Vec::new()
            }
            Focus::Seek(mut text) => match key.code {
                KeyCode::Esc => Vec::new(),
                KeyCode::Enter => match (self.clock.parse)(&text) {
                    Some(at_ns) => self.seek(at_ns, wall_ns),
                    None => {
                        self.message = Some(format!("a time is {}", self.clock.forms));
                        Vec::new()
                    }
                },
                code => {
                    edit(&mut text, code);
                    self.focus = Focus::Seek(text);
                    Vec::new()
                }
            },
            Focus::Columns(place) => {
                self.columns_key(place, key.code);
                Vec::new()
            }
        }
    }

    fn columns_key(&mut self, place: usize, code: KeyCode) {
        let last = Column::ALL.len().saturating_sub(1);
        let place = match code {
            KeyCode::Up | KeyCode::Char('k') => place.saturating_sub(1),
            KeyCode::Down | KeyCode::Char('j') => place.saturating_add(1).min(last),
            KeyCode::Char(' ') | KeyCode::Enter => {
                if let Some(column) = Column::ALL.get(place) {
                    self.toggle(*column);
                }
                place
            }
            _ => return,
        };
        self.focus = Focus::Columns(place);
    }

    /// Shows a column, or does not any more. They stand in one order.
    fn toggle(&mut self, column: Column) {
        let is_chosen = |one: &Column| self.columns.contains(one) != (*one == column);
        let columns: Vec<Column> = Column::ALL.iter().copied().filter(is_chosen).collect();
        if !columns.is_empty() {
            self.columns = columns;
        }
    }

    fn table_key(&mut self, code: KeyCode, wall_ns: u64) -> Vec<Effect> {
        match code {
            KeyCode::Char('q') => return vec![Effect::Quit],
            KeyCode::Char('?' | 'h') | KeyCode::F(1) => self.focus = Focus::Help,
            KeyCode::Char('/') => self.focus = Focus::Filter,
            KeyCode::Char('@') => self.focus = Focus::Seek(String::new()),
            KeyCode::Char('c') => self.focus = Focus::Columns(0),
            KeyCode::Char(' ') => return self.pause(),
            KeyCode::Char('.') => return self.step(true, wall_ns),
            KeyCode::Char(',') => return self.step(false, wall_ns),
            KeyCode::Char('[') => return self.seek_by(-10, wall_ns),
            KeyCode::Char(']') => return self.seek_by(10, wall_ns),
            KeyCode::Char('{') => return self.seek_by(-60, wall_ns),
            KeyCode::Char('}') => return self.seek_by(60, wall_ns),
            KeyCode::Char('L' | 'l') => return self.sync(),
            KeyCode::Char('+') => self.speed = (self.speed + 1).min(SPEEDS.len() - 1),
            KeyCode::Char('-') => self.speed = self.speed.saturating_sub(1),
            KeyCode::Char('P') => self.sort_by(Column::Cpu),
            KeyCode::Char('H') => self.sort_by(Column::HostCpu),
            KeyCode::Char('M') => self.sort_by(Column::Rss),
            KeyCode::Char('T') => self.sort_by(Column::Time),
            KeyCode::Char('N') => self.sort_by(Column::Pid),
            KeyCode::Char('G') => self.sort_by(Column::Guest),
            KeyCode::Char('>') => self.sort_beside(1),
            KeyCode::Char('<') => self.sort_beside(-1),
            KeyCode::Char('r') => self.choice.descending = !self.choice.descending,
            KeyCode::Char('t') => self.choice.tree = !self.choice.tree,
            KeyCode::Char('g') => {
                let all = Group::ALL.into_iter();
                let next = match self.choice.group {
                    None => Group::ALL.first().copied(),
                    Some(group) => all.skip_while(|one| *one != group).nth(1),
                };
                self.choice.group = next;
                self.go_to_top();
            }
            KeyCode::Enter => return self.enter(),
            KeyCode::Esc => return self.back(),
            KeyCode::Tab => self.tab_beside(1),
            KeyCode::BackTab => self.tab_beside(Tab::ALL.len() - 1),
            KeyCode::Char(digit @ '1'..='4') if self.open().is_some() => {
                let place = digit.to_digit(10).map_or(0, |one| one as usize);
                self.turn_to(Tab::ALL.get(place.saturating_sub(1)).copied());
            }
            KeyCode::Up | KeyCode::Char('k') => self.select_by(-1),
            KeyCode::Down | KeyCode::Char('j') => self.select_by(1),
            KeyCode::PageUp => self.select_by(-self.page()),
            KeyCode::PageDown => self.select_by(self.page()),
            KeyCode::Home => self.go_to_top(),
            KeyCode::End => self.select_by(isize::MAX),
            _ => {}
        }
        Vec::new()
    }

    fn page(&self) -> isize {
        isize::try_from(self.places.page.saturating_sub(1)).unwrap_or(1).max(1)
    }

    fn go_to_top(&mut self) {
        (self.top, self.selected) = (0, 0);
    }

    fn select_by(&mut self, by: isize) {
        let last = self.count.saturating_sub(1);
        self.selected = self.selected.saturating_add_signed(by).min(last);
    }

    fn sort_by(&mut self, column: Column) {
        self.choice.descending = match self.choice.sort == column {
            true => !self.choice.descending,
            false => column.is_descending(),
        };
        self.choice.sort = column;
    }

    /// Sorts by the column beside the one that it is sorted by, among those that are shown.
    fn sort_beside(&mut self, by: isize) {
        let place = self.columns.iter().position(|one| *one == self.choice.sort);
        let next = place.map_or(0, |place| place.saturating_add_signed(by));
        if let Some(column) = self.columns.get(next.min(self.columns.len().saturating_sub(1))) {
            self.choice.sort = *column;
            self.choice.descending = column.is_descending();
        }
    }

    fn turn_to(&mut self, tab: Option<Tab>) {
        self.tab = tab.unwrap_or(Tab::Processes);
        self.go_to_top();
    }

    fn tab_beside(&mut self, by: usize) {
        if self.open().is_some() {
            let place = Tab::ALL.iter().position(|one| *one == self.tab).unwrap_or(0);
            let next = place.saturating_add(by) % Tab::ALL.len();
            self.turn_to(Tab::ALL.get(next).copied());
        }
    }

    /// Opens what is selected: a process's guest, or a group.
    fn enter(&mut self) -> Vec<Effect> {
        match self.lines.get(self.selected) {
            Some(Line::Process { guest, .. }) if self.open().is_none() => {
                let Some(guest) = self.table.guests().get(*guest) else { return Vec::new() };
                let guest = (guest.host.clone(), guest.name.clone());
                self.open_guest(guest)
            }
            Some(Line::Group(line)) => {
                let Some(group) = self.choice.group.take() else { return Vec::new() };
                self.choice.only = Some((group, line.name.clone()));
                self.go_to_top();
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn open_guest(&mut self, guest: (String, String)) -> Vec<Effect> {
        self.choice.guest = Some(guest.clone());
        self.turn_to(None);
        vec![Effect::Open(Some(guest))]
    }

    /// Leaves what was entered last.
    fn back(&mut self) -> Vec<Effect> {
        if !self.choice.filter.is_empty() {
            self.choice.filter.clear();
        } else if self.choice.guest.take().is_some() {
            self.turn_to(None);
            return vec![Effect::Open(None)];
        } else if let Some((group, _)) = self.choice.only.take() {
            self.choice.group = Some(group);
        } else {
            self.choice.group = None;
        }
        self.go_to_top();
        Vec::new()
    }

    fn mouse(&mut self, mouse: MouseEvent) -> Vec<Effect> {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.select_by(-3),
            MouseEventKind::ScrollDown => self.select_by(3),
            MouseEventKind::Down(MouseButton::Left) => return self.click(mouse.column, mouse.row),
            _ => {}
        }
        Vec::new()
    }

    /// A heading sorts, a row is selected, a selected row is opened.
    fn click(&mut self, x: u16, y: u16) -> Vec<Effect> {
        self.focus = Focus::Table;
        if y == self.places.heading {
            let hit = |(first, last, _): &&(u16, u16, Column)| (*first..=*last).contains(&x);
            if let Some((_, _, column)) = self.places.columns.iter().find(hit) {
                self.sort_by(*column);
            }
            return Vec::new();
        }
        let Some(row) = y.checked_sub(self.places.rows) else { return Vec::new() };
        let row = self.top.saturating_add(row.into());
        if usize::from(y - self.places.rows) >= self.places.page || row >= self.count {
            return Vec::new();
        }
        if row == self.selected {
            return self.enter();
        }
        self.selected = row;
        Vec::new()
    }
}

fn edit(text: &mut String, code: KeyCode) {
    match code {
        KeyCode::Char(c) if !c.is_control() => text.push(c),
        KeyCode::Backspace => {
            text.pop();
        }
        _ => {}
    }
}

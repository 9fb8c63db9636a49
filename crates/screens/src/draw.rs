//! Draws the screen. Colours stand beside a mark or a word, never alone; a guest's text is escaped before it comes here
//! (`Cell::shown`, `show::text`).

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::UnicodeWidthStr;

use crate::app::{App, Focus, Mode};
use crate::column::{Cell, Column, Row};
use crate::details::Tab;
use crate::show;
use crate::table::{GroupLine, Guest, HISTORY, Line, by_interest};

const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_BARS: [&str; 8] = ["_", ".", ":", "-", "=", "+", "*", "#"];
/// Width of a guest's name, its sparkline, and the least that a line of a guest must have for one.
const NAME: usize = 14;
const SPARKLINE: usize = 20;

const HELP: &[(&str, &str)] = &[
    ("/", "filter: words, each somewhere in the row"),
    ("P H M T N G", "sort by %CPU, %HOST, RES, TIME, PID, GUEST"),
    ("< > r", "sort by the column beside; turn the order"),
    ("c", "choose columns"),
    ("g", "group by host, guest, label, container, user, command"),
    ("t", "tree"),
    ("Enter, Esc", "open a guest or a group; back"),
    ("Tab 1 2 3 4", "of a guest: processes, sockets, files, log"),
    ("space", "freeze, go on; pause, play"),
    (", .", "a frame back, a frame on"),
    ("[ ] { }", "10 seconds, a minute back or on"),
    ("@", "go to a time"),
    ("L", "back to now"),
    ("+ -", "play faster, slower"),
    ("q", "quit"),
    ("%CPU", "as the guest believes"),
    ("%HOST", "what the host's CPUs gave"),
    ("? in S", "not known if it is there still"),
    ("! ~ *", "of a guest: trouble, stale, incomplete"),
];

/// Draws all of the screen.
pub fn draw(app: &mut App, area: Rect, buffer: &mut Buffer, wall_ns: u64) {
    if area.width == 0 || area.height == 0 {
        return;
    }
    let now_ns = app.now_ns(wall_ns);
    let mut pen = Pen { area, buffer, no_color: app.options.no_color };
    title(app, &mut pen, now_ns);
    let height = usize::from(area.height);
    let mut y = 1 + guests(app, &mut pen, 1, height / 4, now_ns);
    if app.open().is_some() {
        tabs(app, &mut pen, y);
        y += 1;
    }
    let page = height.saturating_sub(y + 2);
    app.places.heading = line(y);
    app.places.rows = line(y + 1);
    app.places.page = page;
    match (app.tab, app.open()) {
        (Tab::Processes, _) | (_, None) => rows(app, &mut pen, y, page, wall_ns),
        (tab, Some(_)) => list(app, &mut pen, tab, y, page),
    }
    footer(app, &mut pen, height.saturating_sub(1));
    match app.focus {
        Focus::Help => help(&mut pen),
        Focus::Columns(place) => columns(app, &mut pen, place),
        _ => {}
    }
}

fn line(y: usize) -> u16 {
    u16::try_from(y).unwrap_or(u16::MAX)
}

/// Writes within an area.
struct Pen<'a> {
    area: Rect,
    buffer: &'a mut Buffer,
    no_color: bool,
}

impl Pen<'_> {
    fn width(&self) -> usize {
        self.area.width.into()
    }

    /// Writes a text at a place; gives the place behind it.
    fn write(&mut self, x: usize, y: usize, text: &str, style: Style) -> usize {
        if x >= self.width() || y >= self.area.height.into() {
            return x;
        }
        let room = self.width() - x;
        let (left, top) = (self.area.x + line(x), self.area.y + line(y));
        let style = if self.no_color { Style { fg: None, bg: None, ..style } } else { style };
        let (end, _) = self.buffer.set_stringn(left, top, text, room, style);
        usize::from(end - self.area.x)
    }

    /// Writes a text into so many cells of a line, cut or filled.
    fn cell(&mut self, x: usize, y: usize, text: &str, width: usize, right: bool, style: Style) {
        let own = text.width();
        let (before, room) = match right {
            true => (width.saturating_sub(own), width.min(own)),
            false => (0, width),
        };
        if x + before >= self.width() || y >= self.area.height.into() {
            return;
        }
        let room = room.min(self.width() - x - before);
        let style = if self.no_color { Style { fg: None, bg: None, ..style } } else { style };
        let (left, top) = (self.area.x + line(x + before), self.area.y + line(y));
        self.buffer.set_stringn(left, top, text, room, style);
    }

    /// The style of a whole line.
    fn line_style(&mut self, y: usize, style: Style) {
        let area = Rect { y: self.area.y + line(y), height: 1, ..self.area };
        self.buffer.set_style(area, style);
    }
}

fn bold() -> Style {
    Style::new().add_modifier(Modifier::BOLD)
}

fn dim() -> Style {
    Style::new().add_modifier(Modifier::DIM)
}

/// The mark of a guest, with its style: `!` trouble, `~` stale, `*` incomplete.
fn mark(app: &App, guest: &Guest, now_ns: u64) -> (&'static str, Style) {
    let is_incomplete = guest.view.as_ref().is_some_and(|view| !view.is_complete());
    match guest {
        _ if guest.trouble.is_some() => ("!", bold().fg(Color::LightYellow)),
        _ if guest.is_stale(now_ns, app.stale_ns()) => ("~", bold().fg(Color::LightYellow)),
        _ if is_incomplete => ("*", bold().fg(Color::LightCyan)),
        _ => (" ", Style::new()),
    }
}

fn title(app: &App, pen: &mut Pen, now_ns: u64) {
    let totals = app.table.totals(now_ns, app.stale_ns());
    let time = || (app.clock.show)(now_ns);
    let mode = match app.mode {
        Mode::Live => "LIVE".to_owned(),
        Mode::Frozen => "FROZEN".to_owned(),
        Mode::Replay { at_ns: u64::MAX, .. } => "RECORDED".to_owned(),
        Mode::Replay { plays: false, .. } => format!("PAUSED {}", time()),
        Mode::Replay { plays: true, .. } => format!("PLAY x{} {}", app.speed(), time()),
    };
    let style = bold().add_modifier(Modifier::REVERSED);
    pen.line_style(0, Style::new().add_modifier(Modifier::REVERSED));
    let mut x = pen.write(0, 0, &format!("{mode} "), style);
    let plain = Style::new().add_modifier(Modifier::REVERSED);
    let many = |count: usize, one: &str, more: &str| {
        format!("{count} {}", if count == 1 { one } else { more })
    };
    let mut parts = vec![many(totals.guests, "guest", "guests")];
    if totals.hosts > 1 {
        parts.push(many(totals.hosts, "host", "hosts"));
    }
    parts.push(many(totals.processes, "process", "processes"));
    for (count, mark) in [(totals.stale, "~stale"), (totals.incomplete, "*incomplete")] {
        if count > 0 {
            parts.push(format!("{count} {mark}"));
        }
    }
    parts.push(format!("cpu {}%", show::percent(totals.cpu.value())));
    parts.push(format!("host {}%", show::percent(totals.host_cpu.value())));
    let memory =
        format!("mem {}/{}", show::size(totals.used_bytes), show::size(totals.total_bytes));
    if totals.total_bytes > 0 {
        parts.push(memory);
    }
    for part in parts {
        x = pen.write(x, 0, &format!(" {part} "), plain);
    }
}

/// A line for each guest, or for the one that is open, as many as have room; gives their number.
fn guests(app: &App, pen: &mut Pen, y: usize, room: usize, now_ns: u64) -> usize {
    if let Some((host, name)) = app.open() {
        if let Some(guest) = app.table.guest(host, name) {
            guest_line(app, pen, guest, y, now_ns);
        }
        return 1;
    }
    let mut all: Vec<&Guest> = app.table.guests().iter().collect();
    all.sort_by(|one, other| by_interest(one, other));
    let shown = if all.len() <= room { all.len() } else { room.saturating_sub(1) };
    for (index, guest) in all.iter().take(shown).enumerate() {
        guest_line(app, pen, guest, y + index, now_ns);
    }
    if shown < all.len() && room > 0 {
        let text = format!("  and {} more: g groups by guest", all.len() - shown);
        pen.write(0, y + shown, &text, dim());
        return shown + 1;
    }
    shown
}

fn guest_line(app: &App, pen: &mut Pen, guest: &Guest, y: usize, now_ns: u64) {
    let (sign, style) = mark(app, guest, now_ns);
    pen.write(0, y, sign, style);
    let name = match &*guest.host {
        "" => show::text(&guest.name).into_owned(),
        host => format!("{}/{}", show::text(host), show::text(&guest.name)),
    };
    let name_width = NAME.max(name.width().min(pen.width() / 3));
    pen.cell(2, y, &name, name_width, false, bold());
    let mut x = 3 + name_width;
    if let Some(trouble) = &guest.trouble {
        pen.write(x, y, &show::text(trouble), style);
        return;
    }
    let Some(view) = &guest.view else { return };
    let used = view.used();
    let age = show::clock(now_ns.saturating_sub(view.frame().time_ns));
    let mut parts = vec![
        format!("{:>4}%", show::percent(used.busy_percent)),
        format!("host {:>4}%", show::percent(used.host_percent)),
        format!("age {age:>5}"),
        format!("{} cpu", used.cpus),
    ];
    if let Some((used, total)) = guest.memory() {
        parts.push(format!("mem {}/{}", show::size(used), show::size(total)));
    }
    if used.steal_percent.is_some_and(|percent| percent >= 0.5) {
        parts.push(format!("steal {}%", show::percent(used.steal_percent)));
    }
    if let Some(load) = view.frame().os.as_ref().and_then(|os| os.load) {
        parts.push(format!("load {:.2}", load[0]));
    }
    for part in parts {
        x = pen.write(x, y, &part, Style::new()) + 2;
    }
    if x + SPARKLINE <= pen.width() {
        sparkline(app, pen, guest, used.cpus, (pen.width() - SPARKLINE, y));
    }
}

/// The last values of a guest's use of its CPUs; a gap where it was not known.
fn sparkline(app: &App, pen: &mut Pen, guest: &Guest, cpus: usize, (x, y): (usize, usize)) {
    let bars = if app.options.is_ascii { ASCII_BARS } else { BARS };
    let all = (cpus.max(1) as f64) * 100.0;
    let skipped = guest.history.len().saturating_sub(SPARKLINE.min(HISTORY));
    let mut place = x + SPARKLINE.saturating_sub(guest.history.len());
    for value in guest.history.iter().skip(skipped) {
        let bar = value.map(|percent| {
            let step = (percent / all * 8.0).clamp(0.0, 7.0) as usize;
            bars.get(step).copied().unwrap_or(" ")
        });
        place = pen.write(place, y, bar.unwrap_or(" "), Style::new().fg(Color::LightBlue));
    }
}

fn tabs(app: &App, pen: &mut Pen, y: usize) {
    let mut x = 0;
    for (index, tab) in Tab::ALL.into_iter().enumerate() {
        let style = match tab == app.tab {
            true => bold().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        x = pen.write(x, y, &format!(" {} {} ", index + 1, tab.name()), style) + 1;
    }
}

/// The columns that have room: the first to go are left out until the rest fits.
fn fitting(chosen: &[Column], width: usize) -> Vec<Column> {
    let mut columns = chosen.to_vec();
    let needed = |columns: &[Column]| columns.iter().map(|one| one.width() + 1).sum::<usize>();
    while needed(&columns) > width + 1 {
        match columns.iter().filter(|one| one.goes() > 0).max_by_key(|one| one.goes()).copied() {
            Some(first) => columns.retain(|one| *one != first),
            None => break,
        }
    }
    columns
}

fn heading_style() -> Style {
    bold().add_modifier(Modifier::UNDERLINED)
}

/// Moves the first line that is shown so that the selected one is among them.
fn scroll(app: &mut App, count: usize, page: usize) {
    app.count = count;
    app.selected = app.selected.min(count.saturating_sub(1));
    let last_top = count.saturating_sub(page);
    app.top = app.top.min(app.selected).max((app.selected + 1).saturating_sub(page)).min(last_top);
}

fn rows(app: &mut App, pen: &mut Pen, y: usize, page: usize, wall_ns: u64) {
    app.top = app.top.max((app.selected + 1).saturating_sub(page)).min(app.selected);
    app.refresh(wall_ns, page);
    scroll(app, app.lines.len(), page);
    if app.choice.group.is_some() {
        return group_rows(app, pen, y, page);
    }
    let has_hosts = app.table.guests().iter().any(|guest| !guest.host.is_empty());
    let is_open = app.open().is_some();
    let mut chosen = app.columns.clone();
    chosen.retain(|one| !(is_open && matches!(one, Column::Guest | Column::Host)));
    if has_hosts && !is_open && chosen.contains(&Column::Guest) && !chosen.contains(&Column::Host) {
        chosen.insert(0, Column::Host);
    }
    let columns = fitting(&chosen, pen.width());
    let last = columns.last().copied();
    app.places.columns.clear();
    let mut x = 0;
    let mut places = Vec::new();
    for column in &columns {
        let left = pen.width().saturating_sub(x);
        let width = if Some(*column) == last { left } else { column.width() };
        let is_sorted = *column == app.choice.sort && !app.choice.tree;
        let sign = match (is_sorted, app.choice.descending) {
            (false, _) => "",
            (true, true) => "v",
            (true, false) => "^",
        };
        let heading = format!("{}{sign}", column.heading());
        pen.cell(
            x,
            y,
            &heading,
            width,
            column.is_right() && Some(*column) != last,
            heading_style(),
        );
        app.places.columns.push((line(x), line((x + width).saturating_sub(1)), *column));
        places.push((*column, x, width));
        x += width + 1;
    }
    let now_ns = app.now_ns(wall_ns);
    let stale_ns = app.stale_ns();
    for (index, one) in app.lines.iter().skip(app.top).take(page).enumerate() {
        let Line::Process { guest, row, depth } = one else { continue };
        let Some(row) = app.table.row(*guest, *row, now_ns) else { continue };
        let at = y + 1 + index;
        let is_old = now_ns.saturating_sub(row.of.seen_ns) > stale_ns;
        for (column, x, width) in &places {
            let style = style(*column, &row, is_old);
            let cell = column.cell(&row);
            let shown = match (column, depth) {
                (Column::Command, 1..) => {
                    format!("{}{}", "  ".repeat((*depth).min(20)), cell.shown()).into()
                }
                _ => cell.shown(),
            };
            let is_right = column.is_right() && Some(*column) != last;
            pen.cell(*x, at, &shown, *width, is_right, style);
        }
        if app.top + index == app.selected {
            pen.line_style(at, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if app.lines.is_empty() {
        pen.write(0, y + 1, empty(app), dim());
    }
}

/// The reason why a table is empty.
fn empty(app: &App) -> &'static str {
    match (app.table.guests().is_empty(), app.choice.filter.is_empty()) {
        (true, _) => "no guest runs here yet",
        (false, true) => "no process is known yet",
        (false, false) => "no row has these words",
    }
}

fn style(column: Column, row: &Row, is_old: bool) -> Style {
    if row.of.is_unknown || is_old {
        return dim();
    }
    match (column, column.cell(row)) {
        (Column::Cpu | Column::HostCpu, Cell::Percent(50.0..)) => bold().fg(Color::LightYellow),
        (Column::Cpu | Column::HostCpu, Cell::Percent(0.05..)) => bold(),
        (Column::Guest | Column::Host, _) => Style::new().fg(Color::LightBlue),
        _ => Style::new(),
    }
}

fn group_rows(app: &mut App, pen: &mut Pen, y: usize, page: usize) {
    let group = app.choice.group.map_or("", |group| group.name()).to_uppercase();
    let figures = |line: &GroupLine| {
        [
            show_percent(line.cpu.value()),
            show_percent(line.host_cpu.value()),
            line.rss.value().map_or_else(|| "?".to_owned(), |bytes| show::size(bytes as u64)),
            line.processes.to_string(),
            line.guests.to_string(),
        ]
    };
    let columns = [Some(Column::Cpu), Some(Column::HostCpu), Some(Column::Rss), None, None];
    let room = (pen.width().saturating_sub(8) / 8).min(columns.len());
    app.places.columns.clear();
    let headings = ["%CPU", "%HOST", "RES", "PROCS", "GUESTS"];
    for (index, (heading, column)) in headings.into_iter().zip(columns).take(room).enumerate() {
        let x = index * 8;
        let sign = match (column == Some(app.choice.sort), app.choice.descending) {
            (false, _) => "",
            (true, true) => "v",
            (true, false) => "^",
        };
        pen.cell(x, y, &format!("{heading}{sign}"), 7, true, heading_style());
        if let Some(column) = column {
            app.places.columns.push((line(x), line(x + 6), column));
        }
    }
    let left = pen.width().saturating_sub(room * 8);
    pen.cell(room * 8, y, &group, left, false, heading_style());
    for (index, one) in app.lines.iter().skip(app.top).take(page).enumerate() {
        let Line::Group(group) = one else { continue };
        let at = y + 1 + index;
        for (place, text) in figures(group).iter().take(room).enumerate() {
            pen.cell(place * 8, at, text, 7, true, Style::new());
        }
        pen.cell(room * 8, at, &show::text(&group.name), left, false, bold());
        if app.top + index == app.selected {
            pen.line_style(at, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
}

fn show_percent(percent: Option<f64>) -> String {
    percent.map_or_else(|| "?".to_owned(), |percent| format!("{percent:.1}"))
}

/// A list of the open guest.
fn list(app: &mut App, pen: &mut Pen, tab: Tab, y: usize, page: usize) {
    app.places.columns.clear();
    let guest = app.open().and_then(|(host, name)| app.table.guest(host, name));
    let view = guest.and_then(|guest| guest.view.as_ref());
    let rows = view.and_then(|view| tab.rows(view.frame(), &app.choice.filter));
    let headings = tab.headings();
    let mut x = 0;
    let mut places = Vec::new();
    for (index, (heading, width)) in headings.iter().enumerate() {
        let is_last = index + 1 == headings.len();
        let width = if is_last { pen.width().saturating_sub(x) } else { *width };
        pen.cell(x, y, heading, width, false, heading_style());
        places.push((x, width));
        x += width + 1;
    }
    let Some(rows) = rows else {
        let text = match app.mode {
            Mode::Frozen => "not in the frozen frame: space goes on",
            Mode::Live => "on its way",
            Mode::Replay { .. } => "not recorded by then",
        };
        pen.write(0, y + 1, text, dim());
        return scroll(app, 0, page);
    };
    scroll(app, rows.len(), page);
    for (index, row) in rows.iter().skip(app.top).take(page).enumerate() {
        let at = y + 1 + index;
        for (text, (x, width)) in row.iter().zip(&places) {
            pen.cell(*x, at, &show::text(text), *width, false, Style::new());
        }
        if app.top + index == app.selected {
            pen.line_style(at, Style::new().add_modifier(Modifier::REVERSED));
        }
    }
    if rows.is_empty() {
        pen.write(0, y + 1, "none", dim());
    }
}

fn footer(app: &App, pen: &mut Pen, y: usize) {
    if y == 0 {
        return;
    }
    let prompt = |text: &str, pen: &mut Pen| {
        let end = pen.write(0, y, &show::text(text), bold());
        pen.write(end, y, " ", Style::new().add_modifier(Modifier::REVERSED));
    };
    match &app.focus {
        Focus::Filter => return prompt(&format!("/{}", app.choice.filter), pen),
        Focus::Seek(text) => return prompt(&format!("time: {text}"), pen),
        _ => {}
    }
    if let Some(message) = &app.message {
        pen.write(0, y, &show::text(message), bold().fg(Color::LightYellow));
        return;
    }
    let mut parts = Vec::new();
    if let Some((group, name)) = &app.choice.only {
        parts.push(format!("{} {}", group.name(), show::text(name)));
    }
    if !app.choice.filter.is_empty() {
        parts.push(format!("/{}", show::text(&app.choice.filter)));
    }
    let place = if app.count == 0 { 0 } else { app.selected + 1 };
    parts.push(format!("{place}/{}", app.count));
    parts.push("? help  / filter  g group  space pause  q quit".to_owned());
    pen.write(0, y, &parts.join("  "), dim());
}

/// Clears a place in the middle for a box with so many lines; gives its first column and line, and its width.
fn overlay(pen: &mut Pen, lines: usize, width: usize) -> (usize, usize, usize) {
    let width = width.min(pen.width());
    let height = lines.min(usize::from(pen.area.height).saturating_sub(1));
    let x = (pen.width() - width) / 2;
    let y = (usize::from(pen.area.height) - height) / 2;
    for line in 0..height {
        pen.cell(x, y + line, &" ".repeat(width), width, false, Style::reset());
    }
    (x, y, width)
}

fn help(pen: &mut Pen) {
    let (x, y, width) = overlay(pen, HELP.len() + 1, 64);
    pen.cell(x, y, " Keys (any key goes back)", width, false, heading_style());
    for (index, (keys, text)) in HELP.iter().enumerate() {
        pen.cell(x + 1, y + 1 + index, keys, 12, false, bold());
        pen.cell(x + 14, y + 1 + index, text, width.saturating_sub(14), false, Style::new());
    }
}

fn columns(app: &App, pen: &mut Pen, place: usize) {
    let (x, y, width) = overlay(pen, Column::ALL.len() + 1, 36);
    pen.cell(x, y, " Columns: space chooses", width, false, heading_style());
    for (index, column) in Column::ALL.iter().enumerate() {
        let sign = if app.columns.contains(column) { "x" } else { " " };
        let style = match index == place {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        let text = format!(" [{sign}] {:<8} {}", column.heading(), column.name());
        pen.cell(x, y + 1 + index, &text, width, false, style);
    }
}

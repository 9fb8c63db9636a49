//! The columns of the table of processes: one definition for the screen, for sorting and for programs.

use std::borrow::Cow;
use std::cmp::Ordering;

use nfm_analysis::process_cpu_ns;
use nfm_frame::Text;

use crate::guest::ProcessView;
use crate::show;

/// A row of the table: a process, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The host that the guest runs on; empty for this one.
    pub host: &'a str,
    /// The guest's name.
    pub guest: &'a str,
    /// The guest's labels.
    pub labels: &'a [Text],
    /// The process.
    pub of: ProcessView<'a>,
    /// The time that the table shows.
    pub now_ns: u64,
}

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// It is not known.
    Unknown,
    /// A number without a unit.
    Number(i64),
    /// Percent of one CPU.
    Percent(f64),
    /// Bytes.
    Bytes(u64),
    /// Nanoseconds.
    Time(u64),
    /// A text, which may be the guest's.
    Text(Cow<'a, str>),
}

impl Cell<'_> {
    /// The value for people. A guest's text is cut where no screen is so wide, and what steers a terminal in it is
    /// escaped.
    pub fn shown(&self) -> Cow<'_, str> {
        match self {
            Self::Unknown => "?".into(),
            Self::Number(number) => number.to_string().into(),
            Self::Percent(percent) => format!("{percent:.1}").into(),
            Self::Bytes(bytes) => show::size(*bytes).into(),
            Self::Time(ns) => show::clock(*ns).into(),
            Self::Text(text) => show::text(text),
        }
    }

    /// The value for programs: in the unit of its column, whole, and nothing where it is not known.
    pub fn plain(&self) -> String {
        match self {
            Self::Unknown => String::new(),
            Self::Number(number) => number.to_string(),
            Self::Percent(percent) => format!("{percent:.2}"),
            Self::Bytes(number) | Self::Time(number) => number.to_string(),
            Self::Text(text) => nfm_frame::escaped(text).into_owned(),
        }
    }

    fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number as f64),
            Self::Percent(percent) => Some(*percent),
            Self::Bytes(number) | Self::Time(number) => Some(*number as f64),
            Self::Unknown | Self::Text(_) => None,
        }
    }

    /// The order of two values of one column: the greater number first if `descending`, what is not known last.
    pub fn order(&self, other: &Self, descending: bool) -> Ordering {
        let turned = |order: Ordering| if descending { order.reverse() } else { order };
        match (self, other) {
            (Self::Unknown, Self::Unknown) => Ordering::Equal,
            (Self::Unknown, _) => Ordering::Greater,
            (_, Self::Unknown) => Ordering::Less,
            (Self::Text(one), Self::Text(other)) => turned(one.cmp(other)),
            (one, other) => {
                turned(one.number().partial_cmp(&other.number()).unwrap_or(Ordering::Equal))
            }
        }
    }
}

/// Makes [`Column`] of the table below: variant, name for programs, heading, width, `left` or `right`, how early it
/// goes where the screen is narrow (0: never), and what it tells.
macro_rules! columns {
    ($($(#[$doc:meta])+ $variant:ident, $name:literal, $heading:literal, $width:literal, $side:ident, $goes:literal;)+) => {
        /// A column of the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Column {
            $($(#[$doc])+ $variant,)+
        }

        impl Column {
            /// Every column, in the order of the screen.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The name for programs, and for the list of columns.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The heading.
            pub fn heading(self) -> &'static str {
                match self { $(Self::$variant => $heading,)+ }
            }

            /// Its width on the screen; the last column has what is left.
            pub fn width(self) -> usize {
                match self { $(Self::$variant => $width,)+ }
            }

            /// True if its values stand at the right.
            pub fn is_right(self) -> bool {
                match self { $(Self::$variant => columns!(@$side),)+ }
            }

            /// How early it is left out where the screen is narrow; 0 for never.
            pub fn goes(self) -> u8 {
                match self { $(Self::$variant => $goes,)+ }
            }
        }
    };
    (@left) => { false };
    (@right) => { true };
}

columns! {
    /// The host.
    Host, "host", "HOST", 10, left, 14;
    /// The guest.
    Guest, "guest", "GUEST", 12, left, 2;
    /// Process id.
    Pid, "pid", "PID", 6, right, 0;
    /// Parent's process id.
    Ppid, "ppid", "PPID", 6, right, 12;
    /// Real user id.
    User, "user", "UID", 5, right, 4;
    /// Nice value.
    Nice, "nice", "NI", 3, right, 13;
    /// Threads.
    Threads, "threads", "NLWP", 4, right, 15;
    /// Share of one CPU, as the guest counts.
    Cpu, "cpu_percent", "%CPU", 6, right, 0;
    /// Share of one CPU of the host.
    HostCpu, "host_percent", "%HOST", 6, right, 5;
    /// Size of the address space.
    Virtual, "virtual_bytes", "VIRT", 6, right, 11;
    /// Memory in RAM.
    Rss, "rss_bytes", "RES", 6, right, 3;
    /// Memory in RAM that is shared.
    Shared, "shared_bytes", "SHR", 6, right, 10;
    /// State.
    State, "state", "S", 1, left, 6;
    /// CPU time since its start.
    Time, "cpu_ns", "TIME", 8, right, 7;
    /// How long it has been running.
    Elapsed, "elapsed_ns", "ELAPSED", 11, right, 9;
    /// The age of the row: how long ago the guest was so.
    Age, "age_ns", "AGE", 5, right, 8;
    /// Control group: the container.
    Container, "cgroup", "CGROUP", 20, left, 16;
    /// Command line, or the name in brackets.
    Command, "command", "COMMAND", 8, left, 0;
}

impl Column {
    /// The columns of a table where none were chosen.
    pub const DEFAULT: &'static [Self] = &[
        Self::Guest,
        Self::Pid,
        Self::User,
        Self::Cpu,
        Self::HostCpu,
        Self::Rss,
        Self::State,
        Self::Time,
        Self::Age,
        Self::Command,
    ];

    /// True if the greatest value is of most interest.
    pub fn is_descending(self) -> bool {
        !matches!(self.cell_kind(), Kind::Label)
    }

    fn cell_kind(self) -> Kind {
        match self {
            Self::Cpu
            | Self::HostCpu
            | Self::Virtual
            | Self::Rss
            | Self::Shared
            | Self::Time
            | Self::Elapsed
            | Self::Age
            | Self::Threads => Kind::Amount,
            _ => Kind::Label,
        }
    }

    /// The value in a row.
    pub fn cell<'a>(self, row: &Row<'a>) -> Cell<'a> {
        let process = row.of.process;
        let number = |number: Option<i64>| number.map_or(Cell::Unknown, Cell::Number);
        let bytes = |bytes: Option<u64>| bytes.map_or(Cell::Unknown, Cell::Bytes);
        let time = |ns: Option<u64>| ns.map_or(Cell::Unknown, Cell::Time);
        let percent = |percent: Option<f64>| percent.map_or(Cell::Unknown, Cell::Percent);
        let text = |text: &'a str| Cell::Text(Cow::Borrowed(text));
        match self {
            Self::Host => text(row.host),
            Self::Guest => text(row.guest),
            Self::Pid => Cell::Number(process.pid.into()),
            Self::Ppid => number(process.ppid.map(Into::into)),
            Self::User => number(process.uid.map(Into::into)),
            Self::Nice => number(process.nice.map(Into::into)),
            Self::Threads => number(process.threads.map(Into::into)),
            Self::Cpu => percent(row.of.cpu_percent),
            Self::HostCpu => percent(row.of.host_percent),
            Self::Virtual => bytes(process.virtual_bytes),
            Self::Rss => bytes(process.rss_bytes),
            Self::Shared => bytes(process.shared_bytes),
            // Its last state says nothing of a process that may be gone.
            Self::State if row.of.is_unknown => Cell::Unknown,
            Self::State => process.state.map_or(Cell::Unknown, |state| text(state.text())),
            Self::Time => time(process_cpu_ns(process)),
            Self::Elapsed => time(row.of.elapsed_ns),
            Self::Age => Cell::Time(row.now_ns.saturating_sub(row.of.seen_ns)),
            Self::Container => process.cgroup.as_deref().map_or(Cell::Unknown, text),
            Self::Command => Cell::Text(command(process)),
        }
    }
}

enum Kind {
    Label,
    Amount,
}

/// The command line, or the name in brackets where there is none, as `ps` does.
pub fn command(process: &nfm_frame::Process) -> Cow<'_, str> {
    match process.command_line.as_deref() {
        Some(line) if !line.is_empty() => line.into(),
        _ => format!("[{}]", process.name.as_deref().unwrap_or("?")).into(),
    }
}

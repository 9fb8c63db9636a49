//! The sections of a frame: one table, from which [`Section`] and [`Frame`] are made.

use serde::{Deserialize, Serialize};

use super::column::{Column, Row, SectionFacts, Value};
use super::{
    Connection, Consistency, Cpu, DomainIdentity, FORMAT, File, Host, Integrity, Interface,
    LogRecord, Mapping, Memory, Module, Mount, Neighbour, Os, Process, Route, Text,
};

/// Makes [`Section`] and [`Frame`] of the table below. A line has the section's documentation, its variant, its
/// name in JSON and in [`Frame`], the type of its facts, and `default` or `on_request`.
macro_rules! sections {
    ($($(#[$doc:meta])+ $variant:ident = $name:ident: $facts:ty, $when:ident;)+) => {
        /// A section of the frame, in the frame's order. Its number is that of its bit in the C ABI.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Section {
            $($(#[$doc])+ $variant,)+
        }

        impl Section {
            /// Every section, in the frame's order.
            pub const ALL: [Self; [$(sections!(@one $variant)),+].len()] = [$(Self::$variant),+];

            /// The section's name in JSON.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => stringify!($name),)+
                }
            }

            /// The columns of the section's rows.
            pub fn columns(self) -> &'static [Column] {
                match self {
                    $(Self::$variant => <$facts as SectionFacts>::COLUMNS,)+
                }
            }

            /// True if a frame has the section when its caller names none.
            pub fn is_default(self) -> bool {
                match self {
                    $(Self::$variant => sections!(@is_default $when),)+
                }
            }
        }

        /// One snapshot of one guest. A section that was not asked for is `None` and absent from JSON.
        ///
        /// Later versions add members: outside of this crate, make one as `Frame { seq: 1, ..Frame::default() }`.
        #[derive(Clone, Debug, PartialEq, Deserialize, Serialize, Row)]
        pub struct Frame {
            /// Name and version of this format.
            pub format: Text,
            /// Whose snapshot it is.
            pub domain: DomainIdentity,
            /// Counts the frames of one handle, from 1.
            #[column(label)]
            pub seq: u64,
            /// When the guest was so: the host's wall clock when the crawl began, or, of a guest read from a
            /// file, when its memory was written there. Nanoseconds since 1970.
            #[column(label)]
            pub time_ns: u64,
            /// How long the crawl took.
            pub duration_ns: u64,
            /// How far the frame can be trusted.
            pub consistency: Consistency,
            $(
                $(#[$doc])+
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub $name: Option<$facts>,
            )+
        }

        impl Default for Frame {
            fn default() -> Self {
                Self {
                    format: Text::fixed(FORMAT),
                    domain: DomainIdentity::default(),
                    seq: 0,
                    time_ns: 0,
                    duration_ns: 0,
                    consistency: Consistency::default(),
                    $($name: None,)+
                }
            }
        }

        impl Frame {
            /// Leaves out all sections but these.
            pub fn keep_only(&mut self, sections: &[Section]) {
                $(if !sections.contains(&Section::$variant) {
                    self.$name = None;
                })+
            }

            /// Gives the values of each row of a section, in the order of its columns. False, and nothing is given, if
            /// the frame has not the section.
            pub fn for_each_row(
                &self,
                section: Section,
                each: &mut dyn FnMut(Vec<Value<'_>>),
            ) -> bool {
                match section {
                    $(Section::$variant => match &self.$name {
                        Some(facts) => SectionFacts::for_each_row(facts, each),
                        None => return false,
                    })+
                }
                true
            }

            /// True if the frame has the section.
            pub fn has(&self, section: Section) -> bool {
                match section {
                    $(Section::$variant => self.$name.is_some(),)+
                }
            }
        }
    };
    (@one $variant:ident) => { () };
    (@is_default default) => { true };
    (@is_default on_request) => { false };
}

sections! {
    /// The operating system.
    Os = os: Os, default;
    /// The CPUs, by id.
    Cpus = cpus: Vec<Cpu>, default;
    /// Memory as a whole.
    Memory = memory: Memory, default;
    /// The processes, in the order of the kernel's task list.
    Processes = processes: Vec<Process>, default;
    /// Their open files, by process and descriptor.
    Files = files: Vec<File>, default;
    /// Their address spaces, by process and address.
    Mappings = mappings: Vec<Mapping>, default;
    /// The loaded modules, in the order of `/proc/modules`.
    Modules = modules: Vec<Module>, default;
    /// The network interfaces of every network namespace.
    Interfaces = interfaces: Vec<Interface>, default;
    /// The sockets of every network namespace.
    Connections = connections: Vec<Connection>, default;
    /// The mounts of every mount namespace.
    Mounts = mounts: Vec<Mount>, default;
    /// The kernel's log, oldest record first.
    Log = log: Vec<LogRecord>, default;
    /// The hypervisor's side of the guest.
    Host = host: Host, default;
    /// Contradictions between the kernel's structures.
    Integrity = integrity: Integrity, on_request;
    /// The routes of every network namespace, IPv4 and IPv6, of all tables.
    Routes = routes: Vec<Route>, default;
    /// The neighbours (ARP, NDP) of every network namespace.
    Neighbours = neighbours: Vec<Neighbour>, default;
}

impl Section {
    /// The section's bit in the C ABI's masks.
    pub const fn bit(self) -> u64 {
        1 << self as u32
    }

    /// The section of a JSON name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.name() == name)
    }

    /// The sections of a frame whose caller names none, in the frame's order.
    pub fn defaults() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|section| section.is_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_bits_are_the_tables() {
        for (number, section) in Section::ALL.into_iter().enumerate() {
            assert_eq!(section.bit(), 1 << number);
            assert_eq!(Section::from_name(section.name()), Some(section));
            assert!(!Frame::default().has(section));
        }
        assert_eq!(Section::from_name("processe"), None);
        assert_eq!(Section::defaults().count() + 1, Section::ALL.len());
        let frame = Frame { log: Some(Vec::new()), ..Frame::default() };
        assert!(frame.has(Section::Log));
    }
}

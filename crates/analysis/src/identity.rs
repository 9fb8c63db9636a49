//! The identity of a row: what makes it the same thing in two frames.

use nfm_frame::{Connection, Cpu, Interface, Module, Mount, Process, Section, Text};

/// One fact of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part<'a> {
    /// It does not belong to this row's identity.
    Absent,
    /// It belongs to it, and the frame does not tell it.
    Unknown,
    /// A number.
    Number(u64),
    /// A text.
    Text(&'a str),
}

impl<'a> Part<'a> {
    /// A text that belongs to the identity only where it is known.
    fn known(text: &'a Option<Text>) -> Self {
        text.as_deref().map_or(Self::Absent, Self::Text)
    }

    fn may_be(self, other: Self) -> bool {
        let tells_nothing = |part| matches!(part, Self::Absent | Self::Unknown);
        self == other || tells_nothing(self) || tells_nothing(other)
    }
}

impl<T: Into<u64>> From<Option<T>> for Part<'_> {
    fn from(number: Option<T>) -> Self {
        number.map_or(Self::Unknown, |number| Self::Number(number.into()))
    }
}

impl<'a> From<&'a Option<Text>> for Part<'a> {
    fn from(text: &'a Option<Text>) -> Self {
        text.as_deref().map_or(Self::Unknown, Self::Text)
    }
}

/// The identity of a row among those of its section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key<'a>(pub [Part<'a>; 7]);

impl<'a> Key<'a> {
    fn of<const N: usize>(parts: [Part<'a>; N]) -> Self {
        let mut all = [Part::Absent; 7];
        all.iter_mut().zip(parts).for_each(|(place, part)| *place = part);
        Self(all)
    }

    /// True if the frame tells all of it.
    pub fn is_whole(&self) -> bool {
        !self.0.contains(&Part::Unknown)
    }

    /// True if two rows may be the same, by what is known of both.
    pub fn may_be(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).all(|(one, other)| one.may_be(other))
    }
}

/// A row that can be found again in another frame.
pub trait Identity {
    /// The section of such rows.
    const SECTION: Section;

    /// The row's identity.
    fn key(&self) -> Key<'_>;
}

impl Identity for Process {
    const SECTION: Section = Section::Processes;

    /// Process id and start time: ids are used anew.
    fn key(&self) -> Key<'_> {
        Key::of([Part::Number(self.pid.into()), self.start_time_ns.into()])
    }
}

impl Identity for Cpu {
    const SECTION: Section = Section::Cpus;

    /// The kernel's number.
    fn key(&self) -> Key<'_> {
        Key::of([Part::Number(self.id.into())])
    }
}

impl Identity for Interface {
    const SECTION: Section = Section::Interfaces;

    /// Namespace and index: names change. The name where the index is not known.
    fn key(&self) -> Key<'_> {
        let name = match self.index {
            Some(_) => Part::Absent,
            None => (&self.name).into(),
        };
        Key::of([self.netns.into(), self.index.into(), name])
    }
}

impl Identity for Connection {
    const SECTION: Section = Section::Connections;

    /// Namespace, protocol, and: of a TCP connection its two ends, as it outlives its socket (`TIME_WAIT` has no
    /// inode); else the socket's inode; of a socket without one what else is known of it. Rows that cannot be told
    /// apart are matched by their number.
    fn key(&self) -> Key<'_> {
        let is_tcp = matches!(&*self.protocol, "tcp" | "tcp6");
        let has_remote_end = is_tcp && self.remote_port.is_some_and(|port| port != 0);
        let (netns, protocol) = (self.netns.into(), Part::Text(&self.protocol));
        let inode = match self.inode {
            Some(inode) if inode != 0 && !has_remote_end => {
                return Key::of([netns, protocol, Part::Number(inode)]);
            }
            None if !has_remote_end => Part::Unknown,
            _ => Part::Absent,
        };
        // A unix socket has no ports and need not have a path: nothing of it is unknown.
        let ports = self.local_port.zip(self.remote_port);
        let ports = ports.map(|(local, remote)| u64::from(local) << 16 | u64::from(remote));
        Key::of([
            netns,
            protocol,
            inode,
            ports.map_or(Part::Absent, Part::Number),
            Part::known(&self.local_address),
            Part::known(&self.remote_address),
            Part::known(&self.path),
        ])
    }
}

impl Identity for Mount {
    const SECTION: Section = Section::Mounts;

    /// Namespace, source, target and type: options change with a remount. Mounts that lie over each other and are
    /// alike are matched by their number.
    fn key(&self) -> Key<'_> {
        Key::of([
            self.mnt_ns.into(),
            (&self.source).into(),
            (&self.target).into(),
            (&self.filesystem).into(),
        ])
    }
}

impl Identity for Module {
    const SECTION: Section = Section::Modules;

    /// Name and address: a module that was loaded anew is another one.
    fn key(&self) -> Key<'_> {
        Key::of([Part::Text(&self.name), self.address.into()])
    }
}

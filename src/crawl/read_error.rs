//! Why a fact of the guest could not be read.

use std::fmt;

use crate::memory::Limit;
use crate::paging::{Fault, FaultKind};

/// Why a fact could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// Guest memory could not be read.
    Fault(Fault),
    /// This kernel's structure has no such member.
    NoMember(&'static str),
    /// This kernel has no such variable.
    NoSymbol(&'static str),
    /// The kernel's table of symbols does not name this variable, which it may have.
    UnnamedSymbol(&'static str),
    /// Nothing tells how it is to be read.
    Unknown(&'static str),
    /// The value cannot be.
    Nonsense {
        /// The kind of value.
        what: &'static str,
        /// Where.
        address: u64,
    },
    /// The frame may not cost more.
    Limit(Limit),
}

impl From<Limit> for ReadError {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ReadError {
    /// The address at which it happened.
    pub fn address(self) -> Option<u64> {
        match self {
            Self::Fault(fault) => Some(fault.address),
            Self::Nonsense { address, .. } => Some(address),
            Self::NoMember(_)
            | Self::NoSymbol(_)
            | Self::UnnamedSymbol(_)
            | Self::Unknown(_)
            | Self::Limit(_) => None,
        }
    }

    /// True for what a structure looks like that changed while it was read: it may be whole at the next look.
    pub fn is_torn(self) -> bool {
        use FaultKind::{NotCanonical, NotMapped, NotRam};
        match self {
            Self::Fault(fault) => matches!(fault.kind, NotCanonical | NotMapped | NotRam),
            Self::Nonsense { .. } => true,
            Self::NoMember(_)
            | Self::NoSymbol(_)
            | Self::UnnamedSymbol(_)
            | Self::Unknown(_)
            | Self::Limit(_) => false,
        }
    }

    /// The page tables lead to memory that cannot be read: it is missing in a dump, or the host has it not.
    pub fn is_unreadable(self) -> bool {
        matches!(self, Self::Fault(Fault { kind: FaultKind::NotRam, .. }))
    }

    /// This kernel has not what was asked for, or has no name for it: it is so at the next look, too.
    pub fn is_lack(self) -> bool {
        matches!(self, Self::NoMember(_) | Self::NoSymbol(_) | Self::UnnamedSymbol(_))
    }

    /// Nothing more can be read in this frame.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Limit(_) | Self::Fault(Fault { kind: FaultKind::Limit(_), .. }))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::NoMember(name) => write!(f, "this kernel has no member {name}"),
            Self::NoSymbol(name) => write!(f, "this kernel has no variable {name}"),
            Self::UnnamedSymbol(name) => {
                write!(f, "this kernel's table of symbols does not name the variable {name}")
            }
            Self::Unknown(what) | Self::Nonsense { what, .. } => f.write_str(what),
            Self::Limit(limit) => limit.fmt(f),
        }
    }
}

pub(crate) type ReadResult<T> = Result<T, ReadError>;

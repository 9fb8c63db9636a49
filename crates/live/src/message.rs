//! Requests and answers. What a side does not know of the other's it skips.

use nfm_frame::DomainIdentity;
use serde::{Deserialize, Serialize};

/// The version of the conversation. Members and kinds are added without a new one.
pub const VERSION: u32 = 1;

/// A record that whoever looks sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Request {
    /// The first one.
    Hello {
        /// The highest version that it speaks.
        version: u32,
        /// The program and its version.
        #[serde(default)]
        program: String,
        /// True if all that follows the server's own hello shall be one zstd stream.
        #[serde(default)]
        zstd: bool,
    },
    /// The guests that it may see: the answer is `domains`.
    Domains,
    /// A guest's newest frame: the answers are records of columns, then `done`.
    Frame {
        /// The guest's name or UUID.
        domain: String,
        /// The names of sections.
        sections: Vec<String>,
        /// Only a frame with a higher number than this: the answer waits for it.
        #[serde(default)]
        after: Option<u64>,
    },
    /// All frames from now on, until the connection ends: the answers are records of columns, and `domains` whenever a guest
    /// ends or fails. Another such request takes the place of the one before.
    Follow {
        /// Patterns of guests; none for all.
        domains: Vec<String>,
        /// The names of sections.
        sections: Vec<String>,
        /// Sections of single guests, beside those.
        #[serde(default)]
        more: Vec<More>,
    },
    /// A request of a newer version.
    #[serde(other)]
    Unknown,
}

/// Sections that are asked for of some guests alone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct More {
    /// A pattern of guests.
    pub domain: String,
    /// The names of sections.
    pub sections: Vec<String>,
}

/// A record that the recorder sends.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// The first one.
    Hello {
        /// The version that is spoken.
        version: u32,
        /// The program and its version.
        #[serde(default)]
        program: String,
        /// The host's name.
        #[serde(default)]
        host: String,
        /// libvirt's URI whose guests are recorded.
        #[serde(default)]
        uri: String,
        /// True if all that follows is one zstd stream.
        #[serde(default)]
        zstd: bool,
    },
    /// The guests.
    Domains {
        /// One for each.
        domains: Vec<LiveDomain>,
    },
    /// All records of a request were sent.
    Done {
        /// The host's wall clock, nanoseconds since 1970.
        #[serde(default)]
        time_ns: u64,
    },
    /// The connection lives; nothing else was to be told for a while.
    Alive {
        /// The host's wall clock, nanoseconds since 1970.
        #[serde(default)]
        time_ns: u64,
    },
    /// The request was not met.
    Refused {
        /// The kind of reason.
        refusal: Refusal,
        /// The reason in one sentence.
        reason: String,
        /// The guests that there are, where another one was asked for.
        #[serde(default)]
        known: Vec<String>,
    },
    /// So many frames were left out, as they were not read in time.
    Dropped {
        /// How many.
        frames: u64,
    },
    /// An answer of a newer version.
    #[serde(other)]
    Unknown,
}

/// The kinds of reasons for which a request is not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// The recorder does not record that guest, or not for this user.
    NoSuchDomain,
    /// There is no frame now.
    NoFrame,
    /// The user may not look.
    Forbidden,
    /// As many look as may.
    Busy,
    /// The request is none that the recorder knows.
    NotKnown,
    /// A reason of a newer version.
    #[serde(other)]
    Other,
}

/// A guest that is recorded now.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct LiveDomain {
    /// The guest.
    pub domain: DomainIdentity,
    /// The number of its newest frame.
    pub seq: u64,
    /// When that was taken, nanoseconds since 1970.
    pub time_ns: u64,
    /// Its sections.
    pub sections: Vec<SectionAge>,
    /// The last failure, if no frame was taken since.
    #[serde(default)]
    pub failure: Option<String>,
}

/// A section of a guest's newest frame.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct SectionAge {
    /// Its name.
    pub section: String,
    /// How long before the frame it was taken, nanoseconds.
    pub age_ns: u64,
}

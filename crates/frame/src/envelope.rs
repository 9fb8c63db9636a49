//! The facts of a frame that belong to no section: whose snapshot it is and how far it can be trusted.

use serde::{Deserialize, Serialize};

use super::column::Row;
use super::{Frame, Text, json};

/// The value of [`Frame::format`].
pub const FORMAT: &str = "nfm-frame/2";

/// Identity of the guest of a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct DomainIdentity {
    /// libvirt's name of the domain; of a file that does not tell, the file's name.
    pub name: String,
    /// Its UUID in the usual text form, where one is known.
    pub uuid: Option<String>,
    /// The hypervisor driver, in lower case: `qemu`; `file` for a guest that is read from a file.
    pub hypervisor: String,
}

/// The way in which a frame was taken, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Consistency {
    /// `live`: the guest ran while it was read; `paused`: it was suspended for the frame.
    pub mode: Text,
    /// Walks that were begun anew because they met a change.
    pub retries: u32,
    /// Whether every section is whole: no problems.
    pub complete: bool,
    /// What could not be read, section by section.
    pub problems: Vec<Problem>,
}

/// Something that a frame lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Problem {
    /// The section's name.
    pub section: Text,
    /// What happened, in one sentence.
    pub reason: String,
    /// The guest-virtual address at which it happened, where there is one.
    #[column(label)]
    pub address: Option<u64>,
}

impl Frame {
    /// The frame as one line of JSON, made by [`json`].
    pub fn to_json(&self) -> String {
        json(self, false)
    }

    /// The frame as indented JSON.
    pub fn to_json_pretty(&self) -> String {
        json(self, true)
    }

    /// A frame from its JSON.
    ///
    /// # Errors
    /// The text is no JSON, or lacks a field that no frame can be without.
    pub fn from_json(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }
}

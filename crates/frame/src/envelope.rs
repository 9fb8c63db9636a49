//! The facts of a frame that belong to no section: whose snapshot it is and how far it can be trusted.

use serde::{Deserialize, Serialize};

use super::column::Row;
use super::{Frame, Section, Text, json};

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
    /// Facts that libvirt's definition tells of it, each as `NAME=VALUE`: its `title`, and what OpenStack wrote there
    /// (`instance`, `project`, `project_id`, `user`, `flavor`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<Text>>,
}

/// The way in which a frame was taken, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Consistency {
    /// `live`: the guest ran while it was read; `paused`: it was suspended for the frame.
    pub mode: Text,
    /// Walks that were begun anew because they met a change.
    pub retries: u32,
    /// True if every section is whole: no problems.
    pub complete: bool,
    /// The facts that could not be read, section by section.
    pub problems: Vec<Problem>,
}

/// Something that a frame lacks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Problem {
    /// The section's name.
    pub section: Text,
    /// The event, in one sentence.
    pub reason: String,
    /// The guest-virtual address at which it happened, where there is one.
    #[column(label)]
    pub address: Option<u64>,
}

/// The end of the reason that stands for many.
const MORE: &str = " more problems";

impl Problem {
    /// So many problems that are not named, of any section; `section` is where they ended.
    pub fn more(section: Text, count: usize) -> Self {
        Self { section, reason: format!("{count}{MORE}"), address: None }
    }

    /// True if it is one of the section, or may be.
    fn may_be_of(&self, section: Section) -> bool {
        match Section::from_name(&self.section) {
            Some(of) if of != section => self.reason.ends_with(MORE),
            _ => true,
        }
    }
}

impl Frame {
    /// True if the frame holds the section with all its rows and facts: a row that is not in it was not there.
    pub fn is_whole(&self, section: Section) -> bool {
        let Consistency { complete, problems, .. } = &self.consistency;
        // Incomplete, and nothing is named: nobody knows where.
        let is_told = *complete || !problems.is_empty();
        self.has(section) && is_told && !problems.iter().any(|one| one.may_be_of(section))
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(complete: bool, problems: &[(&'static str, &str)]) -> Frame {
        let problem = |(section, reason): &(&'static str, &str)| Problem {
            section: Text::fixed(section),
            reason: (*reason).to_owned(),
            address: None,
        };
        let problems = problems.iter().map(problem).collect();
        let consistency = Consistency { complete, problems, ..Consistency::default() };
        Frame { consistency, cpus: Some(Vec::new()), log: Some(Vec::new()), ..Frame::default() }
    }

    #[test]
    fn a_section_is_whole_without_a_problem_of_its_own() {
        for (complete, problems, cpus, log) in [
            (true, &[][..], true, true),
            (false, &[], false, false),
            (false, &[("cpus", "torn")], false, true),
            (false, &[("a section of tomorrow", "torn")], false, false),
            (false, &[("files", "torn")], true, true),
        ] {
            let frame = frame(complete, problems);
            let found = (frame.is_whole(Section::Cpus), frame.is_whole(Section::Log));
            assert_eq!(found, (cpus, log), "{problems:?}");
            assert!(!frame.is_whole(Section::Os), "absent");
        }
        let mut many = frame(false, &[("files", "torn")]);
        many.consistency.problems.push(Problem::more("mounts".into(), 7));
        assert!(!many.is_whole(Section::Cpus), "one of the seven may be of the CPUs");
        assert_eq!(many.consistency.problems[1].reason, "7 more problems");
    }
}

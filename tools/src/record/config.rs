//! `/etc/nfm/record.toml`: what is recorded of which guests, and which secrets are left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nfm::{DomainIdentity, ErrorCode, Section};
use serde::Deserialize;
use toml::Spanned;

use crate::Failure;
use crate::redact::Redactor;

/// Seconds from one time that a section is taken to the next, at most.
const LONGEST_CADENCE: f64 = 86_400.0;

/// The file, as it stands.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    redact: RedactTable,
    #[serde(default)]
    every: BTreeMap<Spanned<String>, Spanned<f64>>,
    #[serde(default, rename = "rule")]
    rules: Vec<RuleTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RedactTable {
    #[serde(default = "yes")]
    usual: bool,
    #[serde(default)]
    patterns: Vec<Spanned<String>>,
}

impl Default for RedactTable {
    fn default() -> Self {
        Self { usual: true, patterns: Vec::new() }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    domains: Spanned<Vec<String>>,
    #[serde(default)]
    never: bool,
    sections: Option<Vec<Spanned<String>>>,
    #[serde(default)]
    every: BTreeMap<Spanned<String>, Spanned<f64>>,
    #[serde(default = "yes")]
    redact: bool,
    #[serde(default = "yes")]
    serve: bool,
}

fn yes() -> bool {
    true
}

/// The rules of a recorder.
pub(crate) struct Config {
    /// Leaves secrets out.
    pub redactor: Redactor,
    /// The time from one frame with a section to the next, of all guests.
    pub every: Vec<(Section, Duration)>,
    rules: Vec<Rule>,
}

/// A rule for some guests.
pub(crate) struct Rule {
    domains: Vec<String>,
    /// True if nothing of them is read.
    pub never: bool,
    /// The sections that are read; all, if none are named.
    pub sections: Option<Vec<Section>>,
    /// The time from one frame with a section to the next.
    pub every: Vec<(Section, Duration)>,
    /// True if secrets are left out.
    pub redact: bool,
    /// True if the recorder's socket gives their frames.
    pub serve: bool,
}

impl Config {
    /// Reads the file; where there is none that nobody named, the rules are those of an empty one.
    ///
    /// # Errors
    /// The file cannot be read, or a key or a value of it is wrong: one sentence, with the line and the key.
    pub(crate) fn read(path: &Path, is_named: bool) -> Result<Self, Failure> {
        let failure = |reason: String| Failure {
            code: ErrorCode::File,
            sentence: format!("the rules in '{}' cannot be taken: {reason}", path.display()),
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_named => {
                String::new()
            }
            Err(error) => return Err(failure(error.to_string())),
        };
        Self::parse(&text).map_err(failure)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        let file: File = toml::from_str(text).map_err(|error| {
            let message = error.message().trim().replace('\n', ", ");
            match error.span() {
                Some(span) => format!("line {}: {message}", line(span.start)),
                None => message,
            }
        })?;
        for pattern in &file.redact.patterns {
            if let Err(error) = regex::Regex::new(pattern.get_ref()) {
                let error = error.to_string();
                let reason = error.lines().last().unwrap_or_default().trim();
                let reason = reason.trim_start_matches("error: ");
                let line = line(pattern.span().start);
                return Err(format!(
                    "line {line}: a pattern of 'redact.patterns' is none: {reason}"
                ));
            }
        }
        let patterns: Vec<String> =
            file.redact.patterns.into_iter().map(Spanned::into_inner).collect();
        let redactor =
            Redactor::new(file.redact.usual, &patterns).map_err(|one| one.to_string())?;
        let section = |name: &Spanned<String>, key: &str| {
            Section::from_name(name.get_ref()).ok_or_else(|| {
                let all: Vec<&str> = Section::ALL.iter().map(|section| section.name()).collect();
                let (line, name) = (line(name.span().start), name.get_ref());
                format!("line {line}: '{key}' names no section '{name}', but {}", all.join(", "))
            })
        };
        let every = |table: &BTreeMap<Spanned<String>, Spanned<f64>>, key: &str| {
            let one = |(name, seconds): (&Spanned<String>, &Spanned<f64>)| {
                let section = section(name, key)?;
                let length = Some(*seconds.get_ref())
                    .filter(|seconds| (0.0..=LONGEST_CADENCE).contains(seconds))
                    .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
                let (line, name) = (line(seconds.span().start), name.get_ref());
                let length = length.ok_or_else(|| {
                    format!("line {line}: '{key}.{name}' is no number of seconds from 0 to 86400")
                })?;
                Ok((section, length))
            };
            table.iter().map(one).collect::<Result<Vec<_>, String>>()
        };
        let mut rules = Vec::new();
        for rule in &file.rules {
            if rule.domains.get_ref().is_empty() {
                let line = line(rule.domains.span().start);
                return Err(format!("line {line}: 'rule.domains' names no guest: \"*\" is all"));
            }
            let sections = rule.sections.as_ref().map(|names| {
                names.iter().map(|name| section(name, "rule.sections")).collect::<Result<_, _>>()
            });
            rules.push(Rule {
                domains: rule.domains.get_ref().clone(),
                never: rule.never,
                sections: sections.transpose()?,
                every: every(&rule.every, "rule.every")?,
                redact: rule.redact,
                serve: rule.serve,
            });
        }
        Ok(Self { redactor, every: every(&file.every, "every")?, rules })
    }

    /// The first rule that a guest falls under.
    pub(crate) fn rule(&self, domain: &DomainIdentity) -> Option<&Rule> {
        self.rules.iter().find(|rule| domain.is_any_of(&rule.domains))
    }

    /// True if a rule asks for labels.
    pub(crate) fn asks_for_labels(&self) -> bool {
        self.rules.iter().flat_map(|rule| &rule.domains).any(|pattern| pattern.contains('='))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn domain(name: &str, labels: &[&'static str]) -> DomainIdentity {
        let labels = Some(labels.iter().map(|label| nfm::Text::from(*label)).collect());
        DomainIdentity { name: name.to_owned(), labels, ..DomainIdentity::default() }
    }

    #[test]
    fn the_first_rule_counts() {
        let text = include_str!("../../../packaging/record/record.toml");
        assert!(Config::parse(text).is_ok(), "the file of the packages");
        let text = "[every]\nmodules = 30\n\
            [[rule]]\ndomains = [\"db-*\"]\nnever = true\n\
            [[rule]]\ndomains = [\"project=shop\"]\nsections = [\"os\", \"processes\"]\nserve = false\n\
            [rule.every]\nprocesses = 5\n";
        let config = Config::parse(text).map_err(|error| panic!("{error}")).ok().unwrap();
        assert_eq!(config.every, [(Section::Modules, Duration::from_secs(30))]);
        assert!(config.rule(&domain("db-1", &["project=shop"])).unwrap().never);
        let rule = config.rule(&domain("web-1", &["project=shop"])).unwrap();
        assert_eq!(rule.sections, Some(vec![Section::Os, Section::Processes]));
        assert_eq!(rule.every, [(Section::Processes, Duration::from_secs(5))]);
        assert!(rule.redact && !rule.serve && !rule.never);
        assert!(config.rule(&domain("web-1", &["project=other"])).is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_line_and_key() {
        for (text, parts) in [
            ("\n[every]\nmodule = 3", ["line 3", "'every' names no section 'module'"]),
            ("[every]\nmodules = -1", ["line 2", "'every.modules' is no number"]),
            ("[every]\nmodules = \"x\"", ["line 2", "expected"]),
            ("[[rule]]\nnever = true", ["line 1", "missing field `domains`"]),
            ("[[rule]]\ndomains = []", ["line 2", "'rule.domains' names no guest"]),
            ("[[rule]]\ndomains=['*']\nsections=['x']", ["line 3", "'rule.sections' names no"]),
            ("\n\nrate = 3", ["line 3", "unknown field `rate`"]),
            ("[redact]\npatterns = ['ok',\n'(']", ["line 3", "'redact.patterns' is none"]),
            ("[redact", ["line 1", "table"]),
        ] {
            let said = Config::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(parts.iter().all(|part| said.contains(part)), "{text:?}: {said}");
            assert!(!said.contains('\n'), "{said:?}");
        }
    }
}

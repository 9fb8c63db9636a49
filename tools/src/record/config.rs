//! `/etc/nfm/record.toml`: what is recorded of which guests, and which secrets are left out.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use nfm::{DomainIdentity, ErrorCode, Section};
use nfm_analysis::Trigger;
use serde::Deserialize;
use toml::Spanned;

use crate::Failure;
use crate::args::{Flight, LONGEST_RING};
use crate::flight::FlightOptions;
use crate::redact::Redactor;

/// Seconds from one time that a section is taken to the next, at most.
const LONGEST_CADENCE: f64 = 86_400.0;
const MEBIBYTE: usize = 1 << 20;

/// The file, as it stands.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    redact: RedactTable,
    #[serde(default)]
    every: BTreeMap<Spanned<String>, Spanned<f64>>,
    #[serde(default)]
    flight: FlightTable,
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

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlightTable {
    triggers: Option<Vec<Spanned<String>>>,
    ring: Option<Spanned<f64>>,
    rate: Option<Spanned<f64>>,
    after: Option<Spanned<f64>>,
    learn: Option<Spanned<f64>>,
    size: Option<Spanned<f64>>,
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
    triggers: Option<Vec<Spanned<String>>>,
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
    /// The flight recorder's settings.
    pub flight: FlightOptions,
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
    /// The flight recorder's triggers; those of all guests, if none are named.
    pub triggers: Option<Vec<Trigger>>,
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
        let triggers = |names: &Option<Vec<Spanned<String>>>, key: &str| {
            let one = |name: &Spanned<String>| {
                Trigger::from_name(name.get_ref()).ok_or_else(|| {
                    let all: Vec<&str> = Trigger::ALL.iter().map(|one| one.name()).collect();
                    let (line, name) = (line(name.span().start), name.get_ref());
                    format!("line {line}: '{key}' names no event '{name}', but {}", all.join(", "))
                })
            };
            let all = names.as_ref().map(|names| names.iter().map(one).collect::<Result<_, _>>());
            all.transpose()
        };
        let number = |given: &Option<Spanned<f64>>, key: &str, usual: f64, from: f64, to: f64| {
            let Some(number) = given else { return Ok(usual) };
            let line = line(number.span().start);
            let number = Some(*number.get_ref()).filter(|number| (from..=to).contains(number));
            number.ok_or_else(|| {
                format!("line {line}: 'flight.{key}' is no number from {from} to {to}")
            })
        };
        let own = &file.flight;
        let seconds = |given: &Option<Spanned<f64>>, key, usual, from, to| {
            number(given, key, usual, from, to).map(Duration::from_secs_f64)
        };
        let flight = FlightOptions {
            triggers: triggers(&own.triggers, "flight.triggers")?.unwrap_or_default(),
            rate: number(&own.rate, "rate", 10.0, 0.01, 100.0)?,
            ring: seconds(&own.ring, "ring", 30.0, 1.0, LONGEST_RING)?,
            after: seconds(&own.after, "after", 30.0, 0.0, 3600.0)?,
            learn: seconds(&own.learn, "learn", 60.0, 0.0, 3600.0)?,
            bytes: number(&own.size, "size", 4.0, 1.0, 1024.0)? as usize * MEBIBYTE,
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
                triggers: triggers(&rule.triggers, "rule.triggers")?,
            });
        }
        Ok(Self { redactor, every: every(&file.every, "every")?, flight, rules })
    }

    /// Options of the command count more than the file.
    pub(crate) fn set_flight(&mut self, options: &Flight) {
        let own = &mut self.flight;
        if !options.trigger.is_empty() {
            own.triggers.clone_from(&options.trigger);
        }
        own.rate = options.ring_rate.unwrap_or(own.rate);
        let seconds = |given: Option<f64>, own: &mut Duration| {
            *own = given.map_or(*own, Duration::from_secs_f64);
        };
        seconds(options.ring, &mut own.ring);
        seconds(options.ring_after, &mut own.after);
        seconds(options.ring_learn, &mut own.learn);
        let size = options.ring_size.and_then(|size| usize::try_from(size).ok());
        own.bytes = size.map_or(own.bytes, |size| size.saturating_mul(MEBIBYTE));
    }

    /// The flight recorder's triggers for a guest.
    pub(crate) fn triggers(&self, domain: &DomainIdentity) -> &[Trigger] {
        let own = self.rule(domain).and_then(|rule| rule.triggers.as_ref());
        own.unwrap_or(&self.flight.triggers)
    }

    /// True if any guest has triggers.
    pub(crate) fn has_triggers(&self) -> bool {
        let of_rules = self.rules.iter().filter_map(|rule| rule.triggers.as_ref());
        of_rules.chain([&self.flight.triggers]).any(|triggers| !triggers.is_empty())
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
            triggers = [\"panic\"]\n\
            [rule.every]\nprocesses = 5\n[flight]\ntriggers = [\"end\"]\nrate = 20\nsize = 2\n";
        let mut config = Config::parse(text).map_err(|error| panic!("{error}")).ok().unwrap();
        assert_eq!(config.every, [(Section::Modules, Duration::from_secs(30))]);
        assert!(config.rule(&domain("db-1", &["project=shop"])).unwrap().never);
        let rule = config.rule(&domain("web-1", &["project=shop"])).unwrap();
        assert_eq!(rule.sections, Some(vec![Section::Os, Section::Processes]));
        assert_eq!(rule.every, [(Section::Processes, Duration::from_secs(5))]);
        assert!(rule.redact && !rule.serve && !rule.never);
        assert!(config.rule(&domain("web-1", &["project=other"])).is_none());
        assert_eq!(config.triggers(&domain("web-1", &["project=shop"])), [Trigger::Panic]);
        assert_eq!(config.triggers(&domain("web-1", &[])), [Trigger::End]);
        assert_eq!((config.flight.rate, config.flight.ring.as_secs()), (20.0, 30));
        let trigger = vec![Trigger::Module];
        let given = Flight { trigger, ring: Some(9.0), ..Flight::default() };
        config.set_flight(&given);
        assert_eq!(config.triggers(&domain("web-1", &[])), [Trigger::Module]);
        assert_eq!((config.flight.rate, config.flight.ring.as_secs()), (20.0, 9));
        assert_eq!(config.flight.bytes, 2 << 20);
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
            ("[flight]\ntriggers = ['panik']", ["line 2", "names no event 'panik', but panic"]),
            ("[flight]\n\nring = 0.5", ["line 3", "'flight.ring' is no number from 1 to 300"]),
        ] {
            let said = Config::parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(parts.iter().all(|part| said.contains(part)), "{text:?}: {said}");
            assert!(!said.contains('\n'), "{said:?}");
        }
    }
}

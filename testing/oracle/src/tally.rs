//! Counts facts: what the guest says against what the frame says.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// The value that the frame must show for a fact to agree.
#[derive(Clone, Debug)]
pub enum Expected {
    /// One of these; two where the guest's own readings, before and after, differ.
    OneOf(Vec<Value>),
    /// A whole number from the reading before to the one after.
    Between(u64, u64),
    /// A number in this range.
    Within(f64, f64),
}

impl Expected {
    /// Exactly this.
    pub fn is(value: impl Into<Value>) -> Self {
        Self::OneOf(vec![value.into()])
    }

    /// A value that rests: as before or as after.
    pub fn steady<T: Into<Value>>(before: T, after: T) -> Self {
        let (before, after) = (before.into(), after.into());
        Self::OneOf(if before == after { vec![before] } else { vec![before, after] })
    }

    /// A counter or a size: anything that both readings enclose.
    pub fn enclosed(before: u64, after: u64) -> Self {
        Self::Between(before.min(after), before.max(after))
    }

    fn holds(&self, value: &Value) -> bool {
        match self {
            Self::OneOf(values) => values.contains(value),
            Self::Between(low, high) => value.as_u64().is_some_and(|v| (*low..=*high).contains(&v)),
            Self::Within(low, high) => value.as_f64().is_some_and(|v| (*low..=*high).contains(&v)),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneOf(values) => {
                let texts: Vec<String> = values.iter().map(short).collect();
                f.write_str(&texts.join(" or "))
            }
            Self::Between(low, high) => write!(f, "{low} to {high}"),
            Self::Within(low, high) => write!(f, "{low} to {high}"),
        }
    }
}

/// The count of one frame.
#[derive(Default)]
pub struct Tally {
    facts: BTreeMap<&'static str, usize>,
    disagreements: Vec<String>,
    absent: BTreeMap<(&'static str, String), usize>,
    missing_sections: BTreeSet<&'static str>,
    required: BTreeMap<&'static str, &'static str>,
}

impl Tally {
    /// A count for a frame that must have these sections, and of each the fields named, parted by blanks.
    pub fn new(required: &[(&'static str, &'static str)]) -> Self {
        Self { required: required.iter().copied().collect(), ..Self::default() }
    }

    /// The section of a frame; where it is lacking, that is noted.
    pub fn section<'a>(&mut self, frame: &'a Value, section: &'static str) -> Option<&'a Value> {
        let found = frame.get(section).filter(|value| !value.is_null());
        if found.is_none() {
            self.missing_sections.insert(section);
            if self.required.contains_key(section) {
                self.disagree(section, "", "section", "there", "absent");
            }
        }
        found
    }

    /// One fact about a field of a row. A field that the frame does not have yet is noted, and counts only
    /// where it is required.
    pub fn field(
        &mut self,
        section: &'static str,
        key: impl fmt::Display,
        row: &Value,
        field: &str,
        expected: Expected,
    ) {
        match row.get(field) {
            Some(value) => self.fact(section, key, field, value, expected),
            None if self.requires(section, field) => {
                self.disagree(section, key, field, expected, "no such field");
            }
            None => *self.absent.entry((section, field.to_owned())).or_default() += 1,
        }
    }

    fn requires(&self, section: &str, field: &str) -> bool {
        let fields = self.required.get(section).copied().unwrap_or_default();
        fields.split_whitespace().any(|one| one == field)
    }

    /// One fact.
    pub fn fact(
        &mut self,
        section: &'static str,
        key: impl fmt::Display,
        what: &str,
        value: &Value,
        expected: Expected,
    ) {
        if expected.holds(value) {
            *self.facts.entry(section).or_default() += 1;
        } else {
            self.disagree(section, key, what, expected, short(value));
        }
    }

    /// One fact that is either so or not.
    pub fn holds(
        &mut self,
        section: &'static str,
        key: impl fmt::Display,
        what: &str,
        holds: bool,
        says: impl fmt::Display,
    ) {
        if holds {
            *self.facts.entry(section).or_default() += 1;
        } else {
            self.disagree(section, key, what, "so", says);
        }
    }

    fn disagree(
        &mut self,
        section: &'static str,
        key: impl fmt::Display,
        what: &str,
        guest: impl fmt::Display,
        nfm: impl fmt::Display,
    ) {
        *self.facts.entry(section).or_default() += 1;
        self.disagreements
            .push(format!("{section}, {key}, {what}: the guest says {guest}, nfm says {nfm}"));
    }

    /// The facts that do not agree.
    pub fn disagreements(self) -> Vec<String> {
        self.disagreements
    }

    /// Prints the count. Panics unless all facts agree and each section has as many as it must have.
    pub fn conclude(self, title: &str, least: &[(&'static str, usize)]) {
        const MOST_SHOWN: usize = 60;
        let facts: usize = self.facts.values().sum();
        let agree = facts - self.disagreements.len();
        println!("{title}: {agree} of {facts} facts agree");
        for (section, count) in &self.facts {
            println!("  {section}: {count} facts");
        }
        for section in &self.missing_sections {
            println!("  {section}: not in the frame yet");
        }
        for ((section, field), rows) in &self.absent {
            println!("  {section}.{field}: not in the frame yet ({rows} facts)");
        }
        for line in self.disagreements.iter().take(MOST_SHOWN) {
            println!("  DISAGREE {line}");
        }
        if let Some(more) = self.disagreements.len().checked_sub(MOST_SHOWN + 1) {
            println!("  and {} more", more + 1);
        }
        for (section, least) in least {
            let count = self.facts.get(section).copied().unwrap_or(0);
            assert!(count >= *least, "{title}: only {count} facts about {section}, not {least}");
        }
        assert_eq!(agree, facts, "{title}: not all facts agree");
    }
}

fn short(value: &Value) -> String {
    const LONGEST: usize = 200;
    let text = value.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text,
    }
}

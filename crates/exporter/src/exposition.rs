//! The text that Prometheus scrapes: families of samples, in its own format and in that of OpenMetrics.

use std::fmt::Write;

use nfm_frame::column::Kind;

/// Characters that a label's value may have: a guest shall not fill the scraper's memory.
const LONGEST_LABEL: usize = 256;

/// A family of samples: all of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Family {
    /// Its name, of a counter without `_total`.
    pub name: String,
    /// One sentence on it.
    pub help: String,
    /// Counter or gauge.
    pub kind: Kind,
}

/// The formats of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus's text format, version 0.0.4.
    Prometheus,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl Format {
    /// Its MIME type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that whoever sends this `Accept` understands: OpenMetrics only if it is named.
    pub fn of_accept(accept: &str) -> Self {
        match accept.contains("application/openmetrics-text") {
            true => Self::OpenMetrics,
            false => Self::Prometheus,
        }
    }
}

/// A sample's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Number {
    Unsigned(u64),
    Signed(i64),
    /// So many nanoseconds, shown as seconds.
    Nanoseconds(u64),
    Float(f64),
}

impl From<bool> for Number {
    fn from(value: bool) -> Self {
        Self::Unsigned(value.into())
    }
}

impl Number {
    fn write(self, out: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Unsigned(value) => write!(out, "{value}"),
            Self::Signed(value) => write!(out, "{value}"),
            Self::Nanoseconds(ns) => {
                let (seconds, rest) = (ns / 1_000_000_000, ns % 1_000_000_000);
                match rest {
                    0 => write!(out, "{seconds}"),
                    _ => write!(out, "{seconds}.{rest:09}"),
                }
            }
            Self::Float(value) if value.is_finite() => write!(out, "{value}"),
            Self::Float(_) => write!(out, "NaN"),
        };
    }
}

/// Samples of many guests, family by family.
pub struct Exposition {
    families: &'static [Family],
    /// One for each family.
    samples: Vec<String>,
}

impl Exposition {
    pub(crate) fn new(families: &'static [Family]) -> Self {
        Self { families, samples: vec![String::new(); families.len()] }
    }

    /// Adds a sample. The labels are texts that [`label`] made.
    pub(crate) fn add(&mut self, family: usize, labels: &[&str], number: Number) {
        let place = self.families.get(family).zip(self.samples.get_mut(family));
        let Some((family, out)) = place else { return };
        out.push_str(&family.name);
        if family.kind == Kind::Counter {
            out.push_str("_total");
        }
        out.push('{');
        let mut separator = "";
        for labels in labels.iter().filter(|labels| !labels.is_empty()) {
            out.push_str(separator);
            out.push_str(labels);
            separator = ",";
        }
        out.push_str("} ");
        number.write(out);
        out.push('\n');
    }

    /// Leaves out the series under node_exporter's names, for a text that node_exporter itself puts beside its own.
    pub fn leave_out_node_names(&mut self) {
        for (family, samples) in self.families.iter().zip(&mut self.samples) {
            if family.name.starts_with("node_") {
                samples.clear();
            }
        }
    }

    /// The text. Families without a sample are left out.
    pub fn text(&self, format: Format) -> String {
        let room = self.samples.iter().map(String::len).sum::<usize>();
        let mut out = String::with_capacity(room.saturating_add(64 << 10));
        for (family, samples) in self.families.iter().zip(&self.samples) {
            if samples.is_empty() {
                continue;
            }
            let Family { name, help, kind } = family;
            let total = match (format, kind) {
                (Format::Prometheus, Kind::Counter) => "_total",
                _ => "",
            };
            let kind = if *kind == Kind::Counter { "counter" } else { "gauge" };
            let _ = write!(out, "# HELP {name}{total} {help}\n# TYPE {name}{total} {kind}\n");
            out.push_str(samples);
        }
        if format == Format::OpenMetrics {
            out.push_str("# EOF\n");
        }
        out
    }
}

/// Appends `name="value"` to labels. What a guest says is escaped and cut off.
pub(crate) fn label(out: &mut String, name: &str, value: &str) {
    if !out.is_empty() {
        out.push(',');
    }
    out.push_str(name);
    out.push_str("=\"");
    for c in value.chars().take(LONGEST_LABEL) {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A label's name made of any text.
pub(crate) fn label_name(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    text.chars().take(LONGEST_LABEL).map(plain).collect()
}

/// A documentation as the text of HELP: its first sentence, on one line.
pub(crate) fn help(doc: &str) -> String {
    let sentence = doc.split_inclusive(". ").next().unwrap_or(doc).trim_end();
    sentence.replace('\\', "\\\\").replace('\n', " ").replace('"', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_labels() {
        for (number, text) in [
            (Number::Nanoseconds(1_500_000_000), "1.500000000"),
            (Number::Nanoseconds(7_000_000_000), "7"),
            (Number::Unsigned(u64::MAX), "18446744073709551615"),
            (Number::Signed(-3), "-3"),
            (Number::Float(0.25), "0.25"),
            (Number::Float(f64::INFINITY), "NaN"),
        ] {
            let mut out = String::new();
            number.write(&mut out);
            assert_eq!(out, text);
        }
        let mut labels = String::new();
        label(&mut labels, "vm", "a\"b\\c\nd");
        label(&mut labels, "x", &"y".repeat(1000));
        assert!(labels.starts_with("vm=\"a\\\"b\\\\c\\nd\",x=\"yyy"), "{labels}");
        assert!(labels.len() < 300);
        assert_eq!(label_name("project id-7"), "project_id_7");
        assert_eq!(Format::of_accept("text/html, */*"), Format::Prometheus);
        assert_eq!(Format::of_accept("application/openmetrics-text;q=1"), Format::OpenMetrics);
    }
}

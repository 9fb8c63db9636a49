//! InfluxDB's line protocol, for Telegraf and others: a line for each row, with the columns' own names and units.

use std::fmt::Write;

use nfm_frame::column::{Kind, Value};
use nfm_frame::{Frame, Section};

/// Sections of which lines are made.
const SHOWN: [Section; 5] =
    [Section::Os, Section::Cpus, Section::Memory, Section::Interfaces, Section::Host];
/// Rows of a section that are shown.
const MOST_ROWS: usize = 1000;

/// A frame as lines: measurement `nfm_SECTION`, tags `vm`, `vm_uuid` and the domain's labels, and what tells the rows of a
/// section apart; a field for each number and truth value that is known.
pub fn influx(frame: &Frame) -> String {
    let mut out = String::new();
    let mut guest = tag("vm", &frame.domain.name);
    guest.push_str(&tag("vm_uuid", frame.domain.uuid.as_deref().unwrap_or_default()));
    for label in frame.domain.labels.iter().flatten() {
        let (name, value) = label.split_once('=').unwrap_or((label, ""));
        guest.push_str(&tag(&format!("vm_{name}"), value));
    }
    let (duration, complete) = (frame.duration_ns, frame.consistency.complete);
    let problems = frame.consistency.problems.len();
    let time_ns = frame.time_ns;
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "nfm_frame{guest} duration_ns={duration}i,complete={complete},problems={problems}i {time_ns}"
    );
    for section in SHOWN {
        let columns = section.columns();
        let mut rows = 0usize;
        frame.for_each_row(section, &mut |values| {
            rows = rows.saturating_add(1);
            if rows > MOST_ROWS {
                return;
            }
            let mut tags = guest.clone();
            let mut fields = String::new();
            for (column, value) in columns.iter().zip(&values) {
                let is_key = matches!(
                    (section, column.name),
                    (Section::Cpus, "id") | (Section::Interfaces, "netns" | "name")
                );
                let is_shown = column.kind != Kind::Label || matches!(value, Value::Bool(_));
                match value {
                    Value::Unsigned(number) if is_key => {
                        tags.push_str(&tag(column.name, &number.to_string()));
                    }
                    Value::Text(text) if is_key => tags.push_str(&tag(column.name, text)),
                    value if is_shown => add_field(&mut fields, column.name, value),
                    _ => {}
                }
            }
            if !fields.is_empty() {
                let _ = writeln!(out, "nfm_{}{tags} {fields} {time_ns}", section.name());
            }
        });
    }
    out
}

fn add_field(out: &mut String, name: &str, value: &Value) {
    let separator = if out.is_empty() { "" } else { "," };
    let _ = match value {
        Value::Bool(value) => write!(out, "{separator}{name}={value}"),
        // The protocol's whole numbers have a sign.
        Value::Unsigned(value) => {
            write!(out, "{separator}{name}={}i", i64::try_from(*value).unwrap_or(i64::MAX))
        }
        Value::Signed(value) => write!(out, "{separator}{name}={value}i"),
        Value::Float(value) if value.is_finite() => write!(out, "{separator}{name}={value}"),
        Value::Floats(values) => {
            let mut separator = separator;
            for (at, value) in values.iter().enumerate().filter(|(_, value)| value.is_finite()) {
                let _ = write!(out, "{separator}{name}_{at}={value}");
                separator = ",";
            }
            Ok(())
        }
        _ => Ok(()),
    };
}

/// A tag behind a comma; none for an empty value, which the protocol has not.
fn tag(name: &str, value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    format!(",{}={}", escaped(name), escaped(value))
}

/// A name or a value of a tag. What a guest says ends no line and no tag.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().take(256) {
        match c {
            ',' | '=' | ' ' => {
                out.push('\\');
                out.push(c);
            }
            // A backslash at the end would take the separator with it, and there is no way to write one.
            '\\' => out.push('/'),
            c if c.is_control() => out.push('_'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Cpu, DomainIdentity, Interface, Os};

    use super::*;

    #[test]
    fn a_line_for_each_row() {
        let frame = Frame {
            time_ns: 77,
            duration_ns: 5,
            domain: DomainIdentity {
                name: "a b".to_owned(),
                labels: Some(vec!["title=x,y".into()]),
                ..DomainIdentity::default()
            },
            os: Some(Os {
                load: Some([0.5, 1.0, f64::NAN]),
                panicked: Some(true),
                ..Os::default()
            }),
            cpus: Some(vec![Cpu { id: 3, user_ns: Some(9), ..Cpu::default() }]),
            interfaces: Some(vec![Interface {
                name: Some("e\\\nth=0".into()),
                rx_bytes: Some(u64::MAX),
                ..Interface::default()
            }]),
            ..Frame::default()
        };
        assert_eq!(
            influx(&frame),
            "nfm_frame,vm=a\\ b,vm_title=x\\,y duration_ns=5i,complete=false,problems=0i 77\n\
             nfm_os,vm=a\\ b,vm_title=x\\,y load_0=0.5,load_1=1,panicked=true 77\n\
             nfm_cpus,vm=a\\ b,vm_title=x\\,y,id=3 online=false,user_ns=9i 77\n\
             nfm_interfaces,vm=a\\ b,vm_title=x\\,y,name=e/_th\\=0 rx_bytes=9223372036854775807i 77\n"
        );
    }
}

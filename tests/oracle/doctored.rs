//! The oracle's own test: what is wrong in a frame must be found. Each field of each section is made
//! wrong in turn, rows are left out and made up.

use oracle::{REQUIRED, SECTIONS, Tally};
use serde_json::{Value, json};

use crate::{Seen, frames, host};

/// Compares one section.
type Compare = Box<dyn Fn(&mut Tally, &Seen, &Value)>;

#[test]
fn a_doctored_frame_is_found_out() {
    let (seen, [frame, _]) = frames("6.1 pc 512 MiB", &[]);
    let of_guest = SECTIONS.map(|(section, compare)| -> (&str, Compare) {
        (section, Box::new(move |tally, seen, frame| compare(tally, &seen.view, frame)))
    });
    let of_host: (&str, Compare) = (host::REQUIRED.0, Box::new(host::compare));
    let mut missed = Vec::new();
    for (section, compare) in of_guest.into_iter().chain([of_host]) {
        let own = json!({ section: frame[section].clone() });
        let honest = disagreements(&compare, &seen, &own);
        for (what, section) in doctored(section, &own) {
            let found = disagreements(&compare, &seen, &section);
            if found.iter().all(|one| honest.contains(one)) {
                missed.push(what);
            }
        }
    }
    assert!(missed.is_empty(), "not found out: {missed:#?}");
}

fn disagreements(compare: &Compare, seen: &Seen, frame: &Value) -> Vec<String> {
    let mut tally = Tally::new(&required());
    compare(&mut tally, seen, frame);
    tally.disagreements()
}

/// The sections and fields that a frame must have.
pub fn required() -> Vec<(&'static str, &'static str)> {
    [REQUIRED, &[host::REQUIRED]].concat()
}

/// Frames of one section with something wrong in each, and what it is.
fn doctored(section: &str, frame: &Value) -> Vec<(String, Value)> {
    let mut all = vec![(format!("{section} left out"), json!({}))];
    let required = required();
    let fields = required.iter().find(|(name, _)| *name == section).expect("a required section").1;
    for field in fields.split_whitespace() {
        let pointer = format!("/{}", field.replace('.', "/"));
        for (how, make) in
            [("wrong", wrong as fn(&mut Value)), ("null", |value| *value = Value::Null)]
        {
            let mut frame = frame.clone();
            // The first row that has it: one wrong value is enough.
            let rows = match &mut frame[section] {
                Value::Array(rows) => rows.as_mut_slice(),
                row => std::slice::from_mut(row),
            };
            let value = rows
                .iter_mut()
                .filter_map(|row| row.pointer_mut(&pointer))
                .find(|value| !value.is_null())
                .unwrap_or_else(|| panic!("no {section} with {field}"));
            make(value);
            all.push((format!("{section}.{field} {how}"), frame));
        }
    }
    if let Some(rows) = frame[section].as_array() {
        // Among processes one of user space: threads of the kernel come and go, and one that is in the
        // frame alone is no fault.
        let steady = rows.iter().rposition(|row| row["name"] == "alice");
        for (what, index) in [("first", 0), ("middle", steady.unwrap_or(rows.len() / 2))] {
            let mut frame = frame.clone();
            frame[section].as_array_mut().expect("rows").remove(index);
            all.push((format!("{section}: the {what} row left out"), frame));
        }
        let mut frame = frame.clone();
        let mut row = rows[0].clone();
        for field in ["pid", "fd", "id", "index", "inode", "start", "time_ns"] {
            if row.get(field).is_some()
                && !(section == "files" && field == "pid")
                && !(section == "mappings" && field == "pid")
            {
                row[field] = 999_999_999.into();
            }
        }
        for field in ["name", "target", "text"] {
            if row.get(field).is_some() {
                row[field] = "made up".into();
            }
        }
        if section == "processes" {
            row["kernel_thread"] = false.into();
        }
        frame[section].as_array_mut().expect("rows").push(row);
        all.push((format!("{section}: a row made up"), frame));
    }
    all
}

fn wrong(value: &mut Value) {
    *value = match value {
        Value::Bool(is) => (!*is).into(),
        Value::Number(number) if number.is_f64() => (number.as_f64().unwrap_or(0.0) + 1e6).into(),
        Value::Number(number) => (number.as_i64().unwrap_or(0) + 1_000_000_000_000_000).into(),
        Value::String(text) => format!("{text}x").into(),
        Value::Array(values) if values.len() == 3 => json!([99.0, 99.0, 99.0]),
        Value::Array(_) => json!(["made up"]),
        Value::Null | Value::Object(_) => panic!("nothing to make wrong: {value}"),
    };
}

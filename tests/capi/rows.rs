//! Rows against JSON: both tell every fact of a frame, and the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use serde_json::Value;

use lab::programs::{Build, output};
use lab::root;

/// All sections that a frame has unasked.
const ALL: u64 = 0;
/// The sections that the oldest header knows, of which it can print rows.
const OLDEST: u64 = 0xfff;

/// Rows by their section.
type Sections = BTreeMap<String, Vec<Value>>;

/// A header, and the one that the oldest programs were compiled against.
const NEWEST_HEADER: &str = "include/nfm.h";
const OLDEST_HEADER: &str = "tests/capi/baseline/nfm.h";

/// The names of the members that a header declares.
type Names = BTreeSet<String>;

/// The members of a header's structures: `    double load[3];`, `    const char *name;`.
fn members_of(header: &str) -> Names {
    let declared = header.lines().filter_map(|line| line.strip_suffix(';')?.split(' ').next_back());
    let name = |word: &str| word.trim_start_matches('*').split('[').next().map(str::to_owned);
    declared.filter_map(name).collect()
}

/// A frame's JSON as its rows should be: one structure for each item, with the members that the header has.
fn expected(frame: &Value, header: &Names) -> Sections {
    let mut sections = Sections::new();
    let problems = &frame["consistency"]["problems"];
    let all = frame
        .as_object()
        .unwrap()
        .iter()
        .chain([(&"problems".to_owned(), problems)])
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<Vec<_>>();
    for (name, value) in all {
        let rows = match value {
            Value::Array(rows) => rows,
            Value::Object(_) if !["domain", "consistency"].contains(&name.as_str()) => vec![value],
            _ => continue,
        };
        let mut rows: Vec<Value> = rows.iter().map(|item| row(item, header)).collect();
        // A list that is not known is not in JSON at all.
        let list = match name.as_str() {
            "processes" => "thread_list",
            "mappings" => "physical",
            _ => "",
        };
        for row in rows.iter_mut().filter(|_| !list.is_empty()).filter_map(Value::as_object_mut) {
            row.entry(list).or_insert(Value::Null);
        }
        sections.insert(name, rows);
    }
    sections
}

fn row(item: &Value, header: &Names) -> Value {
    let members = item.as_object().unwrap().iter();
    let members = members.filter(|(name, _)| header.contains(name.as_str()));
    Value::Object(members.map(|(name, value)| (name.clone(), member(value, header))).collect())
}

fn member(value: &Value, header: &Names) -> Value {
    match value {
        Value::Bool(is) => Value::from(u8::from(*is)),
        Value::String(text) => {
            let bytes: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            Value::String(bytes.concat())
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().map(|item| row(item, header)).collect()
        }
        Value::Array(items) => items.iter().map(|item| member(item, header)).collect(),
        other => other.clone(),
    }
}

/// The output of `rows.c`: the frame's JSON, and its rows.
fn printed(text: &str) -> (Value, Sections) {
    let (json, lines) = text.split_once('\n').unwrap();
    let mut sections = Sections::new();
    for line in lines.lines() {
        let (section, row) = line.split_once('\t').unwrap();
        let row = serde_json::from_str(row).unwrap_or_else(|error| panic!("{error}: {line}"));
        sections.entry(section.to_owned()).or_default().push(row);
    }
    (serde_json::from_str(json).unwrap(), sections)
}

/// Compares what a program prints that was compiled against this header, and gives the number of values that are known
/// and that are not.
fn compare(text: &str, header: &str) -> (usize, usize) {
    let header = members_of(&fs::read_to_string(root().join(header)).unwrap());
    let (frame, rows) = printed(text);
    let (mut known, mut unknown) = (0, 0);
    for (section, expected) in expected(&frame, &header) {
        let rows = rows.get(&section).map_or(&[][..], Vec::as_slice);
        assert_eq!(rows.len(), expected.len(), "rows of {section}");
        for (row, expected) in rows.iter().zip(&expected) {
            assert_eq!(row, expected, "{section}");
            let values = row.as_object().unwrap().values();
            let nulls = values.filter(|value| value.is_null()).count();
            unknown += nulls;
            known += row.as_object().unwrap().len() - nulls;
        }
    }
    (known, unknown)
}

fn crawl(build: &Build, domain: &str, sections: u64, time_limit: u64) -> String {
    let (sections, limit) = (sections.to_string(), time_limit.to_string());
    output(build.program("tests/capi/rows.c").args([domain, "1", &sections, &limit]))
}

/// Compiled against today's header, and against the oldest one: debug builds of the library, which this
/// test runs with, have rows that are longer than their structures, as those of a later version will be.
#[test]
fn rows_tell_what_the_json_tells() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let old = Build::new("old-rows").with_baseline();
    for (build, sections, header) in
        [(Build::new("rows"), ALL, NEWEST_HEADER), (old, OLDEST, OLDEST_HEADER)]
    {
        let text = crawl(&build, guest.domain(), sections, 0);
        let (known, unknown) = compare(&text, header);
        println!("{known} values agree, and {unknown} that are not known");
        assert!(known > 10_000 && unknown > 100, "{known} {unknown}");
        // The lab's guest has names that are not UTF-8, and names with control characters.
        assert!(text.contains("6e65770a6c696e65efbfbd5c6e"), "a name with a line feed and U+FFFD");
    }
}

/// Frames that were given up half way: what was not reached is not known, member by member.
#[test]
fn half_known_rows_tell_it_too() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let build = Build::new("half-rows");
    let text = crawl(&build, guest.domain(), ALL, 0);
    let whole: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    let duration = whole["duration_ns"].as_u64().unwrap();
    for tenths in [1, 2, 3, 5, 7, 9] {
        let (known, unknown) =
            compare(&crawl(&build, guest.domain(), ALL, duration * tenths / 10), NEWEST_HEADER);
        println!("{tenths}/10 of the time: {known} values agree, {unknown} are not known");
    }
}

#[test]
fn numbers_and_addresses_are_those_of_the_texts() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    output(Build::new("ids").program("tests/capi/ids.c").arg(guest.domain()));
}

/// A value as the program prints it: the bytes of a text in hexadecimal, a truth value as a number; a list that is not
/// known is not in JSON at all.
fn as_columns_have_it(json: &Value, arrow: &Value, path: &str) -> usize {
    match (json, arrow) {
        (Value::Object(json), Value::Object(arrow)) => {
            let known = json.keys().all(|key| arrow.contains_key(key));
            assert!(known, "{path}: {json:?} and {arrow:?}");
            let nothing = Value::Null;
            let compare = |(key, value): (&String, &Value)| {
                let path = format!("{path}.{key}");
                as_columns_have_it(json.get(key).unwrap_or(&nothing), value, &path)
            };
            arrow.iter().map(compare).sum()
        }
        (Value::Array(json), Value::Array(arrow)) => {
            assert_eq!(json.len(), arrow.len(), "{path}");
            let pairs = json.iter().zip(arrow);
            pairs.map(|(json, arrow)| as_columns_have_it(json, arrow, path)).sum()
        }
        _ => {
            assert_eq!(member(json, &Names::new()), *arrow, "{path}");
            1
        }
    }
}

/// Without Arrow's own libraries: a reader of its C Data Interface, against the frame's JSON.
#[test]
fn columns_for_arrow_tell_what_the_json_tells() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let asan = ["-fsanitize=address", "-fno-omit-frame-pointer"];
    for build in [Build::new("arrow"), Build::new("arrow-asan").with(&asan)] {
        let text = output(build.program("tests/capi/arrow.c").arg(guest.domain()));
        let (json, lines) = text.split_once('\n').unwrap();
        let frame: Value = serde_json::from_str(json).unwrap();
        let mut compared = 0;
        for line in lines.lines() {
            let (section, rows) = line.split_once('\t').unwrap();
            let rows: Value =
                serde_json::from_str(rows).unwrap_or_else(|e| panic!("{e}: {section}"));
            let held = match &frame[section] {
                Value::Array(rows) => Value::Array(rows.clone()),
                one => Value::Array(vec![one.clone()]),
            };
            compared += as_columns_have_it(&held, &rows, section);
        }
        println!("{compared} values agree");
        assert!(compared > 10_000, "{compared}");
    }
}

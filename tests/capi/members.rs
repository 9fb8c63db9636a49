//! Reflection: the members that the library tells are those of the header and of the JSON, and are enough to show any
//! section.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::process::Command;

use lab::programs::{Build, WARNINGS, output};
use lab::root;
use nfm::{CrawlOptions, Domain, OpenOptions, Section};
use serde_json::Value;

use crate::header::header;

/// One member, as the library tells it.
pub struct Told {
    section: Section,
    rows_of: String,
    name: String,
    /// Offset, size, and bit.
    place: String,
    /// True if it has a bit in known.
    pub has_bit: bool,
}

pub fn told(build: &Build) -> Vec<Told> {
    let text = output(&mut build.program("tests/capi/members.c"));
    let line = |line: &str| {
        let words: Vec<&str> = line.split('\t').collect();
        let [section, rows_of, name, offset, size, bit, _] = words[..] else { panic!("{line}") };
        let section: usize = section.parse().unwrap();
        Told {
            section: Section::ALL[section],
            rows_of: rows_of.to_owned(),
            name: name.to_owned(),
            place: format!("{offset} {size} {bit}"),
            has_bit: bit != "0",
        }
    };
    text.lines().map(line).collect()
}

/// The members of each structure of the header, with their types.
fn structures(header: &str) -> BTreeMap<String, BTreeMap<String, String>> {
    let bodies = header.split("typedef struct ").skip(1).filter_map(|rest| {
        let (name, body) = rest.split_once(" {\n")?;
        let (body, _) = body.split_once("\n}")?;
        (!name.contains('\n')).then_some((name, body))
    });
    let members = |body: &str| -> BTreeMap<String, String> {
        let lines = body.lines().map(str::trim).filter(|line| line.ends_with(';'));
        lines
            .filter_map(|line| {
                let line = line.trim_end_matches(';').split('[').next()?;
                let at = line.rfind([' ', '*'])? + 1;
                Some((line[at..].to_owned(), line[..at].trim().to_owned()))
            })
            .collect()
    };
    bodies.map(|(name, body)| (name.to_owned(), members(body))).collect()
}

/// The structure of a section's rows, as its function returns them.
fn structure_of(header: &str, section: Section) -> String {
    let (before, _) = header.split_once(&format!("*nfm_frame_{}(", section.name())).unwrap();
    let kind = before.rsplit("const struct ").next().unwrap();
    kind.trim().to_owned()
}

/// Members that are no columns: made for C of the columns beside them.
const COMPUTED: [&str; 5] = ["protocol_id", "state_id", "family", "local_ip", "remote_ip"];

#[test]
fn members_are_those_of_the_header_and_of_the_json() {
    let build = Build::new("members");
    let header = header();
    let structures = structures(&header);
    let told = told(&build);
    let mut program = "#include <stdio.h>\n#include <nfm.h>\nint main(void)\n{\n".to_owned();
    let mut expected = String::new();
    for section in Section::ALL.into_iter().filter(|one| *one != Section::Integrity) {
        let of_section: Vec<&Told> = told.iter().filter(|one| one.section == section).collect();
        let own = structure_of(&header, section);
        let mut left = BTreeMap::from([(String::new(), own.clone())]);
        for (name, kind) in &structures[&own] {
            let rows =
                kind.strip_prefix("const struct nfm_").and_then(|kind| kind.strip_suffix(" *"));
            left.extend(rows.map(|rows| (name.clone(), format!("nfm_{rows}"))));
        }
        for (rows_of, structure) in left {
            let members = &structures[&structure];
            let is_special = |name: &str| {
                ["known", "reserved", "reserved_2"].contains(&name)
                    || section == Section::Connections && COMPUTED.contains(&name)
                    || ["_count", "_stride"].iter().any(|end| {
                        name.strip_suffix(end).is_some_and(|list| members.contains_key(list))
                    })
            };
            let names: BTreeSet<&str> =
                members.keys().map(String::as_str).filter(|name| !is_special(name)).collect();
            let of_rows = || of_section.iter().filter(|one| one.rows_of == rows_of);
            let found: BTreeSet<&str> = of_rows().map(|one| one.name.as_str()).collect();
            assert_eq!(found, names, "{section:?}: {rows_of}");
            if rows_of.is_empty() {
                let columns: BTreeSet<&str> =
                    section.columns().iter().map(|one| one.name).collect();
                assert_eq!(found, columns, "{section:?}: names in JSON");
            }
            let stem = structure.trim_end_matches("_t").to_uppercase();
            for one in of_rows() {
                let (name, upper) = (&one.name, one.name.to_uppercase());
                let bit = format!("{stem}_{upper}");
                let bit = match header.contains(&format!("#define {bit} ")) {
                    true => bit,
                    false => "0".to_owned(),
                };
                writeln!(
                    program,
                    "    printf(\"%zu %zu %llu\\n\", offsetof({structure}, {name}), \
                     sizeof(((const {structure} *)0)->{name}), (unsigned long long){bit});"
                )
                .unwrap();
                writeln!(expected, "{}", one.place).unwrap();
            }
        }
    }
    program += "    return 0;\n}\n";
    let source = build.source("places.c", &program);
    assert!(expected.lines().count() > 150, "{}", expected.lines().count());
    for compiler in ["gcc", "clang"] {
        let binary = build.folder().join(compiler);
        let mut command = Command::new(compiler);
        command.args(["-std=c99", "-I"]).arg(root().join("include")).args(WARNINGS);
        output(command.arg("-o").arg(&binary).arg(&source));
        assert_eq!(output(&mut Command::new(&binary)), expected, "{compiler}");
    }
}

/// A value of JSON as the example shows it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => "?".to_owned(),
        Value::Bool(is) => u8::from(*is).to_string(),
        Value::String(text) => {
            let shown = |byte: u8| match byte {
                b'\\' => "\\x5c".to_owned(),
                0x20..=0x7e => char::from(byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            };
            text.bytes().map(shown).collect()
        }
        Value::Array(items) if items.iter().any(Value::is_object) => items.len().to_string(),
        Value::Array(items) => items.iter().map(cell).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

/// Two cells show the same, numbers with a point by their value.
fn is_same(shown: &str, expected: &str) -> bool {
    let reals =
        |cell: &str| -> Option<Vec<f64>> { cell.split(',').map(|one| one.parse().ok()).collect() };
    shown == expected
        || expected.contains('.') && reals(shown).is_some_and(|all| Some(all) == reals(expected))
}

/// The example knows no section: it shows each by reflection alone.
#[test]
fn the_example_shows_every_section() {
    let build = Build::new("table");
    let guest = lab::own_guest("table", &["--memory", "256"]);
    // So that two frames cannot differ.
    lab::virsh(&["suspend", guest.domain()]).expect("suspended");
    let mut options = OpenOptions::default();
    options.uri = Some("qemu:///system".to_owned());
    let mut domain = Domain::open(guest.domain(), &options).unwrap();
    let mut options = CrawlOptions::default();
    options.time_limit = std::time::Duration::from_secs(100);
    // The JSON that `nfm crawl --json` prints.
    let json = domain.crawl(&options).unwrap().to_json();
    let json: Value = serde_json::from_str(&json).unwrap();
    let example = build.program("examples/c/nfm-table.c");
    let table = |section: &str| {
        let mut command = Command::new(example.get_program());
        command.envs(example.get_envs().filter_map(|(name, value)| Some((name, value?))));
        output(command.args(["-c", "qemu:///system", guest.domain(), section]))
    };
    let (mut cells, mut unknown) = (0, 0);
    for section in Section::ALL.into_iter().filter(|one| *one != Section::Integrity) {
        let text = table(section.name());
        let mut lines = text.lines();
        let headings: Vec<&str> = lines.next().expect("headings").split('\t').collect();
        let rows = match &json[section.name()] {
            Value::Array(rows) => rows.clone(),
            one => vec![one.clone()],
        };
        assert_eq!(lines.clone().count(), rows.len(), "{section:?}");
        for (line, row) in lines.zip(&rows) {
            let values: Vec<&str> = line.split('\t').collect();
            assert_eq!(values.len(), headings.len(), "{line}");
            for (heading, shown) in headings.iter().zip(values) {
                let name = heading.split(' ').next().unwrap();
                let expected = cell(&row[name]);
                // The host's side of a guest that stands still goes on.
                let same = is_same(shown, &expected)
                    || section == Section::Host && (shown == "?") == (expected == "?");
                assert!(same, "{section:?}: {name}: {shown} and not {expected}");
                cells += 1;
                unknown += usize::from(shown == "?");
            }
        }
    }
    println!("{cells} cells agree, {unknown} of them not known");
    assert!(cells > 5_000 && unknown > 50, "{cells} {unknown}");
    assert!(table("processes").contains("\trss_bytes [bytes]\t"));
}

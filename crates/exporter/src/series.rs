//! The series of a frame, made of its columns: no name stands here twice.
//!
//! Each number and truth value of a section becomes `nfm_SECTION_COLUMN` in base units (seconds, bytes, hertz), and what
//! `node.rs` names besides that node_exporter's series.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use nfm_frame::column::{Column, Kind, Row, Type, Unit, Value};
use nfm_frame::{Consistency, Frame, Section};

use crate::derived::DERIVED;
use crate::exposition::{Exposition, Family, Number, help, label};
use crate::groups::GROUP_FAMILIES;
use crate::guests::GUEST_FAMILIES;
use crate::node::{NODE_NAMES, node_key};

/// Rows of a section that are shown of one guest.
const MOST_ROWS: usize = 1000;

/// Sections whose numbers become series, and the columns that tell their rows apart.
const SERIES: [(Section, &[&str]); 6] = [
    (Section::Os, &[]),
    (Section::Cpus, &["id"]),
    (Section::Memory, &[]),
    (Section::Interfaces, &["netns", "name"]),
    (Section::Host, &[]),
    (Section::Integrity, &[]),
];

/// The values of a load average's label.
const LOAD_MINUTES: [&str; 3] = ["minutes=\"1\"", "minutes=\"5\"", "minutes=\"15\""];

pub(crate) struct Plan {
    pub families: Vec<Family>,
    sections: Vec<SectionPlan>,
    /// Those of the frame's consistency.
    consistency: Vec<ColumnPlan>,
    /// The places of families by name.
    places: HashMap<String, usize>,
}

struct SectionPlan {
    section: Section,
    /// Columns by their place, that tell rows apart.
    keys: Vec<(usize, &'static str)>,
    node_key: Option<(usize, &'static str)>,
    /// The place of the namespace, of which node_exporter sees one alone.
    namespace: Option<usize>,
    columns: Vec<ColumnPlan>,
}

/// One column, and a family that shows it.
struct ColumnPlan {
    /// The column's place.
    at: usize,
    unit: Unit,
    family: usize,
    labels: &'static str,
    /// The number among several that is shown; all of them where it is `None`.
    place: Option<usize>,
    is_node: bool,
}

pub(crate) static PLAN: LazyLock<Plan> = LazyLock::new(Plan::new);

impl Plan {
    fn new() -> Self {
        let mut plan = Self {
            families: Vec::new(),
            sections: Vec::new(),
            consistency: Vec::new(),
            places: HashMap::new(),
        };
        plan.columns("frame", <Frame as Row>::COLUMNS, &["seq", "time_ns"]);
        plan.consistency = plan.columns("frame", Consistency::COLUMNS, &[]);
        for (section, keys) in SERIES {
            let columns = section.columns();
            let place = |name: &str| columns.iter().position(|column| column.name == name);
            let mut shown = plan.columns(section.name(), columns, keys);
            for node in NODE_NAMES.iter().filter(|node| node.section == section) {
                let found = place(node.column).and_then(|at| Some((at, columns.get(at)?)));
                let Some((at, column)) = found else { continue };
                let kind = family_kind(column);
                let family = plan.family(node.name, &help(column.doc), kind);
                shown.push(ColumnPlan {
                    at,
                    unit: column.unit,
                    family,
                    labels: node.labels,
                    place: Some(node.place),
                    is_node: true,
                });
            }
            plan.sections.push(SectionPlan {
                section,
                keys: keys.iter().filter_map(|name| Some((place(name)?, *name))).collect(),
                node_key: node_key(section).and_then(|(name, label)| Some((place(name)?, label))),
                namespace: place("netns"),
                columns: shown,
            });
        }
        for one in DERIVED {
            plan.family(one.name, one.help, one.kind);
        }
        for (name, help, kind) in GROUP_FAMILIES.into_iter().chain(GUEST_FAMILIES) {
            plan.family(name, help, kind);
        }
        plan
    }

    /// The place of a family of this name.
    pub(crate) fn place(&self, name: &str) -> usize {
        self.places.get(name).copied().unwrap_or(usize::MAX)
    }

    fn family(&mut self, name: &str, help: &str, kind: Kind) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        let place = self.families.len();
        self.families.push(Family { name: name.to_owned(), help: help.to_owned(), kind });
        self.places.insert(name.to_owned(), place);
        place
    }

    /// The series of columns, but for those that are left out.
    fn columns(&mut self, of: &str, columns: &[Column], without: &[&str]) -> Vec<ColumnPlan> {
        let mut all = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            if !is_shown(column) || without.contains(&column.name) {
                continue;
            }
            let name = format!("nfm_{of}_{}", base_name(column));
            let family = self.family(&name, &help(column.doc), family_kind(column));
            let unit = column.unit;
            all.push(ColumnPlan { at, unit, family, labels: "", place: None, is_node: false });
        }
        all
    }

    /// Adds the samples of the frame's sections. The first network namespace is the one that node_exporter would see.
    pub(crate) fn add(&self, out: &mut Exposition, labels: &str, frame: &Frame) {
        let duration = Number::Nanoseconds(frame.duration_ns);
        out.add(self.place("nfm_frame_duration_seconds"), &[labels], duration);
        self.add_row(out, &[labels], &self.consistency, &frame.consistency.values(), None);
        let first_netns = first_netns(frame);
        for plan in &self.sections {
            let mut seen: HashSet<String> = HashSet::new();
            let mut seen_by_node: HashSet<String> = HashSet::new();
            let mut rows = 0usize;
            frame.for_each_row(plan.section, &mut |values| {
                rows = rows.saturating_add(1);
                if rows > MOST_ROWS {
                    return;
                }
                let mut own = String::new();
                for (at, name) in &plan.keys {
                    key_label(&mut own, name, values.get(*at));
                }
                // A guest that lies may have a row twice, and a scraper takes no sample twice.
                if !plan.keys.is_empty() && !seen.insert(own.clone()) {
                    return;
                }
                let mut node = String::new();
                let mut is_of_node = true;
                if let Some((at, name)) = plan.node_key {
                    key_label(&mut node, name, values.get(at));
                    let netns = plan.namespace.and_then(|at| values.get(at));
                    is_of_node = netns.is_none_or(|own| Some(own) == first_netns.as_ref())
                        && seen_by_node.insert(node.clone());
                }
                let node = is_of_node.then_some(node.as_str());
                self.add_row(
                    out,
                    &[labels, &own],
                    &plan.columns,
                    &values,
                    node.map(|node| [labels, node]),
                );
            });
        }
    }

    fn add_row(
        &self,
        out: &mut Exposition,
        own: &[&str],
        columns: &[ColumnPlan],
        values: &[Value],
        node: Option<[&str; 2]>,
    ) {
        for plan in columns {
            let Some(value) = values.get(plan.at) else { continue };
            let before = match plan.is_node {
                true => match &node {
                    Some(node) => node.as_slice(),
                    None => continue,
                },
                false => own,
            };
            let (first, second) = (before.first().unwrap_or(&""), before.get(1).unwrap_or(&""));
            if let Value::Floats(values) = value {
                for (at, value) in values.iter().enumerate() {
                    let number = Number::Float(*value);
                    match plan.place {
                        Some(place) if place != at => {}
                        Some(_) => out.add(plan.family, &[first, second], number),
                        None => {
                            let minutes = LOAD_MINUTES.get(at).unwrap_or(&"");
                            out.add(plan.family, &[first, second, minutes], number);
                        }
                    }
                }
            } else if let Some(number) = number(value, plan.unit) {
                out.add(plan.family, &[first, second, plan.labels], number);
            }
        }
    }
}

/// The network namespace of the first process, or of the first interface.
pub(crate) fn first_netns(frame: &Frame) -> Option<Value<'static>> {
    let init = frame.processes.iter().flatten().find(|process| process.pid == 1);
    let of_init = init.and_then(|process| process.net_namespace);
    let first = || frame.interfaces.iter().flatten().find_map(|one| one.netns);
    of_init.or_else(first).map(|netns| Value::Unsigned(netns.into()))
}

fn key_label(out: &mut String, name: &str, value: Option<&Value>) {
    match value {
        Some(Value::Unsigned(number)) => label(out, name, &number.to_string()),
        Some(Value::Text(text)) => label(out, name, text),
        _ => label(out, name, ""),
    }
}

/// True if a column is a number or a truth value, or counts rows within its row.
fn is_shown(column: &Column) -> bool {
    match column.value {
        Type::Bool => true,
        Type::Float | Type::Floats(_) => true,
        Type::Unsigned(_) | Type::Signed(_) => {
            column.kind != Kind::Label || column.unit == Unit::Nanoseconds
        }
        Type::Rows(_) => column.name != "problems" && Section::from_name(column.name).is_none(),
        _ => false,
    }
}

fn family_kind(column: &Column) -> Kind {
    if column.kind == Kind::Counter { Kind::Counter } else { Kind::Gauge }
}

/// A column's name in base units.
pub(crate) fn base_name(column: &Column) -> String {
    let name = column.name;
    let with = |short: &str, unit: &str| {
        let plain = name.strip_suffix(short).unwrap_or(name);
        format!("{plain}_{unit}")
    };
    match column.unit {
        Unit::None => name.to_owned(),
        Unit::Nanoseconds => with("_ns", "seconds"),
        Unit::Bytes => with("_bytes", "bytes"),
        Unit::Kibibytes => with("_kib", "bytes"),
        Unit::Megahertz => "frequency_hertz".to_owned(),
    }
}

/// A value in base units.
pub(crate) fn number(value: &Value, unit: Unit) -> Option<Number> {
    Some(match (value, unit) {
        (Value::Bool(value), _) => (*value).into(),
        (Value::Unsigned(value), Unit::Nanoseconds) => Number::Nanoseconds(*value),
        (Value::Unsigned(value), Unit::Kibibytes) => Number::Unsigned(value.saturating_mul(1024)),
        (Value::Unsigned(value), _) => Number::Unsigned(*value),
        (Value::Signed(value), _) => Number::Signed(*value),
        (Value::Float(value), Unit::Megahertz) => Number::Float(*value * 1e6),
        (Value::Float(value), _) => Number::Float(*value),
        (Value::Rows(rows), _) => Number::Unsigned(rows.len() as u64),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_node_exporter_is_of_a_column() {
        for node in NODE_NAMES {
            let columns = node.section.columns();
            assert!(columns.iter().any(|one| one.name == node.column), "{}", node.column);
            assert_ne!(PLAN.place(node.name), usize::MAX, "{}", node.name);
        }
    }

    #[test]
    fn names_are_in_base_units() {
        for name in [
            "nfm_os_uptime_seconds",
            "nfm_os_boot_time_seconds",
            "nfm_cpus_user_seconds",
            "nfm_cpus_cache_bytes",
            "nfm_cpus_frequency_hertz",
            "nfm_memory_free_bytes",
            "nfm_interfaces_rx_bytes",
            "nfm_host_untouched_bytes",
            "nfm_frame_duration_seconds",
            "nfm_frame_complete",
            "nfm_integrity_hidden_processes",
        ] {
            assert_ne!(PLAN.place(name), usize::MAX, "{name}");
        }
        let wrong: Vec<&str> = PLAN
            .families
            .iter()
            .map(|family| family.name.as_str())
            .filter(|name| {
                name.ends_with("_ns") || name.ends_with("_kib") || name.ends_with("_total")
            })
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }
}

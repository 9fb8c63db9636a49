//! The section `modules`: `/proc/modules`.

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::View;

const SECTION: &str = "modules";

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(modules) = tally.section(frame, SECTION) else { return };
    let rows = modules.as_array().expect("modules");
    let (before, after) = (view.before.text("/proc/modules"), view.after.text("/proc/modules"));
    assert_eq!(before, after, "the guest's modules do not rest");
    let names = before.lines().filter_map(|line| line.split_whitespace().next());
    let names: Vec<Value> = names.map(Value::from).collect();
    let shown: Vec<Value> = rows.iter().map(|row| row["name"].clone()).collect();
    tally.fact(SECTION, "-", "names in order", &shown.into(), Expected::is(names));

    for line in before.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [name, size, references, used_by, state, address] = words[..6] else {
            panic!("a line of /proc/modules: {line}");
        };
        let Some(row) = rows.iter().find(|row| row["name"] == name) else {
            tally.holds(SECTION, name, "there", false, "no such module");
            continue;
        };
        let number = |text: &str| text.parse::<u64>().expect("a number of /proc/modules");
        let users = used_by.split(',').filter(|user| !matches!(*user, "" | "-" | "[permanent]"));
        let address = u64::from_str_radix(address.trim_start_matches("0x"), 16).expect("address");
        let taints = words.get(6).map_or("", |word| word.trim_matches(['(', ')']));
        let mut is =
            |field, value: Value| tally.field(SECTION, name, row, field, Expected::is(value));
        is("size", number(size).into());
        is("references", references.parse::<u64>().map_or(Value::Null, Value::from));
        is("used_by", users.map(Value::from).collect());
        is("state", state.into());
        is("address", address.into());
        is("taints", taints.into());
    }
}

//! Frames come back from their JSON as they were, whatever they hold; and a frame's values by columns are those of
//! its JSON.

use nfm_frame::column::{Column, Row, Type, Value};
use nfm_frame::{FORMAT, Frame};
use proptest::prelude::*;
use proptest::strategy::Union;
use serde_json::{Map, Value as Json, json};

/// The JSON of any row of these columns. An unknown value is `null`, or its name is missing.
fn any_object(columns: &'static [Column]) -> BoxedStrategy<Json> {
    let members: Vec<BoxedStrategy<Option<Json>>> = columns.iter().map(any_member).collect();
    let object = members.prop_map(|values| {
        let names = columns.iter().map(|column| column.name.to_owned());
        let members = names.zip(values).filter_map(|(name, value)| Some((name, value?)));
        Json::Object(members.collect::<Map<_, _>>())
    });
    object.boxed()
}

fn any_member(column: &'static Column) -> BoxedStrategy<Option<Json>> {
    let known = any_value(column).prop_map(Some).boxed();
    match column.optional {
        true => Union::new_weighted(vec![
            (6, known),
            (1, Just(Some(Json::Null)).boxed()),
            (1, Just(None).boxed()),
        ])
        .boxed(),
        false => known,
    }
}

fn any_value(column: &'static Column) -> BoxedStrategy<Json> {
    if column.name == "format" {
        return Just(json!(FORMAT)).boxed();
    }
    // Any character, those that steer terminals among them.
    let text = || any::<String>().prop_map(|text| json!(text));
    match column.value {
        Type::Bool => any::<bool>().prop_map(|value| json!(value)).boxed(),
        Type::Unsigned(bits) => {
            any::<u64>().prop_map(move |value| json!(value >> (64 - bits))).boxed()
        }
        Type::Signed(bits) => {
            any::<i64>().prop_map(move |value| json!(value >> (64 - bits))).boxed()
        }
        Type::Float => prop::num::f64::NORMAL.prop_map(|value| json!(value)).boxed(),
        Type::Floats(count) => {
            prop::collection::vec(prop::num::f64::NORMAL, count).prop_map(|all| json!(all)).boxed()
        }
        Type::Text => text().boxed(),
        Type::OneOf(texts) => prop::sample::select(texts).prop_map(|text| json!(text)).boxed(),
        Type::Texts => prop::collection::vec(text(), 0..3).prop_map(Json::Array).boxed(),
        Type::Row(columns) => any_object(columns),
        Type::Rows(columns) => {
            prop::collection::vec(any_object(columns), 0..3).prop_map(Json::Array).boxed()
        }
    }
}

/// The JSON of values by columns, every unknown one as `null`.
fn object(columns: &[Column], values: &[Value]) -> Json {
    assert_eq!(columns.len(), values.len());
    let members = columns.iter().zip(values).map(|(column, value)| {
        let value = match (value, column.value) {
            (Value::Null, _) => Json::Null,
            (Value::Bool(value), Type::Bool) => json!(value),
            (Value::Unsigned(value), Type::Unsigned(_)) => json!(value),
            (Value::Signed(value), Type::Signed(_)) => json!(value),
            (Value::Float(value), Type::Float) => json!(value),
            (Value::Floats(values), Type::Floats(_)) => json!(values),
            (Value::Text(text), Type::Text) => json!(text),
            (Value::Text(text), Type::OneOf(texts)) => {
                assert!(texts.contains(text), "{text}");
                json!(text)
            }
            (Value::Texts(texts), Type::Texts) => json!(texts),
            (Value::Row(values), Type::Row(columns)) => object(columns, values),
            (Value::Rows(rows), Type::Rows(columns)) => {
                rows.iter().map(|values| object(columns, values)).collect()
            }
            (value, kind) => panic!("{}: {value:?} is no {kind:?}", column.name),
        };
        (column.name.to_owned(), value)
    });
    Json::Object(members.collect())
}

/// Leaves out what is unknown, at every depth: `null` and missing are the same.
fn without_nulls(json: &Json) -> Json {
    match json {
        Json::Object(members) => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            Json::Object(known.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Json::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn frames_come_back_from_json(json in any_object(<Frame as Row>::COLUMNS)) {
        let frame = Frame::from_json(&json.to_string()).expect("a frame");
        for written in [frame.to_json(), frame.to_json_pretty()] {
            prop_assert_eq!(&Frame::from_json(&written).expect("the same frame"), &frame);
            let written: Json = serde_json::from_str(&written).expect("JSON");
            prop_assert_eq!(without_nulls(&written), without_nulls(&json));
        }
        let columns = object(<Frame as Row>::COLUMNS, &frame.values());
        prop_assert_eq!(without_nulls(&columns), without_nulls(&json));
        prop_assert_eq!(Frame::from_values(frame.values()), Some(frame));
    }
}

#[test]
fn newer_and_older_frames_are_read() {
    let mut json: Json = serde_json::from_str(&Frame::default().to_json()).unwrap();
    json["processes"] = json!([{"pid": 7, "state": "a state of tomorrow", "newer": {"a": [1]}}]);
    json["files"] = json!([{"pid": 7, "fd": 0, "kind": "door"}]);
    json["sections_of_tomorrow"] = json!([1, 2]);
    let frame = Frame::from_json(&json.to_string()).unwrap();
    let process = &frame.processes.as_ref().unwrap()[0];
    assert_eq!((process.pid, process.state, process.ppid), (7, None, None));
    assert_eq!(frame.files.unwrap()[0].kind, None);
    assert!(Frame::from_json("{}").is_err());
}

//! Frames of a real guest are held against docs/frame.schema.json by a validator that is not ours.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use lab::root;

/// The complaints of Python's jsonschema about documents, one a line; no line for a document that is right.
fn complaints(documents: &[Value]) -> Vec<String> {
    let script = "import json, sys\nimport jsonschema\n\
        schema = json.load(open(sys.argv[1]))\n\
        check = jsonschema.Draft202012Validator(schema)\n\
        check.check_schema(schema)\n\
        for line in sys.stdin:\n\
        \x20   for error in check.iter_errors(json.loads(line)):\n\
        \x20       print('/'.join(map(str, error.absolute_path)), error.validator)\n";
    let mut python = Command::new("/usr/bin/python3")
        .args(["-I", "-c", script])
        .arg(root().join("docs/frame.schema.json"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = python.stdin.take().expect("its input");
    for document in documents {
        writeln!(input, "{document}").expect("a document");
    }
    drop(input);
    let output = python.wait_with_output().expect("its output");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn frames_keep_to_the_schema() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let mut domain = lab::open(&guest);
    let mut options = lab::patient();
    options.sections = nfm::Section::ALL.to_vec();
    options.threads = true;
    options.physical = true;
    let frame = domain.crawl(&options).expect("a frame");
    for section in nfm::Section::ALL {
        assert!(frame.has(section), "{section:?}");
    }
    let frame: Value = serde_json::from_str(&frame.to_json()).expect("JSON");
    assert_eq!(complaints(std::slice::from_ref(&frame)), Vec::<String>::new());

    // It would complain: of a wrong type, a number out of range, a lack, an unknown state.
    let mut wrong = frame;
    wrong["processes"][0]["pid"] = json!("one");
    wrong["processes"][1]["ppid"] = json!(1_u64 << 32);
    wrong["processes"][2]["state"] = json!("Q");
    wrong["os"]["load"] = json!([1.0]);
    wrong["files"][0].as_object_mut().expect("a row").remove("fd");
    let mut found = complaints(&[wrong]);
    found.sort();
    let expected = [
        "files/0 required",
        "os/load minItems",
        "processes/0/pid type",
        "processes/1/ppid maximum",
        "processes/2/state enum",
    ];
    assert_eq!(found, expected);
}

/// The schema is what the columns say; `make lint` says how to make it anew.
#[test]
fn the_schema_names_every_section() {
    let text = fs::read_to_string(root().join("docs/frame.schema.json")).expect("the schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    for section in nfm::Section::ALL {
        assert!(schema["properties"][section.name()].is_object(), "{section:?}");
    }
}

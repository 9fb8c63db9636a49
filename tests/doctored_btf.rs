//! Kernels of the future: one whose type information lacks a member that nfm knows loses that field, by
//! name, and nothing else. A kernel of today is made such a one by renaming the member in its memory.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use nfm::{CrawlOptions, Domain, ErrorCode, OpenOptions};
use serde_json::Value;

use lab::btf::Btf;

/// A name that is changed, what of the frame goes with it, and the section and words of the problem.
struct Case {
    from: &'static str,
    to: &'static str,
    lost: &'static [&'static str],
    section: &'static str,
    words: &'static str,
}

const CASES: [Case; 5] = [
    Case {
        from: "start_boottime",
        to: "start_boottimf",
        lost: &["processes.start_time_ns"],
        section: "processes",
        words: "task_struct.start_boottime",
    },
    Case {
        from: "real_cred",
        to: "real_crew",
        lost: &[
            "processes.egid",
            "processes.euid",
            "processes.gid",
            "processes.user_namespace",
            "processes.uid",
        ],
        section: "processes",
        words: "task_struct.real_cred",
    },
    Case {
        from: "nr_threads",
        to: "nr_threadz",
        lost: &["processes.threads"],
        section: "processes",
        words: "signal_struct.nr_threads",
    },
    Case {
        from: "f_pos",
        to: "f_poz",
        lost: &["files.position"],
        section: "files",
        words: "file.f_pos",
    },
    Case {
        from: "taints",
        to: "taintz",
        lost: &["modules.taints"],
        section: "modules",
        words: "module.taints",
    },
];

fn crawl(guest: &lab::Guest) -> Value {
    let mut domain = Domain::open(guest.domain(), &OpenOptions::default()).expect("an open domain");
    let mut options = CrawlOptions::default();
    // Other tests want the CPUs, too.
    options.time_limit = Duration::from_secs(20);
    let frame = domain.crawl(&options).expect("a frame");
    serde_json::from_str(&frame.to_json()).expect("the frame's JSON")
}

#[test]
fn a_kernel_that_lacks_something_loses_just_that() {
    let guest = lab::own_guest("doctored", &["--kernel", "6.1", "--memory", "512"]);
    let btf = Btf::find(guest.qemu_pid(), 512 << 20);
    let whole = crawl(&guest);
    assert_eq!(whole["consistency"]["complete"], true, "{}", whole["consistency"]);
    let without = |from: &str, to: &str| {
        btf.rename(from, to);
        let frame = crawl(&guest);
        btf.rename(to, from);
        println!("without {from}: {:?}", problems(&frame));
        assert_eq!(frame["consistency"]["complete"], false, "without {from}");
        frame
    };

    for case in &CASES {
        let frame = without(case.from, case.to);
        let expected: BTreeSet<String> = case.lost.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(lost(&whole, &frame), expected, "without {}", case.from);
        for (section, reason) in problems(&frame) {
            assert!(section == case.section && reason.contains(case.words), "{section}: {reason}");
        }
        assert_eq!(processes(&frame), processes(&whole), "without {}", case.from);
    }

    // A whole structure, which some devices' drivers count in, and others not.
    let frame = without("net_device_stats", "net_device_statz");
    assert_eq!(lost(&whole, &frame), BTreeSet::new());
    let named = problems(&frame);
    for interface in frame["interfaces"].as_array().expect("interfaces") {
        let name = interface["name"].as_str().expect("a name");
        let is_named = named.iter().any(|(section, reason)| {
            *section == "interfaces"
                && reason.contains(&format!(" {name}:"))
                && reason.contains("net_device_stats.")
        });
        let counters = ["rx_bytes", "rx_packets", "tx_bytes", "tx_packets"];
        let is_null = counters.iter().any(|counter| interface[counter].is_null());
        assert_eq!(is_null, is_named, "{interface}");
    }
    assert!(named.len() < frame["interfaces"].as_array().unwrap().len(), "{named:?}");

    // The list on which all processes hang: a kernel whose types do not tell it is refused.
    btf.rename("tasks", "taskz");
    let error = Domain::open(guest.domain(), &OpenOptions::default()).err();
    btf.rename("taskz", "tasks");
    let error = error.expect("no kernel without a list of tasks");
    assert_eq!(error.code(), ErrorCode::NoTypes, "{error}");
    assert!(error.to_string().contains("it does not tell task_struct.tasks"), "{error}");

    assert_eq!(problems(&crawl(&guest)), [], "after all names are as they were");
}

/// Section and reason of each problem.
fn problems(frame: &Value) -> Vec<(&str, &str)> {
    let problems = frame["consistency"]["problems"].as_array().expect("problems");
    problems
        .iter()
        .filter_map(|one| Some((one["section"].as_str()?, one["reason"].as_str()?)))
        .collect()
}

/// The processes but for the kernel's threads, which come and go.
fn processes(frame: &Value) -> BTreeSet<u64> {
    let rows = frame["processes"].as_array().expect("processes").iter();
    rows.filter(|row| row["kernel_thread"] == false).filter_map(|row| row["pid"].as_u64()).collect()
}

/// How often each field (`processes.uid`) has a value.
fn fields(frame: &Value) -> BTreeMap<String, usize> {
    fn walk(value: &Value, path: &str, known: &mut BTreeMap<String, usize>) {
        match value {
            Value::Null => {}
            Value::Object(members) => {
                for (name, value) in members {
                    let path =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    walk(value, &path, known);
                }
            }
            Value::Array(rows) => rows.iter().for_each(|row| walk(row, path, known)),
            _ => *known.entry(path.to_owned()).or_default() += 1,
        }
    }
    let mut known = BTreeMap::new();
    walk(frame, "", &mut known);
    known
}

/// Fields that the whole frame has and the other has not at all.
fn lost(whole: &Value, frame: &Value) -> BTreeSet<String> {
    let (whole, frame) = (fields(whole), fields(frame));
    let is_lost = |field: &String| !frame.contains_key(field) && !field.starts_with("consistency");
    whole.into_keys().filter(is_lost).collect()
}

//! Behaviour that both APIs share: the same calls through each, held against the same expectations.

use std::collections::BTreeSet;
use std::time::Duration;

use nfm::{ErrorCode, Section};
use serde_json::{Value, json};

use crate::api::{Api, CApi, Opened, Outcome, RustApi, Wanted};
use lab::Guest;

const TEST_DRIVER: &str = "test:///default";
const QEMU: &str = "qemu:///system";

fn apis() -> [Box<dyn Api>; 2] {
    [Box::new(RustApi), Box::new(CApi::load())]
}

fn guest() -> Guest {
    lab::guest("capi", &["--kernel", "6.1"])
}

fn open(api: &dyn Api, guest: &Guest) -> Box<dyn Opened> {
    let opened = api.open(QEMU, guest.domain(), false);
    opened.unwrap_or_else(|(code, words)| panic!("{}: {code}: {words}", api.name()))
}

fn failure<T>(outcome: Outcome<T>) -> (i32, String) {
    outcome.err().expect("a failure")
}

/// Runs a check with each API, says which one it was that failed, and gives both results.
fn both<T: std::fmt::Debug>(check: impl Fn(&dyn Api) -> T) -> [T; 2] {
    apis().map(|api| {
        println!("by the {} API", api.name());
        check(api.as_ref())
    })
}

#[test]
fn they_are_of_one_version() {
    let [rust, c] = both(|api| api.version());
    assert_eq!(rust, c);
}

#[test]
fn errors_have_the_same_number_and_words() {
    let calls: [(&str, &str, bool, ErrorCode); 5] = [
        (TEST_DRIVER, "nope", false, ErrorCode::NoSuchDomain),
        (TEST_DRIVER, "", false, ErrorCode::NoSuchDomain),
        (TEST_DRIVER, "test", false, ErrorCode::Unsupported),
        ("nonsense:///", "test", false, ErrorCode::Connect),
        (TEST_DRIVER, "test", true, ErrorCode::Cancelled),
    ];
    for (uri, domain, cancelled, code) in calls {
        let [rust, c] = both(|api| failure(api.open(uri, domain, cancelled)));
        assert_eq!(rust.0, code as i32, "{}", rust.1);
        assert_eq!(rust, c);
    }
    let [rust, c] = both(|api| failure(api.list("nonsense:///", true)));
    assert_eq!(rust.0, ErrorCode::Connect as i32);
    assert_eq!(rust, c);
}

#[test]
fn domains_are_listed() {
    let [rust, c] = both(|api| api.list(TEST_DRIVER, true).unwrap());
    assert_eq!(rust, [("test".to_owned(), "running".to_owned())]);
    assert_eq!(rust, c);
}

#[test]
fn a_frame_holds_the_sections_that_were_asked_for() {
    let guest = guest();
    both(|api| {
        let mut domain = open(api, &guest);
        for section in Section::ALL {
            let wanted = Wanted { sections: vec![section], ..Wanted::default() };
            let frame = domain.crawl(&wanted).unwrap();
            let held = Section::ALL.iter().filter(|one| frame.get(one.name()).is_some());
            assert_eq!(held.collect::<Vec<_>>(), [&section]);
        }
        let frame = domain.crawl(&Wanted::default()).unwrap();
        let held = Section::ALL.iter().filter(|one| frame.get(one.name()).is_some());
        assert_eq!(
            held.collect::<Vec<_>>(),
            Section::ALL.iter().filter(|one| one.is_default()).collect::<Vec<_>>()
        );
        assert_eq!(frame["seq"], Section::ALL.len() + 1);
        assert_eq!(frame["domain"]["name"], guest.domain());
        assert_eq!(frame["consistency"]["mode"], "live");
    });
}

#[test]
fn details_are_there_on_request() {
    let guest = guest();
    both(|api| {
        let mut domain = open(api, &guest);
        let sections = vec![Section::Processes, Section::Mappings];
        for (threads, physical) in [(false, false), (true, false), (false, true), (true, true)] {
            let wanted =
                Wanted { sections: sections.clone(), threads, physical, ..Wanted::default() };
            let frame = domain.crawl(&wanted).unwrap();
            let have = |section: &str, list: &str| {
                let rows = frame[section].as_array().unwrap();
                rows.iter().any(|row| row[list].as_array().is_some_and(|list| !list.is_empty()))
            };
            assert_eq!(have("processes", "thread_list"), threads);
            assert_eq!(have("mappings", "physical"), physical);
        }
    });
}

#[test]
fn a_frame_that_is_late_says_so() {
    let guest = guest();
    both(|api| {
        let wanted = Wanted { time_limit: Some(Duration::from_nanos(1)), ..Wanted::default() };
        let frame = open(api, &guest).crawl(&wanted).unwrap();
        assert_eq!(frame["consistency"]["complete"], false);
        let problems = frame["consistency"]["problems"].to_string();
        assert!(problems.contains("the time limit is reached"), "{problems}");
    });
}

#[test]
fn a_cancelled_crawl_costs_nothing() {
    let guest = guest();
    let [rust, c] = both(|api| {
        let mut domain = open(api, &guest);
        let cancelled = Wanted { cancelled: true, ..Wanted::default() };
        let failure = failure(domain.crawl(&cancelled));
        assert_eq!(failure.0, ErrorCode::Cancelled as i32);
        let wanted = Wanted { sections: vec![Section::Os], ..Wanted::default() };
        assert_eq!(domain.crawl(&wanted).unwrap()["seq"], 1);
        failure
    });
    assert_eq!(rust, c);
}

#[test]
fn a_guest_is_suspended_for_a_frame() {
    let guest = guest();
    let _alone = guest.alone();
    both(|api| {
        let mut domain = open(api, &guest);
        let wanted = Wanted { sections: vec![Section::Host], paused: true, ..Wanted::default() };
        let frame = domain.crawl(&wanted).unwrap();
        assert_eq!(frame["consistency"]["mode"], "paused");
        assert_eq!(frame["host"]["state"], "paused");
        let wanted = Wanted { sections: vec![Section::Host], ..Wanted::default() };
        assert_eq!(domain.crawl(&wanted).unwrap()["host"]["state"], "running");
    });
}

/// Facts that rest in a guest, of all sections.
fn steady(frame: &Value) -> Value {
    let members = |section: &str, names: &[&str]| -> BTreeSet<String> {
        let rows = match &frame[section] {
            Value::Array(rows) => rows.clone(),
            one => vec![one.clone()],
        };
        let row = |row: &Value| names.iter().map(|name| row[*name].to_string()).collect::<Vec<_>>();
        rows.iter().map(|one| row(one).join(" ")).collect()
    };
    let of_users = |section: &str| frame[section].as_array().unwrap().len();
    assert!(of_users("processes") > 40 && of_users("files") > 100 && of_users("log") > 100);
    json!({
        "os": members("os", &["sysname", "nodename", "release", "version", "build_id", "command_line"]),
        "cpus": members("cpus", &["id", "online", "vendor", "model", "mhz"]),
        "memory": members("memory", &["total", "swap_total"]),
        "mappings": members("mappings", &["start", "end", "permissions", "path"]).len() > 100,
        "modules": members("modules", &["name", "state", "size", "address", "used_by", "taints"]),
        "interfaces": members("interfaces", &["netns", "index", "name", "mac", "mtu", "up", "ipv4"]),
        "connections": members("connections", &["netns", "protocol", "state", "local_port", "path"]),
        "mounts": members("mounts", &["mnt_ns", "source", "target", "filesystem", "options"]),
        "host": members("host", &["state"]),
        "routes": members("routes", &["netns", "family", "table", "kind", "destination", "gateway", "interface"]),
        "neighbours": members("neighbours", &["netns", "family", "address", "interface", "mac", "flags"]),
    })
}

#[test]
fn both_see_the_same_guest() {
    let guest = guest();
    let _alone = guest.alone();
    let [rust, c] = both(|api| steady(&open(api, &guest).crawl(&Wanted::default()).unwrap()));
    assert_eq!(rust, c);
}

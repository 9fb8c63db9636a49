//! The page of `nfm topology -o html`, of three recorded times, in a real browser: clicks, search, levels, the slider; nothing
//! in it runs what guests say, or asks for anything on the network.

mod browser;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use browser::Browser;
use nfm::{Connection, DomainIdentity, Frame, Interface, Process, Text};
use nfm_store::{Encoder, Parsed, StoreWriter, parse};

const START: u64 = 1_764_500_000_000_000_000;
const SECOND: u64 = 1_000_000_000;
/// Names that a guest chose.
const EVIL: &str = "</script><img src=http://127.0.0.1:9/x onerror=document.title='evil'>";

fn text(text: &str) -> Option<Text> {
    Some(text.into())
}

fn frame(
    name: &str,
    address: &str,
    pids: &[(u32, &str)],
    sockets: &[(u32, u16, &str, u16)],
) -> Frame {
    let process =
        |(pid, name): &(u32, &str)| Process { pid: *pid, name: text(name), ..Process::default() };
    let socket = |(pid, port, remote, remote_port): &(u32, u16, &str, u16)| Connection {
        netns: Some(1),
        protocol: "tcp".into(),
        state: text(if *remote_port == 0 { "LISTEN" } else { "ESTABLISHED" }),
        local_address: text(address),
        local_port: Some(*port),
        remote_address: text(remote),
        remote_port: Some(*remote_port),
        pid: Some(*pid),
        ..Connection::default()
    };
    Frame {
        domain: DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() },
        processes: Some(pids.iter().map(process).collect()),
        interfaces: Some(vec![Interface {
            netns: Some(1),
            index: Some(2),
            name: text("eth0"),
            ipv4: Some(vec![format!("{address}/24").as_str().into()]),
            ..Interface::default()
        }]),
        connections: Some(sockets.iter().map(socket).collect()),
        routes: Some(Vec::new()),
        neighbours: Some(Vec::new()),
        ..Frame::default()
    }
}

/// A store of three frames of each of two guests: at the first time, the second connection is not there yet.
fn record(store: &Path) {
    let mut writer = StoreWriter::open(store, "host", Duration::ZERO).expect("a store");
    let names = ["web", "db"];
    let mut encoders: Vec<Encoder> = (1..)
        .zip(names)
        .map(|(id, name)| {
            let domain = DomainIdentity { name: name.to_owned(), ..DomainIdentity::default() };
            Encoder::new(id, domain, 0).expect("an encoder")
        })
        .collect();
    for number in 0..3 {
        let mut clients = vec![(10, 40_000, "10.0.0.2", 5432), (11, 40_001, "10.0.0.2", 5432)];
        clients.truncate(if number == 0 { 1 } else { 2 });
        let mut servers = vec![(20, 5432, "0.0.0.0", 0)];
        servers.extend(clients.iter().map(|client| (20, 5432, "10.0.0.1", client.1)));
        let frames = [
            frame("web", "10.0.0.1", &[(10, "nginx"), (11, EVIL)], &clients),
            frame("db", "10.0.0.2", &[(20, "postgres")], &servers),
        ];
        for (mut frame, encoder) in frames.into_iter().zip(&mut encoders) {
            frame.time_ns = START + number * SECOND;
            frame.consistency.complete = true;
            let mut bytes = Vec::new();
            encoder.encode(&mut frame, number * SECOND + 5, &mut bytes).expect("a record");
            let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
            writer.append(&record.head, &bytes).expect("the log");
        }
    }
}

fn topology(store: &Path, arguments: &[&str]) -> Vec<u8> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
    command.args(["topology", "web", "db", "--since", "2020-01-01T00:00:00Z", "--until"]);
    // The last of the three.
    command.args(["#3", "--every", "1s", "--store"]).arg(store).args(arguments);
    let output = command.output().expect("nfm");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    output.stdout
}

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_page_in_a_browser() {
    let folder = std::env::temp_dir().join(format!("nfm-topology-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let folder = Folder(folder);
    let store = folder.0.join("store");
    record(&store);
    let page = folder.0.join("topology.html");
    std::fs::write(&page, topology(&store, &["-o", "html"])).expect("the page");

    let browser = Browser::start(&folder.0);
    browser.open(&format!("file://{}", page.display()));
    let status = || browser.run("return document.getElementById('status').textContent").to_string();
    let rows = || browser.run("return document.getElementById('rows').innerText").to_string();
    // Two guests, two namespaces, two cards, a network, and three processes with two connections and two subnets.
    assert_eq!(status(), "\"10 nodes, 4 edges\"");
    assert!(rows().contains("postgres[20]") && rows().contains("onerror"), "{}", rows());

    let set = |id: &str, value: &str, event: &str| {
        browser.run(&format!(
            "const one = document.getElementById('{id}'); one.value = '{value}'; \
             one.dispatchEvent(new Event('{event}'))"
        ));
    };
    // The slider: the second connection was not there at first.
    set("time", "0", "input");
    assert_eq!(status(), "\"9 nodes, 3 edges\"");
    assert!(!rows().contains("onerror"));
    assert!(
        browser
            .run("return document.getElementById('time-shown').textContent")
            .to_string()
            .contains("2025-11-30")
    );
    set("time", "2", "input");
    // Levels: both connections lead to one port of one guest.
    set("level", "guest", "change");
    assert_eq!(status(), "\"3 nodes, 3 edges\"");
    assert!(rows().contains("and 1 more"), "{}", rows());
    // A double click opens a guest: its namespace is seen.
    let place = |id: &str| {
        let place = browser.run(&format!(
            "const graph = document.getElementById('graph'); const box = graph.getBoundingClientRect(); \
             const at = graph._cyreg.cy.getElementById('{id}').renderedPosition(); \
             return [box.left + at.x, box.top + at.y]"
        ));
        (place[0].as_f64().expect("x"), place[1].as_f64().expect("y"))
    };
    let (x, y) = place("guest:web");
    browser.click_at(x, y, 2);
    assert_eq!(status(), "\"4 nodes, 3 edges\"");
    set("level", "process", "change");
    // Search: by the name of a process, and by a port.
    set("search", "nginx", "input");
    assert!(status().contains("2 found") && !rows().contains("onerror"), "{} {}", status(), rows());
    set("search", "40001", "input");
    assert!(status().contains("1 found") && rows().contains("onerror"), "{} {}", status(), rows());
    set("search", "", "input");
    // A click on a node, and one on a row.
    let (x, y) = place("guest:db/namespace:1/process:postgres[20]");
    browser.click_at(x, y, 1);
    let details = || browser.run("return document.getElementById('details').innerText").to_string();
    assert!(details().contains("postgres[20]") && details().contains("last seen"), "{}", details());
    browser.run("[...document.querySelectorAll('#rows tr')].find((row) => row.innerText.includes('onerror')).click()");
    assert!(
        details().contains("10.0.0.1:40001") && details().contains("first seen"),
        "{}",
        details()
    );

    // Each control has a name, nothing of a guest's ran, nothing was asked for, nothing went wrong.
    let nameless = "return [...document.querySelectorAll('input, select, button')].filter((one) => \
                    !one.labels?.length && !one.textContent.trim()).length";
    assert_eq!(browser.run(nameless), 0);
    assert_eq!(browser.run("return document.title"), "nfm topology");
    assert_eq!(browser.run("return document.images.length"), 0);
    let console = browser.log("browser");
    assert!(console.is_empty(), "{console:?}");
    let events = browser.log("performance");
    let asked = events.iter().filter_map(|event| {
        let event: serde_json::Value = serde_json::from_str(event["message"].as_str()?).ok()?;
        let url = event["message"]["params"]["request"]["url"].as_str()?.to_owned();
        // The browser makes its own empty window by pages of its own.
        let is_inner = ["file:", "data:", "chrome:"].iter().any(|scheme| url.starts_with(scheme));
        (!is_inner).then_some(url)
    });
    assert_eq!(asked.collect::<Vec<_>>(), [""; 0]);
    if let Some(path) = std::env::var_os("NFM_PICTURE") {
        std::fs::write(path, browser.picture()).expect("the picture");
    }
}

#[test]
fn what_changed_between_two_times() {
    let folder = std::env::temp_dir().join(format!("nfm-topology-diff-{}", std::process::id()));
    let folder = Folder(folder);
    record(&folder.0);
    let table =
        String::from_utf8(topology(&folder.0, &["--diff", "--port", "5432"])).expect("UTF-8");
    let lines: Vec<&str> = table.lines().collect();
    let [heading, line] = lines[..] else { panic!("{table}") };
    assert!(heading.starts_with("CHANGE"), "{table}");
    assert!(line.starts_with("new") && line.contains("10.0.0.1:40001 10.0.0.2:5432"), "{table}");
    // First and last, to the second.
    let table = String::from_utf8(topology(&folder.0, &["--port", "5432"])).expect("UTF-8");
    let line = table.lines().find(|line| line.contains("40001")).expect("a line");
    assert!(table.lines().next().is_some_and(|line| line.ends_with("LAST")), "{table}");
    let times: Vec<&str> =
        line.split_whitespace().filter(|word| word.contains("2025-11-30")).collect();
    assert_eq!(times.len(), 2, "{line}");
    let graph: serde_json::Value =
        serde_json::from_slice(&topology(&folder.0, &["-o", "json", "--port", "5432"]))
            .expect("JSON");
    let edges = graph["edges"].as_array().expect("edges").iter();
    let spans: Vec<[u64; 2]> = edges
        .map(|edge| {
            ["first_seen_ns", "last_seen_ns"].map(|key| edge[key].as_u64().expect("a time") - START)
        })
        .collect();
    assert_eq!(spans, [[0, 2 * SECOND], [SECOND, 2 * SECOND]]);
}

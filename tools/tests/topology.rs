//! `nfm topology` of two guests with a network between them.

use std::process::{Command, Stdio};

use lab::write::{Changes, Held, Kernel};
use serde_json::Value;

fn printed(arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
    command.args(["-c", "qemu:///system", "topology"]).args(arguments).stdin(Stdio::null());
    let output = command.output().expect("nfm");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The ends of edges of a kind, and a fact of each.
fn edges(graph: &Value, kind: &str, fact: &str) -> Vec<[String; 3]> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let edges = graph["edges"].as_array().expect("edges").iter();
    let of_kind = edges.filter(|edge| edge["kind"] == kind);
    of_kind.map(|edge| [&edge["from"], &edge["to"], &edge[fact]].map(text)).collect()
}

/// `--check`: its findings, and its exit status.
fn findings(server: &lab::Guest, client: &lab::Guest) -> (Vec<String>, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nfm"));
    command.args(["-c", "qemu:///system", "topology", "--check", "--json"]);
    let output = command.args([server.domain(), client.domain()]).output().expect("nfm");
    let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let texts = found["findings"].as_array().expect("findings").iter();
    let texts = texts.map(|one| format!("{}: {}", one["kind"], one["text"]));
    (texts.collect(), output.status.code())
}

/// Takes the server's end of a connection out of its kernel's table: the client's end is drawn, and contradicts it.
fn hidden_in_one_guest(server: &lab::Guest, client: &lab::Guest, ends: &[String; 2]) {
    assert_eq!(findings(server, client), (Vec::new(), Some(0)));
    let kernel = Kernel::open(server, 256 << 20);
    let mut changes = Changes::default();
    let held = Held::hold(server);
    let table = kernel.symbol("tcp_hashinfo");
    let buckets = kernel.word(table + kernel.offset("inet_hashinfo", "ehash"));
    let mask = kernel.read(table + kernel.offset("inet_hashinfo", "ehash_mask"));
    let node = kernel.offset("sock_common", "skc_nulls_node");
    let port = kernel.offset("sock_common", "skc_num");
    let mut hidden = 0;
    for bucket in 0..=u64::from(u32::from_le_bytes(mask)) {
        let mut link = kernel.word(buckets + 8 * bucket);
        // The end of each chain is an odd number.
        while link & 1 == 0 {
            let next = kernel.word(link);
            if u16::from_le_bytes(kernel.read(link - node + port)) == 5432 {
                let back = kernel.word(link + 8);
                changes.write_word(&kernel, back, next);
                if next & 1 == 0 {
                    changes.write_word(&kernel, next + 8, back);
                }
                hidden += 1;
            }
            link = next;
        }
    }
    drop(held);
    assert_eq!(hidden, 1, "the server's end of the connection");
    let (found, status) = findings(server, client);
    assert_eq!(status, Some(20), "{found:?}");
    let [found] = &found[..] else { panic!("{found:?}") };
    let who = |guest: &lab::Guest| format!("guest:{}", guest.domain());
    assert!(
        found.starts_with("\"denied-connection\"")
            && found.contains(&who(client))
            && found.contains(&who(server)),
        "{found}"
    );
    // busybox's nc no longer listens: the namespace with the address is the other end.
    let graph = printed(&["-o", "json", "--port", "5432", server.domain(), client.domain()]);
    let graph = serde_json::from_str(&graph).expect("JSON");
    let expected = [ends[0].clone(), ends[1].clone(), "false".to_owned()];
    assert_eq!(edges(&graph, "connection", "both_ends"), [expected]);
    let held = Held::hold(server);
    changes.undo(&kernel);
    drop(held);
    assert_eq!(findings(server, client), (Vec::new(), Some(0)));
}

#[test]
fn two_guests_and_the_network_between_them() {
    // Below the ports that the host gives by itself.
    let port = 20_000 + std::process::id() % 10_000;
    let up = |name: &str, side: &str, address: &str| {
        let wire = format!("{side}:{port}");
        let guest = lab::own_guest(name, &["--memory", "256", "--wire", &wire]);
        guest.ask(&format!("ip addr add {address}/24 dev eth1; ip link set eth1 up"));
        guest
    };
    let server = up("topology-server", "server", "10.77.0.1");
    let client = up("topology-client", "client", "10.77.0.2");
    server.ask("sleep 1000 | nc -l -p 5432 >/dev/null 2>&1 &");
    server.ask("until netstat -ltn | grep -q :5432; do usleep 20000; done");
    client.ask("sleep 1000 | nc 10.77.0.1 5432 >/dev/null 2>&1 &");
    server.ask("until netstat -tn | grep -q 10.77.0.1:5432.*ESTABLISHED; do usleep 20000; done");
    let pid = |guest: &lab::Guest| guest.ask("pidof nc").trim().to_owned();
    let netns = |guest: &lab::Guest| guest.ask("readlink /proc/1/ns/net | tr -dc 0-9");

    let graph: Value =
        serde_json::from_str(&printed(&["-o", "json", server.domain(), client.domain()]))
            .expect("JSON");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let place = |guest: &lab::Guest| {
        format!("host:{}/guest:{}/namespace:{}", host.trim(), guest.domain(), netns(guest))
    };
    let process = |guest: &lab::Guest| format!("{}/process:nc[{}]", place(guest), pid(guest));
    let card = |guest: &lab::Guest| format!("{}/interface:eth1", place(guest));
    let connections = edges(&graph, "connection", "both_ends");
    let expected = [process(&client), process(&server), "true".to_owned()];
    assert!(connections.contains(&expected), "no {expected:?} in {connections:?}");
    let links = edges(&graph, "subnet", "address");
    for (guest, address) in [(&server, "10.77.0.1/24"), (&client, "10.77.0.2/24")] {
        let network = format!("host:{}/network:{port}/network:10.77.0.0/24", host.trim());
        let expected = [card(guest), network, address.to_owned()];
        assert!(links.contains(&expected), "no {expected:?} in {links:?}");
        // Each has this address, in a network of its own.
        let expected = [
            format!("{}/interface:eth0", place(guest)),
            format!("network:10.0.2.0/24 of {}", place(guest)),
            "10.0.2.15/24".to_owned(),
        ];
        assert!(links.contains(&expected), "no {expected:?} in {links:?}");
    }
    let neighbours = edges(&graph, "neighbour", "address");
    let expected = [card(&client), card(&server), "10.77.0.1".to_owned()];
    assert!(neighbours.contains(&expected), "no {expected:?} in {neighbours:?}");
    let routes = edges(&graph, "route", "destination");
    assert!(
        routes.iter().any(|[from, to, destination]| *from == place(&client)
            && to.ends_with("/external:10.0.2.2")
            && destination == "0.0.0.0/0"),
        "{routes:?}"
    );

    hidden_in_one_guest(&server, &client, &[process(&client), place(&server)]);

    // One end alone, from the guest that has it.
    let table = printed(&[client.domain()]);
    let line = table.lines().find(|line| line.contains("10.77.0.1:5432")).expect("a line");
    assert!(
        line.starts_with("connection") && line.ends_with("ESTABLISHED, one end seen"),
        "{line}"
    );
    let drawn = printed(&["-o", "dot", server.domain(), client.domain()]);
    let mut dot = Command::new("dot");
    let mut dot =
        dot.arg("-Tcanon").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("dot");
    std::io::Write::write_all(&mut dot.stdin.take().expect("its input"), drawn.as_bytes())
        .expect("its input");
    assert!(dot.wait().expect("dot").success(), "{drawn}");
    assert!(printed(&["-o", "mermaid", client.domain()]).starts_with("flowchart LR\n  n0["));
}

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

/// A name that a guest gives a process and an interface.
const EVIL: &str = r#"busybox"]<b>"#;

/// A network of libvirt's on its own, without an address of the host's, as long as it lives.
struct Network(String);

impl Network {
    fn start(name: &str) -> Self {
        let (name, number) =
            (format!("nfm-test-{name}-{}", std::process::id()), std::process::id());
        let file = std::env::temp_dir().join(format!("{name}.xml"));
        let xml = format!(
            "<network><name>{name}</name><bridge name='nfmt{number}' stp='off' delay='0'/></network>"
        );
        std::fs::write(&file, xml).expect("its definition");
        let path = file.to_str().expect("a path");
        let made = lab::virsh(&["net-create", path]);
        std::fs::remove_file(&file).expect("its definition");
        made.expect("a network");
        Self(name)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        lab::virsh(&["net-destroy", &self.0]);
    }
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

/// Dumps of the guests tell the same connections; of the host, they tell nothing.
fn the_same_from_dumps(guests: &[&lab::Guest; 2]) {
    let files = guests.map(|guest| std::env::temp_dir().join(format!("{}.elf", guest.domain())));
    for (guest, file) in guests.iter().zip(&files) {
        let mut dump = Command::new(env!("CARGO_BIN_EXE_nfm"));
        dump.args(["-c", "qemu:///system", "dump", guest.domain()]).arg(file);
        assert!(dump.stdout(Stdio::null()).status().expect("nfm").success());
    }
    let names: Vec<String> = files.iter().map(|file| format!("file:{}", file.display())).collect();
    let connections = |of: [&str; 2]| {
        let graph = printed(&["-o", "json", of[0], of[1]]);
        let graph = serde_json::from_str(&graph).expect("JSON");
        let within = |id: &str| id.split_once("/namespace:").map(|(_, rest)| rest.to_owned());
        // A socket that no process has any more is gone a minute later.
        let mut edges: Vec<_> = edges(&graph, "connection", "both_ends")
            .into_iter()
            .filter(|[from, to, _]| [from, to].iter().all(|id| id.contains("/process:")))
            .map(|[from, to, both]| (within(&from), within(&to), both))
            .collect();
        assert!(edges.len() >= 3, "{edges:?}");
        edges.sort();
        edges
    };
    let of_dumps = connections([&names[0], &names[1]]);
    files.iter().for_each(|file| std::fs::remove_file(file).expect("a dump"));
    assert_eq!(of_dumps, connections(guests.map(|guest| guest.domain())));
}

#[test]
fn two_guests_and_the_network_between_them() {
    let network = Network::start("topology");
    let up = |name: &str, address: &str| {
        let guest = lab::own_guest(name, &["--memory", "256", "--network", &network.0]);
        guest.ask(&format!(
            "echo 0 >/proc/sys/net/ipv6/conf/eth1/accept_dad; ip addr add 10.77.0.{address}/24 dev eth1; ip link set eth1 up; \
             ip -6 addr add fd00:99::{address}/64 dev eth1"
        ));
        guest
    };
    let server = up("topology-server", "1");
    let client = up("topology-client", "2");
    let serve = |port: u16| {
        server.ask(&format!("sleep 1000 | nc -l -p {port} >/dev/null 2>&1 &"));
        server.ask(&format!("until netstat -ltn | grep -q :{port}; do usleep 20000; done"));
    };
    let is_connected = |ends: &str| {
        server.ask(&format!(
            "until netstat -tn | grep -q '{ends}.*ESTABLISHED'; do usleep 20000; done"
        ));
    };
    serve(5432);
    client.ask("sleep 1000 | nc 10.77.0.1 5432 >/dev/null 2>&1 &");
    is_connected("10.77.0.1:5432");
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
        let of_libvirt = format!("host:{}/network:{}", host.trim(), network.0);
        let expected =
            [card(guest), format!("{of_libvirt}/network:10.77.0.0/24"), address.to_owned()];
        assert!(links.contains(&expected), "no {expected:?} in {links:?}");
        // The card, its tap, and libvirt's network.
        let taps = edges(&graph, "link", "mtu");
        let tap = taps.iter().find(|[from, _, _]| *from == card(guest)).expect("a tap");
        assert!(tap[1].starts_with(&format!("host:{}/interface:vnet", host.trim())), "{tap:?}");
        let expected = [tap[1].clone(), of_libvirt, "1500".to_owned()];
        assert!(taps.contains(&expected), "no {expected:?} in {taps:?}");
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

    let ipv6_and_a_container = || {
        serve(6379);
        // Its name would end a label of Graphviz's, and begin an element of HTML.
        client.ask(&format!(
            "cp /bin/busybox '/tmp/{EVIL}'; ip link add '{EVIL}' type dummy; \
             ip addr add 10.99.0.1/24 dev '{EVIL}'; \
             sleep 1000 | '/tmp/{EVIL}' nc fd00:99::1 6379 >/dev/null 2>&1 &"
        ));
        is_connected("fd00:99::1:6379");
        // A container: a namespace with one end of a pair of veth, behind the client as its router.
        client.ask(
            "unshare -n sleep 1000 & echo $! >/tmp/box; sleep 0.2; ip link add v0 type veth; \
             own=$(cat /sys/class/net/v0/iflink); \
             peer=$(basename $(dirname $(grep -lx $own /sys/class/net/veth*/ifindex))); \
             ip link set $peer netns $(cat /tmp/box); ip addr add 10.88.0.1/24 dev v0; ip link set v0 up; \
             echo 1 >/proc/sys/net/ipv4/ip_forward; nsenter -t $(cat /tmp/box) -n sh -c \
             \"ip addr add 10.88.0.2/24 dev $peer; ip link set $peer up; ip route add default via 10.88.0.1\"",
        );
        server.ask("ip route add 10.88.0.0/24 via 10.77.0.2");
        serve(11211);
        client.ask(
            "nsenter -t $(cat /tmp/box) -n sh -c 'sleep 1000 | nc 10.77.0.1 11211 >/dev/null 2>&1' &",
        );
        is_connected("10.77.0.1:11211");
        let graph = printed(&["-o", "json", server.domain(), client.domain()]);
        let graph = serde_json::from_str(&graph).expect("JSON");
        let box_netns = client.ask("readlink /proc/$(cat /tmp/box)/ns/net | tr -dc 0-9");
        let inner = place(&client).replace(&netns(&client), &box_netns);
        let connections = edges(&graph, "connection", "to_port");
        let both = edges(&graph, "connection", "both_ends");
        for (port, from, name) in [("6379", place(&client), EVIL), ("11211", inner.clone(), "nc")] {
            let edge = connections.iter().zip(&both).find(|(edge, _)| edge[2] == port);
            let (edge, both) = edge.unwrap_or_else(|| panic!("no {port} in {connections:?}"));
            assert!(edge[0].starts_with(&format!("{from}/process:{name}[")), "{edge:?}");
            assert!(edge[1].starts_with(&format!("{}/process:nc[", place(&server))), "{edge:?}");
            assert_eq!(both[2], "true", "{edge:?}");
        }
        let card = format!("{}/interface:v0", place(&client));
        let routes = edges(&graph, "route", "destination");
        assert!(routes.contains(&[inner, card, "0.0.0.0/0".to_owned()]), "{routes:?}");
    };
    hidden_in_one_guest(&server, &client, &[process(&client), place(&server)]);

    ipv6_and_a_container();
    the_same_from_dumps(&[&server, &client]);

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
    assert!(drawn.contains(&EVIL.replace('"', "\\\"")), "{drawn}");
    let mermaid = printed(&["-o", "mermaid", client.domain()]);
    assert!(mermaid.contains("busybox#34;#93;#60;b#62;") && !mermaid.contains(EVIL), "{mermaid}");
    let page = printed(&["-o", "html", client.domain()]);
    assert!(page.contains(r#"busybox\"]\u003cb\u003e"#) && !page.contains("<b>"), "a page");
    assert!(printed(&["-o", "mermaid", client.domain()]).starts_with("flowchart LR\n  n0["));
}

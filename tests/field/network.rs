//! Sockets, devices, and sums over memory.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use serde_json::Value;

use lab::Guest;
use oracle::interfaces::COUNTERS;

/// Socket states by the number that `/proc/net/tcp` shows (include/net/tcp_states.h).
const STATES: [(&str, &str); 4] =
    [("05", "FIN_WAIT2"), ("06", "TIME_WAIT"), ("08", "CLOSE_WAIT"), ("0A", "LISTEN")];
/// Makes a device of every kind in the first network namespace, and sends through each.
const DEVICES: &str = r#"
for module in /lib/extra/*.ko; do insmod $module; done 2>/dev/kmsg
ls /sys/module/bonding >/dev/null || exit 1
for n in 0 1 2 3 4 5; do
    ip link add a$n type veth
    ip link set $(ls -t /sys/class/net | grep '^veth[2-9]\|^veth1[0-9]\|^veth1$' | head -n 1) name b$n
done
ip link add link a0 name a0.5 type vlan id 5
ip link add link b0 name b0.5 type vlan id 5
ip link add link a1 name macvlan1 type macvlan
ip link add link b1 name macvlan2 type macvlan
ip link add link a2 name ipvlan1 type ipvlan
ip link add link b2 name ipvlan2 type ipvlan
ip link set a3 master bond0
ip link add team0 type team
ip link set a4 master team0
ip link add vrf0 type vrf table 10
ip link set a5 master vrf0
ip link add link b5 name macsec0 type macsec
ip tunnel add ipip1 mode ipip local 10.9.0.1 remote 10.9.0.2
ip tunnel add gre1 mode gre local 10.9.0.1 remote 10.9.0.2
ip tunnel add sit1 mode sit local 10.9.0.1 remote 10.9.0.2
network vxlan vxlan1 42
network geneve geneve1 43
network tun tun0 0
network tun tun1 32
network tun tun2 769
/etc/quiet-net
devices=$(ls /sys/class/net | grep -v '^lo$\|^eth0$\|^br0$\|^veth0$\|^dummy0$\|^bonding_masters$')
for device in $devices; do ip link set $device up; done
n=20
for device in a5 ipvlan1 ipvlan2 ipip1 gre1 sit1 tun0 ip6tnl0 vrf0; do
    n=$((n + 1))
    ip addr add 10.$n.0.1/24 dev $device
    ping -c 1 -W 1 10.$n.0.2 >/dev/null 2>&1 &
done
wait
network frames 3 $devices 2>/dev/kmsg
network frames 5 macvlan1 a0.5 bond0 b3
sleep 1
"#;

/// The kernels that differ in what is tested here. Those of the cloud flavour have no drivers of real network cards.
fn guest(kernel: &str) -> Guest {
    let cards = ["--kernel", kernel, "--flavour", "generic", "--nics", "e1000e e1000 rtl8139"];
    match kernel {
        "7.2" => lab::guest("network-7.2", &["--kernel", kernel, "--timeout", "300"]),
        _ => {
            lab::guest(&format!("network-{kernel}"), &[&cards[..], &["--timeout", "300"]].concat())
        }
    }
}

/// One section of a frame, which must have nothing to complain of but this.
fn section(guest: &Guest, name: &str, expected: &[&str]) -> Value {
    let mut domain = lab::open(guest);
    let frame = domain.crawl(&lab::patient()).expect("a frame");
    let problems: Vec<_> = frame
        .consistency
        .problems
        .iter()
        .filter(|one| one.section == name && !expected.iter().any(|text| one.reason.contains(text)))
        .collect();
    assert!(problems.is_empty(), "{problems:?}");
    let mut json: Value = serde_json::from_str(&frame.to_json()).expect("the frame's JSON");
    json[name].take()
}

/// `get_timewait4_sock` (net/ipv4/tcp_ipv4.c) and `get_timewait6_sock` (net/ipv6/tcp_ipv6.c) show the state that the
/// socket had, `tw_substate`.
fn closed_sockets(kernel: &str) {
    let guest = guest(kernel);
    let _alone = guest.alone();
    // The kernel keeps them for a minute.
    let told = guest.ask("network closed; cat /proc/net/tcp /proc/net/tcp6");
    let rows = section(&guest, "connections", &[]);
    let mut seen = BTreeMap::new();
    for line in told.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let port = |word: &str| {
            let (address, port) = word.rsplit_once(':')?;
            Some((address.len() > 8, u64::from_str_radix(port, 16).ok()?))
        };
        let Some((local, remote)) =
            words.get(1).copied().and_then(port).zip(words.get(2).copied().and_then(port))
        else {
            continue;
        };
        if !(7001..=7002).contains(&remote.1) {
            continue;
        }
        let (_, state) =
            STATES.iter().find(|(number, _)| *number == words[3]).expect("a known state");
        let protocol = if local.0 { "tcp6" } else { "tcp" };
        let row = rows.as_array().into_iter().flatten().find(|row| {
            row["protocol"] == protocol
                && row["local_port"] == local.1
                && row["remote_port"] == remote.1
        });
        let row = row.unwrap_or_else(|| panic!("{kernel}: no row for {line}"));
        assert_eq!(row["state"], *state, "{kernel}: {line}");
        *seen.entry((protocol, *state)).or_insert(0) += 1;
    }
    for protocol in ["tcp", "tcp6"] {
        for state in ["FIN_WAIT2", "TIME_WAIT"] {
            assert!(
                seen.contains_key(&(protocol, state)),
                "{kernel}: no {protocol} in {state}: {seen:?}\n{told}"
            );
        }
    }
}

#[test]
fn closed_sockets_of_linux_5_10() {
    closed_sockets("5.10");
}

#[test]
fn closed_sockets_of_linux_7_2() {
    closed_sockets("7.2");
}

/// `/proc/net/dev` and the guest's `ip link` (`dev_get_stats` of net/core/dev.c, each driver's `ndo_get_stats64`;
/// `ll_addr_n2a` of iproute2's lib/ll_addr.c).
fn devices(kernel: &str, without: &[&str]) {
    let guest = guest(kernel);
    let _alone = guest.alone();
    guest.ask(&format!("[ -e /tmp/devices ] || {{ {DEVICES} }} && touch /tmp/devices"));
    // Sockets that earlier tests closed still send over lo; asking for lo alone makes no other device count.
    let lo = guest.ask("cd /sys/class/net/lo/statistics && grep . *");
    // Before the guest asks for all: that makes a bond add up the devices under it.
    let first = section(&guest, "interfaces", without);
    let before = guest.ask("cat /proc/net/dev");
    let second = section(&guest, "interfaces", without);
    let after = guest.ask("cat /proc/net/dev");
    let links = guest.ask("ip link");
    let netns: u64 = guest.ask("stat -L -c %i /proc/1/ns/net").trim().parse().expect("an inode");
    let (before, after) = (counters(&before), counters(&after));
    let mut busy = Vec::new();
    for (name, counts) in &before {
        let row_of = |rows: &Value| {
            let mut rows = rows.as_array().into_iter().flatten();
            let row = rows.find(|row| row["netns"] == netns && row["name"] == **name);
            row.unwrap_or_else(|| panic!("{kernel}: no {name}")).clone()
        };
        let rows = [row_of(&first), row_of(&second)];
        if without.iter().any(|text| text.starts_with(&format!("counters of {name}:"))) {
            assert!(COUNTERS.iter().all(|(field, _)| rows[1][field].is_null()), "{kernel}: {name}");
            continue;
        }
        for (field, column) in COUNTERS {
            let range = counts[column]..=after[name][column];
            let shown = rows[1][field].as_u64();
            assert!(
                shown.is_some_and(|shown| range.contains(&shown)),
                "{kernel}: {field} of {name}: the guest says {range:?}, nfm {shown:?}"
            );
            // Counters that a card keeps itself may be two seconds old.
            let is_card = name.starts_with("eth") && name != "eth0";
            let early =
                rows[0][field].as_u64().unwrap_or_else(|| panic!("{kernel}: {field} of {name}"));
            let low = match name.as_str() {
                "lo" => statistic(&lo, field),
                _ if is_card => 0,
                _ => counts[column],
            };
            let range = low..=counts[column];
            assert!(
                range.contains(&early),
                "{kernel}: {field} of {name}: the guest says {range:?}, nfm said {early}"
            );
        }
        if COUNTERS.iter().any(|(_, column)| counts[*column] > 0) {
            busy.push(name.as_str());
        }
        let address = address(&links, name);
        assert_eq!(rows[1]["mac"].as_str(), address.as_deref(), "{kernel}: address of {name}");
    }
    for kind in [
        "a0", "a0.5", "macvlan1", "macvlan2", "ipvlan1", "bond0", "team0", "vrf0", "ifb0",
        "macsec0", "ipip1", "gre1", "sit1", "vxlan1", "geneve1", "tun0", "ip6tnl0",
    ] {
        let is_left_out =
            without.iter().any(|text| text.starts_with(&format!("counters of {kind}:")));
        assert!(
            is_left_out || busy.contains(&kind),
            "{kernel}: nothing counted on {kind}: {busy:?}"
        );
    }
}

/// A counter of `/sys/class/net/DEVICE/statistics`, from lines such as `rx_bytes:3308`.
fn statistic(text: &str, field: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or_else(|| panic!("{field} in {text}"))
}

fn counters(text: &str) -> BTreeMap<String, Vec<u64>> {
    let line = |line: &str| {
        let (name, counts) = line.split_once(':')?;
        let counts = counts.split_whitespace().map(|count| count.parse().expect("a counter"));
        Some((name.trim().to_owned(), counts.collect()))
    };
    text.lines().filter_map(line).collect()
}

/// A device's hardware address as iproute2 prints it. Busybox's ip knows tunnels over IPv4, not those over IPv6.
fn address(links: &str, name: &str) -> Option<String> {
    let is_it = |line: &&str| {
        line.split_whitespace()
            .nth(1)
            .is_some_and(|word| word.trim_end_matches(':').split('@').next() == Some(name))
    };
    let rest = links
        .lines()
        .skip_while(|line| !is_it(line))
        .nth(1)
        .unwrap_or_else(|| panic!("no link {name}"));
    let mut words = rest.split_whitespace();
    let kind = words.next().expect("a kind");
    let address = words.next()?;
    if !["link/tunnel6", "link/[769]", "link/[823]", "link/gre6"].contains(&kind) {
        return Some(address.to_owned());
    }
    let bytes: Vec<u8> =
        address.split(':').map(|byte| u8::from_str_radix(byte, 16).expect("a byte")).collect();
    Some(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes")).to_string())
}

#[test]
fn devices_of_linux_7_2() {
    devices("7.2", &[]);
}

/// A kernel whose modules carry no BTF: nobody tells how bonding and e1000e lay their counters out.
#[test]
fn devices_of_linux_5_10() {
    let lacking = "the driver's module carries no usable BTF";
    devices(
        "5.10",
        &[&format!("counters of bond0: {lacking}"), &format!("counters of eth2: {lacking}")],
    );
}

/// e1000e, e1000 and 8139too beside the others.
#[test]
fn devices_of_linux_6_12() {
    devices("6.12", &[]);
}

/// `meminfo_proc_show` (fs/proc/meminfo.c): `total_swapcache_pages` (mm/swap_state.c) is on its own line, and no part
/// of `Cached`.
fn swap_cache(kernel: &str) {
    const SWAP: &str = "truncate -s 130M /tmp/swap && mkswap /tmp/swap >/dev/null && device=$(losetup -f) && \
        losetup $device /tmp/swap && swapon $device && network swapped 32 && sleep 1 && touch /tmp/swapped";
    let guest = guest(kernel);
    let _alone = guest.alone();
    guest.ask(&format!("[ -e /tmp/swapped ] || {{ {SWAP}; }}"));
    let before = guest.ask("cat /proc/meminfo");
    let memory = section(&guest, "memory", &[]);
    let after = guest.ask("cat /proc/meminfo");
    let line = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.split(':').next() == Some(name)).expect("a line");
        line.split_whitespace()
            .nth(1)
            .and_then(|number| number.parse::<u64>().ok())
            .expect("a number")
            * 1024
    };
    let told = line(&before, "SwapCached");
    assert!(told > 8 << 20, "{kernel}: nothing much in the swap cache: {before}");
    // Running the commands that ask takes pages of the page cache.
    const ASKING: u64 = 1 << 20;
    for (field, name) in
        [("swap_cached", "SwapCached"), ("cached", "Cached"), ("swap_free", "SwapFree")]
    {
        let (low, high) = (line(&before, name), line(&after, name));
        let range = low.min(high).saturating_sub(ASKING)..=low.max(high) + ASKING;
        let shown = memory[field].as_u64();
        assert!(
            shown.is_some_and(|shown| range.contains(&shown)),
            "{kernel}: {field}: {shown:?}, guest {range:?}"
        );
    }
}

#[test]
fn swap_cache_of_linux_5_10() {
    swap_cache("5.10");
}

#[test]
fn swap_cache_of_linux_7_2() {
    swap_cache("7.2");
}

/// `proc_readfd` (fs/proc/fd.c) lists the table of one thread: that of the leader in `/proc/PID/fd`, which is empty once
/// it has ended. The guest's workload has a thread that outlived its leader, and one that unshared its table.
fn sockets_of_threads(kernel: &str) {
    let guest = guest(kernel);
    let told = guest.ask("ls -l /proc/[0-9]*/task/*/fd/* 2>/dev/null | grep socket: ; cat /proc/net/tcp /proc/net/tcp6");
    let rows = section(&guest, "connections", &[]);
    for (port, process) in [("1F92", "leaderless"), ("1F93", "threads")] {
        let is_it = |line: &&str| {
            line.split_whitespace().nth(1).is_some_and(|word| word.ends_with(&format!(":{port}")))
        };
        let line = told
            .lines()
            .find(is_it)
            .unwrap_or_else(|| panic!("{kernel}: nobody listens at {port}:\n{told}"));
        let inode = line.split_whitespace().nth(9).expect("an inode");
        let link = told
            .lines()
            .find(|line| line.ends_with(&format!("socket:[{inode}]")))
            .expect("its descriptor");
        let path =
            link.split_whitespace().find(|word| word.starts_with("/proc/")).expect("its path");
        let words: Vec<&str> = path.split('/').collect();
        let row = rows
            .as_array()
            .into_iter()
            .flatten()
            .find(|row| row["inode"].as_u64() == inode.parse().ok());
        let row = row.unwrap_or_else(|| panic!("{kernel}: no socket {inode}"));
        assert_eq!(
            row["pid"].to_string(),
            words[2],
            "{kernel}: owner of {process}'s socket: {row}"
        );
        assert_eq!(
            row["fd"].to_string(),
            words[6],
            "{kernel}: descriptor of {process}'s socket: {row}"
        );
    }
}

#[test]
fn sockets_of_threads_of_linux_5_10() {
    sockets_of_threads("5.10");
}

#[test]
fn sockets_of_threads_of_linux_7_2() {
    sockets_of_threads("7.2");
}

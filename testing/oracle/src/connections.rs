//! The section `connections`: `/proc/PID/net/{tcp,udp,udplite,raw,icmp,unix}` (and those of IPv6) of a process in each
//! network namespace, and who holds the sockets by the tables of descriptors.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use crate::tally::{Expected, Tally};
use crate::view::{Reading, View};

const SECTION: &str = "connections";
/// By the number that `/proc/net/tcp` shows (include/net/tcp_states.h).
const STATES: [&str; 13] = [
    "",
    "ESTABLISHED",
    "SYN_SENT",
    "SYN_RECV",
    "FIN_WAIT1",
    "FIN_WAIT2",
    "TIME_WAIT",
    "CLOSE",
    "CLOSE_WAIT",
    "LAST_ACK",
    "LISTEN",
    "CLOSING",
    "NEW_SYN_RECV",
];

/// One socket as the guest tells it.
#[derive(Clone, Debug, PartialEq)]
struct Socket {
    protocol: &'static str,
    state: &'static str,
    local: Option<(IpAddr, u64)>,
    remote: Option<(IpAddr, u64)>,
    uid: Option<u64>,
    inode: u64,
    path: Option<String>,
}

pub fn compare(tally: &mut Tally, view: &View, frame: &Value) {
    let Some(connections) = tally.section(frame, SECTION) else { return };
    let mut rows: Vec<&Value> = connections.as_array().expect("connections").iter().collect();
    let owners = owners(&view.before);
    for (netns, pid) in &view.networks {
        let before = sockets(&view.before, *pid);
        let after = sockets(&view.after, *pid);
        for socket in before.iter().filter(|socket| after.contains(socket)) {
            let key = format!(
                "{netns}, {} {:?} {:?} {}",
                socket.protocol, socket.local, socket.remote, socket.inode
            );
            let row = rows.iter().position(|row| is_it(row, *netns, socket));
            tally.holds(SECTION, &key, "there", row.is_some(), "no such socket");
            let Some(row) = row.map(|index| rows.remove(index)) else { continue };
            one(tally, &key, row, socket, owners.get(&socket.inode));
        }
        // Gone or new meanwhile.
        rows.retain(|row| !before.iter().chain(&after).any(|socket| is_it(row, *netns, socket)));
    }
    for row in rows {
        tally.holds(SECTION, &row["inode"], "known to the guest", false, row);
    }
}

fn one(
    tally: &mut Tally,
    key: &str,
    row: &Value,
    socket: &Socket,
    owners: Option<&Vec<(u32, u32)>>,
) {
    tally.field(SECTION, key, row, "protocol", Expected::is(socket.protocol));
    tally.field(SECTION, key, row, "state", Expected::is(socket.state));
    tally.field(SECTION, key, row, "inode", Expected::is(socket.inode));
    if let Some(uid) = socket.uid {
        tally.field(SECTION, key, row, "uid", Expected::is(uid));
    }
    for (end, address, port) in [
        (socket.local, "local_address", "local_port"),
        (socket.remote, "remote_address", "remote_port"),
    ] {
        let Some((ip, number)) = end else { continue };
        let shown = row[address].as_str().and_then(|text| text.parse::<IpAddr>().ok());
        tally.holds(SECTION, key, &format!("{address} {ip}"), shown == Some(ip), &row[address]);
        tally.field(SECTION, key, row, port, Expected::is(number));
    }
    if socket.protocol == "unix" {
        tally.field(SECTION, key, row, "path", Expected::is(socket.path.clone()));
    }
    let held = row["pid"].as_u64().zip(row["fd"].as_u64());
    let is_right = match (owners, held) {
        (Some(owners), Some((pid, fd))) => owners.contains(&(pid as u32, fd as u32)),
        (None, None) => true,
        _ => false,
    };
    tally.holds(SECTION, key, &format!("pid and fd {owners:?}"), is_right, format!("{held:?}"));
}

/// By inode; a socket without a process, in TIME-WAIT, has none and is known by its ends.
fn is_it(row: &Value, netns: u64, socket: &Socket) -> bool {
    let protocol = row["protocol"].as_str().unwrap_or_default();
    if row["netns"] != netns || !socket.protocol.starts_with(protocol.trim_end_matches('6')) {
        return false;
    }
    let end = |address: &str, port: &str| {
        Some((row[address].as_str()?.parse::<IpAddr>().ok()?, row[port].as_u64()?))
    };
    match socket.inode {
        0 => {
            row["inode"].as_u64().unwrap_or(0) == 0
                && end("local_address", "local_port") == socket.local
                && end("remote_address", "remote_port") == socket.remote
        }
        inode => row["inode"] == inode,
    }
}

/// The owners of sockets: (pid, fd) by inode.
fn owners(reading: &Reading) -> HashMap<u64, Vec<(u32, u32)>> {
    let mut owners: HashMap<u64, Vec<(u32, u32)>> = HashMap::new();
    for pid in reading.stats().keys() {
        let link = |fd| Some((fd, reading.link(*pid, &format!("fd/{fd}"))?));
        let own = reading.descriptors(*pid).into_iter().filter_map(link);
        for (fd, link) in own.chain(reading.threads_descriptors(*pid)) {
            let inode = link.strip_prefix("socket:[").and_then(|inode| inode.strip_suffix(']'));
            if let Some(inode) = inode.and_then(|inode| inode.parse().ok()) {
                owners.entry(inode).or_default().push((*pid, fd));
            }
        }
    }
    owners
}

fn sockets(reading: &Reading, pid: u32) -> Vec<Socket> {
    let mut all = Vec::new();
    for protocol in
        ["tcp", "tcp6", "udp", "udp6", "udplite", "udplite6", "raw", "raw6", "icmp", "icmp6"]
    {
        let text = reading.text(&format!("/proc/{pid}/net/{protocol}"));
        all.extend(text.lines().skip(1).map(|line| internet(protocol, line)));
    }
    all.extend(unix(&reading.text(&format!("/proc/{pid}/net/unix"))));
    all
}

fn internet(protocol: &'static str, line: &str) -> Socket {
    let words: Vec<&str> = line.split_whitespace().collect();
    let state = STATES[usize::from_str_radix(words[3], 16).expect("a state")];
    Socket {
        protocol,
        state,
        local: Some(end(words[1])),
        remote: Some(end(words[2])),
        uid: Some(words[7].parse().expect("a uid")),
        inode: words[9].parse().expect("an inode"),
        path: None,
    }
}

/// `0100007F:1F90`: words of four bytes, each printed as the number it is on a little-endian CPU.
fn end(text: &str) -> (IpAddr, u64) {
    let (address, port) = text.split_once(':').expect("address and port");
    let bytes: Vec<u8> = (0..address.len())
        .step_by(8)
        .flat_map(|at| {
            u32::from_str_radix(&address[at..at + 8], 16).expect("an address").to_le_bytes()
        })
        .collect();
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => Ipv4Addr::from(four).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).expect("16 bytes")).into(),
    };
    (address, u64::from_str_radix(port, 16).expect("a port"))
}

/// A name may have line ends in it: a line that is no socket of its own continues the one before.
fn unix(text: &str) -> Vec<Socket> {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().skip(1) {
        let is_own = line.split(' ').next().is_some_and(|word| word.ends_with(':'))
            && line.split(' ').nth(1).is_some_and(|word| word.len() == 8);
        match lines.last_mut() {
            Some(last) if !is_own => {
                last.push('\n');
                last.push_str(line);
            }
            _ => lines.push(line.to_owned()),
        }
    }
    lines.iter().map(|line| unix_socket(line)).collect()
}

/// `Num: RefCount Protocol Flags Type St Inode Path`.
fn unix_socket(line: &str) -> Socket {
    const LISTENS: u64 = 0x1_0000; // __SO_ACCEPTCON
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |index: usize| u64::from_str_radix(words[index], 16).expect("a number");
    // unix_seq_show makes a socket's state of the one that the frame has.
    let state = match (number(3) & LISTENS != 0, number(5)) {
        (true, _) => "LISTEN",
        (false, 2 | 3) => "ESTABLISHED",
        (false, _) => "CLOSE",
    };
    // The inode is aligned to the right, and a blank parts it from the path.
    let inode = words[6];
    let head: usize = words[..6].iter().map(|word| word.len() + 1).sum();
    let path =
        line[head..].trim_start().strip_prefix(inode).and_then(|rest| rest.strip_prefix(' '));
    Socket {
        protocol: "unix",
        state,
        local: None,
        remote: None,
        uid: None,
        inode: inode.parse().expect("an inode"),
        path: path.map(str::to_owned),
    }
}

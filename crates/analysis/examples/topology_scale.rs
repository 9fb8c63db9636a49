//! Cost of the topology of many guests: time against decoding the same frames, memory, and how it grows.
//!
//! `cargo run --release -p nfm-analysis --example topology_scale`: each guest serves three ports and has 300 connections, half
//! of them to another guest, which has their other end. Each count of guests runs in a process of its own.

use std::process::Command;

use nfm_analysis::{GuestOfHost, topology};
use nfm_frame::{Connection, Frame, Interface, Process};

const CONNECTIONS: u32 = 300;
const COUNTS: [u32; 4] = [10, 100, 300, 1000];
/// The fastest of so many runs counts.
const RUNS: u32 = 5;

fn main() {
    if let Some(guests) = std::env::args().nth(1) {
        return measure(guests.parse().expect("a number of guests"));
    }
    let this = std::env::current_exe().expect("this program");
    println!(
        "guests\tconnections\tedges\tdecode_ns\ttopology_ns\tratio\tns_per_connection\tpeak_mib"
    );
    let mut each = Vec::new();
    for count in COUNTS {
        let output = Command::new(&this).arg(count.to_string()).output().expect("a run");
        let line = String::from_utf8(output.stdout).expect("UTF-8");
        print!("{line}");
        let numbers: Vec<f64> =
            line.split('\t').filter_map(|word| word.trim().parse().ok()).collect();
        each.push(numbers.get(6).copied().expect("the cost of a connection"));
    }
    let growth = each.last().expect("a cost") / each.first().expect("a cost");
    println!("cost of a connection at {} guests / at {}: {growth:.2}", COUNTS[3], COUNTS[0]);
}

fn measure(count: u32) {
    let lines: Vec<String> = (0..count).map(|number| guest(number, count).to_json()).collect();
    // The kernel counts in steps: few guests are taken several times in a row.
    let repeats = (COUNTS[3] / count).max(1);
    let fastest = |work: &mut dyn FnMut()| {
        let times = (0..RUNS).map(|_| {
            let start = cpu_ns();
            (0..repeats).for_each(|_| work());
            (cpu_ns() - start) / u64::from(repeats)
        });
        times.min().unwrap_or(0)
    };
    let mut frames: Vec<Frame> = Vec::new();
    let decode = fastest(&mut || {
        frames.clear();
        frames.extend(lines.iter().map(|line| Frame::from_json(line).expect("a frame")));
    });
    drop(lines);
    let guests: Vec<GuestOfHost> = frames.iter().map(GuestOfHost::alone).collect();
    let mut edges = 0;
    let mut first = None;
    let work = fastest(&mut || {
        let topology = topology(&guests, &[]);
        edges = topology.edges.len();
        let ends: Vec<(usize, usize)> =
            topology.edges.iter().map(|edge| (edge.from, edge.to)).collect();
        assert_eq!(
            *first.get_or_insert_with(|| ends.clone()),
            ends,
            "the order is the same each time"
        );
    });
    let status = std::fs::read_to_string("/proc/self/status").expect("the status");
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next());
    let peak: f64 = peak.expect("the peak").parse().expect("a number");
    let connections = count * CONNECTIONS;
    println!(
        "{count}\t{connections}\t{edges}\t{}\t{}\t{:.2}\t{:.0}\t{:.0}",
        decode,
        work,
        work as f64 / decode as f64,
        work as f64 / f64::from(connections),
        peak / 1024.0
    );
}

/// Time that this thread has had a CPU: others' load does not count.
fn cpu_ns() -> u64 {
    let status = std::fs::read_to_string("/proc/thread-self/schedstat").expect("schedstat");
    status.split_whitespace().next().and_then(|time| time.parse().ok()).expect("a time")
}

fn address(number: u32) -> String {
    format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255)
}

/// Guest `number` of `count`: connections to the next guests, and those of the guests before it to one of its three ports.
fn guest(number: u32, count: u32) -> Frame {
    let own = address(number + 1);
    let text = |text: &str| Some(text.into());
    let socket = |pid: u32, port: u32, remote: &str, remote_port: u32| Connection {
        netns: Some(4_026_531_840),
        protocol: "tcp".into(),
        state: text("ESTABLISHED"),
        local_address: text(&own),
        local_port: u16::try_from(port).ok(),
        remote_address: text(remote),
        remote_port: u16::try_from(remote_port).ok(),
        inode: Some(u64::from(port)),
        uid: Some(0),
        pid: Some(pid),
        fd: Some(3),
        ..Connection::default()
    };
    let servers = [80, 5432, 6379];
    let mut connections: Vec<Connection> = (1..)
        .zip(servers)
        .map(|(pid, port)| Connection { state: text("LISTEN"), ..socket(pid, port, "0.0.0.0", 0) })
        .collect();
    for index in 0..CONNECTIONS / 2 {
        // Connection `index` goes to the guest that is so many places on; the same from there.
        let step = 1 + index % 7;
        let (to, from) = ((number + step) % count, (number + count - step) % count);
        let service = index % 3;
        let port = servers[service as usize];
        let client = 30_000 + index;
        connections.push(socket(100 + index % 20, client, &address(to + 1), port));
        connections.push(socket(1 + service, port, &address(from + 1), client));
    }
    let pids = (1..=3).chain(100..120);
    let processes =
        pids.map(|pid| Process { pid, name: text(&format!("p{pid}")), ..Process::default() });
    let mut frame = Frame {
        processes: Some(processes.collect()),
        interfaces: Some(vec![Interface {
            netns: Some(4_026_531_840),
            index: Some(2),
            name: text("eth0"),
            ipv4: Some(vec![format!("{own}/8").as_str().into()]),
            ..Interface::default()
        }]),
        connections: Some(connections),
        ..Frame::default()
    };
    frame.domain.name = format!("guest-{number:04}");
    frame
}

//! The cost of a scrape of 100 synthetic guests, against that of encoding them alone: CPU time of the process that serves.
//! The client is curl.

use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nfm_exporter::{Format, GroupRules, Guests, Server};
use nfm_frame::{
    Consistency, Cpu, DomainIdentity, Frame, Host, Interface, Memory, Mount, Os, Process,
    ProcessState,
};

const GUESTS: u32 = 100;
const ROUNDS: usize = 15;
/// Longer than scrapes share a text.
const BETWEEN: Duration = Duration::from_millis(700);

fn main() {
    let mut guests = Guests::new(GroupRules::default());
    guests.set_source(true);
    (0..GUESTS).for_each(|guest| guests.take(frame(guest), Vec::new()));
    let guests = Arc::new(Mutex::new(guests));
    let encode = move |format| {
        let guests = guests.lock().unwrap_or_else(PoisonError::into_inner);
        guests.exposition(2_000_000_000).text(format)
    };
    let length = encode(Format::Prometheus).len();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/metrics", listener.local_addr().expect("an address"));
    let server = Server::new(None, Arc::new(encode.clone()), |_| ()).expect("a server");
    std::thread::spawn(move || server.run(listener));
    let (mut alone, mut scraped) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = cpu_ms();
        assert_eq!(encode(Format::Prometheus).len(), length);
        alone.push(cpu_ms() - begun);
        std::thread::sleep(BETWEEN);
        let begun = cpu_ms();
        let mut curl = Command::new("curl");
        let status =
            curl.args(["-s", "--fail", "-o", "/dev/null", &url]).stdin(Stdio::null()).status();
        assert!(status.expect("curl").success());
        scraped.push(cpu_ms() - begun);
    }
    let median = |mut all: Vec<f64>| {
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied().unwrap_or_default()
    };
    let (alone, scraped) = (median(alone), median(scraped));
    println!(
        "{GUESTS} guests, {:.1} MB of text: encoding {alone:.1} ms of CPU, a scrape {scraped:.1} ms: {:.2} times",
        length as f64 / 1e6,
        scraped / alone
    );
}

/// CPU time of this process, milliseconds.
fn cpu_ms() -> f64 {
    let mut sum = 0.0;
    for task in std::fs::read_dir("/proc/self/task").expect("threads").flatten() {
        let text = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        sum += text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default();
    }
    sum / 1e6
}

fn frame(guest: u32) -> Frame {
    let number = |n: u64| Some(u64::from(guest) * 1_000_003 + n * 7919);
    let process = |pid: u32| Process {
        pid,
        name: Some(format!("service-{}", pid % 40).as_str().into()),
        state: Some(ProcessState::Sleeping),
        threads: Some(3),
        start_time_ns: number(pid.into()),
        user_ns: number(1),
        system_ns: number(2),
        virtual_bytes: number(3),
        rss_bytes: number(4),
        open_files: Some(20),
        net_namespace: Some(1),
        mnt_namespace: Some(2),
        ..Process::default()
    };
    let cpu = |id: u32| Cpu {
        id,
        online: true,
        user_ns: number(5),
        nice_ns: number(6),
        system_ns: number(7),
        idle_ns: number(8),
        iowait_ns: number(9),
        irq_ns: number(10),
        softirq_ns: number(11),
        steal_ns: number(12),
        ..Cpu::default()
    };
    let interface = |index: u32| Interface {
        netns: Some(1),
        name: Some(format!("veth{index}").as_str().into()),
        mac: Some("52:54:00:00:00:01".into()),
        up: Some(true),
        mtu: Some(1500),
        rx_bytes: number(13),
        rx_packets: number(14),
        tx_bytes: number(15),
        tx_packets: number(16),
        ..Interface::default()
    };
    let mount = |index: u32| Mount {
        mnt_ns: Some(2),
        source: Some("/dev/vda1".into()),
        target: Some(format!("/srv/{index}").as_str().into()),
        filesystem: Some("ext4".into()),
        options: Some("rw,relatime".into()),
    };
    Frame {
        seq: 1,
        time_ns: 1_000_000_000,
        domain: DomainIdentity {
            name: format!("guest-{guest}"),
            uuid: Some(format!("00000000-0000-0000-0000-{guest:012}")),
            labels: Some(vec!["project=shop".into()]),
            ..DomainIdentity::default()
        },
        consistency: Consistency { complete: true, ..Consistency::default() },
        os: Some(Os { load: Some([0.1, 0.2, 0.3]), boot_time_ns: number(17), ..Os::default() }),
        cpus: Some((0..4).map(cpu).collect()),
        memory: Some(Memory {
            total: number(18),
            free: number(19),
            available: number(20),
            ..Memory::default()
        }),
        processes: Some((1..=200).map(process).collect()),
        interfaces: Some((0..10).map(interface).collect()),
        mounts: Some((0..20).map(mount).collect()),
        host: Some(Host { vcpu_time_ns: number(21), rss_bytes: number(22), ..Host::default() }),
        ..Frame::default()
    }
}

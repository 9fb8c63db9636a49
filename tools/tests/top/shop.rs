//! A recording of two guests of a shop, made up: web-1, on which a miner starts after thirty seconds, and db-1.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nfm::{
    Connection, Consistency, Cpu, DomainIdentity, File, FileKind, Frame, Host, LogRecord, Memory,
    Os, Problem, Process, ProcessState,
};
use nfm_store::{Encoder, Parsed, StoreWriter, parse};

pub const S: u64 = 1_000_000_000;
/// 2026-10-01T14:00:00Z.
pub const START: u64 = 1_790_863_200 * S;
/// The miner's first second.
pub const MINED: u64 = 30;
/// The last frame's second. It lacks a part of db-1's processes.
pub const LAST: u64 = 60;

/// Parent, pid, user, name, command line, thousandths of a CPU, MiB in RAM.
type Line = (u32, u32, u32, &'static str, &'static str, u64, u64);

const WEB: [Line; 8] = [
    (0, 1, 0, "systemd", "/sbin/init", 1, 11),
    (0, 2, 0, "kthreadd", "", 0, 0),
    (2, 17, 0, "ksoftirqd/0", "", 2, 0),
    (1, 312, 0, "sshd", "sshd: /usr/sbin/sshd -D", 0, 7),
    (1, 401, 0, "nginx", "nginx: master process /usr/sbin/nginx", 0, 6),
    (401, 402, 33, "nginx", "nginx: worker process", 84, 19),
    (401, 403, 33, "nginx", "nginx: worker process", 79, 18),
    // A name that is made to steer the terminal.
    (1, 466, 1000, "e\u{1b}[2J", "\u{1b}]0;title\u{7}\u{1b}[2Jforged\n\u{202e}back", 3, 2),
];
const MINER: Line = (402, 6021, 33, "kworkerds", "./kworkerds -o pool.example:3333", 910, 212);
const DB: [Line; 5] = [
    (0, 1, 0, "systemd", "/sbin/init", 1, 10),
    (1, 388, 26, "postgres", "/usr/lib/postgresql/17/bin/postgres", 3, 148),
    (388, 390, 26, "postgres", "postgres: checkpointer", 1, 96),
    (388, 391, 26, "postgres", "postgres: shop web-1 SELECT", 212, 121),
    (388, 392, 26, "postgres", "postgres: shop web-1 idle", 17, 88),
];

fn process((ppid, pid, uid, name, line, share, rss): Line, began: u64, second: u64) -> Process {
    let used = second.saturating_sub(began) * S / 1000 * share;
    let state = if share > 150 { ProcessState::Running } else { ProcessState::Sleeping };
    Process {
        pid,
        ppid: Some(ppid),
        name: Some(name.into()),
        state: Some(state),
        command_line: Some(line.into()),
        uid: Some(uid),
        threads: Some(1),
        nice: Some(0),
        start_time_ns: Some(began * S + u64::from(pid) + 1),
        user_ns: Some(used / 10 * 7),
        system_ns: Some(used / 10 * 3),
        virtual_bytes: Some(rss << 22),
        rss_bytes: Some(rss << 20),
        shared_bytes: Some(rss << 18),
        cgroup: Some(format!("/system.slice/{}.service", name.escape_default()).into()),
        kernel_thread: Some(line.is_empty()),
        ..Process::default()
    }
}

fn frame(name: &str, uuid: u64, second: u64, processes: Vec<Process>) -> Frame {
    let used = |process: &Process| process.user_ns.unwrap_or(0) + process.system_ns.unwrap_or(0);
    let busy: u64 = processes.iter().map(used).sum();
    let zero = Some(0);
    let cpu = Cpu {
        online: true,
        user_ns: Some(busy),
        nice_ns: zero,
        system_ns: zero,
        irq_ns: zero,
        softirq_ns: zero,
        iowait_ns: zero,
        idle_ns: Some((2000 + second) * S - busy),
        steal_ns: zero,
        ..Cpu::default()
    };
    let socket = |local: u16, remote: &'static str, port: u16, pid: u32| Connection {
        protocol: "tcp".into(),
        state: Some("ESTABLISHED".into()),
        local_address: Some("10.0.0.5".into()),
        local_port: Some(local),
        remote_address: Some(remote.into()),
        remote_port: Some(port),
        inode: Some(local.into()),
        pid: Some(pid),
        ..Connection::default()
    };
    let is_mined = processes.iter().any(|process| process.pid == MINER.1);
    let mut connections = vec![socket(443, "198.51.100.7", 50_112, 402)];
    connections.extend(is_mined.then(|| socket(41_312, "203.0.113.66", 3333, MINER.1)));
    let file = |pid, path: &'static str| File {
        pid,
        fd: 3,
        kind: Some(FileKind::File),
        path: Some(path.into()),
        ..File::default()
    };
    Frame {
        domain: DomainIdentity {
            name: name.to_owned(),
            uuid: Some(format!("00000000-0000-4000-8000-{uuid:012}")),
            hypervisor: "qemu".to_owned(),
            ..DomainIdentity::default()
        },
        time_ns: START + second * S,
        duration_ns: 3_000_000,
        consistency: Consistency { complete: true, mode: "live".into(), ..Consistency::default() },
        os: Some(Os {
            uptime_ns: Some((1000 + second) * S),
            boot_time_ns: Some(uuid),
            load: Some([busy as f64 / (second + 1) as f64 / 1e9, 0.2, 0.1]),
            ..Os::default()
        }),
        cpus: Some(vec![cpu]),
        memory: Some(Memory {
            total: Some(2 << 30),
            free: Some(1 << 29),
            available: Some(3 << 29),
            ..Memory::default()
        }),
        // The host gave three quarters of what the guest believes.
        host: Some(Host { vcpu_time_ns: Some(busy / 4 * 3), ..Host::default() }),
        connections: Some(connections),
        files: Some(vec![
            file(402, "/var/log/nginx/access.log"),
            file(391, "/srv/pg/base/1/16384"),
        ]),
        log: Some(vec![LogRecord {
            time_ns: S,
            level: 6,
            text: "Run /init as init process".into(),
        }]),
        processes: Some(processes),
        ..Frame::default()
    }
}

/// The two frames of a second.
pub fn frames(second: u64) -> [Frame; 2] {
    let mut web: Vec<Process> = WEB.iter().map(|line| process(*line, 0, second)).collect();
    if second >= MINED {
        web.push(process(MINER, MINED, second));
    }
    let db = DB.iter().map(|line| process(*line, 0, second)).collect();
    let [web, mut db] = [frame("web-1", 1, second, web), frame("db-1", 2, second, db)];
    if second == LAST {
        let reason = "the list of processes breaks off".to_owned();
        db.consistency.complete = false;
        db.consistency.problems =
            vec![Problem { section: "processes".into(), reason, address: None }];
        db.processes.as_mut().expect("processes").truncate(4);
    }
    [web, db]
}

/// A store of a test's own with all of it.
pub fn record(name: &str) -> PathBuf {
    let store = std::env::temp_dir().join(format!("nfm-top-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&store);
    write(&store);
    store
}

fn write(store: &Path) {
    let mut writer = StoreWriter::open(store, "host-1", Duration::ZERO).expect("a store");
    let mut encoders = frames(0).map(|frame| frame.domain).into_iter().zip(1..);
    let mut encoders = [(); 2].map(|()| {
        let (domain, vm) = encoders.next().expect("a guest");
        Encoder::new(vm, domain, 0).expect("an encoder")
    });
    for second in 0..=LAST {
        for (mut frame, encoder) in frames(second).into_iter().zip(&mut encoders) {
            let mut bytes = Vec::new();
            encoder.encode(&mut frame, second * S, &mut bytes).expect("a record");
            let Parsed::Record(record, _) = parse(&bytes) else { panic!("no record") };
            writer.append(&record.head, &bytes).expect("appended");
        }
    }
    writer.end_all().expect("ended");
}

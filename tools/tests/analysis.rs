//! Differences, rates and shares of the CPU, from frames of a real guest: each figure as the guest's kernel counts it.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nfm::{Frame, Section};
use nfm_analysis::{
    Change, Comparison, Difference, RowRates, compare, cpu_use, elapsed, host_shares,
    process_cpu_ns, process_tree, process_use, rates,
};

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// A restart takes seconds; a machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(200);

/// Starts a busy loop, in a session of its own as the shell's end would end it otherwise, lets it have a second of
/// CPU time by its kernel's count, and stops it. Prints its pid and the nanoseconds that it had.
const BURN: &str = "setsid sh -c 'while :; do :; done' >/dev/null 2>&1 & pid=$!
    while read -r ran rest </proc/$pid/schedstat && [ $ran -lt 1000000000 ]; do sleep 0.1; done
    kill -STOP $pid
    until grep -q 'State:.T' /proc/$pid/status; do :; done
    read -r ran rest </proc/$pid/schedstat; echo $pid $ran";

fn printed(arguments: &[&str]) -> Option<String> {
    let output = Command::new(NFM)
        .args(["-c", "qemu:///system"])
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .expect("nfm");
    output.status.success().then(|| String::from_utf8(output.stdout).expect("UTF-8"))
}

/// A frame, as a recorder keeps it.
fn frame(guest: &lab::Guest) -> Frame {
    let line = printed(&["crawl", guest.domain(), "--json", "--time-limit", "200"]);
    let frame = Frame::from_json(&line.expect("a frame")).expect("a frame");
    assert!(frame.consistency.complete, "{:?}", frame.consistency);
    frame
}

fn difference<'a>(earlier: &'a Frame, later: &'a Frame) -> Box<Difference<'a>> {
    match compare(earlier, later) {
        Comparison::Difference(difference) => difference,
        other => panic!("{other:?}"),
    }
}

fn pids(rows: &[&nfm::Process]) -> Vec<u32> {
    rows.iter().map(|row| row.pid).collect()
}

#[test]
fn as_the_guest_counts() {
    let guest = lab::own_guest("analysis", &["--memory", "256", "--on-reboot", "restart"]);
    let first = frame(&guest);
    let numbers = guest.ask(BURN);
    let numbers: Vec<u64> = numbers.split_whitespace().map(|one| one.parse().unwrap()).collect();
    let [pid, ran] = numbers[..] else { panic!("{numbers:?}") };
    let pid = pid as u32;
    // In, out and back: requests and replies of the loopback device, which nobody else uses meanwhile.
    let packets = || -> u64 {
        let text = guest.ask("sed -n 's/^ *lo: *[0-9]* *\\([0-9]*\\) .*/\\1/p' /proc/net/dev");
        text.trim().parse().unwrap_or_else(|_| panic!("{text:?}"))
    };
    let packets_before = packets();
    let second = frame(&guest);

    let rows = difference(&first, &second);
    assert!(pids(&rows.processes.new).contains(&pid), "{:?}", pids(&rows.processes.new));
    assert!(rows.processes.perhaps_new.is_empty() && rows.processes.perhaps_gone.is_empty());
    assert!(rows.modules.is_empty() && rows.mounts.is_empty() && rows.cpus.is_empty());
    let used = process_use(&first, &second);
    let burner = used.iter().find(|one| one.process.pid == pid).expect("the busy loop");
    let cpu_ns = burner.cpu_ns.expect("CPU time");
    // `cputime_adjust` makes user and system time of the scheduler's count.
    assert!(cpu_ns.abs_diff(ran) < 1_000_000, "{cpu_ns}, and the guest says {ran}");
    let elapsed_ns = elapsed(&first, &second).expect("time").ns as f64;
    let percent = burner.cpu_percent.expect("a share");
    assert!((percent - 100.0 * cpu_ns as f64 / elapsed_ns).abs() < 1e-6, "{percent}");
    println!("busy loop: {cpu_ns} ns, guest {ran} ns, {percent:.1} % of {elapsed_ns:.0} ns");

    // Its part of the host's time: the guest has one CPU, which was the loop's and others' in turn.
    let shares = host_shares(&first, &second);
    let share = shares.iter().find(|one| one.process.pid == pid).expect("a share");
    let vcpu = |frame: &Frame| frame.host.as_ref().and_then(|host| host.vcpu_time_ns).unwrap();
    let vcpu_ns = (vcpu(&second) - vcpu(&first)) as f64;
    let busy = cpu_use(&first, &second)[0].busy_ns.expect("times of the CPU");
    let all: f64 = shares.iter().map(|one| one.host_percent).sum();
    println!(
        "host: {:.1} % of {:.1} % for the loop, vCPU {vcpu_ns} ns, guest's CPU at work {busy} ns",
        share.host_percent, all
    );
    assert!(share.host_percent > 0.5 * all && all > 0.0);

    // It ends, another begins, packets go to and fro.
    let other: u32 = guest
        .ask(&format!(
            "kill -9 {pid}; ping -c 3 127.0.0.1 >/dev/null; sleep 1000 >/dev/null 2>&1 & echo $!
            while [ -e /proc/{pid} ]; do sleep 0.1; done"
        ))
        .trim()
        .parse()
        .expect("a pid");
    let third = frame(&guest);
    let packets_after = packets();
    let rows = difference(&second, &third);
    assert!(pids(&rows.processes.gone).contains(&pid), "{:?}", pids(&rows.processes.gone));
    assert!(pids(&rows.processes.new).contains(&other), "{:?}", pids(&rows.processes.new));
    let stayed = rows.processes.stayed.len() + rows.processes.new.len();
    assert_eq!(stayed, third.processes.as_ref().map_or(0, Vec::len));
    let elapsed = elapsed(&second, &third).expect("time");
    let init = rows.processes.stayed.iter().find(|(row, _)| row.pid == 1).expect("init").1;
    let is_loopback =
        |row: &nfm::Interface| row.netns == init.net_namespace && row.name.as_deref() == Some("lo");
    let loopback = rows.interfaces.stayed.iter().find(|(row, _)| is_loopback(row)).expect("lo");
    let RowRates::Counted(rates) = rates(loopback.0, loopback.1, elapsed) else {
        panic!("a reset");
    };
    let received = rates.iter().find(|rate| rate.column.name == "rx_packets").expect("rx_packets");
    assert!(packets_after >= packets_before + 6, "{packets_before} and then {packets_after}");
    assert_eq!(received.change, Change::Rose(packets_after - packets_before));
    println!("lo: {received:?} in {elapsed:?}");

    // The tree of processes is that of the guest: all that runs in user space is init's.
    let processes = third.processes.as_deref().unwrap_or_default();
    let tree = process_tree(processes);
    assert_eq!(tree.len(), processes.len());
    let init = tree.iter().position(|row| row.process.pid == 1).expect("init");
    let of_init = &tree[init..init + tree[init].subtree];
    let user = |process: &&nfm::Process| process.kernel_thread == Some(false);
    assert_eq!(
        of_init.iter().filter(|row| user(&row.process)).count(),
        processes.iter().filter(user).count()
    );

    // A frame that a limit cut short accuses nobody of being gone.
    let line = printed(&["crawl", guest.domain(), "--json", "--row-limit", "20"]);
    let part = Frame::from_json(&line.expect("a frame")).expect("a frame");
    assert!(!part.is_whole(Section::Processes));
    let rows = difference(&third, &part);
    assert!(rows.processes.gone.is_empty() && rows.processes.perhaps_gone.len() > 40);
    let used: Vec<u64> = processes.iter().filter_map(process_cpu_ns).collect();
    assert_eq!(used.len(), processes.len());

    // Started anew: a result of its own, as soon as a frame of the new boot can be had.
    lab::virsh(&["reset", guest.domain()]).expect("reset");
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "no frame of the new boot");
        std::thread::sleep(Duration::from_millis(500));
        let Some(line) = printed(&["crawl", guest.domain(), "--json"]) else { continue };
        let later = Frame::from_json(&line).expect("a frame");
        let has_init = later.processes.iter().flatten().any(|one| one.exe.is_some());
        if has_init && later.is_whole(Section::Processes) {
            match compare(&third, &later) {
                Comparison::Restarted => break,
                // Seen before the reset took hold.
                Comparison::Difference(rows) => {
                    assert!(
                        pids(&rows.processes.gone).is_empty() && rows.processes.stayed.len() > 40
                    );
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

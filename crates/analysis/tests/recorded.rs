//! Frames of a real guest (Linux 6.1, one CPU, TCG), recorded by `nfm crawl --json` and shortened by what is null. The
//! figures beside them are those that the guest's kernel told at the time.
//!
//! Between the first and the second a busy loop (pid 231) had 1,048,357,602 ns by its `/proc/PID/schedstat` and was
//! stopped, and `lo` received 504 bytes in 6 packets by `/proc/net/dev`. Between the second and the third the loop was
//! killed and `sleep` (pid 244) began.

use nfm_analysis::{
    Boot, Change, Comparison, Difference, RowRates, boot, compare, cpu_use, elapsed, host_shares,
    process_tree, process_use, processes_by_command, processes_by_user, rates, sum,
};
use nfm_frame::{Frame, Process};

fn frames() -> [Frame; 3] {
    let lines = include_str!("frames/6.1.jsonl").lines();
    let frames: Vec<Frame> = lines.map(|line| Frame::from_json(line).expect("a frame")).collect();
    frames.try_into().expect("three frames")
}

fn difference<'a>(earlier: &'a Frame, later: &'a Frame) -> Box<Difference<'a>> {
    match compare(earlier, later) {
        Comparison::Difference(difference) => difference,
        other => panic!("{other:?}"),
    }
}

fn pids(rows: &[&Process]) -> Vec<u32> {
    rows.iter().map(|row| row.pid).collect()
}

#[test]
fn who_came_and_went() {
    let [first, second, third] = frames();
    assert_eq!(boot(&first, &third), Boot::Same);
    let rows = difference(&first, &second);
    assert_eq!((pids(&rows.processes.new), pids(&rows.processes.gone)), (vec![231], vec![]));
    let rows = difference(&second, &third);
    assert_eq!((pids(&rows.processes.new), pids(&rows.processes.gone)), (vec![244], vec![231]));
    assert_eq!(rows.processes.stayed.len(), 102);
    assert!(rows.processes.perhaps_new.is_empty() && rows.processes.perhaps_gone.is_empty());
    assert!(rows.cpus.is_empty() && rows.interfaces.is_empty() && rows.modules.is_empty());
    assert!(rows.connections.stayed.is_empty(), "they were not recorded");

    // The same, had the third frame not been whole.
    let mut part = third.clone();
    part.consistency.complete = false;
    let rows = difference(&second, &part);
    assert_eq!(
        (pids(&rows.processes.gone), pids(&rows.processes.perhaps_gone)),
        (vec![], vec![231])
    );
}

#[test]
fn rates_and_shares() {
    let [first, second, _] = frames();
    let used = process_use(&first, &second);
    let burner = used.iter().find(|one| one.process.pid == 231).expect("the busy loop");
    assert_eq!(burner.cpu_ns, Some(1_048_357_602));
    // By the guest's clock. The middles of the crawls, which took 354 and 165 ms, are 4.382 s apart, their beginnings
    // 4.476 s.
    let elapsed = elapsed(&first, &second).expect("time");
    assert_eq!(elapsed.ns, 4_487_999_878);
    assert_eq!(burner.cpu_percent.map(|percent| (percent * 100.0).round()), Some(2336.0));

    let rows = difference(&first, &second);
    let loopback = rows.interfaces.stayed.iter().find(|(row, _)| row.rx_bytes == Some(1700));
    let (before, after) = loopback.expect("lo");
    let RowRates::Counted(rates) = rates(*before, *after, elapsed) else { panic!("a reset") };
    let change = |name: &str| rates.iter().find(|rate| rate.column.name == name).unwrap().change;
    assert_eq!(change("rx_bytes"), Change::Rose(504));
    assert_eq!(change("rx_packets"), Change::Rose(6));
    assert_eq!(change("rx_errors"), Change::Rose(0));

    let cpus = cpu_use(&first, &second);
    assert_eq!(cpus.len(), 1);
    let busy = cpus[0].busy_percent.expect("a share");
    assert!((1.0..100.0).contains(&busy), "{busy}");
    // The vCPU had 445 ms of the host's CPU: no more is shared out, and the loop has most of it.
    let shares = host_shares(&first, &second);
    let all: f64 = shares.iter().map(|one| one.host_percent).sum();
    let vcpu = 100.0 * 445_022_995.0 / 4_382_182_269.0;
    assert!((0.9 * vcpu..=vcpu * 1.000_001).contains(&all), "{all} of {vcpu}");
    let loops = shares.iter().find(|one| one.process.pid == 231).expect("the loop").host_percent;
    assert!(loops > 0.8 * all, "{loops} of {all}");
}

#[test]
fn groups_and_the_tree() {
    let [_, second, _] = frames();
    let processes = second.processes.as_deref().unwrap_or_default();
    let tree = process_tree(processes);
    assert_eq!(tree.len(), processes.len());
    let is_kernel = |row: &Process| row.kernel_thread == Some(true);
    let kthreadd = tree.iter().position(|row| row.process.pid == 2).expect("kthreadd");
    let of_it = &tree[kthreadd..kthreadd + tree[kthreadd].subtree];
    assert!(of_it.iter().all(|row| is_kernel(row.process)));
    assert_eq!(of_it.len(), processes.iter().filter(|row| is_kernel(row)).count());

    let by_user = processes_by_user(processes);
    assert_eq!(by_user.iter().map(|group| group.rows.len()).sum::<usize>(), processes.len());
    assert!(by_user.iter().any(|group| group.key == Some(1000)), "alice's");
    let by_command = processes_by_command(processes);
    let shells = by_command.iter().find(|group| group.key == Some("sh")).expect("sh");
    let used = sum(shells.rows.iter().copied(), "user_ns").expect("a counter");
    assert!(used.total >= 1_005_126_361 && used.unknown == 0, "{used:?}");
}

//! The plugin for collectd (integrations/collectd): in Debian's collectd against a guest, and under the checkers of
//! memory. Through a restart of libvirtd it goes in `tests/faults`.

use std::path::Path;
use std::process::Command;
use std::time::Instant;

use lab::collectd::{Collectd, PLUGIN, compile};
use lab::programs::{Build, output};

#[test]
fn its_values_are_the_guests() {
    let guest = lab::own_guest("collectd", &["--on-reboot", "restart"]);
    let build = Build::new("collectd");
    let options = format!(
        "URI \"qemu:///system\"\nDomain \"{}\"\nProcessGroup \"busy\"\nProcessGroup \"server\"\n",
        guest.domain()
    );
    guest.ask("cp /bin/busybox /tmp/sh; /tmp/sh -c 'printf busy >/proc/self/comm; while :; do :; done' >/dev/null 2>&1 &");
    let collectd = Collectd::start(&build, &options);
    let number = |command: &str| guest.ask(command).trim().parse::<f64>().unwrap();
    // Two numbers behind the time, of which each is one of the guest's.
    let first = collectd.wait(guest.domain(), "nfm/uptime", |line| line.len() == 2);
    let second = collectd.wait(guest.domain(), "nfm/uptime", |line| line[0] > first[0] + 1.5);
    assert!((second[1] - first[1] - (second[0] - first[0])).abs() < 2.5, "{first:?} {second:?}");
    let total = number("awk '/^MemTotal/ { print $2 }' /proc/meminfo") * 1024.0;
    collectd.wait(guest.domain(), "nfm/memory-total", |line| line[1] == total);
    let count = number("grep -lx server /proc/[0-9]*/comm | wc -l");
    assert!(count > 0.0);
    collectd
        .wait(guest.domain(), "nfm-server/ps_count", |line| line[1] == count && line[2] >= count);
    let rss =
        number("cat $(grep -lx busy /proc/[0-9]*/comm | sed s/comm/statm/) | cut -d ' ' -f 2");
    collectd
        .wait(guest.domain(), "nfm-busy/ps_rss", |line| (line[1] - rss * 4096.0).abs() < 65536.0);
    collectd
        .wait(guest.domain(), "nfm-busy/percent-cpu", |line| line[1] > 30.0 && line[1] <= 101.0);
    collectd.wait(guest.domain(), "nfm/percent-cpu-0", |line| line[1] > 30.0 && line[1] <= 100.0);
    guest.ask("ping -c 3 -q 127.0.0.1");
    let received = number("awk '$1 == \"lo:\" { print $2 }' /proc/net/dev");
    let lines = collectd.wait(guest.domain(), "nfm-lo/if_octets", |line| line[1] == received);
    assert_eq!(lines[2], received, "what lo receives it has sent");

    // It is started anew, and read on.
    let uptime = collectd.lines(guest.domain(), "nfm/uptime").last().unwrap()[1];
    lab::virsh(&["reset", guest.domain()]).expect("a reset");
    let later = Instant::now();
    collectd.wait(guest.domain(), "nfm/uptime", |line| {
        line[0] > second[0] && line[1] < uptime.min(later.elapsed().as_secs_f64() + 2.0)
    });
    let log = collectd.stop();
    assert!(!log.contains("nfm: libvirt"), "{log}");
}

/// A hundred times as many are read by hand: `HARNESS_READS=100000`.
#[test]
fn reads_leave_nothing_behind() {
    let guest = lab::guest("capi", &["--kernel", "6.1"]);
    let reads = std::env::var("HARNESS_READS").unwrap_or_else(|_| "1000".to_owned());
    let plain = Build::new("collectd-harness");
    let program = plain.folder().join("harness");
    let sources = ["tests/collectd/harness.c", PLUGIN];
    compile(&plain, &[], &sources, &program);
    let run = |program: &Path| {
        let mut command = Command::new(program);
        command.args([guest.domain(), &reads]).env("LD_LIBRARY_PATH", plain.folder());
        output(&mut command)
    };
    let said = run(&program);
    println!("{said}");
    let pages: Vec<u64> = said.split(' ').filter_map(|word| word.parse().ok()).collect();
    let [_, frames, _, before, after] = pages[..] else { panic!("{said}") };
    assert!(frames >= 10 && before > 0, "{said}");
    // A frame and its rows are some 200 KiB: one that stayed of each would be fifty pages a frame.
    assert!(after < before + 512, "{said}");

    let checked = plain.folder().join("harness-asan");
    compile(&plain, &["-fsanitize=address", "-fno-omit-frame-pointer"], &sources, &checked);
    println!("under AddressSanitizer: {}", run(&checked));
}

//! Properties that hold for any two frames.

use std::collections::HashSet;

use nfm_analysis::{
    Boot, Comparison, Identity, RowDifference, RowRates, boot, compare, cpu_use, elapsed,
    host_shares, process_tree, process_use, rates, sum_of_rates,
};
use nfm_frame::{
    Connection, Consistency, Cpu, Frame, Host, Interface, Module, Mount, Os, Problem, Process,
    Section, Text,
};
use proptest::option::of;
use proptest::prelude::*;

/// A number: small ones that meet, and any.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0u64..4, 60_000u64..70_000, (u64::from(u32::MAX) - 3)..(1 << 32), any::<u64>()]
}

fn name() -> impl Strategy<Value = Text> {
    prop_oneof![Just(""), Just("a"), Just("tcp"), Just("unix")].prop_map(Text::from)
}

fn process() -> impl Strategy<Value = Process> {
    (0u32..6, of(0u32..6), of(0u64..3), of(number()), of(number()), of(any::<bool>())).prop_map(
        |(pid, ppid, start_time_ns, user_ns, system_ns, kernel_thread)| Process {
            pid,
            ppid,
            start_time_ns,
            user_ns,
            system_ns,
            kernel_thread,
            ..Process::default()
        },
    )
}

fn cpu() -> impl Strategy<Value = Cpu> {
    (0u32..3, any::<bool>(), of(number()), number(), of(number())).prop_map(
        |(id, online, user_ns, time, steal_ns)| Cpu {
            id,
            online,
            user_ns,
            nice_ns: Some(time),
            system_ns: Some(time / 2),
            idle_ns: Some(time / 3),
            iowait_ns: Some(time / 5),
            irq_ns: Some(0),
            softirq_ns: Some(1),
            steal_ns,
            ..Cpu::default()
        },
    )
}

fn interface() -> impl Strategy<Value = Interface> {
    (of(0u32..2), of(0u32..3), of(name()), of(number()), of(number()), of(number())).prop_map(
        |(netns, index, name, rx_bytes, rx_packets, tx_bytes)| Interface {
            netns,
            index,
            name,
            rx_bytes,
            rx_packets,
            tx_bytes,
            ..Interface::default()
        },
    )
}

fn connection() -> impl Strategy<Value = Connection> {
    (of(0u32..2), name(), of(0u16..2), of(0u16..2), of(0u64..3), of(name())).prop_map(
        |(netns, protocol, local_port, remote_port, inode, path)| Connection {
            netns,
            protocol,
            local_port,
            remote_port,
            inode,
            path,
            ..Connection::default()
        },
    )
}

fn mount() -> impl Strategy<Value = Mount> {
    (of(0u32..2), of(name()), of(name()), of(name())).prop_map(
        |(mnt_ns, source, target, options)| Mount {
            mnt_ns,
            source,
            target,
            filesystem: Some("ext4".into()),
            options,
        },
    )
}

fn module() -> impl Strategy<Value = Module> {
    (name(), of(0u64..3)).prop_map(|(name, address)| Module { name, address, ..Module::default() })
}

fn rows<R: std::fmt::Debug + Clone>(
    row: impl Strategy<Value = R>,
) -> impl Strategy<Value = Option<Vec<R>>> {
    of(prop::collection::vec(row, 0..8))
}

fn consistency() -> impl Strategy<Value = Consistency> {
    let section = prop::sample::select(vec!["processes", "cpus", "interfaces", "connections", "?"]);
    let problems = prop::collection::vec(section, 0..2);
    (problems, any::<bool>()).prop_map(|(sections, lies)| Consistency {
        complete: sections.is_empty() && !lies,
        problems: sections
            .into_iter()
            .map(|section| Problem { section: section.into(), ..Problem::default() })
            .collect(),
        ..Consistency::default()
    })
}

fn frame() -> impl Strategy<Value = Frame> {
    let os = of((of(number()), of(0u64..3)).prop_map(|(uptime_ns, boot_time_ns)| Os {
        uptime_ns,
        boot_time_ns,
        ..Os::default()
    }));
    let host = of(of(number()).prop_map(|vcpu_time_ns| Host { vcpu_time_ns, ..Host::default() }));
    let sections = (
        rows(process()),
        rows(cpu()),
        rows(interface()),
        rows(connection()),
        rows(mount()),
        rows(module()),
    );
    (number(), number(), consistency(), os, host, sections).prop_map(
        |(time_ns, duration_ns, consistency, os, host, sections)| {
            let (processes, cpus, interfaces, connections, mounts, modules) = sections;
            Frame {
                time_ns,
                duration_ns,
                consistency,
                os,
                host,
                processes,
                cpus,
                interfaces,
                connections,
                mounts,
                modules,
                ..Frame::default()
            }
        },
    )
}

/// Rows by their place in memory: equal ones are not the same.
fn places<R>(rows: &[&R]) -> HashSet<*const R> {
    rows.iter().map(|row| std::ptr::from_ref(*row)).collect()
}

fn all<R>(rows: Option<&Vec<R>>) -> HashSet<*const R> {
    rows.into_iter().flatten().map(std::ptr::from_ref).collect()
}

fn holds<R: Identity + PartialEq + std::fmt::Debug>(
    rows: &RowDifference<R>,
    (earlier, later): (&Frame, &Frame),
    section: impl Fn(&Frame) -> Option<&Vec<R>>,
) -> Result<(), TestCaseError> {
    let (before, after): (Vec<&R>, Vec<&R>) = rows.stayed.iter().copied().unzip();
    let lengths = |lists: [&[&R]; 3]| lists.iter().map(|list| list.len()).sum::<usize>();
    // Each row is in one list: those of the later frame are new, perhaps new or stayed.
    let in_later = [&rows.new[..], &rows.perhaps_new, &after];
    let union: HashSet<_> = in_later.iter().flat_map(|list| places(list)).collect();
    prop_assert_eq!(&union, &all(section(later)));
    prop_assert_eq!(lengths(in_later), union.len());
    let in_earlier = [&rows.gone[..], &rows.perhaps_gone, &before];
    let union: HashSet<_> = in_earlier.iter().flat_map(|list| places(list)).collect();
    prop_assert_eq!(&union, &all(section(earlier)));
    prop_assert_eq!(lengths(in_earlier), union.len());
    for (before, after) in &rows.stayed {
        prop_assert_eq!(before.key(), after.key());
    }
    prop_assert!(later.is_whole(R::SECTION) || rows.gone.is_empty());
    prop_assert!(earlier.is_whole(R::SECTION) || rows.new.is_empty());
    // Nobody who is gone is there.
    for gone in &rows.gone {
        prop_assert!(
            section(later)
                .into_iter()
                .flatten()
                .all(|row| row.key() != gone.key() || after.contains(&row))
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_frame_does_not_differ_from_itself(frame in frame()) {
        prop_assert_ne!(boot(&frame, &frame), Boot::Other);
        let Comparison::Difference(same) = compare(&frame, &frame) else {
            return Err(TestCaseError::fail("a restart"));
        };
        prop_assert!(same.processes.is_empty() && same.cpus.is_empty());
        prop_assert!(same.interfaces.is_empty() && same.connections.is_empty());
        prop_assert!(same.mounts.is_empty() && same.modules.is_empty());
        prop_assert_eq!(elapsed(&frame, &frame), None);
    }

    #[test]
    fn every_row_has_its_place(earlier in frame(), later in frame()) {
        if let Comparison::Difference(rows) = compare(&earlier, &later) {
            let frames = (&earlier, &later);
            holds(&rows.processes, frames, |frame| frame.processes.as_ref())?;
            holds(&rows.cpus, frames, |frame| frame.cpus.as_ref())?;
            holds(&rows.interfaces, frames, |frame| frame.interfaces.as_ref())?;
            holds(&rows.connections, frames, |frame| frame.connections.as_ref())?;
            holds(&rows.mounts, frames, |frame| frame.mounts.as_ref())?;
            holds(&rows.modules, frames, |frame| frame.modules.as_ref())?;
        }
    }

    #[test]
    fn rates_are_numbers(earlier in frame(), later in frame()) {
        let is_number = |rate: f64| rate.is_finite() && rate >= 0.0;
        if let Some(elapsed) = elapsed(&earlier, &later) {
            prop_assert!(elapsed.ns > 0);
            let pairs = || earlier.interfaces.iter().flatten().zip(later.interfaces.iter().flatten());
            for (before, after) in pairs() {
                if let RowRates::Counted(rates) = rates(before, after, elapsed) {
                    prop_assert!(rates.iter().filter_map(|rate| rate.per_second).all(is_number));
                }
            }
            prop_assert!(sum_of_rates(pairs(), elapsed).iter().all(|sum| is_number(sum.per_second)));
        }
        let used = process_use(&earlier, &later);
        prop_assert_eq!(used.len(), later.processes.as_ref().map_or(0, Vec::len));
        prop_assert!(used.iter().filter_map(|one| one.cpu_percent).all(is_number));
        let cpus = cpu_use(&earlier, &later);
        prop_assert!(cpus.iter().filter_map(|one| one.busy_percent).all(|share| (0.0..=100.0).contains(&share)));
        let shares = host_shares(&earlier, &later);
        prop_assert!(shares.iter().all(|share| is_number(share.host_percent)));
        let sum: f64 = shares.iter().map(|share| share.host_ns_per_second).sum();
        if let Some(first) = shares.first() {
            prop_assert!(is_number(first.host_percent));
            let vcpu = |frame: &Frame| frame.host.as_ref().and_then(|host| host.vcpu_time_ns);
            let by = vcpu(&later).zip(vcpu(&earlier)).map(|(after, before)| after - before);
            let elapsed = nfm_analysis::Elapsed::by_host(&earlier, &later).expect("time");
            prop_assert!(sum <= elapsed.per_second(by.expect("vCPU time")) * 1.000_001);
        }
    }

    #[test]
    fn a_tree_holds_each_process_once(processes in prop::collection::vec(process(), 0..12)) {
        let rows = process_tree(&processes);
        let listed: Vec<_> = rows.iter().map(|row| row.process).collect();
        prop_assert_eq!(places(&listed).len(), processes.len());
        prop_assert_eq!(rows.len(), processes.len());
        for (index, row) in rows.iter().enumerate() {
            let end = rows.iter().skip(index + 1).position(|other| other.depth <= row.depth);
            prop_assert_eq!(row.subtree, end.map_or(rows.len() - index, |end| end + 1));
            prop_assert!(index > 0 || row.depth == 0);
        }
    }

    #[test]
    fn problems_of_a_section_make_it_part(frame in frame()) {
        for section in Section::ALL {
            let has_problem = frame.consistency.problems.iter().any(|one| one.section == section.name());
            prop_assert!(!(frame.is_whole(section) && has_problem));
            prop_assert!(frame.has(section) || !frame.is_whole(section));
        }
    }
}

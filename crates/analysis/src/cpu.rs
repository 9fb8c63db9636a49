//! Use of the CPU: by processes, of each CPU, and of the host's.

use std::collections::HashMap;

use nfm_frame::{Cpu, Frame, Process, Section};

use crate::{Boot, Elapsed, Identity, boot, elapsed};

/// CPU time of a process since its start, user and system, nanoseconds.
pub fn process_cpu_ns(process: &Process) -> Option<u64> {
    Some(process.user_ns?.saturating_add(process.system_ns?))
}

/// One process's use of the CPU between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProcessUse<'a> {
    /// The process in the later frame.
    pub process: &'a Process,
    /// CPU time that it used in between, nanoseconds; `None` where the frames do not tell.
    pub cpu_ns: Option<u64>,
    /// The same as nanoseconds of CPU time per second.
    pub cpu_ns_per_second: Option<f64>,
    /// The same as a share of one CPU, in percent: a process of several threads may have more than 100.
    pub cpu_percent: Option<f64>,
}

/// Each process's use of the CPU between two frames of one guest, the earlier one first, in the later one's order.
///
/// A process that is new counts from its start; one that is only perhaps new (the earlier frame is not whole) has
/// no figure. After a restart all are new.
pub fn process_use<'a>(earlier: &Frame, later: &'a Frame) -> Vec<ProcessUse<'a>> {
    let elapsed = elapsed(earlier, later);
    let restarted = boot(earlier, later) == Boot::Other;
    let is_whole = restarted || earlier.is_whole(Section::Processes);
    let mut before = HashMap::new();
    if !restarted {
        let rows = earlier.processes.iter().flatten();
        before.extend(rows.map(|process| (process.key(), process_cpu_ns(process))));
    }
    let row = |process: &'a Process| {
        let start = match before.get(&process.key()) {
            Some(start) => *start,
            None if is_whole => Some(0),
            None => None,
        };
        let cpu_ns =
            process_cpu_ns(process).zip(start).and_then(|(end, start)| end.checked_sub(start));
        let cpu_ns_per_second = cpu_ns.zip(elapsed).map(|(ns, elapsed)| elapsed.per_second(ns));
        ProcessUse {
            process,
            cpu_ns,
            cpu_ns_per_second,
            cpu_percent: cpu_ns_per_second.map(percent),
        }
    };
    later.processes.iter().flatten().map(row).collect()
}

/// Nanoseconds per second as percent of one CPU.
fn percent(ns_per_second: f64) -> f64 {
    ns_per_second / 1e7
}

/// The use of one of the guest's CPUs between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CpuUse<'a> {
    /// The CPU in the later frame.
    pub cpu: &'a Cpu,
    /// Time at work, nanoseconds: user, nice, system, interrupts. (Guests of its own are part of user and nice.)
    pub busy_ns: Option<u64>,
    /// Time without work, nanoseconds: idle and waiting for input or output.
    pub idle_ns: Option<u64>,
    /// Time that it wanted to run and the hypervisor gave to others, nanoseconds; part of neither.
    pub steal_ns: Option<u64>,
    /// Time at work as a share of all three, in percent, 0 to 100.
    pub busy_percent: Option<f64>,
}

/// The use of each of the guest's CPUs between two frames of one boot, the earlier one first, in the later one's
/// order. A time that went back (proc(5) on `iowait`) counts as none; a CPU that is not in the earlier frame, and
/// after a restart every one, has no figures.
pub fn cpu_use<'a>(earlier: &Frame, later: &'a Frame) -> Vec<CpuUse<'a>> {
    let same_boot = boot(earlier, later) != Boot::Other;
    let before: HashMap<u32, &Cpu> =
        earlier.cpus.iter().flatten().map(|cpu| (cpu.id, cpu)).collect();
    let row = |cpu: &'a Cpu| {
        let before = before.get(&cpu.id).filter(|_| same_boot);
        let sum = |times: &[fn(&Cpu) -> Option<u64>]| {
            times.iter().try_fold(0u64, |sum, time| {
                let by = time(cpu)?.saturating_sub(before.and_then(|before| time(before))?);
                Some(sum.saturating_add(by))
            })
        };
        let busy_ns = sum(&[
            |cpu| cpu.user_ns,
            |cpu| cpu.nice_ns,
            |cpu| cpu.system_ns,
            |cpu| cpu.irq_ns,
            |cpu| cpu.softirq_ns,
        ]);
        let idle_ns = sum(&[|cpu| cpu.idle_ns, |cpu| cpu.iowait_ns]);
        let steal_ns = sum(&[|cpu| cpu.steal_ns]);
        let all = busy_ns
            .zip(idle_ns)
            .map(|(busy, idle)| busy as f64 + idle as f64 + steal_ns.unwrap_or_default() as f64);
        let busy_percent = busy_ns
            .zip(all)
            .filter(|(_, all)| *all > 0.0)
            .map(|(busy, all)| 100.0 * (busy as f64 / all));
        CpuUse { cpu, busy_ns, idle_ns, steal_ns, busy_percent }
    };
    later.cpus.iter().flatten().map(row).collect()
}

/// A guest's use of the CPU between two frames, each figure in percent of one CPU: two CPUs at work have 200.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GuestUse {
    /// The guest's CPUs that are in use.
    pub cpus: usize,
    /// Their time at work, as the guest believes, per second of its clock.
    pub busy_percent: Option<f64>,
    /// The time that they wanted to run and the hypervisor gave to others, as the guest believes.
    pub steal_percent: Option<f64>,
    /// The time that the host ran them, per second of the host's clock.
    pub host_percent: Option<f64>,
}

/// The use of the CPU by a guest as a whole between two frames of one boot, the earlier one first. A figure is unknown
/// where the frames do not tell it of every CPU in use.
pub fn guest_use(earlier: &Frame, later: &Frame) -> GuestUse {
    let all = cpu_use(earlier, later);
    let online: Vec<&CpuUse> = all.iter().filter(|one| one.cpu.online).collect();
    let elapsed = elapsed(earlier, later);
    let sum = |of: fn(&CpuUse) -> Option<u64>| {
        let ns = online.iter().try_fold(0u64, |sum, one| Some(sum.saturating_add(of(one)?)));
        let ns = ns.filter(|_| !online.is_empty());
        ns.zip(elapsed).map(|(ns, elapsed)| percent(elapsed.per_second(ns)))
    };
    let by_host = Elapsed::by_host(earlier, later);
    let ran = vcpu_ns(earlier, later).zip(by_host).map(|(ns, by)| percent(by.per_second(ns)));
    GuestUse {
        cpus: online.len(),
        busy_percent: sum(|one| one.busy_ns),
        steal_percent: sum(|one| one.steal_ns),
        host_percent: ran.filter(|_| boot(earlier, later) != Boot::Other),
    }
}

/// The CPU time of the host that the guest's vCPUs had between two frames.
fn vcpu_ns(earlier: &Frame, later: &Frame) -> Option<u64> {
    let vcpu = |frame: &Frame| frame.host.as_ref().and_then(|host| host.vcpu_time_ns);
    vcpu(later)?.checked_sub(vcpu(earlier)?)
}

/// One process's share of the host's CPUs between two frames.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HostShare<'a> {
    /// The process in the later frame.
    pub process: &'a Process,
    /// CPU time of the host that it cost, nanoseconds per second of the host's clock.
    pub host_ns_per_second: f64,
    /// The same as a share of one CPU of the host, in percent.
    pub host_percent: f64,
}

/// The holistic CPU share: how much of the host's CPUs each process of a guest took between two frames of one boot,
/// the earlier one first.
///
/// It is the process's share of the guest's CPU time, times the CPU time of the guest's vCPUs on the host
/// (`host.vcpu_time_ns`), per second of the host's clock. A guest counts time by its own clock, whether or not its
/// vCPU ran meanwhile, and knows nothing of what the hypervisor did for it; the host knows how long the vCPUs ran,
/// and not for whom. So the host's time is divided by the guest's proportions: time in the hypervisor's own code on
/// the vCPU's account is spread over all processes alike.
///
/// The guest's CPU time is that of its CPUs at work, without idle time and without *steal*, in which no vCPU ran. It
/// is no less than the sum of the processes' times: those are measured by the scheduler, and those of CPUs in older
/// configurations sampled at ticks. So all shares together are never more than the vCPUs' time; the rest is of
/// interrupts and of processes that ended.
///
/// There are none if a frame lacks the sections `processes`, `cpus` or `host`, a time of theirs is not known, the
/// guest was started anew, or none of its CPUs did any work: then the vCPUs' time is nobody's. Processes without a
/// figure of their own ([`process_use`]) are left out.
pub fn host_shares<'a>(earlier: &Frame, later: &'a Frame) -> Vec<HostShare<'a>> {
    if boot(earlier, later) == Boot::Other {
        return Vec::new();
    }
    let vcpu_ns = vcpu_ns(earlier, later);
    // The host's figures are per second of the host, even while the guest's clock stood.
    let elapsed = Elapsed::by_host(earlier, later);
    let cpus = cpu_use(earlier, later);
    let online = cpus.iter().filter(|one| one.cpu.online);
    let busy =
        online.map(|one| one.busy_ns).try_fold(0u64, |sum, ns| Some(sum.saturating_add(ns?)));
    let (Some(vcpu_ns), Some(elapsed), Some(busy)) = (vcpu_ns, elapsed, busy) else {
        return Vec::new();
    };
    if cpus.is_empty() {
        return Vec::new();
    }
    let processes = process_use(earlier, later);
    let used = processes.iter().filter_map(|one| one.cpu_ns).fold(0u64, u64::saturating_add);
    let all = busy.max(used);
    if all == 0 {
        return Vec::new();
    }
    let share = |one: &ProcessUse<'a>| {
        let share = one.cpu_ns? as f64 / all as f64;
        let host_ns_per_second = share * elapsed.per_second(vcpu_ns);
        let host_percent = percent(host_ns_per_second);
        Some(HostShare { process: one.process, host_ns_per_second, host_percent })
    };
    processes.iter().filter_map(share).collect()
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Consistency, Host, Os};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn process(pid: u32, start: u64, user_ns: u64) -> Process {
        Process {
            pid,
            start_time_ns: Some(start),
            user_ns: Some(user_ns),
            system_ns: Some(S),
            ..Process::default()
        }
    }

    fn cpu(id: u32, user: u64, idle: u64, steal: u64) -> Cpu {
        let none = Some(0);
        Cpu {
            id,
            online: true,
            user_ns: Some(user),
            nice_ns: none,
            system_ns: none,
            irq_ns: none,
            softirq_ns: none,
            idle_ns: Some(idle),
            iowait_ns: none,
            steal_ns: Some(steal),
            ..Cpu::default()
        }
    }

    /// A frame at so many seconds: processes, CPUs, and the vCPUs' time on the host.
    fn frame(at: u64, processes: Vec<Process>, cpus: Vec<Cpu>, vcpu_time_ns: u64) -> Frame {
        Frame {
            time_ns: 1000 * S + at * S,
            consistency: Consistency { complete: true, ..Consistency::default() },
            os: Some(Os { uptime_ns: Some((at + 1) * S), boot_time_ns: Some(5), ..Os::default() }),
            processes: Some(processes),
            cpus: Some(cpus),
            host: Some(Host { vcpu_time_ns: Some(vcpu_time_ns), ..Host::default() }),
            ..Frame::default()
        }
    }

    fn percents(earlier: &Frame, later: &Frame) -> Vec<(u32, Option<f64>)> {
        let used = process_use(earlier, later);
        used.iter().map(|one| (one.process.pid, one.cpu_percent)).collect()
    }

    #[test]
    fn shares_of_processes() {
        let earlier =
            frame(0, vec![process(1, 1, 0), process(2, 1, 4 * S), process(3, 1, 9)], vec![], 0);
        let mut later = frame(
            2,
            vec![process(1, 1, S), process(2, 8, 0), process(3, 1, 0), process(4, 8, S)],
            vec![],
            0,
        );
        // Its id was used anew; its time went back; it is new: it counts from its start.
        let expected = [(1, Some(50.0)), (2, Some(50.0)), (3, None), (4, Some(100.0))];
        assert_eq!(percents(&earlier, &later), expected);

        let mut part = earlier.clone();
        part.consistency.complete = false;
        let expected = [(1, Some(50.0)), (2, None), (3, None), (4, None)];
        assert_eq!(percents(&part, &later), expected);

        // Started anew a second ago: every process is new, whatever its id.
        later.os = Some(Os { uptime_ns: Some(S), boot_time_ns: Some(9), ..Os::default() });
        let mut before = earlier;
        before.os = Some(Os { uptime_ns: Some(50 * S), boot_time_ns: Some(5), ..Os::default() });
        let shares = percents(&before, &later);
        assert_eq!(shares[3], (4, Some(200.0)));
        assert_eq!(shares[2], (3, Some(100.0)));
    }

    #[test]
    fn cpus_at_work() {
        let earlier = frame(0, vec![], vec![cpu(0, 0, 0, 0), cpu(1, 5, 5, 0)], 0);
        let later =
            frame(2, vec![], vec![cpu(0, S, S / 2, S / 2), cpu(1, 5, 5, 0), cpu(2, 1, 1, 1)], 0);
        let used = cpu_use(&earlier, &later);
        assert_eq!(
            (used[0].busy_ns, used[0].idle_ns, used[0].steal_ns),
            (Some(S), Some(S / 2), Some(S / 2))
        );
        assert_eq!(used[0].busy_percent, Some(50.0));
        assert_eq!((used[1].busy_ns, used[1].busy_percent), (Some(0), None), "no time was counted");
        assert_eq!(used[2].busy_ns, None, "it was not there before");
    }

    #[test]
    fn a_guest_as_a_whole() {
        let earlier = frame(0, vec![], vec![cpu(0, 0, 0, 0), cpu(1, 0, 0, 0)], 7 * S);
        let later = frame(2, vec![], vec![cpu(0, S, S / 2, S / 2), cpu(1, S, S, 0)], 8 * S);
        let used = guest_use(&earlier, &later);
        let percents = (used.busy_percent, used.steal_percent, used.host_percent);
        assert_eq!((used.cpus, percents), (2, (Some(100.0), Some(25.0), Some(50.0))));

        let mut other = later.clone();
        other.os = Some(Os { uptime_ns: Some(S / 2), boot_time_ns: Some(9), ..Os::default() });
        let mut before = earlier.clone();
        before.os = Some(Os { uptime_ns: Some(9 * S), boot_time_ns: Some(5), ..Os::default() });
        let unknown = GuestUse { cpus: 2, ..GuestUse::default() };
        assert_eq!(guest_use(&before, &other), unknown, "it was started anew");
        let new_cpu = frame(2, vec![], vec![cpu(0, S, S, 0), cpu(7, S, 0, S)], 8 * S);
        assert_eq!(guest_use(&earlier, &new_cpu).busy_percent, None, "a CPU without figures");
        assert_eq!(guest_use(&frame(0, vec![], vec![], 0), &frame(1, vec![], vec![], 0)).cpus, 0);
    }

    #[test]
    fn the_hosts_time_by_the_guests_proportions() {
        let before = vec![process(1, 1, 0), process(2, 1, 0)];
        let after = vec![process(1, 1, S), process(2, 1, S / 2)];
        // In two seconds the CPUs of the guest worked for two, stole one, and the vCPUs ran for one.
        let earlier = frame(0, before, vec![cpu(0, 0, 0, 0), cpu(1, 0, 0, 0)], 7 * S);
        let later = frame(2, after.clone(), vec![cpu(0, S, S, 0), cpu(1, S, 0, S)], 8 * S);
        let shares = host_shares(&earlier, &later);
        let told: Vec<_> = shares.iter().map(|one| (one.process.pid, one.host_percent)).collect();
        assert_eq!(told, [(1, 25.0), (2, 12.5)]);
        assert_eq!(shares[0].host_ns_per_second, 2.5e8);

        // By less than the processes have: all of the vCPUs' time is theirs, and no more.
        let sampled = frame(2, after.clone(), vec![cpu(0, 1, S, 0), cpu(1, 0, S, 0)], 8 * S);
        let sum: f64 = host_shares(&earlier, &sampled).iter().map(|one| one.host_percent).sum();
        assert!((sum - 50.0).abs() < 1e-9, "{sum}");

        // Nobody's time, and what is not known.
        let idle = frame(2, vec![process(1, 1, 0)], vec![cpu(0, 0, S, 0), cpu(1, 0, S, 0)], 8 * S);
        assert_eq!(host_shares(&earlier, &idle), []);
        let mut without = later.clone();
        without.host = None;
        assert_eq!(host_shares(&earlier, &without), []);
        let new_cpu = frame(2, after, vec![cpu(0, S, S, 0), cpu(7, S, 0, S)], 8 * S);
        assert_eq!(host_shares(&earlier, &new_cpu), [], "a CPU without figures");
    }
}

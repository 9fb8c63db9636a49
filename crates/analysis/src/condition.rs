//! A guest's condition: is it dead, does it hang, has it no network.

use std::fmt;

use nfm_frame::{Frame, Interface, LogRecord, Section};

use crate::Elapsed;

/// The log's records that tell of trouble which lasts, by a part of their text (kernel/panic.c, kernel/hung_task.c,
/// kernel/watchdog.c, kernel/rcu/tree_stall.h, mm/oom_kill.c). A line that ends a report (`---[ end …`) tells nothing new.
const TELLING: [&str; 6] = [
    "Kernel panic - not syncing",
    "blocked for more than",
    "soft lockup",
    "hard LOCKUP",
    "detected stall",
    "Out of memory: Killed process",
];
/// Nanoseconds before the newest frame in which the log's records still tell of the guest's condition.
const RECENT_NS: u64 = 600 * 1_000_000_000;
/// Share of the time, in percent, that a guest's CPUs run at least where they are at work on something without an end.
const AT_WORK: u64 = 50;

/// A trouble of a guest as a whole. Its `Display` is one sentence for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trouble {
    /// The kernel has panicked.
    Panicked,
    /// The host does not run it; the domain's state is another one than "running".
    NotRunning {
        /// The state, as `virsh domstate` prints it.
        state: String,
    },
    /// The CPUs run, but the guest's clock stands still: interrupts are off, or none arrive.
    Hangs {
        /// The time between the two frames, nanoseconds.
        for_ns: u64,
    },
    /// No interface but the loopback is set up and has an address.
    NoNetwork,
    /// The newest record of its kind in the kernel's log.
    Log {
        /// Nanoseconds since boot.
        time_ns: u64,
        /// The record's first line.
        text: String,
    },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked => {
                f.write_str("its kernel has panicked: what is shown is its last state")
            }
            Self::NotRunning { state } => {
                write!(f, "its host does not run it (it is {state}): nothing in it changes")
            }
            Self::Hangs { for_ns } => write!(
                f,
                "it hangs: its CPUs run, and its clock stands still for {:.1} s",
                *for_ns as f64 / 1e9
            ),
            Self::NoNetwork => {
                f.write_str("it has no network: no interface is set up and has an address")
            }
            Self::Log { time_ns, text } => {
                write!(f, "its log says at {:.1} s: {text}", *time_ns as f64 / 1e9)
            }
        }
    }
}

/// The sections that [`condition`] looks at; those that a frame lacks tell of no trouble.
pub const CONDITION_SECTIONS: [Section; 4] =
    [Section::Os, Section::Interfaces, Section::Log, Section::Host];

/// The troubles of a guest, the worst first, from one frame of it or from two, the earlier one first.
///
/// It takes the sections of [`CONDITION_SECTIONS`]. A guest that hangs is told by two frames of one boot, which are
/// half a second or more apart. What a frame does not tell is no trouble.
pub fn condition(earlier: Option<&Frame>, later: &Frame) -> Vec<Trouble> {
    let os = later.os.as_ref();
    let mut troubles = Vec::new();
    let is_panicked = os.and_then(|os| os.panicked) == Some(true);
    if is_panicked {
        troubles.push(Trouble::Panicked);
    }
    let state = later.host.as_ref().and_then(|host| host.state.as_deref());
    match state {
        // A kernel that panicked hangs, with nothing more to say.
        Some("running") | None => {
            let earlier = earlier.filter(|_| !is_panicked);
            troubles.extend(earlier.and_then(|earlier| hangs(earlier, later)));
        }
        Some(state) => troubles.push(Trouble::NotRunning { state: state.to_owned() }),
    }
    if later.is_whole(Section::Interfaces)
        && later.interfaces.as_ref().is_some_and(|all| !all.iter().any(is_usable))
    {
        troubles.push(Trouble::NoNetwork);
    }
    let now = os.and_then(|os| os.uptime_ns).unwrap_or(u64::MAX);
    troubles.extend(told_by_log(later.log.as_deref().unwrap_or_default(), now));
    troubles
}

/// True if it may reach others.
fn is_usable(interface: &Interface) -> bool {
    let addresses = [&interface.ipv4, &interface.ipv6];
    let has_address =
        addresses.iter().any(|list| list.as_ref().is_none_or(|list| !list.is_empty()));
    interface.name.as_deref() != Some("lo") && interface.up != Some(false) && has_address
}

/// Dead by its own clock, at work by the host's.
fn hangs(earlier: &Frame, later: &Frame) -> Option<Trouble> {
    let uptime = |frame: &Frame| frame.os.as_ref()?.uptime_ns;
    let work = |frame: &Frame| frame.host.as_ref()?.vcpu_time_ns;
    let elapsed = Elapsed::by_host(earlier, later)?.ns;
    let worked = work(later)?.checked_sub(work(earlier)?)?;
    let stands_still = uptime(earlier)? == uptime(later)? && elapsed >= 400_000_000;
    let is_at_work = worked >= elapsed / 100 * AT_WORK;
    (stands_still && is_at_work).then_some(Trouble::Hangs { for_ns: elapsed })
}

/// The newest record of each kind that tells of trouble.
fn told_by_log(log: &[LogRecord], now_ns: u64) -> impl Iterator<Item = Trouble> {
    let recent = move |record: &&LogRecord| {
        record.time_ns.saturating_add(RECENT_NS) >= now_ns && !record.text.starts_with("---[ end")
    };
    TELLING.iter().filter_map(move |telling| {
        let record = log.iter().rev().filter(recent).find(|one| one.text.contains(telling))?;
        let text = record.text.lines().next().unwrap_or_default().to_owned();
        Some(Trouble::Log { time_ns: record.time_ns, text })
    })
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Host, Os, Text};

    use super::*;

    fn frame(time_ns: u64, uptime_ns: u64, vcpu_time_ns: u64) -> Frame {
        let os = Os { uptime_ns: Some(uptime_ns), panicked: Some(false), ..Os::default() };
        let host = Host {
            vcpu_time_ns: Some(vcpu_time_ns),
            state: Some(Text::from("running")),
            ..Host::default()
        };
        let mut frame = Frame { time_ns, os: Some(os), host: Some(host), ..Frame::default() };
        frame.consistency.complete = true;
        frame
    }

    #[test]
    fn a_guest_hangs_whose_clock_stands_while_it_runs() {
        let earlier = frame(1_000_000_000, 50, 7);
        let hangs = condition(Some(&earlier), &frame(1_500_000_000, 50, 400_000_007));
        assert_eq!(hangs, [Trouble::Hangs { for_ns: 500_000_000 }]);
        // It is idle, it works, or too little time went by.
        for later in [
            frame(1_500_000_000, 50, 8),
            frame(1_500_000_000, 51, 400_000_007),
            frame(1_200_000_000, 50, 200_000_007),
        ] {
            assert_eq!(condition(Some(&earlier), &later), []);
        }
        assert_eq!(condition(None, &earlier), []);
        let mut panicked = frame(1_500_000_000, 50, 400_000_007);
        panicked.os.get_or_insert_default().panicked = Some(true);
        assert_eq!(condition(Some(&earlier), &panicked), [Trouble::Panicked]);
    }

    #[test]
    fn the_worst_is_told_first_and_the_log_last() {
        let mut later = frame(1, 700_000_000_000, 1);
        later.os.get_or_insert_default().panicked = Some(true);
        later.host.get_or_insert_default().state = Some(Text::from("paused"));
        let record = |seconds: u64, text| LogRecord {
            time_ns: seconds * 1_000_000_000,
            level: 0,
            text: Text::from(text),
        };
        later.log = Some(vec![
            record(5, "watchdog: BUG: soft lockup - CPU#0 stuck for 26s!"),
            record(600, "INFO: task dd:70 blocked for more than 120 seconds."),
            record(650, "INFO: task dd:71 blocked for more than 120 seconds.\n more"),
        ]);
        let told = condition(None, &later);
        let expected = Trouble::Log {
            time_ns: 650_000_000_000,
            text: "INFO: task dd:71 blocked for more than 120 seconds.".to_owned(),
        };
        let state = "paused".to_owned();
        assert_eq!(told, [Trouble::Panicked, Trouble::NotRunning { state }, expected]);
    }

    #[test]
    fn the_loopback_is_no_network() {
        let interface = |name, up, ipv4: &[&str]| Interface {
            name: Some(Text::from(name)),
            up: Some(up),
            ipv4: Some(ipv4.iter().map(|one| Text::from(*one)).collect()),
            ipv6: Some(Vec::new()),
            ..Interface::default()
        };
        let of = |interfaces| {
            let interfaces = Some(interfaces);
            condition(None, &Frame { interfaces, ..frame(1, 1, 1) })
        };
        let lo = || interface("lo", true, &["127.0.0.1/8"]);
        assert_eq!(of(vec![lo()]), [Trouble::NoNetwork]);
        assert_eq!(of(vec![lo(), interface("eth0", true, &[])]), [Trouble::NoNetwork]);
        assert_eq!(
            of(vec![lo(), interface("eth0", false, &["10.0.0.2/24"])]),
            [Trouble::NoNetwork]
        );
        assert_eq!(of(vec![lo(), interface("eth0", true, &["10.0.0.2/24"])]), []);
    }
}

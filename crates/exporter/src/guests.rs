//! The newest frames of all guests, and what counters need of those before.

use std::collections::{BTreeMap, HashSet};

use nfm_analysis::{Boot, Trouble, boot, condition};
use nfm_frame::column::Kind;
use nfm_frame::{DomainIdentity, Frame, Section};

use crate::derived::DERIVED;
use crate::exposition::{Exposition, Number, label, label_name};
use crate::groups::Groups;
use crate::rules::GroupRules;
use crate::series::PLAN;

/// Sections of which series are made, where a frame has them.
pub const SECTIONS: [Section; 11] = [
    Section::Os,
    Section::Cpus,
    Section::Memory,
    Section::Processes,
    Section::Modules,
    Section::Interfaces,
    Section::Connections,
    Section::Mounts,
    Section::Host,
    Section::Integrity,
    Section::Neighbours,
];

/// Facts of a frame that is older are not shown: they would look like those of now.
const OLDEST_NS: u64 = 120 * 1_000_000_000;

pub(crate) const GUEST_FAMILIES: [(&str, &str, Kind); 5] = [
    ("nfm_source_up", "1 if there are frames: of the recorder, or of a crawler.", Kind::Gauge),
    (
        "nfm_guest_up",
        "1 if the guest's newest frame is of now, 0 if it cannot be read.",
        Kind::Gauge,
    ),
    ("nfm_frame_age_seconds", "Age of the guest's newest frame.", Kind::Gauge),
    ("nfm_section_age_seconds", "Age of a section when the newest frame was taken.", Kind::Gauge),
    ("nfm_guest_hung", "1 if the guest's CPUs run and its clock stands still.", Kind::Gauge),
];

/// The guests whose metrics are shown.
pub struct Guests {
    rules: GroupRules,
    all: BTreeMap<String, Guest>,
    is_up: bool,
}

struct Guest {
    /// Its labels, those of each series of it.
    labels: String,
    domain: DomainIdentity,
    /// The newest frame; none of a guest that could never be read.
    frame: Option<Frame>,
    ages: Vec<(Section, u64)>,
    has_failed: bool,
    /// Known once there were two frames.
    is_hung: Option<bool>,
    groups: Groups,
}

impl Guest {
    fn new(domain: &DomainIdentity) -> Self {
        Self {
            labels: labels(domain),
            domain: domain.clone(),
            frame: None,
            ages: Vec::new(),
            has_failed: false,
            is_hung: None,
            groups: Groups::default(),
        }
    }
}

/// A guest's key: its UUID, or its name where it has none.
fn key(domain: &DomainIdentity) -> String {
    domain.uuid.clone().unwrap_or_else(|| domain.name.clone())
}

/// The labels of each series of a guest. Those of its definition begin with `vm_`: `instance` and others are Prometheus's.
fn labels(domain: &DomainIdentity) -> String {
    let mut out = String::new();
    label(&mut out, "vm", &domain.name);
    label(&mut out, "vm_uuid", domain.uuid.as_deref().unwrap_or_default());
    let mut seen = HashSet::from(["vm_uuid".to_owned()]);
    for one in domain.labels.iter().flatten() {
        let (name, value) = one.split_once('=').unwrap_or((one, ""));
        let name = format!("vm_{}", label_name(name));
        if seen.insert(name.clone()) {
            label(&mut out, &name, value);
        }
    }
    out
}

impl Guests {
    /// No guests yet.
    pub fn new(rules: GroupRules) -> Self {
        Self { rules, all: BTreeMap::new(), is_up: false }
    }

    /// Says if there is a source of frames now.
    pub fn set_source(&mut self, is_up: bool) {
        self.is_up = is_up;
    }

    /// Takes a guest's next frame, with the age of each of its sections at that time, where they have several.
    pub fn take(&mut self, frame: Frame, ages: Vec<(Section, u64)>) {
        let known = self.all.entry(key(&frame.domain));
        let guest = known.or_insert_with(|| Guest::new(&frame.domain));
        if guest.domain != frame.domain {
            (guest.labels, guest.domain) = (labels(&frame.domain), frame.domain.clone());
        }
        guest.has_failed = false;
        guest.ages = ages;
        let last = guest.frame.as_ref();
        if last.is_some_and(|last| last.seq == frame.seq && last.time_ns == frame.time_ns) {
            return;
        }
        let earlier = last.filter(|last| boot(last, &frame) != Boot::Other);
        if earlier.is_none() {
            guest.groups = Groups::default();
        }
        guest.is_hung = earlier.map(|earlier| {
            let all = condition(Some(earlier), &frame);
            all.iter().any(|one| matches!(one, Trouble::Hangs { .. }))
        });
        guest.groups.take(&self.rules, earlier, &frame);
        guest.frame = Some(frame);
    }

    /// Notes that a guest cannot be read now.
    pub fn fail(&mut self, domain: &DomainIdentity) {
        let known = self.all.entry(key(domain));
        known.or_insert_with(|| Guest::new(domain)).has_failed = true;
    }

    /// Forgets a guest that ended.
    pub fn forget(&mut self, domain: &DomainIdentity) {
        self.all.remove(&key(domain));
    }

    /// Forgets all guests but these.
    pub fn keep_only(&mut self, domains: &[DomainIdentity]) {
        let kept: HashSet<String> = domains.iter().map(key).collect();
        self.all.retain(|key, _| kept.contains(key));
    }

    /// The number of a guest's newest frame.
    pub fn newest(&self, domain: &DomainIdentity) -> Option<u64> {
        self.all.get(&key(domain))?.frame.as_ref().map(|frame| frame.seq)
    }

    /// The number of guests.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// Their metrics at a time, nanoseconds since 1970.
    pub fn exposition(&self, now_ns: u64) -> Exposition {
        let mut out = Exposition::new(&PLAN.families);
        let [source, up, age, section_age, hung] =
            GUEST_FAMILIES.map(|(name, ..)| PLAN.place(name));
        out.add(source, &[], self.is_up.into());
        for guest in self.all.values() {
            let labels = guest.labels.as_str();
            let age_ns = guest.frame.as_ref().map(|frame| now_ns.saturating_sub(frame.time_ns));
            let is_up = !guest.has_failed && age_ns.is_some_and(|age| age <= OLDEST_NS);
            out.add(up, &[labels], is_up.into());
            let Some((frame, age_ns)) = guest.frame.as_ref().zip(age_ns) else { continue };
            out.add(age, &[labels], Number::Nanoseconds(age_ns));
            if !is_up {
                continue;
            }
            for (section, age_ns) in &guest.ages {
                let mut own = String::new();
                label(&mut own, "section", section.name());
                out.add(section_age, &[labels, &own], Number::Nanoseconds(*age_ns));
            }
            if let Some(is_hung) = guest.is_hung {
                out.add(hung, &[labels], is_hung.into());
            }
            PLAN.add(&mut out, labels, frame);
            for one in DERIVED {
                let family = PLAN.place(one.name);
                (one.samples)(frame, &mut |own, number| out.add(family, &[labels, own], number));
            }
            guest.groups.add(&mut out, labels);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Host, Interface, Os, Process};

    use super::*;
    use crate::exposition::Format;

    const S: u64 = 1_000_000_000;

    fn frame(at: u64, processes: Vec<Process>) -> Frame {
        Frame {
            seq: at,
            time_ns: at * S,
            domain: DomainIdentity {
                name: "web \"1\"".to_owned(),
                uuid: Some("u-1".to_owned()),
                labels: Some(vec!["title=shop".into(), "project id=7".into()]),
                ..DomainIdentity::default()
            },
            os: Some(Os {
                load: Some([0.5, 1.0, 2.0]),
                boot_time_ns: Some(5 * S),
                uptime_ns: Some(at * S),
                ..Os::default()
            }),
            host: Some(Host { swapped_bytes: Some(4096), ..Host::default() }),
            processes: Some(processes),
            ..Frame::default()
        }
    }

    fn process(pid: u32, name: &str, user_ns: u64) -> Process {
        Process {
            pid,
            name: Some(name.into()),
            start_time_ns: Some(u64::from(pid)),
            user_ns: Some(user_ns),
            system_ns: Some(0),
            threads: Some(2),
            net_namespace: Some(1),
            ..Process::default()
        }
    }

    fn text(guests: &Guests, at: u64) -> String {
        guests.exposition(at * S).text(Format::Prometheus)
    }

    fn sample(text: &str, name: &str, labels: &str) -> Option<f64> {
        let found = |line: &&str| line.starts_with(&format!("{name}{{")) && line.contains(labels);
        let mut lines = text.lines().filter(found);
        let value = lines.next()?.rsplit(' ').next()?.parse().ok();
        assert_eq!(lines.next(), None, "{name} {labels}");
        value
    }

    #[test]
    fn columns_are_shown_under_both_names() {
        let mut guests = Guests::new(GroupRules::default());
        guests.set_source(true);
        let interface = |netns, name: &str, rx| Interface {
            netns: Some(netns),
            name: Some(name.into()),
            rx_bytes: Some(rx),
            ..Interface::default()
        };
        let mut one = frame(10, vec![process(1, "init", S)]);
        // A container's loopback, and a row that a lying guest has twice.
        let all = vec![interface(1, "lo", 7), interface(2, "lo", 8), interface(1, "lo", 9)];
        one.interfaces = Some(all);
        guests.take(one, vec![(Section::Os, 0)]);
        let text = text(&guests, 12);
        let vm = "vm=\"web \\\"1\\\"\",vm_uuid=\"u-1\",vm_title=\"shop\",vm_project_id=\"7\"";
        for (name, labels, value) in [
            ("node_load1", vm, 0.5),
            ("node_load15", vm, 2.0),
            ("nfm_os_load", "minutes=\"5\"", 1.0),
            ("node_boot_time_seconds", vm, 5.0),
            ("node_time_seconds", vm, 15.0),
            ("nfm_host_swapped_bytes", vm, 4096.0),
            ("nfm_interfaces_rx_bytes_total", "netns=\"2\",name=\"lo\"", 8.0),
            ("node_network_receive_bytes_total", "device=\"lo\"", 7.0),
            ("nfm_frame_age_seconds", vm, 2.0),
            ("nfm_guest_up", vm, 1.0),
            ("nfm_source_up", "", 1.0),
            ("namedprocess_namegroup_num_threads", "groupname=\"init\"", 2.0),
        ] {
            assert_eq!(sample(&text, name, labels), Some(value), "{name}\n{text}");
        }
        assert_eq!(sample(&text, "node_memory_MemFree_bytes", ""), None, "absent is not zero");
        let open = guests.exposition(12 * S).text(Format::OpenMetrics);
        assert!(open.ends_with("# EOF\n"));
        assert!(open.contains("# TYPE node_network_receive_bytes counter\n"), "{open}");
        assert!(text.contains("# TYPE node_network_receive_bytes_total counter\n"), "{text}");
    }

    #[test]
    fn what_is_old_or_fails_is_not_shown_as_of_now() {
        let mut guests = Guests::new(GroupRules::default());
        let one = frame(10, vec![]);
        let domain = one.domain.clone();
        guests.take(one, vec![]);
        let old = text(&guests, 500);
        assert_eq!(sample(&old, "nfm_guest_up", ""), Some(0.0));
        assert_eq!(sample(&old, "nfm_frame_age_seconds", ""), Some(490.0));
        assert_eq!(sample(&old, "node_load1", ""), None);
        guests.fail(&domain);
        assert_eq!(sample(&text(&guests, 11), "nfm_guest_up", ""), Some(0.0));
        guests.keep_only(&[]);
        assert_eq!((guests.count(), sample(&text(&guests, 11), "nfm_guest_up", "")), (0, None));
    }

    #[test]
    fn groups_count_and_are_bounded() {
        let rules = GroupRules::parse("max_groups: 3").expect("rules");
        let mut guests = Guests::new(rules);
        guests.take(frame(10, vec![process(1, "init", S)]), vec![]);
        // 10,000 short processes, each of another name.
        for round in 0..100u32 {
            let short =
                (0..100).map(|n| process(100 + round * 100 + n, &format!("job-{round}-{n}"), S));
            let all = short.chain([process(1, "init", S + u64::from(round + 1) * S)]).collect();
            guests.take(frame(11 + u64::from(round), all), vec![]);
        }
        let shown = text(&guests, 110);
        let groups =
            shown.lines().filter(|one| one.starts_with("namedprocess_namegroup_num_procs{"));
        assert_eq!(groups.count(), 4, "init, two of the first round, and other: {shown}");
        let cpu = |group: &str| {
            let labels = format!("groupname=\"{group}\",mode=\"user\"");
            sample(&shown, "namedprocess_namegroup_cpu_seconds_total", &labels)
        };
        // Each process counts whole: 10,000 of them, less the two that have a group.
        assert_eq!((cpu("init"), cpu("other")), (Some(101.0), Some(9998.0)));

        // Started anew: counters begin anew.
        let mut other = frame(200, vec![process(1, "init", 3 * S)]);
        other.os = Some(Os { boot_time_ns: Some(199 * S), uptime_ns: Some(S), ..Os::default() });
        guests.take(other, vec![]);
        let shown = text(&guests, 200);
        let user = "groupname=\"init\",mode=\"user\"";
        let cpu = sample(&shown, "namedprocess_namegroup_cpu_seconds_total", user);
        assert_eq!(cpu, Some(3.0));
    }
}

//! Triggers of a flight recorder: what a guest shows that it never showed before.

use std::collections::HashSet;
use std::fmt;

use nfm_frame::{Frame, Section};

use crate::history::{end, findings_of, is_listening};
use crate::{Trouble, condition};

/// Names of one kind that are known of a guest at most: one that has more is not watched for them any longer.
const MOST_NAMES: usize = 10_000;
/// The time between two frames that tell whether the guest hangs.
const HANG_NS: u64 = 2_000_000_000;

/// Something that a flight recorder waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// The kernel panicked.
    Panic,
    /// The guest ended, or was started anew.
    End,
    /// A process with a name that none had before.
    Process,
    /// A kernel module that was not there before.
    Module,
    /// A listening socket where none was before.
    Listener,
    /// A finding of an integrity check.
    Finding,
    /// A trouble of the guest as a whole: it hangs, its host does not run it, it has no network, its log tells of a lockup
    /// or of memory that ran out.
    Trouble,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Panic,
        Self::End,
        Self::Process,
        Self::Module,
        Self::Listener,
        Self::Finding,
        Self::Trouble,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::End => "end",
            Self::Process => "process",
            Self::Module => "module",
            Self::Listener => "listener",
            Self::Finding => "finding",
            Self::Trouble => "trouble",
        }
    }

    /// The trigger of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }
}

impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Watches the frames of one guest for triggers.
pub struct Watch {
    triggers: Vec<Trigger>,
    learn_ns: u64,
    /// When the guest was seen first since its boot.
    since_ns: Option<u64>,
    known: HashSet<(Trigger, String)>,
    has_panicked: bool,
    /// The facts of a frame by which a later one tells that the guest hangs.
    earlier: Option<Frame>,
}

impl Watch {
    /// One that fires at these. Names that are met in the first `learn_ns` of the guest, and of each of its boots, are
    /// known without a word.
    pub fn new(triggers: &[Trigger], learn_ns: u64) -> Self {
        let (triggers, known) = (triggers.to_vec(), HashSet::new());
        let (since_ns, has_panicked, earlier) = (None, false, None);
        Self { triggers, learn_ns, since_ns, known, has_panicked, earlier }
    }

    /// True if it waits for this.
    pub fn waits_for(&self, trigger: Trigger) -> bool {
        self.triggers.contains(&trigger)
    }

    /// Takes the next frame; returns what fired, each in one sentence. Sections that are not whole fire nothing.
    pub fn push(&mut self, frame: &Frame, is_restarted: bool) -> Vec<(Trigger, String)> {
        let mut fired = Vec::new();
        if is_restarted {
            (self.since_ns, self.has_panicked, self.earlier) = (None, false, None);
            self.known.retain(|(trigger, _)| *trigger != Trigger::Trouble);
            if self.waits_for(Trigger::End) {
                fired.push((Trigger::End, "the guest was started anew".to_owned()));
            }
        }
        let panicked = frame.os.as_ref().and_then(|os| os.panicked).unwrap_or(false);
        if panicked && !self.has_panicked && self.waits_for(Trigger::Panic) {
            fired.push((Trigger::Panic, "the kernel panicked".to_owned()));
        }
        self.has_panicked |= panicked;
        let since = *self.since_ns.get_or_insert(frame.time_ns);
        let is_learning = frame.time_ns.saturating_sub(since) < self.learn_ns;
        let mut shown = self.shown(frame);
        if self.waits_for(Trigger::Trouble) {
            shown.extend(self.troubles(frame));
        }
        for (trigger, name, text) in shown {
            let key = (trigger, name);
            if self.known.contains(&key) {
                continue;
            }
            if self.known.iter().filter(|(one, _)| *one == trigger).count() >= MOST_NAMES {
                self.triggers.retain(|one| *one != trigger);
                let text = format!("it has shown {MOST_NAMES} names: {trigger} fires no more");
                fired.push((trigger, text));
                break;
            }
            self.known.insert(key);
            if !is_learning {
                fired.push((trigger, text));
            }
        }
        fired
    }

    /// The guest's troubles, each by its kind.
    fn troubles(&mut self, frame: &Frame) -> Vec<(Trigger, String, String)> {
        let age = |earlier: &Frame| frame.time_ns.saturating_sub(earlier.time_ns);
        let is_due = self.earlier.as_ref().is_none_or(|earlier| age(earlier) >= HANG_NS);
        let troubles = condition(self.earlier.as_ref().filter(|_| is_due), frame);
        if is_due {
            self.earlier = Some(Frame {
                time_ns: frame.time_ns,
                consistency: frame.consistency.clone(),
                os: frame.os.clone(),
                host: frame.host.clone(),
                ..Frame::default()
            });
        }
        let told = troubles.into_iter().filter_map(|trouble| {
            let name = match &trouble {
                // A trigger of its own.
                Trouble::Panicked => return None,
                Trouble::Hangs { .. } => "hangs".to_owned(),
                other => other.to_string(),
            };
            Some((Trigger::Trouble, name, trouble.to_string()))
        });
        told.collect()
    }

    /// The things that the frame shows of the kinds that are waited for, each by its name, and a sentence.
    fn shown(&self, frame: &Frame) -> Vec<(Trigger, String, String)> {
        let mut all = Vec::new();
        let is_due = |trigger, section| self.waits_for(trigger) && frame.is_whole(section);
        if is_due(Trigger::Process, Section::Processes) {
            let processes = frame.processes.iter().flatten();
            for process in processes.filter(|one| one.kernel_thread != Some(true)) {
                let Some(name) = process.name.as_deref() else { continue };
                if self.known.contains(&(Trigger::Process, name.to_owned())) {
                    continue;
                }
                let line = process.command_line.as_deref().unwrap_or_default();
                let line = if line.is_empty() { String::new() } else { format!(" ({line})") };
                let text = format!("a process '{name}' was never there: {}{line}", process.pid);
                all.push((Trigger::Process, name.to_owned(), text));
            }
        }
        if is_due(Trigger::Module, Section::Modules) {
            for module in frame.modules.iter().flatten() {
                let text = format!("a module '{}' was never there", module.name);
                all.push((Trigger::Module, module.name.to_string(), text));
            }
        }
        if is_due(Trigger::Listener, Section::Connections) {
            for socket in frame.connections.iter().flatten().filter(|one| is_listening(one)) {
                let text = format!("nobody ever listened on {}", end(socket));
                all.push((Trigger::Listener, end(socket), text));
            }
        }
        if self.waits_for(Trigger::Finding) {
            let findings = frame.integrity.iter().flat_map(findings_of);
            all.extend(findings.map(|text| (Trigger::Finding, text.clone(), text)));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Connection, Consistency, Module, Os, Process};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn frame(second: u64, names: &[&'static str]) -> Frame {
        let process = |name: &&'static str| Process {
            name: Some((*name).into()),
            kernel_thread: Some(name.starts_with('k')),
            ..Process::default()
        };
        Frame {
            time_ns: second * S,
            consistency: Consistency { complete: true, ..Consistency::default() },
            os: Some(Os { panicked: Some(false), ..Os::default() }),
            processes: Some(names.iter().map(process).collect()),
            ..Frame::default()
        }
    }

    fn kinds(watch: &mut Watch, frame: &Frame) -> Vec<&'static str> {
        watch.push(frame, false).into_iter().map(|(trigger, _)| trigger.name()).collect()
    }

    #[test]
    fn a_name_fires_once() {
        let mut watch = Watch::new(&Trigger::ALL, 10 * S);
        assert!(watch.push(&frame(0, &["init"]), false).is_empty());
        assert!(watch.push(&frame(9, &["init", "cron"]), false).is_empty());
        assert_eq!(kinds(&mut watch, &frame(20, &["init", "nc", "kworker/1"])), ["process"]);
        assert!(watch.push(&frame(21, &["init", "cron", "nc", "nc"]), false).is_empty());
        // A section that is not whole says nothing, and is heard when it is.
        let mut part = frame(22, &["init", "torn"]);
        part.consistency.complete = false;
        assert!(watch.push(&part, false).is_empty());
        assert_eq!(kinds(&mut watch, &frame(23, &["torn"])), ["process"]);
        let mut panic = frame(24, &[]);
        panic.os = Some(Os { panicked: Some(true), ..Os::default() });
        assert_eq!(kinds(&mut watch, &panic), ["panic"]);
        assert!(watch.push(&panic, false).is_empty());
        // A new boot is learned anew, and what was known before stays so.
        let fired = watch.push(&frame(30, &["init", "new"]), true);
        assert_eq!(fired, [(Trigger::End, "the guest was started anew".to_owned())]);
        assert_eq!(kinds(&mut watch, &frame(50, &["nc", "newer"])), ["process"]);
    }

    #[test]
    fn modules_and_listeners() {
        let mut watch = Watch::new(&[Trigger::Module, Trigger::Listener], 0);
        let socket = |port: u16, state: &'static str| Connection {
            protocol: "tcp".into(),
            state: Some(state.into()),
            local_address: Some("0.0.0.0".into()),
            local_port: Some(port),
            ..Connection::default()
        };
        let mut own = frame(1, &["init"]);
        own.modules = Some(vec![Module { name: "evil".into(), ..Module::default() }]);
        own.connections = Some(vec![socket(22, "LISTEN"), socket(80, "ESTABLISHED")]);
        let fired = watch.push(&own, false);
        let texts: Vec<&str> = fired.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(
            texts,
            ["a module 'evil' was never there", "nobody ever listened on tcp 0.0.0.0:22"]
        );
        assert!(watch.push(&own, false).is_empty());
    }

    #[test]
    fn names_without_end_are_given_up() {
        let mut watch = Watch::new(&[Trigger::Process], 0);
        let mut told = 0;
        for second in 0..12_u64 {
            let names = (0..1000).map(|number| Process {
                name: Some(format!("p{second}-{number}").into()),
                ..Process::default()
            });
            let mut own = frame(second, &[]);
            own.processes = Some(names.collect());
            told += watch.push(&own, false).len();
        }
        assert_eq!((told, watch.waits_for(Trigger::Process)), (MOST_NAMES + 1, false));
    }
}

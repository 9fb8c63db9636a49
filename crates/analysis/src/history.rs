//! The history of a guest: what happened from one frame to the next, in words.

use std::collections::HashSet;
use std::rc::Rc;

use nfm_frame::{
    Connection, Frame, HiddenProcess, Integrity, Interface, Module, Mount, Process, Section, Text,
};

use crate::{Comparison, Difference, compare};

/// Something that happened to a guest between two frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Happening {
    /// The time of the frame that shows it first, nanoseconds since 1970.
    pub time_ns: u64,
    /// The time of the last frame that does not: it happened after that.
    pub after_ns: u64,
    /// The kind: `process-began`, `process-appeared`, `process-ended`, `process-left-list`, `listens`, `listens-no-more`, `module-loaded`,
    /// `module-unloaded`, `mounted`, `unmounted`, `interface-added`, `interface-removed`, `interface-changed`, `finding`,
    /// `restarted`, `panicked`.
    pub kind: &'static str,
    /// One sentence.
    pub text: String,
}

/// Sections that tell something that happened.
pub const HISTORY_SECTIONS: [Section; 7] = [
    Section::Os,
    Section::Processes,
    Section::Connections,
    Section::Modules,
    Section::Mounts,
    Section::Interfaces,
    Section::Integrity,
];

/// By how much the guest's clock may seem to be late.
const LATE_NS: u64 = 2_000_000_000;

/// A process by its id and start.
type ProcessKey = (u32, Option<u64>);

/// Tells what happened to the rows of one section between two frames.
type Teller = fn(&mut History, &Frame, &Frame, &Difference);

/// Makes the history of one guest of its frames, the earliest first. Frames need not have all sections: each section is
/// compared with the last frame that had it whole. Rows that a frame only may lack are passed over, and so are the
/// kernel's own threads, which come and go all the time.
#[derive(Default)]
pub struct History {
    last: Vec<(Section, Rc<Frame>)>,
    happenings: Vec<Happening>,
    /// Processes that are not in the task list any more, by the places of their happenings.
    ended: Vec<(ProcessKey, usize)>,
    /// Findings that were told.
    findings: HashSet<String>,
    has_panicked: bool,
}

impl History {
    /// Adds the next frame.
    pub fn push(&mut self, frame: Frame) {
        let frame = Rc::new(frame);
        self.panic(&frame);
        let is_due = |section: &Section| match self.last_of(*section) {
            // A frame that is not whole accuses nobody of being gone: it is passed over.
            Some(_) => frame.is_whole(*section) || *section == Section::Integrity,
            None => true,
        };
        let present = HISTORY_SECTIONS.into_iter().filter(|section| frame.has(*section));
        let mut due: Vec<Section> = present.filter(is_due).collect();
        let told = due.clone();
        // The sections whose last frame is the same one are compared at once, each with its own last frame alone.
        while let Some(first) = due.first().copied() {
            let last = self.last_of(first);
            let is_same = |section: &Section| match (&last, self.last_of(*section)) {
                (Some(one), Some(other)) => Rc::ptr_eq(one, &other),
                (None, None) => true,
                _ => false,
            };
            let (same, others): (Vec<Section>, Vec<Section>) = due.into_iter().partition(is_same);
            due = others;
            if let Some(last) = last
                && self.between(&last, &frame, &same)
            {
                // Another boot: nothing of the last one counts.
                self.last.clear();
                self.findings.clear();
                break;
            }
        }
        self.last.retain(|(one, _)| !told.contains(one));
        self.last.extend(told.into_iter().map(|section| (section, frame.clone())));
        if let Some(integrity) = &frame.integrity {
            self.findings(&frame, integrity);
        }
    }

    /// The history, in order.
    pub fn finish(mut self) -> Vec<Happening> {
        self.happenings.sort_by_key(|one| one.time_ns);
        self.happenings
    }

    fn add(&mut self, after_ns: u64, frame: &Frame, kind: &'static str, text: String) {
        let time_ns = frame.time_ns;
        self.happenings.push(Happening { time_ns, after_ns, kind, text });
    }

    fn panic(&mut self, frame: &Frame) {
        let Some(panicked) = frame.os.as_ref().and_then(|os| os.panicked) else { return };
        if panicked && !self.has_panicked {
            let text = "the kernel panicked".to_owned();
            self.add(frame.time_ns, frame, "panicked", text);
        }
        self.has_panicked = panicked;
    }

    /// The last frame that had a section whole.
    fn last_of(&self, section: Section) -> Option<Rc<Frame>> {
        self.last.iter().find(|(one, _)| *one == section).map(|(_, last)| last.clone())
    }

    /// Tells what happened to these sections between two frames; true if the guest was started anew.
    fn between(&mut self, earlier: &Frame, later: &Frame, sections: &[Section]) -> bool {
        match compare(earlier, later) {
            Comparison::Difference(difference) => {
                let rows: [(Section, Teller); 5] = [
                    (Section::Processes, Self::processes),
                    (Section::Connections, Self::connections),
                    (Section::Modules, Self::modules),
                    (Section::Mounts, Self::mounts),
                    (Section::Interfaces, Self::interfaces),
                ];
                for (_, tell) in rows.iter().filter(|(section, _)| sections.contains(section)) {
                    tell(self, earlier, later, &difference);
                }
                false
            }
            Comparison::Restarted => {
                let text = "the guest was started anew, or set back".to_owned();
                self.add(earlier.time_ns, later, "restarted", text);
                true
            }
            Comparison::OtherGuest => true,
        }
    }

    fn processes(&mut self, earlier: &Frame, later: &Frame, rows: &Difference) {
        let after = earlier.time_ns;
        let is_user = |process: &&&Process| process.kernel_thread != Some(true);
        // By the guest's own clock, which is read some ticks late.
        let uptime = earlier.os.as_ref().and_then(|os| os.uptime_ns);
        for process in rows.processes.new.iter().filter(is_user) {
            let started = process.start_time_ns.zip(uptime);
            let is_older = started.is_some_and(|(start, now)| start.saturating_add(LATE_NS) < now);
            let (kind, began) = match is_older {
                true => ("process-appeared", "appears, though it began earlier"),
                false => ("process-began", "began"),
            };
            let parent = process
                .ppid
                .map_or_else(String::new, |ppid| format!(", child of {}", named(later, ppid)));
            let uid = process.uid.map_or_else(|| "?".to_owned(), |uid| uid.to_string());
            let text = format!(
                "process {} {began}: {} (uid {uid}{parent})",
                process.pid,
                command(process)
            );
            self.add(after, later, kind, text);
        }
        for process in rows.processes.gone.iter().filter(is_user) {
            let text = format!("process {} ended: {}", process.pid, command(process));
            self.ended.push(((process.pid, process.start_time_ns), self.happenings.len()));
            self.add(after, later, "process-ended", text);
        }
    }

    fn connections(&mut self, earlier: &Frame, later: &Frame, rows: &Difference) {
        let after = earlier.time_ns;
        for socket in rows.connections.new.iter().filter(|one| is_listening(one)) {
            let text = format!("{} listens on {}", owner(later, socket), end(socket));
            self.add(after, later, "listens", text);
        }
        for socket in rows.connections.gone.iter().filter(|one| is_listening(one)) {
            let text = format!("{} listens no more on {}", owner(earlier, socket), end(socket));
            self.add(after, later, "listens-no-more", text);
        }
    }

    fn modules(&mut self, earlier: &Frame, later: &Frame, rows: &Difference) {
        let after = earlier.time_ns;
        for module in &rows.modules.new {
            self.add(
                after,
                later,
                "module-loaded",
                format!("module {} was loaded", of_module(module)),
            );
        }
        for module in &rows.modules.gone {
            let text = format!("module {} was unloaded", of_module(module));
            self.add(after, later, "module-unloaded", text);
        }
    }

    fn mounts(&mut self, earlier: &Frame, later: &Frame, rows: &Difference) {
        let after = earlier.time_ns;
        for mount in &rows.mounts.new {
            self.add(after, later, "mounted", format!("{} was mounted", of_mount(mount)));
        }
        for mount in &rows.mounts.gone {
            self.add(after, later, "unmounted", format!("{} was unmounted", of_mount(mount)));
        }
    }

    fn interfaces(&mut self, earlier: &Frame, later: &Frame, rows: &Difference) {
        let after = earlier.time_ns;
        for interface in &rows.interfaces.new {
            let text = format!("interface {} was added{}", name(interface), addresses(interface));
            self.add(after, later, "interface-added", text);
        }
        for interface in &rows.interfaces.gone {
            let text = format!("interface {} was removed", name(interface));
            self.add(after, later, "interface-removed", text);
        }
        for (before, now) in &rows.interfaces.stayed {
            let (was, is) = (addresses(before), addresses(now));
            let state = |up: bool| if up { "up" } else { "down" };
            if was != is {
                let is = if is.is_empty() { " without an address".to_owned() } else { is };
                let text = format!("interface {} is now{is}", name(now));
                self.add(after, later, "interface-changed", text);
            }
            if let (Some(was), Some(is)) = (before.up, now.up)
                && was != is
            {
                let text = format!("interface {} went {}", name(now), state(is));
                self.add(after, later, "interface-changed", text);
            }
        }
    }

    /// Findings that were not told before.
    fn findings(&mut self, frame: &Frame, integrity: &Integrity) {
        for hidden in &integrity.hidden_processes {
            self.hides(hidden);
        }
        for text in findings_of(integrity) {
            if self.findings.insert(text.clone()) {
                self.add(frame.time_ns, frame, "finding", text);
            }
        }
    }

    /// A process that hides has not ended.
    fn hides(&mut self, hidden: &HiddenProcess) {
        let key = (hidden.pid, hidden.start_time_ns);
        let own = self.ended.iter().find(|(ended, _)| *ended == key).map(|(_, index)| *index);
        if let Some(happening) = own.and_then(|index| self.happenings.get_mut(index))
            && happening.kind == "process-ended"
        {
            happening.kind = "process-left-list";
            happening.text =
                happening.text.replace(" ended: ", " left the task list, and runs on: ");
        }
    }
}

/// The findings in words.
pub(crate) fn findings_of(integrity: &Integrity) -> Vec<String> {
    let known = |text: &Option<Text>| text.as_deref().unwrap_or("?").to_owned();
    let list = |texts: &[Text]| texts.iter().map(Text::as_str).collect::<Vec<_>>().join(", ");
    let mut all = Vec::new();
    for one in &integrity.hidden_processes {
        let (name, missing) = (known(&one.name), list(&one.missing_from));
        all.push(format!("process {} ({name}) hides from: {missing}", one.pid));
    }
    for one in &integrity.hidden_modules {
        let missing = list(&one.missing_from);
        all.push(format!(
            "module {} at {:#x} hides from: {missing}",
            known(&one.name),
            one.address
        ));
    }
    for one in &integrity.hidden_connections {
        let (process, socket) = (known(&one.process), end(&one.connection));
        all.push(format!("process {process}, which hides, has a socket at {socket}"));
    }
    for one in &integrity.hooked_syscalls {
        let name = known(&one.name);
        all.push(format!("system call {} ({name}) leads to {:#x}", one.number, one.target.address));
    }
    for one in &integrity.hooked_interrupts {
        all.push(format!("interrupt {} leads to {:#x}", one.vector, one.target.address));
    }
    for one in &integrity.hooked_functions {
        all.push(format!("{} {} leads to {:#x}", one.kind, one.name, one.target.address));
    }
    for one in &integrity.shared_credentials {
        let pids: Vec<String> = one.processes.iter().map(|one| one.pid.to_string()).collect();
        all.push(format!("processes {} share credentials", pids.join(", ")));
    }
    all
}

fn command(process: &Process) -> &str {
    match process.command_line.as_deref() {
        Some(line) if !line.is_empty() => line,
        _ => process.name.as_deref().unwrap_or("?"),
    }
}

/// A process by its id and name.
fn named(frame: &Frame, pid: u32) -> String {
    let process = frame.processes.iter().flatten().find(|one| one.pid == pid);
    match process.and_then(|one| one.name.as_deref()) {
        Some(name) => format!("{pid} {name}"),
        None => pid.to_string(),
    }
}

fn owner(frame: &Frame, socket: &Connection) -> String {
    socket.pid.map_or_else(|| "a socket".to_owned(), |pid| format!("process {}", named(frame, pid)))
}

pub(crate) fn is_listening(socket: &Connection) -> bool {
    socket.state.as_deref() == Some("LISTEN")
}

pub(crate) fn end(socket: &Connection) -> String {
    let protocol = &socket.protocol;
    match (&socket.local_address, socket.local_port, &socket.path) {
        (Some(address), port, _) => {
            let port = port.map_or_else(|| "?".to_owned(), |port| port.to_string());
            match address.contains(':') {
                true => format!("{protocol} [{address}]:{port}"),
                false => format!("{protocol} {address}:{port}"),
            }
        }
        (None, _, Some(path)) => format!("{protocol} {path}"),
        (None, _, None) => format!("{protocol} without a name"),
    }
}

fn of_module(module: &Module) -> String {
    match module.taints.as_deref() {
        Some(taints) if !taints.is_empty() => format!("{} ({taints})", module.name),
        _ => module.name.to_string(),
    }
}

fn of_mount(mount: &Mount) -> String {
    let known = |text: &Option<Text>| text.as_deref().unwrap_or("?").to_owned();
    format!("{} on {} ({})", known(&mount.source), known(&mount.target), known(&mount.filesystem))
}

fn name(interface: &Interface) -> String {
    let name = interface.name.as_deref().unwrap_or("?");
    match interface.netns {
        Some(netns) => format!("{name} of namespace {netns}"),
        None => name.to_owned(),
    }
}

fn addresses(interface: &Interface) -> String {
    let all = interface.ipv4.iter().chain(&interface.ipv6).flatten();
    all.map(|address| format!(" {address}")).collect()
}

#[cfg(test)]
mod tests {
    use nfm_frame::{Consistency, Os};

    use super::*;

    const S: u64 = 1_000_000_000;

    fn frame(second: u64, processes: &[(u32, u64)]) -> Frame {
        let process = |(pid, start): &(u32, u64)| Process {
            pid: *pid,
            start_time_ns: Some(*start),
            name: Some(format!("p{pid}").into()),
            kernel_thread: Some(false),
            ..Process::default()
        };
        Frame {
            time_ns: second * S,
            consistency: Consistency { complete: true, ..Consistency::default() },
            os: Some(Os { uptime_ns: Some(second * S), boot_time_ns: Some(7), ..Os::default() }),
            processes: Some(processes.iter().map(process).collect()),
            ..Frame::default()
        }
    }

    fn kinds(frames: impl IntoIterator<Item = Frame>) -> Vec<(&'static str, u64)> {
        let mut history = History::default();
        frames.into_iter().for_each(|frame| history.push(frame));
        history.finish().into_iter().map(|one| (one.kind, one.time_ns / S)).collect()
    }

    #[test]
    fn a_process_that_hides_has_not_ended() {
        let mut finding = frame(4, &[(1, 1)]);
        finding.integrity = Some(Integrity {
            hidden_processes: vec![HiddenProcess {
                pid: 9,
                start_time_ns: Some(99),
                missing_from: vec!["task list".into()],
                ..HiddenProcess::default()
            }],
            ..Integrity::default()
        });
        let again = Frame { time_ns: 5 * S, ..finding.clone() };
        let frames = [
            frame(1, &[(1, 1)]),
            frame(2, &[(1, 1), (9, 99), (8, 88)]),
            frame(3, &[(1, 1)]),
            finding,
            again,
        ];
        let expected = [
            ("process-began", 2),
            ("process-began", 2),
            ("process-left-list", 3),
            ("process-ended", 3),
            ("finding", 4),
        ];
        assert_eq!(kinds(frames), expected);
    }

    #[test]
    fn nothing_is_told_twice() {
        let with = |mut frame: Frame| {
            frame.modules = Some(Vec::new());
            frame
        };
        // Modules are in every other frame: their last frame has the processes of then, too.
        let frames = [
            with(frame(1, &[(1, 1)])),
            frame(2, &[(1, 1), (9, 99)]),
            with(frame(3, &[(1, 1), (9, 99)])),
            frame(4, &[(1, 1)]),
            with(frame(5, &[(1, 1)])),
        ];
        assert_eq!(kinds(frames), [("process-began", 2), ("process-ended", 4)]);
    }

    #[test]
    fn sections_are_compared_with_the_last_frame_that_had_them() {
        let with = |mut frame: Frame, modules: &[&'static str]| {
            let module = |name: &&'static str| Module {
                name: Text::fixed(name),
                address: Some(name.len() as u64),
                ..Module::default()
            };
            frame.modules = Some(modules.iter().map(module).collect());
            frame
        };
        let mut part = frame(4, &[]);
        part.consistency.complete = false;
        let mut over = frame(7, &[(1, 1)]);
        over.os = Some(Os { panicked: Some(true), ..over.os.unwrap() });
        let frames = [
            with(frame(1, &[(1, 1)]), &["a"]),
            frame(2, &[(1, 1)]),
            with(frame(3, &[(1, 1)]), &["a", "bb"]),
            part,
            frame(5, &[(1, 1)]),
            over,
        ];
        assert_eq!(kinds(frames), [("module-loaded", 3), ("panicked", 7)]);
    }
}

//! `nfm check`: where a guest's kernel contradicts itself, in words.

use std::io::{self, Write};
use std::process::ExitCode;

use nfm::{
    CheckOutcome, CrawlOptions, HiddenConnection, HiddenModule, HiddenProcess, HookTarget,
    HookedFunction, HookedInterrupt, HookedSyscall, Integrity, Section, SharedCredentials, Text,
};

use super::{Frames, Verb, json, open, report};
use crate::args::Check;
use crate::show::{escaped, known, size};

/// There are findings.
pub(crate) const FINDINGS: u8 = 20;
/// There is no finding, but not everything could be read.
pub(crate) const UNDECIDED: u8 = 21;

/// Every kernel has what these look at: where one could not be made, nothing is decided.
const CORE: [&str; 3] =
    ["processes in the task list", "processes in the PID tables", "interrupt gates"];

/// A finding in words.
struct Told {
    what: String,
    seen: String,
    why: &'static str,
    else_: &'static str,
}

/// `nfm check`.
pub(crate) fn check(options: &nfm::OpenOptions, check: &Check, out: &mut dyn Write) -> Verb {
    let mut sections = CrawlOptions::sections(&[Section::Integrity]);
    if let Some(limit) = check.time_limit {
        sections.time_limit = limit;
    }
    // A user who may read the guest looks now; the recorder looked up to a minute ago.
    let is_reader = rustix::process::geteuid().is_root() || check.time_limit.is_some();
    let frame = match check.of.when.is_recorded() || !is_reader {
        true => Frames::open(options, &check.of.target.domain, &check.of.when)?
            .latest(&sections.sections)?,
        false => open(options, &check.of.target.domain)?.crawl(&sections)?,
    };
    let integrity = frame.integrity.clone().unwrap_or_default();
    if check.of.target.json {
        json(out, &integrity)?;
    } else {
        print(&frame.domain.name, &integrity, out)?;
    }
    report(&frame.consistency.problems);
    Ok(ExitCode::from(status(&integrity)))
}

fn status(integrity: &Integrity) -> u8 {
    let outcome = |name: &str| {
        let check = integrity.checks.iter().find(|check| check.name == name);
        check.map(|check| check.outcome)
    };
    let is_core_done = CORE.into_iter().all(|name| outcome(name) == Some(CheckOutcome::Done));
    let failed = integrity.checks.iter().any(|check| check.outcome == CheckOutcome::Failed);
    match (integrity.findings(), is_core_done && !failed) {
        (0, true) => 0,
        (0, false) => UNDECIDED,
        _ => FINDINGS,
    }
}

fn print(domain: &str, integrity: &Integrity, out: &mut dyn Write) -> io::Result<()> {
    let all = told(integrity);
    let count = match all.len() {
        0 => "no finding".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    writeln!(out, "{}: {count}", escaped(domain))?;
    for told in &all {
        writeln!(out, "\n{}", escaped(&told.what))?;
        writeln!(out, "  seen:      {}", escaped(&told.seen))?;
        writeln!(out, "  why:       {}", told.why)?;
        writeln!(out, "  or else:   {}", told.else_)?;
    }
    writeln!(out)?;
    for check in integrity.checks.iter().filter(|check| check.outcome == CheckOutcome::Done) {
        writeln!(out, "checked      {}: {}", check.name, check.examined)?;
    }
    for check in integrity.checks.iter().filter(|check| check.outcome != CheckOutcome::Done) {
        let reason = check.reason.as_deref().unwrap_or("?");
        let name = match check.examined {
            0 => check.name.to_string(),
            examined => format!("{} but for {examined}", check.name),
        };
        writeln!(out, "not checked  {name}, because {}", escaped(reason))?;
    }
    Ok(())
}

fn told(integrity: &Integrity) -> Vec<Told> {
    let processes = integrity.hidden_processes.iter().map(process);
    processes
        .chain(integrity.hidden_connections.iter().map(connection))
        .chain(integrity.hidden_modules.iter().map(module))
        .chain(integrity.hooked_syscalls.iter().map(syscall))
        .chain(integrity.hooked_interrupts.iter().map(interrupt))
        .chain(integrity.hooked_functions.iter().map(function))
        .chain(integrity.shared_credentials.iter().map(credentials))
        .collect()
}

fn process(one: &HiddenProcess) -> Told {
    let thread = match one.tid == one.pid {
        true => String::new(),
        false => format!(" thread {} of", one.tid),
    };
    let name = one.name.as_deref().unwrap_or("?");
    let details = one.process.as_ref().map(|process| {
        let parent = known(process.ppid);
        let runs = match process.kernel_thread {
            Some(true) => "a thread of the kernel".to_owned(),
            _ => format!("it runs {}", known(process.exe.as_ref())),
        };
        format!("; its parent is {parent}, {runs}")
    });
    Told {
        what: format!("hidden:{thread} process {} ({name}), uid {}", one.pid, known(one.uid)),
        seen: format!(
            "in the {}; not in the {} (task_struct at {:#x}){}",
            list(&one.seen_in),
            list(&one.missing_from),
            one.address,
            details.unwrap_or_default()
        ),
        why: "the kernel keeps every living process in all of these; what is made from one that lacks \
              it, as /proc is from the PID table, does not show it",
        else_: "a kernel that nfm does not know well enough; no process that starts or ends looks so",
    }
}

fn connection(one: &HiddenConnection) -> Told {
    let row = &one.connection;
    let end = |address: &Option<Text>, port: Option<u16>| {
        address.as_ref().map(|address| format!("{address}:{}", known(port)))
    };
    let local =
        end(&row.local_address, row.local_port).or_else(|| row.path.clone().map(String::from));
    let remote = end(&row.remote_address, row.remote_port);
    Told {
        what: format!(
            "hidden: {} socket of process {} ({})",
            row.protocol,
            known(row.pid),
            one.process.as_deref().unwrap_or("?")
        ),
        seen: format!(
            "{} from {} to {}, descriptor {}",
            row.state.as_deref().unwrap_or("?"),
            local.unwrap_or_else(|| "nowhere".to_owned()),
            remote.unwrap_or_else(|| "nowhere".to_owned()),
            known(row.fd)
        ),
        why: "the process that holds it hides, so nothing in the guest tells whose it is",
        else_: "what explains the process",
    }
}

fn module(one: &HiddenModule) -> Told {
    Told {
        what: format!("hidden: module {}", one.name.as_deref().unwrap_or("?")),
        seen: format!(
            "in the {}; not in the {} (code at {}, {})",
            list(&one.seen_in),
            list(&one.missing_from),
            one.code.map_or_else(|| "?".to_owned(), |code| format!("{code:#x}")),
            known(one.size.map(size))
        ),
        why: "the kernel keeps every loaded module in all of these; lsmod is made from the module list alone",
        else_: "nothing that the kernel does by itself: loading and unloading takes it out of all",
    }
}

fn syscall(one: &HookedSyscall) -> Told {
    let name = one.name.as_deref().unwrap_or("unknown");
    let what = format!("hooked: system call {name} (number {} of {})", one.number, one.table);
    let leads = leads(&one.target);
    match one.place.as_str() {
        "entry" => Told {
            what,
            seen: format!("the table's entry at {:#x} {leads}", one.address),
            why: "all system calls are the kernel's own code; the table is read-only after boot",
            else_: "a security product that replaces system calls; no kernel of today does",
        },
        _ => Told {
            what,
            seen: format!("the first instructions of its function at {:#x} {leads}", one.address),
            why: "neither ftrace, nor a kprobe, nor BPF is known to have put them there",
            else_: "a live patch that does not use ftrace",
        },
    }
}

fn interrupt(one: &HookedInterrupt) -> Told {
    Told {
        what: format!("hooked: interrupt vector {}", one.vector),
        seen: format!("the gate at {:#x} {}", one.address, leads(&one.target)),
        why: "all interrupts and exceptions enter the kernel's own code",
        else_: "nothing that the kernel does by itself",
    }
}

fn function(one: &HookedFunction) -> Told {
    let why = match one.kind.as_str() {
        "operations" => {
            "this table is the kernel's own, and constant; who changes it decides what programs see"
        }
        "dispatcher" => "every system call passes here, and nobody may lead it elsewhere",
        _ => "it may lead to the kernel or a module, but this is neither, or a module that hides",
    };
    Told {
        what: format!("hooked: {} {}", one.kind, one.name),
        seen: format!("the pointer at {:#x} {}", one.address, leads(&one.target)),
        why,
        else_: match one.kind.as_str() {
            "operations" => "a driver that was built against all rules of the kernel",
            _ => "code that was generated at run time in a way that nfm does not know",
        },
    }
}

fn credentials(one: &SharedCredentials) -> Told {
    let owners: Vec<String> = one
        .processes
        .iter()
        .map(|owner| format!("{} ({})", owner.pid, owner.name.as_deref().unwrap_or("?")))
        .collect();
    let whose = if one.of_kernel { "the kernel's own credentials" } else { "credentials" };
    Told {
        what: format!("shared: {whose} at {:#x}, uid {}", one.address, known(one.uid)),
        seen: format!("processes {} have them at once", owners.join(", ")),
        why: "the kernel gives each process its own copy; who copies the pointer takes another's rights",
        else_: "nothing that the kernel does by itself: only threads of one process share",
    }
}

fn leads(target: &HookTarget) -> String {
    let whose = match (&target.module, target.hidden) {
        (Some(module), false) => format!("in the module {module}"),
        (Some(module), true) => format!("in the module {module}, which hides"),
        (None, _) => "neither in the kernel's code nor in a module".to_owned(),
    };
    format!("leads to {:#x}, {whose}", target.address)
}

fn list(places: &[Text]) -> String {
    match places {
        [] => "none of the kernel's lists".to_owned(),
        [one] => one.to_string(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

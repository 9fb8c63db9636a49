//! The changes, one at a time, and the findings that each must give.

use serde_json::{Value, json};

use crate::tamper::Lab;
use lab::write::{Changes, Kernel};

/// `quotactl`: a system call that nothing in the guest makes, and that has a function of its own.
pub const CALL: u64 = 179;
const CALL_NAME: &str = "quotactl";
/// Some interrupt's.
const VECTOR: u64 = 0x91;

/// One change to the kernel, and what must come of it.
pub struct Case {
    pub what: &'static str,
    /// Which list of findings.
    pub list: &'static str,
    /// The members that its only row must hold.
    pub row: Value,
    /// The words that the text must hold.
    pub words: Vec<String>,
    /// True if the guest may not run meanwhile, as it might use the changed memory.
    pub held: bool,
    pub changes: Changes,
}

/// Each case; `None` on a kernel that has not what it changes.
pub const ALL: [fn(&Lab) -> Option<Case>; 19] = [
    unlisted_process,
    process_without_id,
    unlisted_thread,
    disowned_child,
    unlisted_module,
    module_without_folder,
    unformed_module,
    redirected_call,
    call_to_module,
    patched_call,
    dispatcher,
    gate,
    operation,
    stolen_credentials,
    credentials_of_the_kernel,
    ftrace,
    kprobe,
    netfilter,
    keyboard,
];

fn of_alice(
    lab: &Lab,
    what: &'static str,
    list: &str,
    change: fn(&mut Changes, &Kernel, u64),
) -> Case {
    let pid = lab.pid("alice");
    let task = lab.kernel.task(pid);
    let mut changes = Changes::default();
    change(&mut changes, &lab.kernel, task);
    let row = json!({
        "pid": pid,
        "tid": pid,
        "name": "alice",
        "uid": 1000,
        "address": task,
        "missing_from": [list],
        "process": {"pid": pid, "uid": 1000, "command_line": "/bin/lab-workload alice"},
    });
    let words = vec![
        format!("hidden: process {pid} (alice)"),
        format!("not in the {list} "),
        "it runs /bin/lab-workload\n".to_owned(),
    ];
    Case { what, list: "hidden_processes", row, words, held: false, changes }
}

fn unlisted_process(lab: &Lab) -> Option<Case> {
    let mut case =
        of_alice(lab, "a process not in the task list", "task list", |changes, kernel, task| {
            changes.unlink(kernel, task + kernel.offset("task_struct", "tasks"));
        });
    case.row["seen_in"] = json!(["PID table", "thread list", "parent's children"]);
    Some(case)
}

fn process_without_id(lab: &Lab) -> Option<Case> {
    let what = "a process not in the PID table";
    let mut case = of_alice(lab, what, "PID table", |changes, kernel, task| {
        let id = kernel.word(task + kernel.offset("task_struct", "thread_pid"));
        let tasks = id + kernel.offset("pid", "tasks");
        changes.write_word(kernel, tasks, 0);
        changes.write_word(kernel, tasks + 8, 0);
    });
    case.row["seen_in"] = json!(["task list", "thread list", "parent's children"]);
    Some(case)
}

fn disowned_child(lab: &Lab) -> Option<Case> {
    let what = "a process not among its parent's children";
    Some(of_alice(lab, what, "parent's children", |changes, kernel, task| {
        changes.unlink(kernel, task + kernel.offset("task_struct", "sibling"));
    }))
}

fn unlisted_thread(lab: &Lab) -> Option<Case> {
    let pid = lab.pid("threads");
    let kernel = &lab.kernel;
    let signal = kernel.word(kernel.task(pid) + kernel.offset("task_struct", "signal"));
    let head = signal + kernel.offset("signal_struct", "thread_head");
    let node = kernel.offset("task_struct", "thread_node");
    let thread = *kernel.list(head, node).last().expect("a thread");
    let tid = u32::from_le_bytes(kernel.read(thread + kernel.offset("task_struct", "pid")));
    assert_ne!(tid, pid);
    let mut changes = Changes::default();
    changes.unlink(kernel, thread + node);
    Some(Case {
        what: "a thread not in its process's list",
        list: "hidden_processes",
        row: json!({
            "pid": pid,
            "tid": tid,
            "address": thread,
            "seen_in": ["PID table"],
            "missing_from": ["thread list"],
        }),
        words: vec![format!("hidden: thread {tid} of process {pid} (")],
        held: false,
        changes,
    })
}

fn of_module(lab: &Lab, what: &'static str, seen: [&str; 2], missing: &str) -> Case {
    let (name, module, code) = &lab.module;
    let row = json!({
        "name": name,
        "address": module,
        "code": code,
        "seen_in": seen,
        "missing_from": [missing],
    });
    let words = vec![format!("hidden: module {name}\n"), format!("not in the {missing} ")];
    let changes = Changes::default();
    Case { what, list: "hidden_modules", row, words, held: false, changes }
}

fn unlisted_module(lab: &Lab) -> Option<Case> {
    let what = "a module not in the module list";
    let mut case = of_module(lab, what, ["/sys/module", "module memory"], "module list");
    case.changes.unlink(&lab.kernel, lab.module.1 + lab.kernel.offset("module", "list"));
    Some(case)
}

fn module_without_folder(lab: &Lab) -> Option<Case> {
    let what = "a module not in /sys/module";
    let mut case = of_module(lab, what, ["module list", "module memory"], "/sys/module");
    let node = lab.module.1 + lab.kernel.offset("module", "mkobj.kobj.entry");
    case.changes.unlink(&lab.kernel, node);
    Some(case)
}

/// `/proc/modules` passes over a module that is not formed yet.
fn unformed_module(lab: &Lab) -> Option<Case> {
    let what = "a module that calls itself unformed";
    let mut case = of_module(lab, what, ["/sys/module", "module memory"], "module list");
    let state = lab.module.1 + lab.kernel.offset("module", "state");
    case.changes.write(&lab.kernel, state, &3_u32.to_le_bytes());
    Some(case)
}

fn of_call(lab: &Lab, what: &'static str, place: &str, target: Value) -> Case {
    let address = match place {
        "entry" => lab.entry(CALL),
        _ => lab.kernel.word(lab.entry(CALL)),
    };
    Case {
        what,
        list: "hooked_syscalls",
        row: json!({
            "table": "sys_call_table",
            "number": CALL,
            "name": CALL_NAME,
            "place": place,
            "address": address,
            "target": target,
        }),
        words: vec![
            format!("hooked: system call {CALL_NAME} (number {CALL} of sys_call_table)"),
            format!("leads to {:#x}", target["address"].as_u64().expect("an address")),
        ],
        held: false,
        changes: Changes::default(),
    }
}

fn nobody(address: u64) -> Value {
    json!({"address": address, "module": null, "hidden": false})
}

fn redirected_call(lab: &Lab) -> Option<Case> {
    let mut case = of_call(lab, "a system call to nobody's code", "entry", nobody(lab.nowhere()));
    case.changes.write_word(&lab.kernel, lab.entry(CALL), lab.nowhere());
    Some(case)
}

fn call_to_module(lab: &Lab) -> Option<Case> {
    let (name, _, code) = &lab.module;
    let target = json!({"address": code + 16, "module": name, "hidden": false});
    let mut case = of_call(lab, "a system call to a module", "entry", target);
    case.changes.write_word(&lab.kernel, lab.entry(CALL), code + 16);
    case.words.push(format!("in the module {name}\n"));
    Some(case)
}

/// `jmp target`.
fn jump(from: u64, target: u64) -> [u8; 5] {
    let distance = (target.wrapping_sub(from + 5) as i64 as i32).to_le_bytes();
    [0xe9, distance[0], distance[1], distance[2], distance[3]]
}

fn patched_call(lab: &Lab) -> Option<Case> {
    let mut case = of_call(lab, "a system call's code", "code", nobody(lab.nowhere()));
    let function = lab.kernel.word(lab.entry(CALL));
    case.changes.write(&lab.kernel, function, &jump(function, lab.nowhere()));
    Some(case)
}

/// A hooked function: what is written where, and what it is called.
fn of_function(lab: &Lab, kind: &str, name: &str, address: u64, changes: Changes) -> Case {
    Case {
        what: "a pointer to a function",
        list: "hooked_functions",
        row: json!({
            "kind": kind,
            "name": name,
            "address": address,
            "target": nobody(lab.nowhere()),
        }),
        words: vec![format!("hooked: {kind} {name}\n"), "nor in a module".to_owned()],
        held: true,
        changes,
    }
}

fn dispatcher(lab: &Lab) -> Option<Case> {
    let name = "x64_sys_call";
    let function = lab.kernel.has(name).then(|| lab.kernel.symbol(name))?;
    let mut changes = Changes::default();
    changes.write(&lab.kernel, function, &jump(function, lab.nowhere()));
    Some(of_function(lab, "dispatcher", name, function, changes))
}

fn gate(lab: &Lab) -> Option<Case> {
    let kernel = &lab.kernel;
    let gate = kernel.symbol("idt_table") + 16 * VECTOR;
    let target = lab.nowhere().to_le_bytes();
    let mut changes = Changes::default();
    for (part, bytes) in [
        ("offset_low", &target[..2]),
        ("offset_middle", &target[2..4]),
        ("offset_high", &target[4..]),
    ] {
        changes.write(kernel, gate + kernel.offset("gate_struct", part), bytes);
    }
    Some(Case {
        what: "an interrupt gate",
        list: "hooked_interrupts",
        row: json!({"vector": VECTOR, "address": gate, "target": nobody(lab.nowhere())}),
        words: vec![format!("hooked: interrupt vector {VECTOR}\n")],
        held: true,
        changes,
    })
}

fn operation(lab: &Lab) -> Option<Case> {
    let kernel = &lab.kernel;
    let pointer = kernel.symbol("tcp4_seq_ops") + kernel.offset("seq_operations", "show");
    let mut changes = Changes::default();
    changes.write_word(kernel, pointer, lab.nowhere());
    Some(of_function(lab, "operations", "tcp4_seq_ops.show", pointer, changes))
}

fn stolen_credentials(lab: &Lab) -> Option<Case> {
    let kernel = &lab.kernel;
    let pid = lab.pid("alice");
    let field = kernel.offset("task_struct", "real_cred");
    let cred = kernel.word(kernel.task(1) + field);
    let mut changes = Changes::default();
    changes.write_word(kernel, kernel.task(pid) + field, cred);
    Some(Case {
        what: "credentials of init in another process",
        list: "shared_credentials",
        row: json!({
            "address": cred,
            "uid": 0,
            "of_kernel": false,
            "processes": [
                {"pid": 1, "name": "init", "kernel_thread": false},
                {"pid": pid, "name": "alice", "kernel_thread": false},
            ],
        }),
        words: vec![format!("processes 1 (init), {pid} (alice) have them")],
        held: false,
        changes,
    })
}

fn credentials_of_the_kernel(lab: &Lab) -> Option<Case> {
    let kernel = &lab.kernel;
    let pid = lab.pid("alice");
    let field = kernel.offset("task_struct", "real_cred");
    let mut changes = Changes::default();
    changes.write_word(kernel, kernel.task(pid) + field, kernel.symbol("init_cred"));
    Some(Case {
        what: "credentials of the kernel in a process",
        list: "shared_credentials",
        row: json!({
            "of_kernel": true,
            "processes": [{"pid": pid, "name": "alice", "kernel_thread": false}],
        }),
        words: vec!["shared: the kernel's own credentials".to_owned()],
        held: false,
        changes,
    })
}

fn ftrace(lab: &Lab) -> Option<Case> {
    let (kernel, ops) = (&lab.kernel, lab.scratch);
    let func = ops + kernel.offset("ftrace_ops", "func");
    let mut changes = Changes::default();
    changes.write_word(kernel, func, lab.nowhere());
    let next = ops + kernel.offset("ftrace_ops", "next");
    changes.write_word(kernel, next, kernel.symbol("ftrace_list_end"));
    changes.write_word(kernel, kernel.symbol("ftrace_ops_list"), ops);
    Some(of_function(lab, "ftrace", &format!("ftrace_ops {ops:#x}"), func, changes))
}

fn kprobe(lab: &Lab) -> Option<Case> {
    let (kernel, probe) = (&lab.kernel, lab.scratch);
    let place = kernel.symbol("_stext") + 0x1000;
    let list = probe + kernel.offset("kprobe", "list");
    let handler = probe + kernel.offset("kprobe", "pre_handler");
    let mut changes = Changes::default();
    changes.write_word(kernel, list, list);
    changes.write_word(kernel, probe + kernel.offset("kprobe", "addr"), place);
    changes.write_word(kernel, handler, lab.nowhere());
    let node = probe + kernel.offset("kprobe", "hlist");
    changes.write_word(kernel, kernel.symbol("kprobe_table") + 8 * 5, node);
    let name = format!("pre_handler of the probe at {place:#x}");
    Some(of_function(lab, "kprobe", &name, handler, changes))
}

fn netfilter(lab: &Lab) -> Option<Case> {
    let (kernel, entries) = (&lab.kernel, lab.scratch);
    let hook = entries + kernel.offset("nf_hook_entries", "hooks");
    let mut changes = Changes::default();
    changes.write(kernel, entries + kernel.offset("nf_hook_entries", "num_hook_entries"), &[1, 0]);
    changes.write_word(kernel, hook, lab.nowhere());
    // The third of the bridge's, which has none.
    let slot = kernel.symbol("init_net") + kernel.offset("net", "nf.hooks_bridge") + 8 * 2;
    assert_eq!(kernel.word(slot), 0);
    changes.write_word(kernel, slot, entries);
    Some(of_function(lab, "netfilter", "hooks_bridge[2]", hook, changes))
}

fn keyboard(lab: &Lab) -> Option<Case> {
    let (kernel, block) = (&lab.kernel, lab.scratch);
    let call = block + kernel.offset("notifier_block", "notifier_call");
    let head = kernel.symbol("keyboard_notifier_list");
    let head = head + kernel.offset("atomic_notifier_head", "head");
    assert_eq!(kernel.word(head), 0);
    let mut changes = Changes::default();
    changes.write_word(kernel, call, lab.nowhere());
    changes.write_word(kernel, head, block);
    Some(of_function(lab, "notifier", "keyboard_notifier_list", call, changes))
}

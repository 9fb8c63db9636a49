//! Changes a guest's kernel from outside and holds what `nfm check` says against what was done.

use std::collections::HashMap;

use serde_json::Value;

use crate::cases::{self, Case};
use crate::{FINDINGS, UNDECIDED, nfm, text};
use lab::Guest;
use lab::write::{Changes, Held, Kernel};

const MEMORY: u64 = 512 << 20;

/// The facts about a guest that the cases need.
pub struct Lab<'a> {
    pub guest: &'a Guest,
    pub kernel: Kernel,
    /// A module that nothing uses: name, its `struct module`, its code.
    pub module: (String, u64, u64),
    /// Memory of the kernel that nothing uses.
    pub scratch: u64,
    pids: HashMap<String, u32>,
}

impl<'a> Lab<'a> {
    fn new(guest: &'a Guest) -> Self {
        let kernel = Kernel::open(guest, MEMORY);
        let module = unused_module(guest, &kernel);
        // The end of the log's buffer: the boot messages are shorter.
        let scratch = (kernel.symbol("__log_buf") + (100 << 10)) & !0xfff;
        assert_eq!(kernel.read::<1024>(scratch), [0; 1024], "the log is longer than thought");
        let names = guest.ask("cd /proc; for p in [0-9]*; do echo $p $(cat $p/comm); done");
        let pids = names.lines().filter_map(|line| {
            let (pid, name) = line.split_once(' ')?;
            Some((name.to_owned(), pid.parse().ok()?))
        });
        let pids = pids.collect();
        Self { guest, kernel, module, scratch, pids }
    }

    /// The id of the process of this name; the guest need not run.
    pub fn pid(&self, name: &str) -> u32 {
        *self.pids.get(name).unwrap_or_else(|| panic!("no process {name}"))
    }

    /// An address at which there is nobody's code.
    pub fn nowhere(&self) -> u64 {
        self.scratch + 0x800
    }

    /// Where the entry of a system call stands.
    pub fn entry(&self, call: u64) -> u64 {
        self.kernel.symbol("sys_call_table") + 8 * call
    }
}

/// The first module that nothing uses.
fn unused_module(guest: &Guest, kernel: &Kernel) -> (String, u64, u64) {
    let modules = guest.ask("cat /proc/modules");
    let line = modules.lines().find(|line| line.split(' ').nth(2) == Some("0")).expect("a module");
    let words: Vec<&str> = line.split_whitespace().collect();
    let code = u64::from_str_radix(words[5].trim_start_matches("0x"), 16).expect("an address");
    let (list, name) = (kernel.offset("module", "list"), kernel.offset("module", "name"));
    let all = kernel.list(kernel.symbol("modules"), list);
    let expected = format!("{}\0", words[0]);
    let is_it = |module: &u64| kernel.read::<56>(module + name).starts_with(expected.as_bytes());
    (words[0].to_owned(), all.into_iter().find(is_it).expect("the module's structure"), code)
}

/// Every case, one after another, and those of more than one finding.
pub fn tamper(guest: &Guest) {
    let lab = Lab::new(guest);
    for case in cases::ALL {
        let held = Held::hold(guest);
        let Some(case) = case(&lab) else { continue };
        find(&lab, case, held);
    }
    a_server_that_hides(&lab);
    a_process_that_only_runs(&lab);
    a_module_that_hides_and_hooks(&lab);
    a_list_without_end(&lab);
    a_table_whose_nodes_are_freed(&lab);
}

/// The findings of a change, as JSON and in words; the change is put back.
fn said(lab: &Lab, mut changes: Changes, held: Option<Held>) -> (Value, String, [Option<i32>; 2]) {
    let output = nfm(lab.guest, &["--json"]);
    let table = nfm(lab.guest, &[]);
    let held = held.unwrap_or_else(|| Held::hold(lab.guest));
    changes.undo(&lab.kernel);
    drop(held);
    let json = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", text(&output)));
    (json, text(&table), [output.status.code(), table.status.code()])
}

/// Checks what is changed, and holds the only finding against what must come.
fn find(lab: &Lab, case: Case, held: Held) {
    let what = case.what;
    let held = case.held.then_some(held);
    let (found, table, status) = said(lab, case.changes, held);
    assert_eq!(status, [Some(FINDINGS); 2], "{what}: {found:#}\n{table}");
    for (list, rows) in found.as_object().expect("an object") {
        let rows = rows.as_array().expect("rows");
        let expected = usize::from(list == case.list);
        assert!(list == "checks" || rows.len() == expected, "{what}: {found:#}");
    }
    holds(what, &found[case.list][0], &case.row);
    assert!(table.contains(": 1 finding\n"), "{what}: {table}");
    for word in &case.words {
        assert!(table.contains(word), "{what}: no '{word}' in\n{table}");
    }
    println!("{}: {what}: {}", lab.guest.domain(), table.lines().nth(2).unwrap_or_default());
}

/// Asserts that a row has all that is expected of it.
fn holds(what: &str, row: &Value, expected: &Value) {
    for (name, value) in expected.as_object().expect("an object") {
        match value {
            Value::Object(_) => holds(what, &row[name], value),
            _ => assert_eq!(&row[name], value, "{what}: {name} in {row:#}"),
        }
    }
}

/// A process that hides and holds sockets: they are told as well.
fn a_server_that_hides(lab: &Lab) {
    let pid = lab.pid("server");
    let held = Held::hold(lab.guest);
    let mut changes = Changes::default();
    let node = lab.kernel.task(pid) + lab.kernel.offset("task_struct", "tasks");
    changes.unlink(&lab.kernel, node);
    drop(held);
    let (found, table, status) = said(lab, changes, None);
    assert_eq!(status, [Some(FINDINGS); 2], "{found:#}");
    assert_eq!(found["hidden_processes"][0]["pid"], pid);
    let sockets = found["hidden_connections"].as_array().expect("rows");
    let listens = |row: &&Value| {
        let row = &row["connection"];
        row["state"] == "LISTEN" && row["local_port"] == 8080 && row["protocol"] == "tcp"
    };
    let socket = sockets.iter().find(listens).unwrap_or_else(|| panic!("no socket: {found:#}"));
    assert_eq!(socket["connection"]["pid"], pid);
    assert_eq!(socket["process"], "server");
    assert!(sockets.iter().all(|row| row["connection"]["pid"] == pid), "{sockets:#?}");
    assert!(table.contains("LISTEN from 127.0.0.1:8080"), "{table}");
}

/// A process in no list and no table is found while it runs, or waits to.
fn a_process_that_only_runs(lab: &Lab) {
    let kernel = &lab.kernel;
    let pid = lab.guest.ask("sh -c 'while :; do :; done' >/dev/null 2>&1 & echo $!");
    let pid: u32 = pid.trim().parse().expect("a pid");
    let held = Held::hold(lab.guest);
    let task = kernel.task(pid);
    let mut changes = Changes::default();
    for node in ["tasks", "sibling", "thread_node"] {
        changes.unlink(kernel, task + kernel.offset("task_struct", node));
    }
    let id = kernel.word(task + kernel.offset("task_struct", "thread_pid"));
    changes.write(kernel, id + kernel.offset("pid", "tasks"), &[0; 16]);
    let (found, table, status) = said(lab, changes, Some(held));
    lab.guest.ask(&format!("kill -9 {pid}"));
    assert_eq!(status, [Some(FINDINGS); 2], "{found:#}\n{table}");
    assert_eq!(found["hidden_processes"].as_array().map(Vec::len), Some(1), "{found:#}");
    let row = &found["hidden_processes"][0];
    assert_eq!((&row["pid"], &row["address"]), (&pid.into(), &task.into()));
    assert_eq!(row["seen_in"], serde_json::json!(["run queue"]));
    let missing = ["task list", "PID table", "thread list", "parent's children"];
    assert_eq!(row["missing_from"], serde_json::json!(missing));
}

/// As rootkits do: out of the lists, and a system call that leads to it.
fn a_module_that_hides_and_hooks(lab: &Lab) {
    let (name, module, code) = &lab.module;
    let kernel = &lab.kernel;
    let held = Held::hold(lab.guest);
    let mut changes = Changes::default();
    changes.unlink(kernel, module + kernel.offset("module", "list"));
    changes.unlink(kernel, module + kernel.offset("module", "mkobj.kobj.entry"));
    changes.write_word(kernel, lab.entry(cases::CALL), code + 16);
    drop(held);
    let (found, table, status) = said(lab, changes, None);
    assert_eq!(status, [Some(FINDINGS); 2], "{found:#}");
    let row = &found["hidden_modules"][0];
    assert_eq!(row["name"], name.as_str());
    assert_eq!(row["seen_in"], serde_json::json!(["module memory"]));
    assert_eq!(row["missing_from"], serde_json::json!(["module list", "/sys/module"]));
    let target = &found["hooked_syscalls"][0]["target"];
    assert_eq!(target, &serde_json::json!({"address": code + 16, "module": name, "hidden": true}));
    assert!(table.contains(&format!("in the module {name}, which hides")), "{table}");
}

/// A list that leads in a circle is no reason to say that all is well.
fn a_list_without_end(lab: &Lab) {
    let node = lab.kernel.task(lab.pid("alice")) + lab.kernel.offset("task_struct", "tasks");
    let held = Held::hold(lab.guest);
    let mut changes = Changes::default();
    changes.write_word(&lab.kernel, node, node);
    let (found, table, status) = said(lab, changes, Some(held));
    assert_eq!(status, [Some(UNDECIDED); 2], "{found:#}\n{table}");
    assert!(table.contains("no finding"), "{table}");
    assert!(
        table.contains("not checked  processes in the task list, because the list does not end"),
        "{table}"
    );
}

/// A node of the PID table that was freed while it was looked at has no entries, or is another table's: a second look
/// that meets the same is undecided, and accuses nobody of hiding.
fn a_table_whose_nodes_are_freed(lab: &Lab) {
    let kernel = &lab.kernel;
    let head = kernel.offset("pid_namespace", "idr.idr_rt.xa_head");
    let node = kernel.word(kernel.symbol("init_pid_ns") + head) & !3;
    let (slots, array) = (kernel.offset("xa_node", "slots"), kernel.offset("xa_node", "array"));
    for (at, bytes) in [(node + slots, [0; 512].as_slice()), (node + array, [8; 8].as_slice())] {
        let held = Held::hold(lab.guest);
        let mut changes = Changes::default();
        changes.write(kernel, at, bytes);
        let (found, table, status) = said(lab, changes, Some(held));
        assert_eq!(status, [Some(UNDECIDED); 2], "{found:#}\n{table}");
        assert_eq!(found["hidden_processes"].as_array().map(Vec::len), Some(0), "{found:#}");
        assert!(table.contains("a node left its XArray"), "{table}");
    }
}

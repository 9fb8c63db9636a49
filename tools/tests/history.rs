//! The history of a guest that is taken over, from a recording alone: in order, and nothing that did not happen.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::write::{Changes, Held, Kernel};
use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
const MEMORY: u64 = 256 << 20;
/// A machine with much else to do gets this.
const PATIENCE: Duration = Duration::from_secs(100);

/// A store of the test's own and its recorder; both go with the value.
struct Recording {
    store: PathBuf,
    recorder: Child,
}

impl Recording {
    fn begin(guest: &lab::Guest) -> Self {
        let store = std::env::temp_dir().join(format!("nfm-history-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&store);
        let mut command = Command::new(NFM);
        command.args([
            "-c",
            "qemu:///system",
            "record",
            "--rate",
            "2",
            "--sync",
            "0.2",
            "--free",
            "1",
        ]);
        for section in ["modules", "mounts", "interfaces", "integrity"] {
            command.arg("--every").arg(format!("{section}=1"));
        }
        command
            .arg("--live=no")
            .arg("--store")
            .arg(&store)
            .arg(guest.domain())
            .stdin(Stdio::null());
        Self { store, recorder: command.spawn().expect("a recorder") }
    }

    fn printed(&self, arguments: &[&str]) -> String {
        let output = Command::new(NFM)
            .args(arguments)
            .arg("--store")
            .arg(&self.store)
            .stdin(Stdio::null())
            .output()
            .expect("nfm");
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Kind and text of each event, in order.
    fn history(&self, domain: &str) -> Vec<(String, String)> {
        let lines = self.printed(&["history", domain, "--json"]);
        let event = |line: &str| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| line[name].as_str().expect("a text").to_owned();
            (text("kind"), text("text"))
        };
        lines.lines().map(event).collect()
    }

    /// Waits until the history has an event of this kind with this text in it.
    fn wait_for(&self, domain: &str, kind: &str, part: &str) {
        let begun = Instant::now();
        loop {
            let history = self.history(domain);
            if history.iter().any(|(one, text)| one == kind && text.contains(part)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "no {kind} with '{part}' in {history:#?}");
            sleep(Duration::from_millis(200));
        }
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.recorder.kill();
        let _ = self.recorder.wait();
        let _ = std::fs::remove_dir_all(&self.store);
    }
}

#[test]
fn the_story_of_a_guest_that_was_taken_over() {
    let guest = lab::own_guest("history", &["--memory", "256"]);
    let domain = guest.domain();
    let recording = Recording::begin(&guest);
    recording.wait_for(domain, "new", "is recorded from now on");
    let first = "#1";
    sleep(Duration::from_secs(2));

    // A process appears and listens, a module is loaded, something is mounted, an address is set.
    let pid: u32 = guest
        .ask("setsid nc -l -p 4444 >/dev/null 2>&1 </dev/zero & echo $!")
        .trim()
        .parse()
        .expect("a pid");
    recording.wait_for(domain, "listens", ":4444");
    guest.ask("insmod /lib/extra/*nlmon.ko");
    recording.wait_for(domain, "module-loaded", "nlmon");
    guest.ask("mount -t tmpfs loot /mnt; ip addr add 192.0.2.7/32 dev lo");
    recording.wait_for(domain, "mounted", "loot on /mnt (tmpfs)");
    recording.wait_for(domain, "interface-changed", "192.0.2.7/32");

    // It hides from the task list, as rootkits do.
    let kernel = Kernel::open(&guest, MEMORY);
    let mut changes = Changes::default();
    let held = Held::hold(&guest);
    let node = kernel.task(pid) + kernel.offset("task_struct", "tasks");
    changes.unlink(&kernel, node);
    drop(held);
    recording.wait_for(domain, "finding", &format!("process {pid} (nc) hides from: task list"));
    let held = Held::hold(&guest);
    changes.undo(&kernel);
    drop(held);

    // It shows itself again, and ends.
    recording.wait_for(domain, "process-appeared", &format!("process {pid} "));
    guest.ask(&format!("kill -9 {pid}"));
    recording.wait_for(domain, "process-ended", &format!("process {pid} ended"));
    recording.wait_for(domain, "listens-no-more", ":4444");

    let history = recording.history(domain);
    let place = |kind: &str, part: &str| {
        let found = history.iter().position(|(one, text)| one == kind && text.contains(part));
        found.unwrap_or_else(|| panic!("no {kind} with '{part}' in {history:#?}"))
    };
    let story = [
        place("recorder-started", ""),
        place("new", ""),
        place("process-began", &format!("process {pid} began: nc -l -p 4444 (uid 0, child of ")),
        place("listens", &format!("process {pid} nc listens on tcp")),
        place("module-loaded", "module nlmon was loaded"),
        place("mounted", "loot on /mnt (tmpfs) was mounted"),
        place(
            "process-left-list",
            &format!("process {pid} left the task list, and runs on: nc -l"),
        ),
        place("finding", &format!("process {pid} (nc) hides from: task list")),
        place("process-appeared", &format!("process {pid} ")),
        place("process-ended", &format!("process {pid} ended: nc -l -p 4444")),
    ];
    assert!(story.is_sorted(), "{story:?} in {history:#?}");
    // This process did nothing else: it began once and ended once.
    let own = |kind: &str| {
        let is_own = |(one, text): &&(String, String)| {
            one == kind && text.contains(&format!("process {pid} "))
        };
        history.iter().filter(is_own).count()
    };
    assert_eq!(
        [own("process-began"), own("process-ended"), own("finding")],
        [1, 1, 1],
        "{history:#?}"
    );
    assert!(!history.iter().any(|(kind, _)| kind == "restarted" || kind == "gap"), "{history:#?}");

    // The same from the first frame to the last: what stayed, and nothing that came and went.
    let difference = recording.printed(&["diff", domain, "--at", first, "--at", "now"]);
    assert!(difference.contains("loot on /mnt (tmpfs) was mounted"), "{difference}");
    assert!(difference.contains("nlmon") && !difference.contains("4444"), "{difference}");
    println!("{}", recording.printed(&["history", domain]));
}

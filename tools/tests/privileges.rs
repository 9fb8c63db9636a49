//! The rights that nfm still has once a domain is open: to read and to print, and nothing else.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const NFM: &str = env!("CARGO_BIN_EXE_nfm");
/// CAP_SYS_PTRACE (include/uapi/linux/capability.h).
const SYS_PTRACE: u64 = 1 << 19;
/// `SECCOMP_MODE_FILTER`, as `/proc/PID/status` shows it.
const FILTERED: &str = "2";
const FRAMES: usize = 4;

/// Frames one after another, as `nfm crawl --watch` takes them.
fn watch(guest: &lab::Guest, more: &[&str]) -> Child {
    let count = FRAMES.to_string();
    let mut command = Command::new(NFM);
    command.args(["-c", "qemu:///system", "crawl", guest.domain(), "--json"]);
    command.args(["--watch", "0.5", "--count", &count]).args(more);
    command.stdout(Stdio::piped()).spawn().expect("nfm")
}

fn status(pid: u32) -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("nfm runs");
    let fields = text.lines().filter_map(|line| line.split_once(":\t"));
    fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect()
}

#[test]
fn an_open_domain_is_read_with_no_privilege_but_that_of_reading() {
    for backing in ["private", "memfd"] {
        let guest =
            lab::guest(&format!("rights-{backing}"), &["--backing", backing, "--timeout", "300"]);
        for more in [&[] as &[&str], &["--paused"]] {
            let mut child = watch(&guest, more);
            let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
            let mut frames = 0;
            for line in lines {
                let frame: Value = serde_json::from_str(&line.expect("a line")).expect("a frame");
                // Also the section host, which reads of the process and of libvirt.
                assert_eq!(frame["consistency"]["complete"], true, "{}", frame["consistency"]);
                assert!(frame["host"]["rss_bytes"].is_u64(), "{}", frame["host"]);
                frames += 1;
                if frames == 1 {
                    let status = status(child.id());
                    let set = |name: &str| u64::from_str_radix(&status[name], 16).expect(name);
                    assert_eq!(set("CapEff"), SYS_PTRACE, "{status:?}");
                    assert_eq!(set("CapPrm"), SYS_PTRACE, "{status:?}");
                    assert_eq!(set("CapInh") | set("CapAmb"), 0, "{status:?}");
                    assert_eq!(set("CapBnd") & !SYS_PTRACE, 0, "{status:?}");
                    assert_eq!(status["NoNewPrivs"], "1");
                    assert_eq!(status["Seccomp"], FILTERED);
                }
            }
            assert!(child.wait().expect("its end").success(), "{backing} {more:?}");
            assert_eq!(frames, FRAMES, "{backing} {more:?}");
            let state = lab::virsh(&["domstate", guest.domain()]).expect("the guest");
            assert_eq!(state.trim(), "running", "{backing} {more:?}");
        }
    }
}

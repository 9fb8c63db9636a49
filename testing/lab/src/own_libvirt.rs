//! A libvirt of a test's own, as another host has one (`testing/lab/own-libvirtd`).

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use crate::wait_until;

/// libvirt's daemon and its guests, apart from the machine's; all of it ends when this is dropped.
pub struct OwnLibvirt {
    holder: Child,
    /// Process 1 of that place, as this host counts.
    inside: u32,
    /// The guests that were started there.
    guests: Vec<String>,
    /// The network namespace of the host, where it has one of its own.
    network: Option<String>,
}

impl OwnLibvirt {
    /// Starts it. `None` where this machine allows no namespaces, which is said.
    pub fn start(host: &str) -> Option<Self> {
        Self::start_in(host, None)
    }

    /// The same in a network namespace (ip-netns(8)).
    pub fn start_in(host: &str, network: Option<&str>) -> Option<Self> {
        let mut attempt = Command::new("unshare");
        attempt.args(["--mount", "--uts", "--pid", "--fork", "true"]);
        if !attempt.status().is_ok_and(|status| status.success()) {
            println!("NOT TESTED: no namespaces of its own are allowed on this machine (unshare)");
            return None;
        }
        let mut hold = script(network, &["hold", host]);
        let mut holder = hold.stdout(Stdio::piped()).spawn().expect("a place");
        let mut ready = String::new();
        let output = holder.stdout.take().expect("its output");
        BufReader::new(output).read_line(&mut ready).expect("its word");
        assert_eq!(ready.trim(), "ready", "a place for a libvirt of its own");
        let children = format!("/proc/{0}/task/{0}/children", holder.id());
        let children = fs::read_to_string(children).expect("the processes there");
        let inside = children.trim().parse().expect("one process");
        let network = network.map(str::to_owned);
        let libvirt = Self { holder, inside, guests: Vec::new(), network };
        libvirt.start_daemon();
        Some(libvirt)
    }

    /// Its URI from outside.
    pub fn uri(&self) -> String {
        format!("qemu+unix:///system?socket={}", self.socket())
    }

    fn socket(&self) -> String {
        format!("/proc/{}/root/run/libvirt/libvirt-sock", self.inside)
    }

    /// Starts the daemon and waits until it answers.
    pub fn start_daemon(&self) {
        self.enter(&["libvirtd", "-d", "-p", "/run/libvirt/libvirtd.pid"]);
        wait_until("its libvirt answers", || self.virsh(&["version"]).is_some());
    }

    /// Starts the daemon so that it lets nobody in: who comes must say a name, and there is none that it takes.
    pub fn lock(&self) {
        let lock = "printf 'auth_unix_ro = \"sasl\"\nauth_unix_rw = \"sasl\"\n' \
                    >>/etc/libvirt/libvirtd.conf";
        self.enter(&["sh", "-c", lock]);
        self.enter(&["libvirtd", "-d", "-p", "/run/libvirt/libvirtd.pid"]);
    }

    /// Sends a signal to the daemon, and waits until it has ended.
    pub fn stop_daemon(&self, signal: &str) {
        let stop = "pid=$(cat /run/libvirt/libvirtd.pid); kill -$0 $pid; \
                    while [ -d /proc/$pid ]; do sleep 0.02; done";
        self.enter(&["sh", "-c", stop, signal]);
    }

    /// Starts a guest there, and gives its domain's name.
    pub fn guest(&mut self, name: &str) -> String {
        let name = self.name_guest(name);
        self.up(&name, &[]);
        name
    }

    /// A name for a guest of that place, which ends with it.
    pub fn name_guest(&mut self, name: &str) -> String {
        let name = format!("nfm-test-{name}-{}", std::process::id());
        self.guests.push(name.clone());
        name
    }

    /// Starts the guest of that name there, with these options of `testing/lab/guest up`.
    pub fn up(&self, name: &str, options: &[&str]) {
        self.lab(&[&["up", name, "--timeout", "300"], options].concat());
    }

    /// The output of a shell command in a guest there.
    pub fn ask(&self, name: &str, command: &str) -> String {
        self.lab(&["ask", name, command])
    }

    fn lab(&self, arguments: &[&str]) -> String {
        let guest = crate::root().join("testing/lab/guest");
        self.enter(&[&[guest.to_str().expect("its path")], arguments].concat())
    }

    /// The output of virsh, or `None` where it fails.
    pub fn virsh(&self, arguments: &[&str]) -> Option<String> {
        let output = Command::new("timeout")
            .args(["30", "virsh", "-q", "-c", &self.uri()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// A guest's state.
    pub fn state(&self, guest: &str) -> Option<String> {
        self.virsh(&["domstate", guest])
    }

    /// True if a guest is paused, by the file in which the daemon keeps its status: seen at once, and as it was when
    /// the daemon died.
    pub fn noted_paused(&self, guest: &str) -> bool {
        let file = format!("/proc/{}/root/run/libvirt/qemu/{guest}.xml", self.inside);
        fs::read_to_string(file).is_ok_and(|text| text.contains("<domstatus state='paused'"))
    }

    /// Runs a command there, and gives its output; what else it prints is shown with a failure only.
    pub fn enter(&self, command: &[&str]) -> String {
        let output = self.command(command).output().expect("it runs");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{words}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A command there.
    pub fn command(&self, command: &[&str]) -> Command {
        let holder = self.holder.id().to_string();
        script(self.network.as_deref(), &[&["enter", &holder], command].concat())
    }
}

impl Drop for OwnLibvirt {
    fn drop(&mut self) {
        // The process behind the holder ends with it, and with that one all that it holds.
        let _ = self.holder.kill();
        let _ = self.holder.wait();
        for guest in &self.guests {
            // Their files on the disk.
            let _ = Command::new(crate::root().join("testing/lab/guest"))
                .args(["down", guest])
                .output();
        }
    }
}

fn script(network: Option<&str>, arguments: &[&str]) -> Command {
    let script = crate::root().join("testing/lab/own-libvirtd");
    let mut command = match network {
        Some(network) => {
            let mut command = Command::new("ip");
            command.args(["netns", "exec", network]).arg(script);
            command
        }
        None => Command::new(script),
    };
    command.args(arguments).stdin(Stdio::null());
    command
}

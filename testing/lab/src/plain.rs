//! Guests of a QEMU that was started by hand: libvirt knows nothing of them.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{record, root, run_lab};

/// An emulated guest on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A guest of one test's own; it ends when dropped.
pub struct PlainGuest {
    qemu: Child,
    /// The process id of QEMU itself, which may be below others.
    pid: u32,
    folder: PathBuf,
}

impl PlainGuest {
    /// Starts QEMU with these options beside those that every guest of the lab needs, behind these words (`unshare …`),
    /// and waits until the guest is ready. `kernel`: as `testing/lab/guest images` takes it.
    pub fn start(name: &str, kernel: &str, before: &[&str], options: &[&str]) -> Self {
        let folder = folder(name);
        let socket = folder.join("ask.sock");
        let chardev = format!("socket,id=ask,path={},server=on,wait=off", socket.display());
        let devices = [
            "-device",
            "virtio-serial-pci",
            "-chardev",
            &chardev,
            "-device",
            "virtserialport,chardev=ask,name=nfm.lab",
            "-netdev",
            "user,id=net",
            "-device",
            "virtio-net-pci,netdev=net",
        ];
        Self::run(folder, kernel, before, &[&devices, options].concat(), "NFM-LAB-READY")
    }

    /// The same of a machine without PCI: nothing can be asked of it, and its console alone tells what it does.
    pub fn start_with_console_alone(name: &str, kernel: &str, options: &[&str]) -> Self {
        Self::run(folder(name), kernel, &[], options, "lab agent: no virtio port")
    }

    /// `ready`: words on the console that say that the guest got there.
    fn run(folder: PathBuf, kernel: &str, before: &[&str], options: &[&str], ready: &str) -> Self {
        let images = run_lab(["images", kernel]).stdout;
        let images = String::from_utf8(images).expect("two paths");
        let (vmlinuz, initrd) = images.trim().split_once(' ').expect("two paths");
        let file = |name: &str| folder.join(name).display().to_string();
        let words: Vec<&str> = before.iter().copied().chain(["qemu-system-x86_64"]).collect();
        let mut command = Command::new(words.first().expect("a program"));
        command.args(words.iter().skip(1));
        command.args(["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg"]);
        command.args(["-kernel", vmlinuz, "-initrd", initrd, "-append"]);
        command.arg("console=ttyS0 panic=-1 no_timer_check");
        command.args(["-serial", &format!("file:{}", file("console.log"))]);
        command.args(options);
        let errors = fs::File::create(folder.join("errors")).expect("a file");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(errors);
        // A process group of its own, so that all of it ends together.
        let qemu = command.process_group(0).spawn().expect("QEMU");
        let mut guest = Self { pid: qemu.id(), qemu, folder };
        guest.wait(ready);
        guest.pid = guest.find_qemu();
        guest
    }

    /// The process id of its QEMU on this host.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The output of a shell command in the guest. Panics if it fails.
    pub fn ask_bytes(&self, command: &str) -> Vec<u8> {
        let output = Command::new("/usr/bin/python3")
            .args(["-I", "-S"])
            .arg(root().join("testing/lab/ask.py"))
            .arg(self.folder.join("ask.sock"))
            .arg(command)
            .output()
            .expect("ask.py");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}\n{errors}", output.status);
        output.stdout
    }

    /// All that its console has shown.
    pub fn console(&self) -> String {
        self.read("console.log")
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.folder.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn wait(&mut self, ready: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.console().contains(ready) {
            let ended = self.qemu.try_wait().expect("its status");
            let (console, errors) = (self.console(), self.read("errors"));
            assert!(ended.is_none(), "QEMU ended ({ended:?}): {errors}\n{console}");
            assert!(Instant::now() < end, "it is not ready: {console}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// QEMU among the process that was started and those that it started.
    fn find_qemu(&self) -> u32 {
        let (mut pid, end) = (self.qemu.id(), Instant::now() + PATIENCE);
        loop {
            let name = fs::read_to_string(format!("/proc/{pid}/comm")).expect("a process");
            if name.starts_with("qemu") {
                return pid;
            }
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let child = children.ok().and_then(|text| text.split(' ').next()?.parse().ok());
            pid = child.unwrap_or(pid);
            assert!(Instant::now() < end, "there is no QEMU below process {}", self.qemu.id());
        }
    }
}

/// A folder for its files, beside the record of this run, which ends with it.
fn folder(name: &str) -> PathBuf {
    let folder = record().with_file_name(format!("plain-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

impl Drop for PlainGuest {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_child(&self.qemu);
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.qemu.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

//! Guests of the Xen host on which this runs: made by libvirt, asked through their consoles.

use std::cell::RefCell;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};

/// libvirt's URI of this host.
pub const URI: &str = "xen:///system";
/// The longest that a guest takes to start here, under emulation.
const START: Duration = Duration::from_secs(240);
/// The longest that it takes to answer.
const ANSWER: Duration = Duration::from_secs(180);

/// A kind of guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Its page tables hold the host's frames.
    Pv,
    /// Its frames are translated by the hypervisor.
    Pvh,
}

/// A running guest; it ends when dropped.
pub struct Guest {
    domain: String,
    console: RefCell<Option<File>>,
}

impl Guest {
    /// Starts a guest with this much memory; it is not waited for. Its kernel keeps off the console, over
    /// which the agent answers, also when the host is so slow that it thinks itself stuck.
    pub fn start(name: &str, kind: Kind, mib: u64) -> Self {
        let domain = format!("nfm-test-xen-{name}");
        let (machine, system) = match kind {
            Kind::Pv => ("xenpv", "linux"),
            Kind::Pvh => ("xenpvh", "xenpvh"),
        };
        let xml = format!(
            "<domain type='xen'><name>{domain}</name><memory unit='MiB'>{mib}</memory><vcpu>1</vcpu>\
             <os><type arch='x86_64' machine='{machine}'>{system}</type>\
             <kernel>/payload/guest/vmlinuz</kernel><initrd>/payload/guest/initrd</initrd>\
             <cmdline>console=hvc0 loglevel=1 nowatchdog rcupdate.rcu_cpu_stall_suppress=1 panic=-1</cmdline></os>\
             <on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>\
             <devices><console type='pty'><target port='0' type='xen'/></console></devices></domain>"
        );
        let file = format!("/tmp/{domain}.xml");
        fs::write(&file, xml).expect("the domain's definition");
        virsh(&["create", &file]);
        Self { domain, console: RefCell::new(None) }
    }

    /// Waits until the guest's workload rests and its agent listens.
    pub fn wait(&self) -> &Self {
        let begun = Instant::now();
        loop {
            let text = fs::read(self.log()).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            if text.contains("NFM-LAB-READY") {
                return self;
            }
            assert!(begun.elapsed() < START, "{} did not start; its console:\n{text}", self.domain);
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// libvirt's name of the domain.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The output of a shell command in the guest. Panics if it fails.
    pub fn ask_bytes(&self, command: &str) -> Vec<u8> {
        self.ask_with(command, || ())
    }

    /// The same, with the answer left unread until no more of it comes.
    pub fn ask_late(&self, command: &str) -> Vec<u8> {
        let size = || fs::metadata(self.log()).map_or(0, |file| file.len());
        let begin = size();
        self.ask_with(command, || {
            let mut known = begin;
            let mut grown = Instant::now();
            while known == begin || grown.elapsed() < Duration::from_secs(2) {
                assert!(grown.elapsed() < ANSWER, "{} does not answer", self.domain);
                std::thread::sleep(Duration::from_millis(50));
                if size() > known {
                    (known, grown) = (size(), Instant::now());
                }
            }
        })
    }

    /// Asks, and does something before it reads the answer.
    fn ask_with(&self, command: &str, meanwhile: impl FnOnce()) -> Vec<u8> {
        let mut console = self.console.borrow_mut();
        let console = console.get_or_insert_with(|| self.open_console());
        let answer = ask(console, command, meanwhile);
        answer.unwrap_or_else(|reason| panic!("{}: {reason}", self.domain))
    }

    /// The console's output so far.
    fn log(&self) -> String {
        format!("/var/log/xen/console/guest-{}.log", self.domain)
    }

    /// The output of a shell command in the guest, other than UTF-8 replaced.
    pub fn ask(&self, command: &str) -> String {
        String::from_utf8_lossy(&self.ask_bytes(command)).into_owned()
    }

    fn open_console(&self) -> File {
        let tty = virsh(&["ttyconsole", &self.domain]);
        let console = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(0o400 /* O_NOCTTY */)
            .open(tty.trim())
            .unwrap_or_else(|error| panic!("the console {}: {error}", tty.trim()));
        let mut settings = tcgetattr(&console).expect("the console's settings");
        settings.make_raw();
        tcsetattr(&console, OptionalActions::Now, &settings).expect("a raw console");
        console
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = Command::new("virsh").args(["-q", "-c", URI, "destroy", &self.domain]).output();
    }
}

/// One request to the agent (testing/lab/agent.c), over a console on which the kernel may print too.
fn ask(console: &mut File, command: &str, meanwhile: impl FnOnce()) -> Result<Vec<u8>, String> {
    const OUT: u32 = 1;
    const END: u32 = 3;
    let id = std::process::id();
    let mut request = b"NFMQ".to_vec();
    request.extend(id.to_le_bytes());
    request.extend((command.len() as u32).to_le_bytes());
    request.extend(command.as_bytes());
    console.write_all(&request).map_err(|error| error.to_string())?;
    meanwhile();
    let mut start = b"NFMA".to_vec();
    start.extend(id.to_le_bytes());
    let (mut pending, mut output, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut sum = Adler32::default();
    loop {
        while !pending.starts_with(&start) {
            need(console, &mut pending, start.len())?;
            if !pending.starts_with(&start) {
                pending.remove(0);
            }
        }
        need(console, &mut pending, 16)?;
        let (kind, length) = (word(&pending, 8), word(&pending, 12) as usize);
        need(console, &mut pending, 16 + length)?;
        let rest = pending.split_off(16 + length);
        let content = pending.split_off(16);
        pending = rest;
        match kind {
            OUT => {
                sum.add(&content);
                output.extend(content);
            }
            END if word(&content, 4) != sum.value() => {
                return Err(format!("{command}: the answer is not what the guest sent"));
            }
            END if word(&content, 0) == 0 => return Ok(output),
            END => return Err(format!("{command}: {}: {errors:?}", word(&content, 0))),
            _ => {
                sum.add(&content);
                errors.push(String::from_utf8_lossy(&content).into_owned());
            }
        }
    }
}

/// Four bytes of the agent's as the number that they are.
fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

/// The checksum of RFC 1950, section 8.2.
struct Adler32(u32, u32);

impl Default for Adler32 {
    fn default() -> Self {
        Self(1, 0)
    }
}

impl Adler32 {
    fn add(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 + u32::from(*byte)) % 65521;
            self.1 = (self.1 + self.0) % 65521;
        }
    }

    fn value(&self) -> u32 {
        self.1 << 16 | self.0
    }
}

/// Reads until there are so many bytes.
fn need(console: &mut File, pending: &mut Vec<u8>, count: usize) -> Result<(), String> {
    let mut buffer = [0; 65536];
    while pending.len() < count {
        let mut ready = [PollFd::from_borrowed_fd(console.as_fd(), PollFlags::IN)];
        let limit = Timespec::try_from(ANSWER).expect("a time");
        match poll(&mut ready, Some(&limit)) {
            Ok(0) => return Err("no answer from the agent".to_owned()),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
        let read = console.read(&mut buffer).map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the console ended".to_owned());
        }
        pending.extend_from_slice(&buffer[..read]);
    }
    Ok(())
}

/// The output of virsh. Panics where it fails.
pub fn virsh(arguments: &[&str]) -> String {
    let output = Command::new("virsh")
        .args(["-q", "-c", URI])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("virsh");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "virsh {arguments:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

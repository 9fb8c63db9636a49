//! The figures of a guest of QEMU in the same control domain, to stand beside those of Xen's guests.
//!
//! Emulated in an emulated machine it would not boot in useful time. Nor has it to: it is started with
//! its vCPUs held, and is given the memory of a guest of the lab that booted outside. Reading that costs
//! what reading a running guest does.

use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::process::{Command, Stdio};

use crate::figures;

const URI: &str = "qemu:///system";
const NAME: &str = "nfm-test-xen-qemu";
/// The lab's guest, suspended, as `tests/xen/test` took it.
const MEMORY: &str = "/payload/memory.gz";
/// Its RAM.
const MIB: u64 = 256;

/// Prints the figures for both kinds of RAM that libvirt gives guests.
pub fn figures() {
    for (title, backing) in [
        ("QEMU, private RAM", ""),
        (
            "QEMU, shared RAM",
            "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>",
        ),
    ] {
        let guest = Guest::start(backing);
        guest.fill();
        figures::of(title, URI, NAME, &[]);
    }
}

struct Guest;

impl Guest {
    fn start(backing: &str) -> Self {
        let file = format!("/tmp/{NAME}.xml");
        let xml = format!(
            "<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>{MIB}</memory>{backing}\
             <vcpu>1</vcpu><os><type arch='x86_64' machine='pc'>hvm</type></os>\
             <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>\
             <controller type='usb' model='none'/><memballoon model='none'/></devices></domain>"
        );
        fs::write(&file, xml).expect("the domain's definition");
        let output = virsh(&["create", "--paused", &file]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self
    }

    /// Gives it the memory.
    fn fill(&self) {
        let pid = fs::read_to_string(format!("/run/libvirt/qemu/{NAME}.pid")).expect("its pid");
        let maps = fs::read_to_string(format!("/proc/{}/maps", pid.trim())).expect("its mappings");
        let start = maps.lines().find_map(|line| {
            let (start, end) = line.split_whitespace().next()?.split_once('-')?;
            let number = |text| u64::from_str_radix(text, 16).ok();
            let (start, end) = (number(start)?, number(end)?);
            (end - start == MIB << 20).then_some(start)
        });
        let start = start.unwrap_or_else(|| panic!("no mapping of {MIB} MiB in\n{maps}"));
        let mut memory = OpenOptions::new()
            .write(true)
            .open(format!("/proc/{}/mem", pid.trim()))
            .expect("QEMU's memory");
        memory.seek(SeekFrom::Start(start)).expect("the place of its RAM");
        let mut unpacked =
            Command::new("zcat").arg(MEMORY).stdout(Stdio::piped()).spawn().expect("zcat");
        let copied = std::io::copy(&mut unpacked.stdout.take().expect("its output"), &mut memory);
        assert_eq!(copied.expect("the memory"), MIB << 20);
        memory.flush().expect("the memory");
        assert!(unpacked.wait().expect("zcat").success());
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        virsh(&["destroy", NAME]);
    }
}

fn virsh(arguments: &[&str]) -> std::process::Output {
    Command::new("virsh").args(["-q", "-c", URI]).args(arguments).output().expect("virsh")
}

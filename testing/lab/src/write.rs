//! Writing into a guest's kernel from outside, in its QEMU's memory: what a rootkit would do inside.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;

use btf_rs::{Btf, Type};

use crate::{Guest, virsh};

/// A guest's kernel: its memory, its symbols and its types.
pub struct Kernel {
    mem: File,
    /// Where guest RAM begins in QEMU.
    ram: u64,
    /// Guest-physical address of the kernel's top page table, and levels.
    root: (u64, u32),
    symbols: HashMap<String, u64>,
    btf: Btf,
}

impl Kernel {
    /// Opens the memory, private to its QEMU and in one piece, of a guest; it tells symbols and types
    /// itself.
    pub fn open(guest: &Guest, bytes: u64) -> Self {
        let domain = nfm::Domain::open(guest.domain(), &nfm::OpenOptions::default());
        let domain = domain.expect("an open domain");
        let found = domain.findings();
        let qemu = guest.qemu_pid();
        let maps = std::fs::read_to_string(format!("/proc/{qemu}/maps")).expect("QEMU's mappings");
        let ram = maps.lines().find_map(|line| {
            let (start, end) = line.split(' ').next()?.split_once('-')?;
            let [start, end] = [start, end].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            (end - start >= bytes && line.contains(" rw-p 00000000 00:00 0")).then_some(start)
        });
        let path = format!("/proc/{qemu}/mem");
        let symbols = guest.ask("cat /proc/kallsyms");
        let symbols = symbols.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            let name = words.nth(1)?.to_owned();
            // Those of modules come last and have another word.
            words.next().is_none().then_some((name, address))
        });
        Self {
            mem: OpenOptions::new().read(true).write(true).open(path).expect("QEMU's memory"),
            ram: ram.expect("a mapping as large as the guest's RAM"),
            root: (found.page_table, found.paging_levels),
            symbols: symbols.collect(),
            btf: Btf::from_bytes(&guest.ask_bytes("cat /sys/kernel/btf/vmlinux")).expect("BTF"),
        }
    }

    pub fn has(&self, symbol: &str) -> bool {
        self.symbols.contains_key(symbol)
    }

    pub fn symbol(&self, name: &str) -> u64 {
        *self.symbols.get(name).unwrap_or_else(|| panic!("the kernel has no {name}"))
    }

    /// Where a member lies in its structure.
    pub fn offset(&self, structure: &str, path: &str) -> u64 {
        let types = self.btf.resolve_types_by_name(structure).expect(structure);
        let is_it = |kind: &Type| matches!(kind, Type::Struct(_));
        let mut kind = types.into_iter().find(is_it).expect(structure);
        let mut bits = 0;
        for name in path.split('.') {
            let (offset, member) =
                self.member(&kind, name).unwrap_or_else(|| panic!("no {name} in {structure}"));
            bits += offset;
            kind = member;
        }
        u64::from(bits / 8)
    }

    fn member(&self, kind: &Type, name: &str) -> Option<(u32, Type)> {
        let (Type::Struct(structure) | Type::Union(structure)) = kind else { return None };
        structure.members.iter().find_map(|member| {
            let mut inner = self.btf.resolve_chained_type(member).ok()?;
            while let Type::Const(_) | Type::Volatile(_) | Type::Typedef(_) = inner {
                inner = self.btf.resolve_chained_type(inner.as_btf_type()?).ok()?;
            }
            match self.btf.resolve_name(member).unwrap_or_default().as_str() {
                found if found == name => Some((member.bit_offset(), inner)),
                "" => {
                    let (offset, inner) = self.member(&inner, name)?;
                    Some((member.bit_offset() + offset, inner))
                }
                _ => None,
            }
        })
    }

    /// Where in QEMU a kernel address is.
    fn place(&self, address: u64) -> u64 {
        let (mut table, levels) = self.root;
        for level in (1..=levels).rev() {
            let shift = 12 + 9 * (level - 1);
            let mut entry = [0; 8];
            let at = self.ram + table + (address >> shift & 511) * 8;
            self.mem.read_exact_at(&mut entry, at).expect("a page table");
            let entry = u64::from_le_bytes(entry);
            assert!(entry & 1 != 0, "{address:#x} is not mapped");
            let frame = entry & 0x000f_ffff_ffff_f000;
            if level == 1 || (level < 4 && entry & 0x80 != 0) {
                let inside = (1 << shift) - 1;
                return self.ram + (frame & !inside) + (address & inside);
            }
            table = frame;
        }
        unreachable!("a page table of no levels");
    }

    /// The guest-physical address behind a kernel address, below the hole under 4 GiB.
    pub fn physical(&self, address: u64) -> u64 {
        self.place(address) - self.ram
    }

    pub fn read<const N: usize>(&self, address: u64) -> [u8; N] {
        let mut bytes = [0; N];
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let at = self.place(address + offset as u64);
            self.mem.read_exact_at(std::slice::from_mut(byte), at).expect("guest memory");
        }
        bytes
    }

    pub fn word(&self, address: u64) -> u64 {
        u64::from_le_bytes(self.read(address))
    }

    pub fn write(&self, address: u64, bytes: &[u8]) {
        for (offset, byte) in bytes.iter().enumerate() {
            let at = self.place(address + offset as u64);
            self.mem.write_all_at(std::slice::from_ref(byte), at).expect("guest memory");
        }
    }

    /// The structures of a list.
    pub fn list(&self, head: u64, node: u64) -> Vec<u64> {
        let mut entries = Vec::new();
        let mut link = self.word(head);
        while link != head {
            entries.push(link - node);
            link = self.word(link);
        }
        entries
    }

    /// The `task_struct` of a process.
    pub fn task(&self, pid: u32) -> u64 {
        let (tasks, tgid) =
            (self.offset("task_struct", "tasks"), self.offset("task_struct", "tgid"));
        let all = self.list(self.symbol("init_task") + tasks, tasks);
        let is_it = |task: &u64| u32::from_le_bytes(self.read(task + tgid)) == pid;
        all.into_iter().find(is_it).unwrap_or_else(|| panic!("no process {pid}"))
    }
}

/// The bytes that were written over, to put back.
#[derive(Default)]
pub struct Changes {
    before: Vec<(u64, Vec<u8>)>,
}

impl Changes {
    /// Writes, and keeps what was there.
    pub fn write(&mut self, kernel: &Kernel, address: u64, bytes: &[u8]) {
        let before = (0..bytes.len() as u64).map(|offset| kernel.read::<1>(address + offset)[0]);
        self.before.push((address, before.collect()));
        kernel.write(address, bytes);
    }

    pub fn write_word(&mut self, kernel: &Kernel, address: u64, word: u64) {
        self.write(kernel, address, &word.to_le_bytes());
    }

    /// Takes an entry out of a list, as `list_del` does, and leaves its own links as they are.
    pub fn unlink(&mut self, kernel: &Kernel, node: u64) {
        let (next, back) = (kernel.word(node), kernel.word(node + 8));
        self.write_word(kernel, back, next);
        self.write_word(kernel, next + 8, back);
    }

    /// Puts everything back, the last change first.
    pub fn undo(&mut self, kernel: &Kernel) {
        for (address, bytes) in self.before.drain(..).rev() {
            kernel.write(address, &bytes);
        }
    }
}

/// Stops a guest's CPUs as long as it lives: nothing of the guest sees what is written meanwhile.
pub struct Held<'a>(&'a Guest);

impl<'a> Held<'a> {
    pub fn hold(guest: &'a Guest) -> Self {
        virsh(&["suspend", guest.domain()]).expect("the guest is suspended");
        Self(guest)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if virsh(&["resume", self.0.domain()]).is_none() {
            eprintln!("{} was not resumed", self.0.domain());
        }
    }
}

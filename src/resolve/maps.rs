//! The mappings of a process, as `/proc/PID/maps` lists them.

/// One line of `/proc/PID/maps` (proc_pid_maps(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    /// First address.
    pub start: u64,
    /// First address after it.
    pub end: u64,
    /// Readable and writable, and no code, as guest RAM always is. (What TCG translates is all three.)
    pub read_write: bool,
    /// Shared with other processes.
    pub shared: bool,
    /// Offset in the file behind it.
    pub offset: u64,
    /// Inode of the file behind it; 0 for anonymous memory.
    pub inode: u64,
    /// Path of the file behind it, or empty.
    pub path: String,
}

impl Mapping {
    /// Length in bytes.
    pub fn length(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// True if its file is the one behind a memory backend of QEMU's, by that one's id: libvirt calls a file so
    /// (qemuGetMemoryBackingPath), QEMU one of huge pages `qemu_back_mem.ID.XXXXXX` (file_ram_open) and a memfd
    /// `memfd:ID`; machines before 4.0 `_objects_ID` and `/objects/ID`.
    pub fn is_named(&self, id: &str) -> bool {
        let path = self.path.strip_suffix(" (deleted)").unwrap_or(&self.path);
        let name = path.rsplit('/').next().unwrap_or_default();
        let name = name.strip_prefix("memfd:").unwrap_or(name);
        let is_it = |part: &str| part.strip_prefix("_objects_").unwrap_or(part) == id;
        // pc.ram has a dot itself.
        let within = name.strip_prefix("qemu_back_mem.").and_then(|rest| rest.rsplit_once('.'));
        self.inode != 0 && (is_it(name) || within.is_some_and(|(id, _)| is_it(id)))
    }

    /// Parses a whole `/proc/PID/maps`; lines of another form are left out.
    pub fn parse_all(text: &str) -> Vec<Self> {
        text.lines().filter_map(Self::parse).collect()
    }

    fn parse(line: &str) -> Option<Self> {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let permissions = fields.next()?.as_bytes();
        let offset = fields.next()?;
        let _device = fields.next()?;
        let inode = fields.next()?;
        let path = fields.next().unwrap_or_default().trim_start();
        Some(Self {
            start: u64::from_str_radix(start, 16).ok()?,
            end: u64::from_str_radix(end, 16).ok()?,
            read_write: permissions.starts_with(b"rw-"),
            shared: permissions.get(3) == Some(&b's'),
            offset: u64::from_str_radix(offset, 16).ok()?,
            inode: inode.parse().ok()?,
            path: path.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_bear_the_name_of_their_backend() {
        let named = |path: &str, id| {
            let line = format!("7f0000000000-7f0020000000 rw-s 00000000 00:01 9 {path}");
            Mapping::parse_all(&line)[0].is_named(id)
        };
        for (path, id) in [
            ("/memfd:ram-node1 (deleted)", "ram-node1"),
            ("/memfd:/objects/ram-node1 (deleted)", "ram-node1"),
            ("/memfd:pc.ram (deleted)", "pc.ram"),
            ("/var/lib/libvirt/qemu/ram/3-web/ram-node1", "ram-node1"),
            (
                "/dev/hugepages/libvirt/qemu/3-web/qemu_back_mem.ram-node1.Uyo3aS (deleted)",
                "ram-node1",
            ),
            ("/dev/hugepages/libvirt/qemu/3-web/qemu_back_mem.pc.ram.Uyo3aS (deleted)", "pc.ram"),
            ("/dev/hugepages/qemu_back_mem._objects_ram-node1.Uyo3aS (deleted)", "ram-node1"),
        ] {
            assert!(named(path, id), "{path}");
        }
        for path in [
            "/memfd:ram-node10 (deleted)",
            "/var/lib/libvirt/qemu/ram/3-ram-node1/ram-node0",
            "/dev/hugepages/libvirt/qemu/3-ram-node1/qemu_back_mem.ram-node0.Uyo3aS (deleted)",
        ] {
            assert!(!named(path, "ram-node1"), "{path}");
        }
    }

    #[test]
    fn lines_of_every_kind_are_read() {
        let maps = Mapping::parse_all(
            "7f0000000000-7f0020000000 rw-p 00000000 00:00 0 \n\
             7f0040000000-7f0060000000 rw-s 00001000 00:01 2054   /memfd:pc.ram (deleted)\n\
             nonsense\n\
             7f0080000000-7f00bffff000 rwxp 00000000 00:00 0 \n\
             ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0  [vsyscall]\n",
        );
        assert_eq!(maps.len(), 4);
        assert_eq!(maps[0].length(), 0x2000_0000);
        assert!(maps[0].read_write && !maps[0].shared && maps[0].path.is_empty());
        assert!(maps[1].shared && maps[1].offset == 0x1000 && maps[1].inode == 2054);
        assert_eq!(maps[1].path, "/memfd:pc.ram (deleted)");
        assert!(!maps[2].read_write && !maps[3].read_write);
    }
}

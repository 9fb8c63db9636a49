//! QEMU's command line: whose guest it runs, and what RAM it gives it.
//!
//! It makes claims, as a domain's definition does: guest memory decides.

use std::fs::File;
use std::io::Read;

use super::dimms::Dimm;
use super::ram::{BlockSpec, GIB, MIB, RamDefinition};

/// RAM of a guest for which no `-m` stands (`mc->default_ram_size` of hw/core/machine.c).
const DEFAULT_RAM: u64 = 128 * MIB;
/// Bytes that are read of a file of options.
const LONGEST_FILE: u64 = 1 << 20;
/// The region of plugged-in memory begins at a multiple of so much (`pc_get_device_memory_range`, hw/i386/pc.c).
const PLUGGED_ALIGNMENT: u64 = GIB;

/// The options of a QEMU process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct QemuCommandLine {
    /// The program's file name.
    program: String,
    /// Options without their dashes, each with its value; empty for one that has none.
    options: Vec<(String, String)>,
}

/// The value of an option by its parts: what stands first without a name, and names with their values.
struct Parts<'a> {
    first: Option<&'a str>,
    named: Vec<(&'a str, String)>,
}

impl<'a> Parts<'a> {
    /// `pc,accel=kvm,memory-backend=ram0`. A comma within a value is written twice (qemu_opts_parse, util/qemu-option.c).
    fn of(value: &'a str) -> Self {
        let (mut first, mut named) = (None, Vec::new());
        let bytes = value.as_bytes();
        let (mut start, mut at) = (0, 0);
        let mut pieces = Vec::new();
        while let Some(byte) = bytes.get(at) {
            match (byte, bytes.get(at + 1)) {
                (b',', Some(b',')) => at += 1,
                (b',', _) => {
                    pieces.extend(value.get(start..at));
                    start = at + 1;
                }
                _ => {}
            }
            at += 1;
        }
        pieces.extend(value.get(start..));
        for (index, piece) in pieces.into_iter().enumerate() {
            match piece.split_once('=') {
                Some((name, value)) => named.push((name, value.replace(",,", ","))),
                None if index == 0 => first = Some(piece),
                None => {}
            }
        }
        Self { first, named }
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.named.iter().rev().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// A memory backend, as `-object` makes it.
struct Backend {
    id: String,
    length: u64,
}

impl QemuCommandLine {
    /// The command line of a process, with the files that it names for further options (`-readconfig`), as the process
    /// sees them; `None` where it has none (any more).
    pub fn of(pid: i32) -> Option<Self> {
        let command_line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        if command_line.is_empty() {
            return None;
        }
        let Self { program, options } = Self::parse(&command_line);
        let read = |(name, value): (String, String)| match name.as_str() {
            "readconfig" => {
                let start = if value.starts_with('/') { "root" } else { "cwd/" };
                let file = File::open(format!("/proc/{pid}/{start}{value}"));
                let mut text = String::new();
                let read = file.and_then(|file| file.take(LONGEST_FILE).read_to_string(&mut text));
                read.map_or_else(|_| vec![(name, value)], |_| options_of_file(&text))
            }
            _ => vec![(name, value)],
        };
        Some(Self { program, options: options.into_iter().flat_map(read).collect() })
    }

    /// A NUL-separated command line.
    pub fn parse(command_line: &[u8]) -> Self {
        let mut words = command_line.split(|byte| *byte == 0).map(String::from_utf8_lossy);
        let program = words.next().unwrap_or_default();
        let program = program.rsplit('/').next().unwrap_or_default().to_owned();
        let mut options: Vec<(String, String)> = Vec::new();
        for word in words {
            match word.strip_prefix('-') {
                Some(name) => {
                    let name = name.strip_prefix('-').unwrap_or(name);
                    options.push((name.to_owned(), String::new()));
                }
                // A second value of an option is none of QEMU's.
                None => {
                    if let Some((_, value)) = options.last_mut().filter(|(_, old)| old.is_empty()) {
                        *value = word.into_owned();
                    }
                }
            }
        }
        Self { program, options }
    }

    /// The values of an option, in their order.
    fn values<'a>(&'a self, names: &'a [&str]) -> impl DoubleEndedIterator<Item = &'a str> {
        let of = move |(name, value): &'a (String, String)| {
            names.contains(&name.as_str()).then_some(value.as_str())
        };
        self.options.iter().filter_map(of)
    }

    fn last<'a>(&'a self, names: &'a [&str]) -> Option<&'a str> {
        self.values(names).next_back()
    }

    /// The architecture that the program emulates, by its name; `None` for a program that is not QEMU.
    /// Distributions call that for their own architecture `qemu-kvm` (RHEL) or `kvm` (Proxmox).
    pub fn architecture(program: &str) -> Option<&str> {
        match program {
            "kvm" | "qemu-kvm" | "qemu" => Some("x86_64"),
            // With what a vendor adds: qemu-system-x86_64-headless, qemu-system-x86_64_exe.
            name if name.starts_with("qemu-system-x86_64") => Some("x86_64"),
            name => name.strip_prefix("qemu-system-"),
        }
    }

    /// The program's file name, as the process calls itself.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// The guest's name (`-name web-1`, `-name guest=web-1,…`).
    pub fn name(&self) -> Option<String> {
        let parts = Parts::of(self.last(&["name"])?);
        let name = parts.first.map(|name| name.replace(",,", ","));
        name.or_else(|| parts.get("guest").map(str::to_owned)).filter(|name| !name.is_empty())
    }

    /// The guest's UUID.
    pub fn uuid(&self) -> Option<String> {
        let uuid = self.last(&["uuid"])?;
        let is_uuid =
            uuid.len() == 36 && uuid.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
        is_uuid.then(|| uuid.to_ascii_lowercase())
    }

    /// False for a QEMU that is only asked what it can do, as libvirt asks it (`-machine none`).
    pub fn has_guest(&self) -> bool {
        self.machine().first != Some("none")
    }

    /// The name of the machine type; QEMU's default where none stands.
    fn machine(&self) -> Parts<'_> {
        Parts::of(self.last(&["machine", "M"]).unwrap_or("pc"))
    }

    /// The way in which the guest's memory is closed to its host, where it is.
    pub fn encryption(&self) -> Option<&'static str> {
        let objects = ["sev-guest", "sev-snp-guest", "tdx-guest"];
        let kinds = self.values(&["object"]).map(|value| match value.starts_with('{') {
            true => json_member(value, "qom-type").unwrap_or_default(),
            false => Parts::of(value).first.unwrap_or_default().to_owned(),
        });
        let kinds: Vec<String> = kinds.collect();
        objects.into_iter().find(|object| kinds.iter().any(|kind| kind == object))
    }

    fn backends(&self) -> Vec<Backend> {
        let backend = |value: &str| {
            if value.starts_with('{') {
                let kind = json_member(value, "qom-type")?;
                let length = json_member(value, "size")?.parse().ok()?;
                let id = json_member(value, "id")?;
                return kind.starts_with("memory-backend-").then_some(Backend { id, length });
            }
            let parts = Parts::of(value);
            let kind = parts.first.or_else(|| parts.get("qom-type"))?;
            let length = bytes(parts.get("size")?, 1)?;
            let id = parts.get("id")?.to_owned();
            kind.starts_with("memory-backend-").then_some(Backend { id, length })
        };
        self.values(&["object"]).filter_map(backend).collect()
    }

    /// The RAM that it gives the guest.
    ///
    /// # Errors
    /// One clause: what of it is not understood.
    pub fn ram(&self) -> Result<RamDefinition, String> {
        let total = match self.last(&["m"]) {
            None => DEFAULT_RAM,
            Some(value) => {
                let parts = Parts::of(value);
                let size = parts.first.or_else(|| parts.get("size"));
                size.map_or(Some(DEFAULT_RAM), |size| bytes(size, MIB))
                    .ok_or_else(|| format!("the size in its '-m {value}' is not understood"))?
            }
        };
        let backends = self.backends();
        let find = |id: &str| {
            let backend = backends.iter().find(|backend| backend.id == id);
            backend.map(|found| BlockSpec { name: found.id.clone(), length: found.length })
        };
        let machine = self.machine();
        let kind = machine.first.or_else(|| machine.get("type")).unwrap_or("pc");
        let mut boot = self.numa_nodes(&find)?;
        if boot.is_empty() {
            // `MachineClass::default_ram_id`.
            let id = if kind.contains("microvm") { "microvm.ram" } else { "pc.ram" };
            let backend = machine.get("memory-backend").and_then(find);
            boot.push(backend.unwrap_or(BlockSpec { name: id.to_owned(), length: total }));
        }
        let limit = machine.get("max-ram-below-4g").and_then(|limit| bytes(limit, 1));
        let sum = boot.iter().fold(0_u64, |sum, block| sum.saturating_add(block.length));
        let (dimms, unplaced) = self.dimms(&backends, sum);
        Ok(RamDefinition::new(kind, limit, boot, dimms, unplaced))
    }

    /// The blocks of NUMA nodes, by the nodes' numbers. Where nodes are named by their sizes (`-numa node,mem=`, before
    /// QEMU 5.1), or not at all, RAM is one block.
    fn numa_nodes(
        &self,
        find: &dyn Fn(&str) -> Option<BlockSpec>,
    ) -> Result<Vec<BlockSpec>, String> {
        let mut nodes: Vec<(u64, BlockSpec)> = Vec::new();
        for value in self.values(&["numa"]) {
            let parts = Parts::of(value);
            let is_node = parts.first == Some("node") || parts.get("type") == Some("node");
            let Some(id) = parts.get("memdev").filter(|_| is_node) else { continue };
            let number = parts.get("nodeid").and_then(|number| number.parse().ok());
            let number = number.unwrap_or(u64::try_from(nodes.len()).unwrap_or(u64::MAX));
            let block =
                find(id).ok_or_else(|| format!("no '-object' is the '{id}' of its '-numa'"))?;
            nodes.push((number, block));
        }
        nodes.sort_by_key(|(number, _)| *number);
        Ok(nodes.into_iter().map(|(_, block)| block).collect())
    }

    /// The DIMMs that were there from the beginning, and, as (guest-physical address, bytes), those of which it does not
    /// say where they lie: from the beginning of their region on.
    fn dimms(&self, backends: &[Backend], boot: u64) -> (Vec<Dimm>, Vec<(u64, u64)>) {
        let (mut dimms, mut unplaced) = (Vec::new(), Vec::new());
        let mut next = (4 * GIB).saturating_add(boot).next_multiple_of(PLUGGED_ALIGNMENT);
        for value in self.values(&["device"]) {
            let json = |name: &str| json_member(value, name);
            let parts = Parts::of(value);
            let get = |name: &str| match value.starts_with('{') {
                true => json(name),
                false => parts.get(name).map(str::to_owned),
            };
            let kind = parts.first.map(str::to_owned).or_else(|| get("driver"));
            if kind.as_deref() != Some("pc-dimm") {
                continue;
            }
            let Some(id) = get("memdev") else { continue };
            let Some(backend) = backends.iter().find(|backend| backend.id == id) else { continue };
            let length = backend.length;
            match get("addr").and_then(|address| number(&address)) {
                Some(base) => dimms.push(Dimm::of_backend(&id, base, length)),
                None => {
                    unplaced.push((next, length));
                    next = next.saturating_add(length);
                }
            }
        }
        (dimms, unplaced)
    }
}

/// The options of a file as `-readconfig` takes it (docs/config/ of QEMU; Incus describes its guests so): groups of
/// `[name "id"]`, each with lines of `name = "value"`.
fn options_of_file(text: &str) -> Vec<(String, String)> {
    let mut options: Vec<(String, String)> = Vec::new();
    for line in text.lines().map(str::trim) {
        if let Some(group) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let (name, id) = group.split_once(' ').unwrap_or((group, ""));
            // On the command line it is called by a letter.
            let name = if name == "memory" { "m" } else { name };
            let id = id.trim().trim_matches('"');
            let value = if id.is_empty() { String::new() } else { format!("id={id}") };
            options.push((name.to_owned(), value));
        } else if let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with('#'))
            && let Some((_, parts)) = options.last_mut()
        {
            let value = value.trim().trim_matches('"').replace(',', ",,");
            let comma = if parts.is_empty() { "" } else { "," };
            *parts = format!("{parts}{comma}{}={value}", name.trim());
        }
    }
    options
}

/// A member of a flat JSON object, as text.
fn json_member(text: &str, name: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(text).ok()?;
    match value.get(name)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A size as QEMU reads it (`do_strtosz`, util/cutils.c): with a unit of 1024s, or in the given one; a fraction is
/// allowed.
fn bytes(text: &str, unit: u64) -> Option<u64> {
    let at = text.find(|letter: char| letter.is_ascii_alphabetic() && letter != 'x');
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let (amount, letter) = at.and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""));
    let scale = match letter.trim_end_matches(['i', 'B']).to_ascii_uppercase().as_str() {
        "" if letter.is_empty() => unit,
        "" => 1,
        "K" => 1 << 10,
        "M" => MIB,
        "G" => GIB,
        "T" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = amount.parse::<u64>() {
        return whole.checked_mul(scale);
    }
    let amount: f64 = amount.parse().ok().filter(|amount: &f64| (0.0..1e12).contains(amount))?;
    let sum = amount * scale as f64;
    (sum < u64::MAX as f64).then_some(sum as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> QemuCommandLine {
        QemuCommandLine::parse(words.replace(' ', "\0").as_bytes())
    }

    fn blocks(words: &str) -> Vec<(String, u64)> {
        let ram = parse(words).ram().unwrap();
        ram.boot.iter().map(|block| (block.name.clone(), block.length / MIB)).collect()
    }

    #[test]
    fn a_guest_is_named() {
        let line = parse(
            "/usr/bin/qemu-system-x86_64 -name guest=web-1,debug-threads=on -uuid 0C6C1E0A-53f5-4a4f-9d2b-4b4ee9a5a9c1",
        );
        assert_eq!(line.name().as_deref(), Some("web-1"));
        assert_eq!(line.uuid().as_deref(), Some("0c6c1e0a-53f5-4a4f-9d2b-4b4ee9a5a9c1"));
        assert_eq!(line.program(), "qemu-system-x86_64");
        assert_eq!(parse("kvm -id 100 -name web,,1 -m 1").name().as_deref(), Some("web,1"));
        assert_eq!(parse("kvm -name vm,process=x").name().as_deref(), Some("vm"));
        let none = parse("qemu -m 1G -uuid nonsense");
        assert_eq!((none.name(), none.uuid()), (None, None));
    }

    #[test]
    fn programs_that_are_qemu() {
        let of = QemuCommandLine::architecture;
        for name in ["qemu-system-x86_64", "kvm", "qemu-kvm", "qemu-system-x86_64-spice"] {
            assert_eq!(of(name), Some("x86_64"), "{name}");
        }
        assert_eq!(of("qemu-system-aarch64"), Some("aarch64"));
        for name in ["qemu-img", "qemu-nbd", "kvmtool", "bash", ""] {
            assert_eq!(of(name), None, "{name}");
        }
    }

    #[test]
    fn ram_of_one_block() {
        let one = |words: &str, name: &str, mib| {
            assert_eq!(blocks(words), [(name.to_owned(), mib)], "{words}")
        };
        one("qemu", "pc.ram", 128);
        one("qemu -m 512", "pc.ram", 512);
        one("qemu -m 1.5G -M q35", "pc.ram", 1536);
        one("qemu -m size=524288k,slots=16,maxmem=4G", "pc.ram", 512);
        one("qemu -m 256M -machine microvm,acpi=off", "microvm.ram", 256);
        one(
            "kvm -m 2048 -object memory-backend-memfd,id=mem0,size=2G,share=on -machine q35,memory-backend=mem0",
            "mem0",
            2048,
        );
        one(
            "kvm -m size=1048576k -object {\"qom-type\":\"memory-backend-ram\",\"id\":\"pc.ram\",\"size\":1073741824} -machine pc-i440fx-7.2,memory-backend=pc.ram",
            "pc.ram",
            1024,
        );
        // Sizes of nodes alone divide one block.
        one("qemu -m 512 -numa node,mem=256M -numa node,mem=256M", "pc.ram", 512);
    }

    #[test]
    fn options_in_a_file() {
        let file = "# Machine\n[machine]\ngraphics = \"off\"\ntype = \"q35\"\n\n[memory]\nsize = \"1024M\"\n\
                    [object \"mem0\"]\nqom-type = \"memory-backend-memfd\"\nsize = \"1024M\"\nshare = \"on\"\n\
                    [numa]\ntype = \"node\"\nnodeid = \"0\"\nmemdev = \"mem0\"\n[name]\nguest = \"a,b\"\n";
        let line = QemuCommandLine { program: "qemu".to_owned(), options: options_of_file(file) };
        let ram = line.ram().unwrap();
        let boot: Vec<_> = ram.boot.iter().map(|one| (one.name.as_str(), one.length)).collect();
        assert_eq!(boot, [("mem0", GIB)]);
        assert_eq!(line.name().as_deref(), Some("a,b"));
        assert_eq!(line.machine().get("type"), Some("q35"));
    }

    #[test]
    fn ram_of_nodes_by_their_numbers() {
        let words = "kvm -m 768 -object memory-backend-ram,id=b,size=512M -object memory-backend-ram,size=256M,id=a \
                     -numa node,nodeid=1,memdev=b -numa node,nodeid=0,cpus=0,memdev=a";
        assert_eq!(blocks(words), [("a".to_owned(), 256), ("b".to_owned(), 512)]);
        let lacks = parse("kvm -m 1G -numa node,memdev=nowhere").ram().unwrap_err();
        assert!(lacks.contains("'nowhere'"), "{lacks}");
        assert!(parse("kvm -m much").ram().is_err());
    }

    #[test]
    fn memory_that_was_plugged_in() {
        let words = "kvm -m size=512M,slots=4,maxmem=4G -object memory-backend-ram,id=mem-dimm0,size=256M \
                     -device pc-dimm,id=dimm0,memdev=mem-dimm0,addr=0x100000000 \
                     -object memory-backend-ram,id=mem-dimm1,size=128M -device pc-dimm,memdev=mem-dimm1";
        let ram = parse(words).ram().unwrap();
        assert_eq!(ram.dimms, [Dimm::of_backend("mem-dimm0", 4 * GIB, 256 * MIB)]);
        assert_eq!(ram.unplaced, [(5 * GIB, 128 * MIB)]);
    }

    #[test]
    fn encrypted_guests() {
        let sev = parse(
            "kvm -object sev-guest,id=sev0,policy=0x1 -machine q35,confidential-guest-support=sev0",
        );
        assert_eq!(sev.encryption(), Some("sev-guest"));
        let tdx = parse("kvm -object {\"qom-type\":\"tdx-guest\",\"id\":\"t\"}");
        assert_eq!(tdx.encryption(), Some("tdx-guest"));
        assert_eq!(parse("kvm -object rng-random,id=r").encryption(), None);
    }

    #[test]
    fn sizes_as_qemu_reads_them() {
        let sizes = [
            ("512", 512 * MIB),
            ("512M", 512 * MIB),
            ("1g", GIB),
            ("0.5G", 512 * MIB),
            ("524288k", 512 * MIB),
            ("1073741824B", GIB),
            ("0x40000000", GIB),
        ];
        for (text, size) in sizes {
            assert_eq!(bytes(text, MIB), Some(size), "{text}");
        }
        for text in ["", "M", "1Q", "-1", "99999999999999T"] {
            assert_eq!(bytes(text, MIB), None, "{text}");
        }
    }
}

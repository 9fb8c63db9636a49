//! Memory that was plugged into a guest: DIMMs, as the definition names them, and which of the QEMU
//! process's mappings they are.
//!
//! Where boot RAM lies, guest memory decides, as the kernel is there. A DIMM holds nothing that is known
//! beforehand, so it is placed only where one mapping alone can be it.

use roxmltree::{Document, Node};

use super::maps::Mapping;
use super::ram::{RamBlock, RamLayout, amount, block_at, child, overlap};

/// A DIMM as the definition names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dimm {
    /// libvirt's alias: `dimm0`; where libvirt does not know it, as `backend`.
    pub alias: String,
    /// QEMU's id of its memory backend.
    pub backend: String,
    /// Its first guest-physical address.
    pub base: u64,
    /// Bytes.
    pub length: u64,
}

impl Dimm {
    /// The DIMMs of a live definition.
    ///
    /// # Errors
    /// One sentence, where it is no XML.
    pub fn parse_all(xml: &str) -> Result<Vec<Self>, String> {
        let document = Document::parse(xml)
            .map_err(|error| format!("libvirt's definition is not readable XML ({error})"))?;
        Ok(Self::of(document.root_element()))
    }

    /// `<devices><memory model='dimm'>…<address type='dimm' base='0x…'/>`.
    pub(super) fn of(domain: Node) -> Vec<Self> {
        let Some(devices) = child(domain, "devices") else { return Vec::new() };
        devices
            .children()
            .filter(|node| node.has_tag_name("memory") && node.attribute("model") == Some("dimm"))
            .filter_map(|dimm| {
                let length = amount(child(child(dimm, "target")?, "size")?)?;
                let base = child(dimm, "address")?.attribute("base")?;
                let base = u64::from_str_radix(base.strip_prefix("0x")?, 16).ok()?;
                let alias = child(dimm, "alias")?.attribute("name")?.to_owned();
                let backend = format!("mem{alias}");
                Some(Self { alias, backend, base, length })
            })
            .collect()
    }

    /// A DIMM of which QEMU's id of its memory backend alone is known.
    pub(super) fn of_backend(id: &str, base: u64, length: u64) -> Self {
        Self { alias: id.to_owned(), backend: id.to_owned(), base, length }
    }

    /// True if a mapping's file bears its name: libvirt calls a file `dimm0` (qemuGetMemoryBackingPath).
    fn names(&self, mapping: &Mapping) -> bool {
        mapping.is_named(&self.alias) || mapping.is_named(&self.backend)
    }

    /// This DIMM at a place in the process.
    pub(super) fn at(&self, block: RamBlock) -> RamBlock {
        RamBlock { guest: self.base, length: self.length, plugged: true, ..block }
    }
}

impl RamLayout {
    /// The same boot RAM with these DIMMs, as far as it is certain where they lie.
    pub fn with_dimms(&self, dimms: &[Dimm], mappings: &[Mapping]) -> Self {
        let is_there = |block: &RamBlock| {
            mappings.iter().any(|mapping| {
                mapping.length() == block.length && block_at(mapping, 0, block.length).is_at(block)
            })
        };
        let mut blocks: Vec<RamBlock> =
            self.blocks.iter().filter(|block| !block.plugged).copied().collect();
        let mut left: Vec<&Dimm> = Vec::new();
        for dimm in dimms {
            // A DIMM that was placed before has not moved.
            let known = self.blocks.iter().find(|block| {
                let same = block.guest == dimm.base && block.length == dimm.length;
                block.plugged && same && is_there(block)
            });
            match known {
                Some(block) => blocks.push(*block),
                None => left.push(dimm),
            }
        }
        // Those that are named leave fewer mappings for the others.
        for by_name in [true, false] {
            let now = std::mem::take(&mut left);
            for dimm in &now {
                let mut fitting = mappings
                    .iter()
                    .filter(|m| m.read_write && m.length() == dimm.length)
                    .filter(|m| if by_name { dimm.names(m) } else { !m.path.starts_with('[') })
                    .map(|m| dimm.at(block_at(m, 0, dimm.length)))
                    .filter(|place| !blocks.iter().any(|block| overlap(block, place)));
                let alike = now.iter().filter(|other| other.length == dimm.length).count();
                match (fitting.next(), fitting.next()) {
                    (Some(only), None) if by_name || alike == 1 => blocks.push(only),
                    _ => left.push(dimm),
                }
            }
        }
        blocks.sort_by_key(|block| block.guest);
        let unplaced = left.iter().map(|dimm| (dimm.base, dimm.length)).collect();
        Self { blocks, unplaced }
    }

    /// True if the guest has memory that was plugged in, as far as is known.
    pub fn has_dimms(&self) -> bool {
        !self.unplaced.is_empty() || self.blocks.iter().any(|block| block.plugged)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ram::{self, Backing, RamDefinition};
    use super::*;

    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;

    fn candidates(xml: &str, mappings: &[Mapping]) -> Result<Vec<RamLayout>, String> {
        ram::candidates(&RamDefinition::parse(xml)?, mappings)
    }

    fn xml(dimms: &[(&str, u64, u64)]) -> String {
        let plugged: String = dimms
            .iter()
            .map(|(alias, base, mib)| {
                format!(
                    "<memory model='dimm'><target><size unit='MiB'>{mib}</size></target>\
                     <alias name='{alias}'/><address type='dimm' slot='0' base='{base:#x}'/></memory>"
                )
            })
            .collect();
        let total: u64 = 512 + dimms.iter().map(|(_, _, mib)| mib).sum::<u64>();
        format!(
            "<domain><memory unit='MiB'>{total}</memory><os><type machine='pc-q35-7.2'/></os>\
             <devices>{plugged}</devices></domain>"
        )
    }

    fn mapping(start: u64, mib: u64, path: &str) -> Mapping {
        Mapping {
            start,
            end: start + mib * MIB,
            read_write: true,
            shared: !path.is_empty(),
            offset: 0,
            inode: if path.is_empty() { 0 } else { start >> 20 },
            path: path.to_owned(),
        }
    }

    /// Where the DIMMs lie: (guest, host).
    fn placed(layout: &RamLayout) -> Vec<(u64, u64)> {
        let dimms = layout.blocks.iter().filter(|block| block.plugged);
        dimms.map(|block| (block.guest, block.host)).collect()
    }

    #[test]
    fn a_dimm_lies_at_its_base_and_a_named_file_wins() {
        let one = xml(&[("dimm0", 4 * GIB, 256)]);
        let boot = mapping(0x1_0000_0000, 512, "");
        for path in [
            "/var/lib/libvirt/qemu/ram/3-web/dimm0",
            "/dev/hugepages/libvirt/qemu/3-web/qemu_back_mem._objects_memdimm0.Uyo3aS (deleted)",
        ] {
            let named = mapping(0x9000_0000, 256, path);
            let mappings = [mapping(0x5000_0000, 256, ""), named, boot.clone()];
            let layout = &candidates(&one, &mappings).unwrap()[0];
            assert_eq!((layout.blocks[0].guest, layout.blocks[0].length), (0, 512 * MIB));
            assert_eq!(placed(layout), [(4 * GIB, 0x9000_0000)], "{path}");
            let backing = Backing::Shared { file_offset: 0, inode: 0x900 };
            assert_eq!(layout.blocks[1].backing, backing);
            assert!(layout.has_dimms() && layout.unplaced.is_empty());
        }
        // Another's name is none of its own.
        let other = mapping(0x9000_0000, 256, "/var/lib/libvirt/qemu/ram/3-web/dimm01");
        let mappings = [mapping(0x5000_0000, 256, ""), other, boot];
        let layout = &candidates(&one, &mappings).unwrap()[0];
        assert_eq!(layout.unplaced, [(4 * GIB, 256 * MIB)]);
    }

    #[test]
    fn dimms_that_nothing_tells_apart_are_not_guessed() {
        let two = xml(&[("dimm0", 4 * GIB, 256), ("dimm1", 5 * GIB, 256)]);
        let (a, b) = (mapping(0x5000_0000, 256, ""), mapping(0x7000_0000, 256, ""));
        let boot = mapping(0x1_0000_0000, 512, "");
        let mappings = [a.clone(), b, boot.clone()];
        let layout = &candidates(&two, &mappings).unwrap()[0];
        assert_eq!(layout.blocks.len(), 1);
        assert_eq!(layout.unplaced, [(4 * GIB, 256 * MIB), (5 * GIB, 256 * MIB)]);
        // A reader that saw the first one alone knows the second by the rest.
        let first = &candidates(&xml(&[("dimm0", 4 * GIB, 256)]), &[a, boot.clone()]).unwrap()[0];
        assert_eq!(placed(first), [(4 * GIB, 0x5000_0000)]);
        let both = first.with_dimms(&Dimm::parse_all(&two).unwrap(), &mappings);
        assert_eq!(placed(&both), [(4 * GIB, 0x5000_0000), (5 * GIB, 0x7000_0000)]);
        assert!(both.unplaced.is_empty());
        // Pulled out: nothing of it stays.
        let second = Dimm::parse_all(&xml(&[("dimm1", 5 * GIB, 256)])).unwrap();
        let later = both.with_dimms(&second, &[mapping(0x7000_0000, 256, ""), boot.clone()]);
        assert_eq!(placed(&later), [(5 * GIB, 0x7000_0000)]);
        let none = both.with_dimms(&[], &[boot]);
        assert!(!none.has_dimms() && none.blocks.len() == 1);
    }

    #[test]
    fn a_dimm_of_the_boot_rams_length_is_what_that_leaves() {
        let one = xml(&[("dimm0", 4 * GIB, 512)]);
        let mappings = [mapping(0x5000_0000, 512, ""), mapping(0x9000_0000, 512, "")];
        let layouts = candidates(&one, &mappings).unwrap();
        let places: Vec<_> =
            layouts.iter().map(|layout| (layout.blocks[0].host, placed(layout)[0].1)).collect();
        assert_eq!(places[..2], [(0x9000_0000, 0x5000_0000), (0x5000_0000, 0x9000_0000)]);
    }

    #[test]
    fn a_dimm_without_a_mapping_is_said_to_have_none() {
        let one = xml(&[("dimm0", 4 * GIB, 256)]);
        let layout = &candidates(&one, &[mapping(0x5000_0000, 512, "")]).unwrap()[0];
        assert_eq!((layout.blocks.len(), layout.unplaced.len()), (1, 1));
        assert!(Dimm::parse_all("<domain").is_err());
    }
}

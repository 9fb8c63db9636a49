//! Images of `virsh save`: libvirt's header and the domain's definition (qemu_saveimage.h), then QEMU's
//! migration stream, of which the RAM is read (migration/ram.c, savevm.c). A plain `virsh dump` is the stream
//! alone: what its blocks of RAM are, their names tell. The stream is read through once
//! when it is opened, to note where each page lies: 8 bytes are kept for each page of RAM.

use std::io::{BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;

use roxmltree::Document;
use rustc_hash::FxHashMap;

use super::content::{Content, Dump, Origin, WithHole, u32_at};
use super::open::DumpFile;
use crate::memory::{PAGE_SHIFT, PAGE_SIZE};
use crate::resolve::{RamLayout, named_layouts, placed_layouts};

/// The first bytes of the format.
pub(super) const MAGIC: &[u8] = b"LibvirtQemudSave";
/// The first bytes of QEMU's stream (`QEMU_VM_FILE_MAGIC`), and its version.
pub(super) const STREAM: &[u8; 4] = b"QEVM";
const STREAM_VERSION: u32 = 3;
/// The first bytes of an image that libvirt has not finished.
pub(super) const PARTIAL: &[u8] = b"LibvirtQemudPart";
/// Bytes of libvirt's header.
const HEADER: usize = 92;
/// Bytes of the definition and libvirt's cookie behind it.
const LONGEST_DEFINITION: u32 = 16 << 20;
/// Bytes of a machine type's name.
const LONGEST_MACHINE: u32 = 4096;
/// Characters of a name that an error shows.
const LONGEST_SHOWN: usize = 60;
/// Blocks of RAM, those of devices counted.
const MOST_BLOCKS: usize = 1024;
/// Pages of all blocks: 1 TiB.
const MOST_PAGES: u64 = 1 << 28;
/// Pages of zeros are in the stream by name only.
const ZEROS: u64 = u64::MAX;
/// Pages that are not in the stream at all.
const ABSENT: u64 = 0;

/// Kinds of sections (`QEMU_VM_…`).
mod section {
    pub const START: u8 = 1;
    pub const PART: u8 = 2;
    pub const END: u8 = 3;
    pub const CONFIGURATION: u8 = 7;
    pub const FOOTER: u8 = 0x7e;
}

/// The kinds of words of the RAM stream (`RAM_SAVE_FLAG_…`), in the low bits of an offset.
mod flag {
    pub const ZERO: u64 = 0x02;
    pub const SIZES: u64 = 0x04;
    pub const PAGE: u64 = 0x08;
    pub const END: u64 = 0x10;
    pub const SAME_BLOCK: u64 = 0x20;
    pub const FLUSH: u64 = 0x200;
}

/// The RAM of the stream: its blocks one behind the other.
#[derive(Default)]
struct Ram {
    /// Offset in the file of each page, [`ZEROS`] or [`ABSENT`].
    pages: Vec<u64>,
    /// By QEMU's name of each block: its first byte in the row of blocks, and its bytes.
    blocks: FxHashMap<String, (u64, u64)>,
    /// The machine's type, where the stream names it.
    machine: String,
}

pub(super) fn open(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let mut header = [0; HEADER];
    if !file.read(0, &mut header) {
        return Err(cut_short());
    }
    let number = |offset| u32_at(&header, offset).unwrap_or(0);
    let (version, length, compressed) = (number(16), number(20), number(28));
    if !(1..=2).contains(&version) || length > LONGEST_DEFINITION {
        return Err(format!("libvirt's header in it is of an unknown version ({version})"));
    }
    match compressed {
        0 => {}
        1..=5 => {
            return Err(
                "libvirt compressed it; set save_image_format = \"raw\" in qemu.conf and save anew, \
                 or use `virsh dump --memory-only`"
                    .to_owned(),
            );
        }
        _ => {
            return Err(
                "libvirt saved it in its sparse format; use `virsh dump --memory-only`".to_owned()
            );
        }
    }
    let mut definition = vec![0; length as usize];
    if !file.read(HEADER as u64, &mut definition) {
        return Err(cut_short());
    }
    let end = definition.iter().position(|byte| *byte == 0).unwrap_or(definition.len());
    let xml = std::str::from_utf8(definition.get(..end).unwrap_or_default())
        .map_err(|_| "the definition in it is no text".to_owned())?;
    let ram = Stream::new(file, HEADER as u64 + u64::from(length))?.ram()?;
    let layouts = placed_layouts(xml, &|name| ram.blocks.get(name).copied())?;
    Ok(dump(file, "saved image", ram, layouts, origin(xml)))
}

/// Opens the file that plain `virsh dump` writes.
pub(super) fn open_stream(file: &Arc<DumpFile>) -> Result<Dump, String> {
    let ram = Stream::new(file, 0)?.ram()?;
    let blocks = ram.blocks.iter().map(|(name, (start, length))| (name.as_str(), *start, *length));
    let layouts = named_layouts(&ram.machine, &blocks.collect::<Vec<_>>())?;
    Ok(dump(file, "dump of QEMU's migration stream", ram, layouts, None))
}

fn dump(
    file: &Arc<DumpFile>,
    format: &'static str,
    ram: Ram,
    layouts: Vec<RamLayout>,
    origin: Option<Origin>,
) -> Dump {
    let pages: Arc<[u64]> = ram.pages.into();
    let first = layouts.first().cloned();
    let kept = Arc::clone(file);
    let laid_out = move |layout| {
        let content = Saved { file: Arc::clone(&kept), pages: Arc::clone(&pages), layout };
        Arc::new(content) as Arc<dyn Content>
    };
    Dump {
        format,
        layouts: layouts.into_iter().map(&laid_out).collect(),
        with_hole: first.map(|first| {
            let again = move |hole| laid_out(first.with_hole(hole));
            Box::new(again) as WithHole
        }),
        says_where: false,
        taken: file.modified(),
        origin,
        vmcoreinfo: None,
    }
}

/// Whose memory it is, by the definition.
fn origin(xml: &str) -> Option<Origin> {
    let document = Document::parse(xml).ok()?;
    let text = |name| {
        let node = document.root_element().children().find(|node| node.has_tag_name(name))?;
        node.text().map(|text| text.trim().to_owned())
    };
    Some(Origin {
        format: Origin::FORMAT.to_owned(),
        name: text("name")?,
        uuid: text("uuid"),
        hypervisor: "qemu".to_owned(),
        time_ns: 0,
        paused: true,
        left_out: Vec::new(),
    })
}

fn cut_short() -> String {
    "it is cut short: the saved memory does not end".to_owned()
}

/// QEMU's migration stream.
struct Stream<'a> {
    reader: BufReader<&'a std::fs::File>,
    position: u64,
    /// The block of the last page that named one: the pages after it are of the same.
    current: Option<(u64, u64)>,
}

impl<'a> Stream<'a> {
    fn new(file: &'a DumpFile, start: u64) -> Result<Self, String> {
        let mut inner = file.file();
        inner.seek(SeekFrom::Start(start)).map_err(|error| error.to_string())?;
        let reader = BufReader::with_capacity(1 << 18, inner);
        Ok(Self { reader, position: start, current: None })
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), String> {
        self.reader.read_exact(bytes).map_err(|_| cut_short())?;
        self.position = self.position.saturating_add(bytes.len() as u64);
        Ok(())
    }

    fn byte(&mut self) -> Result<u8, String> {
        let [byte] = self.take()?;
        Ok(byte)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_be_bytes(self.take()?))
    }

    fn u64(&mut self) -> Result<u64, String> {
        Ok(u64::from_be_bytes(self.take()?))
    }

    /// A string behind its length in one byte.
    fn name(&mut self) -> Result<String, String> {
        let length = self.byte()?;
        let mut bytes = vec![0; usize::from(length)];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Passes over bytes; that they are there is seen when what follows is read.
    fn skip(&mut self, bytes: u32) -> Result<(), String> {
        self.reader.seek_relative(i64::from(bytes)).map_err(|error| error.to_string())?;
        self.position = self.position.saturating_add(u64::from(bytes));
        Ok(())
    }

    /// Reads to the end of the RAM. Sections of devices come after it.
    fn ram(mut self) -> Result<Ram, String> {
        if self.take()? != *STREAM || self.u32()? != STREAM_VERSION {
            return Err("the memory saved in it is no stream of QEMU's that nfm knows".to_owned());
        }
        let mut ram = Ram::default();
        let mut section = None;
        loop {
            let kind = self.byte()?;
            match kind {
                section::CONFIGURATION => {
                    let length = self.u32()?;
                    if length > LONGEST_MACHINE {
                        return Err("the name of its machine is too long".to_owned());
                    }
                    let mut name = vec![0; length as usize];
                    self.fill(&mut name)?;
                    ram.machine = String::from_utf8_lossy(&name).into_owned();
                    continue;
                }
                section::START => {
                    let id = self.u32()?;
                    let name = self.name()?;
                    let _instance_and_version = self.u64()?;
                    if name != "ram" {
                        let name: String = name.escape_debug().take(LONGEST_SHOWN).collect();
                        return Err(format!(
                            "'{name}' comes before its RAM, which nfm cannot pass"
                        ));
                    }
                    section = Some(id);
                }
                section::PART | section::END => {
                    if Some(self.u32()?) != section {
                        return Err("it holds parts of devices within the RAM".to_owned());
                    }
                }
                _ => return Err(format!("a section of the unknown kind {kind} stands in its RAM")),
            }
            self.records(&mut ram)?;
            if kind == section::END {
                return Ok(ram);
            }
            if self.byte()? != section::FOOTER || Some(self.u32()?) != section {
                return Err("a section of its RAM does not end where it should".to_owned());
            }
        }
    }

    /// The records of one section.
    fn records(&mut self, ram: &mut Ram) -> Result<(), String> {
        const FLAGS: u64 = PAGE_SIZE as u64 - 1;
        loop {
            let word = self.u64()?;
            let (offset, flags) = (word & !FLAGS, word & FLAGS);
            match flags & !flag::SAME_BLOCK {
                flag::END => return Ok(()),
                flag::FLUSH => {}
                flag::SIZES => self.sizes(offset, ram)?,
                kind @ (flag::ZERO | flag::PAGE) => {
                    if flags & flag::SAME_BLOCK == 0 {
                        self.current = ram.blocks.get(&self.name()?).copied();
                    }
                    let at = self.current.filter(|(_, length)| offset < *length).and_then(
                        |(first, _)| usize::try_from(first.checked_add(offset)? >> PAGE_SHIFT).ok(),
                    );
                    let page = at.and_then(|index| ram.pages.get_mut(index));
                    let page = page.ok_or("it names a page that no block of its RAM has")?;
                    if kind == flag::ZERO {
                        let fill = self.byte()?;
                        if fill != 0 {
                            return Err(
                                "it holds filled pages, which no QEMU of today writes".into()
                            );
                        }
                        *page = ZEROS;
                    } else {
                        *page = self.position;
                        self.skip(PAGE_SIZE as u32)?;
                    }
                }
                other => {
                    return Err(format!(
                        "its RAM is packed in a way that nfm cannot read (flags {other:#x}); use \
                         `virsh dump --memory-only`"
                    ));
                }
            }
        }
    }

    /// The list of blocks and their lengths, as many bytes in all as `total` says.
    fn sizes(&mut self, total: u64, ram: &mut Ram) -> Result<(), String> {
        let lie = || "the sizes of its blocks of RAM cannot be".to_owned();
        // Each page has a word in the file at least.
        let file = self.reader.get_ref().metadata().map_or(0, |meta| meta.len());
        let pages = total >> PAGE_SHIFT;
        if pages > MOST_PAGES || pages.saturating_mul(8) > file || !ram.pages.is_empty() {
            return Err(lie());
        }
        let mut first = 0;
        while first < total {
            let name = self.name()?;
            let length = self.u64()?;
            if length > total - first || ram.blocks.len() >= MOST_BLOCKS {
                return Err(lie());
            }
            ram.blocks.insert(name, (first, length));
            first += length;
        }
        ram.pages = vec![ABSENT; pages as usize];
        Ok(())
    }
}

/// Guest RAM in such an image.
struct Saved {
    file: Arc<DumpFile>,
    pages: Arc<[u64]>,
    layout: RamLayout,
}

impl Saved {
    /// Reads bytes within one page.
    fn read_in_page(&self, address: u64, bytes: &mut [u8]) -> bool {
        let Some(offset) = self.layout.offset(address) else { return false };
        let page = usize::try_from(offset >> PAGE_SHIFT).ok();
        match page.and_then(|page| self.pages.get(page)) {
            None | Some(&ABSENT) => false,
            Some(&ZEROS) => {
                bytes.fill(0);
                true
            }
            Some(at) => self.file.read(at.saturating_add(offset & (PAGE_SIZE as u64 - 1)), bytes),
        }
    }
}

impl Content for Saved {
    fn ram(&self) -> Vec<(u64, u64)> {
        self.layout.blocks.iter().map(|block| (block.guest, block.length)).collect()
    }

    fn boot_ram(&self) -> Vec<(u64, u64)> {
        let boot = self.layout.blocks.iter().filter(|block| !block.plugged);
        boot.map(|block| (block.guest, block.length)).collect()
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let (mut address, mut rest) = (address, bytes);
        while !rest.is_empty() {
            let here = PAGE_SIZE - (address as usize & (PAGE_SIZE - 1));
            let (now, later) = rest.split_at_mut(rest.len().min(here));
            if !self.read_in_page(address, now) {
                return false;
            }
            let Some(next) = address.checked_add(now.len() as u64) else { return later.is_empty() };
            (address, rest) = (next, later);
        }
        true
    }
}

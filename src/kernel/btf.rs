//! Types from BTF (Documentation/bpf/btf.rst), parsed by the crate `btf-rs`.

use std::io::Write;

use btf_rs::{Backend, Btf, BtfType, Type};
use memchr::memmem;
use rustc_hash::FxHashMap;

use super::types::{MOST_STEPS, Member, Shape, Types};

/// Magic, version 1, no flags, a header of 24 bytes.
pub(super) const BEGINNING: [u8; 8] = [0x9f, 0xeb, 1, 0, 24, 0, 0, 0];
const HEADER_BYTES: usize = 24;
/// vmlinux's BTF is larger than the first (a module's is not) and smaller than the second.
pub(super) const BLOB_BYTES: std::ops::RangeInclusive<usize> = 256 << 10..=64 << 20;
/// Modifiers and typedefs in a chain, and anonymous structures in one another.
const DEEPEST: usize = 16;

/// Finds vmlinux's BTF in the kernel's constants.
pub(crate) fn search(constants: &[u8]) -> Option<&[u8]> {
    memmem::find_iter(constants, &BEGINNING)
        .find_map(|start| constants.get(start..).and_then(whole_blob))
}

/// The blob at the start of `bytes`, if its header describes one that fits.
pub(crate) fn whole_blob(bytes: &[u8]) -> Option<&[u8]> {
    if !bytes.starts_with(&BEGINNING) {
        return None;
    }
    let number =
        |at: usize| bytes.get(at..)?.first_chunk().map(|chunk| u32::from_le_bytes(*chunk) as usize);
    let (type_offset, type_length) = (number(8)?, number(12)?);
    let (string_offset, string_length) = (number(16)?, number(20)?);
    let length = HEADER_BYTES.checked_add(string_offset)?.checked_add(string_length)?;
    let in_order = type_offset == 0 && type_length <= string_offset && string_length > 0;
    let strings = bytes.get(HEADER_BYTES.checked_add(string_offset)?..length)?;
    let terminated = strings.first() == Some(&0) && strings.last() == Some(&0);
    (in_order && terminated && BLOB_BYTES.contains(&length)).then(|| bytes.get(..length))?
}

/// vmlinux's types, of which those with the names asked for are known.
pub(crate) struct BtfTypes {
    btf: Btf,
    by_name: FxHashMap<String, Type>,
}

impl BtfTypes {
    /// Parses a blob and finds all types of the given names in one pass.
    ///
    /// # Errors
    /// One sentence when the blob is no sound BTF.
    pub fn parse(blob: &[u8], names: &[&str]) -> Result<Self, String> {
        // btf-rs takes its small and fast back end from a file only.
        let mut file = rustix::fs::memfd_create("nfm-btf", rustix::fs::MemfdFlags::CLOEXEC)
            .map(std::fs::File::from)
            .map_err(|error| format!("no memory file for it: {error}"))?;
        file.write_all(blob).map_err(|error| format!("no memory file for it: {error}"))?;
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
        let btf = Btf::from_file_with_backend(path, Backend::Mmap).map_err(|e| e.to_string())?;
        Self::of(btf, names)
    }

    /// Parses a module's BTF, which continues vmlinux's, and finds types of the given names.
    pub fn parse_module(&self, blob: &[u8], names: &[&str]) -> Result<Self, String> {
        Self::of(Btf::from_split_bytes(blob, &self.btf).map_err(|e| e.to_string())?, names)
    }

    fn of(btf: Btf, names: &[&str]) -> Result<Self, String> {
        if names.is_empty() {
            return Ok(Self { btf, by_name: FxHashMap::default() });
        }
        let any = format!("^(?:{})$", names.join("|"));
        let pattern = regex::Regex::new(&any).map_err(|error| error.to_string())?;
        let mut by_name = FxHashMap::default();
        for id in btf.resolve_ids_by_regex(&pattern).map_err(|error| error.to_string())? {
            let Ok(kind) = btf.resolve_type_by_id(id) else { continue };
            let wanted = matches!(
                kind,
                Type::Struct(_)
                    | Type::Union(_)
                    | Type::Enum(_)
                    | Type::Enum64(_)
                    | Type::Typedef(_)
            );
            if !wanted {
                continue;
            }
            let Some(name) = kind.as_btf_type().and_then(|kind| btf.resolve_name(kind).ok()) else {
                continue;
            };
            // A name may stand for a structure and a typedef: the structure is meant.
            match by_name.get(&name) {
                Some(Type::Struct(_) | Type::Union(_) | Type::Enum(_)) => {}
                _ => drop(by_name.insert(name, kind)),
            }
        }
        Ok(Self { btf, by_name })
    }

    /// Follows typedefs and qualifiers to the type itself.
    fn resolve(&self, mut kind: Type) -> Option<Type> {
        for _ in 0..DEEPEST {
            kind = match &kind {
                Type::Typedef(typedef) => self.btf.resolve_chained_type(typedef).ok()?,
                Type::Volatile(q) | Type::Const(q) | Type::Restrict(q) => {
                    self.btf.resolve_chained_type(q).ok()?
                }
                Type::TypeTag(tag) => self.btf.resolve_chained_type(tag).ok()?,
                _ => return Some(kind),
            };
        }
        None
    }

    fn named(&self, name: &str) -> Option<Type> {
        self.resolve(self.by_name.get(name)?.clone())
    }

    fn shape(&self, kind: Type, depth: usize) -> Option<Shape> {
        let plain = |bytes: usize, signed| {
            Some(Shape { bytes: u32::try_from(bytes).ok()?, elements: 1, signed })
        };
        match self.resolve(kind)? {
            Type::Int(int) => plain(int.size(), int.is_signed()),
            Type::Ptr(_) => plain(8, false),
            Type::Enum(e) => plain(e.size(), e.is_signed()),
            Type::Enum64(e) => plain(e.size(), e.is_signed()),
            Type::Struct(s) | Type::Union(s) => plain(s.size(), false),
            Type::Array(array) if depth < DEEPEST => {
                let element = self.btf.resolve_chained_type(&array).ok()?;
                let Shape { bytes, signed, .. } = self.shape(element, depth + 1)?;
                let elements = u32::try_from(array.len()).ok()?;
                Some(Shape { bytes: bytes.checked_mul(elements)?, elements, signed })
            }
            _ => None,
        }
    }

    /// A direct member, or one of an anonymous structure or union within; with its type.
    fn find(
        &self,
        container: &Type,
        name: &str,
        depth: usize,
        steps: &mut usize,
    ) -> Option<(u32, Option<u32>, Type)> {
        let (Type::Struct(structure) | Type::Union(structure)) = container else { return None };
        *steps = steps.checked_sub(structure.members.len())?;
        let mut anonymous = Vec::new();
        for member in &structure.members {
            let kind = || self.btf.resolve_chained_type(member).ok();
            match self.btf.resolve_name(member).ok()?.as_str() {
                found if found == name => {
                    return Some((member.bit_offset(), member.bitfield_size(), kind()?));
                }
                "" => anonymous.push((member.bit_offset(), kind()?)),
                _ => {}
            }
        }
        (depth < DEEPEST).then_some(())?;
        anonymous.into_iter().find_map(|(base, kind)| {
            let (offset, bits, kind) = self.find(&self.resolve(kind)?, name, depth + 1, steps)?;
            Some((base.checked_add(offset)?, bits, kind))
        })
    }
}

impl Types for BtfTypes {
    fn size_of(&self, structure: &str) -> Option<u32> {
        match self.named(structure)? {
            Type::Struct(s) | Type::Union(s) => u32::try_from(s.size()).ok(),
            _ => None,
        }
    }

    fn member(&self, structure: &str, path: &str) -> Option<Member> {
        let mut container = self.named(structure)?;
        let (mut offset_bits, mut steps) = (0_u32, MOST_STEPS);
        let mut last = (None, None);
        for part in path.split('.') {
            let (offset, bits, kind) = self.find(&container, part, 0, &mut steps)?;
            offset_bits = offset_bits.checked_add(offset)?;
            container = self.resolve(kind.clone())?;
            last = (bits, Some(kind));
        }
        let (bits, kind) = last;
        Member::at(offset_bits, bits.unwrap_or(0), self.shape(kind?, 0)?)
    }

    fn enumerator(&self, enumeration: &str, name: &str) -> Option<i64> {
        let is_it = |member: &dyn BtfType| self.btf.resolve_name(member).is_ok_and(|n| n == name);
        match self.named(enumeration)? {
            Type::Enum(e) => {
                e.members.iter().find(|member| is_it(*member)).map(|m| i64::from(m.val() as i32))
            }
            Type::Enum64(e) => e.members.iter().find(|m| is_it(*m)).map(|m| m.val() as i64),
            _ => None,
        }
    }
}

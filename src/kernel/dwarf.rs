//! Types from DWARF 4 and 5 (also split into .dwo and .dwp files), parsed by the crate `gimli`.
//!
//! A kernel's `.debug_info` holds hundreds of megabytes, in units that repeat each other's types. It is
//! walked unit by unit, over the top of each, until every wanted name was met; only what these types are
//! made of is kept.

use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};

use gimli::{
    AttributeValue, DebugStrOffsetsBase, DebuggingInformationEntry, Dwarf, DwarfFileType, DwoId,
    EndianSlice, LittleEndian, SectionId, Unit, UnitHeader, UnitOffset, UnitType, constants,
};
use memchr::memmem;
use rustc_hash::{FxHashMap, FxHashSet};

use super::elf::ElfFile;
use super::graph::{Node, StructureMember, TypeGraph, TypeId};

type Bytes<'a> = EndianSlice<'a, LittleEndian>;
type Entry<'a> = DebuggingInformationEntry<Bytes<'a>>;

/// Types that are kept of one file.
const MOST_TYPES: usize = 100_000;
/// Members, enumerators or dimensions of one type.
const MOST_CHILDREN: usize = 100_000;
/// Structures in one another, typedefs and qualifiers of one another.
const DEEPEST: usize = 64;
/// Names so short stand in `.debug_info` itself, not in `.debug_str`.
const INLINE_NAME: usize = 3;
/// The sections of DWARF that tell types.
const SECTIONS: &[SectionId] = &[
    SectionId::DebugInfo,
    SectionId::DebugAbbrev,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
];
/// The sections that the index of a package refers to beside these.
const INDEXED: &[SectionId] = &[
    SectionId::DebugInfo,
    SectionId::DebugAbbrev,
    SectionId::DebugStr,
    SectionId::DebugStrOffsets,
    SectionId::DebugLine,
    SectionId::DebugLoc,
    SectionId::DebugLocLists,
    SectionId::DebugMacinfo,
    SectionId::DebugMacro,
    SectionId::DebugRngLists,
    SectionId::DebugTypes,
];

/// The types of the given names in a file, and all that they are made of.
///
/// # Errors
/// A clause that says why there are none.
pub(super) fn load(elf: &ElfFile, wanted: &[&str]) -> Result<TypeGraph, String> {
    let sections = Sections::load(elf, DwarfFileType::Main, SECTIONS)?;
    if sections.of(SectionId::DebugInfo).is_empty() {
        return Err("it holds no DWARF (no section .debug_info)".to_owned());
    }
    let unsound = |error: gimli::Error| format!("its DWARF is not sound: {error}");
    let dwarf = sections.dwarf();
    let mut search = Search::new(wanted, sections.of(SectionId::DebugStr));
    let mut elsewhere = Vec::new();
    let mut units = dwarf.units();
    while !search.is_done()
        && let Some(header) = units.next().map_err(unsound)?
    {
        let unit = unit(&dwarf, header).map_err(unsound)?;
        match split_unit(&dwarf, &unit) {
            Some(split) => elsewhere.push(split),
            None => search.unit(&dwarf, &unit).map_err(unsound)?,
        }
    }
    search_split(elf.path(), &elsewhere, &mut search)?;
    match search.graph.len() {
        0 => Err("its DWARF has none of the kernel's types".to_owned()),
        _ => Ok(search.graph),
    }
}

/// The sections that tell types.
struct Sections<'a> {
    sections: Vec<(SectionId, Cow<'a, [u8]>)>,
    file_type: DwarfFileType,
}

impl<'a> Sections<'a> {
    fn load(elf: &'a ElfFile, file_type: DwarfFileType, ids: &[SectionId]) -> Result<Self, String> {
        let load = |id: SectionId| {
            let name = match file_type {
                DwarfFileType::Main => Some(id.name()),
                DwarfFileType::Dwo => id.dwo_name(),
            };
            Ok((id, name.map_or(Ok(Cow::default()), |name| elf.section(name))?))
        };
        let sections = ids.iter().copied().map(load).collect::<Result<_, String>>()?;
        Ok(Self { sections, file_type })
    }

    fn of(&self, id: SectionId) -> &[u8] {
        self.sections.iter().find(|(own, _)| *own == id).map_or(&[], |(_, bytes)| &**bytes)
    }

    fn dwarf(&self) -> Dwarf<Bytes<'_>> {
        let section = |id| Ok::<_, gimli::Error>(EndianSlice::new(self.of(id), LittleEndian));
        let mut dwarf = Dwarf::load(section).unwrap_or_default();
        dwarf.file_type = self.file_type;
        dwarf
    }
}

/// A unit with what its types need. (`Dwarf::unit` also wants its line numbers and addresses.)
fn unit<'a>(
    dwarf: &Dwarf<Bytes<'a>>,
    header: UnitHeader<Bytes<'a>>,
) -> gimli::Result<Unit<Bytes<'a>>> {
    let abbreviations = dwarf.abbreviations(&header)?;
    let (encoding, kind) = (header.encoding(), header.type_());
    let mut unit = Unit {
        abbreviations,
        name: None,
        comp_dir: None,
        low_pc: 0,
        str_offsets_base: DebugStrOffsetsBase::default_for_encoding_and_file(
            encoding,
            dwarf.file_type,
        ),
        addr_base: gimli::DebugAddrBase(0),
        loclists_base: gimli::DebugLocListsBase(0),
        rnglists_base: gimli::DebugRngListsBase(0),
        line_program: None,
        dwo_id: match kind {
            UnitType::Skeleton(id) | UnitType::SplitCompilation(id) => Some(id),
            _ => None,
        },
        header,
    };
    let mut root = Entry::null();
    unit.header.entries_raw(&unit.abbreviations, None)?.read_entry(&mut root)?;
    for attribute in root.attrs() {
        match attribute.value() {
            AttributeValue::DebugStrOffsetsBase(base) => unit.str_offsets_base = base,
            AttributeValue::DwoId(id) => unit.dwo_id = Some(id),
            _ => {}
        }
    }
    Ok(unit)
}

/// The file that holds a unit's types, where it is a skeleton: its id, folder and name.
fn split_unit(dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>) -> Option<(DwoId, PathBuf)> {
    let mut root = Entry::null();
    unit.header.entries_raw(&unit.abbreviations, None).ok()?.read_entry(&mut root).ok()?;
    let text = |name| {
        let value = dwarf.attr_string(unit, root.attr_value(name)?).ok()?;
        Some(value.to_string().ok()?.to_owned())
    };
    let file = text(constants::DW_AT_dwo_name).or_else(|| text(constants::DW_AT_GNU_dwo_name))?;
    let folder = text(constants::DW_AT_comp_dir).unwrap_or_default();
    Some((unit.dwo_id?, Path::new(&folder).join(file)))
}

/// Searches the units of a file that was built with -gsplit-dwarf: in the package beside it (FILE.dwp), or
/// each in its own file, where it was built or beside it.
fn search_split(
    beside: &Path,
    units: &[(DwoId, PathBuf)],
    search: &mut Search,
) -> Result<(), String> {
    if units.is_empty() {
        return Ok(());
    }
    let mut package = beside.as_os_str().to_owned();
    package.push(".dwp");
    if let Some(package) = map(Path::new(&package)) {
        return search_package(&package, units, search);
    }
    for (_, file) in units {
        if search.is_done() {
            break;
        }
        let moved = beside.parent().zip(file.file_name()).map(|(folder, name)| folder.join(name));
        let dwo = map(file).or_else(|| map(&moved?)).ok_or_else(|| {
            format!(
                "its types are in {}, which cannot be read, nor is there a .dwp",
                file.display()
            )
        })?;
        search.all(&Sections::load(&dwo, DwarfFileType::Dwo, SECTIONS)?.dwarf(), dwo.path())?;
    }
    Ok(())
}

fn search_package(
    package: &ElfFile,
    units: &[(DwoId, PathBuf)],
    search: &mut Search,
) -> Result<(), String> {
    let path = package.path();
    let unsound = |error| format!("{}: its DWARF is not sound: {error}", path.display());
    let sections = Sections::load(package, DwarfFileType::Dwo, INDEXED)?;
    let index = package.section(".debug_cu_index")?;
    let section = |id: SectionId| {
        let bytes = if id == SectionId::DebugCuIndex { &*index } else { sections.of(id) };
        Ok::<_, gimli::Error>(EndianSlice::new(bytes, LittleEndian))
    };
    let whole = gimli::DwarfPackage::load(section, EndianSlice::new(&[], LittleEndian));
    let whole = whole.map_err(unsound)?;
    // A unit refers to its parent for addresses alone, and types have none.
    let parent = Dwarf::default();
    for (id, _) in units {
        if search.is_done() {
            break;
        }
        match whole.find_cu(*id, &parent).map_err(unsound)? {
            Some(dwarf) => search.all(&dwarf, path)?,
            None => return Err(format!("{} lacks some of its units", path.display())),
        }
    }
    Ok(())
}

fn map(path: &Path) -> Option<ElfFile> {
    let file = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|m| m.is_file()))?;
    ElfFile::map(path, &file).ok()
}

/// The search for wanted names.
struct Search {
    /// Those that were not met yet.
    missing: FxHashSet<Vec<u8>>,
    graph: TypeGraph,
}

impl Search {
    fn new(wanted: &[&str], strings: &[u8]) -> Self {
        let is_there = |name: &str| memmem::find(strings, format!("{name}\0").as_bytes()).is_some();
        let names = |keep: &dyn Fn(&str) -> bool| {
            let kept = wanted.iter().filter(|name| keep(name));
            kept.map(|name| name.as_bytes().to_vec()).collect::<FxHashSet<_>>()
        };
        // A name that stands nowhere need not be waited for; but those of split files stand in these.
        let missing = match wanted.iter().any(|name| name.len() > INLINE_NAME && is_there(name)) {
            true => names(&|name| name.len() <= INLINE_NAME || is_there(name)),
            false => names(&|_| true),
        };
        Self { missing, graph: TypeGraph::default() }
    }

    fn is_done(&self) -> bool {
        self.missing.is_empty()
    }

    /// Every unit of a split file.
    fn all(&mut self, dwarf: &Dwarf<Bytes>, path: &Path) -> Result<(), String> {
        let unsound = |error| format!("{}: its DWARF is not sound: {error}", path.display());
        let mut units = dwarf.units();
        while let Some(header) = units.next().map_err(unsound)? {
            let unit = unit(dwarf, header).map_err(unsound)?;
            self.unit(dwarf, &unit).map_err(unsound)?;
        }
        Ok(())
    }

    /// Goes over the top of a unit: types within functions are none of the kernel's own.
    fn unit(&mut self, dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>) -> gimli::Result<()> {
        let mut found = Vec::new();
        let mut cursor = unit.entries();
        // The unit itself, then its first child.
        cursor.next_entry()?;
        cursor.next_entry()?;
        while let Some(entry) = cursor.current() {
            if let Some(name) = self.wanted(dwarf, unit, entry) {
                found.push((name, entry.offset()));
            }
            if cursor.next_sibling()?.is_none() {
                break;
            }
        }
        let mut builder =
            Builder { dwarf, unit, graph: &mut self.graph, known: FxHashMap::default() };
        for (name, offset) in found {
            let id = builder.build(offset, 0);
            self.missing.remove(&name);
            if let Ok(name) = std::str::from_utf8(&name) {
                builder.graph.name(name, id);
            }
        }
        Ok(())
    }

    /// The name of an entry that defines a type that is still wanted.
    fn wanted(&self, dwarf: &Dwarf<Bytes>, unit: &Unit<Bytes>, entry: &Entry) -> Option<Vec<u8>> {
        let defines = match entry.tag() {
            constants::DW_TAG_structure_type
            | constants::DW_TAG_union_type
            | constants::DW_TAG_enumeration_type => !entry.has_attr(constants::DW_AT_declaration),
            constants::DW_TAG_typedef => true,
            _ => false,
        };
        if !defines {
            return None;
        }
        let name = dwarf.attr_string(unit, entry.attr_value(constants::DW_AT_name)?).ok()?;
        self.missing.contains(name.slice()).then(|| name.slice().to_vec())
    }
}

/// Copies types of one unit into the graph.
struct Builder<'u, 'a> {
    dwarf: &'u Dwarf<Bytes<'a>>,
    unit: &'u Unit<Bytes<'a>>,
    graph: &'u mut TypeGraph,
    known: FxHashMap<UnitOffset, TypeId>,
}

impl<'a> Builder<'_, 'a> {
    /// The type at a place of the unit.
    fn build(&mut self, offset: UnitOffset, depth: usize) -> TypeId {
        if let Some(known) = self.known.get(&offset) {
            return *known;
        }
        let id = self.graph.add(Node::Other);
        self.known.insert(offset, id);
        if depth < DEEPEST && self.graph.len() < MOST_TYPES {
            match self.node(offset, depth) {
                Some(Ok(node)) => self.graph.set(id, node),
                Some(Err(same)) => {
                    // A typedef or a qualifier: whoever asks again gets the type itself.
                    self.known.insert(offset, same);
                    return same;
                }
                None => {}
            }
        }
        id
    }

    /// The node at a place; `Err` with the type that it is another name for.
    fn node(&mut self, offset: UnitOffset, depth: usize) -> Option<Result<Node, TypeId>> {
        let entry = self.unit.entry(offset).ok()?;
        let bytes = || u32::try_from(number(&entry, constants::DW_AT_byte_size)?).ok();
        Some(Ok(match entry.tag() {
            constants::DW_TAG_typedef
            | constants::DW_TAG_const_type
            | constants::DW_TAG_volatile_type
            | constants::DW_TAG_restrict_type
            | constants::DW_TAG_atomic_type => {
                return Some(Err(self.build(self.kind(&entry)?, depth + 1)));
            }
            constants::DW_TAG_structure_type | constants::DW_TAG_union_type => {
                let members = self.members(offset, depth)?;
                Node::Structure { bytes: bytes()?, members }
            }
            constants::DW_TAG_array_type => {
                let element = self.build(self.kind(&entry)?, depth + 1);
                Node::Array { element, elements: self.elements(offset)? }
            }
            constants::DW_TAG_enumeration_type => {
                let bytes = bytes()?;
                Node::Enumeration { bytes, values: self.values(offset)? }
            }
            constants::DW_TAG_base_type => {
                let encoding = entry.attr_value(constants::DW_AT_encoding)?;
                let signed = matches!(
                    encoding,
                    AttributeValue::Encoding(
                        constants::DW_ATE_signed | constants::DW_ATE_signed_char
                    )
                );
                Node::Plain { bytes: bytes()?, signed }
            }
            constants::DW_TAG_pointer_type => Node::Plain { bytes: 8, signed: false },
            _ => Node::Other,
        }))
    }

    /// Where an entry's type is, within the unit.
    fn kind(&self, entry: &Entry<'a>) -> Option<UnitOffset> {
        match entry.attr_value(constants::DW_AT_type)? {
            AttributeValue::UnitRef(offset) => Some(offset),
            AttributeValue::DebugInfoRef(offset) => offset.to_unit_offset(&self.unit.header),
            _ => None,
        }
    }

    /// The children of an entry.
    fn children(&self, offset: UnitOffset) -> Option<Vec<Entry<'a>>> {
        let mut cursor = self.unit.entries_at_offset(offset).ok()?;
        cursor.next_entry().ok()?;
        let mut children = Vec::new();
        if !cursor.current()?.has_children() {
            return Some(children);
        }
        cursor.next_entry().ok()?;
        while let Some(child) = cursor.current() {
            children.push(child.clone());
            if children.len() > MOST_CHILDREN || cursor.next_sibling().ok()?.is_none() {
                break;
            }
        }
        Some(children)
    }

    fn text(&self, entry: &Entry<'a>) -> Option<String> {
        let name = entry.attr_value(constants::DW_AT_name)?;
        let name = self.dwarf.attr_string(self.unit, name).ok()?;
        Some(name.to_string().ok()?.to_owned())
    }

    fn members(&mut self, offset: UnitOffset, depth: usize) -> Option<Vec<StructureMember>> {
        let mut members = Vec::new();
        for child in self.children(offset)? {
            if child.tag() != constants::DW_TAG_member {
                continue;
            }
            let bits = number(&child, constants::DW_AT_bit_size).unwrap_or(0);
            let start = self.start(&child, bits);
            let (Some(kind), Some(Ok(offset_bits))) = (self.kind(&child), start.map(u32::try_from))
            else {
                continue;
            };
            let name = self.text(&child).unwrap_or_default();
            let (bits, kind) = (u32::try_from(bits).ok()?, self.build(kind, depth + 1));
            members.push(StructureMember { name, offset_bits, bits, kind });
        }
        Some(members)
    }

    /// Bits from the structure's start to a member. Bit fields are told in two ways: counted from the
    /// structure's start (DWARF 4 and 5), or from the upper end of a storage unit (DWARF 2 and 3, and GCC
    /// until 10).
    fn start(&self, member: &Entry<'a>, bits: u64) -> Option<u64> {
        if let Some(start) = number(member, constants::DW_AT_data_bit_offset) {
            return Some(start);
        }
        // A union's members need not say that they are at 0.
        let start = match member.attr(constants::DW_AT_data_member_location) {
            Some(bytes) => bytes.udata_value()?.checked_mul(8)?,
            None => 0,
        };
        let Some(from_top) = number(member, constants::DW_AT_bit_offset) else {
            return Some(start);
        };
        let storage = number(member, constants::DW_AT_byte_size).or_else(|| {
            number(&self.unit.entry(self.kind(member)?).ok()?, constants::DW_AT_byte_size)
        })?;
        start.checked_add(storage.checked_mul(8)?)?.checked_sub(from_top)?.checked_sub(bits)
    }

    /// Elements of an array over all of its dimensions; 0 for one without a size.
    fn elements(&self, offset: UnitOffset) -> Option<u32> {
        let mut elements = 1_u64;
        for child in self.children(offset)? {
            if child.tag() != constants::DW_TAG_subrange_type {
                continue;
            }
            // Or the last index, which is -1 for no elements.
            let count = number(&child, constants::DW_AT_count)
                .or_else(|| number(&child, constants::DW_AT_upper_bound)?.checked_add(1));
            elements = elements.checked_mul(count.unwrap_or(0))?;
        }
        u32::try_from(elements).ok()
    }

    fn values(&self, offset: UnitOffset) -> Option<Vec<(String, i64)>> {
        let value = |entry: &Entry<'a>| match entry.attr_value(constants::DW_AT_const_value)? {
            AttributeValue::Sdata(value) => Some(value),
            _ => number(entry, constants::DW_AT_const_value).map(|value| value as i64),
        };
        let values = self.children(offset)?.into_iter();
        let values = values.filter(|child| child.tag() == constants::DW_TAG_enumerator);
        Some(values.filter_map(|child| Some((self.text(&child)?, value(&child)?))).collect())
    }
}

/// A number that is told as one, in whatever form, and is not negative.
fn number(entry: &Entry, name: gimli::DwAt) -> Option<u64> {
    entry.attr(name)?.udata_value()
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::btf::BtfTypes;
    use super::super::types::{Member, Types};
    use super::*;

    const WANTED: [&str; 9] = [
        "flex",
        "inner",
        "outer",
        "either",
        "plain",
        "negative",
        "anonymous_t",
        "local",
        "declared",
    ];
    const MEMBERS: [(&str, &str); 28] = [
        ("outer", "first"),
        ("outer", "low"),
        ("outer", "mid"),
        ("outer", "sgn"),
        ("outer", "nested"),
        ("outer", "nested.a"),
        ("outer", "nested.x"),
        ("outer", "nested.hi"),
        ("outer", "many"),
        ("outer", "text"),
        ("outer", "next"),
        ("outer", "call"),
        ("outer", "flag"),
        ("outer", "plain"),
        ("outer", "deep"),
        ("outer", "other"),
        ("outer", "mac"),
        ("outer", "mac.bytes"),
        ("outer", "small"),
        ("outer", "wide"),
        ("outer", "across"),
        ("outer", "none"),
        ("outer", "tail"),
        ("outer", "tail.items"),
        ("outer", "nowhere"),
        ("outer", "next.first"),
        ("either", "b"),
        ("local", "q"),
    ];

    /// A folder in which gcc works.
    pub(in crate::kernel) struct Build(PathBuf);

    impl Build {
        pub fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("nfm-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        pub fn run(&self, program: &str, arguments: &[&str]) {
            let output =
                Command::new(program).args(arguments).current_dir(&self.0).output().unwrap();
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{program} {arguments:?}: {errors}");
        }

        /// Compiles tests/symbols/types.c into a file.
        pub fn gcc(&self, file: &str, options: &[&str]) -> ElfFile {
            let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/symbols/types.c");
            self.run("gcc", &[&["-o", file, source], options].concat());
            self.open(file)
        }

        pub fn path(&self, file: &str) -> PathBuf {
            self.0.join(file)
        }

        pub fn open(&self, file: &str) -> ElfFile {
            let path = self.path(file);
            ElfFile::map(&path, &File::open(&path).unwrap()).unwrap()
        }
    }

    impl Drop for Build {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// All answers, in an order.
    fn answers(types: &dyn Types) -> Vec<String> {
        let sizes = WANTED.iter().map(|name| format!("{name}: {:?}", types.size_of(name)));
        let members =
            MEMBERS.iter().map(|(of, path)| format!("{of}.{path}: {:?}", types.member(of, path)));
        let values =
            [("plain", "ONE"), ("negative", "MINUS"), ("negative", "PLUS"), ("plain", "TWO")];
        let values = values.map(|(of, name)| format!("{name}: {:?}", types.enumerator(of, name)));
        sizes.chain(members).chain(values).collect()
    }

    fn of_btf(build: &Build) -> Vec<String> {
        let elf = build.gcc("btf.o", &["-c", "-gbtf"]);
        answers(&BtfTypes::parse(&elf.section(".BTF").unwrap(), &WANTED).unwrap())
    }

    #[test]
    fn dwarf_tells_what_btf_tells() {
        let build = Build::new("dwarf");
        let expected = of_btf(&build);
        assert_eq!(
            expected.iter().filter(|answer| answer.ends_with("None")).count(),
            8,
            "{expected:#?}"
        );
        let check = |what: &str, elf: &ElfFile| {
            let types = load(elf, &WANTED).unwrap_or_else(|reason| panic!("{what}: {reason}"));
            assert_eq!(answers(&types), expected, "{what}");
            // GCC's own BTF differs here from that of kernels, which pahole makes of DWARF: it nests dimensions, knows
            // no signed enumerations and leaves out large values.
            let enumeration = types.member("outer", "negative").map(|member| member.signed);
            assert_eq!(
                (enumeration, types.enumerator("plain", "BIG")),
                (Some(true), Some(-1 << 31))
            );
            let grid = Member { offset: 72, size: 80, elements: 20, bit: 0, bits: 0, signed: true };
            assert_eq!(types.member("outer", "grid"), Some(grid), "{what}");
        };
        for version in ["-gdwarf-4", "-gdwarf-5"] {
            check(version, &build.gcc("object.o", &["-c", version]));
            check(version, &build.gcc("linked", &[version]));
            check("not strict", &build.gcc("linked", &[version, "-gno-strict-dwarf", "-O2"]));
            check("zlib", &build.gcc("zlib", &[version, "-gz=zlib"]));
            check("zlib, not linked", &build.gcc("zlib.o", &["-c", version, "-gz=zlib"]));
            for kind in ["zlib-gnu", "zstd"] {
                let option = format!("--compress-debug-sections={kind}");
                build.run("objcopy", &[&option, "linked", "compressed"]);
                check(kind, &build.open("compressed"));
            }
            check("split", &build.gcc("split", &[version, "-gsplit-dwarf"]));
            // binutils' dwp knows DWARF 4 alone: 2.40 ends with a signal on DWARF 5.
            if version == "-gdwarf-4" {
                build.run("dwp", &["-e", "split", "-o", "split.dwp"]);
                std::fs::remove_file(build.path("split-types.dwo")).unwrap();
                check("package", &build.open("split"));
                std::fs::remove_file(build.path("split.dwp")).unwrap();
            }
            let _ = std::fs::remove_file(build.path("split-types.dwo"));
            let gone = load(&build.open("split"), &WANTED).unwrap_err();
            assert!(gone.contains("split-types.dwo"), "{gone}");
        }
    }

    #[test]
    fn what_holds_no_types() {
        let build = Build::new("no-dwarf");
        let without = build.gcc("without", &["-g0"]);
        assert!(load(&without, &WANTED).unwrap_err().contains(".debug_info"));
        let with = build.gcc("with", &["-g"]);
        assert!(load(&with, &["task_struct"]).unwrap_err().contains("none of the kernel's types"));
    }

    /// No file makes the parser panic, hang or take memory without bounds, wherever it was damaged.
    #[test]
    fn damage_is_survived() {
        let build = Build::new("damage");
        for options in
            [&["-gdwarf-4"][..], &["-gdwarf-5", "-gz=zlib"], &["-c", "-gdwarf-5"], &["-c", "-gbtf"]]
        {
            build.gcc("whole", options);
            let whole = std::fs::read(build.path("whole")).unwrap();
            let file = build.path("damaged");
            let try_it = |bytes: &[u8]| {
                std::fs::write(&file, bytes).unwrap();
                if let Ok(elf) = ElfFile::map(&file, &File::open(&file).unwrap()) {
                    let _ = elf.build_id();
                    let _ = elf.symbols(&["main"]);
                    let btf = elf.section(".BTF").map(|bytes| BtfTypes::parse(&bytes, &WANTED));
                    if let Ok(Ok(types)) = btf {
                        answers(&types);
                    }
                    if let Ok(types) = load(&elf, &WANTED) {
                        answers(&types);
                    }
                }
            };
            for length in (0..whole.len()).step_by(301) {
                if length > 0 {
                    try_it(&whole[..length]);
                }
            }
            // A generator of numbers that is the same each time (Knuth's MMIX).
            let mut state = 1_u64;
            let mut random = |below: usize| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) as usize % below
            };
            for _ in 0..150 {
                let mut bytes = whole.clone();
                for _ in 0..1 + random(8) {
                    let at = random(bytes.len());
                    bytes[at] = [0, 0xff, 0x7f, random(256) as u8][random(4)];
                }
                try_it(&bytes);
            }
        }
    }
}

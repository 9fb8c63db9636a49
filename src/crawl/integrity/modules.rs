//! Modules that the kernel has, and does not show everywhere.

use std::cell::RefCell;
use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::confirm::{confirmed, forward, slot, slots};
use super::outcome::{done, not_done};
use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::crawl::tree::rb_entries;
use crate::frame::{HiddenModule, Integrity, Text};

/// Where the kernel keeps modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ModuleIndex {
    /// `modules`: what `/proc/modules` shows.
    List,
    /// `module_kset`: the folders of `/sys/module`.
    Kset,
    /// `mod_tree`: modules by their memory, for backtraces.
    Memory,
}

impl ModuleIndex {
    const ALL: [Self; 3] = [Self::List, Self::Kset, Self::Memory];

    fn name(self) -> &'static str {
        match self {
            Self::List => "module list",
            Self::Kset => "/sys/module",
            Self::Memory => "module memory",
        }
    }

    fn check(self) -> &'static str {
        match self {
            Self::List => "modules in the module list",
            Self::Kset => "modules in /sys/module",
            Self::Memory => "modules in the tree of module memory",
        }
    }
}

/// A module, wherever it was found.
#[derive(Clone, Debug)]
pub(super) struct KnownModule {
    pub address: u64,
    pub name: Option<Text>,
    /// Its memory as (address, bytes).
    pub memory: Vec<(u64, u64)>,
    /// True if it is loaded, neither coming nor going.
    live: bool,
    pub seen: Vec<ModuleIndex>,
}

impl KnownModule {
    /// True if `/proc/modules` shows it.
    pub fn is_listed(&self) -> bool {
        self.seen.contains(&ModuleIndex::List)
    }

    /// True if it has to be in a place. Loading and unloading (kernel/module/main.c) take care that a live module is
    /// in all of them; one that has its folder is in the list, and is formed.
    fn belongs(&self, place: ModuleIndex) -> bool {
        self.live || (place == ModuleIndex::List && self.seen.contains(&ModuleIndex::Kset))
    }
}

/// How many modules each place has, and why not it was not looked at, or not wholly.
type Outcomes = BTreeMap<ModuleIndex, ReadResult<u64>>;

/// The modules that one look found.
pub(super) struct Modules {
    pub all: Vec<KnownModule>,
    places: Outcomes,
    /// A module was met that cannot be read.
    unread: Option<ReadError>,
}

impl Modules {
    /// True if all lists of modules and of their memory could be read.
    pub fn are_whole(&self) -> bool {
        let is_unread = |place: &ReadResult<u64>| place.is_err_and(ReadError::is_unreadable);
        self.unread.is_none() && !self.places.values().any(is_unread)
    }
}

/// `MODULE_STATE_LIVE` and `MODULE_STATE_UNFORMED` (include/linux/module.h).
const LIVE: u64 = 0;
const UNFORMED: u64 = 3;
/// Entries of the tree of module memory: a module has at most seven kinds.
const MOST_NODES: usize = 1 << 16;
/// Bytes that one piece of a module can have; more is no module's.
const MOST_BYTES: u64 = 1 << 30;

/// Looks once for all modules.
///
/// # Errors
/// A list was met in the middle of a change.
pub(super) fn known(reader: &Reader) -> ReadResult<Modules> {
    let mut seen: FxHashMap<u64, Vec<ModuleIndex>> = FxHashMap::default();
    let mut places = Outcomes::new();
    for place in ModuleIndex::ALL {
        let absences = reader.absences();
        let mut modules = Vec::new();
        let looked = match place {
            ModuleIndex::List => listed(reader, &mut modules),
            ModuleIndex::Kset => in_sysfs(reader, &mut modules),
            ModuleIndex::Memory => in_memory(reader, &mut modules),
        };
        modules.sort_unstable();
        modules.dedup();
        let looked = match (looked, reader.unread_since(absences)) {
            (Err(error), _) if !error.is_lack() && !error.is_unreadable() => return Err(error),
            (Ok(()), Some(unread)) => Err(unread),
            (looked, _) => looked,
        };
        places.insert(place, looked.map(|()| modules.len() as u64));
        for module in modules {
            seen.entry(module).or_default().push(place);
        }
    }
    let before = reader.absences();
    let layout = &reader.layout.system.module;
    let known = seen.into_iter().map(|(address, seen)| KnownModule {
        address,
        name: reader.text(address, layout.name).ok(),
        memory: memory(reader, address).unwrap_or_default(),
        live: reader.unsigned(address, layout.state).is_ok_and(|state| state == LIVE),
        seen,
    });
    let all = known.collect();
    Ok(Modules { all, places, unread: reader.unread_since(before) })
}

pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    let places = RefCell::new((Outcomes::new(), None));
    let result = confirmed(reader, |_| {
        let Modules { all, places: looked, unread } = known(reader)?;
        let mut missing = BTreeMap::new();
        for module in all {
            let lacking = looked.iter().filter(|(place, count)| {
                count.is_ok() && !module.seen.contains(place) && module.belongs(**place)
            });
            for (place, _) in lacking {
                missing.insert((module.address, *place), module.clone());
            }
        }
        *places.borrow_mut() = (looked, unread);
        Ok(missing)
    });
    let (places, unread) = places.into_inner();
    for place in ModuleIndex::ALL {
        found.checks.push(match (&result, places.get(&place)) {
            (Ok(_), Some(Ok(count))) => done(place.check(), *count, unread),
            (Ok(_), Some(Err(error))) | (Err(error), _) => not_done(place.check(), *error),
            (Ok(_), None) => continue,
        });
    }
    let mut hidden: BTreeMap<u64, HiddenModule> = BTreeMap::new();
    let missing = result.map(|confirmed| confirmed.found).unwrap_or_default();
    for ((address, place), module) in missing {
        let row = hidden.entry(address).or_insert_with(|| HiddenModule {
            name: module.name.clone(),
            address,
            code: module.memory.first().map(|(start, _)| *start),
            size: (!module.memory.is_empty())
                .then(|| module.memory.iter().map(|(_, bytes)| *bytes).sum()),
            seen_in: module.seen.iter().map(|place| Text::fixed(place.name())).collect(),
            missing_from: Vec::new(),
        });
        row.missing_from.push(Text::fixed(place.name()));
    }
    found.hidden_modules = hidden.into_values().collect();
}

/// The modules that the list shows: one that calls itself unformed is passed over by all who walk it.
fn listed(reader: &Reader, modules: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.system.module;
    let head = reader.symbol(reader.layout.symbols.modules)?;
    let (all, walked) = forward(reader, head, layout.list);
    let is_formed =
        |module: &u64| reader.unsigned(*module, layout.state).is_ok_and(|state| state != UNFORMED);
    modules.extend(all.into_iter().filter(is_formed));
    walked
}

/// The modules of the folders of `/sys/module`; what is built into the kernel has a folder and no module.
fn in_sysfs(reader: &Reader, modules: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    let kset = reader.u64_at(reader.symbol(reader.layout.symbols.module_kset)?)?;
    let head = reader.at(kset, layout.kset.list)?;
    let (folders, walked) = forward(reader, head, layout.module_kobject.entry);
    for folder in folders {
        modules.extend(reader.pointer(folder, layout.module_kobject.module)?);
    }
    walked
}

/// The modules of the tree by which the kernel tells whose an address is. Both of its trees hold the same.
fn in_memory(reader: &Reader, modules: &mut Vec<u64>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    let root = reader.symbol(reader.layout.symbols.mod_tree)?;
    let first = slot(reader, root, layout.module_tree.trees, 0)?;
    let mut nodes = Vec::new();
    let at = layout.module_tree_node.nodes;
    let walked = rb_entries(reader, first, at, MOST_NODES, &mut nodes);
    for node in nodes {
        modules.push(reader.follow(node, layout.module_tree_node.module)?);
    }
    walked
}

/// The pieces of a module's memory, its code first.
fn memory(reader: &Reader, module: u64) -> ReadResult<Vec<(u64, u64)>> {
    let system = &reader.layout.system;
    let layout = &system.module;
    let mut pieces = Vec::new();
    if layout.mem.exists() {
        for kind in 0..slots(layout.mem)? {
            let piece = slot(reader, module, layout.mem, kind)?;
            let base = reader.unsigned(piece, system.module_memory.base)?;
            pieces.push((base, reader.unsigned(piece, system.module_memory.bytes)?));
        }
    } else {
        let init = &reader.layout.integrity.module_init;
        for (base, bytes) in [(layout.core_base, layout.core_size), (init.base, init.bytes)] {
            pieces.push((reader.unsigned(module, base)?, reader.unsigned(module, bytes)?));
        }
    }
    pieces.retain(|(base, bytes)| *base != 0 && (1..=MOST_BYTES).contains(bytes));
    Ok(pieces)
}

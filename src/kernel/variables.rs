//! Variables that no table names, told by what they hold: structures that the types describe and that no other memory
//! of the kernel's image can be. Each is taken only if several facts agree and one place alone has them; a list must
//! lead back to its head.

use memchr::memmem;
use rustc_hash::FxHashMap;

use super::image::{Access, KernelImage};
use super::names::{FIRST_TASK, FIRST_UTS, TELLING_VARIABLES};
use super::types::Types;
use crate::memory::GuestRam;
use crate::paging::AddressSpace;

/// `MODULES_END` (arch/x86/include/asm/pgtable_64_types.h): modules lie between the image and here.
const MODULES_END: u64 = 0xffff_ffff_ff00_0000;
/// Nodes of a list that are followed.
const MOST_NODES: usize = 10_000;
/// Places that are looked at closely for one variable.
const MOST_CANDIDATES: usize = 1 << 16;
/// `MODULE_NAME_LEN` (include/linux/module.h).
const LONGEST_MODULE_NAME: usize = 56;
/// `MODULE_STATE_UNFORMED`, the last of `enum module_state` (include/linux/module.h).
const LAST_MODULE_STATE: u64 = 3;
/// `VSYSCALL_ADDR` (arch/x86/include/uapi/asm/vsyscall.h).
const VSYSCALL: u64 = 0xffff_ffff_ff60_0000;
const PAGE: u64 = 4096;
/// Addresses of the kernel are above.
const KERNEL_HALF: u64 = 0xff00_0000_0000_0000;
/// `SMP_CACHE_BYTES`.
const CACHE_LINE: usize = 64;
const SECOND: u64 = 1_000_000_000;
/// The most that a clock's wall time and its seconds may differ by, while the kernel updates them.
const CLOCK_SLACK_SECONDS: u64 = 2;
/// No clock source shifts further (`clocks_calc_mult_shift`, kernel/time/clocksource.c).
const MOST_SHIFT: u64 = 32;

/// A part of the image at its address.
type Part = (u64, Vec<u8>);

/// Addresses that may be heads of lists.
#[derive(Default)]
struct Heads {
    /// Whose first and last nodes are where modules lie.
    of_modules: Vec<u64>,
    /// Whose first and last nodes are below the image, where memory that was allocated is.
    of_others: Vec<u64>,
}

/// The search.
pub(super) struct Search<'a> {
    pub ram: &'a GuestRam,
    pub image: &'a KernelImage,
    pub space: &'a AddressSpace<'a>,
    pub types: &'a dyn Types,
    pub release: Option<&'a str>,
    /// Parts that only the kernel's start wrote to.
    pub constants: &'a [Part],
}

impl Search<'_> {
    /// Adds what is not known yet and can be told.
    pub fn complete(&self, known: &mut FxHashMap<String, u64>) {
        let variables = self.image.read(self.ram, Access::ReadWrite);
        let heads = self.heads(&variables);
        let mut add = |name: &str, find: &dyn Fn(&FxHashMap<String, u64>) -> Option<u64>| {
            if !known.contains_key(name)
                && let Some(address) = find(known)
            {
                tracing::debug!(name, address, "a variable told by what it holds");
                known.insert(name.to_owned(), address);
            }
        };
        add(FIRST_TASK, &|_| self.first_task(&variables));
        add(FIRST_UTS, &|_| self.first_uts(&variables));
        add("net_namespace_list", &|known| self.net_namespaces(*known.get(FIRST_TASK)?));
        add("init_cred", &|known| {
            let credentials = self.member("task_struct", "real_cred", *known.get(FIRST_TASK)?)?;
            self.image.contains(credentials).then_some(credentials)
        });
        add("modules", &|_| self.modules(&heads));
        add("btf_modules", &|known| self.btf_modules(&heads, *known.get("modules")?));
        if self.types.size_of("tk_data").is_some() {
            add("timekeeper_data", &|known| match known.contains_key("tk_core") {
                true => None,
                false => self.clock(&variables),
            });
        } else {
            add("tk_core", &|_| self.clock(&variables));
        }
        add("neigh_tables", &|known| {
            let [arp, nd] = TELLING_VARIABLES.map(|name| known.get(name).copied());
            let (arp, nd) = (arp?, nd?);
            let holds_both = |at: &u64| self.word(at.wrapping_add(8)) == Some(nd);
            only(places_of(&variables, &arp.to_le_bytes()).filter(holds_both))
        });
        add("special_mapping_vmops", &|known| {
            self.operations(known, &["special_mapping_fault", "special_mapping_name"])
        });
        add("gate_vma_ops", &|known| self.operations(known, &["gate_vma_name"]));
        add("gate_vma", &|known| {
            let operations = *known.get("gate_vma_ops")?;
            self.gate(operations, self.constants).or_else(|| self.gate(operations, &variables))
        });
    }

    fn word(&self, at: u64) -> Option<u64> {
        self.space.number(at, 8).ok()
    }

    /// A member that is a plain number.
    fn member(&self, structure: &str, path: &str, base: u64) -> Option<u64> {
        let member = self.types.member(structure, path)?;
        let at = base.wrapping_add(u64::from(member.offset));
        self.space.number(at, member.size.min(8)).ok()
    }

    fn offset(&self, structure: &str, path: &str) -> Option<u64> {
        self.types.member(structure, path).map(|member| u64::from(member.offset))
    }

    /// `init_task` (init/init_task.c): named `swapper`, with id 0, its own parent and leader, in the ring of tasks.
    fn first_task(&self, variables: &[Part]) -> Option<u64> {
        let [comm, tasks] = ["comm", "tasks"].map(|path| self.offset("task_struct", path));
        let (comm, tasks) = (comm?, tasks?);
        let is_it = |task: &u64| {
            let of = |path| self.member("task_struct", path, *task);
            let node = task.wrapping_add(tasks);
            let next = self.word(node).filter(|next| *next != node);
            [of("pid"), of("tgid")] == [Some(0); 2]
                && [of("real_parent"), of("group_leader")] == [Some(*task); 2]
                && next.and_then(|next| self.word(next.wrapping_add(8))) == Some(node)
        };
        let places = places_of(variables, b"swapper");
        only(places.map(|at| at.wrapping_sub(comm)).filter(is_it))
    }

    /// `init_uts_ns` (init/version.c): the release, and the name of the system before it.
    fn first_uts(&self, variables: &[Part]) -> Option<u64> {
        let [system, release] =
            ["name.sysname", "name.release"].map(|path| self.offset("uts_namespace", path));
        let (system, release) = (system?, release?);
        let text = [self.release?.as_bytes(), b"\0"].concat();
        let is_it = |uts: &u64| {
            let mut name = [0; 6];
            let read = self.space.read(uts.wrapping_add(system), &mut name);
            read.is_ok() && name == *b"Linux\0"
        };
        let places = places_of(variables, &text);
        only(places.map(|at| at.wrapping_sub(release)).filter(is_it))
    }

    /// `net_namespace_list` (net/core/net_namespace.c): the one node in the ring of the first task's network namespace
    /// that is in the image and no namespace.
    fn net_namespaces(&self, first_task: u64) -> Option<u64> {
        let proxy = self.member("task_struct", "nsproxy", first_task)?;
        let first = self.member("nsproxy", "net_ns", proxy)?;
        let own = first.wrapping_add(self.offset("net", "list")?);
        let ring = self.ring(own)?;
        only(ring.into_iter().filter(|node| *node != own && self.image.contains(*node)))
    }

    /// All nodes of a ring, if each leads back to the one before it.
    fn ring(&self, start: u64) -> Option<Vec<u64>> {
        let (mut nodes, mut node) = (vec![start], start);
        while nodes.len() <= MOST_NODES {
            let next = self.word(node)?;
            (self.word(next.wrapping_add(8))? == node).then_some(())?;
            if next == start {
                return Some(nodes);
            }
            nodes.push(next);
            node = next;
        }
        None
    }

    /// `modules` (kernel/module/main.c). A list without modules cannot be told from any other that is empty.
    fn modules(&self, heads: &Heads) -> Option<u64> {
        let list = self.offset("module", "list")?;
        let is_it = |head: &u64| {
            let ring = self.ring(*head);
            ring.is_some_and(|nodes| {
                nodes.iter().skip(1).all(|node| self.is_module(node.wrapping_sub(list)))
            })
        };
        only(heads.of_modules.iter().copied().filter(is_it))
    }

    /// Pairs of words that may be the head of a list. One pass, for there are millions of words.
    fn heads(&self, variables: &[Part]) -> Heads {
        let mut heads = Heads::default();
        let image_end = self.image.start.saturating_add(self.image.length);
        for (start, bytes) in variables {
            let (mut at, mut before) = (*start, 0);
            for word in bytes.as_chunks::<8>().0 {
                let word = u64::from_le_bytes(*word);
                if word > KERNEL_HALF && before > KERNEL_HALF {
                    let head = at.wrapping_sub(8);
                    let are_in =
                        |start, end| (start..end).contains(&word) && (start..end).contains(&before);
                    let aligned = (word | before).is_multiple_of(8);
                    if aligned && are_in(image_end, MODULES_END) {
                        heads.of_modules.push(head);
                    } else if aligned && are_in(KERNEL_HALF, self.image.start) {
                        heads.of_others.push(head);
                    }
                }
                before = word;
                at = at.wrapping_add(8);
            }
        }
        heads.of_modules.truncate(MOST_CANDIDATES);
        heads.of_others.truncate(MOST_CANDIDATES);
        heads
    }

    /// True if a module is at an address: its state, its name, and the object of sysfs that leads back to it.
    fn is_module(&self, module: u64) -> bool {
        let mut name = [0; LONGEST_MODULE_NAME];
        let at = self.offset("module", "name").map(|name| module.wrapping_add(name));
        let is_read = at.is_some_and(|at| self.space.read(at, &mut name).is_ok());
        let text = name.split(|byte| *byte == 0).next().unwrap_or_default();
        let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        let state = self.member("module", "state", module);
        let unformed = state == Some(LAST_MODULE_STATE);
        is_read
            && !text.is_empty()
            && text.iter().all(is_name)
            && state.is_some_and(|state| state <= LAST_MODULE_STATE)
            && (unformed || self.member("module", "mkobj.mod", module) == Some(module))
    }

    /// `btf_modules` (kernel/bpf/btf.c): each node names a module and its types.
    fn btf_modules(&self, heads: &Heads, modules: u64) -> Option<u64> {
        let list = self.offset("btf_module", "list")?;
        let module_list = self.offset("module", "list")?;
        let known = self.ring(modules)?;
        let is_node = |node: u64| {
            let module = self.member("btf_module", "module", node.wrapping_sub(list));
            module.is_some_and(|module| known.contains(&module.wrapping_add(module_list)))
        };
        let is_first = |head: &u64| self.word(*head).is_some_and(is_node);
        let is_it = |head: &u64| {
            self.ring(*head).is_some_and(|nodes| nodes.iter().skip(1).all(|node| is_node(*node)))
        };
        only(heads.of_others.iter().copied().filter(is_first).filter(is_it))
    }

    /// The clock (kernel/time/timekeeping.c): `tk_core`, until 6.16, or the first of `timekeeper_data`. Its wall time
    /// and its seconds agree, and both of its readers use one clock source, which is the kernel's. Its copy in
    /// `shadow_timekeeper` has no sequence count before it.
    fn clock(&self, variables: &[Part]) -> Option<u64> {
        let of = |path| self.offset("timekeeper", path);
        let (mono, raw) = (of("tkr_mono.clock")?, of("tkr_raw.clock")?);
        let before = match self.types.member("tk_data", "timekeeper") {
            Some(member) => u64::from(member.offset),
            None => {
                let names = ["seqcount_raw_spinlock", "seqcount"];
                let size = names.into_iter().find_map(|name| self.types.size_of(name))?;
                u64::from(size).next_multiple_of(8)
            }
        };
        let is_clock = |clock: u64| {
            let of = |path| self.member("timekeeper", path, clock);
            let agree = || {
                let wall = of("tkr_mono.base")?.wrapping_add(of("offs_real")?) / SECOND;
                let seconds = of("xtime_sec")?;
                let shift = of("tkr_mono.shift")?;
                let counts = self.space.number(clock.wrapping_sub(before), 4).ok()? != 0;
                let near = wall.abs_diff(seconds) <= CLOCK_SLACK_SECONDS && seconds > 0;
                Some(near && counts && (1..=MOST_SHIFT).contains(&shift))
            };
            agree().unwrap_or(false)
        };
        let gap = raw.checked_sub(mono)?;
        let mut clocks = Vec::new();
        for (start, bytes) in variables {
            // Each variable of this kind has cache lines of its own (`____cacheline_aligned`).
            for place in (0..bytes.len()).step_by(CACHE_LINE) {
                let source = |offset: u64| {
                    let at = place.checked_add(usize::try_from(offset).ok()?)?;
                    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
                };
                let first = before.wrapping_add(mono);
                let one = source(first).filter(|source| self.image.contains(*source));
                if one.is_some() && one == source(first.wrapping_add(gap)) {
                    let data = start.wrapping_add(place as u64);
                    clocks.extend(is_clock(data.wrapping_add(before)).then_some(data));
                }
            }
        }
        only(clocks.into_iter())
    }

    /// A `struct vm_operations_struct` of these functions, each of which begins with its member's name.
    fn operations(&self, known: &FxHashMap<String, u64>, functions: &[&str]) -> Option<u64> {
        let members = functions.iter().map(|function| {
            let (_, path) = function.rsplit_once('_')?;
            Some((self.offset("vm_operations_struct", path)?, *known.get(*function)?))
        });
        let members: Vec<(u64, u64)> = members.collect::<Option<_>>()?;
        let (first, function) = *members.first()?;
        let pointer = function.to_le_bytes();
        let candidates = places_of(self.constants, &pointer);
        let candidates = candidates.map(|at| at.wrapping_sub(first));
        only(candidates.filter(|table| {
            let agrees = |(offset, function): &(u64, u64)| {
                self.word(table.wrapping_add(*offset)) == Some(*function)
            };
            members.iter().all(agrees)
        }))
    }

    /// `gate_vma` (arch/x86/entry/vsyscall/vsyscall_64.c).
    fn gate(&self, operations: u64, parts: &[Part]) -> Option<u64> {
        let of = |path| self.offset("vm_area_struct", path);
        let (start, end) = (of("vm_start")?, of("vm_end")?);
        let operations_at = of("vm_ops")?;
        let pointer = operations.to_le_bytes();
        let candidates = places_of(parts, &pointer);
        let candidates = candidates.map(|at| at.wrapping_sub(operations_at));
        only(candidates.filter(|vma| {
            self.word(vma.wrapping_add(start)) == Some(VSYSCALL)
                && self.word(vma.wrapping_add(end)) == Some(VSYSCALL + PAGE)
        }))
    }
}

/// Addresses at which these bytes stand.
fn places_of<'p>(parts: &'p [Part], bytes: &'p [u8]) -> impl Iterator<Item = u64> + 'p {
    let places = parts.iter().flat_map(move |(start, content)| {
        memmem::find_iter(content, bytes).map(|at| start.wrapping_add(at as u64))
    });
    places.take(MOST_CANDIDATES)
}

/// The only one: of two that look alike neither is known to be it.
fn only(mut found: impl Iterator<Item = u64>) -> Option<u64> {
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

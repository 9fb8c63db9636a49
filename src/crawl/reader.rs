//! Reading kernel structures: fields, strings, lists. Everything is copied out, bounded and checked.

use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::files::Descriptor;
use super::frame_cache::FrameCache;
use super::pass::Passes;
use super::path;
use super::vmas::Vma;
use crate::frame::{Problem, Section, Text};
use crate::kernel::Kernel;
use crate::layout::{Field, Layout, Symbol};
use crate::memory::Limit;
use crate::paging::{AddressSpace, Fault, FaultKind};

/// Entries that a list may have before it counts as endless.
const LONGEST_LIST: usize = 1 << 20;
/// Walks of one list before what was reached must do.
const WALKS: u32 = 6;
/// Time that one frame gives the guest to settle, over all its lists: who breaks many of them must not
/// use up the frame's time so.
const LONGEST_WAIT: Duration = Duration::from_millis(60);
/// Bytes that an entry of a list costs while it is looked at.
const ENTRY_COST: usize = 16;
/// Bytes of paths that are kept to be used again.
const MOST_PATH_BYTES: usize = 4 << 20;
/// Problems that a frame names; more are counted only.
const MOST_PROBLEMS: usize = 100;
/// Links that one look may follow through lists and tables of its own: a bound on what a hostile guest can
/// make of memory that was read already, which costs no read that would meet the deadline.
const MOST_STEPS: u32 = 1 << 21;
/// CPUs that a kernel can have (`NR_CPUS`'s maximum on x86-64).
const MOST_CPUS: u32 = 8192;

/// Why a fact could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// Guest memory could not be read.
    Fault(Fault),
    /// This kernel's structure has no such member.
    NoMember(&'static str),
    /// This kernel has no such variable.
    NoSymbol(&'static str),
    /// Nothing tells how it is to be read.
    Unknown(&'static str),
    /// What was read cannot be.
    Nonsense {
        /// What it was.
        what: &'static str,
        /// Where.
        address: u64,
    },
    /// The frame may not cost more.
    Limit(Limit),
}

impl From<Limit> for ReadError {
    fn from(limit: Limit) -> Self {
        Self::Limit(limit)
    }
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ReadError {
    /// The address at which it happened.
    pub fn address(self) -> Option<u64> {
        match self {
            Self::Fault(fault) => Some(fault.address),
            Self::Nonsense { address, .. } => Some(address),
            Self::NoMember(_) | Self::NoSymbol(_) | Self::Unknown(_) | Self::Limit(_) => None,
        }
    }

    /// What a structure that changed while it was read looks like: it may be whole at the next look.
    fn is_torn(self) -> bool {
        use FaultKind::{NotCanonical, NotMapped, NotRam};
        match self {
            Self::Fault(fault) => matches!(fault.kind, NotCanonical | NotMapped | NotRam),
            Self::Nonsense { .. } => true,
            Self::NoMember(_) | Self::NoSymbol(_) | Self::Unknown(_) | Self::Limit(_) => false,
        }
    }

    /// The page tables lead to memory that cannot be read: it is missing in a dump, or the host has it not.
    pub fn is_unreadable(self) -> bool {
        matches!(self, Self::Fault(Fault { kind: FaultKind::NotRam, .. }))
    }

    /// This kernel has not what was asked for.
    pub fn is_lack(self) -> bool {
        matches!(self, Self::NoMember(_) | Self::NoSymbol(_))
    }

    /// Nothing more can be read in this frame.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Limit(_) | Self::Fault(Fault { kind: FaultKind::Limit(_), .. }))
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::NoMember(name) => write!(f, "this kernel has no member {name}"),
            Self::NoSymbol(name) => write!(f, "this kernel has no variable {name}"),
            Self::Unknown(what) | Self::Nonsense { what, .. } => f.write_str(what),
            Self::Limit(limit) => limit.fmt(f),
        }
    }
}

pub(crate) type ReadResult<T> = Result<T, ReadError>;

/// A task as it was met in the list. Its memory may be another's by the next look, so who it was is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    /// Where its `task_struct` lies.
    pub address: u64,
    /// Its process id.
    pub pid: u32,
    /// When it started.
    pub start: u64,
}

/// What a descriptor, a mapping or a link leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PathRef {
    /// The `struct vfsmount`.
    pub mnt: u64,
    /// The `struct dentry`.
    pub dentry: u64,
}

/// Tells whether a walk along links meets itself: it is at one place after each power of two of steps, and there
/// again (Brent's algorithm), so that nothing is kept and no length is too long.
pub(crate) struct Walk<T> {
    mark: T,
    steps: usize,
}

impl<T: PartialEq> Walk<T> {
    /// A walk that begins here.
    pub fn new(start: T) -> Self {
        Self { mark: start, steps: 0 }
    }

    /// Steps so far.
    pub fn steps(&self) -> usize {
        self.steps
    }

    /// The walk comes here, from its beginning on.
    ///
    /// # Errors
    /// It was here before.
    pub fn step(&mut self, here: T, what: &'static str, address: u64) -> ReadResult<()> {
        if self.steps > 0 && self.mark == here {
            return Err(ReadError::Nonsense { what, address });
        }
        self.steps += 1;
        if self.steps.is_power_of_two() {
            self.mark = here;
        }
        Ok(())
    }
}

/// What rows may hold beyond what they always do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Details {
    /// The threads of each process.
    pub threads: bool,
    /// Where the pages of each mapping are.
    pub physical: bool,
}

/// One frame's view of one guest.
pub(crate) struct Context<'a> {
    /// The kernel's address space.
    pub space: &'a AddressSpace<'a>,
    /// What is known of the kernel.
    pub kernel: &'a Kernel,
    /// Its offsets.
    pub layout: &'a Layout,
    /// What was asked for beyond the sections' own rows.
    pub details: Details,
    /// What the last frame left.
    pub(super) reuse: &'a FrameCache,
    /// When the frame began.
    pub(super) begun: Instant,
    section: Cell<&'static str>,
    problems: RefCell<Vec<Problem>>,
    unnamed_problems: Cell<usize>,
    pub(super) retries: Cell<u32>,
    /// Facts so far that looked torn.
    pub(super) torn: Cell<u64>,
    /// The tasks, once they were listed.
    pub(super) tasks: OnceCell<ReadResult<Vec<Task>>>,
    /// The generation of pages in which that was.
    pub(super) listed_in: Cell<u64>,
    /// Set once what hangs on the tasks was read ahead.
    pub(super) warm: OnceCell<()>,
    /// Links that the look followed so far.
    steps: Cell<u32>,
    /// Paths that were already made in this frame.
    paths: RefCell<FxHashMap<PathRef, path::Found>>,
    path_bytes: Cell<usize>,
    /// How long the guest was given to settle.
    waited: Cell<Duration>,
    /// Paths of control groups, by their `struct kernfs_node`.
    pub groups: RefCell<FxHashMap<u64, Text>>,
    /// What was taken of the tasks.
    pub(super) passes: RefCell<Passes>,
    /// Problems that were met, also those that were noted already.
    pub(super) met: Cell<u64>,
    /// Kept for their room.
    pub(super) room: RefCell<Vec<Descriptor>>,
    pub(super) areas: RefCell<Vec<Vma>>,
    bytes: RefCell<Vec<u8>>,
    /// The CPUs that there may be, which never change.
    possible_cpus: OnceCell<ReadResult<Vec<u32>>>,
}

impl<'a> Context<'a> {
    /// A view with nothing noted yet.
    pub fn new(
        space: &'a AddressSpace<'a>,
        kernel: &'a Kernel,
        layout: &'a Layout,
        details: Details,
        reuse: &'a FrameCache,
    ) -> Self {
        Self {
            space,
            kernel,
            layout,
            details,
            reuse,
            begun: Instant::now(),
            section: Cell::new(""),
            problems: RefCell::default(),
            unnamed_problems: Cell::new(0),
            retries: Cell::new(0),
            torn: Cell::new(0),
            tasks: OnceCell::new(),
            listed_in: Cell::default(),
            warm: OnceCell::new(),
            steps: Cell::new(0),
            paths: RefCell::default(),
            path_bytes: Cell::default(),
            waited: Cell::default(),
            groups: RefCell::default(),
            passes: RefCell::default(),
            met: Cell::default(),
            room: RefCell::default(),
            areas: RefCell::default(),
            bytes: RefCell::default(),
            possible_cpus: OnceCell::new(),
        }
    }

    /// The same for a frame of these sections.
    pub fn of_sections(self, sections: &[Section]) -> Self {
        Self { passes: RefCell::new(Passes::new(sections)), ..self }
    }

    /// Problems from here on belong to this section.
    pub fn enter(&self, section: &'static str) {
        self.section.set(section);
    }

    /// The section is done: had a limit ended it, that is said, once.
    pub fn leave(&self) {
        if let Some(limit) = self.space.budget().reached() {
            self.problem(format!("{limit}: what is missing was not read"), None);
        }
    }

    /// Bytes that are kept until the frame is done.
    pub fn keep(&self, bytes: usize) -> ReadResult<()> {
        Ok(self.space.budget().keep(bytes)?)
    }

    /// These items, as long as the frame's limits allow a row of `T` for each.
    pub fn rows<'c, T, I>(&'c self, items: I) -> impl Iterator<Item = I::Item> + use<'c, 'a, T, I>
    where
        I: IntoIterator,
    {
        let items = items.into_iter();
        items.take_while(|_| {
            // Between two rows nothing depends on pages that were read before.
            self.space.may_move_on();
            self.space.budget().row(std::mem::size_of::<T>()).is_ok()
        })
    }

    /// A path that was already made in this frame.
    pub(super) fn known_path(&self, path: &PathRef) -> Option<path::Found> {
        self.paths.borrow().get(path).cloned()
    }

    /// Keeps a path for those who ask again.
    pub(super) fn know_path(&self, path: PathRef, found: &path::Found) {
        let bytes = self.path_bytes.get() + found.text.len() + std::mem::size_of::<PathRef>();
        if bytes <= MOST_PATH_BYTES {
            self.path_bytes.set(bytes);
            self.paths.borrow_mut().insert(path, found.clone());
        }
    }

    /// Problems and retries, once all sections are crawled.
    pub fn finish(self) -> (Vec<Problem>, u32) {
        let mut problems = self.problems.into_inner();
        if self.unnamed_problems.get() > 0 {
            let reason = format!("{} more problems", self.unnamed_problems.get());
            problems.push(Problem {
                section: Text::fixed(self.section.get()),
                reason,
                address: None,
            });
        }
        (problems, self.retries.get())
    }

    /// Notes a problem of the section; a reason without an address is noted once.
    pub fn problem(&self, reason: String, address: Option<u64>) {
        self.met.set(self.met.get().saturating_add(1));
        let problem = Problem { section: Text::fixed(self.section.get()), reason, address };
        let mut problems = self.problems.borrow_mut();
        if problems.contains(&problem) {
            return;
        }
        if problems.len() < MOST_PROBLEMS {
            problems.push(problem);
        } else {
            self.unnamed_problems.set(self.unnamed_problems.get().saturating_add(1));
        }
    }

    /// How many problems were noted so far, for [`Self::unsay`].
    pub(super) fn problems_so_far(&self) -> (usize, usize) {
        (self.problems.borrow().len(), self.unnamed_problems.get())
    }

    /// Takes back the problems that were noted since.
    pub(super) fn unsay(&self, (named, unnamed): (usize, usize)) {
        self.problems.borrow_mut().truncate(named);
        self.unnamed_problems.set(unnamed);
    }

    /// The value, or `None` and a note of what the section lacks.
    pub fn note<T>(&self, what: &str, result: ReadResult<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) if error.is_final() => None,
            Err(error) => {
                self.broken(error, format!("{what}: {error}"));
                None
            }
        }
    }

    /// Notes what could not be read, and whether it looks torn. That a limit is reached is said once, by
    /// [`Self::leave`].
    pub fn broken(&self, error: ReadError, reason: String) {
        if error.is_final() {
            return;
        }
        if error.is_torn() {
            self.torn.set(self.torn.get().saturating_add(1));
        }
        self.problem(reason, error.address());
    }

    /// Forgets what was read, for a second look, and counts it.
    pub fn forget(&self) {
        self.forget_texts();
        self.space.forget();
    }

    /// The same for a second look at little, which reads anew what it meets, until [`Self::settle`].
    pub fn renew(&self) {
        self.forget_texts();
        self.space.renew();
    }

    /// The second look is over.
    pub fn settle(&self) {
        self.space.settle();
    }

    fn forget_texts(&self) {
        self.retries.set(self.retries.get().saturating_add(1));
        self.paths.borrow_mut().clear();
        self.path_bytes.set(0);
        self.groups.borrow_mut().clear();
    }

    /// How often memory was asked for so far that cannot be read.
    pub fn absences(&self) -> u64 {
        self.space.absences().0
    }

    /// The last time that memory could not be read, if it happened since [`Self::absences`] was `before`, also where
    /// somebody passed over it.
    pub fn unread_since(&self, before: u64) -> Option<ReadError> {
        let (count, address) = self.space.absences();
        let fault = Fault { address, kind: FaultKind::NotRam };
        (count != before).then_some(ReadError::Fault(fault))
    }

    /// Begins to count the links that are followed.
    pub fn begin_steps(&self) {
        self.steps.set(0);
    }

    /// Counts a link that is followed.
    ///
    /// # Errors
    /// Too many were.
    pub fn step(&self, address: u64) -> ReadResult<()> {
        self.steps.set(self.steps.get().saturating_add(1));
        match self.steps.get() > MOST_STEPS {
            true => Err(ReadError::Nonsense { what: "the links do not end", address }),
            false => Ok(()),
        }
    }

    /// The address of a kernel variable.
    pub fn symbol(&self, symbol: Symbol) -> ReadResult<u64> {
        symbol.address.ok_or(ReadError::NoSymbol(symbol.name))
    }

    /// The address of a member.
    pub fn at(&self, base: u64, field: Field) -> ReadResult<u64> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        Ok(base.wrapping_add(u64::from(member.offset)))
    }

    /// The structure that holds this member at an address (`container_of`).
    pub fn container(&self, address: u64, field: Field) -> ReadResult<u64> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        Ok(address.wrapping_sub(u64::from(member.offset)))
    }

    /// An unsigned member of up to 8 bytes, or a bit field; of an array, its first element.
    // Most of what a frame does: as offset and size are at hand where it is called, a field is not copied.
    #[inline(always)]
    pub fn unsigned(&self, base: u64, field: Field) -> ReadResult<u64> {
        if let Some((offset, size)) = field.plain()
            && let Some(value) = self.space.known_number(base.wrapping_add(u64::from(offset)), size)
        {
            return Ok(value);
        }
        self.element(base, field, 0)
    }

    /// One element of an array of unsigned numbers.
    pub fn element(&self, base: u64, field: Field, index: u32) -> ReadResult<u64> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let address = base.wrapping_add(u64::from(member.offset));
        let size = match member.elements {
            1 => member.size,
            elements => member.size.checked_div(elements).unwrap_or(0),
        };
        if index >= member.elements || !(1..=8).contains(&size) {
            return Err(ReadError::Nonsense { what: "a member is no number", address });
        }
        let address = address.wrapping_add(u64::from(index) * u64::from(size));
        let value = self.space.number(address, size)?;
        Ok(match member.bits {
            0 => value,
            bits => (value >> member.bit) & (u64::MAX >> (64 - u32::from(bits).min(64))),
        })
    }

    /// A signed member of up to 8 bytes.
    pub fn signed(&self, base: u64, field: Field) -> ReadResult<i64> {
        let value = self.unsigned(base, field)?;
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let size = member.size.checked_div(member.elements).unwrap_or(8);
        let unused = 64 - 8 * size.clamp(1, 8);
        Ok((value << unused) as i64 >> unused)
    }

    /// An unsigned member that fits 32 bits.
    #[inline(always)]
    pub fn u32(&self, base: u64, field: Field) -> ReadResult<u32> {
        u32::try_from(self.unsigned(base, field)?).map_err(|_| ReadError::Nonsense {
            what: "a number is larger than its kind allows",
            address: base,
        })
    }

    /// A pointer that may be NULL (`None`).
    #[inline(always)]
    pub fn pointer(&self, base: u64, field: Field) -> ReadResult<Option<u64>> {
        Ok(Some(self.unsigned(base, field)?).filter(|pointer| *pointer != 0))
    }

    /// A pointer that must not be NULL.
    #[inline(always)]
    pub fn follow(&self, base: u64, field: Field) -> ReadResult<u64> {
        self.pointer(base, field)?
            .ok_or(ReadError::Nonsense { what: "a pointer is NULL", address: base })
    }

    /// Eight bytes at an address.
    pub fn u64_at(&self, address: u64) -> ReadResult<u64> {
        Ok(self.space.number(address, 8)?)
    }

    /// Four bytes at an address.
    pub fn u32_at(&self, address: u64) -> ReadResult<u32> {
        Ok(self.space.number(address, 4)? as u32)
    }

    /// Bytes at an address.
    pub fn bytes_at(&self, address: u64, length: usize) -> ReadResult<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.space.read(address, &mut bytes)?;
        Ok(bytes)
    }

    /// A large array as a whole, which may take a quarter of the frame's memory.
    pub fn table_at(&self, address: u64, length: usize) -> ReadResult<Vec<u8>> {
        if length > self.space.budget().bytes() / 4 {
            return Err(ReadError::Nonsense { what: "a table is too large", address });
        }
        let mut table = Vec::with_capacity(length);
        self.pieces_at(address, length as u64, 1, |_, piece| {
            table.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(table)
    }

    /// A large array, piece by piece, each read in one batch: (where in the array, its bytes). A piece is
    /// a multiple of `stride` long.
    pub fn pieces_at(
        &self,
        address: u64,
        length: u64,
        stride: u64,
        mut visit: impl FnMut(u64, &[u8]) -> ReadResult<()>,
    ) -> ReadResult<()> {
        const PIECE: u64 = 1 << 16;
        let step = (PIECE / stride.max(1)).max(1).saturating_mul(stride.max(1));
        let mut offset = 0;
        while offset < length {
            let (at, bytes) = (address.wrapping_add(offset), step.min(length - offset));
            self.space.prefetch([(at, bytes)]);
            visit(offset, &self.bytes_at(at, bytes as usize)?)?;
            offset = offset.saturating_add(step);
        }
        Ok(())
    }

    /// Lets bytes be gathered in room that is kept for the next who does.
    pub fn gather<T>(&self, gather: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let mut room = self.bytes.take();
        room.clear();
        let gathered = gather(&mut room);
        self.bytes.replace(room);
        gathered
    }

    /// A character array in a structure, up to its NUL.
    pub fn text(&self, base: u64, field: Field) -> ReadResult<Text> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let address = base.wrapping_add(u64::from(member.offset));
        let length = (member.size as usize).min(4096);
        let mut room = [0; 64];
        let text = match room.get_mut(..length) {
            Some(bytes) => {
                self.space.read(address, bytes)?;
                Text::from_c(bytes)
            }
            None => Text::from_c(&self.bytes_at(address, length)?),
        };
        self.kept(text)
    }

    /// A text that is kept until the frame is done.
    pub fn kept(&self, text: Text) -> ReadResult<Text> {
        self.keep(text.len())?;
        Ok(text)
    }

    /// A NUL-terminated string at an address, cut at `longest` bytes.
    pub fn text_at(&self, address: u64, longest: usize) -> ReadResult<Text> {
        // Most are short, and then lie within one or two of the pieces in which they are read.
        let mut short = [0; 64];
        let first = (64 - (address as usize & 63)).min(longest);
        let bytes = short.get_mut(..first).unwrap_or_default();
        self.space.read(address, bytes)?;
        if memchr::memchr(0, bytes).is_some() || first == longest {
            return self.kept(Text::from_c(bytes));
        }
        self.kept(Text::from_c(&self.until_nul(self.space, address, longest)?))
    }

    /// Bytes up to a NUL or `longest`, from any address space.
    pub fn until_nul(
        &self,
        space: &AddressSpace,
        address: u64,
        longest: usize,
    ) -> ReadResult<Vec<u8>> {
        let mut text = Vec::new();
        let mut address = address;
        while text.len() < longest {
            let chunk = (64 - (address as usize & 63)).min(longest - text.len());
            let mut bytes = [0; 64];
            let bytes = bytes.get_mut(..chunk).unwrap_or_default();
            space.read(address, bytes)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(bytes.get(..end.unwrap_or(chunk)).unwrap_or_default());
            if end.is_some() {
                break;
            }
            address = address.wrapping_add(chunk as u64);
        }
        Ok(text)
    }

    /// The structures of a doubly linked list (`struct list_head`), its head left out. Each link is
    /// checked against the one back. A list that changes under the walk is walked anew on fresh pages;
    /// one that stays broken gives what was reached, and a problem that says so.
    pub fn list(&self, what: &str, head: u64, node: Field) -> Vec<u64> {
        self.list_of(what, head, node, |entry| entry)
    }

    /// The same, and what of each structure is looked at while the walk is there.
    pub fn list_of<T>(
        &self,
        what: &str,
        head: u64,
        node: Field,
        look: impl FnMut(u64) -> T,
    ) -> Vec<T> {
        let (entries, done) = self.walks(head, node, look);
        if let Err(error) = done {
            let reached = entries.len();
            let reason = format!("{what}: the list breaks off after {reached} entries: {error}");
            self.broken(error, reason);
        }
        entries
    }

    /// The same of a list of which a part is worth nothing: that over which something is summed up.
    pub fn whole_list(&self, head: u64, node: Field) -> ReadResult<Vec<u64>> {
        let (entries, done) = self.walks(head, node, |entry| entry);
        done.map(|()| entries)
    }

    /// Walks a list until a walk comes back to its head; gives the longest walk, and why it broke off.
    fn walks<T>(
        &self,
        head: u64,
        node: Field,
        mut look: impl FnMut(u64) -> T,
    ) -> (Vec<T>, ReadResult<()>) {
        let mut best = Vec::new();
        let before = self.space.budget().spent();
        let mut walk = 1;
        loop {
            let mut entries = Vec::new();
            let done = self.walk_list(head, node, |entry| entries.push(look(entry)));
            let Err(error) = done else { return (entries, Ok(())) };
            self.space.budget().restore(before);
            if entries.len() >= best.len() {
                best = entries;
            }
            let settled = self.waited.get() >= LONGEST_WAIT;
            let last = walk == WALKS || settled || matches!(error, ReadError::NoMember(_));
            if last || error.is_final() {
                return (best, Err(error));
            }
            self.forget();
            // A guest's CPU may have been taken away in the middle of a change: give it time.
            let wait = Duration::from_micros(20 << (2 * walk));
            self.waited.set(self.waited.get().saturating_add(wait));
            self.space.budget().wait(wait);
            walk += 1;
        }
    }

    fn walk_list(&self, head: u64, node: Field, mut visit: impl FnMut(u64)) -> ReadResult<()> {
        let (mut here, mut length) = (head, 0);
        loop {
            let next = self.u64_at(here)?;
            let back = self.u64_at(next.wrapping_add(8))?;
            if back != here {
                return Err(ReadError::Nonsense {
                    what: "a link does not lead back",
                    address: next,
                });
            }
            if next == head {
                return Ok(());
            }
            if length >= LONGEST_LIST {
                return Err(ReadError::Nonsense { what: "the list does not end", address: next });
            }
            self.keep(ENTRY_COST)?;
            self.space.may_move_on_to(next);
            visit(self.container(next, node)?);
            length += 1;
            here = next;
        }
    }

    /// The CPUs that there may be: whose own parts a counter is the sum of.
    pub fn possible_cpus(&self) -> ReadResult<impl Iterator<Item = u32>> {
        let mask = self.layout.symbols.__cpu_possible_mask;
        match self.possible_cpus.get_or_init(|| self.cpus(mask)) {
            Ok(cpus) => Ok(cpus.iter().copied()),
            Err(error) => Err(*error),
        }
    }

    /// The CPUs of a `struct cpumask` variable.
    pub fn cpus(&self, mask: Symbol) -> ReadResult<Vec<u32>> {
        self.bits(self.symbol(mask)?, self.layout.system.cpumask.bits, MOST_CPUS)
    }

    /// The numbers of the bits that are set in a bitmap member, of its first `most`.
    pub fn bits(&self, base: u64, field: Field, most: u32) -> ReadResult<Vec<u32>> {
        let member = field.member().ok_or(ReadError::NoMember(field.name))?;
        let bytes = self.bytes_at(self.at(base, field)?, member.size.min(most / 8) as usize)?;
        let mut numbers = Vec::new();
        for (index, part) in (0_u32..).zip(bytes.chunks(8)) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(byte, from)| *byte = *from);
            let mut left = u64::from_le_bytes(word);
            while left != 0 {
                numbers.push(index * 64 + left.trailing_zeros());
                left &= left - 1;
            }
        }
        Ok(numbers)
    }

    /// The address of one CPU's copy of a per-CPU variable or allocation. A uniprocessor kernel has no
    /// `__per_cpu_offset`, and each variable is the only copy (`per_cpu_ptr`, include/linux/percpu-defs.h).
    pub fn per_cpu(&self, address: u64, cpu: u32) -> ReadResult<u64> {
        let bases = self.layout.symbols.__per_cpu_offset;
        if bases.address.is_none() && cpu == 0 && self.has_one_cpu() {
            return Ok(address);
        }
        let base = self.symbol(bases)?.wrapping_add(u64::from(cpu) * 8);
        Ok(address.wrapping_add(self.u64_at(base)?))
    }

    /// Whether the kernel knows no other CPU than the first, nor where others would have their copies.
    pub fn has_one_cpu(&self) -> bool {
        let several = self.layout.symbols.__per_cpu_offset.address.is_some();
        !several && self.possible_cpus().is_ok_and(|cpus| cpus.eq([0]))
    }

    /// The address space of a process, from its `mm_struct`.
    pub fn user_space(&self, mm: u64) -> ReadResult<AddressSpace<'a>> {
        let pgd = self.follow(mm, self.layout.process.mm.pgd)?;
        Ok(self.space.with_root(self.space.translate(pgd)?))
    }
}

#[cfg(test)]
mod tests {
    use super::Walk;

    #[test]
    fn a_walk_in_a_circle_ends() {
        for (lead, circle) in [(0, 1), (0, 2), (1, 1), (5, 7), (600, 1), (2000, 300)] {
            let places = (0_u64..).map(|step| match step < lead {
                true => step,
                false => lead + (step - lead) % circle,
            });
            let mut walk = Walk::new(0);
            let steps = places.take_while(|place| walk.step(*place, "", 0).is_ok()).count() as u64;
            assert!(
                steps >= lead + circle && steps <= 4 * (lead + circle),
                "{lead}, {circle}: {steps}"
            );
        }
        let mut walk = Walk::new(0);
        assert!((0..100_000).all(|place| walk.step(place, "", 0).is_ok()));
    }
}

//! Reading kernel structures. Everything is copied out, bounded and checked.

use std::cell::{Cell, OnceCell, RefCell};
use std::time::Duration;

use super::problems::Problems;
pub(crate) use super::read_error::{ReadError, ReadResult};
use crate::frame::Problem;
use crate::kernel::Kernel;
use crate::layout::{Field, Layout, Symbol};
use crate::paging::{AddressSpace, Fault, FaultKind};

/// Links that one look may follow through lists and tables of its own: a bound on what a hostile guest can
/// make of memory that was read already, which costs no read that would meet the deadline.
const MOST_STEPS: u32 = 1 << 21;

/// Reads one guest for one frame, or for a look before there is any. It knows how values lie in memory and no section:
/// lists, texts and the copies of each CPU are in files of their own.
pub(crate) struct Reader<'a> {
    /// The kernel's address space.
    pub space: &'a AddressSpace<'a>,
    /// The kernel: its symbols and layout.
    pub kernel: &'a Kernel,
    /// Its offsets.
    pub layout: &'a Layout,
    /// The facts that could not be read so far.
    pub(super) problems: Problems,
    retries: Cell<u32>,
    torn: Cell<u64>,
    /// Links that the look followed so far.
    steps: Cell<u32>,
    /// How long the guest was given to settle.
    pub(super) waited: Cell<Duration>,
    /// A buffer that is used again, to avoid allocation.
    pub(super) bytes: RefCell<Vec<u8>>,
    /// The CPUs that there may be, which never change.
    pub(super) possible_cpus: OnceCell<ReadResult<Vec<u32>>>,
}

impl<'a> Reader<'a> {
    /// A reader that has met no problem yet.
    pub fn new(space: &'a AddressSpace<'a>, kernel: &'a Kernel, layout: &'a Layout) -> Self {
        Self {
            space,
            kernel,
            layout,
            problems: Problems::default(),
            retries: Cell::new(0),
            torn: Cell::new(0),
            steps: Cell::new(0),
            waited: Cell::default(),
            bytes: RefCell::default(),
            possible_cpus: OnceCell::new(),
        }
    }

    /// Problems from here on belong to this section.
    pub fn enter(&self, section: &'static str) {
        self.problems.enter(section);
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
        items.take_while(|_| self.row::<T>().is_ok())
    }

    /// One more row of `T`.
    ///
    /// # Errors
    /// The frame's limits allow none.
    pub fn row<T>(&self) -> ReadResult<()> {
        // Between two rows nothing depends on pages that were read before.
        self.space.may_move_on();
        Ok(self.space.budget().row(std::mem::size_of::<T>())?)
    }

    /// Problems and retries, once all sections are crawled.
    pub fn finish(self) -> (Vec<Problem>, u32) {
        (self.problems.finish(), self.retries.get())
    }

    /// Notes a problem of the section, once.
    pub fn problem(&self, reason: String, address: Option<u64>) {
        self.problems.add(reason, address);
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

    /// Facts so far that looked torn.
    pub fn torn(&self) -> u64 {
        self.torn.get()
    }

    /// How often what was read was forgotten for a second look. Whoever keeps what they made of it begins anew when this
    /// changes.
    pub fn retries(&self) -> u32 {
        self.retries.get()
    }

    /// Forgets what was read, for a second look, and counts it.
    pub fn forget(&self) {
        self.retries.set(self.retries.get().saturating_add(1));
        self.space.forget();
    }

    /// The same for a second look at little, which reads anew what it meets, until [`Self::settle`].
    pub fn renew(&self) {
        self.retries.set(self.retries.get().saturating_add(1));
        self.space.renew();
    }

    /// The second look is over.
    pub fn settle(&self) {
        self.space.settle();
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
        self.symbol_if_any(symbol)?.ok_or(ReadError::NoSymbol(symbol.name))
    }

    /// The address of a variable that not every kernel has.
    ///
    /// # Errors
    /// Where the kernel's table of symbols does not tell if it has it.
    pub fn symbol_if_any(&self, symbol: Symbol) -> ReadResult<Option<u64>> {
        match symbol.address {
            None if !self.kernel.names_all_variables() => {
                Err(ReadError::UnnamedSymbol(symbol.name))
            }
            address => Ok(address),
        }
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
    #[inline]
    pub fn signed(&self, base: u64, field: Field) -> ReadResult<i64> {
        let value = self.unsigned(base, field)?;
        let size = match (field.plain(), field.member()) {
            (Some((_, size)), _) => size,
            (None, Some(member)) => member.size.checked_div(member.elements).unwrap_or(8),
            (None, None) => return Err(ReadError::NoMember(field.name)),
        };
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

    /// The address space of a process, from its `mm_struct`.
    pub fn user_space(&self, mm: u64) -> ReadResult<AddressSpace<'a>> {
        let pgd = self.follow(mm, self.layout.process.mm.pgd)?;
        Ok(self.space.with_root(self.space.translate(pgd)?))
    }
}

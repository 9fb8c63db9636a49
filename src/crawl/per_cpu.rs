//! The guest's CPUs, and the copies of a variable that each has for itself.

use super::reader::{ReadResult, Reader};
use crate::layout::Symbol;

/// CPUs that a kernel can have (`NR_CPUS`'s maximum on x86-64).
const MOST_CPUS: u32 = 8192;

impl Reader<'_> {
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

    /// True if the kernel knows no other CPU than the first, nor where others would have their copies.
    pub fn has_one_cpu(&self) -> bool {
        let several = self.layout.symbols.__per_cpu_offset.address.is_some();
        !several && self.possible_cpus().is_ok_and(|cpus| cpus.eq([0]))
    }
}

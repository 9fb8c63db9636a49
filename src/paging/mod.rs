//! Virtual to guest-physical addresses, by the page tables in guest memory. No vCPU register is asked:
//! a guest that spins in user mode under page-table isolation would show the wrong one.

mod space;
mod translation_cache;
mod x86_64;

pub(crate) use space::{AddressSpace, Content, Fault, FaultKind};
pub(crate) use x86_64::{
    ADDRESS_MASK, Entry, Levels, NO_EXECUTE, PRESENT, Target, WRITABLE, table_index,
};

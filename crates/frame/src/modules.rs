//! The section `modules`.

use serde::{Deserialize, Serialize};

use super::Text;
use super::column::Row;

/// One loaded module, as `/proc/modules` shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize, Row)]
pub struct Module {
    /// The module's name.
    pub name: Text,
    /// `Live`, `Loading` or `Unloading`.
    pub state: Option<Text>,
    /// Bytes of memory.
    #[column(bytes)]
    pub size: Option<u64>,
    /// Kernel-virtual address of its code.
    #[column(label)]
    pub address: Option<u64>,
    /// How many use it.
    pub references: Option<i64>,
    /// The modules that use it, in the kernel's order.
    pub used_by: Option<Vec<Text>>,
    /// Taint letters, as `lsmod` shows them between parentheses; empty for none.
    pub taints: Option<Text>,
}

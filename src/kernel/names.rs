//! The names of what is asked for of a kernel.

/// The variables between which vmlinux's BTF lies.
pub(super) const BTF_BOUNDS: [&str; 2] = ["__start_BTF", "__stop_BTF"];
/// The kernel's own top page table.
pub(super) const TOP_PAGE_TABLE: &str = "init_top_pgt";
/// The kernel's own name (init/version.c).
pub(super) const BANNER: &str = "linux_banner";
/// The page of VMCOREINFO (a pointer).
pub(super) const VMCOREINFO: &str = "vmcoreinfo_data";
/// The first UTS namespace, which holds the release once more.
pub(super) const FIRST_UTS: &str = "init_uts_ns";
/// The task with PID 0.
pub(super) const FIRST_TASK: &str = "init_task";
/// Variables of every kernel, without which nothing of it can be shown. A table without them is one of functions
/// alone, as kernels without CONFIG_KALLSYMS_ALL have (scripts/kallsyms.c).
pub(super) const CORE_SYMBOLS: [&str; 2] = [FIRST_TASK, FIRST_UTS];
/// The variables between which the linker's notes lie.
pub(super) const NOTES_BOUNDS: [&str; 2] = ["__start_notes", "__stop_notes"];
/// The variables that this room asks for itself.
pub(super) const OWN_SYMBOLS: [&str; 8] = [
    BTF_BOUNDS[0],
    BTF_BOUNDS[1],
    NOTES_BOUNDS[0],
    NOTES_BOUNDS[1],
    TOP_PAGE_TABLE,
    BANNER,
    VMCOREINFO,
    FIRST_UTS,
];
/// Functions by which tables of operations are told, where the table of symbols lacks variables.
pub(super) const TELLING_FUNCTIONS: [&str; 3] =
    ["special_mapping_fault", "special_mapping_name", "gate_vma_name"];
/// Variables by which others are told, likewise.
pub(super) const TELLING_VARIABLES: [&str; 2] = ["arp_tbl", "nd_tbl"];
/// Types by which variables are told, beside those that crawling needs.
pub(super) const TELLING_TYPES: [&str; 2] = ["vm_operations_struct", "vm_area_struct"];
/// Variables that members of the first task lead to (init/init_task.c).
pub(super) const OF_FIRST_TASK: [&str; 2] = ["init_stack", "init_signals"];
/// A profile's name for the place where the next symbol begins behind the first task.
pub(super) const FIRST_TASK_END: &str = "end of init_task";
/// Variables whose length no type tells, and what a profile calls the place where the next symbol begins.
pub(super) const MEASURED: [(&str, &str); 3] = [
    (FIRST_TASK, FIRST_TASK_END),
    ("sys_call_table", "end of sys_call_table"),
    ("ia32_sys_call_table", "end of ia32_sys_call_table"),
];

/// The names of what is wanted of a kernel.
pub(crate) struct NamesNeeded<'a> {
    /// Variables.
    pub symbols: &'a [&'a str],
    /// Structures, unions and enumerations.
    pub types: &'a [&'a str],
}

impl NamesNeeded<'_> {
    /// The variables, with those that this room asks for itself.
    pub(super) fn all_symbols(&self) -> Vec<&str> {
        let ends = MEASURED.into_iter().map(|(_, end)| end);
        let told_by = TELLING_FUNCTIONS.into_iter().chain(TELLING_VARIABLES).chain(OF_FIRST_TASK);
        self.symbols.iter().copied().chain(OWN_SYMBOLS).chain(ends).chain(told_by).collect()
    }

    /// The types, with those that this room asks for itself.
    pub(super) fn all_types(&self) -> Vec<&str> {
        self.types.iter().copied().chain(TELLING_TYPES).collect()
    }
}

/// The first variable of every kernel that a table of symbols lacks.
pub(super) fn core_symbol_lacking(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    CORE_SYMBOLS.into_iter().find(|name| !has(name))
}

/// Bytes as digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

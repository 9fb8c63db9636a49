//! Structures of address spaces and of memory as a whole.

use crate::kernel::Types;

super::field::structures! {
    /// Members of `struct mm_struct` that `/proc/PID/maps` needs.
    MmMaps = "mm_struct" {
        /// A maple tree since 524e00b36e8c (6.1) ...
        tree: "mm_mt.ma_root",
        /// ... and a list before.
        first: "mmap",
        start_brk: "start_brk",
        brk: "brk",
        start_stack: "start_stack",
        context_flags: "context.flags",
        /// Not 0 in a 32-bit process; until 5.12, where the flags do not tell.
        ia32_compat: "context.ia32_compat",
    }

    /// `struct vm_area_struct` (include/linux/mm_types.h).
    Vma = "vm_area_struct" {
        start: "vm_start",
        end: "vm_end",
        next: "vm_next",
        flags: "vm_flags",
        pgoff: "vm_pgoff",
        file: "vm_file",
        operations: "vm_ops",
        private: "vm_private_data",
        /// A name given by prctl(PR_SET_VMA_ANON_NAME) (9a10064f5625, 5.17).
        anon_name: "anon_name",
        /// Until d09e8ca6cb93 (6.2) in one place with the name, and used by areas of files.
        shared: "shared",
    }

    /// `struct file_operations`, of which `iterate` went with 3e3271549670 (6.6). In the same release 11250fd12eb8 gave
    /// the heap's name to a function of its own, since corrected, and nothing nearer to it tells.
    HeapRule = "file_operations" {
        iterate: "iterate",
    }

    /// `struct anon_vma_name`.
    AnonVmaName = "anon_vma_name" {
        name: "name",
    }

    /// `struct vm_special_mapping`: [vdso], [vvar] ...
    SpecialMapping = "vm_special_mapping" {
        name: "name",
    }

    /// `struct maple_range_64` (include/linux/maple_tree.h).
    MapleRange = "maple_range_64" {
        pivot: "pivot",
        slot: "slot",
    }

    /// `struct maple_arange_64`.
    MapleAllocRange = "maple_arange_64" {
        pivot: "pivot",
        slot: "slot",
    }

    /// `struct pglist_data` (include/linux/mmzone.h): one NUMA node.
    Node = "pglist_data" {
        zones: "node_zones",
        id: "node_id",
        /// Pages kept back.
        reserve: "totalreserve_pages",
    }

    /// `nodemask_t` (include/linux/nodemask_types.h).
    NodeMask = "nodemask_t" {
        bits: "bits",
    }

    /// `struct zone`.
    Zone = "zone" {
        watermark: "_watermark",
        boost: "watermark_boost",
    }

    /// `struct super_block`, for the block devices' inodes.
    BlockdevSuper = "super_block" {
        inodes: "s_inodes",
    }

    /// `struct inode`, as a member of its super block's list.
    CachedInode = "inode" {
        sb_list: "i_sb_list",
        mapping: "i_mapping",
    }

    /// `struct address_space`.
    AddressSpaceCache = "address_space" {
        pages: "nrpages",
    }

    /// `struct block_device`, until 5.10 (8446fe9255be, 5.11) in a list of its own.
    BlockDevice = "block_device" {
        list: "bd_list",
        inode: "bd_inode",
    }
}

/// The layout of the sections `mappings` and `memory`.
#[derive(Clone, Debug)]
pub(crate) struct MemoryLayout {
    pub mm: MmMaps,
    pub vma: Vma,
    pub anon_name: AnonVmaName,
    pub heap_rule: HeapRule,
    pub special: SpecialMapping,
    pub range: MapleRange,
    pub alloc_range: MapleAllocRange,
    pub node: Node,
    pub node_mask: NodeMask,
    /// Index of the set of online nodes.
    pub online_nodes: Option<i64>,
    pub zone: Zone,
    pub blockdev_super: BlockdevSuper,
    pub inode: CachedInode,
    pub cache: AddressSpaceCache,
    pub block_device: BlockDevice,
    pub counters: MemoryCounters,
}

/// Indexes of the kernel's global counters (`enum node_stat_item`, `enum zone_stat_item`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemoryCounters {
    pub free: Option<i64>,
    pub file: Option<i64>,
    pub swap_cache: Option<i64>,
    pub active_anon: Option<i64>,
    pub inactive_anon: Option<i64>,
    pub active_file: Option<i64>,
    pub inactive_file: Option<i64>,
    pub dirty: Option<i64>,
    pub writeback: Option<i64>,
    pub anonymous: Option<i64>,
    pub mapped: Option<i64>,
    pub shared: Option<i64>,
    pub slab_reclaimable: Option<i64>,
    pub slab_unreclaimable: Option<i64>,
    pub misc_reclaimable: Option<i64>,
    pub kernel_stack_kib: Option<i64>,
    pub page_tables: Option<i64>,
    /// Counted by zone until f0c0c115fb81 (5.11).
    pub zone_page_tables: Option<i64>,
}

impl MemoryCounters {
    fn compile(types: &dyn Types) -> Self {
        let node = |name| types.enumerator("node_stat_item", name);
        let zone = |name| types.enumerator("zone_stat_item", name);
        Self {
            free: zone("NR_FREE_PAGES"),
            file: node("NR_FILE_PAGES"),
            swap_cache: node("NR_SWAPCACHE"),
            active_anon: node("NR_ACTIVE_ANON"),
            inactive_anon: node("NR_INACTIVE_ANON"),
            active_file: node("NR_ACTIVE_FILE"),
            inactive_file: node("NR_INACTIVE_FILE"),
            dirty: node("NR_FILE_DIRTY"),
            writeback: node("NR_WRITEBACK"),
            anonymous: node("NR_ANON_MAPPED"),
            mapped: node("NR_FILE_MAPPED"),
            shared: node("NR_SHMEM"),
            slab_reclaimable: node("NR_SLAB_RECLAIMABLE_B"),
            slab_unreclaimable: node("NR_SLAB_UNRECLAIMABLE_B"),
            misc_reclaimable: node("NR_KERNEL_MISC_RECLAIMABLE"),
            kernel_stack_kib: node("NR_KERNEL_STACK_KB"),
            page_tables: node("NR_PAGETABLE"),
            zone_page_tables: zone("NR_PAGETABLE"),
        }
    }
}

impl MemoryLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            mm: MmMaps::compile(types),
            vma: Vma::compile(types),
            anon_name: AnonVmaName::compile(types),
            heap_rule: HeapRule::compile(types),
            special: SpecialMapping::compile(types),
            range: MapleRange::compile(types),
            alloc_range: MapleAllocRange::compile(types),
            node: Node::compile(types),
            node_mask: NodeMask::compile(types),
            online_nodes: types.enumerator("node_states", "N_ONLINE"),
            zone: Zone::compile(types),
            blockdev_super: BlockdevSuper::compile(types),
            inode: CachedInode::compile(types),
            cache: AddressSpaceCache::compile(types),
            block_device: BlockDevice::compile(types),
            counters: MemoryCounters::compile(types),
        }
    }
}

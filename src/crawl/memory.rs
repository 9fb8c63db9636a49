//! The section `memory`: `/proc/meminfo` (fs/proc/meminfo.c) from the kernel's global counters.

use super::reader::{ReadError, ReadResult, Reader};
use crate::frame::Memory;
use crate::layout::Symbol;

const PAGE: u64 = 4096;
/// `WMARK_LOW` (include/linux/mmzone.h).
const LOW_WATERMARK: u32 = 1;
/// `MAX_NUMNODES`'s greatest value on x86-64.
const MOST_NODES: u32 = 1024;
/// Above `MAX_SWAPFILES` (include/linux/swap.h).
const MOST_SWAP_DEVICES: u64 = 32;
/// Address spaces of a swap device of 64 TiB: each is for 64 MiB (`SWAP_ADDRESS_SPACE_SHIFT`).
const MOST_SWAP_SPACES: u64 = 1 << 20;

pub(super) fn crawl(reader: &Reader) -> Memory {
    let of = reader.layout.memory.counters;
    let symbols = &reader.layout.symbols;
    let pages = |what, value: ReadResult<u64>| {
        reader.note(what, value).map(|pages| pages.saturating_mul(PAGE))
    };
    let node = |what, index| pages(what, counter(reader, symbols.vm_node_stat, index));
    let sum = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    let free = counter(reader, symbols.vm_zone_stat, of.free);
    let buffers = buffers(reader);
    let file = counter(reader, symbols.vm_node_stat, of.file);
    let swap_cache = swap_cache(reader);
    let cached =
        file.and_then(|file| Ok(file.saturating_sub(swap_cache?).saturating_sub(buffers?)));
    let reclaimable = node("slab_reclaimable", of.slab_reclaimable);
    let unreclaimable = node("slab_unreclaimable", of.slab_unreclaimable);
    let stack = counter(reader, symbols.vm_node_stat, of.kernel_stack_kib);
    let page_tables = match of.page_tables {
        Some(_) => counter(reader, symbols.vm_node_stat, of.page_tables),
        None => counter(reader, symbols.vm_zone_stat, of.zone_page_tables),
    };
    Memory {
        total: pages("total", variable(reader, symbols._totalram_pages)),
        free: pages("free", free),
        available: pages("available", free.and_then(|free| available(reader, free))),
        buffers: pages("buffers", buffers),
        cached: pages("cached", cached),
        swap_cached: pages("swap_cached", swap_cache),
        active: sum(node("active", of.active_anon), node("active", of.active_file)),
        inactive: sum(node("inactive", of.inactive_anon), node("inactive", of.inactive_file)),
        swap_total: pages("swap_total", variable(reader, symbols.total_swap_pages)),
        swap_free: pages("swap_free", variable(reader, symbols.nr_swap_pages)),
        dirty: node("dirty", of.dirty),
        writeback: node("writeback", of.writeback),
        anonymous: node("anonymous", of.anonymous),
        mapped: node("mapped", of.mapped),
        shared: node("shared", of.shared),
        slab: sum(reclaimable, unreclaimable),
        slab_reclaimable: reclaimable,
        slab_unreclaimable: unreclaimable,
        kernel_stack: reader.note("kernel_stack", stack).map(|kib| kib.saturating_mul(1024)),
        page_tables: pages("page_tables", page_tables),
    }
}

fn variable(reader: &Reader, symbol: Symbol) -> ReadResult<u64> {
    reader.u64_at(reader.symbol(symbol)?)
}

/// One global counter. CPUs keep small differences of their own, so it may be below 0: then it is 0
/// (`global_zone_page_state`, include/linux/vmstat.h).
fn counter(reader: &Reader, array: Symbol, index: Option<i64>) -> ReadResult<u64> {
    let index = index.ok_or(ReadError::NoMember("enum node_stat_item"))?;
    let address = reader.symbol(array)?.wrapping_add((index as u64).wrapping_mul(8));
    Ok((reader.u64_at(address)? as i64).max(0) as u64)
}

/// `total_swapcache_pages` (mm/swap_state.c, include/linux/swap.h).
fn swap_cache(reader: &Reader) -> ReadResult<u64> {
    let symbols = &reader.layout.symbols;
    let index = reader.layout.memory.counters.swap_cache;
    if index.is_some() {
        return counter(reader, symbols.vm_node_stat, index);
    }
    // Before b6038942480e (5.12) its own address spaces count it: of each swap device as many as it takes.
    let (counts, spaces) = (symbols.nr_swapper_spaces, symbols.swapper_spaces);
    let devices = u64::from(reader.u32_at(reader.symbol(symbols.nr_swapfiles)?)?);
    let (counts, spaces) = (reader.symbol(counts)?, reader.symbol(spaces)?);
    if devices > MOST_SWAP_DEVICES {
        return Err(ReadError::Nonsense { what: "too many swap devices", address: counts });
    }
    let layout = &reader.layout.memory.cache;
    let mut pages = 0_u64;
    for device in 0..devices {
        let count = u64::from(reader.u32_at(counts.wrapping_add(device * 4))?);
        let first = reader.u64_at(spaces.wrapping_add(device * 8))?;
        if count > MOST_SWAP_SPACES {
            return Err(ReadError::Nonsense { what: "too large a swap device", address: first });
        }
        for space in 0..count {
            let space = first.wrapping_add(space * u64::from(layout.size));
            pages = pages.saturating_add(reader.unsigned(space, layout.pages)?);
        }
    }
    Ok(pages)
}

/// `nr_blockdev_pages` (block/bdev.c): pages cached of block devices.
fn buffers(reader: &Reader) -> ReadResult<u64> {
    let layout = &reader.layout.memory;
    let symbols = &reader.layout.symbols;
    let mut inodes = Vec::new();
    if let Some(pointer) = symbols.blockdev_superblock.address
        && !layout.block_device.list.exists()
    {
        let sb = reader.u64_at(pointer)?;
        let head = reader.at(sb, layout.blockdev_super.inodes)?;
        inodes.extend(reader.whole_list(head, layout.inode.sb_list)?);
    } else {
        let head = reader.symbol(symbols.all_bdevs)?;
        for device in reader.whole_list(head, layout.block_device.list)? {
            inodes.push(reader.follow(device, layout.block_device.inode)?);
        }
    }
    inodes.into_iter().try_fold(0_u64, |sum, inode| {
        let mapping = reader.follow(inode, layout.inode.mapping)?;
        Ok(sum.saturating_add(reader.unsigned(mapping, layout.cache.pages)?))
    })
}

/// `si_mem_available` (mm/show_mem.c, mm/page_alloc.c).
fn available(reader: &Reader, free: u64) -> ReadResult<u64> {
    let of = reader.layout.memory.counters;
    let symbols = &reader.layout.symbols;
    let node = |index| counter(reader, symbols.vm_node_stat, index);
    let reserve = match variable(reader, symbols.totalreserve_pages) {
        Err(ReadError::UnnamedSymbol(_)) => reserves(reader)?,
        reserve => reserve?,
    };
    let low = low_watermarks(reader)?;
    let cache = node(of.active_file)?.saturating_add(node(of.inactive_file)?);
    let reclaimable = node(of.slab_reclaimable)?.saturating_add(node(of.misc_reclaimable)?);
    let usable = |pages: u64| pages - (pages / 2).min(low);
    Ok(free
        .saturating_add(usable(cache))
        .saturating_add(usable(reclaimable))
        .saturating_sub(reserve))
}

/// The sum of the reserves of all nodes, which is `totalreserve_pages` (`calculate_totalreserve_pages`,
/// mm/page_alloc.c).
fn reserves(reader: &Reader) -> ReadResult<u64> {
    let reserve = reader.layout.memory.node.reserve;
    nodes(reader)?
        .into_iter()
        .try_fold(0_u64, |sum, (_, node)| Ok(sum.saturating_add(reader.unsigned(node, reserve)?)))
}

/// The sum of all zones' low watermarks.
fn low_watermarks(reader: &Reader) -> ReadResult<u64> {
    let layout = &reader.layout.memory;
    let zones = layout.node.zones.member().ok_or(ReadError::NoMember("pglist_data.node_zones"))?;
    let mut sum = 0_u64;
    for (_, node) in nodes(reader)? {
        let first = reader.at(node, layout.node.zones)?;
        for index in 0..u64::from(zones.elements.min(16)) {
            let zone = first.wrapping_add(index * u64::from(layout.zone.size));
            let low = reader.element(zone, layout.zone.watermark, LOW_WATERMARK)?;
            let boost = reader.unsigned(zone, layout.zone.boost)?;
            sum = sum.saturating_add(low).saturating_add(boost);
        }
    }
    Ok(sum)
}

/// The `struct pglist_data` of each online NUMA node, by its number.
pub(super) fn nodes(reader: &Reader) -> ReadResult<Vec<(u64, u64)>> {
    let symbols = &reader.layout.symbols;
    let layout = &reader.layout.memory;
    let Some(array) = symbols.node_data.address else {
        return Ok(vec![(0, reader.symbol(symbols.contig_page_data)?)]);
    };
    let online = layout.online_nodes.ok_or(ReadError::NoMember("N_ONLINE"))?;
    let mask = reader
        .symbol(symbols.node_states)?
        .wrapping_add((online as u64).wrapping_mul(u64::from(layout.node_mask.size)));
    let nodes = reader.bits(mask, layout.node_mask.bits, MOST_NODES)?.into_iter();
    nodes
        .map(u64::from)
        .map(|node| Ok((node, reader.u64_at(array.wrapping_add(node * 8))?)))
        .collect()
}

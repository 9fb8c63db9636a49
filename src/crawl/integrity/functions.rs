//! Other pointers to functions that lead where none of their kind may: the tables that `ls`, `ps`,
//! `netstat` and `lsmod` depend on, and those who may be called by the kernel on their own wish.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::code::Code;
use super::confirm::{chain, confirmed, forward, readable, slot, slots};
use super::outcome::{Compared, conclude};
use super::probes::{self, Pointer};
use crate::crawl::reader::{ReadError, ReadResult, Reader};
use crate::frame::{HookTarget, HookedFunction, Integrity, Text};
use crate::layout::{Field, Symbol};

/// Hooks at one place of the packet filter (`MAX_HOOK_COUNT`, net/netfilter/core.c).
const MOST_HOOKS: u64 = 1024;

/// Where pointers of a kind may lead.
#[derive(Clone, Copy)]
enum May {
    /// To the kernel's own code alone.
    Kernel,
    /// To modules as well, if they do not hide.
    Modules,
}

pub(super) fn check(reader: &Reader, found: &mut Integrity) {
    type Pointers = fn(&Reader) -> ReadResult<Vec<Pointer>>;
    let kinds: [(&str, &'static str, May, Pointers); 5] = [
        ("tables of operations", "operations", May::Kernel, operations),
        ("functions that ftrace calls", "ftrace", May::Modules, |reader| {
            probes::ftrace(reader).map(|(functions, _)| functions)
        }),
        ("functions that kprobes call", "kprobe", May::Modules, |reader| {
            probes::kprobes(reader).map(|(_, functions)| functions)
        }),
        ("hooks of the packet filter", "netfilter", May::Modules, netfilter),
        ("functions that are told of keys", "notifier", May::Modules, notifiers),
    ];
    for (check, kind, may, pointers) in kinds {
        let result = hooked(reader, kind, may, pointers);
        let rows = conclude(found, check, result);
        found.hooked_functions.extend(rows);
    }
}

fn hooked(
    reader: &Reader,
    kind: &'static str,
    may: May,
    pointers: impl Fn(&Reader) -> ReadResult<Vec<Pointer>>,
) -> ReadResult<Compared<HookedFunction>> {
    let examined = Cell::new(0);
    let confirmed = confirmed(reader, |_| {
        let code = Code::find(reader)?;
        let mut hooked = BTreeMap::new();
        let mut count = 0;
        for (name, address, function) in pointers(reader)? {
            let is_allowed = match may {
                May::Kernel => code.is_kernel(function),
                May::Modules => code.is_known(function),
            };
            count += u64::from(function != 0);
            // An operation that there is not.
            if function != 0 && !is_allowed {
                hooked.insert((name, address, code.target(function)), ());
            }
        }
        examined.set(count);
        Ok(hooked)
    })?;
    let row = |(name, address, target): (String, u64, HookTarget)| HookedFunction {
        kind: Text::fixed(kind),
        name: name.into(),
        address,
        target,
    };
    let rows = confirmed.found.into_keys().map(row).collect();
    Ok(Compared { examined: examined.get(), rows, unread: confirmed.unread })
}

/// The kernel's own tables of functions that programs which list things end up in.
fn operations(reader: &Reader) -> ReadResult<Vec<Pointer>> {
    let symbols = &reader.layout.symbols;
    let layout = &reader.layout.integrity;
    let (seq, file, inode) =
        (&layout.seq_operations, &layout.file_operations, &layout.inode_operations);
    let seq = [seq.start, seq.stop, seq.next, seq.show];
    let file = [
        file.open,
        file.read,
        file.read_iter,
        file.write,
        file.write_iter,
        file.iterate_shared,
        file.ioctl,
        file.mmap,
        file.poll,
    ];
    let inode = [inode.lookup, inode.getattr, inode.permission];
    let tables: [(Symbol, &[Field]); 16] = [
        (symbols.tcp4_seq_ops, &seq),
        (symbols.tcp6_seq_ops, &seq),
        (symbols.udp_seq_ops, &seq),
        (symbols.udp6_seq_ops, &seq),
        (symbols.raw_seq_ops, &seq),
        (symbols.raw6_seq_ops, &seq),
        (symbols.unix_seq_ops, &seq),
        (symbols.packet_seq_ops, &seq),
        (symbols.modules_op, &seq),
        (symbols.kallsyms_op, &seq),
        (symbols.proc_root_operations, &file),
        (symbols.proc_root_inode_operations, &inode),
        (symbols.ext4_dir_operations, &file),
        (symbols.ext4_file_operations, &file),
        (symbols.shmem_file_operations, &file),
        (symbols.simple_dir_operations, &file),
    ];
    let mut pointers = Vec::new();
    // Functions that are a module's in this kernel, or go by another name, are left out.
    for (table, fields) in &tables {
        let Some(start) = reader.symbol_if_any(*table)? else { continue };
        for field in fields.iter().filter(|field| field.exists()) {
            let at = reader.at(start, *field)?;
            let member = field.name.rsplit('.').next().unwrap_or_default();
            let function = readable(reader.u64_at(at))?;
            pointers.extend(
                function.map(|function| (format!("{}.{member}", table.name), at, function)),
            );
        }
    }
    if tables.iter().all(|(table, _)| table.address.is_none()) {
        return Err(ReadError::NoSymbol(symbols.tcp4_seq_ops.name));
    }
    Ok(pointers)
}

/// The packet filter's hooks of all network namespaces.
fn netfilter(reader: &Reader) -> ReadResult<Vec<Pointer>> {
    let layout = &reader.layout.integrity;
    let net = &reader.layout.network.net;
    let head = reader.symbol(reader.layout.symbols.net_namespace_list)?;
    let (namespaces, walked) = forward(reader, head, net.list);
    readable(walked)?;
    let families = [
        layout.net_hooks.ipv4,
        layout.net_hooks.ipv6,
        layout.net_hooks.arp,
        layout.net_hooks.bridge,
    ];
    let mut pointers = Vec::new();
    for namespace in namespaces {
        for family in families.into_iter().filter(|family| family.exists()) {
            for hook in 0..slots(family)? {
                reader.step(namespace)?;
                let entries = reader.u64_at(slot(reader, namespace, family, hook)?);
                let Some(entries) = readable(entries)?.filter(|entries| *entries != 0) else {
                    continue;
                };
                let name =
                    format!("{}[{hook}]", family.name.rsplit('.').next().unwrap_or_default());
                readable(hooks(reader, entries, &name, &mut pointers))?;
            }
        }
    }
    Ok(pointers)
}

/// The hooks at one place of the packet filter.
fn hooks(reader: &Reader, entries: u64, name: &str, pointers: &mut Vec<Pointer>) -> ReadResult<()> {
    let layout = &reader.layout.integrity;
    let first = reader.at(entries, layout.hook_entries.hooks)?;
    let count = reader.unsigned(entries, layout.hook_entries.count)?.min(MOST_HOOKS);
    for index in 0..count {
        reader.step(entries)?;
        let entry = first.wrapping_add(index * u64::from(layout.hook_entry.size));
        let at = reader.at(entry, layout.hook_entry.hook)?;
        pointers.push((name.to_owned(), at, reader.u64_at(at)?));
    }
    Ok(())
}

/// The functions that are told of each key that is pressed (drivers/tty/vt/keyboard.c).
fn notifiers(reader: &Reader) -> ReadResult<Vec<Pointer>> {
    let layout = &reader.layout.integrity;
    let list = reader.layout.symbols.keyboard_notifier_list;
    let head = reader.at(reader.symbol(list)?, layout.atomic_notifiers.head)?;
    let mut pointers = Vec::new();
    let walked = chain(reader, head, reader.at(0, layout.notifier.next)?, 0, |block| {
        let at = reader.at(block, layout.notifier.call)?;
        pointers.push((list.name.to_owned(), at, reader.u64_at(at)?));
        Ok(())
    });
    readable(walked)?;
    Ok(pointers)
}

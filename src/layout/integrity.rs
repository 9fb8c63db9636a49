//! Structures in which the same facts are kept twice, and those that lead to code.

use crate::kernel::Types;

super::field::structures! {
    /// `struct task_struct`: what links a task beyond the list of tasks.
    TaskLinks = "task_struct" {
        /// Links in `pid.tasks`, by `enum pid_type`.
        pid_links: "pid_links",
        group_leader: "group_leader",
        children: "children",
        sibling: "sibling",
        /// In `rq.cfs_tasks`.
        group_node: "se.group_node",
        /// In `rt_prio_array.queue`.
        run_list: "rt.run_list",
    }

    /// `struct pid` (include/linux/pid.h).
    PidTasks = "pid" {
        /// Chains of tasks, by `enum pid_type`.
        tasks: "tasks",
    }

    /// `struct pid_namespace` (include/linux/pid_namespace.h).
    PidTable = "pid_namespace" {
        /// The ids' `struct pid`, by number (95846ecf9dac, 4.15).
        head: "idr.idr_rt.xa_head",
    }

    /// `struct rq` (kernel/sched/sched.h).
    RunQueue = "rq" {
        curr: "curr",
        cfs_tasks: "cfs_tasks",
        rt_queue: "rt.active.queue",
    }

    /// `struct kset` (include/linux/kobject.h).
    Kset = "kset" {
        list: "list",
    }

    /// `struct module_kobject` (include/linux/module.h): a folder of `/sys/module`.
    ModuleKobject = "module_kobject" {
        entry: "kobj.entry",
        /// NULL for what is built in.
        module: "mod",
    }

    /// `struct mod_tree_root` (kernel/module/internal.h).
    ModuleTree = "mod_tree_root" {
        /// Two red-black trees of the same nodes.
        trees: "root.tree",
    }

    /// `struct mod_tree_node` (include/linux/module.h).
    ModuleTreeNode = "mod_tree_node" {
        module: "mod",
        nodes: "node.node",
    }

    /// `struct module`: its memory until 6.3.
    ModuleInit = "module" {
        base: "init_layout.base",
        bytes: "init_layout.size",
    }

    /// `struct gate_struct` (arch/x86/include/asm/desc_defs.h).
    Gate = "gate_struct" {
        low: "offset_low",
        middle: "offset_middle",
        high: "offset_high",
        /// True if the gate is in use.
        present: "bits.p",
    }

    /// `struct ftrace_ops` (include/linux/ftrace.h).
    FtraceOps = "ftrace_ops" {
        func: "func",
        next: "next",
        trampoline: "trampoline",
        trampoline_size: "trampoline_size",
    }

    /// `struct kprobe` (include/linux/kprobes.h).
    Kprobe = "kprobe" {
        hlist: "hlist",
        /// Other probes at the same place.
        list: "list",
        addr: "addr",
        pre_handler: "pre_handler",
        post_handler: "post_handler",
    }

    /// `struct kretprobe`.
    Kretprobe = "kretprobe" {
        kp: "kp",
        handler: "handler",
        entry_handler: "entry_handler",
    }

    /// `struct bpf_ksym` (include/linux/bpf.h): code that BPF made, programs and trampolines.
    BpfKsym = "bpf_ksym" {
        start: "start",
        end: "end",
        list: "lnode",
    }

    /// `struct seq_operations` (include/linux/seq_file.h).
    SeqOperations = "seq_operations" {
        start: "start",
        stop: "stop",
        next: "next",
        show: "show",
    }

    /// `struct file_operations` (include/linux/fs.h): those that give content.
    FileOperations = "file_operations" {
        open: "open",
        read: "read",
        read_iter: "read_iter",
        write: "write",
        write_iter: "write_iter",
        /// The only one since 3e3271549670 (6.6).
        iterate_shared: "iterate_shared",
        ioctl: "unlocked_ioctl",
        mmap: "mmap",
        poll: "poll",
    }

    /// `struct inode_operations` (include/linux/fs.h).
    InodeOperations = "inode_operations" {
        lookup: "lookup",
        getattr: "getattr",
        permission: "permission",
    }

    /// `struct net`: the packet filter's hooks (arrays of pointers, by `enum nf_inet_hooks` or alike).
    NetHooks = "net" {
        ipv4: "nf.hooks_ipv4",
        ipv6: "nf.hooks_ipv6",
        arp: "nf.hooks_arp",
        bridge: "nf.hooks_bridge",
    }

    /// `struct nf_hook_entries` (include/linux/netfilter.h).
    HookEntries = "nf_hook_entries" {
        count: "num_hook_entries",
        hooks: "hooks",
    }

    /// `struct nf_hook_entry`.
    HookEntry = "nf_hook_entry" {
        hook: "hook",
    }

    /// `struct atomic_notifier_head` (include/linux/notifier.h).
    AtomicNotifiers = "atomic_notifier_head" {
        head: "head",
    }

    /// `struct notifier_block`.
    NotifierBlock = "notifier_block" {
        call: "notifier_call",
        next: "next",
    }
}

/// The layout of the section `integrity`.
#[derive(Clone, Debug)]
pub(crate) struct IntegrityLayout {
    pub task: TaskLinks,
    pub pid: PidTasks,
    pub pid_table: PidTable,
    pub run_queue: RunQueue,
    pub kset: Kset,
    pub module_kobject: ModuleKobject,
    pub module_tree: ModuleTree,
    pub module_tree_node: ModuleTreeNode,
    pub module_init: ModuleInit,
    pub gate: Gate,
    pub ftrace_ops: FtraceOps,
    pub kprobe: Kprobe,
    pub kretprobe: Kretprobe,
    pub bpf_ksym: BpfKsym,
    pub seq_operations: SeqOperations,
    pub file_operations: FileOperations,
    pub inode_operations: InodeOperations,
    pub net_hooks: NetHooks,
    pub hook_entries: HookEntries,
    pub hook_entry: HookEntry,
    pub atomic_notifiers: AtomicNotifiers,
    pub notifier: NotifierBlock,
}

impl IntegrityLayout {
    pub(super) fn compile(types: &dyn Types) -> Self {
        Self {
            task: TaskLinks::compile(types),
            pid: PidTasks::compile(types),
            pid_table: PidTable::compile(types),
            run_queue: RunQueue::compile(types),
            kset: Kset::compile(types),
            module_kobject: ModuleKobject::compile(types),
            module_tree: ModuleTree::compile(types),
            module_tree_node: ModuleTreeNode::compile(types),
            module_init: ModuleInit::compile(types),
            gate: Gate::compile(types),
            ftrace_ops: FtraceOps::compile(types),
            kprobe: Kprobe::compile(types),
            kretprobe: Kretprobe::compile(types),
            bpf_ksym: BpfKsym::compile(types),
            seq_operations: SeqOperations::compile(types),
            file_operations: FileOperations::compile(types),
            inode_operations: InodeOperations::compile(types),
            net_hooks: NetHooks::compile(types),
            hook_entries: HookEntries::compile(types),
            hook_entry: HookEntry::compile(types),
            atomic_notifiers: AtomicNotifiers::compile(types),
            notifier: NotifierBlock::compile(types),
        }
    }
}

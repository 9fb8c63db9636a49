"""What drgn needs for the facts of nfm's frames, live, through QEMU: run by `make bench-peers`.

Usage: drgn_frames.py QMP_SOCKET QEMU_PID VMLINUX VMCOREINFO_ADDRESS VMCOREINFO_BYTES RAM_BYTES FRAMES

Each fact is read by drgn's own helper where it has one, and by as few accesses as a user of drgn would
write. Prints one JSON object: times in milliseconds, counts of rows, peak memory.
"""

import json
import resource
import sys
import time

import drgn
from drgn import cast
from drgn.helpers.linux.cgroup import cgroup_path
from drgn.helpers.linux.fs import d_path, for_each_file
from drgn.helpers.linux.list import hlist_for_each_entry, list_for_each_entry
from drgn.helpers.linux.list_nulls import hlist_nulls_for_each_entry
from drgn.helpers.linux.mm import cmdline, for_each_vma
from drgn.helpers.linux.module import for_each_module, module_address_regions
from drgn.helpers.linux.net import (
    SOCK_INODE,
    for_each_net,
    for_each_netdev,
    netdev_ipv4_addrs,
    netdev_ipv6_addrs,
    netdev_name,
)
from drgn.helpers.linux.pid import for_each_task_in_group
from drgn.helpers.linux.sched import task_state_to_char

PF_KTHREAD = 0x00200000
NAMESPACES = ("uts_ns", "ipc_ns", "mnt_ns", "net_ns", "time_ns", "cgroup_ns")


def vmcoreinfo(pid, ram_bytes, address, length):
    """The note's text; what QEMU's vmcoreinfo device would give, read from QEMU's memory here."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb") as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if end - start == ram_bytes:
                memory.seek(start + address)
                note = memory.read(length)
                beginning = note.index(b"OSRELEASE=")
                return note[beginning : note.index(b"\0", beginning)]
    raise SystemExit("drgn_frames.py: QEMU has no mapping of the guest's RAM")


def tasks(prog):
    """Thread-group leaders."""
    init = prog["init_task"].address_of_()
    return list_for_each_entry("struct task_struct", init.tasks.address_of_(), "tasks")


def process_list(prog):
    """The facts of `ps`: the fewest that one could call a list of processes."""
    return [
        (
            task.tgid.value_(),
            task.real_parent.tgid.value_(),
            task.comm.string_(),
            task_state_to_char(task),
            task.real_cred.uid.val.value_(),
            task.start_boottime.value_(),
        )
        for task in tasks(prog)
    ]


def path(root):
    """The path of a `struct path`."""
    return d_path(root) if root.dentry else None


def processes(prog):
    """The same facts as nfm's section `processes`."""
    rows = []
    for task in tasks(prog):
        signal, cred, mm, fs = task.signal, task.real_cred, task.mm, task.fs
        user, system = signal.utime.value_(), signal.stime.value_()
        exact = signal.sum_sched_runtime.value_()
        for thread in for_each_task_in_group(task, include_self=True):
            user += thread.utime.value_()
            system += thread.stime.value_()
            exact += thread.se.sum_exec_runtime.value_()
        row = {
            "pid": task.tgid.value_(),
            "ppid": task.real_parent.tgid.value_(),
            "name": task.comm.string_(),
            "state": task_state_to_char(task),
            "kernel_thread": bool(task.flags & PF_KTHREAD),
            "uid": cred.uid.val.value_(),
            "euid": cred.euid.val.value_(),
            "gid": cred.gid.val.value_(),
            "egid": cred.egid.val.value_(),
            "threads": signal.nr_threads.value_(),
            "nice": task.static_prio.value_() - 120,
            "start": task.start_boottime.value_(),
            "times": (user, system, exact, signal.prev_cputime.utime.value_()),
            "user_ns": cred.user_ns.ns.inum.value_(),
        }
        if mm:
            row["virtual"] = mm.total_vm.value_()
            row["rss"] = [mm.rss_stat.count[kind].counter.value_() for kind in (0, 1, 3)]
            row["command_line"] = cmdline(task)
            row["exe"] = d_path(mm.exe_file.f_path) if mm.exe_file else None
        if fs:
            row["cwd"], row["root"] = path(fs.pwd), path(fs.root)
        if task.nsproxy:
            proxy = task.nsproxy
            row["namespaces"] = [getattr(proxy, name).ns.inum.value_() for name in NAMESPACES]
        pid = task.thread_pid
        if pid:
            own = pid.numbers[pid.level]
            row["pid_in_namespace"] = (own.nr.value_(), own.ns.ns.inum.value_())
        if task.files:
            row["open_files"] = sum(1 for _ in for_each_file(task))
        row["cgroup"] = cgroup_path(task.cgroups.dfl_cgrp)
        rows.append(row)
    return rows


def files(prog):
    """Descriptors: path, flags, position, inode, mode."""
    rows = []
    for task in tasks(prog):
        if not task.files:
            continue
        pid = task.tgid.value_()
        for fd, file in for_each_file(task):
            inode = file.f_inode
            rows.append(
                (
                    pid,
                    fd,
                    d_path(file.f_path),
                    file.f_flags.value_(),
                    file.f_pos.value_(),
                    inode.i_ino.value_(),
                    inode.i_mode.value_(),
                )
            )
    return rows


def mappings(prog):
    """Areas: range, flags, offset, path. Resident bytes, which nfm counts from the page tables, are left
    out: drgn has no helper for them."""
    rows = []
    for task in tasks(prog):
        mm = task.mm
        if not mm:
            continue
        pid = task.tgid.value_()
        for vma in for_each_vma(mm):
            file = vma.vm_file
            rows.append(
                (
                    pid,
                    vma.vm_start.value_(),
                    vma.vm_end.value_(),
                    vma.vm_flags.value_(),
                    vma.vm_pgoff.value_(),
                    d_path(file.f_path) if file else None,
                )
            )
    return rows


def modules(prog):
    """Name, state, size, references, users."""
    rows = []
    for module in for_each_module(prog):
        users = list_for_each_entry(
            "struct module_use", module.source_list.address_of_(), "source_list"
        )
        rows.append(
            (
                module.name.string_(),
                module.state.value_(),
                module_address_regions(module),
                module.refcnt.counter.value_(),
                module.taints.value_(),
                [user.source.name.string_() for user in users],
            )
        )
    return rows


def interfaces(prog):
    """Name, index, flags, MTU, addresses, the device's own counters."""
    rows = []
    for net in for_each_net(prog):
        inum = net.ns.inum.value_()
        for device in for_each_netdev(net):
            stats = device.stats
            rows.append(
                (
                    inum,
                    netdev_name(device),
                    device.ifindex.value_(),
                    device.flags.value_(),
                    device.mtu.value_(),
                    prog.read(device.dev_addr, device.addr_len) if device.addr_len else b"",
                    netdev_ipv4_addrs(device),
                    netdev_ipv6_addrs(device),
                    [
                        getattr(stats, name).value_()
                        for name in ("rx_bytes", "rx_packets", "tx_bytes", "tx_packets")
                    ],
                )
            )
    return rows


def socket(sock):
    """What is common to sockets of every family, and their addresses."""
    common = sock.__sk_common
    inode = SOCK_INODE(sock).i_ino.value_() if sock.sk_socket else 0
    return (
        common.skc_family.value_(),
        common.skc_state.value_(),
        common.skc_rcv_saddr.value_(),
        common.skc_daddr.value_(),
        common.skc_num.value_(),
        common.skc_dport.value_(),
        inode,
    )


def sockets(prog):
    """TCP, UDP and unix sockets, with the process that has each open."""
    owners = {}
    for task in tasks(prog):
        if task.files:
            pid = task.tgid.value_()
            for fd, file in for_each_file(task):
                owners.setdefault(file.f_inode.value_(), (pid, fd))
    rows = []
    tcp = prog["tcp_hashinfo"]
    for bucket in range(tcp.ehash_mask.value_() + 1):
        head = tcp.ehash[bucket].chain
        if head.first.value_() & 1:
            continue
        for sock in hlist_nulls_for_each_entry(
            "struct sock", head.address_of_(), "__sk_common.skc_nulls_node"
        ):
            if sock.__sk_common.skc_state.value_() not in (6, 12):
                rows.append(("tcp", socket(sock)))
    for bucket in range(tcp.lhash2_mask.value_() + 1):
        head = tcp.lhash2[bucket].nulls_head
        if head.first.value_() & 1:
            continue
        for sock in hlist_nulls_for_each_entry(
            "struct sock", head.address_of_(), "__sk_common.skc_nulls_node"
        ):
            rows.append(("tcp", socket(sock)))
    udp = prog["udp_table"]
    for bucket in range(udp.mask.value_() + 1):
        head = udp.hash[bucket].head
        if head.first:
            for sock in hlist_for_each_entry(
                "struct sock", head.address_of_(), "__sk_common.skc_node"
            ):
                rows.append(("udp", socket(sock)))
    for net in for_each_net(prog):
        for head in net.unx.table.buckets[0:256]:
            if head.first:
                for sock in hlist_for_each_entry(
                    "struct sock", head.address_of_(), "__sk_common.skc_node"
                ):
                    unix = cast("struct unix_sock *", sock)
                    name = None
                    if unix.addr:
                        length = unix.addr.len.value_() - 2
                        name = prog.read(unix.addr.name[0].sun_path.address_of_(), length)
                    inode = SOCK_INODE(sock).i_ino.value_() if sock.sk_socket else 0
                    rows.append(("unix", (sock.__sk_common.skc_state.value_(), inode, name)))
    return rows


def full(prog):
    """The frame that PEERS.md measured: six sections."""
    sections = (processes, files, sockets, mappings, modules, interfaces)
    return {section.__name__: len(section(prog)) for section in sections}


def timed(call, prog, times):
    """Runs once; adds the time by the clock and on the CPU."""
    begun, cpu = time.perf_counter(), time.process_time()
    result = call(prog)
    times.append(((time.perf_counter() - begun) * 1e3, (time.process_time() - cpu) * 1e3))
    return result


def main():
    qmp, pid, vmlinux, address, length, ram, frames = sys.argv[1:]
    text = vmcoreinfo(int(pid), int(ram), int(address, 16), int(length))
    begun, used = time.perf_counter(), time.process_time()
    prog = drgn.Program()
    prog.set_qemu_qmp(qmp)
    # What the vmcoreinfo device would do by itself if the guest had loaded qemu_fw_cfg.
    prog.set_linux_kernel_custom(text, True)
    prog.load_debug_info([vmlinux])
    listed = len(process_list(prog))
    listed_at = time.time() * 1e3
    open_to_list = (
        (time.perf_counter() - begun) * 1e3,
        (time.process_time() - used) * 1e3,
    )
    used = time.process_time() * 1e3
    count = int(frames)
    times = {"process_list": [], "processes": [], "full": []}
    for _ in range(count):
        timed(process_list, prog, times["process_list"])
    for _ in range(count):
        timed(processes, prog, times["processes"])
    for _ in range(max(count // 4, 3)):
        rows = timed(full, prog, times["full"])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    report = {
        "open_to_list": open_to_list,
        "listed_at": [listed_at, used],
        "listed": listed,
        "rows": rows,
        "peak_kib": peak,
        "times": times,
    }
    print(json.dumps(report))


main()

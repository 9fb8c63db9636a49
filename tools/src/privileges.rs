//! Rights that a process gives up before it reads hostile memory: all capabilities but the one that reading takes, and
//! the system calls that neither reading nor printing needs.
//!
//! An attacker that took over the parsers could then still read the memory of other processes, which is nfm's trade,
//! but could neither write to one, nor to a file, nor start a program, nor change the system.

use std::collections::BTreeMap;
use std::io;

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// `process_vm_readv` asks for it at every call.
const KEPT: CapabilitySet = CapabilitySet::SYS_PTRACE;

/// System calls that are refused (EPERM): programs, other processes, files, mounts, the kernel itself,
/// and ways around this list.
const REFUSED: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_creat,
    libc::SYS_truncate,
    libc::SYS_link,
    libc::SYS_linkat,
    libc::SYS_symlink,
    libc::SYS_symlinkat,
    libc::SYS_unlink,
    libc::SYS_unlinkat,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_renameat2,
    libc::SYS_mkdir,
    libc::SYS_mkdirat,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_mknodat,
    libc::SYS_chmod,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_chown,
    libc::SYS_fchown,
    libc::SYS_lchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_removexattr,
    libc::SYS_lremovexattr,
    libc::SYS_fremovexattr,
    libc::SYS_open_by_handle_at,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    libc::SYS_acct,
    libc::SYS_quotactl,
];

/// True if the process has the capability that reading guests' memory takes.
#[allow(dead_code, reason = "the command's, not the recorder's")]
pub(crate) fn may_read_memory() -> bool {
    capabilities(None).is_ok_and(|own| own.effective.contains(CapabilitySet::SYS_PTRACE))
}

/// Gives up what an open domain does not need any more. What the system does not let be given up is told
/// (`NFM_LOG=warn`) and is no failure: the reader had those rights before, too.
pub(crate) fn give_up() {
    give_up_but(KEPT);
}

/// The same, for a process that needs these capabilities from then on.
pub(crate) fn give_up_but(kept: CapabilitySet) {
    give_up_capabilities(kept);
    if let Err(error) = refuse_calls() {
        tracing::warn!(%error, "system calls could not be given up");
    }
}

/// Gives up all capabilities but these, and the ways to get others.
pub(crate) fn give_up_capabilities(kept: CapabilitySet) {
    if let Err(error) = keep_capabilities(kept) {
        tracing::warn!(%error, "capabilities could not be given up");
    }
}

fn keep_capabilities(kept: CapabilitySet) -> io::Result<()> {
    let own = capabilities(None)?;
    for capability in CapabilitySet::all().iter().filter(|one| !kept.contains(*one)) {
        // Takes CAP_SETPCAP; without it the set is as small as whoever started nfm made it. Where the
        // kernel knows fewer capabilities, there is nothing to remove.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let _ = clear_ambient_capability_set();
    let sets = CapabilitySets {
        effective: own.effective & kept,
        permitted: own.permitted & kept,
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, sets)?;
    set_no_new_privs(true)?;
    Ok(())
}

fn refuse_calls() -> Result<(), Box<dyn std::error::Error>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for call in REFUSED {
        rules.insert(*call, Vec::new());
    }
    // Files are opened for reading only. openat2 has its flags where a filter cannot see them, and
    // callers of it fall back to openat.
    rules.insert(libc::SYS_openat2, Vec::new());
    for (call, argument) in [(libc::SYS_open, 1), (libc::SYS_openat, 2)] {
        let writes = [libc::O_WRONLY, libc::O_RDWR, libc::O_CREAT, libc::O_TRUNC];
        let rule = |flag: libc::c_int| {
            let operator = SeccompCmpOp::MaskedEq(flag as u64);
            let condition =
                SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, flag as u64)?;
            SeccompRule::new(vec![condition])
        };
        rules.insert(call, writes.into_iter().map(rule).collect::<Result<_, _>>()?);
    }
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM as u32),
        TargetArch::x86_64,
    )?;
    let program: BpfProgram = filter.try_into()?;
    seccompiler::apply_filter_all_threads(&program)?;
    Ok(())
}

//! The errors, each with its stable code and one sentence that says what to do.

use std::fmt;

use crate::this_process::{descriptor_limit, lacks_descriptors};

/// The stable number of an error: the result code of the C ABI and the exit status of the `nfm`
/// command. Numbers are never reused.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// Something failed that has no code of its own (an input or output error, for example).
    Other = 1,
    /// An argument is not what the function or the command takes.
    InvalidArgument = 2,
    /// libvirt cannot be reached.
    Connect = 3,
    /// libvirt knows no such domain.
    NoSuchDomain = 4,
    /// The domain is known but not running.
    NotRunning = 5,
    /// The guest's memory may not be read with the caller's privileges.
    Permission = 6,
    /// No operating system runs in the guest yet: it is in its firmware or boot loader.
    NotBooted = 7,
    /// The guest runs no Linux kernel that can be recognised.
    NotLinux = 8,
    /// The kernel carries no BTF, so the layout of its structures is unknown.
    NoTypes = 9,
    /// The kernel's symbol table cannot be found in its memory.
    NoSymbols = 10,
    /// The hypervisor, the architecture or the kind of memory is one that nfm does not read.
    Unsupported = 11,
    /// The guest's RAM cannot be located in the hypervisor's process.
    NoMemory = 12,
    /// The guest ended, or was replaced by another, while it was read.
    Gone = 13,
    /// A bug in nfm: a panic was caught at the border of the library.
    Panic = 14,
    /// The caller cancelled the call from another thread.
    Cancelled = 15,
    /// A file is not there, may not be read or written, or is none that nfm can read.
    File = 16,
    /// A symbol file is of another kernel than the guest's.
    Mismatch = 17,
    /// The process has no file descriptor left.
    Descriptors = 18,
    /// The guest's memory does not hold what was asked for: the guest may have it on its disk.
    NotInMemory = 19,
}

impl ErrorCode {
    /// The C name of the code, as in `nfm.h`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Other => "NFM_ERR_OTHER",
            Self::InvalidArgument => "NFM_ERR_INVALID_ARGUMENT",
            Self::Connect => "NFM_ERR_CONNECT",
            Self::NoSuchDomain => "NFM_ERR_NO_SUCH_DOMAIN",
            Self::NotRunning => "NFM_ERR_NOT_RUNNING",
            Self::Permission => "NFM_ERR_PERMISSION",
            Self::NotBooted => "NFM_ERR_NOT_BOOTED",
            Self::NotLinux => "NFM_ERR_NOT_LINUX",
            Self::NoTypes => "NFM_ERR_NO_TYPES",
            Self::NoSymbols => "NFM_ERR_NO_SYMBOLS",
            Self::Unsupported => "NFM_ERR_UNSUPPORTED",
            Self::NoMemory => "NFM_ERR_NO_MEMORY",
            Self::Gone => "NFM_ERR_GONE",
            Self::Panic => "NFM_ERR_PANIC",
            Self::Cancelled => "NFM_ERR_CANCELLED",
            Self::File => "NFM_ERR_FILE",
            Self::Mismatch => "NFM_ERR_MISMATCH",
            Self::Descriptors => "NFM_ERR_DESCRIPTORS",
            Self::NotInMemory => "NFM_ERR_NOT_IN_MEMORY",
        }
    }
}

/// The remedy after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Retry {
    /// Nothing that the program could do: the same call fails again until somebody changes something.
    Never,
    /// The same call again after a while: what it failed of passes by itself.
    Later,
    /// To open the domain anew: the handle is of no more use.
    Reopen,
}

/// An error of opening or crawling a domain. Its `Display` is one whole sentence for a person.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// See [`ErrorCode::InvalidArgument`].
    #[error("{0}")]
    InvalidArgument(String),
    /// See [`ErrorCode::Connect`].
    #[error(
        "cannot reach libvirt at {uri}: {reason}; check that its daemon runs and that the URI is right"
    )]
    Connect {
        /// The URI asked for, or "its default URI".
        uri: String,
        /// libvirt's own words.
        reason: String,
    },
    /// See [`ErrorCode::Connect`]: libvirt answers, and does not let the caller in.
    #[error(
        "libvirt at {uri} does not let this caller in: authentication failed: {reason}; check who may connect (auth_unix_ro in libvirtd.conf, polkit's rules, the group libvirt)"
    )]
    Authentication {
        /// The URI asked for, or "its default URI".
        uri: String,
        /// libvirt's own words.
        reason: String,
    },
    /// See [`ErrorCode::InvalidArgument`]: a child made by fork may not use what its parent opened.
    #[error(
        "this process is a child, by fork, of the one that opened this: it would share its parent's connections; open it anew here"
    )]
    Forked,
    /// See [`ErrorCode::Descriptors`].
    #[error(
        "this process has no file descriptor left{}; close some domains, or raise the limit (ulimit -n, or LimitNOFILE= of a systemd unit)",
        limit.map(|limit| format!(" (its limit is {limit})")).unwrap_or_default()
    )]
    Descriptors {
        /// How many it may have.
        limit: Option<u64>,
    },
    /// A libvirt call failed after the connection stood.
    #[error("libvirt refused {call}: {reason}")]
    Libvirt {
        /// The call to libvirt that failed.
        call: &'static str,
        /// libvirt's own words.
        reason: String,
    },
    /// See [`ErrorCode::NoSuchDomain`].
    #[error(
        "there is no domain '{domain}' at {uri}; `nfm list --all` shows the names, ids and UUIDs that are"
    )]
    NoSuchDomain {
        /// The domain that the caller asked for.
        domain: String,
        /// The connection's URI.
        uri: String,
    },
    /// See [`ErrorCode::NoSuchDomain`].
    #[error(
        "process {pid} is no QEMU of this host that runs a guest; `nfm list` shows those that are"
    )]
    NoSuchProcess {
        /// The process that the caller asked for.
        pid: i32,
    },
    /// See [`ErrorCode::NotRunning`].
    #[error(
        "domain '{domain}' is {state}, so it has no memory to read; start it first (`virsh start`)"
    )]
    NotRunning {
        /// The domain's name.
        domain: String,
        /// Its state, as `virsh domstate` says it.
        state: &'static str,
    },
    /// See [`ErrorCode::Permission`].
    #[error(
        "no permission to read the memory of domain '{domain}' (QEMU process {pid}): {reason}; run as root or with CAP_SYS_PTRACE"
    )]
    Permission {
        /// The domain's name.
        domain: String,
        /// The process that holds the guest's memory.
        pid: i32,
        /// The system's own words.
        reason: String,
    },
    /// See [`ErrorCode::Permission`]: refused by another hypervisor than QEMU.
    #[error("no permission to read the memory of domain '{domain}': {reason}")]
    Denied {
        /// The domain's name.
        domain: String,
        /// The refusal, and what to do.
        reason: String,
    },
    /// See [`ErrorCode::NotBooted`].
    #[error(
        "no operating system runs in domain '{domain}' yet ({evidence}): it is still in its firmware or boot loader; try again once it has booted"
    )]
    NotBooted {
        /// The domain's name.
        domain: String,
        /// The signs that were seen.
        evidence: String,
    },
    /// See [`ErrorCode::NotLinux`].
    #[error(
        "domain '{domain}' runs no Linux kernel that nfm can recognise ({evidence}); nfm reads x86-64 Linux guests"
    )]
    NotLinux {
        /// The domain's name.
        domain: String,
        /// The signs that were seen.
        evidence: String,
    },
    /// See [`ErrorCode::NoTypes`].
    #[error(
        "the kernel of domain '{domain}' ({release}) carries no usable BTF ({reason}); install its debug package on this host, name its vmlinux with --types, or boot a kernel built with CONFIG_DEBUG_INFO_BTF=y"
    )]
    NoTypes {
        /// The domain's name.
        domain: String,
        /// The kernel's release, or "unknown release".
        release: String,
        /// The fault.
        reason: String,
    },
    /// See [`ErrorCode::NoTypes`]: the types are of this very kernel build, and yet not of what it made.
    #[error(
        "the types of the kernel of domain '{domain}' ({release}) do not fit its memory: {reason}; so it is where RANDSTRUCT put structures in an order that no types tell (boot a kernel built with CONFIG_RANDSTRUCT_NONE=y), and for a moment while a guest restarts"
    )]
    WrongTypes {
        /// The domain's name.
        domain: String,
        /// The kernel's release, or "unknown release".
        release: String,
        /// The sign of it.
        reason: String,
    },
    /// See [`ErrorCode::NoSymbols`].
    #[error(
        "the symbol table of the kernel in domain '{domain}' does not serve ({reason}); install its debug package on this host, name its System.map or vmlinux with --symbols, or boot a kernel built with CONFIG_KALLSYMS=y and, unless it has BTF, CONFIG_KALLSYMS_ALL=y"
    )]
    NoSymbols {
        /// The domain's name.
        domain: String,
        /// The fault.
        reason: String,
    },
    /// See [`ErrorCode::Unsupported`].
    #[error("domain '{domain}' cannot be read: {reason}")]
    Unsupported {
        /// The domain's name.
        domain: String,
        /// The lacking feature, and what to do.
        reason: String,
    },
    /// See [`ErrorCode::NoMemory`].
    #[error(
        "the RAM of domain '{domain}' cannot be located in {place}: {reason}; `nfm doctor` shows what was looked for, please report it"
    )]
    NoMemory {
        /// The domain's name.
        domain: String,
        /// The place that should hold the guest's memory: `QEMU process 14782`.
        place: String,
        /// The thing that was looked for and not found.
        reason: String,
    },
    /// See [`ErrorCode::Gone`].
    #[error("domain '{domain}' ended while it was read; open it again if it was restarted")]
    Gone {
        /// The domain's name.
        domain: String,
    },
    /// The search for the kernel took too long ([`ErrorCode::Other`]).
    #[error(
        "the kernel of domain '{domain}' was not found within {seconds} s: the search was given up; if the host is not just busy, the guest's memory is made to be searched for long"
    )]
    TimeLimit {
        /// The domain's name.
        domain: String,
        /// The limit.
        seconds: f64,
    },
    /// Something of the guest could not be read ([`ErrorCode::Other`]).
    #[error("{what} in domain '{domain}' cannot be read: {reason}")]
    Unreadable {
        /// The domain's name.
        domain: String,
        /// The request.
        what: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// See [`ErrorCode::File`]: the guest has no such file, or it is none of the kind that is needed.
    #[error("file '{path}' of domain '{domain}' cannot be read: {reason}")]
    NoGuestFile {
        /// The domain's name.
        domain: String,
        /// The file.
        path: String,
        /// The fault in it.
        reason: String,
    },
    /// See [`ErrorCode::NotInMemory`].
    #[error("file '{path}' of domain '{domain}' cannot be read from its memory: {reason}")]
    NotInMemory {
        /// The domain's name.
        domain: String,
        /// The file.
        path: String,
        /// The part that is not in memory.
        reason: String,
    },
    /// See [`ErrorCode::Cancelled`].
    #[error("the reading of domain '{domain}' was cancelled")]
    Cancelled {
        /// The domain's name, or what the caller asked for.
        domain: String,
    },
    /// See [`ErrorCode::File`].
    #[error("no guest's memory can be read from file '{path}': {reason}")]
    File {
        /// The file.
        path: String,
        /// The fault in it, and what to do.
        reason: String,
    },
    /// See [`ErrorCode::File`].
    #[error("cannot write '{path}': {reason}")]
    Dump {
        /// The file that was to be written.
        path: String,
        /// The fault, and what to do.
        reason: String,
        /// The system's error number, or 0.
        errno: i32,
    },
    /// See [`ErrorCode::Mismatch`].
    #[error(
        "the symbol file '{path}' is of another kernel than domain '{domain}' runs: {reason}; give the files of just this kernel build"
    )]
    Mismatch {
        /// The domain's name.
        domain: String,
        /// The symbol file.
        path: String,
        /// The sign of it.
        reason: String,
    },
    /// See [`ErrorCode::File`].
    #[error("the symbol file '{path}' cannot be used: {reason}")]
    BadFile {
        /// The file.
        path: String,
        /// The fault in it.
        reason: String,
    },
    /// See [`ErrorCode::Other`].
    #[error("{what}: {source}")]
    Io {
        /// The task that failed.
        what: String,
        /// The system's error.
        source: std::io::Error,
    },
}

impl Error {
    /// The stable number of this error.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::InvalidArgument(_) | Self::Forked => ErrorCode::InvalidArgument,
            Self::Connect { .. } | Self::Authentication { .. } => ErrorCode::Connect,
            Self::Descriptors { .. } => ErrorCode::Descriptors,
            Self::NoSuchDomain { .. } | Self::NoSuchProcess { .. } => ErrorCode::NoSuchDomain,
            Self::NotRunning { .. } => ErrorCode::NotRunning,
            Self::Permission { .. } | Self::Denied { .. } => ErrorCode::Permission,
            Self::NotBooted { .. } => ErrorCode::NotBooted,
            Self::NotLinux { .. } => ErrorCode::NotLinux,
            Self::NoTypes { .. } | Self::WrongTypes { .. } => ErrorCode::NoTypes,
            Self::NoSymbols { .. } => ErrorCode::NoSymbols,
            Self::Unsupported { .. } => ErrorCode::Unsupported,
            Self::NoMemory { .. } => ErrorCode::NoMemory,
            Self::Gone { .. } => ErrorCode::Gone,
            Self::Cancelled { .. } => ErrorCode::Cancelled,
            Self::File { .. }
            | Self::Dump { .. }
            | Self::BadFile { .. }
            | Self::NoGuestFile { .. } => ErrorCode::File,
            Self::NotInMemory { .. } => ErrorCode::NotInMemory,
            Self::Mismatch { .. } => ErrorCode::Mismatch,
            Self::Libvirt { .. }
            | Self::TimeLimit { .. }
            | Self::Unreadable { .. }
            | Self::Io { .. } => ErrorCode::Other,
        }
    }

    /// Tells if the call that failed may succeed later, with a new handle, or not at all.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Connect { .. }
            | Self::Libvirt { .. }
            | Self::NotRunning { .. }
            | Self::NotBooted { .. }
            | Self::TimeLimit { .. }
            | Self::Unreadable { .. }
            | Self::Cancelled { .. }
            | Self::NotInMemory { .. }
            | Self::Descriptors { .. } => Retry::Later,
            Self::Gone { .. } | Self::Forked => Retry::Reopen,
            Self::InvalidArgument(_)
            | Self::Authentication { .. }
            | Self::NoSuchDomain { .. }
            | Self::NoSuchProcess { .. }
            | Self::Permission { .. }
            | Self::Denied { .. }
            | Self::NotLinux { .. }
            | Self::NoTypes { .. }
            | Self::WrongTypes { .. }
            | Self::NoSymbols { .. }
            | Self::Unsupported { .. }
            | Self::NoMemory { .. }
            | Self::File { .. }
            | Self::Dump { .. }
            | Self::BadFile { .. }
            | Self::Mismatch { .. }
            | Self::NoGuestFile { .. }
            | Self::Io { .. } => Retry::Never,
        }
    }

    /// The system's error number behind this error, or 0.
    pub fn errno(&self) -> i32 {
        match self {
            Self::Io { source, .. } => source.raw_os_error().unwrap_or(0),
            Self::Dump { errno, .. } => *errno,
            Self::Descriptors { .. } => rustix::io::Errno::MFILE.raw_os_error(),
            _ => 0,
        }
    }

    pub(crate) fn io(what: impl fmt::Display, source: std::io::Error) -> Self {
        match lacks_descriptors(&source) {
            true => Self::Descriptors { limit: descriptor_limit() },
            false => Self::Io { what: what.to_string(), source },
        }
    }
}

/// The result of opening or crawling.
pub type Result<T, E = Error> = std::result::Result<T, E>;

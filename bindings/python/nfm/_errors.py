"""An exception for each error.

Generated from include/nfm.h by bindings/generate: do not edit.
"""

from __future__ import annotations

import builtins
from typing import Dict, Type

from ._abi import Result
from ._error import Error


class OtherError(Error):
    """Something failed that has no code of its own (an input or output error, for example)."""


class InvalidArgumentError(Error, ValueError):
    """An argument is not what the function takes."""


class ConnectError(Error):
    """libvirt cannot be reached."""


class NoSuchDomainError(Error):
    """libvirt knows no such domain."""


class NotRunningError(Error):
    """The domain is known but not running."""


class PermissionError(Error, builtins.PermissionError):  # type: ignore[misc]
    """The guest's memory may not be read with the caller's privileges."""


class NotBootedError(Error):
    """No operating system runs in the guest yet: it is in its firmware or boot loader."""


class NotLinuxError(Error):
    """The guest runs no Linux kernel that can be recognised."""


class NoTypesError(Error):
    """The kernel carries no BTF, so the layout of its structures is unknown."""


class NoSymbolsError(Error):
    """The kernel's symbol table cannot be found in its memory."""


class UnsupportedError(Error):
    """The hypervisor, the architecture or the kind of memory is one that nfm does not read."""


class NoMemoryError(Error):
    """The guest's RAM cannot be located in the hypervisor's process."""


class GoneError(Error):
    """The guest ended, or was replaced by another, while it was read."""


class PanicError(Error):
    """A bug in nfm: a panic was caught, or was caught earlier with this handle. Close the handle.
    """


class CancelledError(Error):
    """The call was cancelled through its nfm_control_t."""


class FileError(Error):
    """A file is not there, may not be read or written, or is none that nfm can read."""


class MismatchError(Error):
    """A symbol file is of another kernel than the guest's."""


class DescriptorsError(Error):
    """The process has no file descriptor left: close some domains, or raise its limit."""


class NotInMemoryError(Error):
    """The guest's memory does not hold what was asked for: the guest may have it on its disk."""


BY_RESULT: Dict[int, Type[Error]] = {
    Result.ERR_OTHER: OtherError,
    Result.ERR_INVALID_ARGUMENT: InvalidArgumentError,
    Result.ERR_CONNECT: ConnectError,
    Result.ERR_NO_SUCH_DOMAIN: NoSuchDomainError,
    Result.ERR_NOT_RUNNING: NotRunningError,
    Result.ERR_PERMISSION: PermissionError,
    Result.ERR_NOT_BOOTED: NotBootedError,
    Result.ERR_NOT_LINUX: NotLinuxError,
    Result.ERR_NO_TYPES: NoTypesError,
    Result.ERR_NO_SYMBOLS: NoSymbolsError,
    Result.ERR_UNSUPPORTED: UnsupportedError,
    Result.ERR_NO_MEMORY: NoMemoryError,
    Result.ERR_GONE: GoneError,
    Result.ERR_PANIC: PanicError,
    Result.ERR_CANCELLED: CancelledError,
    Result.ERR_FILE: FileError,
    Result.ERR_MISMATCH: MismatchError,
    Result.ERR_DESCRIPTORS: DescriptorsError,
    Result.ERR_NOT_IN_MEMORY: NotInMemoryError,
}

__all__ = [
    "BY_RESULT",
    "CancelledError",
    "ConnectError",
    "DescriptorsError",
    "FileError",
    "GoneError",
    "InvalidArgumentError",
    "MismatchError",
    "NoMemoryError",
    "NoSuchDomainError",
    "NoSymbolsError",
    "NoTypesError",
    "NotBootedError",
    "NotInMemoryError",
    "NotLinuxError",
    "NotRunningError",
    "OtherError",
    "PanicError",
    "PermissionError",
    "UnsupportedError",
]

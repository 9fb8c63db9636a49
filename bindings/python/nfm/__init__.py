"""See into running Linux guests from their host.

    import nfm

    with nfm.open_domain("web-1") as domain, domain.crawl() as frame:
        for process in frame.processes:
            print(process.pid, process.name)

A frame is one snapshot of a guest. Its sections are tuples of named tuples; what is not known is None, never
0. Text comes from the guest and can hold control characters: escape it before it is shown on a terminal.
Times are integer nanoseconds and sizes bytes, unless a name says otherwise.

Reading guest memory needs root or CAP_SYS_PTRACE, see nfm-security(7).
"""

from __future__ import annotations

from typing import List, Tuple

from . import _abi, _errors, _rows
from ._abi import Boot, Change, Content, EventKind, Kind, LogLevel, MemberType, Mode, Result, Retry, Section
from ._diff import Diff, diff
from ._domain import (
    Control,
    Domain,
    list_domains,
    list_processes,
    open_domain,
    open_pid,
    open_virdomain,
)
from ._error import Error
from ._errors import *  # noqa: F401,F403 (an exception for each error)
from ._files import FileListing, OpenFile
from ._fleet import Event, Fleet, watch
from ._frame import Frame
from ._handle import ClosedError
from ._library import LIBRARY
from ._log import set_log
from ._members import section_members
from ._rows import *  # noqa: F401,F403 (a named tuple for each structure)

__version__ = _abi.VERSION


def version() -> str:
    """The version of the library that runs; __version__ is this package's."""
    found: bytes = LIBRARY.nfm_version()
    return found.decode()


def features() -> Tuple[str, ...]:
    """What the library that runs can do."""
    found = LIBRARY.nfm_features()
    names: List[str] = []
    while found[len(names)] is not None:
        names.append(found[len(names)].decode())
    return tuple(names)


__all__ = [
    "Boot",
    "Change",
    "ClosedError",
    "Content",
    "Control",
    "Diff",
    "Domain",
    "Error",
    "Event",
    "EventKind",
    "FileListing",
    "Fleet",
    "Frame",
    "Kind",
    "LogLevel",
    "MemberType",
    "Mode",
    "OpenFile",
    "Result",
    "Retry",
    "Section",
    "diff",
    "features",
    "list_domains",
    "list_processes",
    "open_domain",
    "open_pid",
    "open_virdomain",
    "section_members",
    "set_log",
    "version",
    "watch",
    *(name for name in _errors.__all__ if name != "BY_RESULT"),
    *(name for name in _rows.__all__ if not name.endswith("Sections")),
]

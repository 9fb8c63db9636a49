"""Domains, what cancels calls on them, and the list of them."""

from __future__ import annotations

import os
from contextlib import contextmanager, nullcontext
from ctypes import byref, c_char_p, c_size_t, c_void_p, py_object, pythonapi, sizeof
from typing import Any, ContextManager, Iterable, Iterator, Optional, Tuple, Union

from . import _abi
from ._abi import LogLevel, Mode, Section
from ._decode import rows
from ._files import FileListing, OpenFile, _listing
from ._frame import Frame
from ._handle import Handle
from ._library import LIBRARY, call
from ._log import Callback, for_library
from ._rows import DomainInfo, FoundFile, _domain_info

Path = Union[str, "os.PathLike[str]"]
Sections = Union[Section, Iterable[Union[Section, str]]]


class Control(Handle):
    """A hand on calls that run: through it any thread cancels them, and sees how far they are."""

    def __init__(self) -> None:
        pointer = call(LIBRARY.nfm_control_new, _abi.nfm_control_t)
        super().__init__(pointer, LIBRARY.nfm_control_free)
        self._lent = 0

    def close(self) -> None:
        """Ends it. Calls that run with it run on, but can be cancelled no more."""
        with self._lock:
            self._pointer = None
            if not self._lent:
                self._end()

    @contextmanager
    def _lend(self) -> Iterator[Any]:
        """The pointer for one call, without the lock: others use the control meanwhile."""
        with self._open() as pointer:
            self._lent += 1
        try:
            yield pointer
        finally:
            with self._lock:
                self._lent -= 1
                if self._pointer is None:
                    self.close()

    def cancel(self) -> None:
        """Has calls with this control raise CancelledError, until reset(). Does not wait for that."""
        with self._open() as control:
            LIBRARY.nfm_control_cancel(control)

    def reset(self) -> None:
        """Lets calls run again."""
        with self._open() as control:
            LIBRARY.nfm_control_reset(control)

    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled, and not reset since."""
        with self._open() as control:
            return bool(LIBRARY.nfm_control_is_cancelled(control))

    @property
    def section(self) -> Optional[Section]:
        """The section that a crawl is at; None while none runs."""
        with self._open() as control:
            section = LIBRARY.nfm_control_section(control)
            return Section(section) if section else None

    @property
    def pages(self) -> int:
        """Pages of guest memory that all calls have read: it rises while a call gets on."""
        with self._open() as control:
            pages: int = LIBRARY.nfm_control_pages(control)
            return pages


class Domain(Handle):
    """A domain that is open for crawling: `with nfm.open_domain("web-1") as domain`.

    Threads may share it; one that crawls while another does waits for it.
    """

    def __init__(
        self, name: str, function: Any, which: Any, control: Optional[Control], **options: Any
    ) -> None:
        """For open_domain() and its kin: a function of the library, and what it takes to tell a domain."""
        self.name = name
        given = _open_options(**options)
        with _lend(control) as given.control:
            pointer = call(function, _abi.nfm_domain_t, which, byref(given))
        # It holds the function that is told messages.
        self._options = given
        super().__init__(pointer, LIBRARY.nfm_close_domain)

    def crawl(
        self,
        sections: Optional[Sections] = None,
        *,
        time_limit: Optional[float] = None,
        memory_limit: Optional[int] = None,
        row_limit: Optional[int] = None,
        mode: Mode = Mode.LIVE,
        threads: bool = False,
        physical: bool = False,
        control: Optional[Control] = None,
    ) -> Frame:
        """Takes a frame.

        sections: those to fill, by number or name (["processes", "files"]); None for the default ones.
        time_limit: seconds after which the frame is returned as it is, with a problem that says so;
        None for the library's default.
        memory_limit, row_limit: bytes and rows that the frame may cost, likewise.
        mode: Mode.PAUSED suspends the guest meanwhile.
        threads, physical: list the threads of processes; tell where the pages of mappings are.

        What cannot be read inside a living guest raises nothing: see Frame.complete.
        """
        options = _crawl_options(
            sections,
            time_limit=time_limit,
            memory_limit=memory_limit,
            row_limit=row_limit,
            mode=mode,
            threads=threads,
            physical=physical,
        )
        with _lend(control) as options.control:
            return Frame(self._call(LIBRARY.nfm_crawl, _abi.nfm_frame_t, byref(options)))

    def open_file(self, path: str, *, pid: int = 0) -> OpenFile:
        """Opens a regular file of the guest for reading, as a process sees it; 0 for the first one."""
        path_bytes = _guest_path(path)
        return OpenFile(self, self._call(LIBRARY.nfm_file_open, _abi.nfm_open_file_t, pid, path_bytes))

    def open_descriptor(self, pid: int, fd: int) -> OpenFile:
        """Opens a regular file that a process of the guest has open, also one that was removed."""
        return OpenFile(self, self._call(LIBRARY.nfm_file_open_descriptor, _abi.nfm_open_file_t, pid, fd))

    def stat(self, path: str, *, pid: int = 0, follow: bool = True) -> FoundFile:
        """The status of a path in the guest; of a symbolic link itself unless follow is True."""
        path_bytes = _guest_path(path)
        made = self._call(LIBRARY.nfm_file_stat, _abi.nfm_file_list_t, pid, path_bytes, int(follow))
        return _listing(made).files[0]

    def list_files(self, path: str, *, pid: int = 0) -> FileListing:
        """The names in a directory of the guest that its memory holds, each with its status."""
        path_bytes = _guest_path(path)
        return _listing(self._call(LIBRARY.nfm_file_list, _abi.nfm_file_list_t, pid, path_bytes))

    def _call(self, function: Any, made: Any, *arguments: Any) -> Any:
        """Calls a function of the domain that makes something of a type."""
        with self._open() as domain:
            return call(function, made, domain, *arguments)

    def __repr__(self) -> str:
        return f"<nfm.Domain {self.name!r}{', closed' if self.closed else ''}>"


def open_domain(
    name: str,
    *,
    uri: Optional[str] = None,
    connection: Any = None,
    symbols: Optional[Path] = None,
    types: Optional[Path] = None,
    debug_dir: Optional[Path] = None,
    cache_dir: Optional[Path] = None,
    time_limit: Optional[float] = None,
    log: Optional[Callback] = None,
    log_level: LogLevel = LogLevel.WARN,
    control: Optional[Control] = None,
) -> Domain:
    """Opens a running domain, by its name, id or UUID as virsh takes them.

    uri: libvirt's connection URI; None for libvirt's own default.
    connection: the program's own connection instead, a libvirt.virConnect, or the address of one.
    symbols, types: files that tell the kernel's symbols or types instead of the guest's memory.
    debug_dir: where the kernel's debug package is searched; cache_dir: where what was learned of the kernel
    is kept, "" for nowhere; None for the defaults.
    time_limit: seconds after which a kernel that was not found is given up; None for the default.
    log, log_level: a function that is told this domain's messages up to a level, as of set_log().
    """
    return Domain(
        name,
        LIBRARY.nfm_open_domain,
        _text(name, "name"),
        control,
        uri=uri,
        connection=connection,
        symbols=symbols,
        types=types,
        debug_dir=debug_dir,
        cache_dir=cache_dir,
        time_limit=time_limit,
        log=log,
        log_level=log_level,
    )


def open_virdomain(vir_domain: Any, *, control: Optional[Control] = None, **options: Any) -> Domain:
    """Opens the domain that the program has from libvirt itself, a libvirt.virDomain or the address of one, over the
    connection that it belongs to. options: those of open_domain() but uri and connection.
    """
    address = _address(vir_domain, "virDomainPtr")
    return Domain("by libvirt's object", LIBRARY.nfm_open_virdomain, address, control, **options)


def open_pid(pid: int, *, control: Optional[Control] = None, **options: Any) -> Domain:
    """Opens the guest of a QEMU process of this host, which libvirt need not know (see list_processes()). options:
    those of open_domain().
    """
    return Domain(f"qemu:{pid}", LIBRARY.nfm_open_pid, pid, control, **options)


def list_domains(
    *, uri: Optional[str] = None, connection: Any = None, inactive: bool = False
) -> Tuple[DomainInfo, ...]:
    """The domains that libvirt knows, active ones first; with `inactive`, also those that do not run."""
    options = _abi.nfm_list_options_t(size=sizeof(_abi.nfm_list_options_t))
    options.connection = _address(connection, "virConnectPtr")
    options.uri = None if uri is None else _text(uri, "uri")
    options.inactive = inactive
    return _listed(call(LIBRARY.nfm_list_domains, _abi.nfm_domain_list_t, byref(options)))


def list_processes() -> Tuple[DomainInfo, ...]:
    """The QEMU processes of this host that run x86-64 guests, known to libvirt or not, for open_pid()."""
    return _listed(call(LIBRARY.nfm_list_processes, _abi.nfm_domain_list_t))


def _listed(found: Any) -> Tuple[DomainInfo, ...]:
    try:
        count, stride = c_size_t(), c_size_t()
        first = LIBRARY.nfm_domain_list_rows(found, byref(count), byref(stride))
        return rows(first, count.value, stride.value, _abi.nfm_domain_info_t, _domain_info)
    finally:
        LIBRARY.nfm_domain_list_free(found)


def _open_options(
    *,
    uri: Optional[str] = None,
    connection: Any = None,
    symbols: Optional[Path] = None,
    types: Optional[Path] = None,
    debug_dir: Optional[Path] = None,
    cache_dir: Optional[Path] = None,
    time_limit: Optional[float] = None,
    log: Optional[Callback] = None,
    log_level: LogLevel = LogLevel.WARN,
) -> _abi.nfm_open_options_t:
    options = _abi.nfm_open_options_t(size=sizeof(_abi.nfm_open_options_t))
    options.uri = None if uri is None else _text(uri, "uri")
    options.connection = _address(connection, "virConnectPtr")
    options.symbols = _path(symbols, "symbols")
    options.types = _path(types, "types")
    options.debug_dir = _path(debug_dir, "debug_dir")
    options.cache_dir = _path(cache_dir, "cache_dir")
    options.time_limit_ns = 0 if time_limit is None else _nanoseconds(time_limit)
    if log is not None:
        options.log, options.log_level = for_library(log), log_level
    return options


def _crawl_options(
    sections: Optional[Sections] = None,
    *,
    time_limit: Optional[float] = None,
    memory_limit: Optional[int] = None,
    row_limit: Optional[int] = None,
    mode: Mode = Mode.LIVE,
    threads: bool = False,
    physical: bool = False,
) -> _abi.nfm_crawl_options_t:
    options = _abi.nfm_crawl_options_t(size=sizeof(_abi.nfm_crawl_options_t))
    options.sections = 0 if sections is None else _mask(sections)
    options.time_limit_ns = 0 if time_limit is None else _nanoseconds(time_limit)
    options.memory_limit = _limit(memory_limit, "memory_limit")
    options.row_limit = _limit(row_limit, "row_limit")
    options.mode = mode
    options.threads = threads
    options.physical = physical
    return options


def _address(value: Any, kind: str) -> Optional[int]:
    """The address of an object of libvirt's: given as it is, or within the package libvirt's own object."""
    if value is None or isinstance(value, int):
        return value
    capsule = getattr(value, "_o", None)
    if capsule is None:
        raise TypeError(f"{value!r} is neither an object of the package libvirt nor an address")
    pointer = pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = c_void_p, [py_object, c_char_p]
    address: Optional[int] = pointer(capsule, kind.encode())
    return address


def _lend(control: Optional[Control]) -> ContextManager[Any]:
    return nullcontext() if control is None else control._lend()


def _text(value: str, name: str) -> bytes:
    if "\0" in value:
        raise ValueError(f"{name} contains a NUL")
    return value.encode("utf-8")


def _guest_path(value: Path) -> bytes:
    path = os.fsencode(value)
    if b"\0" in path:
        raise ValueError("path contains a NUL")
    return path


def _path(value: Optional[Path], name: str) -> Optional[bytes]:
    return None if value is None else _text(os.fspath(value), name)


def _mask(sections: Sections) -> int:
    if isinstance(sections, Section):
        return int(sections)
    if isinstance(sections, str):
        raise TypeError('sections are a list: ["processes"], not "processes"')
    mask = 0
    for one in sections:
        if isinstance(one, str):
            try:
                one = Section[one.upper()]
            except KeyError:
                names = ", ".join(known.name.lower() for known in Section if known.name)
                raise ValueError(f"there is no section {one!r}; there are {names}") from None
        mask |= int(one)
    if not mask:
        raise ValueError("no section is asked for; None stands for the default ones")
    return mask


def _limit(value: Optional[int], name: str) -> int:
    if value is None:
        return 0
    if not 0 < value < 1 << 64:
        raise ValueError(f"{name} is a number above 0")
    return value


def _nanoseconds(seconds: float) -> int:
    if not 0 < seconds < 1e9:
        raise ValueError("a time limit is a number of seconds above 0")
    return max(1, round(seconds * 1e9))

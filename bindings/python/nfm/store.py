"""Recorded guests: the frames that `nfm record` keeps, and those that a recorder takes now.

    import nfm.store

    store = nfm.store.open()                    # this host's; needs to be root, nfm or in group nfm
    frame = store.at("web-1", "-10m")
    busiest = max(frame.processes, key=lambda process: process.rss_bytes or 0)
    for frame in store.frames("web-1", since="-1h", every="1m"):
        print(frame.time_ns, frame.memory.available)
    table = pyarrow.table(store.rows("processes", since="yesterday 14:00", until="yesterday 15:00"))

It starts the command `nfm`, which reads the store and checks it: damage costs what was damaged, and is told by
the module `warnings`. A time is a `datetime` with a time zone, nanoseconds since 1970, or text as `nfm --at` takes it.
"""

from __future__ import annotations

import json
import re
import subprocess
import threading
import typing
import warnings
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from importlib import import_module
from os import PathLike, fspath
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple, Union

from . import _rows
from ._rows import FrameSections, Problem

Time = Union[str, int, datetime]
Length = Union[str, int, float, timedelta]


class StoreError(Exception):
    """`nfm` could not do what it was asked. Its text is nfm's own sentence."""

    def __init__(self, reason: str, status: int) -> None:
        super().__init__(reason)
        self.status = status
        """The exit status of nfm: `nfm --help` lists them."""


class Recording(NamedTuple):
    """A guest that was recorded."""

    domain: str
    """Its name."""
    uuid: Optional[str]
    """Its UUID."""
    first_ns: int
    """The time of its first frame, nanoseconds since 1970."""
    last_ns: int
    """The time of its newest frame, nanoseconds since 1970."""
    frames: int
    """The number of its frames."""
    segments: int
    """The files that hold them."""


class Event(NamedTuple):
    """Something that happened to a guest or to its recorder."""

    time_ns: int
    """Nanoseconds since 1970, by the host's clock."""
    domain: str
    """The guest; empty for what concerns the recorder."""
    kind: str
    """The kind of event: "process-started", "gap"."""
    text: str
    """One sentence for a person."""


class RecordedFrame:
    """One snapshot of one guest, as nfm.Frame has it, with its sections as properties: `processes`, `memory` and so on, of
    the same named tuples. A section that was not recorded at that time is None. What only nfm.Frame knows (members
    that repeat another as a number or as bytes) is None in its rows.
    """

    def __init__(self, values: Dict[str, Any]) -> None:
        self._values = values
        self._sections: Dict[str, Any] = {}

    @property
    def domain(self) -> str:
        """The domain's name."""
        return str(self._values["domain"]["name"])

    @property
    def uuid(self) -> Optional[str]:
        """The domain's UUID."""
        found: Optional[str] = self._values["domain"].get("uuid")
        return found

    @property
    def labels(self) -> Tuple[str, ...]:
        """What libvirt's definition tells of it, each as NAME=VALUE."""
        return tuple(self._values["domain"].get("labels") or ())

    @property
    def seq(self) -> int:
        """The frame's number."""
        return int(self._values["seq"])

    @property
    def time_ns(self) -> int:
        """When the guest was so, nanoseconds since 1970."""
        return int(self._values["time_ns"])

    @property
    def time(self) -> datetime:
        """The same, to the microsecond."""
        return datetime.fromtimestamp(self.time_ns // 1000 / 1e6, timezone.utc)

    @property
    def complete(self) -> bool:
        """True if every section is whole. If not, problems tells what is missing."""
        return bool(self._values["consistency"]["complete"])

    @property
    def problems(self) -> Tuple[Problem, ...]:
        """What the frame lacks."""
        return tuple(_row(Problem, one) for one in self._values["consistency"]["problems"])

    @property
    def integrity(self) -> Optional[Dict[str, Any]]:
        """Where the guest's kernel contradicts itself, as JSON has it."""
        found: Optional[Dict[str, Any]] = self._values.get("integrity")
        return found

    def to_dict(self) -> Dict[str, Any]:
        """The whole frame as its JSON holds it."""
        return self._values

    def __getattr__(self, name: str) -> Any:
        kind = _section(name)
        if kind is None:
            raise AttributeError(f"a frame has no section {name!r}")
        if name not in self._sections:
            self._sections[name] = _value(kind, self._values.get(name))
        return self._sections[name]

    def __dir__(self) -> Iterable[str]:
        return [*super().__dir__(), *_SECTIONS]

    def __repr__(self) -> str:
        return f"<nfm.store.RecordedFrame {self.seq} of {self.domain!r}>"


_SECTIONS = tuple(name for name, value in vars(FrameSections).items() if isinstance(value, property))


@lru_cache(maxsize=None)
def _section(name: str) -> Any:
    """The type of a section of nfm.Frame; None where it has none of that name."""
    if name not in _SECTIONS:
        return None
    return typing.get_type_hints(getattr(FrameSections, name).fget, vars(_rows))["return"]


@lru_cache(maxsize=None)
def _members(structure: Any) -> Tuple[Tuple[str, Any], ...]:
    hints = typing.get_type_hints(structure, vars(_rows))
    return tuple((name, _converter(hints[name])) for name in structure._fields)


def _converter(kind: Any) -> Any:
    """The structure that a value is made of, behind Optional and Tuple; None where JSON's value is the value."""
    while typing.get_args(kind):
        kind = typing.get_args(kind)[0]
    return kind if hasattr(kind, "_fields") else None


def _row(structure: Any, values: Dict[str, Any]) -> Any:
    return structure._make(_value(kind, values.get(name)) for name, kind in _members(structure))


def _value(kind: Any, value: Any) -> Any:
    if isinstance(value, list):
        return tuple([_value(kind, one) for one in value])
    if isinstance(value, dict):
        structure = _converter(kind)
        return _row(structure, value) if structure else value
    return value


def _time(time: Time) -> str:
    if isinstance(time, datetime):
        if time.tzinfo is None:
            raise ValueError("a datetime needs a time zone: datetime.now(timezone.utc), or time.astimezone()")
        return time.isoformat()
    if isinstance(time, int):
        seconds, ns = divmod(time, 1_000_000_000)
        return f"{datetime.fromtimestamp(seconds, timezone.utc):%Y-%m-%dT%H:%M:%S}.{ns:09}Z"
    return time


def _length(length: Length) -> str:
    if isinstance(length, timedelta):
        length = length.total_seconds()
    return length if isinstance(length, str) else f"{length:.3f}s"


class _Output:
    """A command's output while it runs. Ends the command when it is closed, or at the end of a `with`."""

    def __init__(self, command: List[str]) -> None:
        try:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        except FileNotFoundError:
            raise StoreError(f"there is no command {command[0]!r}: install nfm-tools, or name it", 127) from None
        self._complaints: List[str] = []
        # stderr has a thread of its own, so that a command which complains much is never stuck.
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        assert self._process.stdout is not None
        self.bytes = self._process.stdout

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._complaints.append(line.decode("utf-8", "replace").strip())

    def end(self) -> None:
        """Waits for the end of the command, and raises what it failed of."""
        status = self._process.wait()
        self._listener.join()
        complaints = [line[len("nfm: ") :] if line.startswith("nfm: ") else line for line in self._complaints]
        if status != 0:
            raise StoreError("; ".join(complaints) or f"nfm ended with status {status}", status)
        for complaint in complaints:
            if not _WHICH_FRAME.search(complaint):
                warnings.warn(complaint, stacklevel=3)

    def close(self) -> None:
        """Ends the command, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
        self._listener.join()
        self.bytes.close()
        assert self._process.stderr is not None
        self._process.stderr.close()

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# The line by which nfm tells people which frame they see: a program has the frame's own number and time.
_WHICH_FRAME = re.compile(r" at \S+ \(#\d+\)")


class Store:
    """A folder of recorded frames. open() makes one."""

    def __init__(self, folder: Optional[str], command: Tuple[str, ...]) -> None:
        self._folder = folder
        self._command = command

    def recordings(self) -> List[Recording]:
        """The guests that were recorded, and when."""
        with self._run(["store", "ls", "--json"]) as output:
            found = json.loads(output.bytes.read() or b"[]")
            output.end()
        return [_row(Recording, one) for one in found]

    def at(self, domain: str, time: Time, sections: Iterable[str] = ()) -> RecordedFrame:
        """The guest as it was at a time: of each section the newest rows until then.

        sections: their names; none for all that were recorded.
        """
        frames = list(self._frames(["crawl", domain, "--at", _time(time)], sections))
        if not frames:
            raise StoreError(f"nothing of {domain!r} is recorded at {time}", 0)
        return frames[0]

    def frames(
        self,
        domain: str,
        since: Optional[Time] = None,
        until: Optional[Time] = None,
        every: Optional[Length] = None,
        sections: Iterable[str] = (),
    ) -> Iterator[RecordedFrame]:
        """The frames between two times, in their order; one in so much time, if `every` says so (seconds, a timedelta, or
        "10m"). Without `since` from the first on, without `until` to the newest.
        """
        arguments = ["crawl", domain, "--since", _time("1970-01-01T00:00:00Z" if since is None else since)]
        arguments += [] if until is None else ["--until", _time(until)]
        arguments += [] if every is None else ["--every", _length(every)]
        return self._frames(arguments, sections)

    def events(
        self, domain: Optional[str] = None, since: Optional[Time] = None, until: Optional[Time] = None
    ) -> List[Event]:
        """What happened between two times, as `nfm history` tells it: to one guest, or to all."""
        arguments = ["history", *([] if domain is None else [domain]), "--json"]
        with self._run(arguments + _between(since, until)) as output:
            found = [_row(Event, json.loads(line)) for line in output.bytes]
            output.end()
        return found

    def rows(
        self,
        table: str,
        domain: Optional[str] = None,
        since: Optional[Time] = None,
        until: Optional[Time] = None,
    ) -> Any:
        """The recorded rows of a table (a section, "frames" or "events"), as a pyarrow.Table; pandas, Polars and DuckDB
        take it as it is. Needs pyarrow.
        """
        try:
            pyarrow: Any = import_module("pyarrow")
        except ImportError:
            raise ImportError("Store.rows needs the package pyarrow: pip install pyarrow") from None
        arguments = ["store", "export", table, *([] if domain is None else [domain]), "--format", "arrow"]
        with self._run(arguments + _between(since, until)) as output:
            try:
                found = pyarrow.ipc.open_stream(output.bytes).read_all()
            except pyarrow.ArrowInvalid:
                output.end()
                raise
            output.end()
        return found

    def _frames(self, arguments: List[str], sections: Iterable[str]) -> Iterator[RecordedFrame]:
        return _each(self._run([*arguments, "--json", *_chosen(sections)]))

    def _run(self, arguments: List[str]) -> _Output:
        store = [] if self._folder is None else ["--store", self._folder]
        return _Output([*self._command, *arguments, *store])

    def __repr__(self) -> str:
        return f"<nfm.store.Store {self._folder or 'of this host'}>"


def open(folder: Union[str, "PathLike[str]", None] = None, *, command: Iterable[str] = ("nfm",)) -> Store:
    """A store of recorded frames.

    folder: where they are; None for NFM_STORE in the environment, else this host's own.
    command: the program, and arguments before its verb: ["nfm", "-c", "qemu+ssh://root@host-2/system"].
    """
    return Store(None if folder is None else fspath(folder), tuple(command))


def live(
    domain: str,
    interval: Length = 1.0,
    sections: Iterable[str] = (),
    *,
    count: Optional[int] = None,
    command: Iterable[str] = ("nfm",),
) -> Iterator[RecordedFrame]:
    """Frames of a guest as a recorder of this host takes them, one in each interval, without root for members of group nfm.
    Where none records the guest, nfm reads its memory, for which it needs root. Ends after `count` frames, if one is
    given, else with the guest; close() of the iterator ends it sooner.
    """
    arguments = ["crawl", domain, "--json", "--watch", _length(interval).rstrip("s"), *_chosen(sections)]
    arguments += [] if count is None else ["--count", str(count)]
    return _each(_Output([*command, *arguments]))


def _chosen(sections: Iterable[str]) -> List[str]:
    names = list(sections)
    return ["--sections", ",".join(names)] if names else []


def _between(since: Optional[Time], until: Optional[Time]) -> List[str]:
    arguments = [] if since is None else ["--since", _time(since)]
    return arguments + ([] if until is None else ["--until", _time(until)])


def _each(output: _Output) -> Iterator[RecordedFrame]:
    with output:
        for line in output.bytes:
            yield RecordedFrame(json.loads(line))
        output.end()

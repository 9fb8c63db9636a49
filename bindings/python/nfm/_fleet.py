"""Many domains, followed as they start, restart, fail and end."""

from __future__ import annotations

import time
from ctypes import POINTER, byref, c_char_p, pointer, sizeof
from dataclasses import dataclass
from typing import Any, Iterable, Iterator, Mapping, Optional

from . import _abi
from ._abi import EventKind
from ._domain import _crawl_options, _lend, _nanoseconds, _open_options, _text
from ._error import Error
from ._frame import Frame
from ._handle import Handle
from ._library import LIBRARY, call, check, error_of

# A call into the library lets no signal through (Ctrl-C), so that one waits no longer than this.
_SLICE = 0.2


@dataclass(frozen=True)
class Event:
    """Something that happened to a domain that is followed."""

    kind: EventKind
    """The kind of event."""
    name: Optional[str]
    """The domain's name; None with EventKind.NOT_LISTED."""
    uuid: Optional[str]
    """The domain's UUID, "qemu:PID" of a process; None with EventKind.NOT_LISTED."""
    frame: Optional[Frame]
    """The frame of EventKind.FRAME; None with others."""
    before: Optional[Frame]
    """The domain's frame before that one, for nfm.diff(); None where there is none."""
    error: Optional[Error]
    """Why EventKind.FAILED or NOT_LISTED; None with others."""
    retry_after: Optional[float]
    """With error: seconds until the next try."""
    restarted: bool
    """With frame: whether the guest's kernel, or its hypervisor, was started anew since the frame before."""
    repeated: bool
    """With error: whether the last try failed in the same way."""


class Fleet(Handle):
    """Domains that are followed: `for event in nfm.watch(["web-*"])`. Threads may share it; each event is given
    to one of them.
    """

    def __init__(
        self,
        domains: Optional[Iterable[str]] = None,
        *,
        open: Mapping[str, Any] = {},
        crawl: Mapping[str, Any] = {},
        period: Optional[float] = None,
        listing_period: Optional[float] = None,
        threads: Optional[int] = None,
        processes: bool = False,
    ) -> None:
        if isinstance(domains, str):
            raise TypeError('domains are a list: ["web-*"], not "web-*"')
        options = _abi.nfm_fleet_options_t(size=sizeof(_abi.nfm_fleet_options_t))
        if domains is not None:
            names = [_text(one, "domains") for one in domains]
            if not names:
                raise ValueError("no domain is named; None stands for all")
            options.domains = (c_char_p * (len(names) + 1))(*names, None)
        options.period_ns = 0 if period is None else _nanoseconds(period)
        options.listing_period_ns = 0 if listing_period is None else _nanoseconds(listing_period)
        options.threads = 0 if threads is None else threads
        options.processes = processes
        given, wanted = dict(open), dict(crawl)
        with _lend(given.pop("control", None)) as one, _lend(wanted.pop("control", None)) as other:
            opening, crawling = _open_options(**given), _crawl_options(**wanted)
            opening.control, crawling.control = one, other
            options.open, options.crawl = pointer(opening), pointer(crawling)
            made = call(LIBRARY.nfm_fleet_start, _abi.nfm_fleet_t, byref(options))
        # It holds the function that is told messages.
        self._options = opening
        super().__init__(made, LIBRARY.nfm_fleet_free)

    def next(self, timeout: Optional[float] = None) -> Optional[Event]:
        """The next event. timeout: seconds to wait, None for ever, 0 to take what is there; None is returned
        if there was none within that time.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = _SLICE if end is None else min(_SLICE, max(0.0, end - time.monotonic()))
            with self._open() as fleet:
                out, error = POINTER(_abi.nfm_event_t)(), POINTER(_abi.nfm_error_t)()
                nanoseconds = round(left * 1e9)
                result = LIBRARY.nfm_fleet_next(fleet, nanoseconds, byref(out), byref(error))
                check(result, error)
            if out:
                return _event(out)
            if end is not None and time.monotonic() >= end:
                return None

    def __iter__(self) -> Iterator[Event]:
        while True:
            event = self.next()
            assert event is not None, "it waited for ever"
            yield event

    def __repr__(self) -> str:
        return f"<nfm.Fleet{', closed' if self.closed else ''}>"


def watch(
    domains: Optional[Iterable[str]] = None,
    *,
    open: Mapping[str, Any] = {},
    crawl: Mapping[str, Any] = {},
    period: Optional[float] = None,
    listing_period: Optional[float] = None,
    threads: Optional[int] = None,
    processes: bool = False,
) -> Fleet:
    """Follows the running domains of a libvirt: opens them as they start, crawls each once a period, and tells of
    each what happens to it.

    domains: UUIDs, or names in which * and ? stand for others; None for all.
    open, crawl: options of open_domain() and Domain.crawl(), {"uri": "qemu:///system"}, {"sections": ["os"]}.
    period: seconds from one frame of a domain to the next; None for the default, 1.
    listing_period: seconds from one look at which domains run to the next; None for the default, 2.
    threads: those that crawl; None for the default, 2.
    processes: the QEMU processes of this host instead, without libvirt; the uuid of their events is "qemu:PID".
    """
    return Fleet(
        domains,
        open=open,
        crawl=crawl,
        period=period,
        listing_period=listing_period,
        threads=threads,
        processes=processes,
    )


def _event(event: Any) -> Event:
    try:
        info = LIBRARY.nfm_event_info(event).contents
        known = info.known
        error = info.error if known & _abi.NFM_EVENT_INFO_ERROR else None
        return Event(
            kind=EventKind(info.kind),
            name=_known_text(info.name),
            uuid=_known_text(info.uuid),
            frame=_frame(info.frame),
            before=_frame(info.before),
            error=None if error is None else error_of(LIBRARY.nfm_error_code(error), error),
            retry_after=info.retry_after_ns / 1e9 if error is not None else None,
            restarted=bool(info.restarted),
            repeated=bool(info.repeated),
        )
    finally:
        LIBRARY.nfm_event_free(event)


def _known_text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else value.decode("utf-8", "replace")


def _frame(frame: Any) -> Optional[Frame]:
    """A handle of the frame's own, which outlives the event."""
    return Frame(call(LIBRARY.nfm_frame_share, _abi.nfm_frame_t, frame)) if frame else None

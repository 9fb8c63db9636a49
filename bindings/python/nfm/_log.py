"""The library's diagnostic messages."""

from __future__ import annotations

from ctypes import POINTER, byref
from typing import Any, Callable, Optional

from . import _abi
from ._abi import LogLevel
from ._library import LIBRARY, check

Callback = Callable[[LogLevel, str, str], None]

# What the library may call at any time must not go.
_kept: Any = None


def for_library(callback: Optional[Callback]) -> Any:
    """The function as the library calls it; NULL for None. It must be kept for as long as it may be called."""
    kind: Any = _abi.nfm_log_callback_t
    if callback is None:
        return kind()
    function = callback

    def told(level: int, target: bytes, message: bytes, _user: Any) -> None:
        text = message.decode("utf-8", "replace")
        function(LogLevel(level), target.decode("utf-8", "replace"), text)

    return kind(told)


def set_log(level: LogLevel, callback: Optional[Callback]) -> None:
    """Has messages up to a level told to a function: its arguments are the level, the part of the
    library, and the message. None ends that. There is one function for the whole process (open_domain() takes one for a
    domain); it is called on whichever thread the message arises. What it raises is printed and goes no further.
    """
    global _kept
    kept = for_library(callback)
    error = POINTER(_abi.nfm_error_t)()
    check(LIBRARY.nfm_set_log(level, kept, None, byref(error)), error)
    _kept = kept

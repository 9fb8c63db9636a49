"""The shared library, with the types of its functions."""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, byref, c_uint64
from pathlib import Path
from typing import Any, NoReturn, Optional

from . import _abi
from ._error import Error
from ._errors import BY_RESULT

SONAME = "libnfm.so.0"


class Library:
    """Its functions by their names. One that an older library lacks raises when it is called."""

    def __init__(self, path: str) -> None:
        try:
            loaded = ctypes.CDLL(path)
        except OSError as error:
            raise ImportError(
                f"the library of nfm cannot be loaded: {error}; install it (Debian: libnfm0), or name "
                "its file in NFM_LIBRARY"
            ) from error
        for name, (restype, argtypes) in _abi.FUNCTIONS.items():
            function = getattr(loaded, name, None)
            if function is None:
                function = _lacking(name)
            else:
                function.restype = restype
                function.argtypes = argtypes
            setattr(self, name, function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


def _lacking(name: str) -> Any:
    def lacking(*_: Any) -> NoReturn:
        raise NotImplementedError(f"the installed library of nfm is too old: it has no {name}()")

    return lacking


def _path() -> str:
    """The library that NFM_LIBRARY names, or that a wheel brought, or the system's."""
    bundled = Path(__file__).with_name(SONAME)
    return os.environ.get("NFM_LIBRARY") or (str(bundled) if bundled.exists() else SONAME)


LIBRARY = Library(_path())


def check(result: int, error: Any) -> None:
    """Raises what a function failed with. `error` is a pointer to the library's object, which ends
    here."""
    if result == _abi.Result.OK:
        return
    try:
        failure = error_of(result, error)
    finally:
        LIBRARY.nfm_error_free(error)
    raise failure


def error_of(result: int, error: Any) -> Error:
    """The exception of the library's object, which stays."""
    message = (LIBRARY.nfm_error_message(error) or b"").decode("utf-8", "replace")
    errno = LIBRARY.nfm_error_errno(error) or None
    retry = LIBRARY.nfm_error_retry(error)
    at = c_uint64()
    address: Optional[int] = None
    if LIBRARY.nfm_error_address(error, byref(at)):
        address = at.value
    name = LIBRARY.nfm_result_name(result).decode()
    return BY_RESULT.get(result, Error)(
        message, code=result, name=name, errno=errno, address=address, retry=retry
    )


def call(function: Any, handle: Any, *arguments: Any) -> Any:
    """Calls a function whose last arguments are an output, of the type `handle`, and an error."""
    out = POINTER(handle)()
    error = POINTER(_abi.nfm_error_t)()
    check(function(*arguments, byref(out), byref(error)), error)
    return out

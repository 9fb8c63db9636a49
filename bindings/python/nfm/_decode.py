"""Reads what the library hands out: text, lists, and rows that may be longer than this package knows."""

from __future__ import annotations

from ctypes import addressof, byref, c_size_t, c_void_p, cast, memmove, sizeof
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar

from ._handle import Handle
from ._library import LIBRARY

Row = TypeVar("Row")


def text(value: bytes) -> str:
    """Text of the library, which is UTF-8."""
    return value.decode("utf-8", "replace")


def texts(first: Any, count: int) -> Tuple[str, ...]:
    """A list of texts."""
    return tuple(text(first[index]) for index in range(count))


def rows(
    first: Any, count: int, stride: int, structure: Any, decode: Callable[[Any], Row]
) -> Tuple[Row, ...]:
    """Rows, the bytes from one to the next as the library tells them."""
    if not count:
        return ()
    address = cast(first, c_void_p).value or 0
    at = structure.from_address
    if stride < sizeof(structure):
        # An older library has no more members: the others are not known, as their bits are not set.
        return tuple(decode(_longer(address + index * stride, stride, structure)) for index in range(count))
    return tuple([decode(at(address + index * stride)) for index in range(count)])


def _longer(address: int, length: int, structure: Any) -> Any:
    row = structure()
    memmove(byref(row), address, length)
    return row


class Sections(Handle):
    """Reads each section once, when it is first asked for. What is read outlives the frame."""

    def __init__(self, pointer: Any, free: Any) -> None:
        super().__init__(pointer, free)
        self._read: Dict[str, Any] = {}

    def _one(self, function: str, structure: Any, decode: Callable[[Any], Row]) -> Optional[Row]:
        """A section that is one structure; None where the frame does not hold it."""

        def read(frame: Any) -> Optional[Row]:
            found = getattr(LIBRARY, function)(frame)
            return decode(structure.from_address(addressof(found.contents))) if found else None

        found: Optional[Row] = self._cached(function, read)
        return found

    def _many(
        self, function: str, structure: Any, decode: Callable[[Any], Row]
    ) -> Optional[Tuple[Row, ...]]:
        """A section of rows; None where the frame does not hold it."""

        def read(frame: Any) -> Optional[Tuple[Row, ...]]:
            count, stride = c_size_t(), c_size_t()
            first = getattr(LIBRARY, function)(frame, byref(count), byref(stride))
            return rows(first, count.value, stride.value, structure, decode) if first else None

        found: Optional[Tuple[Row, ...]] = self._cached(function, read)
        return found

    def _cached(self, function: str, read: Callable[[Any], Any]) -> Any:
        with self._lock:
            if function not in self._read:
                with self._open() as frame:
                    self._read[function] = read(frame)
            return self._read[function]

"""The guest's files as its memory holds them."""

from __future__ import annotations

from ctypes import POINTER, byref, c_size_t, c_uint8, cast, create_string_buffer
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Tuple

from . import _abi
from ._decode import rows
from ._handle import Handle
from ._library import LIBRARY, call, check
from ._rows import FileRange, FoundFile, _file_range, _found_file

if TYPE_CHECKING:
    from ._domain import Domain

_PIECE = 4 << 20


@dataclass(frozen=True)
class FileListing:
    """The names in a directory that memory holds."""

    files: Tuple[FoundFile, ...]
    complete: bool
    """True if there are no others: the guest's file system has all names in memory."""


class OpenFile(Handle):
    """A regular file of a guest, from Domain.open_file(): the same one also once its last name is removed."""

    def __init__(self, domain: "Domain", pointer: Any) -> None:
        self._domain = domain
        super().__init__(pointer, LIBRARY.nfm_file_close)

    def content(self) -> Tuple[FileRange, ...]:
        """The parts of the file from its beginning to its end, each with where it is (Content)."""
        with self._domain._open() as domain, self._open() as file:
            return _ranges(call(LIBRARY.nfm_file_content, _abi.nfm_file_ranges_t, domain, file))

    def read(self, offset: int = 0, length: int = -1) -> bytes:
        """Bytes of the file, as many as it has there; to its end if length is -1. Raises NotInMemoryError if some
        are not in the guest's memory.
        """
        pieces = []
        while length != 0:
            wanted = _PIECE if length < 0 else min(length, _PIECE)
            piece, _ = self._read(offset, wanted, False)
            pieces.append(piece)
            offset, length = offset + len(piece), length if length < 0 else length - len(piece)
            if len(piece) < wanted:
                break
        return b"".join(pieces)

    def read_known(self, offset: int, length: int) -> Tuple[bytes, Tuple[FileRange, ...]]:
        """Bytes of the file, as many as it has there, at most 16 MiB, and the parts of the file among them that are
        not known: they are zeros.
        """
        return self._read(offset, length, True)

    def _read(self, offset: int, length: int, partly: bool) -> Tuple[bytes, Tuple[FileRange, ...]]:
        room, count = create_string_buffer(max(length, 1)), c_size_t()
        unknown, error = POINTER(_abi.nfm_file_ranges_t)(), POINTER(_abi.nfm_error_t)()
        start = cast(room, POINTER(c_uint8))
        with self._domain._open() as domain, self._open() as file:
            wanted = byref(unknown) if partly else None
            result = LIBRARY.nfm_file_read(
                domain, file, offset, start, length, byref(count), wanted, byref(error)
            )
        check(result, error)
        return room.raw[: count.value], _ranges(unknown) if partly else ()


def _ranges(pointer: Any) -> Tuple[FileRange, ...]:
    try:
        return _rows(LIBRARY.nfm_file_ranges_rows, pointer, _abi.nfm_file_range_t, _file_range)
    finally:
        LIBRARY.nfm_file_ranges_free(pointer)


def _listing(pointer: Any) -> FileListing:
    try:
        files = _rows(LIBRARY.nfm_file_list_rows, pointer, _abi.nfm_found_file_t, _found_file)
        return FileListing(files, bool(LIBRARY.nfm_file_list_is_complete(pointer)))
    finally:
        LIBRARY.nfm_file_list_free(pointer)


def _rows(function: Any, pointer: Any, structure: Any, decode: Any) -> Tuple[Any, ...]:
    count, stride = c_size_t(), c_size_t()
    first = function(pointer, byref(count), byref(stride))
    return rows(first, count.value, stride.value, structure, decode)


__all__ = ["FileListing", "OpenFile"]

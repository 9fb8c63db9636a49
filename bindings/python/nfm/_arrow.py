"""Sections for what reads Arrow, by its C Data Interface and its C Stream Interface."""

from __future__ import annotations

import itertools
from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    addressof,
    byref,
    c_char_p,
    c_int,
    c_int64,
    c_void_p,
    cast,
    memmove,
    memset,
    py_object,
    pythonapi,
    sizeof,
)
from typing import TYPE_CHECKING, Any, Dict, Tuple

from . import _abi
from ._library import LIBRARY, check

if TYPE_CHECKING:
    from ._frame import Frame


class ArrowSchema(Structure):
    """As Arrow's C Data Interface defines it."""


class ArrowArray(Structure):
    """As Arrow's C Data Interface defines it."""


_RELEASE_SCHEMA = CFUNCTYPE(None, POINTER(ArrowSchema))
_RELEASE_ARRAY = CFUNCTYPE(None, POINTER(ArrowArray))
ArrowSchema._fields_ = [
    ("format", c_char_p),
    ("name", c_char_p),
    ("metadata", c_void_p),
    ("flags", c_int64),
    ("n_children", c_int64),
    ("children", c_void_p),
    ("dictionary", c_void_p),
    ("release", _RELEASE_SCHEMA),
    ("private_data", c_void_p),
]
ArrowArray._fields_ = [
    ("length", c_int64),
    ("null_count", c_int64),
    ("offset", c_int64),
    ("n_buffers", c_int64),
    ("n_children", c_int64),
    ("buffers", c_void_p),
    ("children", c_void_p),
    ("dictionary", c_void_p),
    ("release", _RELEASE_ARRAY),
    ("private_data", c_void_p),
]


class ArrowArrayStream(Structure):
    """As Arrow's C Stream Interface defines it."""


_GET_SCHEMA = CFUNCTYPE(c_int, POINTER(ArrowArrayStream), c_void_p)
_GET_NEXT = CFUNCTYPE(c_int, POINTER(ArrowArrayStream), c_void_p)
_GET_LAST_ERROR = CFUNCTYPE(c_void_p, POINTER(ArrowArrayStream))
_RELEASE_STREAM: Any = CFUNCTYPE(None, POINTER(ArrowArrayStream))
ArrowArrayStream._fields_ = [
    ("get_schema", _GET_SCHEMA),
    ("get_next", _GET_NEXT),
    ("get_last_error", _GET_LAST_ERROR),
    ("release", _RELEASE_STREAM),
    ("private_data", c_void_p),
]

_DESTRUCTOR = CFUNCTYPE(None, c_void_p)
_new_capsule = pythonapi.PyCapsule_New
_new_capsule.restype, _new_capsule.argtypes = py_object, [c_void_p, c_char_p, _DESTRUCTOR]
# By address: an object that is being ended must not be counted once more.
_pointer_of = CFUNCTYPE(c_void_p, c_void_p, c_char_p)(("PyCapsule_GetPointer", pythonapi))
# The structures that capsules lead to, by their addresses.
_held: Dict[int, Structure] = {}


def _destructor(name: bytes) -> Any:
    def end(capsule: int) -> None:
        made = _held.pop(_pointer_of(capsule, name), None)
        # Whoever took it has set this to NULL.
        if made is not None and made.release:
            made.release(made)

    return _DESTRUCTOR(end)


_END = {name: _destructor(name) for name in (b"arrow_schema", b"arrow_array", b"arrow_array_stream")}


def _capsule(made: Structure, name: bytes) -> Any:
    _held[addressof(made)] = made
    return _new_capsule(addressof(made), name, _END[name])


class ArrowSection:
    """A section for what reads Arrow: pyarrow.record_batch(section), polars.DataFrame(section), and DuckDB by the
    name of a variable.
    """

    def __init__(self, frame: "Frame", section: str) -> None:
        self._frame = frame._share()
        self._bit = LIBRARY.nfm_section_bit(section.encode())

    def _export(self) -> Tuple[ArrowSchema, ArrowArray]:
        schema, made = ArrowSchema(), ArrowArray()
        with self._frame._open() as frame:
            error = POINTER(_abi.nfm_error_t)()
            pointers = (addressof(schema), addressof(made))
            result = LIBRARY.nfm_frame_export_arrow(frame, self._bit, *pointers, byref(error))
            check(result, error)
        return schema, made

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        """Its type and its values, as capsules. It is not cast to another type."""
        schema, made = self._export()
        return _capsule(schema, b"arrow_schema"), _capsule(made, b"arrow_array")

    def __arrow_c_schema__(self) -> Any:
        """Its type, as a capsule."""
        schema, made = self._export()
        made.release(made)
        return _capsule(schema, b"arrow_schema")

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """A stream of one batch, as a capsule. It is not cast to another type."""
        number = next(_numbers)
        _streams[number] = _Stream(self)
        stream = ArrowArrayStream(*_CALLBACKS, number)
        return _capsule(stream, b"arrow_array_stream")


class _Stream:
    """What a stream has left to give."""

    def __init__(self, section: ArrowSection) -> None:
        self.section = section
        self.ended = False
        self.error = b""


# Streams that were not released, by the number that is their private_data. The functions below serve them all: one that
# belonged to a stream would be freed while it runs.
_streams: Dict[int, _Stream] = {}
_numbers = itertools.count(1)


def _hand_out(stream: Any, out: int, which: int) -> int:
    """Moves the type, or the values, to where a consumer wants them; 0, or EIO with words in the stream."""
    state = _streams[stream.contents.private_data]
    try:
        made = state.section._export()
    except Exception as error:
        state.error = str(error).encode()
        return 5
    memmove(out, addressof(made[which]), sizeof(made[which]))
    made[1 - which].release(made[1 - which])
    return 0


def _get_schema(stream: Any, out: int) -> int:
    return _hand_out(stream, out, 0)


def _get_next(stream: Any, out: int) -> int:
    state = _streams[stream.contents.private_data]
    if state.ended:
        memset(out, 0, sizeof(ArrowArray))
        return 0
    state.ended = True
    return _hand_out(stream, out, 1)


def _get_last_error(stream: Any) -> Any:
    error = c_char_p(_streams[stream.contents.private_data].error)
    return cast(error, c_void_p).value


def _release(stream: Any) -> None:
    del _streams[stream.contents.private_data]
    stream.contents.release = _RELEASE_STREAM()


_CALLBACKS = (
    _GET_SCHEMA(_get_schema),
    _GET_NEXT(_get_next),
    _GET_LAST_ERROR(_get_last_error),
    _RELEASE_STREAM(_release),
)

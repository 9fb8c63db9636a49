"""Sections as columns: lists, views for numpy, and Arrow's capsules. Each reads the library's rows where they lie."""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    addressof,
    byref,
    c_char,
    c_char_p,
    c_int64,
    c_size_t,
    c_void_p,
    py_object,
    pythonapi,
    string_at,
)
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, List, Optional, Tuple

from . import _abi
from ._abi import MemberType
from ._library import LIBRARY, check
from ._members import section_members

if TYPE_CHECKING:
    from ._frame import Frame
    from ._rows import Member

# Of numbers: their sizes and how package struct calls them.
_CODES = {
    MemberType.UNSIGNED: {1: "B", 2: "H", 4: "I", 8: "Q"},
    MemberType.SIGNED: {1: "b", 2: "h", 4: "i", 8: "q"},
    MemberType.REAL: {8: "d"},
    MemberType.FLAG: {4: "I"},
    MemberType.LETTER: {1: "c"},
    MemberType.TEXT: {8: "Q", 4: "I"},
}

_known: Dict[str, Dict[str, "Member"]] = {}


def _members(section: str) -> Dict[str, "Member"]:
    """The members of a section's own rows, by their names."""
    if section not in _known:
        own = {one.name: one for one in section_members(section) if not one.rows_of}
        _known[section] = own
    return _known[section]


def _code(member: "Member") -> Optional[str]:
    return _CODES.get(MemberType(member.value_type), {}).get(member.size)


def _rows(frame: Any, section: str) -> Tuple[int, int, int]:
    """The address of the first row, their number, and the bytes from one to the next."""
    count, stride = c_size_t(), c_size_t()
    bit = LIBRARY.nfm_section_bit(section.encode())
    first = LIBRARY.nfm_frame_rows(frame, bit, byref(count), byref(stride))
    if not first:
        raise ValueError(f"the frame does not hold the section {section!r}")
    return first, count.value, stride.value


def columns(
    frame: "Frame", section: str, names: Optional[Iterable[str]] = None
) -> Dict[str, List[Any]]:
    """See Frame.columns()."""
    members = _members(section)
    if names is None:
        names = [name for name, member in members.items() if _code(member)]
    found: Dict[str, List[Any]] = {}
    with frame._open() as pointer:
        address, count, stride = _rows(pointer, section)
        # A copy, as memoryview casts no memory of ctypes; it costs less than what is saved.
        rows = memoryview(string_at(address, count * stride))
        known = rows.cast("Q")[:: stride // 8].tolist()
        for name in names:
            member = members.get(name)
            code = member and _code(member)
            if member is None or code is None:
                raise ValueError(f"the section {section!r} has no column of values {name!r}")
            # Members lie at multiples of their size, and so do rows.
            start, step = member.offset // member.size, stride // member.size
            values = rows.cast(code)[start::step].tolist()
            found[name] = _column(values, known, member)
    return found


def _column(values: List[Any], known: List[int], member: "Member") -> List[Any]:
    bit, kind = member.known_bit, member.value_type
    if kind == MemberType.TEXT:
        return [string_at(at).decode("utf-8", "replace") if at else None for at in values]
    if kind == MemberType.FLAG:
        values = [value != 0 for value in values]
    elif kind == MemberType.LETTER:
        values = [_letter(value) for value in values]
    if not bit:
        return values
    return [value if one & bit else None for value, one in zip(values, known)]


def _letter(value: bytes) -> str:
    return value.decode("ascii", "replace")


def array(frame: "Frame", section: str, name: str) -> Any:
    """See Frame.array()."""
    import numpy

    member = _members(section).get(name) if name != "known" else None
    if name == "known":
        offset, code = 0, "Q"
    elif member is None or _code(member) is None or member.value_type == MemberType.TEXT:
        raise ValueError(f"the section {section!r} has no column of numbers {name!r}")
    else:
        offset, code = member.offset, _code(member) or ""
    # The view leads to the library's memory: it has a handle of its own, whatever becomes of this one.
    shared = frame._share()
    with shared._open() as pointer:
        address, count, stride = _rows(pointer, section)
        memory = (c_char * (count * stride)).from_address(address)
        memory._frame = shared
        kind = numpy.dtype("S1" if code == "c" else code)
        view = numpy.ndarray((count,), kind, memory, offset, (stride,))
    view.flags.writeable = False
    return view


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


_END = {name: _destructor(name) for name in (b"arrow_schema", b"arrow_array")}


def _capsule(made: Structure, name: bytes) -> Any:
    _held[addressof(made)] = made
    return _new_capsule(addressof(made), name, _END[name])


class ArrowSection:
    """A section for what reads Arrow: pyarrow.record_batch(section), polars.DataFrame(section)."""

    def __init__(self, frame: "Frame", section: str) -> None:
        self._frame = frame._share()
        self._bit = LIBRARY.nfm_section_bit(section.encode())

    def _export(self) -> Tuple[Any, Any]:
        schema, made = ArrowSchema(), ArrowArray()
        with self._frame._open() as frame:
            error = POINTER(_abi.nfm_error_t)()
            pointers = (addressof(schema), addressof(made))
            result = LIBRARY.nfm_frame_export_arrow(frame, self._bit, *pointers, byref(error))
            check(result, error)
        return _capsule(schema, b"arrow_schema"), _capsule(made, b"arrow_array")

    def __arrow_c_array__(self, requested_schema: Any = None) -> Tuple[Any, Any]:
        """Its type and its values, as capsules. It is not cast to another type."""
        return self._export()

    def __arrow_c_schema__(self) -> Any:
        """Its type, as a capsule."""
        return self._export()[0]

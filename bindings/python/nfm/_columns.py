"""Sections as columns: lists, and views for numpy. Both read the library's rows where they lie."""

from __future__ import annotations

from ctypes import byref, c_char, c_int, c_size_t, c_ssize_t, c_void_p, py_object, pythonapi, string_at
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, Optional, Tuple

from ._abi import MemberType
from ._library import LIBRARY
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

# A view of memory that is not Python's. It must not be used once that memory is gone.
_view: Any = pythonapi.PyMemoryView_FromMemory
_view.restype, _view.argtypes = py_object, [c_void_p, c_ssize_t, c_int]
_READ = 0x100

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
        # Members lie at multiples of their size, and so do rows.
        rows = _view(address, count * stride, _READ)
        known = rows.cast("Q")[:: stride // 8].tolist()
        known_of_all = reduce(and_, known, -1)
        for name in names:
            member = members.get(name)
            code = member and _code(member)
            if member is None or code is None:
                raise ValueError(f"the section {section!r} has no column of values {name!r}")
            start, step = member.offset // member.size, stride // member.size
            values = _values(rows.cast(code)[start::step].tolist(), member)
            bit = member.known_bit
            if bit and not known_of_all & bit:
                values = [value if one & bit else None for value, one in zip(values, known)]
            found[name] = values
    return found


def _values(values: List[Any], member: "Member") -> List[Any]:
    """Numbers as they lie in memory, as what they stand for."""
    kind = member.value_type
    if kind == MemberType.TEXT:
        return [string_at(at).decode("utf-8", "replace") if at else None for at in values]
    if kind == MemberType.FLAG:
        return [value != 0 for value in values]
    if kind == MemberType.LETTER:
        return [_letter(value) for value in values]
    return values


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
        memory: Any = (c_char * (count * stride)).from_address(address)
        memory._frame = shared
        kind = numpy.dtype("S1" if code == "c" else code)
        view = numpy.ndarray((count,), kind, memory, offset, (stride,))
    view.flags.writeable = False
    return view

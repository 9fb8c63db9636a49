"""Sections as columns: lists, and views for numpy. Both read the library's rows where they lie."""

from __future__ import annotations

from ctypes import byref, c_char, c_char_p, c_int, c_size_t, c_ssize_t, c_void_p, py_object, pythonapi
from typing import TYPE_CHECKING, Any, Dict, Iterable, List, NamedTuple, Optional, Tuple

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

# For each bit of a byte, the bytes in which it is set.
_SET = {1 << bit: bytes(byte for byte in range(256) if byte >> bit & 1) for bit in range(8)}


class _Column(NamedTuple):
    """A member of a section's own rows that is a value."""

    code: str
    offset: int
    size: int
    # None for numbers, which are what they are.
    kind: Optional[MemberType]
    # The byte of the row's known, and the bit in it; 0 for a member that is always known.
    byte: int
    bit: int


class _Section(NamedTuple):
    bit: int
    columns: Dict[str, _Column]


_sections: Dict[str, _Section] = {}


def _section(name: str) -> _Section:
    if name not in _sections:
        columns = {one.name: _column(one) for one in section_members(name) if not one.rows_of}
        bit: int = LIBRARY.nfm_section_bit(name.encode())
        found = {one: column for one, column in columns.items() if column}
        _sections[name] = _Section(bit, found)
    return _sections[name]


def _column(member: "Member") -> Optional[_Column]:
    kind = MemberType(member.value_type)
    code = _CODES.get(kind, {}).get(member.size)
    if code is None:
        return None
    # The library runs on x86-64 alone: the first byte has the lowest bits.
    byte, bit = divmod(max(member.known_bit.bit_length() - 1, 0), 8)
    known = 1 << bit if member.known_bit else 0
    number = kind in (MemberType.UNSIGNED, MemberType.SIGNED, MemberType.REAL)
    return _Column(code, member.offset, member.size, None if number else kind, byte, known)


def _rows(frame: Any, section: str) -> Tuple[int, int, int]:
    """The address of the first row, their number, and the bytes from one to the next."""
    count, stride = c_size_t(), c_size_t()
    first = LIBRARY.nfm_frame_rows(frame, _section(section).bit, byref(count), byref(stride))
    if not first:
        raise ValueError(f"the frame does not hold the section {section!r}")
    return first, count.value, stride.value


def columns(
    frame: "Frame", section: str, names: Optional[Iterable[str]] = None
) -> Dict[str, List[Any]]:
    """See Frame.columns()."""
    of_section = _section(section).columns
    found: Dict[str, List[Any]] = {}
    with frame._open() as pointer:
        address, count, stride = _rows(pointer, section)
        rows = _view(address, count * stride, _READ)
        for name in of_section if names is None else names:
            column = of_section.get(name)
            if column is None:
                raise ValueError(f"the section {section!r} has no column of values {name!r}")
            code, offset, size, kind, byte, bit = column
            # Members lie at multiples of their size, and so do rows.
            values = rows.cast(code)[offset // size :: stride // size].tolist()
            if kind is not None:
                values = _values(values, kind)
            if bit:
                known = rows[byte::stride].tobytes()
                if known.translate(None, _SET[bit]):
                    values = [value if one & bit else None for value, one in zip(values, known)]
            found[name] = values
    return found


def _values(values: List[Any], kind: MemberType) -> List[Any]:
    """Numbers as they lie in memory, as what they stand for."""
    if kind == MemberType.TEXT:
        # They are addresses; ctypes reads a whole array of texts much faster than one after another.
        texts = (c_char_p * len(values)).from_buffer((c_size_t * len(values))(*values))
        return [None if one is None else one.decode("utf-8", "replace") for one in texts]
    if kind == MemberType.FLAG:
        return [value != 0 for value in values]
    return [value.decode("ascii", "replace") for value in values]


def array(frame: "Frame", section: str, name: str) -> Any:
    """See Frame.array()."""
    import numpy

    column = _section(section).columns.get(name)
    if name == "known":
        offset, code = 0, "Q"
    elif column is None or column.kind == MemberType.TEXT:
        raise ValueError(f"the section {section!r} has no column of numbers {name!r}")
    else:
        offset, code = column.offset, column.code
    # The view leads to the library's memory: it has a handle of its own, whatever becomes of this one.
    shared = frame._share()
    with shared._open() as pointer:
        address, count, stride = _rows(pointer, section)
        memory: Any = (c_char * (count * stride)).from_address(address)
        memory._frame = shared
        kind = numpy.dtype("S1" if code == "c" else code)
        view: Any = numpy.ndarray((count,), kind, memory, offset, (stride,))
    view.flags.writeable = False
    return view

"""The members of sections: names, units, kinds."""

from __future__ import annotations

from ctypes import byref, c_size_t
from typing import Tuple, Union

from . import _abi
from ._decode import rows
from ._library import LIBRARY
from ._rows import Member, _member


def section_members(section: Union[str, _abi.Section]) -> Tuple[Member, ...]:
    """The members of a section's rows, by its name or as Section has it: what each is called, its unit, its
    kind (Kind) and how C reads it (MemberType).

    The members of rows within rows follow the one that leads to them, and name it in rows_of. There are none
    for a section that has no rows ("integrity"). Raises ValueError for one that the library does not know.
    """
    if isinstance(section, str):
        bit: int = LIBRARY.nfm_section_bit(section.encode())
    else:
        bit = section if section in _abi.Section and bin(section).count("1") == 1 else 0
    if not bit:
        raise ValueError(f"the library has no section {section!r}")
    count, stride = c_size_t(), c_size_t()
    first = LIBRARY.nfm_section_members(bit, byref(count), byref(stride))
    return rows(first, count.value, stride.value, _abi.nfm_member_t, _member)

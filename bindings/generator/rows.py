"""What both languages make of a structure: the members that are a program's business, and how each is
read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Iterator, List, Optional, Tuple

from .header import Constant, Function, Header, Member, Structure, Unknown

SPECIAL = {"known", "reserved", "reserved_2"}


@dataclass(frozen=True)
class Field:
    """A member as a program sees it."""

    member: Member
    # "number", "real", "flag", "letter", "text", "texts", "reals", "bytes", "rows" or "row".
    kind: str
    # None where it is always known.
    bit: Optional[Constant]
    # What "rows" or "row" leads to.
    rows: Optional[Structure]


def fields(header: Header, structure: Structure) -> List[Field]:
    """Those that are no count or stride of another."""
    lists = [member.name for member in structure.members if is_list(member)]
    helpers = SPECIAL | {f"{name}_{part}" for name in lists for part in ("count", "stride")}
    return [
        field(header, structure, member)
        for member in structure.members
        if member.name not in helpers
    ]


def is_list(member: Member) -> bool:
    return member.type.endswith("*") and member.type != "const char *"


def field(header: Header, structure: Structure, member: Member) -> Field:
    rows = None
    if found := re.fullmatch(r"const (nfm_\w+_t) \*", member.type):
        rows = header.structures[found.group(1)]
        is_many = any(one.name == f"{member.name}_count" for one in structure.members)
        kind = "rows" if is_many else "row"
    elif member.type == "double":
        kind = "reals" if member.length else "real"
    elif member.type in ("const char *", "const char *const *"):
        kind = "text" if member.type == "const char *" else "texts"
    elif member.type == "uint8_t" and member.length:
        kind = "bytes"
    elif member.type == "char":
        kind = "letter"
    elif re.match("1 (if|for) ", member.comment):
        kind = "flag"
    elif re.fullmatch(r"u?int\d+_t|size_t", member.type) and not member.length:
        kind = "number"
    else:
        raise Unknown(f"{structure.name}: {member.type} {member.name}")
    return Field(member, kind, header.bit(structure, member), rows)


def row_structures(header: Header) -> List[Structure]:
    """Those with the member known: what the library hands out, nested ones first, as the header has
    them. One that leads to handles is none: each language has its own way to own them."""
    return [
        one
        for one in header.structures.values()
        if one.members[0].name == "known" and not any(leads_to_handle(header, m) for m in one.members)
    ]


def leads_to_handle(header: Header, member: Member) -> bool:
    found = re.fullmatch(r"const (nfm_\w+_t) \*", member.type)
    return bool(found) and found.group(1) in header.handles


def sections(header: Header) -> Iterator[Tuple[str, Function, Structure, bool]]:
    """The functions that give a section of a frame: its name, and whether it is many rows."""
    return sections_of(header, "frame")


def sections_of(header: Header, handle: str) -> Iterator[Tuple[str, Function, Structure, bool]]:
    """The same of a frame or of a difference."""
    for function in header.functions.values():
        name = function.name[len(f"nfm_{handle}_") :]
        structure = header.structure_of(function)
        is_of = function.name == f"nfm_{handle}_{name}"
        if structure and is_of and f"NFM_SECTION_{name.upper()}" in header.constants:
            yield name, function, structure, "size_t *" in function.parameters

"""Python: ctypes' view of the header, the rows as dataclasses, an exception for each error."""

from __future__ import annotations

import textwrap
from typing import Dict, List, Optional, Tuple

from .header import Enumeration, Header, Structure, Unknown
from .rows import Field, fields, row_structures, sections_of

HEAD = '''"""{}

Generated from include/nfm.h by bindings/generate: do not edit.
"""

from __future__ import annotations

'''

SIMPLE = {
    "int": "c_int",
    "char": "c_char",
    "double": "c_double",
    "size_t": "c_size_t",
    "const char *": "c_char_p",
    "const char *const *": "POINTER(c_char_p)",
    "void *": "c_void_p",
    "void": "None",
    **{f"{sign}int{bits}_t": f"c_{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def abi(header: Header) -> str:
    """_abi.py"""
    out = [HEAD.format("The C ABI, as ctypes sees it.")]
    out.append("import enum\nfrom ctypes import (\n    CFUNCTYPE,\n    POINTER,\n    Structure,\n")
    out.extend(f"    {name},\n" for name in sorted(used(header)))
    out.append(")\nfrom typing import Any, Dict, List, Tuple\n\n")
    out.append(f'# The version of the header.\nVERSION = "{header.version}"\n\n')
    for constant in header.constants.values():
        if not constant.name.startswith("NFM_SECTION_"):
            out.append(f"{constant.name} = {constant.value:#x}\n")
    out.append('\n\nclass Section(enum.IntFlag):\n    """The sections of a frame."""\n')
    for constant in header.constants.values():
        if constant.name.startswith("NFM_SECTION_"):
            out.append(f"\n    {constant.name[len('NFM_SECTION_'):]} = {constant.value:#x}\n")
            out.append(docstring(constant.comment, 4))
    out.extend(enumeration(one) for one in header.enumerations)
    for name in header.handles:
        out.append(f"\n\nclass {name}(Structure):\n    pass\n")
    for callback in header.callbacks.values():
        types = ", ".join(ctype(header, kind) for kind in [callback.returns, *callback.parameters])
        out.append(f"\n\n{callback.name} = CFUNCTYPE({types})\n")
    for structure in header.structures.values():
        out.append(f"\n\nclass {structure.name}(Structure):\n    _fields_ = [\n")
        for member in structure.members:
            kind = ctype(header, member.type) + (f" * {member.length}" if member.length else "")
            out.append(f'        ("{member.name}", {kind}),\n')
        out.append("    ]\n")
    out.append("\n\n# What each function returns and takes.\n")
    out.append("FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {\n")
    for function in header.functions.values():
        takes = ", ".join(ctype(header, kind) for kind in function.parameters)
        line = f'    "{function.name}": ({ctype(header, function.returns)}, [{takes}]),\n'
        out.append(line)
    out.append("}\n")
    return "".join(out)


def used(header: Header) -> List[str]:
    types = [one for function in header.functions.values() for one in function.parameters]
    types += [function.returns for function in header.functions.values()]
    types += [one.type for structure in header.structures.values() for one in structure.members]
    types += [one for callback in header.callbacks.values() for one in callback.parameters]
    names = {ctype(header, one).replace("POINTER(", "").strip(")") for one in types}
    return [name for name in names if name.startswith("c_")]


def ctype(header: Header, kind: str) -> str:
    if kind in SIMPLE:
        return SIMPLE[kind]
    if kind in header.callbacks:
        return kind
    if kind.endswith("*"):
        target = kind[:-1].rstrip().removeprefix("const ")
        if target == "void":
            return "c_void_p"
        if target in header.structures or target in header.handles:
            return f"POINTER({target})"
        return f"POINTER({ctype(header, target)})"
    raise Unknown(kind)


def enumeration(one: Enumeration) -> str:
    prefix = common_prefix([value.name for value in one.values])
    out = [f"\n\nclass {camel(one.name[len('nfm_'):-len('_t')])}(enum.IntEnum):\n"]
    out.append(docstring(one.comment, 4))
    for value in one.values:
        out.append(f"\n    {value.name[len(prefix):]} = {value.value}\n")
        out.append(docstring(value.comment, 4))
    return "".join(out)


def common_prefix(names: List[str]) -> str:
    words = [name.split("_") for name in names]
    same = 0
    while len({tuple(one[: same + 1]) for one in words}) == 1:
        same += 1
    return "_".join(words[0][:same]) + "_"


def camel(snake: str) -> str:
    return "".join(word.capitalize() for word in snake.split("_"))


def docstring(text: str, indent: int) -> str:
    text = " ".join(text.replace("\\", "\\\\").split())
    blank = " " * indent
    if text.endswith('"'):
        text += " "
    if len(text) + indent + 6 <= 99:
        return f'{blank}"""{text}"""\n'
    lines = textwrap.wrap(text, 99 - indent - 3)
    return f'{blank}"""' + f"\n{blank}".join(lines) + f'\n{blank}"""\n'


# ---------------------------------------------------------------------------

TYPES = {
    "number": "int",
    "real": "float",
    "flag": "bool",
    "letter": "str",
    "text": "str",
    "texts": "Tuple[str, ...]",
    "bytes": "bytes",
    "reals": "Tuple[float, ...]",
}


def rows(header: Header) -> str:
    """_rows.py"""
    out = [HEAD.format("The rows of frames. A member that is not known is None.")]
    out.append("import os\nfrom struct import Struct\n")
    out.append("from typing import Any, NamedTuple, Optional, Tuple\n\nfrom . import _abi\n")
    out.append("from ._decode import Sections, rows, texts\n\nnew = tuple.__new__\n")
    for structure in row_structures(header):
        out.append(row(header, structure))
    out.append(sections_class(header, "frame", "A frame's sections."))
    out.append(sections_class(header, "diff", "The sections of a difference."))
    names = [camel(one.stem) for one in row_structures(header)]
    out.append("\n\n__all__ = [\n    \"DiffSections\",\n    \"FrameSections\",\n")
    out.extend(f'    "{name}",\n' for name in sorted(names))
    out.append("]\n")
    return "".join(out)


def sections_class(header: Header, handle: str, comment: str) -> str:
    out = [f'\n\nclass {camel(handle)}Sections(Sections):\n    """{comment}"""\n']
    absent = {"frame": "None if it was not asked for.", "diff": "None if a frame lacks it."}[handle]
    for name, function, structure, many in sections_of(header, handle):
        kind = camel(structure.stem)
        result = f"Tuple[{kind}, ...]" if many else kind
        out.append(f"\n    @property\n    def {name}(self) -> Optional[{result}]:\n")
        out.append(docstring(f"{first_sentence(function.comment)} {absent}", 8))
        reader = "_many" if many else "_one"
        arguments = f'"{function.name}", _abi.{structure.name}, _{structure.stem}'
        out.append(f"        found: Optional[{result}] = self.{reader}({arguments})\n")
        out.append("        return found\n")
    return "".join(out)


def first_sentence(comment: str) -> str:
    return " ".join(comment.split("\n\n")[0].split())


def row(header: Header, structure: Structure) -> str:
    found = fields(header, structure)
    out = [f"\n\nclass {camel(structure.stem)}(NamedTuple):\n"]
    out.append(docstring(structure.comment, 4) + "\n")
    for one in found:
        # A named tuple has methods, which a member of the same name hides.
        hides = "  # type: ignore[assignment]" if hasattr(tuple, one.member.name) else ""
        out.append(f"    {one.member.name}: {annotation(one)}{hides}\n")
        out.append(docstring(one.member.comment.replace("NULL", "None"), 4))
    stem = structure.stem
    many, single = uses(header, structure)
    if many:
        code, places = unpacking(structure)
        out.append(f'\n\n_unpack_{stem} = Struct("{code}").unpack_from\n')
        out.append(decoder(f"_{stem}", stem, found, places))
    if single:
        out.append(decoder(f"_{stem}{'_at' if many else ''}", stem, found, None))
    return "".join(out)


def uses(header: Header, structure: Structure) -> Tuple[bool, bool]:
    """Whether rows of it are given with the bytes from one to the next, and whether one is given alone: where the
    library is older than this file, only the first tell how long they are.
    """
    gives = [one for one in header.functions.values() if header.structure_of(one) == structure]
    leads = [
        one.kind
        for other in row_structures(header)
        for one in fields(header, other)
        if one.rows == structure
    ]
    many = any("size_t *" in one.parameters for one in gives) or "rows" in leads
    return many, any("size_t *" not in one.parameters for one in gives) or "row" in leads


def decoder(name: str, stem: str, found: List[Field], places: Optional[Dict[str, int]]) -> str:
    """A function that makes a row: with places, all numbers at once, and text, lists and rows by ctypes; else member by
    member, as there may be no more of it than the bits in known tell.
    """
    out = [f"\n\ndef {name}(row: Any) -> {camel(stem)}:\n"]
    if places is not None:
        out.append(f"    values = _unpack_{stem}(row)\n")
    if any(one.bit for one in found):
        out.append(f"    known = {'row.known' if places is None else 'values[0]'}\n")
    # As the named tuple's own method would do, with all its arguments.
    out.append(f"    return new({camel(stem)}, (\n")
    for one in found:
        value = expression(one, places)
        # The number itself: to look a name up for each value would take a third of the time.
        condition = f" if known & {one.bit.value:#x} else None" if one.bit else ""
        out.append(f"        {value}{condition},\n")
    out.append("    ))\n")
    return "".join(out)


# How package struct calls C's types.
CODES = {
    "int8_t": "b",
    "uint8_t": "B",
    "int16_t": "h",
    "uint16_t": "H",
    "int32_t": "i",
    "uint32_t": "I",
    "int64_t": "q",
    "uint64_t": "Q",
    "size_t": "N",
    "double": "d",
    "char": "c",
}


def unpacking(structure: Structure) -> Tuple[str, Dict[str, int]]:
    """The code by which package struct reads a structure, and the place of each member among its values."""
    code, places, place = "", {}, 0
    for member in structure.members:
        places[member.name] = place
        one = CODES.get(member.type, "P")
        if member.length and member.type in ("uint8_t", "char"):
            one, number = f"{member.length}s", 1
        else:
            number = member.length or 1
            one = f"{member.length}{one}" if member.length else one
        code += one
        place += number
    return code, places


def annotation(one: Field) -> str:
    kind = camel(one.rows.stem) if one.rows else TYPES[one.kind]
    kind = f"Tuple[{kind}, ...]" if one.kind == "rows" else kind
    return f"Optional[{kind}]" if one.bit else kind


def expression(one: Field, places: Optional[Dict[str, int]]) -> str:
    name, length = f"row.{one.member.name}", one.member.length
    if one.kind == "text" and "need not be UTF-8" in one.member.comment:
        return f"os.fsdecode({name})"
    if one.kind == "text":
        return f'{name}.decode("utf-8", "replace")'
    if one.kind == "texts":
        return f"texts({name}, {name}_count)"
    if one.rows and one.kind == "row":
        return f"_{one.rows.stem}_at({name}.contents)"
    if one.rows:
        kind = f"_abi.{one.rows.name}, _{one.rows.stem}"
        return f"rows({name}, {name}_count, {name}_stride, {kind})"
    place = places and places[one.member.name]
    value = name if place is None else f"values[{place}]"
    return {
        "flag": f"{value} != 0",
        "letter": f'{value}.decode("ascii", "replace")',
        "reals": f"tuple({name})" if place is None else f"values[{place}:{place + length}]",
        "bytes": f"bytes({value})",
    }.get(one.kind, value)


# ---------------------------------------------------------------------------

# Those that are of a built-in kind as well.
BUILT_IN = {"INVALID_ARGUMENT": "ValueError", "PERMISSION": "builtins.PermissionError"}


def errors(header: Header) -> str:
    """_errors.py"""
    out = [HEAD.format("An exception for each error.")]
    out.append("import builtins\nfrom typing import Dict, Type\n\n")
    out.append("from ._abi import Result\nfrom ._error import Error\n")
    (results,) = (one for one in header.enumerations if one.name == "nfm_result_t")
    names = {}
    for value in results.values:
        if value.value == 0:
            continue
        stem = value.name[len("NFM_ERR_") :]
        name = names[value.name] = camel(stem.lower()) + "Error"
        bases = f"Error, {BUILT_IN[stem]}" if stem in BUILT_IN else "Error"
        # OSError's own members are of other types.
        ignored = "  # type: ignore[misc]" if "builtins." in bases else ""
        out.append(f"\n\nclass {name}({bases}):{ignored}\n{docstring(value.comment, 4)}")
    out.append("\n\nBY_RESULT: Dict[int, Type[Error]] = {\n")
    for result, name in names.items():
        out.append(f"    Result.{result[len('NFM_'):]}: {name},\n")
    out.append("}\n\n__all__ = [\n    \"BY_RESULT\",\n")
    out.extend(f'    "{name}",\n' for name in sorted(names.values()))
    out.append("]\n")
    return "".join(out)

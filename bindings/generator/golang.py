"""Go: the numbers by C's names, the rows as structures, a method for each section."""

from __future__ import annotations

import textwrap
from typing import Dict, List

from .header import Constant, Function, Header, Structure
from .python import camel as capitalised
from .python import common_prefix, first_sentence
from .rows import Field, fields, row_structures, sections, sections_of

HEAD = """// Code generated from include/nfm.h by bindings/generate. DO NOT EDIT.

package nfm

// #include <nfm.h>
import "C"
"""
UNSAFE = '\nimport "unsafe"\n'

# Words that Go writes in capitals.
CAPITALS = """cpu cwd egid euid fd gid id ids inode ip ipc ipv4 ipv6 kib mac mtu netns ns oom os pid ppid rss
tid tos uid utc uts uuid vcpu""".split()
SPECIAL = {"ipv4": "IPv4", "ipv6": "IPv6", "inode": "Inode", "kib": "KiB", "netns": "NetNS"}

TYPES = {
    "real": "float64",
    "flag": "bool",
    "letter": "byte",
    "text": "string",
    "texts": "[]string",
}


def camel(snake: str) -> str:
    def word(one: str) -> str:
        return SPECIAL.get(one) or (one.upper() if one in CAPITALS else capitalised(one))

    return "".join(word(one) for one in snake.split("_"))


def files(header: Header) -> Dict[str, str]:
    """The files by their names: one of numbers, one a section, and one of the rows that are of none."""
    made = {"numbers.go": numbers(header)}
    structures = {structure.name: structure for structure in row_structures(header)}
    for name, function, structure, many in sections(header):
        own = taken(header, structure, structures)
        text = "".join(row(header, one) for one in own)
        made[f"section_{name}.go"] = HEAD + UNSAFE + text + method(name, function, structure, many)
        if many:
            text = "".join(view(header, one, structure) for one in own)
            unsafe = UNSAFE if "unsafe." in text else ""
            made[f"view_{name}.go"] = HEAD + unsafe + text + each(name, structure)
    found = list(sections_of(header, "diff"))
    text = "".join(row(header, structures.pop(one.name)) for _, _, one, _ in found)
    text += "".join(method(*one, handle="diff") for one in found)
    made["diff_rows.go"] = HEAD + UNSAFE + text
    made["rows.go"] = HEAD + UNSAFE + "".join(row(header, one) for one in structures.values())
    return made


def taken(header: Header, structure: Structure, left: Dict[str, Structure]) -> List[Structure]:
    """A structure and those that its rows have as rows of their own, first; they are left no more."""
    nested = [one.rows for one in fields(header, structure) if one.rows and one.rows.name in left]
    found = [inner for one in nested for inner in taken(header, one, left)]
    return found + ([left.pop(structure.name)] if structure.name in left else [])


def numbers(header: Header) -> str:
    out = [HEAD]
    out.append("\n// Section is a set of sections of a frame.\ntype Section uint64\n")
    found = [one for name, one in header.constants.items() if name.startswith("NFM_SECTION_")]
    out.append(constants(found, "NFM_SECTION_", "Section", "Section"))
    for one in header.enumerations:
        kind, prefix = camel(one.name[len("nfm_") : -len("_t")]), None
        values = one.values
        if kind == "Result":
            kind, prefix, values = "Code", "NFM_", [value for value in values if value.value]
        out.append(f"\n{comment(one.comment, kind)}type {kind} int\n")
        start = prefix or common_prefix([value.name for value in values])
        out.append(constants(values, start, "" if prefix else kind, kind))
    return "".join(out)


def method(
    name: str, function: Function, structure: Structure, many: bool, handle: str = "frame"
) -> str:
    """The section as a frame, or a difference, gives it."""
    kind, called = camel(structure.stem), camel(name)
    text = " ".join(first_sentence(function.comment).split()).rstrip(".")
    absent = {"frame": "it was not asked for", "diff": "one of the frames lacks it"}[handle]
    text = f"returns {text[0].lower()}{text[1:]}. It is ErrNoSection where {absent}."
    out = [f"\n{comment(f'{called} {text}')}"]
    result, reader = (f"[]{kind}", "many") if many else (f"*{kind}", "one")
    out.append(f"func ({handle} *{camel(handle)}) {called}() ({result}, error) {{\n")
    arguments = f"{handle} *C.nfm_{handle}_t" + (", count, stride *C.size_t" if many else "")
    passed = f"{handle}, count, stride" if many else handle
    reader += "Of" if handle != "frame" else ""
    out.append(f"\treturn {reader}({handle}, func({arguments}) unsafe.Pointer {{\n")
    out.append(f"\t\treturn unsafe.Pointer(C.{function.name}({passed}))\n")
    out.append(f"\t}}, new{kind})\n}}\n")
    return "".join(out)


def constants(values: List[Constant], prefix: str, start: str, kind: str) -> str:
    out = ["\nconst (\n"]
    for index, value in enumerate(values):
        name = start + camel(value.name[len(prefix) :].lower())
        text = value.comment
        out.append("\n" if index else "")
        out.append(textwrap.indent(comment(text, name), "\t"))
        out.append(f"\t{name} {kind} = C.{value.name}\n")
    return "".join(out) + ")\n"


def comment(text: str, name: str = "") -> str:
    text = " ".join(text.split())
    if name:
        text = f"{name}: {text[0].lower() if not text[:2].isupper() else text[0]}{text[1:]}"
    return "".join(f"// {line}\n" for line in textwrap.wrap(text, 95))


def row(header: Header, structure: Structure) -> str:
    found = fields(header, structure)
    kind = camel(structure.stem)
    out = [f"\n{comment(structure.comment, kind)}type {kind} struct {{\n"]
    for index, one in enumerate(found):
        out.append("\n" if index else "")
        text = one.member.comment.replace("; NULL if not known", "").replace("; NULL if not", "")
        out.append(textwrap.indent(comment(text), "\t"))
        out.append(f"\t{camel(one.member.name)} {annotation(one)}\n")
    out.append("}\n\n")
    # Members are read one by one: where the library is older than this file, its rows end sooner, and
    # the bits of what they lack are not set.
    out.append(f"func new{kind}(at unsafe.Pointer) (made {kind}) {{\n")
    out.append(f"\trow := (*C.{structure.name})(at)\n")
    for one in found:
        line = f"made.{camel(one.member.name)} = "
        if one.bit:
            out.append(f"\tif row.known&C.{one.bit.name} != 0 {{\n")
            out.append(f"\t\t{line}Some({expression(one)})\n\t}}\n")
        else:
            out.append(f"\t{line}{expression(one)}\n")
    out.append("\treturn made\n}\n")
    return "".join(out)


def view(header: Header, structure: Structure, of: Structure) -> str:
    """The structure where it lies, with a method for each member."""
    kind = camel(structure.stem)
    text = f"is a {kind} where it lies, of which nothing is copied. It is valid during Each{camel(of.stem)} alone."
    out = [f"\n{comment(f'{kind}View {text}')}"]
    out.append(f"type {kind}View struct{{ row *C.{structure.name} }}\n")
    for one in fields(header, structure):
        name, result = camel(one.member.name), viewed(one)
        out.append(f"\n// {name} is as in {kind}.\n")
        value = view_expression(one)
        if not one.bit:
            out.append(f"func (view {kind}View) {name}() {result} {{\n\treturn {value}\n}}\n")
            continue
        out.append(f"func (view {kind}View) {name}() (made Opt[{result}]) {{\n")
        out.append(f"\tif view.row.known&C.{one.bit.name} != 0 {{\n\t\tmade = Some({value})\n\t}}\n")
        out.append("\treturn made\n}\n")
    return "".join(out)


def viewed(one: Field) -> str:
    if one.rows:
        return f"Views[{camel(one.rows.stem)}View]"
    return {"text": "Text", "texts": "Texts"}.get(one.kind) or plain(one)


def view_expression(one: Field) -> str:
    name = f"view.{member(one)}"
    if one.rows:
        return f"viewsOf[{camel(one.rows.stem)}View](unsafe.Pointer({name}), {name}_count, {name}_stride)"
    if one.kind == "text":
        return f"Text{{{name}}}"
    if one.kind == "texts":
        return f"Texts{{{name}, {name}_count}}"
    return expression(one).replace("row.", "view.row.")


def each(name: str, structure: Structure) -> str:
    kind = camel(structure.stem)
    text = (
        f"calls a function with each row of {camel(name)}, one after another, until it returns false. Nothing is "
        "copied and nothing allocated. It is ErrNoSection where the section was not asked for."
    )
    return (
        f"\n{comment(f'Each{kind} {text}')}"
        f"func (frame *Frame) Each{kind}(yield func({kind}View) bool) error {{\n"
        f"\treturn each(frame, Section{camel(name)}, yield)\n}}\n"
    )


def annotation(one: Field) -> str:
    return f"Opt[{plain(one)}]" if one.bit else plain(one)


def plain(one: Field) -> str:
    if one.kind == "row":
        return camel(one.rows.stem)
    if one.rows:
        return f"[]{camel(one.rows.stem)}"
    if one.kind == "reals":
        return f"[{one.member.length}]float64"
    if one.kind == "bytes":
        return f"[{one.member.length}]byte"
    if one.kind == "number":
        return one.member.type.replace("_t", "").replace("size", "uint64")
    return TYPES[one.kind]


def member(one: Field) -> str:
    # cgo's name of a member that is a word of Go's own.
    keyword = one.member.name in ("type", "range", "map", "func", "interface", "select", "package")
    return "row." + ("_" if keyword else "") + one.member.name


def expression(one: Field) -> str:
    name = member(one)
    if one.kind == "row":
        return f"new{camel(one.rows.stem)}(unsafe.Pointer({name}))"
    if one.rows:
        return f"nested(unsafe.Pointer({name}), {name}_count, {name}_stride, new{camel(one.rows.stem)})"
    if one.kind == "reals":
        values = ", ".join(f"float64({name}[{index}])" for index in range(one.member.length))
        return f"{plain(one)}{{{values}}}"
    if one.kind == "bytes":
        return f"*(*{plain(one)})(unsafe.Pointer(&{name}))"
    return {
        "flag": f"{name} != 0",
        "text": f"C.GoString({name})",
        "texts": f"texts({name}, {name}_count)",
    }.get(one.kind, f"{plain(one)}({name})")

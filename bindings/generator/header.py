"""include/nfm.h, as cbindgen writes it: declarations of a few forms, each after its comment."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Dict, List, Optional

COMMENT = re.compile(r"/\*\*(.*?)\*/", re.DOTALL)


class Unknown(Exception):
    """A declaration that the generators do not know how to carry over."""


@dataclass(frozen=True)
class Constant:
    name: str
    value: int
    comment: str


@dataclass(frozen=True)
class Enumeration:
    name: str
    comment: str
    values: List[Constant]


@dataclass(frozen=True)
class Member:
    type: str
    name: str
    comment: str
    # The length of an array; 0 for what is none.
    length: int


@dataclass(frozen=True)
class Structure:
    name: str
    comment: str
    members: List[Member]

    @property
    def stem(self) -> str:
        """nfm_log_record_t: log_record."""
        return self.name[len("nfm_") : -len("_t")]


@dataclass(frozen=True)
class Function:
    name: str
    comment: str
    returns: str
    # Types alone.
    parameters: List[str]


class Header:
    """All that the header declares, in its order."""

    def __init__(self, text: str) -> None:
        self.constants: Dict[str, Constant] = {}
        self.enumerations: List[Enumeration] = []
        self.structures: Dict[str, Structure] = {}
        self.handles: List[str] = []
        self.callbacks: Dict[str, Function] = {}
        self.functions: Dict[str, Function] = {}
        found = re.search(r'^#define NFM_VERSION "(.*)"$', text, re.MULTILINE)
        if not found:
            raise Unknown("the header has no NFM_VERSION")
        self.version = found.group(1)
        position = text.index("#ifndef NFM_H")
        while comment := COMMENT.search(text, position):
            position = comment.end()
            end = self._declaration(text, position, plain(comment.group(1)))
            position = max(position, end)

    def structure_of(self, function: Function) -> Optional[Structure]:
        """The rows that a function returns."""
        found = re.fullmatch(r"const (nfm_\w+_t) \*", function.returns)
        return self.structures.get(found.group(1)) if found else None

    def bit(self, structure: Structure, member: Member) -> Optional[Constant]:
        """The bit that says whether a member is known; None where it always is."""
        return self.constants.get(f"NFM_{structure.stem}_{member.name}".upper())

    def _declaration(self, text: str, start: int, comment: str) -> int:
        rest = text[start:].lstrip()
        start = len(text) - len(rest)
        if found := re.match(r"#define (NFM_\w+) \((\d+)ul*u? << (\d+)\)\n", rest):
            value = int(found.group(2)) << int(found.group(3))
            self.constants[found.group(1)] = Constant(found.group(1), value, comment)
        elif found := re.match(r"#define (NFM_VERSION|NFM_ROW|NFM_FOREACH)\b", rest):
            pass
        elif rest.startswith("#define"):
            raise Unknown(rest.split("\n", 1)[0])
        elif found := re.match(r"typedef enum (nfm_\w+_t) \{\n(.*?)\n\} \1;", rest, re.DOTALL):
            self.enumerations.append(Enumeration(found.group(1), comment, values(found.group(2))))
        elif found := re.match(r"typedef struct (nfm_\w+_t) \{\n(.*?)\n\} \1;", rest, re.DOTALL):
            name = found.group(1)
            self.structures[name] = Structure(name, comment, members(found.group(2)))
        elif found := re.match(r"typedef struct (nfm_\w+_t) \1;", rest):
            self.handles.append(found.group(1))
        elif found := re.match(r"typedef (\w+) \(\*(nfm_\w+)\)\(([^;]*)\);", rest):
            name = found.group(2)
            parameters = arguments(found.group(3))
            self.callbacks[name] = Function(name, comment, found.group(1), parameters)
        elif found := re.match(r"(?:NFM_MUST_USE\s)?([\w\s*]+?)\b(nfm_\w+)\(([^;]*)\);", rest):
            name = found.group(2)
            returns, parameters = one_type(found.group(1)), arguments(found.group(3))
            self.functions[name] = Function(name, comment, returns, parameters)
        else:
            raise Unknown(rest.split("\n", 1)[0])
        return start + found.end() if found else start


def plain(comment: str) -> str:
    """A comment without its stars."""
    lines = [re.sub(r"^\s*\* ?", "", line) for line in comment.strip().splitlines()]
    return "\n".join(line.rstrip() for line in lines).strip()


def values(body: str) -> List[Constant]:
    found = re.finditer(r"/\*\*(.*?)\*/\s*(NFM_\w+) = (\d+),", body, re.DOTALL)
    return [Constant(one.group(2), int(one.group(3)), plain(one.group(1))) for one in found]


def members(body: str) -> List[Member]:
    found = []
    for comment, declaration in re.findall(r"/\*\*(.*?)\*/\s*([^;]*);", body, re.DOTALL):
        parts = re.fullmatch(r"(.*?)(\w+)(?:\[(\d+)\])?", declaration.strip(), re.DOTALL)
        if not parts:
            raise Unknown(declaration)
        kind, name, length = parts.groups()
        found.append(Member(one_type(kind), name, plain(comment), int(length or 0)))
    if len(found) != COMMENT.sub("", body).count(";"):
        raise Unknown(f"a structure with members that are not understood:\n{body}")
    return found


def arguments(text: str) -> List[str]:
    if text.strip() == "void":
        return []
    return [one_type(re.sub(r"\w+$", "", one.strip())) for one in text.split(",")]


def one_type(text: str) -> str:
    """Without 'struct', and with blanks in the same places."""
    text = " ".join(text.replace("struct ", "").split())
    return re.sub(r"\s*\*", " *", text).replace("* *", "**")

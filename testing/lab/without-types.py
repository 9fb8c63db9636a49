#!/usr/bin/env python3
"""without-types.py VMLINUZ DIR

Makes of a Debian kernel (before 6.13) the same kernel as built without CONFIG_DEBUG_INFO_BTF: its types are zeros, and its
table of symbols names no place where they would be. Writes DIR/vmlinuz, an ELF file that QEMU boots by PVH, and
takes the types off the modules in DIR, which such a kernel would refuse to load.
"""

import importlib
import pathlib
import struct
import sys

sys.dont_write_bytecode = True
kernels = importlib.import_module("functions-only")

# Magic, version 1, no flags, a header of 24 bytes.
TYPES = b"\x9f\xeb\x01\x00\x18\x00\x00\x00"
SIGNED = b"~Module signature appended~\n"
BOUNDS = [b"__start_BTF", b"__stop_BTF"]


class Names(kernels.Kallsyms):
    """The names of the table alone, which have the same form in all of these kernels."""

    def __init__(self, kernel):
        self.kernel = kernel
        self.find_names(self.find_tokens())


def main(vmlinuz, folder):
    with open(vmlinuz, "rb") as file:
        kernel = bytearray(kernels.unpack(file.read()))
    table = Names(bytes(kernel))
    place, renamed = table.names_at, 0
    for packed, name in zip(table.packed, table.names):
        if name[1:] in BOUNDS:
            # The same tokens in another order.
            header = 2 if packed[0] & 0x80 else 1
            tokens = packed[header:]
            kernel[place + header : place + len(packed)] = tokens[:1] + tokens[:0:-1]
            assert kernel[place : place + len(packed)] != packed
            renamed += 1
        place += len(packed)
    assert renamed == len(BOUNDS), renamed
    wiped, at = 0, kernel.find(TYPES)
    while at >= 0:
        start = at
        type_bytes, strings_at, string_bytes = struct.unpack_from("<III", kernel, at + 12)
        if type_bytes == strings_at and at + 24 + strings_at + string_bytes <= len(kernel):
            end = at + 24 + strings_at + string_bytes
            kernel[at:end] = bytes(end - at)
            wiped += end - at
        at = kernel.find(TYPES, start + 1)
    assert wiped > 1 << 20, wiped
    print(f"without-types.py: {wiped} bytes of types wiped")
    with open(f"{folder}/vmlinuz", "wb") as file:
        file.write(kernel)
    for module in pathlib.Path(folder).glob("*/*.ko"):
        # The section goes by another name, by which nobody asks for it; the signature would not fit any more.
        module.write_bytes(unsigned(module.read_bytes()).replace(b"\0.BTF\0", b"\0.XTF\0"))


def unsigned(module):
    """The module without its signature (scripts/sign-file.c): content, signature, its length, a text."""
    if not module.endswith(SIGNED):
        return module
    (length,) = struct.unpack_from(">I", module, len(module) - len(SIGNED) - 4)
    return module[: len(module) - len(SIGNED) - 12 - length]


main(*sys.argv[1:])

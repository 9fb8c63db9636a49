#!/usr/bin/env python3
"""functions-only.py VMLINUZ DIR

Makes of a Debian kernel (6.1) the same kernel as built without CONFIG_KALLSYMS_ALL: its table of symbols is
written anew with functions alone, as scripts/kallsyms.c would have. Writes into DIR:
  vmlinuz      the changed kernel, an ELF file that QEMU boots by PVH
  vmlinux      the kernel as it was, with all symbols in an ELF symbol table, as debug packages have it
  System.map   the same symbols as text
"""

import re
import struct
import subprocess
import sys

DECOMPRESSORS = {
    b"\x28\xb5\x2f\xfd": ["zstd", "-dc"],
    b"\xfd7zXZ\0": ["xz", "-dc"],
    b"\x1f\x8b\x08": ["gzip", "-dc"],
    b"\x02\x21\x4c\x18": ["lz4", "-dc"],
}


def unpack(image):
    """The ELF file in a bzImage."""
    for magic, command in DECOMPRESSORS.items():
        for match in re.finditer(re.escape(magic), image):
            # Behind the packed kernel there is more, of which it complains.
            done = subprocess.run(command, input=image[match.start() :], capture_output=True)
            if done.stdout.startswith(b"\x7fELF"):
                return done.stdout
    sys.exit("functions-only.py: no ELF file is packed in this kernel")


class Kallsyms:
    """The tables of a kernel before 6.4 (404bad70fcf7), found by their structure. All places are in the file."""

    def __init__(self, kernel):
        self.kernel = kernel
        tokens = self.find_tokens()
        self.find_names(tokens)
        self.offsets = self.count_at - 8 - align(4 * self.count)
        (base,) = struct.unpack_from("<Q", kernel, self.count_at - 8)
        offsets = struct.unpack_from(f"<{self.count}i", kernel, self.offsets)
        # CONFIG_KALLSYMS_ABSOLUTE_PERCPU: those that are not negative do not move.
        self.addresses = [offset if offset >= 0 else base - 1 - offset for offset in offsets]
        self.raw_offsets = offsets

    def find_tokens(self):
        # Each digit is its own token, and these follow one another; 48 tokens stand before them.
        digits = b"".join(b"\0%d" % digit for digit in range(10)) + b"\0"
        for match in re.finditer(re.escape(digits), self.kernel):
            start = match.start() + 1
            for _ in range(ord("0")):
                start = self.kernel.rindex(b"\0", 0, start - 1) + 1
            tokens = self.kernel[start : start + 65536].split(b"\0", 256)[:256]
            index = align(start + sum(len(token) + 1 for token in tokens))
            places = [sum(len(token) + 1 for token in tokens[:code]) for code in range(256)]
            if list(struct.unpack_from("<256H", self.kernel, index)) == places:
                self.token_table = start
                return tokens
        sys.exit("functions-only.py: no table of tokens")

    def find_names(self, tokens):
        for at in range(self.token_table & ~7, 0, -8):
            (count,) = struct.unpack_from("<Q", self.kernel, at)
            if not 1000 < count < 1_000_000:
                continue
            self.packed, self.names, place = [], [], at + 8
            while len(self.names) < count:
                start, length = place, self.kernel[place]
                place += 1
                if length & 0x80:
                    length, place = length & 0x7F | self.kernel[place] << 7, place + 1
                if length == 0 or place + length > self.token_table:
                    break
                self.names.append(b"".join(tokens[code] for code in self.kernel[place : place + length]))
                place += length
                self.packed.append(self.kernel[start:place])
            else:
                self.count_at, self.count, self.names_at, self.markers = at, count, at + 8, align(place)
                return
        sys.exit("functions-only.py: no table of symbols before the tokens")

    def keep(self, kept):
        """The kernel with these symbols alone."""
        kernel = bytearray(self.kernel)
        names, markers = b"", []
        for number, index in enumerate(kept):
            if number % 256 == 0:
                markers.append(len(names))
            names += self.packed[index]
        # In the order of their names.
        order = sorted(range(len(kept)), key=lambda number: (self.names[kept[number]][1:], number))
        sequence = b"".join(number.to_bytes(3, "big") for number in order)
        sequence_at = align(self.markers + 4 * -(-self.count // 256))
        put(kernel, self.names_at, self.markers, names)
        put(kernel, self.markers, sequence_at, struct.pack(f"<{len(markers)}I", *markers))
        put(kernel, sequence_at, self.token_table, sequence)
        offsets = struct.pack(f"<{len(kept)}i", *(self.raw_offsets[index] for index in kept))
        put(kernel, self.offsets, self.count_at - 8, offsets)
        struct.pack_into("<Q", kernel, self.count_at, len(kept))
        return kernel


def align(place):
    return (place + 7) & ~7


def put(kernel, start, end, content):
    assert len(content) <= end - start
    kernel[start:end] = content + bytes(end - start - len(content))


def with_symbols(elf, symbols):
    """The ELF file with a symbol table."""
    elf = bytearray(elf)
    (headers,) = struct.unpack_from("<Q", elf, 0x28)
    size, count, names_index = struct.unpack_from("<HHH", elf, 0x3A)
    sections = [elf[headers + size * index :][:size] for index in range(count)]
    table, names = bytearray(24), bytearray(1)
    for name, address, is_function in symbols:
        # A global symbol; nobody asks which section it is of.
        table += struct.pack("<IBBHQQ", len(names), 1 << 4 | (2 if is_function else 1), 0, 1, address, 0)
        names += name + b"\0"
    offset, length = struct.unpack_from("<QQ", sections[names_index], 0x18)
    titles = bytes(elf[offset : offset + length]) + b".symtab\0.strtab\0"

    def append(content):
        elf.extend(bytes(-len(elf) % 16))
        start = len(elf)
        elf.extend(content)
        return start

    sections[names_index][0x18:0x28] = struct.pack("<QQ", append(titles), len(titles))
    for title, kind, content, link, info, entry in (
        (length, 2, table, count + 1, 1, 24),
        (length + 8, 3, names, 0, 0, 0),
    ):
        place = append(content)
        sections.append(struct.pack("<IIQQQQIIQQ", title, kind, 0, 0, place, len(content), link, info, 8, entry))
    struct.pack_into("<Q", elf, 0x28, append(b"".join(sections)))
    struct.pack_into("<H", elf, 0x3C, len(sections))
    return elf


def main(vmlinuz, folder):
    with open(vmlinuz, "rb") as file:
        elf = unpack(file.read())
    table = Kallsyms(elf)
    symbols = [(name[1:], address, name[:1]) for name, address in zip(table.names, table.addresses)]
    place = {name: address for name, address, _ in symbols}
    # What scripts/kallsyms.c keeps without --all-symbols (symbol_valid).
    texts = [(place[b"_stext"], place[b"_etext"]), (place[b"_sinittext"], place[b"_einittext"])]
    is_text = lambda address: any(start <= address <= end for start, end in texts)
    kept = [index for index, (_, address, _) in enumerate(symbols) if is_text(address)]
    print(f"functions-only.py: {len(kept)} of {len(symbols)} symbols stay")
    with open(f"{folder}/vmlinuz", "wb") as file:
        file.write(table.keep(kept))
    with open(f"{folder}/vmlinux", "wb") as file:
        file.write(with_symbols(elf, [(name, at, kind in b"tTwW") for name, at, kind in symbols]))
    with open(f"{folder}/System.map", "wb") as file:
        file.writelines(b"%016x %s %s\n" % (at, kind, name) for name, at, kind in symbols)


if __name__ == "__main__":
    main(*sys.argv[1:])

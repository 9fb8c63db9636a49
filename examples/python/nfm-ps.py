#!/usr/bin/env python3
"""nfm-ps: the processes of a running guest, seen from its host.

    nfm-ps.py [-c URI] DOMAIN

The exit status is 0, or the number of nfm's result (nfm.Result).
"""

import re
import sys
import unicodedata

import nfm

# Text of a guest must not steer the terminal: Unicode's controls, formats (hidden characters, and those that turn
# writing around) and separators, and what is reserved among them.
STEERING = {"Cc", "Cf", "Zl", "Zp"}
RESERVED = re.compile("[\u2065\ufff0-\ufff8\U000e0000-\U000e007f]")


def shown(value):
    """A value as text, "?" where it is not known; what is not harmless as \\xNN, \\uNNNN or \\UNNNNNNNN."""
    text = "?" if value is None else str(value)

    def escaped(character):
        if unicodedata.category(character) not in STEERING and not RESERVED.match(character):
            return character
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return "".join(map(escaped, text))


def line(process):
    numbers = (process.pid, process.ppid, process.uid, process.threads)
    columns = "".join(f"{shown(number):>7} " for number in numbers)
    if process.command_line == "":  # a kernel thread, for one
        return columns + shown(process.name)
    return f"{columns}{shown(process.name):<15} {shown(process.command_line)}"


def main():
    arguments = sys.argv[1:]
    uri = None
    if len(arguments) == 3 and arguments[0] == "-c":
        uri = arguments[1]
    elif len(arguments) != 1:
        print("usage: nfm-ps.py [-c URI] DOMAIN", file=sys.stderr)
        return nfm.Result.ERR_INVALID_ARGUMENT
    try:
        with nfm.open_domain(arguments[-1], uri=uri) as opened, opened.crawl(["processes"]) as frame:
            print(f"{'PID':>7} {'PPID':>7} {'UID':>7} {'THREADS':>7} {'NAME':<15} COMMAND")
            for process in frame.processes:
                print(line(process))
            # A list that is not whole says so.
            for problem in frame.problems:
                print(f"nfm-ps: {problem.section}: {shown(problem.reason)}", file=sys.stderr)
    except nfm.Error as error:
        print(f"nfm-ps: {shown(error)} ({error.name})", file=sys.stderr)
        return error.code
    return 0


if __name__ == "__main__":
    sys.exit(main())

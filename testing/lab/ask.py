"""ask.py SOCKET COMMAND: runs COMMAND in a lab guest by its agent (agent.c).

Passes on its stdout and stderr as they come and exits with its status; 125 when
the guest did not answer. Several may ask at once: a lock puts them in a row.
"""

import fcntl
import os
import socket
import struct
import sys
import zlib

OUT, ERR, END = 1, 2, 3


def fail(why):
    sys.stdout.flush()
    sys.stderr.write("guest ask: %s\n" % why)
    sys.exit(125)


def main():
    path, command = sys.argv[1], os.fsencode(sys.argv[2])
    timeout = float(os.environ.get("NFM_LAB_ASK_TIMEOUT", "60"))
    try:
        lock = open(path + ".lock", "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        channel = socket.socket(socket.AF_UNIX)
        channel.settimeout(timeout)
        channel.connect(path)
    except OSError as error:
        fail("no way to the guest through %s (%s): is it up? See 'guest list'" % (path, error))

    ident = os.getpid() & 0xFFFFFFFF
    start = struct.pack("<4sI", b"NFMA", ident)
    pending = b""
    checksum = zlib.adler32(b"")

    def need(count):
        nonlocal pending
        while len(pending) < count:
            data = channel.recv(1 << 20)
            if not data:
                fail("the guest ended while it was asked")
            pending += data

    try:
        channel.sendall(struct.pack("<4sII", b"NFMQ", ident, len(command)) + command)
        while True:
            need(16)
            if not pending.startswith(start):  # left over from one who was killed
                pending = pending[1:]
                continue
            kind, length = struct.unpack_from("<II", pending, 8)
            need(16 + length)
            data, pending = pending[16 : 16 + length], pending[16 + length :]
            if kind == END:
                status, sent = struct.unpack("<II", data)
                if sent != checksum:
                    fail("its answer is not what the guest sent: bytes were lost or changed")
                return status
            checksum = zlib.adler32(data, checksum)
            os.write(2, data) if kind == ERR else sys.stdout.buffer.write(data)
    except socket.timeout:
        fail("no answer within %g s (NFM_LAB_ASK_TIMEOUT)" % timeout)
    except BrokenPipeError:
        return 141


status = main()
try:
    sys.stdout.flush()
except BrokenPipeError:
    status = 141
os._exit(status)

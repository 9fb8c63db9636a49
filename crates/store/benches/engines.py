"""Compares DuckDB with nfm's own reading of one synthetic store: crates/store/benches/engines PROGRAM FOLDER (make engines).

Each query runs in a process of its own, cold but for the system's page cache; CPU is that of the whole process.
"""

import glob
import json
import os
import resource
import subprocess
import sys

START = 1796000400
PROGRAM, FOLDER = (sys.argv + [""])[1:3]
GUEST, SECOND = "web-03", 1234
RUNS = 5

POINT = """
    SELECT count(*) FROM read_parquet({files})
    WHERE vm = '{guest}' AND seq = (SELECT max(seq) FROM read_parquet({frames})
        WHERE vm = '{guest}' AND ts <= TIMESTAMPTZ '1970-01-01 00:00:00+00' + INTERVAL {second} SECOND)
"""
CPU = """
    SELECT vm, sum(used)::BIGINT FROM (
        SELECT vm, max(user_ns + system_ns) - min(user_ns + system_ns) AS used
        FROM read_parquet('{files}') GROUP BY vm, pid, start_time_ns)
    GROUP BY vm ORDER BY vm
"""


def child(query):
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    rows = connection.execute(query).fetchall()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"rows": rows, "cpu": usage.ru_utime + usage.ru_stime, "kib": usage.ru_maxrss}))


def run(command):
    """The output, the CPU seconds and the most memory in KiB of the best of some runs."""
    best = None
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if best is None or cpu < best[1]:
            best = (output, cpu)
    return best


def duckdb(query):
    output, cpu = run([sys.executable, __file__, "child", query])
    return json.loads(output)["rows"], cpu


def memory(command):
    """The most memory of a run, in MiB."""
    output = subprocess.run(
        ["/usr/bin/env", "python3", "-c",
         "import resource,subprocess,sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
         "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)", *command],
        check=True, capture_output=True, text=True).stdout
    return float(output)


def main():
    everything = f"{FOLDER}/table=processes/*/*/*.parquet"
    frames = f"{FOLDER}/table=frames/*/*/*.parquet"
    time = START + SECOND + 0.5
    # The file whose ten minutes hold the second.
    names = sorted(glob.glob(everything))
    right = names[SECOND // 600]
    of = lambda files, index: POINT.format(files=files, frames=index, guest=GUEST, second=time)
    idle = duckdb("SELECT 1")[1]

    own = [PROGRAM, "seek", FOLDER, GUEST, str(SECOND)]
    output, seek = run(own)
    count = int(output.split()[0])
    rows, plain = duckdb(of(f"'{everything}'", f"'{frames}'"))
    index = right.replace("table=processes", "table=frames")
    _, given = duckdb(of(f"'{right}'", f"'{index}'"))
    assert rows == [[count]], (rows, count)
    peak = memory(own)
    print(f"one guest at one time ({count} processes): nfm {seek * 1e3:.1f} ms of CPU in {peak:.1f} MiB; DuckDB on a plain "
          f"glob {(plain) * 1e3:.1f} ms, given the right files {given * 1e3:.1f} ms ({idle * 1e3:.1f} ms of each to start)")
    print(f"  plain glob / nfm: {plain / seek:.1f} with DuckDB's start, {(plain - idle) / seek:.1f} without; "
          f"right files: {given / seek:.1f} and {(given - idle) / seek:.1f}")

    output, scan = run([PROGRAM, "cpu", FOLDER])
    answer = [[name, int(used)] for name, used in (line.split(",") for line in output.split())]
    rows, other = duckdb(CPU.format(files=everything))
    assert rows == answer, (rows, answer)
    print(f"CPU by guest: the same answer; nfm {scan:.2f} CPU-s, DuckDB {other:.2f} CPU-s, ratio {scan / other:.2f}")


if sys.argv[1] == "child":
    child(sys.argv[2])
else:
    main()

#!/usr/bin/env python3
"""benches/bindings.py LIBRARY DOMAIN

The Python package as it was before it had columns (commit c40ed51) and as it is, in one run over the same library and
guest: the rows of processes, columns of them, and 100 frames in a DataFrame. 'make bench-bindings' runs it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any, Callable, Dict, List

ROOT = Path(__file__).resolve().parent.parent
BEFORE = "c40ed51"
FRAMES = 100
ROUNDS = 5
FEW = ["pid", "rss_bytes"]


def each(frames: List[Any], read: Callable[[Any], Any]) -> float:
    """The median time, in seconds, of what is read of frames of which nothing was read."""
    times = []
    for frame in frames:
        start = time.perf_counter()
        read(frame)
        times.append(time.perf_counter() - start)
    return median(times)


def measure(name: str) -> Dict[str, float]:
    """The figures of the package that is on Python's path."""
    import nfm
    import pandas

    with nfm.open_domain(name, uri="qemu:///system") as domain:

        def frames() -> List[Any]:
            return [domain.crawl(["processes"]) for _ in range(FRAMES)]

        found = {"processes": len(domain.crawl(["processes"]).processes)}
        found["rows"] = each(frames(), lambda frame: frame.processes)
        fresh = frames()
        if not hasattr(nfm.Frame, "columns"):
            found["columns"] = found["all columns"] = found["rows"]
            start = time.perf_counter()
            pandas.DataFrame([vars(row) for frame in fresh for row in frame.processes])
        else:
            import pyarrow

            found["columns"] = each(frames(), lambda frame: frame.columns("processes", FEW))
            found["all columns"] = each(frames(), lambda frame: frame.columns("processes"))
            start = time.perf_counter()
            batches = [pyarrow.record_batch(frame.arrow("processes")) for frame in fresh]
            pyarrow.Table.from_batches(
                [one.replace_schema_metadata() for one in batches]
            ).to_pandas()
        found["DataFrame"] = time.perf_counter() - start
    return found


def of(package: Path, library: str, name: str) -> Dict[str, float]:
    environment = dict(os.environ, PYTHONPATH=str(package), NFM_LIBRARY=library)
    command = [sys.executable, __file__, "--measure", name]
    return json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)


def main() -> int:
    if sys.argv[1:2] == ["--measure"]:
        print(json.dumps(measure(sys.argv[2])))
        return 0
    library, name = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        archive = ["git", "-C", str(ROOT), "archive", BEFORE, "bindings/python"]
        packed = subprocess.run(archive, check=True, stdout=subprocess.PIPE).stdout
        subprocess.run(["tar", "-x", "-C", folder], input=packed, check=True)
        packages = (Path(folder) / "bindings/python", ROOT / "bindings/python")
        rounds = [[of(package, library, name) for package in packages] for _ in range(ROUNDS)]
    print(f"{rounds[0][1]['processes']} processes; the least of {ROUNDS} rounds in turns")
    for figure in ("rows", "columns", "all columns", "DataFrame"):
        before, now = (min(one[at][figure] for one in rounds) * 1e6 for at in (0, 1))
        print(f"{figure:12} {before:10.1f} µs before {now:10.1f} µs now {before / now:7.1f} times faster")
    return 0


if __name__ == "__main__":
    sys.exit(main())

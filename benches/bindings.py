#!/usr/bin/env python3
"""benches/bindings.py LIBRARY DOMAIN

The Python package as it was before it had columns (commit c40ed51) and as it is, in one run over the same library and
guest: the rows of processes, two columns of them and all, and 100 frames in a DataFrame of Arrow's types or, with the
types of Python in it, of numpy's. 'make bench-bindings' runs it.
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
ROUNDS = 3
REPEATS = 8
FEW = ["pid", "rss_bytes"]


def each(crawl: Callable[[], Any], read: Callable[[Any], Any]) -> float:
    """The median time, in seconds, of what is read of a frame that was just taken, as agents do."""
    times = []
    for _ in range(FRAMES):
        with crawl() as frame:
            start = time.perf_counter()
            read(frame)
            times.append(time.perf_counter() - start)
    return median(times)


def by_rows(frames: List[Any]) -> Any:
    import pandas

    return pandas.DataFrame([vars(row) for frame in frames for row in frame.processes])


def by_arrow(frames: List[Any], options: Dict[str, Any]) -> Any:
    import pyarrow

    batches = [pyarrow.record_batch(frame.arrow("processes")) for frame in frames]
    # The metadata names the guest and the time, which differ.
    plain = [one.replace_schema_metadata() for one in batches]
    return pyarrow.Table.from_batches(plain).to_pandas(**options)


def in_frames(crawl: Callable[[], Any], convert: Callable[[List[Any]], Any]) -> float:
    """The least CPU time of 100 frames, of several: the first has all imported that it takes."""
    times = []
    for _ in range(REPEATS):
        frames = [crawl() for _ in range(FRAMES)]
        start = time.process_time()
        convert(frames)
        times.append(time.process_time() - start)
    return min(times)


def measure(name: str) -> Dict[str, float]:
    """The figures of the package that is on Python's path."""
    import nfm
    import pandas

    with nfm.open_domain(name, uri="qemu:///system") as domain:

        def crawl() -> Any:
            return domain.crawl(["processes"])

        found = {"processes": len(crawl().processes)}
        found["rows"] = each(crawl, lambda frame: frame.processes)
        if hasattr(nfm.Frame, "columns"):
            found["columns"] = each(crawl, lambda frame: frame.columns("processes", FEW))
            found["all columns"] = each(crawl, lambda frame: frame.columns("processes"))
            ways = {"DataFrame": {"types_mapper": pandas.ArrowDtype}, "of numpy": {}}
            for name, options in ways.items():
                found[name] = in_frames(crawl, lambda frames: by_arrow(frames, options))
        else:
            found["columns"] = found["all columns"] = found["rows"]
            found["DataFrame"] = found["of numpy"] = in_frames(crawl, by_rows)
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
    for figure in ("rows", "columns", "all columns", "DataFrame", "of numpy"):
        before, now = (min(one[at][figure] for one in rounds) * 1e6 for at in (0, 1))
        print(f"{figure:12} {before:10.1f} µs before {now:10.1f} µs now {before / now:7.1f} times faster")
    return 0


if __name__ == "__main__":
    sys.exit(main())

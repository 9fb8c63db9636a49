"""Builds a wheel that has the library inside.

NFM_WHEEL_LIBRARY names the library to take; empty, the wheel has none and the system's is loaded, which is
what distributions want. Without the variable cargo builds it.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from wheel.bdist_wheel import bdist_wheel

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
NAMED = os.environ.get("NFM_WHEEL_LIBRARY")


def library():
    """The library to bring along, or None."""
    if NAMED is not None:
        return Path(NAMED).resolve() if NAMED else None
    if not (ROOT / "Cargo.toml").exists():
        raise SystemExit(
            "nfm: the library's sources are not here: build the wheel in the project's own tree, or name "
            "a built libnfm.so in NFM_WHEEL_LIBRARY (empty: use the one that the system has)"
        )
    subprocess.run(["cargo", "build", "--release", "--package", "nfm"], cwd=ROOT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return ROOT / target / "release/libnfm.so"


class WithLibrary(build_py):
    def run(self):
        super().run()
        found = library()
        if found:
            shutil.copyfile(found, Path(self.build_lib) / "nfm/libnfm.so.0")


class OfThisMachine(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = NAMED == ""

    def get_tag(self):
        # It is ctypes that loads the library: any Python will do.
        tag = super().get_tag()
        return tag if self.root_is_pure else ("py3", "none", tag[2])


def version():
    text = (HERE / "nfm/_abi.py").read_text(encoding="utf-8")
    return re.search(r'^VERSION = "(.*)"$', text, re.MULTILINE).group(1)


setup(version=version(), cmdclass={"build_py": WithLibrary, "bdist_wheel": OfThisMachine})

"""Builds a wheel that has the library inside.

NFM_WHEEL_LIBRARY names the library to take; empty, the wheel has none and the system's is loaded, which is
what distributions want. Without the variable cargo builds it. The library is stripped (STRIP names the program), and
the wheel named after the glibc that it needs; libvirt's client library is the system's.
"""

import os
import platform
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
            copy = Path(self.build_lib) / "nfm/libnfm.so.0"
            shutil.copyfile(found, copy)
            subprocess.run([os.environ.get("STRIP", "strip"), "--strip-unneeded", copy], check=True)


class OfThisMachine(bdist_wheel):
    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = NAMED == ""

    def get_tag(self):
        # It is ctypes that loads the library: any Python will do.
        tag = super().get_tag()
        if self.root_is_pure:
            return tag
        (copy,) = Path(self.bdist_dir or self.get_finalized_command("build").build_lib).rglob("libnfm.so.0")
        return "py3", "none", f"manylinux_{glibc(copy)}_{platform.machine()}"


def glibc(path):
    """The glibc that a library needs, as the names of wheels have it: 2_34."""
    versions = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?=[.\0])", path.read_bytes())
    return "{}_{}".format(*max((int(major), int(minor)) for major, minor in versions))


def version():
    text = (HERE / "nfm/_abi.py").read_text(encoding="utf-8")
    return re.search(r'^VERSION = "(.*)"$', text, re.MULTILINE).group(1)


setup(version=version(), cmdclass={"build_py": WithLibrary, "bdist_wheel": OfThisMachine})

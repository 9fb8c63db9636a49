"""Differences of frames."""

from __future__ import annotations

from typing import Optional

from . import _abi
from ._abi import Boot
from ._frame import Frame
from ._library import LIBRARY, call
from ._rows import DiffInfo, DiffSections, _diff_info


class Diff(DiffSections):
    """The difference of two frames of one guest: which rows are new, gone or in both, and what was used in
    between. What was read before close() stays, and the frames may be closed before it.
    """

    def __init__(self, earlier: Frame, later: Frame) -> None:
        with earlier._open() as one, later._open() as other:
            pointer = call(LIBRARY.nfm_frame_diff, _abi.nfm_diff_t, one, other)
        super().__init__(pointer, LIBRARY.nfm_diff_free)

    @property
    def info(self) -> DiffInfo:
        """The difference's head."""
        info = self._one("nfm_diff_info", _abi.nfm_diff_info_t, _diff_info)
        assert info is not None, "a difference has a head"
        return info

    @property
    def boot(self) -> Boot:
        """Are the frames of one boot of the guest?"""
        return Boot(self.info.boot)

    @property
    def elapsed(self) -> Optional[float]:
        """Seconds that passed for the guest in between; None if not known."""
        elapsed = self.info.elapsed_ns
        return None if elapsed is None else elapsed / 1e9


def diff(earlier: Frame, later: Frame) -> Diff:
    """Compares two frames of one guest, the earlier one first."""
    return Diff(earlier, later)

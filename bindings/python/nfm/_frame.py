"""Frames."""

from __future__ import annotations

import json
from typing import Any, Dict, Iterable, List, Optional, Tuple

from . import _abi
from ._arrow import ArrowSection
from ._columns import array, columns
from ._library import LIBRARY, call
from ._rows import FrameInfo, FrameSections, Problem, _frame_info, _problem


class Frame(FrameSections):
    """One snapshot of one guest. It never changes, and any number of threads may read it.

    Its sections are its properties; one that was not asked for is None. What was read before close()
    stays.
    """

    def __init__(self, pointer: Any) -> None:
        super().__init__(pointer, LIBRARY.nfm_frame_free)

    @property
    def info(self) -> FrameInfo:
        """The frame's head: whose it is, when it was taken, what it holds."""
        info = self._one("nfm_frame_info", _abi.nfm_frame_info_t, _frame_info)
        assert info is not None, "a frame has a head"
        return info

    @property
    def problems(self) -> Tuple[Problem, ...]:
        """What the frame lacks; none if it is complete."""
        return self._many("nfm_frame_problems", _abi.nfm_problem_t, _problem) or ()

    @property
    def complete(self) -> bool:
        """Whether every section is whole. If not, problems tells what is missing."""
        return self.info.complete

    @property
    def integrity(self) -> Optional[Dict[str, Any]]:
        """Where the guest's kernel contradicts itself, as JSON has it. None if it was not asked for."""
        found: Optional[Dict[str, Any]] = self.to_dict().get("integrity")
        return found

    def columns(
        self, section: str, names: Optional[Iterable[str]] = None
    ) -> Dict[str, List[Any]]:
        """Columns of a section as lists, None for what is not known: frame.columns("processes", ["pid",
        "rss_bytes"]). Much faster than rows. names: None for all that are numbers, truth values or text; lists and
        rows within rows are none.
        """
        return columns(self, section, names)

    def array(self, section: str, name: str) -> Any:
        """A column of numbers as a numpy array, which copies nothing. What is not known is 0 there: the column
        "known" has a bit for each member (section_members()).
        """
        return array(self, section, name)

    def arrow(self, section: str) -> ArrowSection:
        """A section for pyarrow, Polars and others, by Arrow's C Data Interface: pyarrow.table(...)."""
        if not self._holds(section):
            raise ValueError(f"the frame does not hold the section {section!r}")
        return ArrowSection(self, section)

    def _holds(self, section: str) -> bool:
        bit: int = LIBRARY.nfm_section_bit(section.encode())
        with self._open() as frame:
            return bool(bit & LIBRARY.nfm_frame_info(frame).contents.sections)

    def _share(self) -> "Frame":
        """Another handle of the same frame."""
        with self._open() as frame:
            return Frame(call(LIBRARY.nfm_frame_share, _abi.nfm_frame_t, frame))

    def to_json(self, *, pretty: bool = False) -> str:
        """The whole frame as JSON."""
        with self._open() as frame:
            flags = _abi.NFM_JSON_PRETTY if pretty else 0
            found: bytes = LIBRARY.nfm_frame_to_json(frame, flags)
            return found.decode("utf-8")

    def to_dict(self) -> Dict[str, Any]:
        """The whole frame as what its JSON holds: dicts, lists, text, numbers, None for not known."""
        found: Dict[str, Any] = json.loads(self.to_json())
        return found

    def __repr__(self) -> str:
        if self.closed:
            return "<nfm.Frame, closed>"
        return f"<nfm.Frame {self.info.seq} of {self.info.domain_name!r}>"

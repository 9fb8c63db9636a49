"""What is opened and has to be closed."""

from __future__ import annotations

import threading
import weakref
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Iterator, Optional, Type, TypeVar

from ._abi import Result
from ._errors import InvalidArgumentError

Self = TypeVar("Self", bound="Handle")


class ClosedError(InvalidArgumentError):
    """What is used was closed."""


class Handle:
    """A handle of the library. It is ended by close(), at the end of a `with` block, or, as a safety
    net, when nothing refers to it any more."""

    def __init__(self, pointer: Any, free: Any) -> None:
        self._pointer: Optional[Any] = pointer
        self._lock = threading.RLock()
        self._end = weakref.finalize(self, free, pointer)

    def close(self) -> None:
        """Ends it; waits for a call that uses it. Does nothing the second time."""
        with self._lock:
            self._pointer = None
            self._end()

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._pointer is None

    @contextmanager
    def _open(self) -> Iterator[Any]:
        """The pointer, for one call: no other thread uses or closes it meanwhile."""
        with self._lock:
            if self._pointer is None:
                what = type(self).__name__.lower()
                raise ClosedError(
                    f"the {what} is closed",
                    code=Result.ERR_INVALID_ARGUMENT,
                    name="NFM_ERR_INVALID_ARGUMENT",
                )
            yield self._pointer

    def __enter__(self: Self) -> Self:
        with self._open():
            return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        value: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        self.close()

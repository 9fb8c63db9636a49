"""What all errors of the library have."""

from __future__ import annotations

from typing import Optional


class Error(Exception):
    """A function of the library failed. The message is one sentence for a person: why, and what to do.

    It can contain names that come from the guest: escape it before it is shown on a terminal.
    """

    code: int
    """The library's number, one of nfm.Result; a later library may have others."""
    name: str
    """The number's name in nfm.h: "NFM_ERR_NO_SUCH_DOMAIN"."""
    errno: Optional[int]
    """The system's error number behind it; None where there is none."""
    address: Optional[int]
    """The guest-virtual address at which it happened; None where there is none."""
    retry: int
    """What helps, one of nfm.Retry; a later library may have others."""

    def __init__(
        self,
        message: str,
        *,
        code: int = 0,
        name: str = "",
        errno: Optional[int] = None,
        address: Optional[int] = None,
        retry: int = 0,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.errno = errno
        self.address = address
        self.retry = retry

"""What a person is told when a review cannot be made; never a traceback."""

from __future__ import annotations

CANNOT_READ = 2
NOT_POSTED = 3
NEEDS_APPROVER = 4


class ReviewError(Exception):
    """A sentence on what is wrong and where, and what to do about it. `code` becomes the exit code."""

    def __init__(self, message: str, *, fix: str = "", code: int = CANNOT_READ) -> None:
        super().__init__(f"{message}\n  fix    {fix}" if fix else message)
        self.code = code

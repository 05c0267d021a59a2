"""What can go wrong in a job, as sentences with an exit code each. A job ends in one of these, never in a traceback."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    FOUND = 1
    """The job worked; what it checked is not as it has to be. The finding is named."""
    USAGE = 2
    """Settings, rights or an installed program are wrong: somebody has to change something."""
    UNREACHABLE = 3
    """Something needed did not answer after all retries: the same command may succeed later."""
    REFUSED = 4
    """Going on could have lost or exposed data."""


class JobError(Exception):
    """What is wrong and where; `fix` is what to do about it, `clause` what is not upheld meanwhile."""

    code: ClassVar[Exit] = Exit.FOUND

    def __init__(self, message: str, *, fix: str = "", clause: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.clause = clause

    def __str__(self) -> str:
        parts = [self.message]
        if self.clause:
            parts.append(f"  clause {self.clause}")
        if self.fix:
            parts.append(f"  fix    {self.fix}")
        return "\n".join(parts)


class Found(JobError):
    """A check failed."""

    code = Exit.FOUND


class Misconfigured(JobError):
    """A setting, a right or a program is missing or wrong."""

    code = Exit.USAGE


class Unreachable(JobError):
    """No answer, or none that makes sense, after all retries."""

    code = Exit.UNREACHABLE


class Refused(JobError):
    """The safe thing is to stop."""

    code = Exit.REFUSED


class Forbidden(Misconfigured):
    """The identity of the job lacks one named permission."""

    def __init__(self, permission: str, on: str, *, detail: str = "") -> None:
        words = f"permission {permission} is missing on {on}" + (f" ({detail})" if detail else "")
        super().__init__(words, fix=f"grant {permission} on {on} to the identity of this job")
        self.permission = permission

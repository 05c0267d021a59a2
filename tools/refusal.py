"""The one exception that ends a command with words for a person instead of a traceback."""

from __future__ import annotations

import errno


class Refusal(Exception):
    """Why nothing was done, where, and what to do; shown as `error: …` followed by indented lines."""

    def __init__(self, what: str, *, fix: str = "", details: tuple[str, ...] = (), code: int = 1) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix
        self.details = details
        self.code = code

    def __str__(self) -> str:
        lines = [f"error: {self.what}", *(f"  {detail}" for detail in self.details)]
        if self.fix:
            first, *rest = self.fix.splitlines()
            lines += [f"  fix      {first}", *(f"           {line}" for line in rest)]
        return "\n".join(lines)


def of_os_error(error: OSError) -> Refusal:
    """A full disk or a folder that cannot be written, said in words."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Refusal(
            f"the disk is full{where}; nothing was changed.",
            fix="make room, or set SECURE_HOSTING_LOCAL / SECURE_HOSTING_CACHE to a folder on another disk",
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return Refusal(
            f"no permission to write{where}: {error.strerror}.",
            fix="make the folder yours, or set SECURE_HOSTING_LOCAL / SECURE_HOSTING_CACHE to one that is",
        )
    return Refusal(f"{error.strerror or error}{where}.")

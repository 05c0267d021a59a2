"""PostgreSQL's own programs, in a version that fits the server."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO, Final

from jobs.core.problems import Misconfigured

OLDEST: Final = 13
"""Older servers get no security updates any more; their output of numbers and their catalogs were never tested."""
DEBIAN: Final = Path("/usr/lib/postgresql")
FOLDERS: Final = "JOBS_POSTGRES_FOLDER"
"""Where else the folders by major version are."""


def installed() -> dict[int, Path]:
    """Major versions with the folders of their programs."""
    root = Path(os.environ.get(FOLDERS, str(DEBIAN)))
    found = {int(path.parent.parent.name): path.parent for path in root.glob("[0-9]*/bin/pg_dump")}
    if not found and (alone := shutil.which("pg_dump")):
        folder = Path(alone).resolve().parent
        if version := re.search(r"postgresql[-@/]?(\d+)", str(folder)):
            found[int(version[1])] = folder
    return found


def major(version_number: int) -> int:
    """150018 is PostgreSQL 15."""
    return version_number // 10_000


def fitting(wanted: int, having: Mapping[int, Path], what: str) -> Path:
    """The folder of the oldest programs that are not older than the server: they read it and write what it reads."""
    if wanted < OLDEST:
        raise Misconfigured(
            f"{what} is PostgreSQL {wanted}; versions before {OLDEST} are not supported", fix="upgrade the server"
        )
    fit = [version for version in sorted(having) if version >= wanted]
    if not fit:
        newest = max(having, default=None)
        words = f"the newest programs here are of {newest}" if newest else "no PostgreSQL programs are installed here"
        raise Misconfigured(
            f"{what} is PostgreSQL {wanted}, and {words}",
            fix=f"install postgresql-client-{wanted} (and postgresql-{wanted})",
        )
    return having[fit[0]]


def widen(pipe: IO[bytes]) -> None:
    """Fewer, larger turns between two processes: a megabyte instead of 64 KiB, where the system allows it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, 1 << 20)


def unprivileged() -> str | None:
    """As whom PostgreSQL's server runs: it refuses to be root. Who is not root stays who they are."""
    if os.geteuid() != 0:
        return None
    import pwd

    names: Iterable[str] = (os.environ.get("JOBS_POSTGRES_USER", ""), "postgres", "nobody")
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in names if name in known), "nobody")

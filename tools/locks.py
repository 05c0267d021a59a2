"""Locks between processes; the operating system releases them, also after `kill -9`."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.refusal import Refusal


@contextmanager
def held(path: Path, *, refuse: Callable[[str], Refusal] | None = None) -> Iterator[None]:
    """Holds the lock at `path`; when another process has it, raises `refuse(pid)`, or waits if that is not given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            if refuse:
                raise refuse(holder) from None
            print(f"  ... waiting for another setup to finish (process {holder})", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield

"""The chain as lines, for applications without a database of their own: written to a file or to the log's stream."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path
from typing import Final, TextIO

from .entry import STREAM, Entry, Event, Unfit, following, read

_THREADS: Final = threading.RLock()


class LineLog:
    """Appends to one stream. Threads and processes of one machine take turns by a lock on the file of the head.

    The head is written before the line is: after a crash between the two one entry is missing from the log, and
    verification says so. The other way around, two entries would share a place, and the log would be broken for ever.
    """

    def __init__(self, stream: str, out: TextIO | Path, head: Path) -> None:
        if not STREAM.fullmatch(stream):
            raise Unfit(f"LOG-7: a stream has the form {STREAM.pattern}")
        self._stream, self._out, self._head = stream, out, head

    def append(self, event: Event) -> Entry:
        """Add an event; it is on its way to the log when this returns."""
        with _THREADS, self._head.open("a+", encoding="utf-8") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            held.seek(0)
            newest = held.read().strip()
            entry = following(self._stream, read(newest) if newest else None, event)
            held.seek(0)
            held.truncate()
            held.write(entry.line() + "\n")
            held.flush()
            os.fsync(held.fileno())
            self._write(entry.line() + "\n")
        return entry

    def _write(self, line: str) -> None:
        if isinstance(self._out, Path):
            with self._out.open("a", encoding="utf-8") as out:
                out.write(line)
                out.flush()
                os.fsync(out.fileno())
        else:
            self._out.write(line)
            self._out.flush()

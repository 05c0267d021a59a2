"""The chain in a table of the application's own database: an entry is there if, and only if, the deed was committed."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from psycopg.rows import tuple_row

from .entry import STREAM, Entry, Event, Unfit, following, read

SCHEMA: Final = (Path(__file__).parent / "table.sql").read_text(encoding="utf-8")
"""What the owner of the schema runs once."""

_NEWEST: Final = "SELECT entry FROM activity WHERE stream = %s ORDER BY sequence DESC LIMIT 1"
_ADD: Final = "INSERT INTO activity (stream, sequence, entry) VALUES (%s, %s, %s)"
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('activity ' || %s, 0))"
_ALL: Final = "SELECT entry FROM activity ORDER BY stream, sequence"


@dataclass(frozen=True)
class TableLog:
    """Appends to one stream. Any number of threads, processes and machines may do so at once: they wait for each other
    for as long as their transactions last, so busy applications use a stream for each instance."""

    stream: str

    def __post_init__(self) -> None:
        if not STREAM.fullmatch(self.stream):
            raise Unfit(f"LOG-7: a stream has the form {STREAM.pattern}")

    def append(self, connection: psycopg.Connection[Any], event: Event) -> Entry:
        """Add an event in the caller's transaction, or in one of its own where there is none."""
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            cursor.execute(_LOCK, (self.stream,))
            newest = cursor.execute(_NEWEST, (self.stream,)).fetchone()
            entry = following(self.stream, read(newest[0]) if newest else None, event)
            cursor.execute(_ADD, (entry.stream, entry.sequence, entry.line()))
        return entry


def lines_of_table(connection: psycopg.Connection[Any], batch: int = 2_000) -> Iterator[str]:
    """All entries as lines, read through a cursor of the server so that memory does not grow with the log.

    A second reading may begin while the first is under way; in one transaction both see the same log.
    """
    name = f"activity_{secrets.token_hex(4)}"
    with connection.transaction(), connection.cursor(name=name, row_factory=tuple_row) as cursor:
        cursor.itersize = batch
        cursor.execute(_ALL)
        for row in cursor:
            yield row[0]

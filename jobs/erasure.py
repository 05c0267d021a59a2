"""The erasure ledger (PRI-2): records of erasures, added by who erases, replayed by who restores. docs/erasure.md."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

import psycopg
from psycopg import sql
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, field_validator

from jobs.core.problems import Found
from jobs.postgres.facts import Connection, name_of
from jobs.storage.base import AlreadyThere, ObjectStore

MARGIN: Final = timedelta(days=1)
"""Records are replayed from a day before the backup on: clocks differ, and replaying one twice changes nothing."""
_NAME: Final = re.compile(r".+/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)-([0-9a-f]{16})\.json")
Word = Annotated[str, Field(min_length=1, max_length=200)]


class Record(BaseModel):
    """One erasure. `key` is a surrogate, never a name or an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    erased_at: AwareDatetime
    database: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
    table: Word
    column: Word
    key: Annotated[str, Field(min_length=1, max_length=1000)]
    cascade: tuple[Word, ...] = ()
    reason: Literal["request", "retention"]

    @field_validator("erased_at")
    @classmethod
    def _to_the_second(cls, value: datetime) -> datetime:
        return value.astimezone(UTC).replace(microsecond=0)

    @property
    def name(self) -> str:
        """Of its object: sorts by time, and the same erasure has the same name."""
        what = hashlib.sha256("\0".join((self.table, self.column, self.key)).encode()).hexdigest()[:16]
        return f"{self.database}/{self.erased_at.strftime('%Y-%m-%dT%H:%M:%SZ')}-{what}.json"

    def document(self) -> bytes:
        """As it is stored."""
        text = self.model_dump(mode="json")
        text["erased_at"] = self.erased_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        return (json.dumps(text, indent=2, ensure_ascii=False) + "\n").encode()


def add(store: ObjectStore, record: Record) -> bool:
    """Adds a record; False when it is there already, which is as good."""
    try:
        store.create(record.name, record.document())
    except AlreadyThere:
        return False
    return True


def records(store: ObjectStore, database: str, since: datetime) -> Iterator[Record]:
    """All records of a database from a moment on. One that cannot be read raises: it could be anybody's."""
    start = f"{database}/{since.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%SZ')}"
    for stored in store.list(f"{database}/", start=start):
        if not _NAME.fullmatch(stored.name):
            raise Found(f"{store.where}/{stored.name} is no erasure record", clause="PRI-2")
        try:
            record = Record.model_validate_json(store.read(stored.name, limit=1 << 20))
        except ValidationError as error:
            what = ", ".join(".".join(map(str, one["loc"])) or "form" for one in error.errors(include_input=False))
            raise Found(f"{store.where}/{stored.name} cannot be understood ({what})", clause="PRI-2") from None
        if record.name != stored.name:
            raise Found(f"{store.where}/{stored.name} holds another record than its name says", clause="PRI-2")
        yield record


@dataclass
class Replayed:
    """What the replay did."""

    records: int = 0
    rows: int = 0
    problems: list[str] = field(default_factory=list)


def replay(connection: Connection, found: Iterable[Record], backup_at: datetime) -> Replayed:
    """Erases again, then looks for each key once more. The connection must be in autocommit."""
    done, all_records = Replayed(), list(found)
    for record in all_records:
        done.records += 1
        try:
            with connection.transaction():
                done.rows += _erase(connection, record)
        except _NotThere as error:
            if record.erased_at >= backup_at.replace(microsecond=0):
                done.problems.append(f"{record.name}: {error}; erase it by hand")
        except psycopg.Error as error:
            done.problems.append(f"{record.name}: {str(error).splitlines()[0]}")
    for record in all_records:
        try:
            left = _left(connection, record)
        except (_NotThere, psycopg.Error):
            continue
        done.problems += [f"{record.name}: {count} rows of it are still in {table}" for table, count in left if count]
    return done


class _NotThere(Exception):
    """The restored database has no such table or column."""


@dataclass(frozen=True)
class _Table:
    oid: int
    schema: str
    name: str

    @property
    def sql(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)


def _table(connection: Connection, name: str) -> _Table:
    """By its name, or schema.name. Two of the same name are two too many: which one was meant?"""
    rows = connection.execute(
        "SELECT c.oid::bigint, n.nspname, c.relname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
        "AND (c.relname = %(name)s OR n.nspname || '.' || c.relname = %(name)s)",
        {"name": name},
    ).fetchall()
    if not rows:
        raise _NotThere(f"there is no table {name}")
    if len(rows) > 1:
        raise _NotThere(f"there is more than one table {name} (write schema.table)")
    return _Table(*rows[0])


def _column_type(connection: Connection, table: _Table, column: str) -> str:
    row = connection.execute(
        "SELECT pg_catalog.format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute "
        "WHERE attrelid = %s AND attname = %s AND attnum > 0 AND NOT attisdropped",
        (table.oid, column),
    ).fetchone()
    if row is None:
        raise _NotThere(f"{name_of(table.schema, table.name)} has no column {column}")
    return str(row[0])


def _condition(connection: Connection, table: _Table, column: str, key: str) -> sql.Composed:
    """The column is this key, compared in the type of the column so that its index serves."""
    kind = sql.SQL(_column_type(connection, table, column))
    return sql.SQL("{} = CAST({} AS {})").format(sql.Identifier(column), sql.Literal(key), kind)


def _erase(connection: Connection, record: Record) -> int:
    table = _table(connection, record.table)
    condition = _condition(connection, table, record.column, record.key)
    cascade = {name: _table(connection, name) for name in record.cascade}
    reached: set[int] = {table.oid}
    rows = _delete(connection, table, condition, list(cascade.values()), reached)
    for name, child in cascade.items():
        if child.oid not in reached:
            column = f"{table.name}_{record.column}"
            try:
                soft = _condition(connection, child, column, record.key)
            except _NotThere:
                raise _NotThere(f"{name} neither has a foreign key to {record.table} nor a column {column}") from None
            rows += connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(child.sql, soft)).rowcount
    return rows + connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(table.sql, condition)).rowcount


def _delete(
    connection: Connection,
    parent: _Table,
    condition: sql.Composed,
    cascade: list[_Table],
    reached: set[int],
) -> int:
    """The rows of the listed tables that refer to the rows of the parent, those that refer to them first."""
    rows = 0
    for child, own, theirs in _references(connection, parent, cascade):
        if child.oid == parent.oid:
            continue
        inner = sql.SQL("SELECT {} FROM {} WHERE {}").format(_columns(theirs), parent.sql, condition)
        of_child = sql.SQL("({}) IN ({})").format(_columns(own), inner)
        new = child.oid not in reached
        reached.add(child.oid)
        if new:
            rows += _delete(connection, child, of_child, cascade, reached)
        rows += connection.execute(sql.SQL("DELETE FROM {} WHERE {}").format(child.sql, of_child)).rowcount
    return rows


def _columns(names: list[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


def _references(
    connection: Connection, parent: _Table, cascade: list[_Table]
) -> list[tuple[_Table, list[str], list[str]]]:
    """Foreign keys from the listed tables to this one: the table, its columns, the columns that they refer to."""
    by_oid = {table.oid: table for table in cascade}
    rows = connection.execute(
        """SELECT c.conrelid::bigint,
          ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(n, o)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.n ORDER BY o),
          ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(n, o)
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.n ORDER BY o)
        FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.confrelid = %s AND c.conrelid = ANY(%s::oid[])
        ORDER BY 1, c.conname""",
        (parent.oid, list(by_oid)),
    ).fetchall()
    return [(by_oid[oid], own, theirs) for oid, own, theirs in rows]


def _left(connection: Connection, record: Record) -> list[tuple[str, int]]:
    """Rows that still have the key, in the table and in those that name it by table and column."""
    table = _table(connection, record.table)
    places = [(table, record.column)]
    for name in record.cascade:
        child, column = _table(connection, name), f"{table.name}_{record.column}"
        try:
            _column_type(connection, child, column)
        except _NotThere:
            continue
        places.append((child, column))
    found = []
    for place, column in places:
        query = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(
            place.sql, _condition(connection, place, column, record.key)
        )
        row = connection.execute(query).fetchone()
        found.append((name_of(place.schema, place.name), int(row[0]) if row else 0))
    return found

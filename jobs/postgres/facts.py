"""What a database consists of, in a form that two databases can be compared by.

Digests do not depend on the order of rows: each row's text is hashed to 64 bits by the function that PostgreSQL itself
distributes rows to hash partitions with (so it stays the same over versions), and the hashes are added up. Addition,
unlike XOR, does not lose rows that occur twice. All settings that change the text of a value are fixed beforehand.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final

import psycopg
from psycopg import sql
from pydantic import AwareDatetime, BaseModel, ConfigDict

from jobs.core.problems import Unreachable

Connection = psycopg.Connection[tuple[Any, ...]]

_FIXED: Final = {
    "search_path": "pg_catalog",
    "datestyle": "ISO, YMD",
    "intervalstyle": "iso_8601",
    "timezone": "UTC",
    "extra_float_digits": "3",
    "bytea_output": "hex",
    "xmlbinary": "base64",
    "lc_monetary": "C",
    "row_security": "off",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
}
_OWN: Final = (
    "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND c.relpersistence <> 't' AND NOT EXISTS ("
    "SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')"
)
_LO_PIECE: Final = 4 << 20


class Part(BaseModel):
    """Base of what the manifest holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(Part):
    """One table or partition that holds rows itself."""

    name: str
    rows: int
    digest: str


class Sequence(Part):
    """`next` is what it gives next; `beyond` are the columns whose values it gives, with their furthest value."""

    name: str
    next: int
    increment: int
    cycle: bool
    column: str | None = None
    furthest: int | None = None

    @property
    def behind(self) -> bool:
        """Whether it would give a value that the column has, or has passed."""
        if self.furthest is None or self.cycle:
            return False
        return self.next <= self.furthest if self.increment > 0 else self.next >= self.furthest


class LargeObjects(Part):
    """All of them together."""

    count: int
    bytes: int
    digest: str


class Object(Part):
    """One object of the schema: `digest` is of its definition without owner."""

    kind: str
    name: str
    owner: str
    digest: str


class Place(Part):
    """The server and the database: what a target is compared with before anything is written to it."""

    system_identifier: str
    address: str
    port: int
    database: str
    database_oid: int
    server_version: int
    encoding: str
    collate: str
    ctype: str
    locale_provider: str
    icu_locale: str | None
    owner: str = ""
    """Whose the database is: who may create in its schema `public`. pg_dump leaves it out, too."""
    settings: tuple[str, ...]
    """ALTER DATABASE … SET, which pg_dump leaves out."""


class Facts(Part):
    """Everything that is compared."""

    at: AwareDatetime
    """When the snapshot was taken, by the clock of the server."""
    place: Place
    extensions: dict[str, str]
    tables: tuple[Table, ...]
    sequences: tuple[Sequence, ...]
    large_objects: LargeObjects
    unvalidated: tuple[str, ...]
    """Constraints that are not validated, and indexes that are not valid. Those that PostgreSQL 18 declares as never
    enforced are as they were meant."""
    materialized: tuple[str, ...]
    """Materialized views that hold data."""
    roles: tuple[str, ...]
    """Who owns or may use something in the database; roles belong to the server, so no dump holds them."""
    policy_roles: tuple[str, ...]
    """Those that row-level security names: without them the schema cannot be restored at all."""

    @property
    def rows(self) -> int:
        """Of all tables."""
        return sum(table.rows for table in self.tables)


def name_of(schema: str, name: str) -> str:
    """schema.name, with quotes where PostgreSQL would need them."""
    return ".".join(_quoted(part) for part in (schema, name))


def _quoted(part: str) -> str:
    return part if re.fullmatch(r"[a-z_][a-z0-9_$]*", part) else '"' + part.replace('"', '""') + '"'


def fix_settings(connection: Connection) -> None:
    """For the current transaction, so that the same value has the same text everywhere."""
    for name, value in _FIXED.items():
        connection.execute("SELECT pg_catalog.set_config(%s, %s, true)", (name, value))


def tables(connection: Connection) -> list[tuple[str, str]]:
    """Schema and name of all that hold rows, in a fixed order."""
    found = connection.execute(
        f"SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "  # noqa: S608
        f"WHERE c.relkind = 'r' AND {_OWN} ORDER BY 1, 2"
    )
    return [(str(schema), str(name)) for schema, name in found]


def unreadable(connection: Connection) -> list[str]:
    """What the role may not read, each with the missing right."""
    found = connection.execute(
        f"SELECT n.nspname, c.relname, has_schema_privilege(n.oid, 'USAGE') FROM pg_class c "  # noqa: S608
        f"JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'S') AND {_OWN} "
        "AND NOT (has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')) ORDER BY 1, 2"
    ).fetchall()
    objects = connection.execute(
        "SELECT l.oid FROM pg_largeobject_metadata l WHERE NOT pg_has_role(l.lomowner, 'USAGE') AND NOT EXISTS ("
        "SELECT FROM aclexplode(l.lomacl) a WHERE a.privilege_type = 'SELECT' "
        "AND CASE a.grantee WHEN 0 THEN true ELSE pg_has_role(a.grantee, 'USAGE') END) ORDER BY 1"
    ).fetchall()
    return [
        *(f"{'SELECT' if usage else 'USAGE'} on {name_of(schema, name)}" for schema, name, usage in found),
        *(f"SELECT on LARGE OBJECT {number}" for (number,) in objects),
    ]


def lock(connection: Connection, seconds: int) -> None:
    """No table may be changed in its form, or emptied by TRUNCATE, while it is looked at and dumped."""
    connection.execute("SELECT pg_catalog.set_config('lock_timeout', %s, true)", (f"{seconds}s",))
    for schema, name in tables(connection):
        try:
            connection.execute(sql.SQL("LOCK TABLE ONLY {} IN ACCESS SHARE MODE").format(sql.Identifier(schema, name)))
        except psycopg.errors.LockNotAvailable:
            raise Unreachable(
                f"the lock on {name_of(schema, name)} was refused for {seconds} s: somebody else holds it exclusively",
                fix="see pg_locks for who it is; run the command again later",
            ) from None


def table(connection: Connection, schema: str, name: str) -> Table:
    """Counted and digested in one pass."""
    query = sql.SQL(
        'SELECT count(*), coalesce(sum(hashtextextended(ROW({alias}.*)::text COLLATE "C", 0)), 0)'
        " FROM ONLY {table} AS {alias}"
    ).format(alias=sql.Identifier("the row"), table=sql.Identifier(schema, name))
    rows, total = _one(connection, query)
    return Table(name=name_of(schema, name), rows=rows, digest=f"{int(total) % (1 << 128):032x}")


def sequences(connection: Connection) -> Iterator[Sequence]:
    """Each sequence; one that feeds several columns is there once for each."""
    found = connection.execute(
        f"""SELECT n.nspname, c.relname, s.seqincrement, s.seqcycle, o.nspname, o.relname, o.attname
        FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid JOIN pg_namespace n ON n.oid = c.relnamespace
        LEFT JOIN LATERAL (
          SELECT DISTINCT tn.nspname, t.relname, a.attname FROM (
            SELECT d.refobjid AS rel, d.refobjsubid AS num FROM pg_depend d
            WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass
              AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')
            UNION SELECT f.adrelid, f.adnum FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid
            WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
          ) used JOIN pg_class t ON t.oid = used.rel JOIN pg_namespace tn ON tn.oid = t.relnamespace
          JOIN pg_attribute a ON a.attrelid = used.rel AND a.attnum = used.num
          WHERE a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
        ) o ON true
        WHERE {_OWN} ORDER BY 1, 2, 5, 6, 7"""  # noqa: S608
    ).fetchall()
    for schema, name, increment, cycle, in_schema, in_table, column in found:
        last, called = _one(
            connection, sql.SQL("SELECT last_value, is_called FROM {}").format(sql.Identifier(schema, name))
        )
        furthest = None
        if column is not None:
            query = sql.SQL("SELECT {}({}) FROM {}").format(
                sql.SQL("max" if increment > 0 else "min"), sql.Identifier(column), sql.Identifier(in_schema, in_table)
            )
            furthest = _one(connection, query)[0]
        yield Sequence(
            name=name_of(schema, name),
            next=last + (increment if called else 0),
            increment=increment,
            cycle=cycle,
            column=f"{name_of(in_schema, in_table)}.{_quoted(column)}" if column is not None else None,
            furthest=furthest,
        )


def large_objects(connection: Connection) -> LargeObjects:
    """Piece by piece, hashed where they lie, so that neither side ever holds one as a whole."""
    numbers = [int(row[0]) for row in connection.execute("SELECT oid FROM pg_largeobject_metadata ORDER BY oid")]
    digest, size = hashlib.sha256(), 0
    for number in numbers:
        place = 0
        while True:
            piece, length = _one(
                connection, "SELECT sha256(p), length(p) FROM lo_get(%s::oid, %s, %s) p", (number, place, _LO_PIECE)
            )
            digest.update(f"{number}:{place}:{length}:".encode() + piece)
            place += length
            if length < _LO_PIECE:
                break
        size += place
    return LargeObjects(count=len(numbers), bytes=size, digest=digest.hexdigest())


def place(connection: Connection) -> Place:
    """Where a connection leads."""
    version = int(_one(connection, "SHOW server_version_num")[0])
    provider = "datlocprovider::text" if version >= 150_000 else "'c'"
    icu = "NULL" if version < 150_000 else "daticulocale" if version < 170_000 else "datlocale"
    if version >= 170_000:
        icu = "CASE WHEN datlocprovider = 'c' THEN NULL ELSE datlocale END"
    row = _one(
        connection,
        f"SELECT d.oid::bigint, pg_encoding_to_char(encoding), datcollate, datctype, {provider}, {icu}, "  # noqa: S608
        "coalesce(host(inet_server_addr()), 'socket'), coalesce(inet_server_port(), 0), current_database(), "
        "pg_get_userbyid(datdba) "
        "FROM pg_database d WHERE datname = current_database()",
    )
    settings = connection.execute(
        "SELECT unnest(setconfig) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase "
        "WHERE d.datname = current_database() AND setrole = 0 ORDER BY 1"
    )
    return Place(
        system_identifier=_system_identifier(connection),
        address=row[6],
        port=row[7],
        database=row[8],
        database_oid=row[0],
        server_version=version,
        encoding=row[1],
        collate=row[2],
        ctype=row[3],
        locale_provider=row[4],
        icu_locale=row[5],
        owner=row[9],
        settings=tuple(str(one[0]) for one in settings),
    )


def _system_identifier(connection: Connection) -> str:
    """What no two clusters share, unless one is a physical copy; empty where the server does not tell."""
    allowed = _one(connection, "SELECT has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE')")[0]
    return str(_one(connection, "SELECT system_identifier FROM pg_control_system()")[0]) if allowed else ""


def gather(
    connection: Connection,
    *,
    at: datetime | None = None,
    before_tables: Callable[[], None] = lambda: None,
    progress: Callable[[str, int, int], None] = lambda _name, _done, _of: None,
) -> Facts:
    """All facts, in the transaction that the connection is in. Sequences come first: they belong to no snapshot, and
    read before the dump they are never ahead of what the dump has."""
    fix_settings(connection)
    moment = at or _one(connection, "SELECT clock_timestamp()")[0]
    where = place(connection)
    counters = tuple(sequences(connection))
    before_tables()
    names = tables(connection)
    found = []
    for number, (schema, name) in enumerate(names):
        progress(name_of(schema, name), number, len(names))
        found.append(table(connection, schema, name))
    return Facts(
        at=moment,
        place=where,
        extensions={
            str(name): str(version)
            for name, version in connection.execute("SELECT extname, extversion FROM pg_extension ORDER BY 1")
        },
        tables=tuple(found),
        sequences=counters,
        large_objects=large_objects(connection),
        unvalidated=tuple(_names(connection, _UNVALIDATED)),
        materialized=tuple(_names(connection, _MATERIALIZED)),
        roles=tuple(_names(connection, _ROLES)),
        policy_roles=tuple(_names(connection, _POLICY_ROLES)),
    )


_UNVALIDATED: Final = """
SELECT n.nspname || '.' || c.conname FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE NOT c.convalidated AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
UNION SELECT n.nspname || '.' || c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
JOIN pg_namespace n ON n.oid = c.relnamespace WHERE NOT i.indisvalid AND n.nspname !~ '^pg_' ORDER BY 1"""
_MATERIALIZED: Final = (
    "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "  # noqa: S608
    f"WHERE c.relkind = 'm' AND c.relispopulated AND {_OWN} ORDER BY 1"
)
_ROLES: Final = """
SELECT DISTINCT r.rolname FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid
WHERE d.refclassid = 'pg_authid'::regclass AND r.rolname !~ '^pg_'
AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1"""

_POLICY_ROLES: Final = """
SELECT DISTINCT r.rolname FROM pg_policy p JOIN pg_roles r ON r.oid = ANY(p.polroles)
WHERE r.rolname !~ '^pg_' ORDER BY 1"""


def _names(connection: Connection, query: Any) -> Iterator[str]:
    return (str(row[0]) for row in connection.execute(query))


def _one(connection: Connection, query: Any, values: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    row = connection.execute(query, values).fetchone()
    assert row is not None
    return row


def is_empty(connection: Connection) -> bool:
    """Whether a database has nothing of its own: no tables, views, sequences, functions, large objects."""
    return not _one(
        connection,
        f"SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE {_OWN}) "  # noqa: S608
        "OR EXISTS (SELECT FROM pg_largeobject_metadata) "
        "OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^pg_' "
        "AND n.nspname <> 'information_schema' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid "
        "AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'))",
    )[0]

"""The state of the cloud in SQLite: resources, faults, counters. Safe for many threads and processes at once.

The file holds what the real cloud would hold, secret values included (a cloud knows them): it is readable by its owner
only, and nothing of it is printed unmasked.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from localcloud.codec import Path as ValuePath
from localcloud.codec import Values
from localcloud.errors import LocalCloudError

VERSION = 1
WAIT_SECONDS = 60.0
TABLES = """
CREATE TABLE resources (
    type TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, project TEXT NOT NULL, urn TEXT NOT NULL,
    inputs TEXT NOT NULL, properties TEXT NOT NULL, secrets TEXT NOT NULL, created REAL NOT NULL,
    PRIMARY KEY (type, id));
CREATE TABLE graves (type TEXT NOT NULL, id TEXT NOT NULL, until REAL, why TEXT NOT NULL, PRIMARY KEY (type, id));
CREATE TABLE agents (email TEXT PRIMARY KEY, project TEXT NOT NULL, service TEXT NOT NULL);
CREATE TABLE faults (
    number INTEGER PRIMARY KEY, operation TEXT NOT NULL, type TEXT NOT NULL, name TEXT NOT NULL,
    kind TEXT NOT NULL, seconds REAL NOT NULL, remaining INTEGER NOT NULL);
CREATE TABLE projects (id TEXT PRIMARY KEY);
CREATE TABLE seeds (kind TEXT NOT NULL, id TEXT NOT NULL, PRIMARY KEY (kind, id));
"""


def folder() -> Path:
    """Where everything local lives: `SECURE_HOSTING_LOCAL`, else `.local` beside this package."""
    return Path(os.environ.get("SECURE_HOSTING_LOCAL") or Path(__file__).parent.parent / ".local")


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource of the cloud. `inputs` are those it was last written with, `urn` is who wrote it."""

    type: str
    id: str
    name: str
    project: str
    urn: str
    inputs: Values
    properties: Values
    secrets: frozenset[ValuePath]
    created: float


@dataclass(frozen=True, kw_only=True)
class Grave:
    """A deleted resource whose id is still taken: until a time, or for ever."""

    until: float | None
    why: str


def read_resource(row: sqlite3.Row) -> Resource:
    return Resource(
        type=row["type"],
        id=row["id"],
        name=row["name"],
        project=row["project"],
        urn=row["urn"],
        inputs=json.loads(row["inputs"]),
        properties=json.loads(row["properties"]),
        secrets=frozenset(tuple(path) for path in json.loads(row["secrets"])),
        created=row["created"],
    )


class Store:
    """The state file. Every method outside of `transaction` is one statement; a transaction excludes other writers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.local = threading.local()
        self.opened: list[sqlite3.Connection] = []

    def explain(self, error: sqlite3.Error) -> LocalCloudError:
        """A database error in the words of the person who has to act on it."""
        text = str(error)
        way_back = "`python -m localcloud reset` starts an empty cloud; the stack's own state is not touched"
        if "full" in text:
            return LocalCloudError(
                f"the disk is full: {self.path} could not be written and is as it was before. "
                "Free some space and repeat."
            )
        if "locked" in text:
            return LocalCloudError(
                f"{self.path} has been locked by another process for {WAIT_SECONDS:.0f} seconds. End it and repeat."
            )
        if "unable to open" in text or "readonly" in text:
            return LocalCloudError(
                f"{self.path} cannot be opened for writing ({text}). Check the folder and its permissions."
            )
        return LocalCloudError(
            f"the local cloud's state {self.path} is damaged ({text}). Restore the file, or {way_back}."
        )

    @property
    def connection(self) -> sqlite3.Connection:
        """This thread's connection; the file is made on first use."""
        if getattr(self.local, "connection", None) is None:
            self.local.connection = self.open()
            self.opened.append(self.local.connection)
        connection: sqlite3.Connection = self.local.connection
        return connection

    def open(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if not self.path.exists():
                os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
        except OSError as error:
            raise LocalCloudError(
                f"{self.path} cannot be made: {error.strerror}. Check the folder and the disk."
            ) from None
        except sqlite3.Error as error:
            raise self.explain(error) from None
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self.prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self.explain(error) from None
        return connection

    def close(self) -> None:
        """Close the connections of all threads; the store can be used again afterwards."""
        while self.opened:
            self.opened.pop().close()
        self.local = threading.local()

    def prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables once, whichever process comes first."""
        if connection.execute("PRAGMA user_version").fetchone()[0] == VERSION:
            return
        connection.execute("BEGIN IMMEDIATE")
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version not in (0, VERSION):
            connection.execute("ROLLBACK")
            raise LocalCloudError(
                f"{self.path} was written by another version of localcloud ({version}, not {VERSION}). "
                "`python -m localcloud reset` starts an empty cloud."
            )
        if version == 0:
            for statement in TABLES.strip().split(";")[:-1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version={VERSION}")
        connection.execute("COMMIT")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, with no other writer in between. Nested calls join the outer one."""
        connection = self.connection
        outer = connection.in_transaction
        try:
            if not outer:
                connection.execute("BEGIN IMMEDIATE")
            yield
            if not outer:
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise self.explain(error) from None
        finally:
            if not outer:
                connection.rollback()

    def query(self, statement: str, *values: Any) -> list[sqlite3.Row]:
        """Rows of one statement."""
        try:
            return self.connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self.explain(error) from None

    def get(self, token: str, identity: str) -> Resource | None:
        """One resource by type and id."""
        rows = self.query("SELECT * FROM resources WHERE type = ? AND id = ?", token, identity)
        return read_resource(rows[0]) if rows else None

    def find(self, token: str = "%", project: str = "%") -> list[Resource]:
        """Resources by type pattern (SQL LIKE) and project."""
        statement = "SELECT * FROM resources WHERE type LIKE ? AND project LIKE ? ORDER BY type, id"
        return [read_resource(row) for row in self.query(statement, token, project)]

    def put(self, resource: Resource) -> None:
        """Write a resource, new or changed."""
        self.query(
            "INSERT OR REPLACE INTO resources VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            resource.type,
            resource.id,
            resource.name,
            resource.project,
            resource.urn,
            json.dumps(resource.inputs),
            json.dumps(resource.properties),
            json.dumps(sorted(map(list, resource.secrets), key=str)),
            resource.created,
        )

    def remove(self, token: str, identity: str) -> bool:
        """Delete a resource; whether it was there."""
        return bool(self.query("DELETE FROM resources WHERE type = ? AND id = ? RETURNING id", token, identity))

    def bury(self, token: str, identity: str, why: str, seconds: float | None) -> None:
        """Keep an id taken after its resource is gone: for some time, or for ever (`None`)."""
        until = None if seconds is None else time.time() + seconds
        self.query("INSERT OR REPLACE INTO graves VALUES (?, ?, ?, ?)", token, identity, until, why)

    def grave(self, token: str, identity: str) -> Grave | None:
        """The grave of an id, unless its time is over."""
        rows = self.query("SELECT until, why FROM graves WHERE type = ? AND id = ?", token, identity)
        if not rows or (rows[0]["until"] is not None and rows[0]["until"] < time.time()):
            return None
        return Grave(until=rows[0]["until"], why=rows[0]["why"])

    def add_agent(self, email: str, project: str, service: str) -> None:
        """A service agent comes into being."""
        self.query("INSERT OR IGNORE INTO agents VALUES (?, ?, ?)", email, project, service)

    def has_agent(self, email: str) -> bool:
        """Whether a service agent exists."""
        return bool(self.query("SELECT 1 FROM agents WHERE email = ?", email))

    def add_project(self, project: str) -> None:
        """A project exists without having been declared."""
        self.query("INSERT OR IGNORE INTO projects VALUES (?)", project)

    def has_project(self, project: str) -> bool:
        """Whether a project was seen to exist without having been declared."""
        return bool(self.query("SELECT 1 FROM projects WHERE id = ?", project))

    def add_seed(self, kind: str, identity: str) -> None:
        """Something exists that no stack declares: a project, a service account."""
        self.query("INSERT OR IGNORE INTO seeds VALUES (?, ?)", kind, identity)

    def seeds(self, kind: str) -> set[str]:
        """Everything of one kind that exists without having been declared."""
        return {row["id"] for row in self.query("SELECT id FROM seeds WHERE kind = ?", kind)}

"""A real PostgreSQL for the jobs' tests: one server a test session, a database of its own for each test."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.core.log import Log
from jobs.postgres import programs
from jobs.postgres.cluster import Cluster, throwaway
from jobs.postgres.server import Server
from tests.jobs.parts import Round

EVERYTHING = Path(__file__).parent / "data" / "everything.sql"
INSTALLED = programs.installed()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait, and nothing of this machine's own configuration is used."""
    monkeypatch.setenv("JOBS_RETRY_SCALE", "0")
    for name in ("STORAGE_EMULATOR_HOST", "CLOUD_KMS_ENDPOINT", "TRACEPARENT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session", params=sorted(INSTALLED), ids=lambda major: f"pg{major}")
def source(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The server that is exported: every installed major version in turn."""
    with tempfile.TemporaryDirectory(prefix="src-") as folder:
        Path(folder).chmod(0o755)
        with throwaway(Path(folder), INSTALLED[request.param], Log("tests")) as cluster:
            with cluster.server.connect("postgres", autocommit=True) as admin:
                admin.execute("CREATE ROLE app_owner NOLOGIN")
                admin.execute("CREATE ROLE app_reader LOGIN")
                admin.execute(
                    "CREATE DATABASE everything TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'"
                )
            with cluster.server.connect("everything", autocommit=True) as connection:
                connection.execute(EVERYTHING.read_text())
            yield cluster


@pytest.fixture
def server(source: Cluster) -> Server:
    """How to reach it."""
    return source.server


Execute = Callable[..., list[tuple[Any, ...]]]


@pytest.fixture
def database(source: Cluster) -> Iterator[str]:
    """A copy of the database with everything, of this test alone."""
    name = f"t_{secrets.token_hex(4)}"
    with source.server.connect("postgres", autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE everything")
        yield name
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def execute(server: Server, database: str) -> Execute:
    """Runs a statement in that database."""

    def run(statement: str, *values: object) -> list[tuple[Any, ...]]:
        with server.connect(database, autocommit=True) as connection:
            cursor: psycopg.Cursor[tuple[Any, ...]] = connection.execute(statement.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture(scope="session")
def target(source: Cluster) -> Iterator[Server]:
    """A server for drills, of the same version."""
    with tempfile.TemporaryDirectory(prefix="dst-") as folder:
        Path(folder).chmod(0o755)
        with throwaway(Path(folder), source.programs, Log("tests")) as cluster:
            yield cluster.server


@pytest.fixture
def round_trip(tmp_path: Path, server: Server, database: str, target: Server) -> Round:
    """Export and drill of a database of this test alone."""
    return Round(tmp_path, server, database, target)

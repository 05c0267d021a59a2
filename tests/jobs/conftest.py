"""A real PostgreSQL for the jobs' tests: one server a test session and version, a database of its own for each test.

Tests run with the machine's own version; those marked `every_major` with the newest two as well.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.core.log import Log
from jobs.postgres import programs
from jobs.postgres.cluster import Cluster, throwaway
from jobs.postgres.server import Server
from tests.jobs import majors
from tests.jobs.parts import Round
from tests.jobs.servers import fake_gcs

DATA = Path(__file__).parent / "data"


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """In which versions of PostgreSQL a test runs, and to which newer ones exports go."""
    if "source" in metafunc.fixturenames:
        marked = metafunc.definition.get_closest_marker("every_major")
        versions = [majors.MAIN, *(majors.OTHERS if marked else ())]
        metafunc.parametrize("source", versions, indirect=True, scope="session", ids=[f"pg{one}" for one in versions])
    if "newer" in metafunc.fixturenames:
        newer = [one for one in majors.OTHERS if one > majors.MAIN]
        metafunc.parametrize("newer", newer, indirect=True, scope="session", ids=[f"to-pg{one}" for one in newer])


@pytest.fixture(scope="session", autouse=True)
def versions() -> Iterator[dict[int, Path]]:
    """The folder of the programs of every version, where jobs look for them and the servers' user can read them."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder, pytest.MonkeyPatch.context() as environment:
        Path(folder).chmod(0o755)
        majors.collect(Path(folder))
        environment.setenv(programs.FOLDERS, folder)
        yield programs.installed()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait, and nothing of this machine's own configuration is used."""
    monkeypatch.setenv("JOBS_RETRY_SCALE", "0")
    for name in ("STORAGE_EMULATOR_HOST", "CLOUD_KMS_ENDPOINT", "TRACEPARENT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


@contextmanager
def running(folder: Path, prefix: str) -> Iterator[Cluster]:
    """A server for as long as the block lasts."""
    with tempfile.TemporaryDirectory(prefix=prefix) as work:
        Path(work).chmod(0o755)
        with throwaway(Path(work), folder, Log("tests")) as cluster:
            yield cluster


@pytest.fixture(scope="session")
def source(request: pytest.FixtureRequest, versions: dict[int, Path]) -> Iterator[Cluster]:
    """The server that is exported."""
    with running(versions[request.param], "src-") as cluster:
        with cluster.server.connect("postgres", autocommit=True) as admin:
            admin.execute("CREATE ROLE app_owner NOLOGIN")
            admin.execute("CREATE ROLE app_reader LOGIN")
            admin.execute("CREATE DATABASE everything TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'")
        with cluster.server.connect("everything", autocommit=True) as connection:
            connection.execute(everything(connection))
        yield cluster


def everything(connection: psycopg.Connection[tuple[Any, ...]]) -> bytes:
    """What fills a database with one of everything that its server has."""
    text = (DATA / "everything.sql").read_text()
    try:
        connection.execute("SELECT '<a/>'::xml")
    except psycopg.errors.FeatureNotSupported:
        text = text.replace("""'<a b="c">&amp;</a>'""", "NULL")
    if connection.info.server_version >= 180_000:
        text += (DATA / "everything-18.sql").read_text()
    return text.encode()


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
    with running(source.programs, "dst-") as cluster:
        yield cluster.server


@pytest.fixture(scope="session")
def newer(request: pytest.FixtureRequest, versions: dict[int, Path]) -> Iterator[Server]:
    """A server for drills, of a newer version."""
    with running(versions[request.param], "new-") as cluster:
        yield cluster.server


@pytest.fixture
def round_trip(tmp_path: Path, server: Server, database: str, target: Server) -> Round:
    """Export and drill of a database of this test alone."""
    return Round(tmp_path, server, database, target)


@pytest.fixture(scope="session")
def fake_gcs_url() -> Iterator[str]:
    """An emulator of Cloud Storage that is not our own."""
    path = fake_gcs.program()
    if path is None:
        pytest.skip("there is no wheel of fake-gcs-server for this machine")
    with fake_gcs.serving(path) as address:
        yield address

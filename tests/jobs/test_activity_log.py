"""The activity log in a real PostgreSQL, its anchors, and the command line that verifies it."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from jobs.activity import Event
from jobs.activity.chain import verify
from jobs.activity.command import AnchorSettings, anchor
from jobs.activity.table import SCHEMA, TableLog, lines_of_table
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Misconfigured
from jobs.postgres.cluster import Cluster, throwaway
from jobs.postgres.programs import installed
from tests.jobs.cloud_fixtures import evidence_in, http, log, signing_key

__all__ = ["http", "log", "signing_key"]
Logged = tuple[Log, io.StringIO]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One server for all tests here."""
    programs = installed()
    newest = programs[max(programs)]
    with throwaway(Path("/tmp"), newest, Log("test", stream=io.StringIO())) as made:
        yield made


@pytest.fixture
def database(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of one test with the table in it."""
    name = f"log_{abs(hash(request.node.nodeid))}"
    with cluster.server.connect("postgres", autocommit=True) as admin:
        admin.execute(f'CREATE DATABASE "{name}"')
    with cluster.server.connect(name, autocommit=True) as owner:
        owner.execute(SCHEMA)
        owner.execute(SCHEMA)
    yield name
    with cluster.server.connect("postgres", autocommit=True) as admin:
        admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def event(number: int) -> Event:
    """Something a user did."""
    return Event(actor=f"u-{number}", action="invoice.read", subject=f"invoice/{number}")


def fill(cluster: Cluster, database: str, count: int, stream: str = "orders-api") -> None:
    """Append events."""
    with cluster.server.connect(database) as connection:
        for number in range(count):
            TableLog(stream).append(connection, event(number))


def tamper(cluster: Cluster, database: str, *statements: str) -> None:
    """What an administrator of the database can do who is not stopped by triggers."""
    with cluster.server.connect(database, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for statement in statements:
            connection.execute(statement)


def settings(cluster: Cluster, database: str, tmp_path: Path, key: Path) -> AnchorSettings:
    """As the component sets them."""
    (tmp_path / "evidence").mkdir(exist_ok=True)
    server = cluster.server
    return AnchorSettings(
        host=server.host,
        user=server.user,
        auth="peer",
        database=database,
        name="orders",
        evidence=f"file://{tmp_path}/evidence",
        sign=str(key),
    )


def run(chosen: AnchorSettings) -> Any:
    """A run of its own, as every one is."""
    log = Log("activity-anchor", stream=io.StringIO())
    return anchor(chosen, log, Http(log))


def test_sessions_write_one_chain(cluster: Cluster, database: str) -> None:
    """At the same time, each in transactions of its own."""

    def write() -> None:
        fill(cluster, database, 15)

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with cluster.server.connect(database) as connection:
        verdict = verify(lambda: lines_of_table(connection, batch=7))
    assert verdict.whole, verdict.breaks
    assert verdict.heads["orders-api"].sequence == 60


def test_an_entry_is_there_if_and_only_if_the_deed_was_committed(cluster: Cluster, database: str) -> None:
    """An entry of something that never happened is as wrong as a missing one."""
    with cluster.server.connect(database) as connection:
        connection.execute("CREATE TABLE deed ()")
        TableLog("orders-api").append(connection, event(1))
        connection.rollback()
        TableLog("orders-api").append(connection, event(2))
        connection.commit()
        entries = [json.loads(line) for line in lines_of_table(connection)]
    assert [(entry["sequence"], entry["actor"]) for entry in entries] == [(1, "u-2")]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE activity SET entry = ''", "DELETE FROM activity", "TRUNCATE activity", "DELETE FROM activity WHERE false"],
)
def test_the_table_refuses_every_change(statement: str, cluster: Cluster, database: str) -> None:
    """Also to its owner; whoever switches triggers off is found by the chain."""
    fill(cluster, database, 2)
    with (
        cluster.server.connect(database) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="LOG-7"),
    ):
        connection.execute(statement)  # type: ignore[call-overload]


def test_the_head_is_anchored_day_by_day(cluster: Cluster, database: str, tmp_path: Path, signing_key: Path) -> None:
    """As signed evidence; the second run holds the log against the first."""
    fill(cluster, database, 3)
    chosen = settings(cluster, database, tmp_path, signing_key)
    assert run(chosen).code == Exit.DONE
    fill(cluster, database, 4)
    fill(cluster, database, 2, "stock-worker")
    assert run(chosen).code == Exit.DONE
    first, second = sorted(evidence_in(tmp_path / "evidence", signing_key), key=lambda one: one.finished_at)
    assert [head["sequence"] for head in first.facts["heads"]] == [3]
    assert {head["stream"]: head["sequence"] for head in second.facts["heads"]} == {"orders-api": 7, "stock-worker": 2}
    assert (first.facts["anchors_held"], second.facts["anchors_held"]) == (0, 1)
    assert {path.parent.name for path in (tmp_path / "evidence").rglob("*.json")} == {"orders"}


TAMPERED = {
    "edit": (
        "UPDATE activity SET entry = replace(entry, 'u-1', 'u-7') WHERE sequence = 2",
        "does not fit its own digest",
    ),
    "drop": ("DELETE FROM activity WHERE sequence = 2", "entry 2 is missing before entry 3"),
    "cut": ("DELETE FROM activity WHERE sequence > 3", "ends after entry 3, and entry 5 was anchored"),
    "empty": ("TRUNCATE activity", "ends after entry 0, and entry 5 was anchored"),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_broken_log_is_found_and_not_anchored(
    how: str, cluster: Cluster, database: str, tmp_path: Path, signing_key: Path
) -> None:
    """The evidence says failed; the anchors of before stay what later runs are held against."""
    fill(cluster, database, 5)
    chosen = settings(cluster, database, tmp_path, signing_key)
    assert run(chosen).code == Exit.DONE
    statement, words = TAMPERED[how]
    tamper(cluster, database, statement)
    for _ in range(2):
        result = run(chosen)
        assert result.code == Exit.FOUND
        assert words in result.text
    outcomes = sorted(one.outcome for one in evidence_in(tmp_path / "evidence", signing_key))
    assert outcomes == ["failed", "failed", "passed"]


def test_a_log_that_was_rewritten_whole_is_found(
    cluster: Cluster, database: str, tmp_path: Path, signing_key: Path
) -> None:
    """Every link is right; only the anchor knows better."""
    fill(cluster, database, 5)
    chosen = settings(cluster, database, tmp_path, signing_key)
    assert run(chosen).code == Exit.DONE
    tamper(cluster, database, "TRUNCATE activity")
    fill(cluster, database, 8)
    result = run(chosen)
    assert result.code == Exit.FOUND
    assert "entry 5 is not the one that was anchored" in result.text


def test_an_anchor_without_a_store_is_a_mistake(
    cluster: Cluster, database: str, tmp_path: Path, signing_key: Path
) -> None:
    """A head that is kept nowhere proves nothing."""
    chosen = settings(cluster, database, tmp_path, signing_key).model_copy(update={"evidence": ""})
    with pytest.raises(Misconfigured, match="no store for anchors"):
        run(chosen)


def verify_by_hand(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """The command as a person types it."""
    command = [sys.executable, "-m", "jobs", "activity", "verify", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_line_verifies_a_file_against_its_anchors(
    cluster: Cluster, database: str, tmp_path: Path, signing_key: Path
) -> None:
    """Exit code 1, and the first broken link in one line; --json says the same."""
    from tests.jobs.test_canary import public

    fill(cluster, database, 5)
    assert run(settings(cluster, database, tmp_path, signing_key)).code == Exit.DONE
    with cluster.server.connect(database) as connection:
        lines = list(lines_of_table(connection))
    file = tmp_path / "log.jsonl"
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    key = public(signing_key)
    whole = verify_by_hand(file, "--anchors", tmp_path / "evidence", "--key", key)
    assert (whole.returncode, whole.stdout) == (0, "ok    orders-api: whole up to entry 5\n")
    file.write_text("\n".join(lines[:1] + lines[2:4]) + "\n", encoding="utf-8")
    broken = verify_by_hand(file, "--anchors", tmp_path / "evidence", "--key", key, "--json")
    assert broken.returncode == 1
    said = json.loads(broken.stdout)
    assert [(b["kind"], b["line"], b["sequence"]) for b in said["breaks"]] == [("missing", 2, 2)]
    assert verify_by_hand(tmp_path / "nothing").returncode == 2


def test_anchors_signed_by_somebody_else_are_refused(
    cluster: Cluster, database: str, tmp_path: Path, signing_key: Path
) -> None:
    """Otherwise whoever rewrites the log brings the anchors along."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    fill(cluster, database, 2)
    run(settings(cluster, database, tmp_path, signing_key))
    other = tmp_path / "other.pub"
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    other.write_bytes(Ed25519PrivateKey.generate().public_key().public_bytes(serialization.Encoding.PEM, form))
    file = tmp_path / "log.jsonl"
    with cluster.server.connect(database) as connection:
        file.write_text("\n".join(lines_of_table(connection)), encoding="utf-8")
    ran = verify_by_hand(file, "--anchors", tmp_path / "evidence", "--key", other)
    assert ran.returncode == 1
    assert "no signature by this key" in ran.stdout

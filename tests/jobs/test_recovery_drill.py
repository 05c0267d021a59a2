"""The recovery drill: a copy at a point in time, checked, and gone again whatever happens. Nothing else is touched.

The Admin API is a loopback server; what is inside of the copy is a real PostgreSQL.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from jobs.cloud.sql_admin import SqlAdmin
from jobs.core.command import Interrupted
from jobs.core.evidence import Check
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Forbidden, Misconfigured, Refused, Unreachable
from jobs.postgres.cluster import Cluster, throwaway
from jobs.postgres.programs import installed
from jobs.recovery_drill import RecoverySettings, drop, run
from tests.jobs.cloud_fixtures import KEY, cloud, evidence_in, http, log, said, signing_key, version
from tests.jobs.loopback import Cloud, Fault

__all__ = ["cloud", "http", "log", "signing_key"]
Logged = tuple[Log, io.StringIO]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """What the copy is, and what it is when the database behind it was damaged."""
    programs = installed()
    with throwaway(Path("/tmp"), programs[max(programs)], Log("test", stream=io.StringIO())) as made:
        with made.server.connect("postgres", autocommit=True) as admin:
            for name in ("orders", "empty", "damaged"):
                admin.execute(f"CREATE DATABASE {name}")
        for name in ("orders", "damaged"):
            with made.server.connect(name, autocommit=True) as owner:
                owner.execute("CREATE TABLE invoices (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sum numeric)")
                owner.execute("INSERT INTO invoices (sum) SELECT n FROM generate_series(1, 50) n")
        with made.server.connect("damaged", autocommit=True) as owner:
            owner.execute("ALTER SEQUENCE invoices_id_seq RESTART WITH 10")
            owner.execute("ALTER TABLE invoices ADD CONSTRAINT positive CHECK (sum > 7) NOT VALID")
        yield made


@pytest.fixture
def hosted(cloud: Cloud, cluster: Cluster) -> Cloud:
    """Two instances of the company. A copy is the server that runs here."""
    cloud.keys[KEY] = version(1)
    for name in ("orders-1a2b3c", "drilling-rigs-4d5e6f"):
        cloud.instances[name] = {
            "name": name,
            "state": "RUNNABLE",
            "databaseVersion": "POSTGRES_17",
            "createTime": "2026-01-01T00:00:00Z",
            "settings": {"deletionProtectionEnabled": True},
            "diskEncryptionStatus": {"kmsKeyVersionName": version(1)},
            "serverCaCert": {"cert": "-----BEGIN CERTIFICATE-----"},
        }
    cloud.cloned = lambda _name: {
        "createTime": datetime.now(UTC).isoformat(),
        "ipAddresses": [{"type": "PRIVATE", "ipAddress": cluster.server.host}],
    }
    return cloud


def settings(tmp_path: Path, key: Path, cluster: Cluster, **more: Any) -> RecoverySettings:
    """As the component sets them, but for the login."""
    (tmp_path / "evidence").mkdir(exist_ok=True)
    given = {
        "project": "example-prod",
        "instance": "orders-1a2b3c",
        "database": "orders",
        "name": "orders",
        "user": cluster.server.user,
        "auth": "peer",
        "evidence": f"file://{tmp_path}/evidence",
        "sign": str(key),
    }
    return RecoverySettings(**{**given, **more})


def untouched(cloud: Cloud) -> bool:
    """Whether the company's instances are as they were, and nothing else is there."""
    return sorted(cloud.instances) == ["drilling-rigs-4d5e6f", "orders-1a2b3c"] and all(
        one["settings"] == {"deletionProtectionEnabled": True} for one in cloud.instances.values()
    )


def checked(folder: Path, key: Path) -> dict[str, Check]:
    """The checks of the one evidence."""
    (evidence,) = evidence_in(folder, key)
    return {check.name: check for check in evidence.checks}


def test_a_copy_is_recovered_checked_and_deleted(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """At a point in time, under a random name; evidence has how long it took."""
    hosted.slow = 2
    result = run(settings(tmp_path, signing_key, cluster), log[0], http)
    assert result.code == Exit.DONE, result.text
    assert untouched(hosted)
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    assert evidence.outcome == "passed"
    assert re.fullmatch(r"drill-orders-[0-9a-f]{8}", evidence.facts["copy"])
    assert evidence.facts["rows"] == 50
    assert evidence.facts["recovery_minutes"] >= 0
    point = datetime.fromisoformat(evidence.facts["point"])
    assert timedelta(minutes=14) < evidence.started_at - point < timedelta(minutes=16)
    names = {check.name for check in evidence.checks}
    assert {"constraints are validated", "sequences are beyond the data", "copy holds data", "copy is deleted"} <= names
    verbs = [f"{m} {p.partition('/instances/')[2]}" for m, p in hosted.requests if m in ("POST", "PATCH", "DELETE")]
    copy = evidence.facts["copy"]
    assert verbs == ["POST orders-1a2b3c/clone", f"PATCH {copy}", f"DELETE {copy}"]


@pytest.mark.parametrize(
    ("database", "check", "words"),
    [
        ("empty", "copy holds data", "no row at all"),
        ("damaged", "constraints are validated", "positive"),
        ("damaged", "sequences are beyond the data", "gives 10 next, but public.invoices.id already has 50"),
    ],
)
def test_what_is_wrong_with_the_copy_is_found(
    database: str,
    check: str,
    words: str,
    hosted: Cloud,
    tmp_path: Path,
    signing_key: Path,
    cluster: Cluster,
    log: Logged,
    http: Http,
) -> None:
    """By the checks of the restore drill; and the copy is gone all the same."""
    result = run(settings(tmp_path, signing_key, cluster, database=database), log[0], http)
    assert result.code == Exit.FOUND
    found = checked(tmp_path / "evidence", signing_key)[check]
    assert found.outcome == "failed"
    assert words in found.detail
    assert untouched(hosted)
    assert [entry["severity"] for entry in said(log[1]) if words in entry["message"]] == ["ERROR"]


def test_a_recovery_that_fails_is_evidence(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """In the service's own words."""
    hosted.failing["CLONE"] = "the log of that time is gone"
    result = run(settings(tmp_path, signing_key, cluster), log[0], http)
    assert result.code == Exit.FOUND
    assert (
        "CLONE failed: the log of that time is gone" in checked(tmp_path / "evidence", signing_key)["recovery"].detail
    )
    assert untouched(hosted)


STAGES = ["PATCH", "GET .*/instances/drill-", "GET .*/operations/", "POST .*/clone"]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("how", ["403", "503"])
def test_whatever_fails_in_between_the_copy_is_deleted(
    stage: str, how: str, hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """Rights that are missing, and silence. What stands in the way once does not stand in the way of deleting."""
    hosted.slow = 1
    hosted.faults.append(Fault(stage, how, times=1 if how == "403" else 8))
    if how == "403":
        with pytest.raises(Forbidden):
            run(settings(tmp_path, signing_key, cluster), log[0], http)
    else:
        with pytest.raises(Unreachable):
            run(settings(tmp_path, signing_key, cluster), log[0], http)
    assert untouched(hosted)


@pytest.mark.parametrize("how", ["429", "503", "half", "cut", "lost"])
@pytest.mark.parametrize("stage", ["POST .*/clone", "GET .*/instances$", "GET .*/operations/", "DELETE"])
def test_what_passes_is_tried_again(
    how: str, stage: str, hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """Also where the answer to the request that made the copy was lost: there is one copy, and it is deleted."""
    hosted.slow = 1
    hosted.faults.append(Fault(stage, how, times=2))
    assert run(settings(tmp_path, signing_key, cluster), log[0], http).code == Exit.DONE
    assert untouched(hosted)


def test_a_run_that_is_told_to_stop_deletes_its_copy(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """The end of its time is a signal."""

    class Stopping(Http):
        def get_json(self, url: str, **more: Any) -> dict[str, Any]:
            if "/instances/drill-" in url:
                raise Interrupted("SIGTERM")
            return super().get_json(url, **more)

    with pytest.raises(Interrupted):
        run(settings(tmp_path, signing_key, cluster), log[0], Stopping(log[0]))
    assert untouched(hosted)


def leave(cloud: Cloud, name: str, hours: float, **more: Any) -> None:
    """What a killed run left."""
    made = (datetime.now(UTC) - timedelta(hours=hours)).isoformat()
    cloud.instances[name] = {
        **cloud.instances["orders-1a2b3c"],
        "name": name,
        "createTime": made,
        "settings": {"deletionProtectionEnabled": True},
        **more,
    }


def test_what_a_killed_run_has_left_is_deleted_by_the_next(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """By name and age, with its protection; one that may be at work stays, and so does another database's."""
    leave(hosted, "drill-orders-00000001", 5)
    leave(hosted, "drill-orders-00000002", 1)
    leave(hosted, "drill-stock-00000003", 500)
    leave(hosted, "drill-orders-by-hand", 500)
    assert run(settings(tmp_path, signing_key, cluster), log[0], http).code == Exit.DONE
    assert {name for name in hosted.instances if name.startswith("drill-")} == {
        "drill-orders-00000002",
        "drill-stock-00000003",
        "drill-orders-by-hand",
    }
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    assert evidence.facts["left_over"] == ["drill-orders-00000001"]


def test_two_drills_at_once_do_not_collide(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """Each has a copy of its own, and deletes only that."""
    seen: list[list[str]] = []

    class Second(Http):
        begun = False

        def get_json(self, url: str, **more: Any) -> dict[str, Any]:
            if "/instances/drill-" in url and not Second.begun:
                Second.begun = True
                other = Log("test", stream=io.StringIO())
                assert run(settings(tmp_path, signing_key, cluster), other, Http(other)).code == Exit.DONE
                seen.append([name for name in hosted.instances if name.startswith("drill-orders-")])
            return super().get_json(url, **more)

    assert run(settings(tmp_path, signing_key, cluster), log[0], Second(log[0])).code == Exit.DONE
    assert [len(names) for names in seen] == [1]
    assert untouched(hosted)


@pytest.mark.parametrize("name", ["orders-1a2b3c", "drilling-rigs-4d5e6f"])
def test_what_no_drill_made_is_never_deleted(name: str, hosted: Cloud, log: Logged, http: Http) -> None:
    """Whatever asks for it."""
    with pytest.raises(Refused, match="made by no drill"):
        drop(SqlAdmin(http, "example-prod"), name, log[0])
    assert hosted.requests == []


def test_a_copy_is_not_drilled(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """It would be deleted while it is copied."""
    leave(hosted, "drill-orders-00000001", 5)
    with pytest.raises(Refused, match="itself a copy"):
        run(settings(tmp_path, signing_key, cluster, instance="drill-orders-00000001"), log[0], http)


def test_a_dry_run_makes_and_deletes_nothing(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """It names what it would delete."""
    leave(hosted, "drill-orders-00000001", 5)
    result = run(settings(tmp_path, signing_key, cluster), log[0], http, dry_run=True)
    assert "would copy orders-1a2b3c and delete drill-orders-00000001" in result.text
    assert {method for method, _ in hosted.requests} == {"GET"}


def test_an_instance_that_does_not_run_is_told(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """There is nothing to copy; that is another alert's."""
    hosted.instances["orders-1a2b3c"]["state"] = "SUSPENDED"
    with pytest.raises(Misconfigured, match="SUSPENDED"):
        run(settings(tmp_path, signing_key, cluster), log[0], http)


def test_a_copy_that_cannot_be_deleted_is_a_finding(
    hosted: Cloud, tmp_path: Path, signing_key: Path, cluster: Cluster, log: Logged, http: Http
) -> None:
    """It costs money, and holds the data of customers."""
    hosted.faults.append(Fault("DELETE", "403", times=99))
    result = run(settings(tmp_path, signing_key, cluster), log[0], http)
    assert result.code == Exit.FOUND
    found = checked(tmp_path / "evidence", signing_key)["copy is deleted"]
    assert "is still there: permission cloudsql.instances.delete is missing" in found.detail

"""Encryption with the newest key version: what is behind is brought up, what cannot be is named, nothing is claimed."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Forbidden, Misconfigured, Unreachable
from jobs.reencrypt import Reencrypt, run
from tests.jobs.cloud_fixtures import KEY, cloud, evidence_in, http, log, signing_key, version
from tests.jobs.loopback import Cloud, Fault

__all__ = ["cloud", "http", "log", "signing_key"]


def instance(name: str, key_version: str) -> dict[str, Any]:
    """An instance as the Admin API shows it."""
    return {
        "name": name,
        "state": "RUNNABLE",
        "databaseVersion": "POSTGRES_17",
        "settings": {"deletionProtectionEnabled": True},
        "diskEncryptionStatus": {"kmsKeyVersionName": key_version},
    }


@pytest.fixture
def behind(cloud: Cloud) -> Cloud:
    """One database is behind, one is not."""
    cloud.keys[KEY] = version(3)
    cloud.instances = {name: instance(name, version(number)) for name, number in (("orders-1", 2), ("stock-1", 3))}
    return cloud


def settings(tmp_path: Path, key: Path, **more: Any) -> Reencrypt:
    """As the component sets them."""
    given = {"project": "example-prod", "instances": "orders-1,stock-1", "evidence": f"file://{tmp_path}/evidence"}
    (tmp_path / "evidence").mkdir(exist_ok=True)
    return Reencrypt(**{**given, "sign": str(key), **more})


def test_what_is_behind_is_encrypted_again(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """And only that: an operation on a database is not started for nothing. Evidence has the version in use."""
    behind.slow = 2
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.DONE
    assert behind.instances["orders-1"]["diskEncryptionStatus"]["kmsKeyVersionName"] == version(3)
    assert [path for method, path in behind.requests if method == "POST"] == [
        "/v1/projects/example-prod/instances/orders-1/reencrypt"
    ]
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    assert evidence.outcome == "passed"
    assert evidence.clauses == ("ENC-8",)
    assert evidence.facts["versions"] == {"orders-1": version(3), "stock-1": version(3)}


def test_a_dry_run_changes_nothing_and_keeps_nothing(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """It says what would be done."""
    result = run(settings(tmp_path, signing_key), log[0], http, dry_run=True)
    assert "would be encrypted again: 2, newest 3" in result.text
    assert {method for method, _ in behind.requests} == {"GET"}
    assert list((tmp_path / "evidence").rglob("*.json")) == []


def test_an_operation_that_changed_nothing_is_found(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """What the service says is not what counts: the version is read again."""
    behind.keys[KEY] = version(4)
    original = behind.operation
    behind.operation = lambda kind, deed: original(kind, lambda: None)  # type: ignore[method-assign]
    result = run(settings(tmp_path, signing_key, instances="orders-1"), log[0], http)
    assert result.code == Exit.FOUND
    assert "is still encrypted with version 2 after the operation; the newest is 4" in result.text
    (evidence,) = evidence_in(tmp_path / "evidence", signing_key)
    assert evidence.outcome == "failed"


def test_a_failed_operation_is_told_and_the_other_database_looked_at(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """In the service's own words."""
    behind.failing["REENCRYPT"] = "the key is disabled"
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.FOUND
    assert "orders-1: projects/example-prod/instances/orders-1: REENCRYPT failed: the key is disabled" in result.text
    assert "ok    stock-1" in result.text


def test_a_database_without_a_key_of_ours_is_found(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """There is nothing to renew, which is worse."""
    del behind.instances["orders-1"]["diskEncryptionStatus"]
    result = run(settings(tmp_path, signing_key), log[0], http)
    assert result.code == Exit.FOUND
    assert "orders-1 is not encrypted with a key of our own" in result.text.replace("orders-1: is", "orders-1 is")


@pytest.mark.parametrize("how", ["429", "503", "half", "cut", "lost"])
@pytest.mark.parametrize("path", ["GET .*/instances/", "GET .*/cryptoKeys/", "GET .*/operations/"])
def test_what_passes_is_tried_again(
    how: str, path: str, behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """At every stage that only asks."""
    behind.slow = 1
    behind.faults.append(Fault(path, how, times=2))
    assert run(settings(tmp_path, signing_key), log[0], http).code == Exit.DONE


def test_silence_is_unreachable_and_leaves_no_evidence(
    behind: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """Nothing was found out."""
    behind.faults.append(Fault("GET .*/instances/", "503", times=99))
    with pytest.raises(Unreachable, match="orders-1"):
        run(settings(tmp_path, signing_key), log[0], http)
    assert list((tmp_path / "evidence").rglob("*.json")) == []


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("GET .*/instances/", "cloudsql.instances.get"),
        ("GET .*/cryptoKeys/", "cloudkms.cryptoKeys.get"),
        ("POST .*/reencrypt", "cloudsql.instances.reencrypt"),
    ],
)
def test_a_missing_permission_is_named(
    path: str,
    permission: str,
    behind: Cloud,
    tmp_path: Path,
    signing_key: Path,
    log: tuple[Log, io.StringIO],
    http: Http,
) -> None:
    """The exact one."""
    behind.faults.append(Fault(path, "403", times=99))
    with pytest.raises(Forbidden) as refused:
        run(settings(tmp_path, signing_key), log[0], http)
    assert refused.value.permission == permission


def test_nothing_to_look_at_is_a_mistake(cloud: Cloud, log: tuple[Log, io.StringIO], http: Http) -> None:
    """A job that checks nothing must not pass."""
    with pytest.raises(Misconfigured, match="nothing to look at"):
        run(Reencrypt(project="example-prod"), log[0], http)


def test_where_a_lifecycle_deletes_by_age_objects_are_only_counted(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """A rewritten object is as old as its rewriting: it would outlive the days that its row allows (MIN-1)."""
    cloud.keys[KEY] = version(2)
    rules = [
        {"action": {"type": "Delete"}, "condition": {"age": 30, "isLive": False}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        {"action": {"type": "Delete"}, "condition": {"age": 400, "isLive": True}},
    ]
    cloud.buckets["files"] = {"encryption": {"defaultKmsKeyName": KEY}, "lifecycle": {"rule": rules}}
    for number in (1, 2):
        item = {"name": f"{number}", "generation": "7", "kmsKeyName": version(number)}
        cloud.objects["files", f"{number}"] = item
    result = run(settings(tmp_path, signing_key, instances="", buckets="files"), log[0], http)
    assert result.code == Exit.DONE
    assert "1 objects are under older versions until they are 400 days old: destroy none before" in result.text
    assert cloud.objects["files", "1"]["kmsKeyName"] == version(1)
    assert {method for method, path in cloud.requests if path.startswith("/storage")} == {"GET"}
    cloud.buckets["files"]["lifecycle"] = {"rule": rules[:2]}
    assert "rewrote 1 objects" in run(settings(tmp_path, signing_key, instances="", buckets="files"), log[0], http).text


def test_objects_are_rewritten_but_those_that_are_locked(
    cloud: Cloud, tmp_path: Path, signing_key: Path, log: tuple[Log, io.StringIO], http: Http
) -> None:
    """What a lock holds keeps its version, and the finding says not to destroy that one."""
    cloud.keys[KEY] = version(2)
    cloud.buckets["files"] = {"encryption": {"defaultKmsKeyName": KEY}}

    def put(name: str, number: int, **more: Any) -> None:
        item = {"name": name, "generation": "7", "kmsKeyName": version(number), **more}
        cloud.objects["files", name] = item

    put("a/old", 1)
    put("new", 2)
    result = run(settings(tmp_path, signing_key, instances="", buckets="files"), log[0], http)
    assert result.code == Exit.DONE
    assert {item["kmsKeyName"] for item in cloud.objects.values()} == {version(2)}
    assert cloud.objects["files", "new"]["generation"] == "7"
    put("locked", 1, retentionExpirationTime="2999-01-01T00:00:00Z")
    result = run(settings(tmp_path, signing_key, instances="", buckets="files", evidence=""), log[0], http)
    assert result.code == Exit.FOUND
    assert "1 objects are locked under an older version of the key: do not destroy it" in result.text

"""The sweep: what is past its days goes, whole exports at a time; what is locked, new or the last of its kind stays.

The store is moto's S3 server, over real HTTP. It denies the deletion of locked versions, as a real one does.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from jobs.core.log import Log
from jobs.core.problems import Exit, Misconfigured, Unreachable
from jobs.sweep import Sweep, run

NOW = datetime.now(UTC)
LATER = NOW + timedelta(days=60)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """One server for all tests here."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Any:
    """A client, and a bucket with object lock of this test alone."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-test")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.bucket = f"off-site-{abs(hash(request.node.nodeid))}"
    client.create_bucket(Bucket=client.bucket, ObjectLockEnabledForBucket=True)
    return client


def put(s3: Any, name: str, *, locked_days: int = 0, parts: tuple[str, ...] = ("dump", "manifest.json")) -> None:
    """An export, whole or not."""
    lock: dict[str, Any] = {}
    if locked_days:
        until = NOW + timedelta(days=locked_days)
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": until}
    for part in parts:
        s3.put_object(Bucket=s3.bucket, Key=f"exports/{name}/{part}", Body=b"x", **lock)


def exports(s3: Any) -> set[str]:
    """What is there, versions and all."""
    answer = s3.list_object_versions(Bucket=s3.bucket)
    return {item["Key"].split("/", 1)[1].rpartition("/")[0] for item in answer.get("Versions", [])}


def name(database: str, number: int) -> str:
    """As exports are named: they sort by time."""
    at = (NOW - timedelta(days=200 - number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return f"{database}/{at}-{number:016x}"


def sweep(s3: Any, endpoint: str, *, now: datetime = LATER, dry_run: bool = False, **more: Any) -> tuple[Any, str]:
    """One run, some time later."""
    stream = io.StringIO()
    address = f"s3://{s3.bucket}/exports?endpoint={endpoint}&region=us-east-1"
    settings = Sweep(**{"store": address, "keep_days": 36, "keep_least": 3, **more})
    return run(settings, Log("sweep", stream=stream), now=now, dry_run=dry_run), stream.getvalue()


def test_what_is_past_its_days_goes_and_the_newest_stay(s3: Any, endpoint: str) -> None:
    """Of each database."""
    for number in range(5):
        put(s3, name("site", number))
        put(s3, name("shop", number))
    result, _ = sweep(s3, endpoint)
    assert result.code == Exit.DONE
    assert exports(s3) == {name(database, number) for database in ("site", "shop") for number in (2, 3, 4)}
    assert len(result.facts["deleted"]) == 4


def test_what_is_new_stays(s3: Any, endpoint: str) -> None:
    """However many there are."""
    for number in range(5):
        put(s3, name("site", number))
    result, _ = sweep(s3, endpoint, now=NOW + timedelta(days=35))
    assert result.facts["deleted"] == []
    assert len(exports(s3)) == 5


def test_half_exports_do_not_count_among_those_that_stay(s3: Any, endpoint: str) -> None:
    """Seven dumps without a manifest are no copy at all."""
    for number in range(3):
        put(s3, name("site", number))
    for number in range(3, 9):
        put(s3, name("site", number), parts=("dump",))
    sweep(s3, endpoint)
    assert exports(s3) == {name("site", number) for number in range(3)}


def test_a_lock_is_the_last_word(s3: Any, endpoint: str) -> None:
    """Nothing of a locked export is deleted, and the finding names it."""
    for number in range(5):
        put(s3, name("site", number), locked_days=90 if number == 0 else 0)
    result, log = sweep(s3, endpoint)
    assert result.code == Exit.FOUND
    assert result.facts["held"] == [f"exports/{name('site', 0)}"]
    assert exports(s3) == {name("site", number) for number in (0, 2, 3, 4)}
    keys = {item["Key"] for item in s3.list_object_versions(Bucket=s3.bucket)["Versions"]}
    assert {key.rpartition("/")[2] for key in keys if name("site", 0) in key} == {"dump", "manifest.json"}
    assert [json.loads(line)["severity"] for line in log.splitlines()].count("ERROR") == 1


def test_deleted_versions_go_as_well(s3: Any, endpoint: str) -> None:
    """A marker hides an export, and keeps it for ever."""
    for number in range(5):
        put(s3, name("site", number))
    s3.delete_object(Bucket=s3.bucket, Key=f"exports/{name('site', 0)}/dump")
    sweep(s3, endpoint)
    assert name("site", 0) not in exports(s3)
    answer = s3.list_object_versions(Bucket=s3.bucket)
    assert answer.get("DeleteMarkers", []) == []


def test_a_dry_run_deletes_nothing(s3: Any, endpoint: str) -> None:
    """It names what it would."""
    for number in range(5):
        put(s3, name("site", number))
    result, _ = sweep(s3, endpoint, dry_run=True)
    assert "would delete 2 of 5 exports" in result.text
    assert len(exports(s3)) == 5


def test_nothing_outside_of_the_prefix_is_touched(s3: Any, endpoint: str) -> None:
    """Evidence lies in the same bucket."""
    for number in range(5):
        put(s3, name("site", number))
    s3.put_object(Bucket=s3.bucket, Key="evidence/drill/site/old.json", Body=b"x")
    sweep(s3, endpoint)
    assert "Contents" in s3.list_objects_v2(Bucket=s3.bucket, Prefix="evidence/")


@pytest.mark.parametrize("store", ["gs://exports", "file:///exports"])
def test_other_stores_have_lifecycles(store: str) -> None:
    """And locks of their own."""
    with pytest.raises(Misconfigured, match=r"is no s3:// store"):
        run(Sweep(store=store), Log("sweep", stream=io.StringIO()))


def test_a_store_that_does_not_answer_is_unreachable(s3: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known about it."""
    with pytest.raises(Unreachable):
        run(
            Sweep(store="s3://off-site/exports?endpoint=http://127.0.0.1:9&region=us-east-1"),
            Log("sweep", stream=io.StringIO()),
        )


def test_too_few_days_or_copies_are_refused() -> None:
    """A slip in the settings must not empty the store."""
    from pydantic import ValidationError

    for wrong in ({"keep_days": 29}, {"keep_least": 2}):
        with pytest.raises(ValidationError):
            Sweep(store="s3://off-site/exports", **wrong)

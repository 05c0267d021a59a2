"""The state file survives crowds and kills, and says what is wrong with it in one sentence."""

from __future__ import annotations

import multiprocessing
import sqlite3
import stat
import threading
from pathlib import Path

import pytest

from localcloud.errors import LocalCloudError
from localcloud.store import Resource, Store


def resource(name: str, **properties: object) -> Resource:
    return Resource(
        type="gcp:compute/network:Network",
        id=name,
        name=name,
        project="p",
        urn=f"urn::{name}",
        inputs={},
        properties=dict(properties),
        secrets=frozenset({("a", 0)}),
        created=0.0,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cloud.db")


def fill(path: Path, prefix: str) -> None:
    """What one provider process does: many threads that write."""
    store = Store(path)
    threads = [threading.Thread(target=write, args=(store, f"{prefix}-{n}")) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.close()


def write(store: Store, prefix: str) -> None:
    for number in range(20):
        with store.transaction():
            count = int(store.find()[0].properties["count"])
            store.put(resource("counter", count=count + 1))
            store.put(resource(f"{prefix}-{number}"))


def test_many_processes_and_threads_lose_no_update(tmp_path: Path) -> None:
    path = tmp_path / "cloud.db"
    store = Store(path)
    store.put(resource("counter", count=0))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=fill, args=(path, f"p{number}")) for number in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    counter = store.get("gcp:compute/network:Network", "counter")
    assert counter is not None
    assert counter.properties["count"] == 3 * 4 * 20
    assert len(store.find()) == 3 * 4 * 20 + 1
    store.close()


def test_what_is_written_is_read_again(store: Store) -> None:
    written = resource("n", nested={"a": ["x"]})
    store.put(written)
    assert store.get(written.type, "n") == written
    store.close()


def half_done(store: Store) -> None:
    with store.transaction():
        store.put(resource("n"))
        raise InterruptedError


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    with pytest.raises(InterruptedError):
        half_done(store)
    assert store.find() == []
    store.close()


def test_only_the_owner_can_read_the_file(store: Store) -> None:
    store.put(resource("n"))
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    store.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to be looked at" * 30, b"SQLite format 3\x00" + b"\xff" * 4096]
)
def test_a_damaged_file_is_named_with_the_way_back(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cloud.db").write_bytes(content)
    store = Store(tmp_path / "cloud.db")
    with pytest.raises(LocalCloudError, match=r"cloud\.db is damaged .*python -m localcloud reset") as caught:
        store.find()
    assert str(tmp_path) in str(caught.value)
    store.close()


def test_damage_inside_is_named_too(store: Store) -> None:
    for number in range(200):
        store.put(resource(f"n{number}", text="x" * 200))
    store.close()
    with store.path.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 20000)
    with pytest.raises(LocalCloudError, match="is damaged"):
        store.find()
    store.close()


def test_a_file_of_another_version_is_refused(store: Store) -> None:
    store.find()
    store.connection.execute("PRAGMA user_version=99")
    store.close()
    with pytest.raises(LocalCloudError, match=r"written by another version of localcloud \(99, not 1\)"):
        store.find()
    store.close()


def test_a_full_disk_is_said_to_be_one_and_nothing_changes(store: Store) -> None:
    store.put(resource("before"))
    pages = store.query("PRAGMA page_count")[0][0]
    store.query(f"PRAGMA max_page_count={pages + 1}")
    with pytest.raises(LocalCloudError, match=r"the disk is full: .*cloud\.db"):
        store.put(resource("large", text="x" * 100_000))
    assert [item.id for item in store.find()] == ["before"]
    store.close()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "cloud.db")
    with pytest.raises(LocalCloudError, match=r"file/cloud\.db cannot be made"):
        store.find()


def test_a_writer_that_never_ends_is_reported(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("localcloud.store.WAIT_SECONDS", 0.1)
    store.find()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LocalCloudError, match="locked by another process"):
        store.put(resource("n"))
    other.close()
    store.close()


def test_a_grave_ends_with_its_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.bury("t", "id", "why", 60)
    store.bury("t", "for-ever", "why", None)
    assert store.grave("t", "id") is not None
    monkeypatch.setattr("time.time", lambda: 10**12)
    assert store.grave("t", "id") is None
    assert store.grave("t", "for-ever") is not None
    store.close()

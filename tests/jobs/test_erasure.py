"""The ledger: a record is what docs/erasure.md says, and a replay erases what it names and nothing else (PRI-2)."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from jobs import erasure
from jobs.core.problems import Found
from jobs.erasure import Record, add, records, replay
from jobs.postgres.server import Server
from jobs.storage.folder import FolderStore
from tests.jobs.conftest import Execute
from tests.recording import ROOT

NOW = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)


def record(**values: Any) -> Record:
    """An erasure of a customer."""
    base = {
        "erased_at": NOW,
        "database": "orders",
        "table": "customer",
        "column": "id",
        "key": "5",
        "reason": "request",
    }
    return Record.model_validate(base | values)


def test_the_example_of_the_page_is_a_record() -> None:
    """Text and program agree about the form, and the name follows from the content."""
    text = (ROOT / "docs" / "erasure.md").read_text()
    example = re.search(r"```json\n(.*?)```", text, re.S)
    assert example is not None
    parsed = Record.model_validate_json(example[1])
    assert json.loads(parsed.document()) == json.loads(example[1])
    assert re.fullmatch(r"orders/2027-01-15T09:30:00Z-[0-9a-f]{16}\.json", parsed.name)
    assert parsed.name in text


@pytest.mark.parametrize(
    "values",
    [
        {"version": 2},
        {"erased_at": "2027-01-15T09:30:00"},
        {"key": ""},
        {"reason": "whim"},
        {"database": "../x"},
        {"x": 1},
    ],
)
def test_what_is_no_record_is_refused(values: dict[str, Any]) -> None:
    """A reader refuses what it does not know."""
    with pytest.raises(ValidationError):
        record(**values)


def test_records_are_listed_from_a_moment_on(tmp_path: Path) -> None:
    """By their names, without reading the older ones."""
    store = FolderStore(tmp_path)
    old, new = record(erased_at=NOW - timedelta(days=9)), record(key="6")
    assert add(store, old)
    assert add(store, new)
    assert add(store, record(database="other"))
    assert not add(store, new)
    assert list(records(store, "orders", NOW - timedelta(days=1))) == [new]
    assert list(records(store, "orders", NOW - timedelta(days=30))) == [old, new]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("orders/readme.txt", b"hello", "is no erasure record"),
        (f"orders/2027-01-15T09:30:00Z-{'0' * 16}.json", b"{", "cannot be understood"),
        (f"orders/2027-01-15T09:30:00Z-{'0' * 16}.json", record().document(), "another record than its name"),
    ],
)
def test_what_cannot_be_understood_is_never_skipped(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    """It could be anybody's erasure."""
    store = FolderStore(tmp_path)
    store.create(name, content)
    with pytest.raises(Found, match=says):
        list(records(store, "orders", NOW))


def replayed(server: Server, database: str, *found: Record, backup_at: datetime = NOW) -> erasure.Replayed:
    """Of a restored database."""
    with server.connect(database, autocommit=True) as connection:
        return replay(connection, found, backup_at)


def test_a_replay_follows_the_foreign_keys_of_the_listed_tables(
    server: Server, database: str, execute: Execute
) -> None:
    """Children of children first, by keys of several columns; what deletes itself need not be listed."""
    done = replayed(server, database, record(cascade=["newsletter_click", "newsletter"]))
    assert (done.records, done.rows, done.problems) == (1, 3, [])
    for table in ("newsletter_click", "newsletter", "address"):
        query = f"SELECT count(*) FROM sales.{table} WHERE customer_id = 5"  # noqa: S608
        assert execute(query) == [(0,)]
    assert execute("SELECT count(*), count(customer_id) FROM sales.invoice") == [(500, 499)]
    assert execute("SELECT count(*) FROM sales.customer") == [(499,)]
    again = replayed(server, database, record(cascade=["newsletter_click", "newsletter"]))
    assert (again.rows, again.problems) == (0, [])


def test_rows_that_are_not_listed_are_not_deleted_and_the_erasure_is_a_problem(
    server: Server, database: str, execute: Execute
) -> None:
    """Deleting more than was recorded would be a loss; leaving the person would be one as well."""
    done = replayed(server, database, record())
    assert any("violates foreign key" in problem for problem in done.problems)
    assert any("1 rows of it are still in sales.customer" in problem for problem in done.problems)
    assert execute("SELECT count(*) FROM sales.customer") == [(500,)]


def test_a_table_without_a_foreign_key_is_found_by_its_column(server: Server, database: str, execute: Execute) -> None:
    """customer_id, as the application calls it."""
    execute("CREATE TABLE sales.visit (customer_id text, page text)")
    execute("INSERT INTO sales.visit VALUES ('5', '/'), ('6', '/')")
    done = replayed(server, database, record(cascade=["newsletter_click", "newsletter", "visit"]))
    assert done.problems == []
    assert execute("SELECT customer_id FROM sales.visit") == [("6",)]
    execute("CREATE TABLE sales.unrelated (v int)")
    (problem,) = replayed(
        server, database, record(key="7", cascade=["newsletter", "newsletter_click", "unrelated"])
    ).problems[:1]
    assert "neither has a foreign key to customer nor a column customer_id; erase it by hand" in problem


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"table": "gone"}, "there is no table gone"),
        ({"column": "gone"}, "has no column gone"),
        ({"table": "twin"}, "more than one table twin"),
        ({"key": "not a number"}, "invalid input syntax"),
    ],
)
def test_what_cannot_be_erased_is_named(
    server: Server, database: str, execute: Execute, values: dict[str, Any], says: str
) -> None:
    """With the record, so that a person can do it."""
    execute("CREATE TABLE public.twin (id int)")
    execute("CREATE TABLE sales.twin (id int)")
    one = record(**values)
    (problem,) = replayed(server, database, one).problems
    assert problem.startswith(one.name)
    assert says in problem


def test_an_older_record_of_a_table_that_is_gone_is_no_problem(server: Server, database: str) -> None:
    """The backup was made after the erasure: nothing can come back."""
    old = record(table="gone", erased_at=NOW - timedelta(hours=3))
    assert replayed(server, database, old).problems == []


def test_names_with_quotes_and_schemas_are_found(server: Server, database: str, execute: Execute) -> None:
    """As PostgreSQL has them, without quotes."""
    one = record(table='Odd Schema.Every "type"', column="the row", key="1")
    assert replayed(server, database, one).problems == []
    assert execute('SELECT count(*) FROM "Odd Schema"."Every ""type"""') == [(2,)]

"""Digests and fingerprints: equal for equal content in any order, different for any difference."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from jobs.core import evidence
from jobs.postgres import facts, schema
from jobs.postgres.server import Server
from tests.jobs.conftest import Execute
from tests.recording import ROOT


@pytest.fixture
def digest(server: Server, database: str) -> Callable[..., str]:
    """Of a table, under whatever settings the session begins with."""

    def of(name: str, **settings: str) -> str:
        with server.connect(database) as connection:
            for key, value in settings.items():
                connection.execute("SELECT set_config(%s, %s, true)", (key, value))
            facts.fix_settings(connection)
            return facts.table(connection, *name.split(".", 1)).digest

    return of


def test_order_does_not_count_and_repetition_does(execute: Execute, digest: Callable[..., str]) -> None:
    """A sum, unlike XOR, sees rows that occur twice."""
    execute("CREATE TABLE public.a AS SELECT unnest(ARRAY[1, 2, 2, 3]) AS v")
    execute("CREATE TABLE public.b AS SELECT unnest(ARRAY[2, 3, 1, 2]) AS v")
    execute("CREATE TABLE public.c AS SELECT unnest(ARRAY[1, 3, 3, 3]) AS v")
    execute("CREATE TABLE public.d AS SELECT unnest(ARRAY[1, 3]) AS v")
    assert digest("public.a") == digest("public.b")
    assert len({digest(f"public.{name}") for name in "acd"}) == 3


def test_settings_of_a_session_change_nothing(digest: Callable[..., str]) -> None:
    """Dates, intervals, floats, bytes, time zones and money have one text."""
    name = 'Odd Schema.Every "type"'
    other = {"datestyle": "German", "intervalstyle": "sql_standard", "timezone": "Asia/Tokyo", "search_path": "sales"}
    other |= {"extra_float_digits": "-10", "bytea_output": "escape", "xmlbinary": "hex"}
    assert digest(name) == digest(name, **other)


@pytest.mark.parametrize(
    "change",
    [
        "t_real = 'Infinity'",
        "t_text = t_text || ' '",
        "t_bytea = '\\x00ff5c28'",
        't_json = \'{"b": 1, "a": [null]}\'',
        "t_numeric = NULL",
        "t_timestamptz = t_timestamptz + interval '1 microsecond'",
        "t_array = '{{1,2},{3,4}}'",
        "t_double = 0.3",
    ],
)
def test_any_changed_value_changes_the_digest(execute: Execute, digest: Callable[..., str], change: str) -> None:
    """Down to the last digit, and to spaces in JSON, which are part of it."""
    name = 'Odd Schema.Every "type"'
    before = digest(name)
    execute(f'UPDATE "Odd Schema"."Every ""type""" SET {change} WHERE "the row" = 1')  # noqa: S608
    assert digest(name) != before


def test_a_changed_large_object_is_seen(server: Server, database: str, execute: Execute) -> None:
    """Also one byte of a large one, and an empty one more."""

    def found() -> facts.LargeObjects:
        with server.connect(database) as connection:
            return facts.large_objects(connection)

    before = found()
    assert (before.count, before.bytes) == (3, 1_200_004)
    execute("SELECT lo_put(900002, 1000000, '\\x00')")
    assert found().digest != before.digest
    execute("SELECT lo_create(900009)")
    assert found().count == 4


@pytest.mark.parametrize(
    ("statement", "behind"),
    [
        ("SELECT setval('sales.customer_id_seq', 500)", []),
        ("SELECT setval('sales.customer_id_seq', 500, false)", ["sales.customer_id_seq"]),
        ("INSERT INTO sales.address (id, customer_id) VALUES (9000, 1)", ["sales.address_id_seq"]),
        ("CREATE TABLE public.plain (v bigint DEFAULT nextval('public.set_back'))", []),
        (
            "CREATE TABLE public.m AS SELECT -999 AS v; ALTER TABLE public.m ALTER v SET DEFAULT nextval('down')",
            ["public.down"],
        ),
        ("ALTER SEQUENCE sales.address_id_seq RESTART 1 CYCLE", []),
    ],
)
def test_sequences_are_held_against_their_columns(
    server: Server, database: str, execute: Execute, statement: str, behind: list[str]
) -> None:
    """Owned or only used as a default, upwards or downwards, unless they may begin again."""
    for part in statement.split(";"):
        execute(part)
    with server.connect(database) as connection:
        facts.fix_settings(connection)
        assert [one.name for one in facts.sequences(connection) if one.behind] == behind


def test_the_schema_is_read_object_by_object(server: Server, database: str, source: object) -> None:
    """A comment in a function that looks like pg_dump's own is no object."""
    found = schema.read(server, database, source.programs)  # type: ignore[attr-defined]
    kinds = {(one.kind, one.name) for one in found}
    assert ("TABLE", "sales.customer") in kinds
    assert ("FUNCTION", "sales.touch()") in kinds
    assert ("POLICY", "sales.customer mine") in kinds
    assert next(one.owner for one in found if one.name == "sales.address") == "app_owner"
    assert schema.fingerprint(found) == schema.fingerprint(found[::-1])


@pytest.mark.parametrize(
    ("statement", "empty"),
    [
        ("CREATE SCHEMA alone", True),
        ("CREATE EXTENSION IF NOT EXISTS citext", True),
        ("CREATE TABLE public.t ()", False),
        ("SELECT lo_create(0)", False),
        ("CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", False),
    ],
)
def test_an_empty_database_is_known(server: Server, database: str, statement: str, empty: bool) -> None:
    """What extensions bring does not count."""
    with server.connect("postgres", autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {database} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {database}")
    with server.connect(database) as connection:
        connection.execute(statement.encode())
        assert facts.is_empty(connection) is empty


def test_the_published_schema_of_evidence_is_current() -> None:
    """docs/schemas/job-evidence.json; on a difference: python -m jobs.core.evidence > docs/schemas/job-evidence.json"""
    published = json.loads((ROOT / "docs" / "schemas" / "job-evidence.json").read_text())
    assert published == evidence.schema()

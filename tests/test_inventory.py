"""The data inventory: rows and stores say the same, and a mistake names the line it stands on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from config import ConfigError, parse
from settings.base import Mistake
from settings.inventory import read
from settings.rows import Unreadable
from tests.recording import ROOT, Recording, record_stack, stack_file

ROW = {
    "kind": "database",
    "dataClass": "customer",
    "purpose": "what this store is for",
    "region": "europe-west1",
    "retentionDays": 30,
    "owner": "orders-team",
}


def judged(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> dict[str, Mistake]:
    """The mistakes of the production stack with a changed inventory, by key."""
    document = YAML(typ="safe").load(ROOT / "data.yaml")
    change(document["prod"])
    path = tmp_path / "data.yaml"
    YAML().dump(document, path)
    stack = {key.removeprefix("secure-hosting:"): value for key, value in stack_file().items()}
    with pytest.raises(ConfigError) as refusal:
        parse(stack, documents=[read(path, "prod")])
    return {mistake.key.partition(" ")[2]: mistake for mistake in refusal.value.mistakes}


@pytest.mark.parametrize("stack", ["prod", "small"])
def test_every_stack_file_has_an_inventory_that_fits(stack: str) -> None:
    """The committed files contradict each other nowhere."""
    sections = {key.removeprefix("secure-hosting:"): value for key, value in stack_file(stack).items()}
    assert parse(sections, stack, documents=[read(ROOT / "data.yaml", stack)]).inventory


def test_a_store_without_a_row_is_refused(tmp_path: Path) -> None:
    """The message holds the row to write, with all that the stack file already says."""
    (mistake,) = judged(tmp_path, lambda rows: rows.pop("orders")).values()
    assert (mistake.clause, "databases.orders" in mistake.problem) == ("MIN-2", True)
    assert "kind: database, dataClass: customer" in mistake.example


def test_a_row_without_a_store_is_refused(tmp_path: Path) -> None:
    """A row of a store that is gone promises something about data that lies elsewhere now."""
    found = judged(tmp_path, lambda rows: rows.update(old=ROW))
    assert found["old"].clause == "MIN-2"
    assert "no store of this stack" in found["old"].problem


CONTRADICTIONS = {
    "orders.kind": ("bucket", "MIN-2", "database"),
    "orders.dataClass": ("internal", "MIN-2", "customer"),
    "orders.region": ("europe-west4", "PRI-1", "europe-west1"),
    "exports.region": ("europe-west1", "PRI-1", "europe-west4"),
    "exports.retentionDays": (60, "MIN-1", "90"),
    "logs.retentionDays": (800, "MIN-1", "430"),
    "erasures.retentionDays": (400, "MIN-1", "430"),
}


@pytest.mark.parametrize(("key", "case"), CONTRADICTIONS.items(), ids=CONTRADICTIONS.keys())
def test_a_row_that_contradicts_the_stack_is_refused(tmp_path: Path, key: str, case: tuple[object, str, str]) -> None:
    """One of the two is wrong, and nobody would know which."""
    value, clause, remedy = case
    store, field = key.split(".")
    found = judged(tmp_path, lambda rows: rows[store].update({field: value}))
    assert set(found) == {key}
    assert found[key].clause == clause
    assert remedy in found[key].example


def test_a_mistake_stands_on_its_line(tmp_path: Path) -> None:
    """Also a row that is wrong in itself, and all of them at once."""
    path = tmp_path / "data.yaml"
    path.write_text("prod:\n  orders:\n    kind: database\n    owner: Orders Team\n\n    retentionDays: 0\n")
    stack = {key.removeprefix("secure-hosting:"): value for key, value in stack_file().items()}
    with pytest.raises(ConfigError) as refusal:
        parse(stack, documents=[read(path, "prod")])
    keys = {mistake.key for mistake in refusal.value.mistakes}
    assert {"data.yaml:4 orders.owner", "data.yaml:6 orders.retentionDays", "data.yaml:2 orders.purpose"} <= keys
    assert "data.yaml:1 exports" in keys


def test_there_is_one_inventory(tmp_path: Path) -> None:
    """Rows in the stack file would be read by nobody."""
    stack = {key.removeprefix("secure-hosting:"): value for key, value in stack_file().items()}
    with pytest.raises(ConfigError) as refusal:
        parse({**stack, "inventory": {"orders": ROW}}, documents=[read(ROOT / "data.yaml", "prod")])
    assert [(mistake.key, mistake.clause) for mistake in refusal.value.mistakes] == [("inventory", "MIN-2")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prod:\n  orders: [", "data.yaml:"),
        ("- orders\n", "data.yaml:1 is not a mapping"),
        ("small: {}\nprod: 7\n", "data.yaml:2 prod is not a mapping"),
        ("prod:\n  orders: {}\n  orders: {}\n", "data.yaml:3 is not YAML"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, text: str, says: str) -> None:
    """With its line, and without a traceback."""
    path = tmp_path / "data.yaml"
    path.write_text(text)
    with pytest.raises(Unreadable, match=says):
        read(path, "prod")


@pytest.mark.parametrize("text", [None, "", "small: {}\n", "prod:\n"])
def test_a_missing_section_has_no_rows(tmp_path: Path, text: str | None) -> None:
    """Every store is then told to be without a row, instead of the file being read as right."""
    path = tmp_path / "data.yaml"
    if text is not None:
        path.write_text(text)
    assert read(path, "prod").rows == {}


@pytest.mark.parametrize("stack", ["prod", "small", "render-only"])
def test_every_store_made_has_a_row(stack: str) -> None:
    """The label tells which; a store that nobody listed has none, or one of no row."""
    rows = YAML(typ="safe").load(ROOT / "data.yaml")[stack]
    recording = record_stack(stack=stack)
    made = {urn: had for urn, had in labelled(recording).items() if had[0] != "logs"}
    assert {urn: store for urn, (store, _) in made.items() if store not in rows} == {}
    assert {urn: had for urn, (store, had) in made.items() if had != rows[store]["dataClass"]} == {}
    kinds = {"bucket", "cache", "database", "secrets"}
    there = {store for store, _ in made.values()} | on_render(recording)
    assert {name for name, row in rows.items() if row["kind"] in kinds} == there


def on_render(recording: Recording) -> set[str]:
    """Stores on Render, which takes no labels: their name is that in the inventory."""
    kinds = ("render:postgres:Postgres", "render:key-value:KeyValue")
    return {str(r.inputs["name"]) for kind in kinds for r in recording.of(kind)}


def labelled(recording: Recording) -> dict[str, tuple[str, str]]:
    """Name in the inventory and class of data of everything that holds data, by URN."""
    kinds = ("gcp:storage/bucket:Bucket", "gcp:secretmanager/secret:Secret")
    labels = {r.urn: r.inputs.get("labels", {}) for kind in kinds for r in recording.of(kind)}
    for database in recording.of("gcp:sql/databaseInstance:DatabaseInstance"):
        labels[database.urn] = database.inputs["settings"]["userLabels"]
    return {urn: (had.get("store", ""), had.get("data-class", "")) for urn, had in labels.items()}

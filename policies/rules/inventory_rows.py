"""Every store against its row of data.yaml: it has one, of its class, in its region, and keeps nothing for longer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource, gcp
from policies.normalise import seconds
from policies.registers import Registers, StoreRow
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._locations import inside, places, region_of
from policies.rules._stores import STORES

_LABELS: Final = {token: store.labels for token, store in STORES.items() if store.labels}
_ON_RENDER: Final = ("render:postgres:Postgres", "render:key-value:KeyValue")
_BUCKET: Final = gcp("storage/bucket")
_DATASET: Final = gcp("bigquery/dataset")
_TOPIC: Final = gcp("pubsub/topic")
_SQL: Final = gcp("sql/databaseInstance")
_STORES: Final = (_BUCKET, *(t for t in _LABELS if t != _BUCKET), *_ON_RENDER)
_DAY: Final = 86_400.0
_OWN_HOUSE: Final = "nobody keeps an inventory beside this stack"


def _row(**changes: Any) -> StoreRow:
    row = {"id": "exports", "kind": "bucket", "dataClass": "copies", "region": "europe-west4", "retentionDays": 90}
    return StoreRow.model_validate({**row, **changes})


def _kept(token: str = _BUCKET, row: StoreRow | None = None, **props: Any) -> Sample:
    """A store of the row's name and class, unless it says otherwise."""
    labels = {"store": "exports", "data-class": "copies", **props.pop("labels", {})}
    labels = {key: value for key, value in labels.items() if value is not None}
    where: dict[str, Any] = {"location": "EUROPE-WEST4"}
    if token == _SQL:
        where = {"region": "europe-west4", "settings": {"userLabels": labels}}
    elif token in _ON_RENDER:
        where = {"name": "exports", "region": "frankfurt"}
    else:
        where["labels"] = labels
    rows = {"exports": row or _row()} if row is not _NONE else {}
    registers = Registers(today=dt.date(2026, 11, 22), inventory={"prod": rows})
    return Sample(token, {**where, **props}, "exports", registers=registers)


_NONE: Final = _row(id="none")


def _delete(age: Any, **condition: Any) -> dict[str, Any]:
    return {"action": {"type": "Delete"}, "condition": {"age": age, **condition}}


def _found(store: Resource) -> tuple[str | None, StoreRow | None] | None:
    """The name under which the inventory would have the store, and its row; None where nobody keeps an inventory."""
    graph = store.graph
    if graph is None or graph.registers is None or graph.stack not in graph.registers.inventory:
        return None
    path = _LABELS.get(store.type)
    name = store.text(f"{path}.store") if path else store.text("name")
    return name, graph.registers.inventory[graph.stack].get(name or "")


@rule(
    id="inventory-row-exists",
    clause="MIN-2",
    title="Every store has its row in data.yaml, and holds the class of data that the row says",
    severity="high",
    types=_STORES,
    decides=("labels.store",),
    absent="not_applicable",
    graph=True,
    fix="a row in data.yaml under the name of the stack: kind, dataClass, purpose, region, retentionDays, owner",
    good=(_kept(), _kept(_SQL), _kept(_ON_RENDER[0], _row(region="frankfurt"))),
    bad=(
        _kept(labels={"store": "scratch"}),
        _kept(_SQL, _NONE),
        _kept(labels={"data-class": "customer"}),
        _kept(_ON_RENDER[1], _NONE),
    ),
    not_applicable=(_kept(labels={"store": None}), {"labels": {"store": "exports"}}),
)
def row_exists(store: Resource) -> Iterator[Finding]:
    """What nobody wrote down nobody deletes in time, and nobody finds when a person asks. Judged where the repository
    has an inventory with a section for the stack; a store without its name is found by another rule."""
    found = _found(store)
    if found is None or not found[0]:
        yield skip(_OWN_HOUSE if found is None else "the store names no row")
        return
    name, row = found
    path = _LABELS.get(store.type)
    if row is None:
        yield fail(store, f"{path}.store" if path else "name", f"{name} has no row in data.yaml for this stack")
    elif path and (own := store.text(f'{path}["data-class"]')) and own != row.data_class:
        yield fail(store, f'{path}["data-class"]', f"is {own}, and its row ({row.where}) says {row.data_class}")


@rule(
    id="inventory-region-kept",
    clause="PRI-1",
    title="Every store lies in the region that its row in data.yaml says",
    severity="high",
    types=_STORES,
    decides=("location",),
    absent="fail",
    graph=True,
    fix='location="EUROPE-WEST4"  # the region of its row; or a reviewed change of the row',
    good=(_kept(), _kept(_SQL), _kept(_ON_RENDER[0], _row(region="frankfurt"))),
    bad=(
        _kept(location="US"),
        _kept(_SQL, region="us-central1"),
        _kept(_ON_RENDER[1], _row(region="frankfurt"), region="oregon"),
    ),
    not_applicable=(_kept(row=_row(region="global")), _kept(row=_NONE)),
)
def region_kept(store: Resource) -> Iterator[Finding]:
    """The row is what customers are told. Backups of a database lie elsewhere on purpose and are judged by BAK-3."""
    found = _found(store)
    row = found[1] if found is not None else None
    if row is None or row.region == "global":
        yield skip("the store has no row that names a region")
        return
    for path, place in places(store):
        away = path.startswith("settings.backupConfiguration")
        if not away and region_of(place) != row.region and not inside(place, (row.region,)):
            yield fail(store, path, f"is {place}, and its row ({row.where}) says {row.region}")


@rule(
    id="inventory-retention-kept",
    clause="MIN-1",
    title="No store keeps its content for longer than its row in data.yaml says",
    severity="medium",
    types=(_BUCKET, _DATASET, _TOPIC),
    decides=("lifecycleRules",),
    absent="pass",
    graph=True,
    fix='lifecycle_rules=[{"action": {"type": "Delete"}, "condition": {"age": 90}}]  # the days of its row',
    good=(
        _kept(lifecycleRules=[_delete(90, withState="LIVE")]),
        _kept(_DATASET, defaultTableExpirationMs=90 * 86_400_000),
        _kept(_TOPIC, messageRetentionDuration="604800s"),
    ),
    bad=(
        _kept(lifecycleRules=[_delete(400, withState="LIVE")]),
        _kept(lifecycleRules=[_delete("91")]),
        _kept(_DATASET, defaultTableExpirationMs=91 * 86_400_000),
        _kept(_TOPIC, messageRetentionDuration="8000000s"),
    ),
    not_applicable=(_kept(row=_NONE, lifecycleRules=[_delete(400)]),),
)
def retention_kept(store: Resource) -> Iterator[Finding]:
    """A store that keeps longer than was said keeps without a purpose. That something is deleted at all is judged by
    other rules; databases are emptied by their application."""
    found = _found(store)
    row = found[1] if found is not None else None
    if row is None:
        yield skip("the store has no row")
    elif store.type == _BUCKET:
        for block in store.views("lifecycleRules"):
            age = block.number("condition.age") if block.upper("action.type") == "DELETE" else None
            if age is not None and age > row.retention_days and block.upper("condition.withState", "ANY") != "ARCHIVED":
                yield fail(block, "condition.age", _longer(age, row))
    elif store.type == _DATASET:
        for path in ("defaultTableExpirationMs", "defaultPartitionExpirationMs"):
            days = (store.number(path) or 0) / _DAY / 1000
            if days > row.retention_days:
                yield fail(store, path, _longer(days, row))
    else:
        days = (seconds(store.text("messageRetentionDuration")) or 0) / _DAY
        if days > row.retention_days:
            yield fail(store, "messageRetentionDuration", _longer(days, row))


def _longer(days: float, row: StoreRow) -> str:
    return f"is {days:g} days, more than the {row.retention_days} of its row ({row.where})"

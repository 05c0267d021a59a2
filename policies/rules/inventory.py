"""Data inventory: every store says which class of data it holds, and uses the key of that class (MIN-2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._keys import KEY, keys_of
from policies.rules._stores import STORES

_LABELLED = {token: store.labels for token, store in STORES.items() if store.labels and store.data}
_ALL_LABELS = {token: store.labels for token, store in STORES.items() if store.labels}
_SQL = gcp("sql/databaseInstance")
_BUCKET = gcp("storage/bucket")
_OURS = Sample("hosting:data:Stores", {}, "stores")
_LABEL: Mapping[str, str] = {"label": "data-class"}


def _sql(**labels: str) -> Sample:
    return Sample(_SQL, {"settings": {"tier": "db-custom-1-3840", "userLabels": labels}}, "orders")


def _label(resource: Resource, name: str) -> str | None:
    path = _ALL_LABELS.get(resource.type)
    return resource.text(f'{path}["{name}"]') if path else None


def _keeps_inventory(graph: Graph | None, name: str) -> bool:
    """Whether the stack keeps an inventory: it is made of our components or labels some store with a class."""
    return graph is not None and graph.once(_inventory_kept, name)


def _inventory_kept(graph: Graph, name: str) -> bool:
    if any(t.startswith("hosting:") for t in graph.types):
        return True
    for resource in [r for token in _ALL_LABELS for r in graph.of(token)]:
        labels = resource.raw(_ALL_LABELS[resource.type] or "")
        if isinstance(labels, dict) and labels.get(name) not in (None, "", UNKNOWN):
            return True
    return False


@rule(
    id="inventory-store-classified",
    clause="MIN-2",
    title="Every store says which class of data it holds",
    severity="medium",
    types=tuple(_LABELLED),
    decides=('settings.userLabels["data-class"]',),
    fix='labels={"data-class": "customer"}  # the class of its row in the data inventory',
    graph=True,
    params=_LABEL,
    good=(
        (_sql(**{"data-class": "customer"}), _OURS),
        (Sample(_BUCKET, {"labels": {"data-class": "logs"}}),),
    ),
    bad=(
        (_sql(team="shop"), _OURS),
        (Sample(_BUCKET, {"name": "scratch"}), Sample(_BUCKET, {"labels": {"data-class": "logs"}}, "logs")),
        (Sample(gcp("bigquery/dataset"), {"labels": {"data-class": ""}}), _OURS),
    ),
    not_applicable=(_sql(team="shop"), {"name": "orders"}),
)
def store_classified(store: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """What nobody classified nobody deletes, and nobody finds when a person asks for the own data. Judged in stacks
    that keep an inventory: made of this project's components, or with a class on some store."""
    name = str(params["label"])
    if not _keeps_inventory(store.graph, name):
        yield skip("the stack keeps no data inventory")
    elif not _label(store, name):
        yield fail(store, f'{_LABELLED[store.type]}["{name}"]', "is not set: the store has no row in the inventory")


@rule(
    id="inventory-key-of-its-class",
    clause="MIN-2",
    title="A store is encrypted with the key of its own class of data",
    severity="high",
    types=(_BUCKET, *(t for t in _LABELLED if t != _BUCKET)),
    decides=('labels["data-class"]',),
    absent="not_applicable",
    fix="default_kms_key_name=keys[data_class].id",
    graph=True,
    params=_LABEL,
    good=(
        (
            Sample(
                _BUCKET,
                {"labels": {"data-class": "customer"}, "encryption": {"defaultKmsKeyName": "k"}},
                "exports",
                {"encryption": ("customer",)},
            ),
            Sample(KEY, {"labels": {"data-class": "customer"}}, "customer", outputs={"id": "k"}),
        ),
    ),
    bad=(
        (
            Sample(
                _BUCKET,
                {"labels": {"data-class": "customer"}, "encryption": {"defaultKmsKeyName": "k"}},
                "exports",
                {"encryption": ("logs",)},
            ),
            Sample(KEY, {"labels": {"data-class": "logs"}}, "logs", outputs={"id": "k"}),
        ),
    ),
    not_applicable=({"name": "exports"}, {"labels": {"data-class": "customer"}}),
)
def key_of_its_class(store: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A key per class lets one class be closed, or erased for good, without touching the others; and whoever may use
    the key of harmless data must not be able to read the rest with it."""
    name = str(params["label"])
    own = _label(store, name)
    keys = [(path, key, _label(key, name)) for path, key in keys_of(store)] if own else []
    if not any(theirs for _, _, theirs in keys):
        yield skip("the store or its key has no class")
    for path, key, theirs in keys:
        if theirs and theirs != own:
            yield fail(store, path, f"is the key {key.name} of class {theirs}, and the store is of class {own}")

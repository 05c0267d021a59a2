"""Stores beside the databases: buckets, and for those who need them datasets and topics.

Each has a row in data.yaml, which says how long its content stays; without the row there is no store.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from .base import Mistake, Name, Named, Section, setting
from .data import unknown_class

if TYPE_CHECKING:
    from config import StackConfig

MESSAGE_DAYS_MAX = 31
"""Days for which Pub/Sub keeps a message at the most."""

DATASET_DAYS_MAX = 3650
"""MIN-1: ten years are the longest that bookkeeping asks for."""


class Store(Section):
    """Who uses a store. Writers add and replace, readers read; neither changes who else may."""

    data_class: str = setting("MIN-2", "customer")
    """The class of what it stores; decides the key."""

    formerly: Name | None = setting("CHG-5", "bills", None)
    """The name under which it was made, when the stack file calls it something else now. In the cloud it keeps that
    name for ever: renaming it there would mean another, empty one."""

    writers: tuple[str, ...] = setting("ACC-10", ["orders-api"], ())
    """Workloads that write to it."""

    readers: tuple[str, ...] = setting("ACC-10", ["report-runner"], ())
    """Workloads that read it."""


class Bucket(Store):
    """A bucket in the primary region. A class that is public makes it readable for everybody: see dataClasses."""

    soft_delete_days: Annotated[int, Field(ge=7, le=90)] = setting("BAK-8", 14, 14)
    """Days in which a deleted object can be brought back."""

    earlier_versions_days: Annotated[int, Field(ge=1, le=180)] = setting("BAK-8", 30, 30)
    """Days for which an overwritten or deleted version stays."""


class Dataset(Store):
    """A BigQuery dataset in the primary region; its tables expire as its row in data.yaml says."""


class Topic(Store):
    """A Pub/Sub topic with one subscription for each reader."""


StoreKind = Literal["bucket", "dataset", "topic"]

STORES: Mapping[str, StoreKind] = {"buckets": "bucket", "datasets": "dataset", "topics": "topic"}
"""Section of the stack file → kind in the inventory."""


def configured(config: StackConfig) -> Iterator[tuple[str, StoreKind, str, Bucket | Dataset | Topic]]:
    """Section, kind, name and settings of every store."""
    for section, kind in STORES.items():
        stores: Named[Bucket | Dataset | Topic] = getattr(config, section)
        for name, store in stores.items():
            yield section, kind, name, store


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse classes without a key, users that do not exist, names taken twice, and rows no service can keep."""
    for name in config.databases:
        if name in RESERVED:
            yield Mistake(
                key=f"databases.{name}",
                clause="MIN-2",
                problem=f"{name} is a store that stacks have anyway, and the inventory has one row for a name",
                example=f"databases.{name}-data",
            )
    taken = {name: f"databases.{name}" for name in config.databases} | dict.fromkeys(RESERVED, "made anyway")
    for section, kind, name, store in configured(config):
        key = f"{section}.{name}"
        yield from unknown_class(config, f"{key}.dataClass", store.data_class, "primary", public=kind == "bucket")
        if name in taken:
            yield Mistake(
                key=key,
                clause="MIN-2",
                problem=f"there is another store called {name} ({taken[name]}); the inventory has one row for a name",
                example=f"{section}.{name}-{kind}",
                others=("databases",),
            )
        taken.setdefault(name, key)
        yield from _users(config, key, store)
        yield from _retention(config, kind, name)
        if kind == "topic" and not store.readers:
            yield Mistake(
                key=f"{key}.readers",
                clause="MIN-1",
                problem="is empty: messages would be stored for nobody",
                example="readers: [report-runner]",
            )


RESERVED = ("access-log", "accounts", "erasures", "exports", "logs", "secrets", "sign-in-source", "vault")
"""Stores that a stack has anyway."""


def _users(config: StackConfig, key: str, store: Store) -> Iterator[Mistake]:
    for field in ("writers", "readers"):
        for workload in getattr(store, field):
            if workload not in config.workloads:
                yield Mistake(
                    key=f"{key}.{field}",
                    clause="ACC-5",
                    problem=f"{workload} is not one of workloads ({', '.join(config.workloads) or 'there are none'})",
                    example=f"workloads.{workload}, with its purpose",
                    others=("workloads",),
                )


def _retention(config: StackConfig, kind: str, name: str) -> Iterator[Mistake]:
    row = config.inventory.get(name)
    limit = {"topic": MESSAGE_DAYS_MAX, "dataset": DATASET_DAYS_MAX, "bucket": DATASET_DAYS_MAX}[kind]
    if row is not None and row.retention_days > limit:
        yield Mistake(
            key=f"inventory.{name}.retentionDays",
            clause="MIN-1",
            problem=f"{row.retention_days} days are more than a {kind} keeps anything ({limit})",
            example=f"retentionDays: {limit}",
        )

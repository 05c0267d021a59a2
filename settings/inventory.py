"""The data inventory: `data.yaml` has one row for each store, and every store of the stack stays inside its row.

The file has a section for each stack. Its rows are read with the stack file, so that all mistakes of both come in one
message, those of the inventory with the line they stand on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from . import rows
from .base import Mistake, Named, Reason, Section, setting
from .company import LabelValue
from .logging import ARCHIVE_DAYS
from .rows import Document
from .stores import configured as others

if TYPE_CHECKING:
    from config import RenderStack, Stack, StackConfig

    from .render import Render

FILE = "data.yaml"
KEY = "inventory"
"""The key under which the rows join the stack file's sections."""

Kind = Literal["accounts", "bucket", "cache", "database", "dataset", "logs", "secrets", "topic", "vault"]


class Row(Section):
    """What one store holds, why, where, for how long, and who answers for it."""

    kind: Kind = setting("MIN-2", "database")
    """What it is: a database, a cache, a bucket, a dataset (BigQuery), a topic (Pub/Sub), the secrets, a log archive,
    a backup vault, or the accounts of users."""

    data_class: str = setting("MIN-2", "customer")
    """One of dataClasses: the most sensitive kind of data in it."""

    purpose: Reason = setting("MIN-2", "orders and invoices, for as long as tax law asks for them")
    """What it is for. Data that serves no purpose of the list does not belong into it."""

    region: Annotated[str, StringConstraints(pattern=r"^[a-z]+(-[a-z]+\d+)?$")] = setting("PRI-1", "europe-west1")
    """A region of Google Cloud or Render, or `global` where the service has no regions."""

    retention_days: Annotated[int, Field(ge=1, le=36_500)] = setting("MIN-1", 3650)
    """Days after which its data is deleted: by the store itself where it can, else by the application."""

    owner: LabelValue = setting("MIN-2", "platform-team")
    """Team that answers for it, and that is asked when a person wants to know or to be forgotten."""


Inventory = Named[Row]


@dataclass(frozen=True, kw_only=True)
class Store:
    """A store as the stack file configures it."""

    key: str
    """Where in the stack file."""
    kind: Kind
    data_class: str
    region: str
    retention_days: int | None = None
    """Days after which the store itself deletes, where the stack file says so."""
    retention_key: str = ""


def stores(config: StackConfig) -> dict[str, Store]:
    """Every store of the stack by its name in the inventory; the label `store` carries the same name."""
    home, away = config.regions.primary, config.regions.backup
    exports, logging = config.backups.exports, config.logging
    found = {
        name: Store(key=f"databases.{name}", kind="database", data_class=database.data_class, region=home)
        for name, database in config.databases.items()
    }
    if config.secrets.external or any(database.built_in_users for database in config.databases.values()):
        found["secrets"] = Store(key="secrets", kind="secrets", data_class=config.secrets.data_class, region=home)
    found["exports"] = Store(
        key="backups.exports",
        kind="bucket",
        data_class=exports.data_class,
        region=away,
        retention_days=exports.delete_after_days,
        retention_key="backups.exports.deleteAfterDays",
    )
    found["access-log"] = replace(found["exports"], retention_days=None)
    found["logs"] = Store(
        key="logging",
        kind="logs",
        data_class=logging.data_class,
        region=home,
        retention_days=logging.retention_days + ARCHIVE_DAYS,
        retention_key="logging.retentionDays",
    )
    for section, kind, name, other in others(config):
        found[name] = Store(key=f"{section}.{name}", kind=kind, data_class=other.data_class, region=home)
    if config.backups.vault is not None:
        kept = [one.backup.retained for one in config.databases.values() if one.backup.mode == "vault"]
        found["vault"] = Store(
            key="backups.vault",
            kind="vault",
            data_class=config.backups.vault.data_class,
            region=away,
            retention_days=max(kept, default=None),
            retention_key="databases",
        )
    found["evidence"] = Store(key="logging", kind="bucket", data_class=logging.data_class, region=home)
    if config.sign_in is not None:
        sign_in = config.sign_in
        found["accounts"] = Store(key="signIn", kind="accounts", data_class=sign_in.data_class, region="global")
        found["sign-in-source"] = Store(key="signIn", kind="bucket", data_class=sign_in.source_class, region=home)
    found |= on_render(config.render) if config.render is not None else {}
    if config.erasure is not None:
        found["erasures"] = Store(key="erasure", kind="bucket", data_class=config.erasure.data_class, region=away)
    return found


def on_render(render: Render) -> dict[str, Store]:
    """The stores of a workspace on Render."""
    found: dict[str, Store] = {}
    for name, one in render.databases.items():
        key = f"render.databases.{name}"
        found[name] = Store(key=key, kind="database", data_class=one.data_class, region=render.region)
    for name, cache in render.caches.items():
        key = f"render.caches.{name}"
        found[name] = Store(key=key, kind="cache", data_class=cache.data_class, region=render.region)
    return found


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a store without a row, a row without a store, and a row that says something else than the stack file."""
    yield from _compared(config, stores(config), lambda name: tuple(_asks_for(config, name)))


def alone(config: RenderStack) -> Iterator[Mistake]:
    """The same for a stack that runs on Render alone."""
    yield from _compared(config, on_render(config.render), lambda _: ())


def _compared(
    config: Stack, configured: dict[str, Store], asks_for: Callable[[str], tuple[str, ...]]
) -> Iterator[Mistake]:
    owner = config.company.owner
    for name, store in configured.items():
        row = config.inventory.get(name)
        if row is None:
            yield Mistake(
                key=f"{KEY}.{name}",
                clause="MIN-2",
                problem=f"is missing: {store.key} configures a store of that name",
                example=f"{name}: {{kind: {store.kind}, dataClass: {store.data_class}, purpose: …, "
                f"region: {store.region}, retentionDays: {store.retention_days or 365}, owner: {owner}}}",
                others=(store.key,),
            )
        else:
            yield from contradictions(f"{KEY}.{name}", row, store)
    for name in config.inventory:
        if name not in configured:
            yield Mistake(
                key=f"{KEY}.{name}",
                clause="MIN-2",
                problem=f"is no store of this stack; there is {', '.join(configured) or 'none'}",
                example="nothing; take the row out, or configure the store",
                others=(
                    *sorted({store.key.partition(".")[0] for store in configured.values()}),
                    *asks_for(name),
                ),
            )


def _asks_for(config: StackConfig, name: str) -> Iterator[str]:
    """The settings that ask for a store, which may be wrong themselves."""
    if name == "vault":
        yield from (f"databases.{one}.backup.mode" for one in config.databases)


def contradictions(key: str, row: Row, store: Store) -> Iterator[Mistake]:
    figures: tuple[tuple[str, object, object, str, tuple[str, ...]], ...] = (
        ("kind", row.kind, store.kind, "MIN-2", (store.key,)),
        ("dataClass", row.data_class, store.data_class, "MIN-2", (f"{store.key}.dataClass",)),
        ("region", row.region, store.region, "PRI-1", ("regions.primary", "regions.backup", "render.region")),
        ("retentionDays", row.retention_days, store.retention_days, "MIN-1", (store.retention_key,)),
    )
    for name, said, configured, clause, rests_on in figures:
        if configured is not None and said != configured:
            yield Mistake(
                key=f"{key}.{name}",
                clause=clause,
                problem=f"is {said}, and {store.key} makes it {configured}",
                example=f"{name}: {configured}",
                others=rests_on,
            )


def read(path: Path, stack: str) -> Document:
    """The rows of a stack. Where file or section is missing, every store lacks its row."""
    return rows.read(path, stack, key=KEY, clause="MIN-2")

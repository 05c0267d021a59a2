"""The erasure ledger: which persons' data was deleted, so that a restore does not bring it back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .backups import ACKNOWLEDGEMENT
from .base import Mistake, Section, setting
from .data import unknown_class
from .limits import EXPORT_RETENTION_DAYS_MIN

if TYPE_CHECKING:
    from config import StackConfig


class Erasure(Section):
    """The bucket of records, in the backup region. One record is one erasure; docs/erasure.md has its form."""

    data_class: str = setting("PRI-2", "copies")
    """Class of the records, with a key in the backup region."""

    retention_days: Annotated[int, Field(ge=EXPORT_RETENTION_DAYS_MIN, le=3650)] = setting("PRI-2", 400)
    """Days in which nobody can change or delete a record: longer than any backup lives."""

    lock: bool = setting("PRI-2", True)
    """Lock the retention, once and for ever."""

    acknowledgement: str | None = setting("PRI-2", ACKNOWLEDGEMENT, None)
    """The sentence that shows that the lock is meant."""

    writers: Annotated[tuple[str, ...], Field(min_length=1)] = setting("PRI-2", ["orders-api"])
    """Workloads that erase: each may add records, and do nothing else."""

    readers: Annotated[tuple[str, ...], Field(min_length=1)] = setting("PRI-2", ["restore-drill"])
    """Workloads that restore: each may read records, and do nothing else."""


def longest_backup(config: StackConfig) -> tuple[int, str]:
    """Days for which the longest-lived backup of the stack exists, and the setting that says so."""
    exports = config.backups.exports
    lives = [(exports.delete_after_days + exports.soft_delete_days, "backups.exports")]
    for name, database in config.databases.items():
        lives.append((database.backup.final_days, f"databases.{name}.backup.finalDays"))
        lives.append((database.backup.retained, f"databases.{name}.backup.retained"))
    return max(lives)


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a ledger that ends before the backups do, one that could be changed, and workloads with both rights."""
    erasure = config.erasure
    if erasure is None:
        return
    yield from unknown_class(config, "erasure.dataClass", erasure.data_class, "backup")
    days, setting_of = longest_backup(config)
    if erasure.retention_days < days:
        yield Mistake(
            key="erasure.retentionDays",
            clause="PRI-2",
            problem=f"{erasure.retention_days} days end before the {days} days of {setting_of}: "
            "a restore from that backup would bring erased persons back",
            example=f"retentionDays: {days + 30}",
            others=(setting_of,),
        )
    row = config.inventory.get("erasures")
    if row is not None and row.retention_days <= erasure.retention_days:
        yield Mistake(
            key="inventory.erasures.retentionDays",
            clause="MIN-1",
            problem=f"{row.retention_days} is not after the {erasure.retention_days} days of erasure.retentionDays",
            example=f"retentionDays: {erasure.retention_days + 30}",
            others=("erasure.retentionDays",),
        )
    if erasure.lock and erasure.acknowledgement != ACKNOWLEDGEMENT:
        yield Mistake(
            key="erasure.acknowledgement",
            clause="PRI-2",
            problem="locking is for ever and must be meant; the sentence is missing or different",
            example=f"acknowledgement: {ACKNOWLEDGEMENT}",
        )
    if config.company.production and not erasure.lock:
        yield Mistake(
            key="erasure.lock",
            clause="PRI-2",
            problem="is off, and this stack is production: a record that can be removed proves nothing",
            example="lock: true",
            others=("company.environment",),
        )
    for both in sorted(set(erasure.writers) & set(erasure.readers)):
        yield Mistake(
            key="erasure.readers",
            clause="PRI-2",
            problem=f"{both} is also a writer; who erases has no need to read whom others erased",
            example="readers: [restore-drill]",
            others=("erasure.writers",),
        )
    for field in ("writers", "readers"):
        for workload in getattr(erasure, field):
            if workload not in config.workloads:
                yield Mistake(
                    key=f"erasure.{field}",
                    clause="ACC-5",
                    problem=f"{workload} is not one of workloads ({', '.join(config.workloads) or 'there are none'})",
                    example=f"workloads.{workload}, with its purpose",
                    others=("workloads",),
                )

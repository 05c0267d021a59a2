"""The independent copy of the databases: exported, locked, in a project of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .base import Mistake, Section, section, setting
from .data import unknown_class
from .limits import EXPORT_RETENTION_DAYS_MIN, SOFT_DELETE_DAYS_MIN

if TYPE_CHECKING:
    from config import StackConfig

ACKNOWLEDGEMENT = "a locked retention can never be shortened or removed"
"""What has to be written, word for word, before a bucket is locked: the lock outlives every mistake."""


class Exports(Section):
    """The bucket of exported copies, in the backup region."""

    data_class: str = setting("BAK-4", "copies")
    """Class of the copies, with a key in the backup region."""

    retention_days: Annotated[int, Field(ge=EXPORT_RETENTION_DAYS_MIN, le=3650)] = setting("BAK-4", 35, 35)
    """Days in which nobody can change or delete a copy."""

    delete_after_days: Annotated[int, Field(ge=EXPORT_RETENTION_DAYS_MIN, le=3650)] = setting("MIN-1", 90, 90)
    """Age at which a copy is deleted."""

    soft_delete_days: Annotated[int, Field(ge=SOFT_DELETE_DAYS_MIN, le=90)] = setting("BAK-8", 14, 14)
    """Days in which a deleted copy can be brought back."""

    lock: bool = setting("BAK-4", True)
    """Lock the retention, once and for ever."""

    acknowledgement: str | None = setting("BAK-4", ACKNOWLEDGEMENT, None)
    """The sentence that shows that the lock is meant."""

    writers: tuple[str, ...] = setting("BAK-4", ["backup-export"])
    """Workloads that may add copies, and do nothing else."""

    readers: tuple[str, ...] = setting("BAK-6", ["restore-drill"])
    """Workloads that may read copies, and do nothing else."""


class Vault(Section):
    """A backup vault in the backup region and the backups' project: for databases whose backup mode is `vault`."""

    data_class: str = setting("BAK-4", "copies")
    """Class of the backups, with a key in the backup region."""

    enforced_days: Annotated[int, Field(ge=EXPORT_RETENTION_DAYS_MIN, le=365)] = setting("BAK-4", 30, 30)
    """Days in which nobody, Google's support included, can delete a backup."""


class Backups(Section):
    """Copies beyond the databases' own backups."""

    exports: Exports = section("BAK-4")
    """The bucket."""

    vault: Vault | None = section("BAK-4", None)
    """The vault, where a database uses it."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a lock nobody meant, production without a lock, and one workload that both writes and reads."""
    exports = config.backups.exports
    key = "backups.exports"
    yield from unknown_class(config, f"{key}.dataClass", exports.data_class, "backup")
    if exports.lock and exports.acknowledgement != ACKNOWLEDGEMENT:
        yield Mistake(
            key=f"{key}.acknowledgement",
            clause="BAK-4",
            problem="locking is for ever and must be meant; the sentence is missing or different",
            example=f"acknowledgement: {ACKNOWLEDGEMENT}",
        )
    if config.company.production and not exports.lock:
        yield Mistake(
            key=f"{key}.lock",
            clause="BAK-4",
            problem="is off, and this stack is production: whoever owns the bucket could delete the copies",
            example="lock: true",
            others=("company.environment",),
        )
    if exports.delete_after_days <= exports.retention_days:
        yield Mistake(
            key=f"{key}.deleteAfterDays",
            clause="MIN-1",
            problem=f"{exports.delete_after_days} is not after the {exports.retention_days} days of retentionDays",
            example=f"deleteAfterDays: {exports.retention_days + 30}",
            others=(f"{key}.retentionDays",),
        )
    yield from _vault(config)
    for both in sorted(set(exports.writers) & set(exports.readers)):
        yield Mistake(
            key=f"{key}.readers",
            clause="BAK-4",
            problem=f"{both} is also a writer; who adds copies must not be able to read them",
            example="readers: [restore-drill]",
            others=(f"{key}.writers",),
        )
    for field in ("writers", "readers"):
        for workload in getattr(exports, field):
            if workload not in config.workloads:
                yield Mistake(
                    key=f"{key}.{field}",
                    clause="ACC-5",
                    problem=f"{workload} is not one of workloads ({', '.join(config.workloads) or 'there are none'})",
                    example=f"workloads.{workload}, with its purpose",
                    others=("workloads",),
                )


def _vault(config: StackConfig) -> Iterator[Mistake]:
    vault = config.backups.vault
    if vault is None:
        return
    key = "backups.vault"
    yield from unknown_class(config, f"{key}.dataClass", vault.data_class, "backup")
    kept = {name: one.backup for name, one in config.databases.items() if one.backup.mode == "vault"}
    if not kept:
        yield Mistake(
            key=key,
            clause="BAK-4",
            problem="no database has the backup mode vault, so it would stay empty",
            example="databases.<name>.backup: {mode: vault}, or nothing here",
            others=("databases", *(f"databases.{name}.backup.mode" for name in config.databases)),
        )
    for name, backup in kept.items():
        if backup.retained < vault.enforced_days:
            yield Mistake(
                key=f"databases.{name}.backup.retained",
                clause="BAK-2",
                problem=f"{backup.retained} days are fewer than the {vault.enforced_days} that the vault enforces",
                example=f"retained: {vault.enforced_days}",
                others=(f"{key}.enforcedDays",),
            )

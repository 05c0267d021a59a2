"""What the Cloud SQL rules share: the engine, which instances only follow another one, and reading a database flag."""

from __future__ import annotations

from typing import Any, Final, Literal

from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp

INSTANCE: Final = gcp("sql/databaseInstance")
Engine = Literal["POSTGRES", "MYSQL", "SQLSERVER"]
_FOLLOWERS: Final = ("READ_REPLICA_INSTANCE", "READ_POOL_INSTANCE", "ON_PREMISES_INSTANCE")


def engine(instance: Resource) -> str | None:
    """POSTGRES, MYSQL or SQLSERVER; None where the version is missing."""
    version = instance.upper("databaseVersion")
    return version.split("_", 1)[0] if version else None


def follower(instance: Resource) -> str | None:
    """Why the instance has no backups and no lifecycle of its own: it is a replica, or it only stands for a source.

    A master that is not known yet is a master all the same.
    """
    if instance.has("masterInstanceName"):
        return "the instance is a replica: its primary is judged"
    kind = instance.upper("instanceType")
    return f"the instance is of type {kind}" if kind in _FOLLOWERS else None


def inherits(instance: Resource) -> str | None:
    """Why missing settings are no statement: a clone or replica without settings takes those of its source."""
    if instance.has("settings"):
        return None
    if instance.has("clone"):
        return "a clone without settings takes those of its source"
    return follower(instance)


def flags(instance: Resource, *names: str) -> list[View]:
    """The database flags with one of these names.

    Raises UnknownValue when none is found and a flag's name, or the whole list, is known only after the first `up`.
    """
    views = instance.views("settings.databaseFlags")
    found = [v for v in views if _matches(v.raw("name"), names)]
    if not found:
        for view in views:
            if view.raw("name") is UNKNOWN:
                raise UnknownValue(view.at("name"))
    return found


def _matches(name: Any, names: tuple[str, ...]) -> bool:
    return isinstance(name, str) and name.strip().lower() in names

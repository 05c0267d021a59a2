"""Faults on demand, kept in the state file so that every provider process sees them."""

from __future__ import annotations

import fnmatch
import os
import time
from dataclasses import dataclass
from enum import StrEnum

from localcloud.errors import CloudError, LostAnswer
from localcloud.store import Store

CRASHED = 137


class Kind(StrEnum):
    """What goes wrong."""

    latency = "latency"
    too_many = "429"
    unavailable = "503"
    crash = "crash"
    lost = "lost"


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault: which operations on which types and names (shell patterns), and how often it is still to occur."""

    number: int
    operation: str
    type: str
    name: str
    kind: Kind
    seconds: float
    remaining: int


def add(store: Store, *, kind: Kind, operation: str, type: str, name: str, seconds: float, count: int) -> None:
    """Arrange a fault."""
    statement = "INSERT INTO faults (operation, type, name, kind, seconds, remaining) VALUES (?, ?, ?, ?, ?, ?)"
    store.query(statement, operation, type, name, kind.value, seconds, count)


def arranged(store: Store) -> list[Fault]:
    """All faults that are still to occur."""
    return [
        Fault(**{**dict(row), "kind": Kind(row["kind"])}) for row in store.query("SELECT * FROM faults ORDER BY number")
    ]


def clear(store: Store) -> int:
    """Forget all faults; returns how many there were."""
    return len(store.query("DELETE FROM faults RETURNING number"))


def take(store: Store, kinds: set[Kind], operation: str, type: str, name: str) -> Fault | None:
    """The first matching fault, counted as having occurred."""
    for fault in arranged(store):
        patterns = ((operation, fault.operation), (type, fault.type), (name, fault.name))
        if fault.kind not in kinds or not all(fnmatch.fnmatchcase(value, pattern) for value, pattern in patterns):
            continue
        with store.transaction():
            statement = (
                "UPDATE faults SET remaining = remaining - 1 WHERE number = ? AND remaining > 0 RETURNING number"
            )
            taken = store.query(statement, fault.number)
            store.query("DELETE FROM faults WHERE remaining <= 0")
        if taken:
            return fault
    return None


def before(store: Store, operation: str, type: str, name: str) -> None:
    """Faults that keep a request from being carried out: it waits, or is refused."""
    fault = take(store, {Kind.latency, Kind.too_many, Kind.unavailable}, operation, type, name)
    if fault is None:
        return
    if fault.kind is Kind.latency:
        time.sleep(fault.seconds)
    elif fault.kind is Kind.too_many:
        raise CloudError(
            429, "Quota exceeded for quota metric 'Requests' and limit 'Requests per minute'", "rateLimitExceeded"
        )
    else:
        raise CloudError(503, "The service is currently unavailable", "backendError")


def after(store: Store, operation: str, type: str, name: str) -> None:
    """Faults that strike when the request has been carried out: the provider dies, or the answer is lost."""
    fault = take(store, {Kind.crash, Kind.lost}, operation, type, name)
    if fault is None:
        return
    if fault.kind is Kind.crash:
        os._exit(CRASHED)
    raise LostAnswer(
        f"{operation} {type} {name}: the connection was reset before the answer arrived "
        "(read: connection reset by peer)"
    )

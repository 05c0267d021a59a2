"""The programs of the company: each has an identity of its own, with exactly the rights listed here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, StringConstraints

from .base import Mistake, Reason, Section, setting

if TYPE_CHECKING:
    from config import StackConfig

ON_THE_RESOURCE = frozenset(
    [
        "artifactregistry",
        "bigquery",
        "cloudkms",
        "cloudsql",
        "compute",
        "iam",
        "pubsub",
        "run",
        "secretmanager",
        "storage",
    ]
)
"""Services whose permissions are granted on the one resource that needs them, never on the project."""

ESCALATING = re.compile(
    r"(setIamPolicy|actAs|getAccessToken|getOpenIdToken|implicitDelegation|signBlob|signJwt)$"
    r"|^(iam|orgpolicy|resourcemanager|deploymentmanager|cloudbuild|cloudfunctions)\."
)
"""Permissions with which a workload could give itself more rights."""


def _permission(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-zA-Z0-9]*(\.[a-zA-Z0-9]+){2,3}", value):
        raise ValueError(f"{value} is not a permission; one looks like monitoring.timeSeries.create, without wildcards")
    if ESCALATING.search(value):
        raise ValueError(f"{value} would let the workload raise its own rights")
    if value.partition(".")[0] in ON_THE_RESOURCE:
        raise ValueError(f"{value} would hold for the whole project; list the store under databases or secrets instead")
    return value


Permission = Annotated[str, AfterValidator(_permission)]

WorkloadName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{4,28}[a-z0-9]$")]
"""Also the ID of the service account: 6 to 30 characters."""


class Workload(Section):
    """One program: a service, a worker or a job."""

    purpose: Reason = setting("ACC-5", "serves the public API of orders")
    """What it does."""

    databases: tuple[str, ...] = setting("AUT-2", ["orders"], ())
    """Databases it signs in to, by IAM and without a password."""

    secrets: tuple[str, ...] = setting("ENC-9", ["payment-token"], ())
    """Secrets it reads: names of secrets.external, or <database>-<user> for the password of a built-in user."""

    permissions: tuple[Permission, ...] = setting("ACC-10", ["monitoring.timeSeries.create"], ())
    """What it needs on the project itself, such as writing metrics and traces."""


Workloads = Annotated[Mapping[WorkloadName, Workload], AfterValidator(MappingProxyType)]


def secret_names(config: StackConfig) -> tuple[str, ...]:
    """All secrets of the stack: those of others, and one for every built-in database user."""
    built_in = (f"{name}-{user}" for name, db in config.databases.items() for user in db.built_in_users)
    return (*config.secrets.external, *built_in)


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse rights on things that do not exist."""
    known = {"databases": tuple(config.databases), "secrets": secret_names(config)}
    for name, workload in config.workloads.items():
        for field, names in known.items():
            for wanted in getattr(workload, field):
                if wanted not in names:
                    near = get_close_matches(wanted, names, n=1) or list(names[:1])
                    yield Mistake(
                        key=f"workloads.{name}.{field}",
                        clause="ACC-10",
                        problem=f"{wanted} does not exist; there is {', '.join(names) or 'none'}",
                        example=f"{field}: [{', '.join(near)}]",
                        others=(field, "databases"),
                    )

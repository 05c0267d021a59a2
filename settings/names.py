"""Names that this program makes of others, held against the limits of the services that take them.

A single name of the stack file is at most 30 characters. Where two or three are joined, the sum may be more than the
service takes, and it would say so only after half of the stack was made.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from .base import Mistake

if TYPE_CHECKING:
    from config import StackConfig

INSTANCE_MAX = 98
"""Cloud SQL: `<project>:<instance>` in all."""

SUFFIX = 7
"""A hyphen and six random characters at the end of an instance's name."""

RESERVED_WORDS = ("google", "goog", "g00gle", "ssl", "null", "undefined")
"""What Google refuses inside of project ids and bucket names."""

RUN_VARIABLES = frozenset({"PORT", "K_SERVICE", "K_REVISION", "K_CONFIGURATION"})
"""Environment variables that Cloud Run sets itself and refuses from others."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse what would be too long, reserved, or the same name for two things."""
    yield from _projects(config)
    yield from _replicas(config)
    yield from _stores(config)
    yield from _variables(config)
    yield from _former(config)


def _projects(config: StackConfig) -> Iterator[Mistake]:
    for field, project in config.projects.model_dump(exclude_none=True).items():
        for word in RESERVED_WORDS:
            if word in project:
                yield Mistake(
                    key=f"projects.{field}",
                    clause="HOS-1",
                    problem=f"{project} contains {word}, which Google keeps for itself",
                    example=f"{field}: {project.replace(word, 'x')}",
                )
                break


def _replicas(config: StackConfig) -> Iterator[Mistake]:
    for name, database in config.databases.items():
        for label in database.replicas:
            whole = len(config.projects.workload) + 1 + len(f"{name}-{label}") + SUFFIX
            if whole > INSTANCE_MAX:
                yield Mistake(
                    key=f"databases.{name}.replicas.{label}",
                    clause="HOS-6",
                    problem=f"project and instance are {whole} characters together, and Cloud SQL takes {INSTANCE_MAX}",
                    example=f"{label[: len(label) - (whole - INSTANCE_MAX)] or 'r'}: …",
                    others=("projects.workload",),
                )
            elif f"{name}-{label}" in config.databases:
                yield Mistake(
                    key=f"databases.{name}.replicas.{label}",
                    clause="HOS-6",
                    problem=f"the replica would be called {name}-{label}, like the database of that name",
                    example=f"{label}-copy: …",
                )


def _stores(config: StackConfig) -> Iterator[Mistake]:
    for name in config.topics:
        if len(name) < 3 or name.startswith("goog"):
            yield Mistake(
                key=f"topics.{name}",
                clause="HOS-6",
                problem=f"{name} is no name for Pub/Sub: it takes 3 characters or more, and none that begin with goog",
                example=f"{name.removeprefix('goog') or 'x'}-events: …",
            )
    for name in config.buckets:
        if any(word in name for word in RESERVED_WORDS[:3]):
            yield Mistake(
                key=f"buckets.{name}",
                clause="HOS-6",
                problem=f"{name} contains a word that Google keeps for itself",
                example="files: …",
            )


def _former(config: StackConfig) -> Iterator[Mistake]:
    """A name that is in use, or used twice, would make one store take the place of another."""
    for section in ("databases", "buckets", "datasets", "topics"):
        stores = getattr(config, section)
        seen: dict[str, str] = {}
        for name, store in stores.items():
            former = store.formerly
            if former is None:
                continue
            other = former if former in stores else seen.get(former)
            if other is not None:
                yield Mistake(
                    key=f"{section}.{name}.formerly",
                    clause="CHG-5",
                    problem=f"{former} is {'another store' if other == former else f'what {other} was called too'}",
                    example="nothing; take the line out",
                    others=(f"{section}.{other}.formerly",),
                )
            seen.setdefault(former, name)


def _variables(config: StackConfig) -> Iterator[Mistake]:
    runs: dict[str, tuple[str, Mapping[str, str]]] = {
        **{name: ("services", service.environment) for name, service in config.services.items()},
        **{name: ("tasks", task.environment) for name, task in config.tasks.items()},
    }
    for name, (section, environment) in runs.items():
        workload = config.workloads.get(name)
        given: dict[str, str] = {}
        if workload is not None:
            given |= {f"DATABASE_{variable(one)}": f"database {one}" for one in workload.databases}
            given |= {variable(one): f"secret {one}" for one in workload.secrets}
        for key in environment:
            taken = "Cloud Run itself" if key in RUN_VARIABLES else given.get(key)
            if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key):
                problem = f"{key!r} is no name of an environment variable"
            elif taken is not None:
                problem = f"{key} is set by {taken}"
            else:
                continue
            yield Mistake(
                key=f"{section}.{name}.environment",
                clause="HOS-6",
                problem=problem,
                example="environment: {LOG_LEVEL: info}",
                others=(f"workloads.{name}",),
            )


def variable(name: str) -> str:
    """`payment-token` as `PAYMENT_TOKEN`."""
    return name.upper().replace("-", "_")

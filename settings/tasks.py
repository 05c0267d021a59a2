"""Tasks: programs of the company that run to their end on a schedule, as Cloud Run jobs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .base import Mistake, Named, Section, setting
from .jobs import expected
from .services import EXAMPLE_IMAGE, Digest, processors

if TYPE_CHECKING:
    from config import StackConfig

_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


def _cron(value: str) -> str:
    fields = value.split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{value!r} is no schedule: minute, hour, day, month and day of the week, in UTC")
    for field, (low, high) in zip(fields, _RANGES, strict=True):
        for part in field.split(","):
            match = re.fullmatch(r"(\*|(\d+)(-(\d+))?)(/(\d+))?", part)
            figures = [int(figure) for figure in (match[2], match[4]) if figure] if match else [-1]
            step = int(match[6]) if match and match[6] else 1
            if any(not low <= figure <= high for figure in figures) or figures != sorted(figures) or step < 1:
                raise ValueError(f"{part!r} of {value!r} is not within {low} to {high}")
    return value


Schedule = Annotated[str, AfterValidator(_cron)]
"""A cron expression in UTC, of figures only."""


class Task(Section):
    """A task has the name of a workload, whose identity, databases and secrets it uses."""

    image: Digest = setting("CIN-3", EXAMPLE_IMAGE)
    """Name in the company's registry, with its digest."""

    schedule: Schedule = setting("HOS-6", "30 4 * * *")
    """When it is started, in UTC."""

    arguments: tuple[str, ...] = setting("HOS-6", ["reconcile"], ())
    """What the container is started with."""

    environment: Mapping[str, str] = setting("CHG-2", {"LOG_LEVEL": "info"}, {})
    """Plain settings. Secrets are those of the workload, by reference."""

    timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = setting("HOS-6", 60, 60)
    """How long one run may take."""

    retries: Annotated[int, Field(ge=0, le=10)] = setting("HOS-6", 1, 1)
    """How often a failed run is tried again; a task has to bear that."""

    cpu: Literal["1", "2", "4", "8"] = setting("HOS-6", "1", "1")
    """Processors."""

    memory: Annotated[str, StringConstraints(pattern=r"^(512Mi|[1-9]Gi|[12]\dGi|3[0-2]Gi)$")] = setting(
        "HOS-6", "512Mi", "512Mi"
    )
    """Memory, 512Mi to 32Gi; above 4Gi it takes 2 processors, above 8Gi 4, above 16Gi 8."""

    silent_hours: Annotated[int, Field(ge=2, le=744)] = setting("MON-3", 26, 26)
    """Hours without a success after which somebody is woken; longer than from one run to the next."""


Tasks = Named[Task]


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse tasks without a workload, and one workload that is both a service and a task."""
    for name, task in config.tasks.items():
        key = f"tasks.{name}"
        if name not in config.workloads:
            yield Mistake(
                key=key,
                clause="ACC-5",
                problem=f"there is no workload of that name ({', '.join(config.workloads) or 'none at all'})",
                example=f"workloads: {{ {name}: {{ purpose: what {name} is for }} }}",
                others=("workloads",),
            )
        if name in config.services:
            yield Mistake(
                key=key,
                clause="ACC-5",
                problem=f"{name} is a service too: what answers requests and what runs at night need different rights",
                example=f"{name}-nightly, with a workload of its own",
                others=(f"services.{name}",),
            )
        if name in expected(config):
            yield Mistake(
                key=key,
                clause="ACC-5",
                problem=f"{name} is a job of the house, which has its own image and schedule",
                example=f"{name}-of-ours, with a workload of its own",
                others=(f"workloads.{name}",),
            )
        needed = processors(task.memory)
        if int(task.cpu) < needed:
            yield Mistake(
                key=f"{key}.memory",
                clause="HOS-6",
                problem=f"{task.memory} take at least {needed} processors, and cpu is {task.cpu}",
                example=f'cpu: "{needed}"',
                others=(f"{key}.cpu",),
            )

"""The company's own jobs: backups that are restored, logs that are looked for, keys that are renewed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from .base import Mistake, Section, section, setting
from .services import Digest

if TYPE_CHECKING:
    from config import RenderStack, StackConfig
    from settings.render import Render

EXAMPLE_IMAGE = "jobs@sha256:" + "b" * 64

ALWAYS = {
    "backup-export": "BAK-4",
    "restore-drill": "BAK-6",
    "recovery-drill": "BAK-6",
    "reencryption": "ENC-8",
    "log-canary": "LOG-6",
}
"""Jobs that every stack with a database runs, and what they are for. Each is a workload."""

ANCHOR = "activity-anchor"
"""The job that anchors the activity log; only where there is one."""


class OffSite(Section):
    """Storage that speaks S3, with object lock: where databases on Render are exported to, from inside of Render."""

    endpoint: Annotated[str, StringConstraints(pattern=r"^https://[\w.-]+(:\d+)?$")] = setting(
        "BAK-4", "https://s3.eu-central-003.example.net"
    )
    """Where it answers."""

    bucket: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")] = setting(
        "BAK-4", "example-prod-off-site"
    )
    """Made by hand with object lock in compliance mode; docs/deployed-jobs.md says how."""

    region: Annotated[str, StringConstraints(pattern=r"^[a-z]+-[a-z0-9-]+$")] = setting("PRI-1", "eu-central-003")
    """As the store calls it."""

    retention_days: Annotated[int, Field(ge=30, le=3650)] = setting("BAK-4", 35, 35)
    """Days in which nobody can delete an export; the sweep deletes it some time after."""

    folder: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)*$")] = setting("CIN-4", "jobs", "jobs")
    """Folder of the repository with the Dockerfile of the jobs: Render builds them from the protected branch."""


class RenderJobs(Section):
    """What runs on a schedule on Render alone, to prove that the rest works."""

    off_site: OffSite = section("BAK-4")
    """Where databases are exported to."""


class Jobs(Section):
    """What runs on a schedule to prove that the rest works. When is fixed; docs/deployed-jobs.md has the table."""

    image: Digest = setting("CIN-3", EXAMPLE_IMAGE)
    """Image of jobs/Dockerfile in the company's registry, by digest."""

    activity: tuple[str, ...] = setting("LOG-7", ["orders"])
    """Databases in which an application keeps its activity log; the head of each chain is anchored every day."""

    off_site: OffSite | None = section("BAK-4", None)
    """Where databases on Render are exported to."""


def expected(config: StackConfig) -> dict[str, str]:
    """The workloads that the jobs of this stack are, with the clause that each is for."""
    found = dict(ALWAYS) if config.databases else {}
    return {**found, ANCHOR: "LOG-7"} if config.jobs.activity else found


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a job without its workload or rights, one that could do more than its work, and data without a job."""
    if config.databases and not config.jobs.activity:
        yield Mistake(
            key="jobs.activity",
            clause="LOG-7",
            problem="names no database: what users do would be logged in no chain that somebody anchors",
            example=f"activity: [{next(iter(config.databases))}]",
            others=("databases",),
        )
    for name in config.jobs.activity:
        if name not in config.databases:
            yield Mistake(
                key="jobs.activity",
                clause="LOG-7",
                problem=f"{name} is not one of databases ({', '.join(config.databases) or 'there are none'})",
                example=f"activity: [{next(iter(config.databases), 'orders')}]",
                others=("databases",),
            )
    for name, clause in expected(config).items():
        yield from _workload(config, name, clause)
    exports = config.backups.exports
    for field, names, needed in (
        ("writers", exports.writers, "backup-export"),
        ("readers", exports.readers, "restore-drill"),
    ):
        if config.databases and needed not in names:
            yield Mistake(
                key=f"backups.exports.{field}",
                clause="BAK-6",
                problem=f"{needed} is not among them, and it is the job that does this",
                example=f"{field}: [{needed}]",
                others=(f"backups.exports.{field}", "workloads"),
            )
    if config.render is not None and config.jobs.off_site is None:
        yield from _exported_nowhere(config.render, "jobs.offSite")


def alone(config: RenderStack) -> Iterator[Mistake]:
    """The same for a stack that runs on Render alone."""
    if config.jobs is None:
        yield from _exported_nowhere(config.render, "jobs")


def _exported_nowhere(render: Render, key: str) -> Iterator[Mistake]:
    if render.databases:
        yield Mistake(
            key=key,
            clause="BAK-4",
            problem=f"is missing: {', '.join(render.databases)} on Render would have no independent copy",
            example="offSite: { endpoint: https://…, bucket: …, region: … }",
            others=("render.databases",),
        )


def _workload(config: StackConfig, name: str, clause: str) -> Iterator[Mistake]:
    workload = config.workloads.get(name)
    if workload is None:
        yield Mistake(
            key=f"workloads.{name}",
            clause=clause,
            problem="is missing: the job of that name has no identity to run as",
            example=f"{name}: {{ purpose: … }}",
            others=("databases", "jobs.activity"),
        )
        return
    for field in ("databases", "permissions", "secrets"):
        if getattr(workload, field):
            yield Mistake(
                key=f"workloads.{name}.{field}",
                clause="ACC-10",
                problem="a job of ours gets exactly the rights that its code uses, from its component",
                example="nothing; take the line out",
            )

"""The need-to-know matrix: `access.yaml` has one row for each right that people have, and people have no other.

A row says which group gets which access to which asset, what for and until when. Its access is either standing, or,
with `approvers`, asked for each time and over after some hours. The days are whole days in UTC: a row that expires on
2027-01-31 holds until midnight of that day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from . import rows
from .base import Mistake, Named, Reason, Section, setting
from .databases import Group
from .limits import ACCESS_REVIEW_DAYS_MAX, REQUEST_HOURS_MAX
from .workloads import secret_names

if TYPE_CHECKING:
    from config import RenderStack, StackConfig

FILE = "access.yaml"
KEY = "access"
"""The key under which the rows join the stack file's sections."""

STANDING = {
    "database": ("sign-in",),
    "service": ("use",),
    "secret": ("read", "renew"),
    "bucket": ("read",),
    "logs": ("read",),
    "project": ("watch",),
}
"""Kinds of assets, and the access that may be given to them for as long as the row lives."""

REQUESTED = {"project": ("administer-databases", "administer-network", "administer-services")}
"""Access that is only ever asked for, approved, and over after some hours."""


def _condition(value: str) -> str:
    if "request.time" in value:
        raise ValueError("request.time is what `expires` is for; take it out of the condition")
    if not _closed(value):
        raise ValueError(f"{value} has a bracket or a quote that is not closed")
    return value


Condition = Annotated[str, Field(min_length=5, max_length=300), AfterValidator(_condition)]
"""A further condition in CEL, such as `resource.name.startsWith(...)`. It narrows the row and never widens it."""


class Row(Section):
    """One right of one group."""

    group: Group = setting("ACC-1", "orders-support@example.com")
    """A Google group of the company's domain; never a person."""

    asset: Annotated[str, Field(pattern=r"^[a-z]+/[a-z0-9][a-z0-9-]*$")] = setting("ACC-7", "database/orders")
    """`<kind>/<name>`: a database, service, secret or bucket of the stack, or the logs of or all of a project."""

    access: str = setting("ACC-10", "sign-in")
    """What the group may do; each kind of asset has its own words."""

    purpose: Reason = setting("ACC-7", "answers questions of customers about their orders")
    """Why the work needs it."""

    reviewed: date = setting("ACC-7", "2026-12-01")
    """The day on which the owner of the asset last agreed."""

    expires: date = setting("ACC-7", "2027-11-30")
    """The last day of the row, at most a year after the review."""

    condition: Condition | None = setting("ACC-7", 'resource.name.endsWith("/1")', None)
    """What narrows the right further."""

    approvers: Group | None = setting("ACC-8", "platform-leads@example.com", None)
    """The group that approves each request. Left out, the access is standing."""

    hours: Annotated[int, Field(ge=1, le=REQUEST_HOURS_MAX)] = setting("ACC-8", 2, REQUEST_HOURS_MAX)
    """How long one approved request lasts."""


Access = Named[Row]


def assets(config: StackConfig) -> tuple[str, ...]:
    """Everything of the stack that people may be given access to."""
    projects = sorted(config.projects.model_dump(exclude_none=True).values())
    names = {
        "database": config.databases,
        "service": [name for name, service in config.services.items() if service.public is None],
        "secret": secret_names(config),
        "bucket": ["exports", *(["erasures"] if config.erasure is not None else []), *config.buckets],
        "logs": projects,
        "project": projects,
    }
    return tuple(f"{kind}/{name}" for kind, found in names.items() for name in found)


def groups(config: StackConfig, asset: str) -> tuple[str, ...]:
    """The groups with standing access to an asset."""
    return tuple(sorted({row.group for row in config.access.values() if row.asset == asset and row.approvers is None}))


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse rows for people of elsewhere, for what does not exist, that have ended, and that say a thing twice."""
    first: dict[tuple[str, str, str], str] = {}
    there = assets(config)
    for name, row in config.access.items():
        key = f"{KEY}.{name}"
        yield from _groups(config, key, row)
        yield from _asset(key, row, there)
        yield from _days(config, key, row)
        right = (row.group, row.asset, row.access)
        if right in first:
            other = config.access[first[right]]
            same = other.model_dump() == row.model_dump()
            yield Mistake(
                key=key,
                clause="ACC-7",
                problem=f"gives {row.group} {row.access} on {row.asset}, as the row {first[right]} does"
                + ("" if same else ", which says something else about it"),
                example="nothing; take one of the two rows out",
                others=(f"{KEY}.{first[right]}",),
            )
        first.setdefault(right, name)


def alone(config: RenderStack) -> Iterator[Mistake]:
    """On Render alone nothing can be given: the workspace's members and their roles are set by hand, and attested."""
    for name, row in config.access.items():
        yield Mistake(
            key=f"{KEY}.{name}",
            clause="ACC-7",
            problem=f"gives access to {row.asset}, and a stack on Render alone has nothing to give",
            example="nothing; take the row out, and keep attestations.yaml (AUT-5) for the members of the workspace",
        )


def _groups(config: StackConfig, key: str, row: Row) -> Iterator[Mistake]:
    domain = config.company.domain
    for field, clause, address in (("group", "ACC-1", row.group), ("approvers", "ACC-8", row.approvers)):
        if address is not None and not address.endswith(f"@{domain}"):
            yield Mistake(
                key=f"{key}.{field}",
                clause=clause,
                problem=f"{address} is not a group of {domain}",
                example=f"{field}: {address.partition('@')[0]}@{domain}",
                others=("company.domain",),
            )
    if row.approvers == row.group:
        yield Mistake(
            key=f"{key}.approvers",
            clause="ACC-8",
            problem=f"{row.group} would approve its own requests",
            example=f"approvers: platform-leads@{domain}",
            others=(f"{key}.group",),
        )


def _asset(key: str, row: Row, there: tuple[str, ...]) -> Iterator[Mistake]:
    kind = row.asset.partition("/")[0]
    if row.asset not in there:
        alike = [asset for asset in there if asset.startswith(f"{kind}/")] or there
        yield Mistake(
            key=f"{key}.asset",
            clause="ACC-7",
            problem=f"{row.asset} is not there to be given; there is {', '.join(alike)}",
            example=f"asset: {alike[0]}",
            others=("projects", "databases", "services", "secrets", "erasure"),
        )
        return
    standing, requested = STANDING.get(kind, ()), REQUESTED.get(kind, ())
    if row.access not in (*standing, *requested):
        yield Mistake(
            key=f"{key}.access",
            clause="ACC-10",
            problem=f"{row.access} is not an access to a {kind}; there is {', '.join((*standing, *requested))}",
            example=f"access: {standing[0]}",
            others=(f"{key}.asset",),
        )
    elif row.access in requested and row.approvers is None:
        yield Mistake(
            key=f"{key}.approvers",
            clause="ACC-8",
            problem=f"is missing: {row.access} is only given on request",
            example="approvers: platform-leads@example.com",
            others=(f"{key}.access",),
        )
    elif row.access in standing and row.approvers is not None:
        yield Mistake(
            key=f"{key}.approvers",
            clause="ACC-8",
            problem=f"nobody approves {row.access}: it is standing access",
            example=f"nothing; take the line out, or access: {(*requested, 'none')[0]}",
            others=(f"{key}.access",),
        )


def _days(config: StackConfig, key: str, row: Row) -> Iterator[Mistake]:
    last = row.reviewed + timedelta(days=ACCESS_REVIEW_DAYS_MAX)
    if row.expires < config.today:
        yield Mistake(
            key=f"{key}.expires",
            clause="ACC-7",
            problem=f"the row ended on {row.expires}, and today is {config.today}",
            example="nothing; take the row out, or have it agreed to anew with `reviewed` and `expires`",
            others=("today",),
        )
    elif row.expires < row.reviewed:
        yield Mistake(
            key=f"{key}.expires",
            clause="ACC-7",
            problem=f"{row.expires} is before the review on {row.reviewed}",
            example=f"expires: {last}",
            others=(f"{key}.reviewed",),
        )
    elif row.expires > last:
        yield Mistake(
            key=f"{key}.expires",
            clause="ACC-7",
            problem=f"{row.expires} is more than {ACCESS_REVIEW_DAYS_MAX} days after the review on {row.reviewed}",
            example=f"expires: {last}",
            others=(f"{key}.reviewed",),
        )


def _closed(text: str) -> bool:
    """Whether brackets and quotes are closed, so that nothing steps out of the brackets around the condition."""
    depth = 0
    for char in re.sub(r'"(\\.|[^"\\])*"|\'(\\.|[^\'\\])*\'', "", text):
        depth += (char == "(") - (char == ")")
        if depth < 0 or char in "\"'":
            return False
    return depth == 0


def read(path: Path, stack: str) -> rows.Document:
    """The rows of a stack. Where file or section is missing, nobody has any access."""
    return rows.read(path, stack, key=KEY, clause="ACC-7")

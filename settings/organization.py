"""The organization node of the company on Google Cloud: what can only be set there, for those who have one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from .base import Mistake, Section, setting
from .databases import Group
from .limits import SESSION_HOURS_MAX

if TYPE_CHECKING:
    from config import StackConfig

Number = Annotated[str, StringConstraints(pattern=r"^[1-9]\d{3,}$")]
Local = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+$")]


class Organization(Section):
    """Deny policies, boundaries, and the devices and sessions of people."""

    id: Number = setting("ACC-9", "123456789012")
    """Its number: `gcloud organizations list`."""

    break_glass: Group = setting("ACC-9", "break-glass@example.com")
    """The group that deny policies except; empty on ordinary days, and every use of it raises an alert."""

    access_policy: Number | None = setting("DEV-1", "987654321098", None)
    """Number of the access policy of Access Context Manager: `gcloud access-context-manager policies list`. Left out,
    neither devices nor sessions of people are judged."""

    group_keys: Mapping[Local, str] = setting("DEV-2", {"platform": "01d520gv4vjcrht"}, {})
    """The key of each group of access.yaml, by what stands before the @:
    `gcloud identity groups describe GROUP --format='value(name.basename())'`."""

    session_hours: Annotated[int, Field(ge=1, le=SESSION_HOURS_MAX)] = setting("AUT-3", 8, 8)
    """After how many hours people sign in anew, with their security key."""

    systems: Mapping[str, Version] = setting("DEV-1", {"DESKTOP_MAC": "15.0.0"}, {"DESKTOP_CHROME_OS": "16000.0.0"})
    """Operating systems that are let in, each with the oldest version that still gets updates."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse groups of elsewhere, and groups with rights that no device level would be bound to."""
    organization = config.organization
    if organization is None:
        return
    domain = config.company.domain
    if not organization.break_glass.endswith(f"@{domain}"):
        yield Mistake(
            key="organization.breakGlass",
            clause="ACC-9",
            problem=f"{organization.break_glass} is not a group of {domain}",
            example=f"breakGlass: break-glass@{domain}",
            others=("company.domain",),
        )
    if config.logging.organization not in (None, organization.id):
        yield Mistake(
            key="organization.id",
            clause="LOG-2",
            problem=f"{organization.id} is not the one whose logs are collected, {config.logging.organization}",
            example=f'id: "{config.logging.organization}"',
            others=("logging.organization",),
        )
    if organization.access_policy is None:
        return
    for group, what, other in _powerful(config, organization):
        if group.endswith(f"@{domain}") and group.partition("@")[0] not in organization.group_keys:
            yield Mistake(
                key="organization.groupKeys",
                clause="DEV-2",
                problem=f"has no key for {group}, which {what}: its members could use any device",
                example=f"groupKeys: {{{group.partition('@')[0]}: 01d520gv4vjcrht}}",
                others=(other,),
            )
            return


def _powerful(config: StackConfig, organization: Organization) -> Iterator[tuple[str, str, str]]:
    """Every group of people that can reach something: those with rights, those who approve, and break-glass."""
    for name, row in config.access.items():
        yield row.group, "has rights in access.yaml", f"access.{name}.group"
    for name, row in config.access.items():
        if row.approvers is not None:
            yield row.approvers, "approves requests in access.yaml", f"access.{name}.approvers"
    yield organization.break_glass, "deny policies except", "organization.breakGlass"

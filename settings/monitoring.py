"""Who is told, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from .base import Mistake, Section, section, setting
from .databases import Group

if TYPE_CHECKING:
    from config import BootstrapConfig, StackConfig


class Contacts(Section):
    """Groups that receive Google's own notices; a category left out goes to `security`."""

    security: Group = setting("MON-4", "security@example.com")
    """Vulnerabilities, incidents, suspensions."""

    technical: Group | None = setting("MON-4", "platform@example.com", None)
    """Changes of services in use."""

    legal: Group | None = setting("MON-4", "legal@example.com", None)
    """Enforcement and regulation."""

    billing: Group | None = setting("MON-4", "finance@example.com", None)
    """Costs."""


Goal = Annotated[float, Field(ge=0.9, le=0.9999)]
"""Less is no promise, and more leaves no budget for a single restart."""


class Objectives(Section):
    """The part of a month in which things work; what is left is the budget for changes and failures."""

    services: Goal = setting("MON-7", 0.995, 0.995)
    """Of the requests to a service, or of the checks of a site: 0.995 leaves three and a half hours a month."""

    databases: Goal = setting("MON-7", 0.999, 0.999)
    """Of five minutes each in which a database is up."""


class Monitoring(Section):
    """Alerts reach people over two channels of different types."""

    email: Group = setting("MON-2", "on-call@example.com")
    """Group that reads alerts."""

    contacts: Contacts = section("MON-4")
    """Who hears from Google."""

    objectives: Objectives = section("MON-7", Objectives())
    """What is promised."""


def check(config: StackConfig | BootstrapConfig) -> Iterator[Mistake]:
    """Refuse addresses outside the company's domain."""
    contacts = config.monitoring.contacts.model_dump(exclude_none=True)
    addresses = {"monitoring.email": config.monitoring.email}
    addresses |= {f"monitoring.contacts.{name}": address for name, address in contacts.items()}
    for key, address in addresses.items():
        if not address.endswith(f"@{config.company.domain}"):
            yield Mistake(
                key=key,
                clause="MON-4",
                problem=f"{address} is not an address of {config.company.domain}",
                example=f"{key.rpartition('.')[2]}: on-call@{config.company.domain}",
                others=("company.domain",),
            )

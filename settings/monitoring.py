"""Who is told, and how."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .base import Mistake, Section, section, setting
from .databases import Group

if TYPE_CHECKING:
    from config import StackConfig


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


class Monitoring(Section):
    """Alerts reach people over two channels of different types."""

    email: Group = setting("MON-2", "on-call@example.com")
    """Group that reads alerts."""

    contacts: Contacts = section("MON-4")
    """Who hears from Google."""


def check(config: StackConfig) -> Iterator[Mistake]:
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

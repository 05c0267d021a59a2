"""Who runs this stack, and what kind of stack it is."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from .base import Section, setting

LabelValue = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
"""A label value that every Google Cloud service accepts."""


Domain = Annotated[
    str, StringConstraints(pattern=r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$", max_length=253)
]
"""A domain name as DNS takes it: labels of at most 63 characters, 253 in all."""


class Company(Section):
    """Names and labels that end up on every resource."""

    domain: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")] = setting("ACC-1", "example.com")
    """Domain of the company's Google accounts; groups of any other domain are refused."""

    further_domains: tuple[Domain, ...] = setting("HOS-3", ["example.org"], ())
    """Other domains that the company has registered; services may be reached there too."""

    environment: Literal["production", "staging", "development"] = setting("CHG-5", "production")
    """In production nothing stateful can be left unprotected, unlocked or in a single zone."""

    owner: LabelValue = setting("MIN-2", "platform-team")
    """Team that answers for the stack."""

    cost_center: LabelValue = setting("MIN-2", "hosting")
    """Where the bill goes."""

    def owns(self, domain: str) -> bool:
        """Whether a domain is the company's, or lies below one that is."""
        return any(domain == own or domain.endswith(f".{own}") for own in (self.domain, *self.further_domains))

    @property
    def production(self) -> bool:
        """Whether the strictest reading of each clause applies."""
        return self.environment == "production"

    @property
    def labels(self) -> dict[str, str]:
        """The labels of every resource that takes labels."""
        return {
            "owner": self.owner,
            "cost-center": self.cost_center,
            "environment": self.environment,
            "managed-by": "pulumi",
        }

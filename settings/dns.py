"""Public DNS zones of the company: signed, logged, and with a record for every service in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Mistake, Named, Section, named, setting
from .company import Domain
from .services import not_owned

if TYPE_CHECKING:
    from config import StackConfig

RecordName = Annotated[str, StringConstraints(pattern=r"^(@|(\*\.)?[a-z0-9_]([a-z0-9_-]*)(\.[a-z0-9_][a-z0-9_-]*)*)$")]


class Record(Section):
    """A record that no service of the stack makes, such as those of mail."""

    name: RecordName = setting("ENC-10", "@")
    """What stands before the domain; @ is the domain itself."""

    type: Literal["A", "AAAA", "CNAME", "MX", "SRV", "TXT"] = setting("ENC-10", "MX")
    """Kind of record; NS, DS and CAA are made here and nowhere else."""

    ttl: Annotated[int, Field(ge=60, le=86_400)] = setting("ENC-10", 3600, 3600)
    """Seconds for which others may keep it."""

    values: Annotated[tuple[str, ...], Field(min_length=1)] = setting("ENC-10", ["10 mail.example.com."])
    """What it says, as DNS writes it."""


class Zone(Section):
    """A zone that the registrar delegates to Google. The DS record for the registrar is an output of the stack."""

    domain: Domain = setting("ENC-10", "example.com")
    """The domain, or a part of it such as apps.example.com."""

    records: Named[Record] = named("ENC-10", "mail", {})
    """Further records."""


def zone_of(config: StackConfig, domain: str) -> str | None:
    """The zone that a domain lies in: the one with the longest name."""
    fitting = [
        (len(zone.domain), name)
        for name, zone in config.dns.items()
        if domain == zone.domain or domain.endswith(f".{zone.domain}")
    ]
    return max(fitting)[1] if fitting else None


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse zones of others, two zones of one name, and records that a service makes already."""
    seen: dict[str, str] = {}
    services = {service.domain for service in config.services.values()}
    services |= {one.domain for one in (config.render.services.values() if config.render else ()) if one.domain}
    for name, zone in config.dns.items():
        key = f"dns.{name}.domain"
        if not config.company.owns(zone.domain):
            yield not_owned(config, key, zone.domain, name)
        if zone.domain in seen:
            yield Mistake(
                key=key,
                clause="ENC-10",
                problem=f"{zone.domain} is also the domain of the zone {seen[zone.domain]}",
                example=f"domain: {name}.{config.company.domain}",
                others=(f"dns.{seen[zone.domain]}.domain",),
            )
        seen.setdefault(zone.domain, name)
        yield from _records(name, zone, services)
    render = config.render.services if config.render is not None else {}
    for name, service in render.items():
        if service.domain is not None and any(service.domain == zone.domain for zone in config.dns.values()):
            yield Mistake(
                key=f"render.services.{name}.domain",
                clause="ENC-10",
                problem=f"{service.domain} is the top of a zone, where DNS allows no alias to Render",
                example=f"domain: www.{service.domain}",
                others=("dns",),
            )


def _records(name: str, zone: Zone, services: set[str]) -> Iterator[Mistake]:
    taken: dict[tuple[str, str], str] = {}
    for label, record in zone.records.items():
        key = f"dns.{name}.records.{label}"
        whole = zone.domain if record.name == "@" else f"{record.name}.{zone.domain}"
        if whole in services and record.type in ("A", "AAAA", "CNAME"):
            yield Mistake(
                key=f"{key}.name",
                clause="ENC-10",
                problem=f"{whole} is the domain of a service, which makes its own record",
                example="nothing; take the record out",
                others=("services", "render"),
            )
        if (whole, record.type) in taken:
            yield Mistake(
                key=f"{key}.name",
                clause="ENC-10",
                problem=f"{taken[whole, record.type]} is a {record.type} record of {whole} too",
                example=f"values of both under {taken[whole, record.type]}",
                others=tuple(
                    f"dns.{name}.records.{one}.{field}"
                    for one in (label, taken[whole, record.type])
                    for field in ("name", "type")
                ),
            )
        taken.setdefault((whole, record.type), label)

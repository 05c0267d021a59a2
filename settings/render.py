"""What runs on Render: one project, one protected environment, services and stores in it, and who may come in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from .base import Mistake, Name, Named, Reason, Section, named, setting
from .company import Domain
from .data import unknown_class
from .services import not_owned

if TYPE_CHECKING:
    from config import RenderStack, Stack, StackConfig

RUNTIMES = Literal["docker", "elixir", "go", "node", "python", "ruby", "rust"]
ServicePlan = Literal["starter", "standard", "pro", "pro_plus", "pro_max", "pro_ultra"]
Cron = Annotated[str, StringConstraints(pattern=r"^\S+( \S+){4}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[\w./-]*$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")]
NARROWEST = {4: 24, 6: 48}
"""HOS-5: an office is not wider than this."""


def _narrow(value: str) -> str:
    try:
        block = ipaddress.ip_network(value)
    except ValueError as error:
        raise ValueError(f"{value} is not a range of addresses: {error}") from None
    if block.prefixlen < NARROWEST[block.version]:
        raise ValueError(f"{value} is wider than /{NARROWEST[block.version]}: a whole provider of machines fits in")
    return value


class Admitted(Section):
    """Somebody outside of Render who may connect to a store."""

    range: Annotated[str, AfterValidator(_narrow)] = setting("HOS-5", "203.0.113.7/32")
    """Addresses, at most a /24 (IPv6: /48)."""

    reason: Reason = setting("HOS-5", "the office in which reports are made")
    """Who that is and why. Services of the environment need no entry."""


class Service(Section):
    """One program. It is built from the repository that delivery names, on the branch that its ruleset protects."""

    kind: Literal["web", "private", "worker", "cron", "static"] = setting("HOS-5", "web")
    """Reached from the internet, from the environment only, not at all, at times, or files without a program."""

    folder: Annotated[str, StringConstraints(pattern=r"^[\w.-]+(/[\w.-]+)*$")] = setting("CIN-4", "apps/site")
    """Folder in the repository."""

    runtime: RUNTIMES = setting("HOS-6", "python", "docker")
    """What Render builds; a static site has none."""

    build: str | None = setting("CIN-4", "pip install -r requirements.txt", None)
    """Command that builds it; none for docker."""

    start: str | None = setting("HOS-6", "gunicorn app:app", None)
    """Command that runs it; none for docker and static."""

    publish: str | None = setting("HOS-6", "dist", None)
    """Folder with the files of a static site."""

    plan: ServicePlan = setting("HOS-6", "standard", "standard")
    """Size; a static site has none."""

    instances: Annotated[int, Field(ge=1, le=100)] = setting("MON-5", 2, 2)
    """How many; web and private services have two at least."""

    health: UrlPath | None = setting("MON-3", "/healthz", None)
    """Path that answers when all is well; a web service needs one."""

    domain: Domain | None = setting("HOS-3", "site.example.com", None)
    """Where web and static are reached; Render's own address is then closed."""

    schedule: Cron | None = setting("HOS-6", "0 3 * * *", None)
    """When a cron job runs, in UTC."""

    groups: tuple[Name, ...] = setting("CHG-2", ["site"], ())
    """Environment groups whose variables it gets."""


class Database(Section):
    """One PostgreSQL, with point-in-time recovery by its plan."""

    data_class: str = setting("MIN-2", "customer")
    """Class of what it stores."""

    plan: Annotated[str, StringConstraints(pattern=r"^(pro|accelerated)_\d+gb$")] = setting("BAK-2", "pro_4gb")
    """Pro or Accelerated: these have seven days of recovery and can have a standby."""

    version: Literal["15", "16", "17"] = setting("HOS-6", "17")
    """Major version; fixed once it exists."""

    disk_gb: Annotated[int, Field(ge=5, le=16_000, multiple_of=5)] = setting("HOS-6", 50)
    """Disk; it can only grow."""

    high_availability: bool = setting("MON-5", True, True)
    """A standby."""

    admitted: tuple[Admitted, ...] = setting("HOS-5", [], ())
    """Who may connect from outside; nobody, unless listed."""


class Cache(Section):
    """One key-value store."""

    data_class: str = setting("MIN-2", "customer")
    """Class of what it stores."""

    plan: Literal["starter", "standard", "pro", "pro_plus"] = setting("HOS-6", "standard", "standard")
    """All of these keep their data over a restart."""

    eviction: Literal["noeviction", "allkeys_lru", "volatile_lru"] = setting("HOS-6", "noeviction", "noeviction")
    """What happens when it is full; a queue must not lose anything."""

    admitted: tuple[Admitted, ...] = setting("HOS-5", [], ())
    """Who may connect from outside; nobody, unless listed."""


class Group(Section):
    """Variables that services share. Whatever is not a plain setting is a secret, and comes from elsewhere."""

    plain: Mapping[Variable, str] = setting("CHG-2", {"LOG_LEVEL": "info"}, {})
    """Ordinary settings; names and values that look like a secret are refused."""

    generated: tuple[Variable, ...] = setting("CHG-2", ["SESSION_KEY"], ())
    """Secrets that are made here, 64 letters and digits each, and known to nobody."""

    databases: Mapping[Variable, Name] = setting("CHG-2", {"DATABASE_URL": "site"}, {})
    """Variable → database whose private address it holds, password included."""

    caches: Mapping[Variable, Name] = setting("CHG-2", {"QUEUE_URL": "queue"}, {})
    """Variable → cache whose private address it holds."""


class Render(Section):
    """A workspace on Render. Its API key is `credentials.renderApiKey`, encrypted, or RENDER_APIKEY."""

    owner_id: Annotated[str, StringConstraints(pattern=r"^tea-[a-z0-9]+$")] = setting("ACC-1", "tea-example0000000000")
    """Id of the team's workspace; a person's own one is refused."""

    project: Name | None = setting("HOS-5", "example-prod", None)
    """Name of the project on Render; left out, that of the workload's project on Google Cloud, or the company's."""

    region: Literal["frankfurt", "oregon", "ohio", "virginia", "singapore"] = setting("PRI-1", "frankfurt")
    """Where everything runs and lies."""

    services: Named[Service] = named("HOS-5", "site", {})
    """What runs."""

    databases: Named[Database] = named("HOS-5", "site", {})
    """What stores."""

    caches: Named[Cache] = named("HOS-5", "queue", {})
    """What queues and caches."""

    groups: Named[Group] = named("CHG-2", "site", {})
    """What services are told."""

    events: Annotated[str, StringConstraints(pattern=r"^https://[\w.-]+(/[\w./-]*)?$")] = setting(
        "MON-1", "https://events.example.com/render"
    )
    """Address that is told of failures and changes by webhook."""

    logs: Annotated[str, StringConstraints(pattern=r"^[\w.-]+:\d{2,5}$")] = setting("LOG-2", "logs.example.com:6514")
    """Host and port that take all logs, as syslog over TLS."""


LARGER = {"frankfurt": "europe", "oregon": "us", "ohio": "us", "virginia": "us", "singapore": "asia"}


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse what lies elsewhere than promised, points at nothing, or lacks what its kind needs."""
    render = config.render
    if render is None:
        return
    if not any(region.startswith(f"{LARGER[render.region]}-") for region in config.regions.allowed):
        yield Mistake(
            key="render.region",
            clause="PRI-1",
            problem=f"{render.region} lies outside of regions.allowed ({', '.join(config.regions.allowed)})",
            example="region: frankfurt",
            others=("regions.allowed",),
        )
    taken = {*config.databases, *config.buckets, *config.datasets, *config.topics}
    seen = {service.domain: f"services.{name}" for name, service in config.services.items()}
    yield from _whole(config, render, taken, seen)


def alone(config: RenderStack) -> Iterator[Mistake]:
    """The same for a stack that runs on Render alone."""
    yield from _whole(config, config.render, set(), {})


def _whole(config: Stack, render: Render, taken: set[str], seen: dict[str, str]) -> Iterator[Mistake]:
    for place in ("databases", "caches"):
        for name, store in getattr(render, place).items():
            key = f"render.{place}.{name}"
            yield from unknown_class(config, f"{key}.dataClass", store.data_class, "primary")
            if name in taken or (place == "caches" and name in render.databases):
                yield Mistake(
                    key=key,
                    clause="MIN-2",
                    problem=f"there is another store called {name}, and the inventory has one row for a name",
                    example=f"render.{place}.{name}-{place[:-1]}",
                )
    for name, database in render.databases.items():
        if config.company.production and not database.high_availability:
            yield Mistake(
                key=f"render.databases.{name}.highAvailability",
                clause="MON-5",
                problem="is off, and this stack is production",
                example="highAvailability: true",
                others=("company.environment",),
            )
    for name, group in render.groups.items():
        for field, known in (("databases", render.databases), ("caches", render.caches)):
            for variable, store in getattr(group, field).items():
                if store not in known:
                    yield _unknown(f"render.groups.{name}.{field}.{variable}", store, tuple(known))
    for name, service in render.services.items():
        yield from _service(config, name, service, seen)


def _unknown(key: str, name: str, known: tuple[str, ...]) -> Mistake:
    return Mistake(
        key=key,
        clause="CHG-2",
        problem=f"{name} does not exist; there is {', '.join(known) or 'none'}",
        example=f"{key.rpartition('.')[2]}: {known[0] if known else 'site, under render.databases'}",
        others=("render",),
    )


NEEDS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "web": (("health", "MON-3"), ("domain", "HOS-3")),
    "private": (),
    "worker": (),
    "cron": (("schedule", "HOS-6"),),
    "static": (("publish", "HOS-6"), ("domain", "HOS-3")),
}


def _service(config: Stack, name: str, service: Service, seen: dict[str, str]) -> Iterator[Mistake]:
    key = f"render.services.{name}"
    examples = {"health": "/healthz", "schedule": "0 3 * * *", "publish": "dist"}
    for field, clause in NEEDS[service.kind]:
        if getattr(service, field) is None:
            yield Mistake(
                key=f"{key}.{field}",
                clause=clause,
                problem=f"is missing: a {service.kind} service needs it",
                example=f"{field}: {examples.get(field, f'{name}.{config.company.domain}')}",
                others=(f"{key}.kind",),
            )
    if service.kind in ("web", "private") and service.instances < 2:
        yield Mistake(
            key=f"{key}.instances",
            clause="MON-5",
            problem="one instance is an outage at every restart",
            example="instances: 2",
            others=(f"{key}.kind",),
        )
    if service.kind != "static" and service.runtime != "docker" and not (service.build and service.start):
        yield Mistake(
            key=f"{key}.build",
            clause="CIN-4",
            problem=f"{service.runtime} needs build and start",
            example="build: pip install -r requirements.txt, start: gunicorn app:app",
            others=(f"{key}.runtime",),
        )
    for group in service.groups:
        known = tuple(config.render.groups) if config.render else ()
        if group not in known:
            yield _unknown(f"{key}.groups", group, known)
    if service.domain is not None:
        own = config.company.domain
        if not config.company.owns(service.domain):
            yield not_owned(config, f"{key}.domain", service.domain, name)
        if service.domain in seen:
            yield Mistake(
                key=f"{key}.domain",
                clause="HOS-3",
                problem=f"{service.domain} is also the domain of {seen[service.domain]}",
                example=f"domain: {name}.{own}",
                others=(f"{seen[service.domain]}.domain",),
            )
        seen.setdefault(service.domain, f"render.{name}")

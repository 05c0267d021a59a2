"""The only reader of the stack file: everything a company decides, checked at once before any resource exists.

`load()` returns a frozen `StackConfig` or raises one `ConfigError` that lists every mistake with its key, clause and
the line to write. A new area adds a model (and a `check` for what spans sections) under `settings/` and one field here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TypeVar

import pulumi
from pydantic import Field, ValidationError

import settings
import settings.names
from settings.access import Access
from settings.access import read as read_access
from settings.backups import Backups
from settings.base import Mistake, Named, Section, named, section
from settings.bootstrap import SUFFIX, Billing, Folder, Shared, State, shared
from settings.company import Company
from settings.credentials import Credentials
from settings.data import DataClasses
from settings.databases import Database
from settings.delivery import Delivery
from settings.dns import Zone, zone_of
from settings.entrance import Entrance
from settings.erasure import Erasure
from settings.guardrails import Guardrails
from settings.images import Images
from settings.inventory import Inventory
from settings.inventory import read as read_inventory
from settings.jobs import Jobs, RenderJobs
from settings.lines import stack_file
from settings.logging import Logging
from settings.mistakes import from_validation, plain_secrets
from settings.monitoring import Monitoring
from settings.network import Network
from settings.organization import Organization
from settings.projects import Projects
from settings.protection import Unprotected
from settings.regions import Regions
from settings.render import Render
from settings.rows import Document, Unreadable
from settings.secrets import Secrets
from settings.services import Services
from settings.sign_in import SignIn
from settings.stores import Bucket, Dataset, Topic
from settings.tasks import Tasks
from settings.workloads import Workloads

HERE = Path(__file__).parent
_Config = TypeVar("_Config", bound=Section)

AREAS = (
    settings.projects,
    settings.data,
    settings.regions,
    settings.network,
    settings.databases,
    settings.backups,
    settings.secrets,
    settings.workloads,
    settings.services,
    settings.tasks,
    settings.stores,
    settings.jobs,
    settings.names,
    settings.logging,
    settings.monitoring,
    settings.protection,
    settings.erasure,
    settings.sign_in,
    settings.render,
    settings.dns,
    settings.inventory,
    settings.access,
    settings.organization,
    settings.guardrails,
)
"""Modules whose `check` looks across sections."""

ALONE = (settings.render, settings.jobs, settings.inventory, settings.access, settings.protection)
"""Modules whose `alone` looks across the sections of a stack that runs on Render alone."""


class Stack(Section):
    """What every stack file says, whichever cloud the stack runs on."""

    company: Company = section("HOS-1")
    """Who runs it."""

    data_classes: DataClasses = named("ENC-1", "customer")
    """Which kinds of data."""

    render: Render | None = section("HOS-5", None)
    """What runs on Render."""

    credentials: Credentials = section("CHG-2", Credentials())
    """With which secrets of providers; the one section that is encrypted."""

    delivery: Delivery = section("REV-1")
    """Changed from where."""

    inventory: Inventory = named("MIN-2", "orders")
    """What every store holds; read from data.yaml, where all stacks have their rows."""

    access: Access = named("ACC-7", "orders-support", {})
    """What people may do; read from access.yaml, the only source of rights of people."""

    unprotected: Named[Unprotected] = named("CHG-5", "orders", {})
    """Which stores may be deleted."""

    today: date = Field(
        default_factory=lambda: datetime.now(UTC).date(),
        examples=["2027-01-31"],
        json_schema_extra={"clause": "ENC-9"},
    )
    """The day the first rotation of new secrets is counted from; left out, it is the day of the run (UTC)."""

    def protects(self, store: str) -> bool:
        """Whether a store is guarded against deletion: always, unless `unprotected` names it."""
        return store not in self.unprotected

    def labels(self, store: str) -> dict[str, str]:
        """The labels of a store: whose it is, its name in the inventory, and the class of its data."""
        return {**self.company.labels, "store": store, "data-class": self.inventory[store].data_class}


class RenderStack(Stack):
    """A stack that runs on Render alone: it has none of the sections about Google Cloud."""

    render: Render = section("HOS-5")
    """What runs."""

    jobs: RenderJobs | None = section("BAK-6", None)
    """Proved by which jobs."""


class StackConfig(Stack):
    """One stack on Google Cloud, with or without Render: the whole of `Pulumi.<stack>.yaml`."""

    projects: Projects = section("HOS-1")
    """Where it runs."""

    regions: Regions = section("PRI-1")
    """In which places."""

    network: Network = section("HOS-1")
    """On which addresses."""

    databases: Named[Database] = named("BAK-1", "orders", {})
    """In which databases."""

    buckets: Named[Bucket] = named("MIN-1", "invoices", {})
    """In which buckets."""

    datasets: Named[Dataset] = named("MIN-1", "sales", {})
    """In which BigQuery datasets, for those who analyse."""

    topics: Named[Topic] = named("MIN-1", "order-events", {})
    """Through which Pub/Sub topics, for those who pass messages on."""

    backups: Backups = section("BAK-4")
    """Copied how."""

    erasure: Erasure | None = section("PRI-2", None)
    """Erased how, for good."""

    secrets: Secrets = section("ENC-9")
    """With which secrets."""

    workloads: Workloads = named("ACC-5", "orders-api", {})
    """Used by whom."""

    services: Services = named("HOS-3", "orders-api", {})
    """Reached where."""

    jobs: Jobs = section("BAK-6")
    """Proved by which jobs."""

    tasks: Tasks = named("HOS-6", "stock-count", {})
    """Run on which schedules."""

    entrance: Entrance = section("HOS-3", Entrance())
    """Through which entrance."""

    images: Images = section("CIN-3", Images())
    """Started from which images."""

    dns: Named[Zone] = named("ENC-10", "main", {})
    """Named by whom; zones that Google answers for."""

    sign_in: SignIn | None = section("VER-1", None)
    """Signed in to by customers how."""

    logging: Logging = section("LOG-2")
    """Logged where, for how long."""

    monitoring: Monitoring = section("MON-2")
    """Told to whom."""

    organization: Organization | None = section("ACC-9", None)
    """Inside of which organization node."""

    guardrails: Guardrails = section("ACC-9", Guardrails())
    """Held by which policies besides those of every project."""

    def zone_of(self, domain: str) -> str | None:
        """The zone of ours that a domain lies in."""
        return zone_of(self, domain)

    def first_name(self, database: str) -> str:
        """What a database was called when it was made: what the clouds call after it keeps that name (CHG-5)."""
        spec = self.databases.get(database)
        return spec.formerly or database if spec is not None else database


BOOTSTRAP_CHECKS: tuple[Callable[[BootstrapConfig], Iterator[Mistake]], ...] = (
    settings.projects.check,
    settings.regions.places,
    settings.monitoring.check,
    settings.bootstrap.check,
)
"""What looks across the sections of the bootstrap program."""


class BootstrapConfig(Section):
    """What comes before a stack: the whole of `bootstrap/Pulumi.<stack>-bootstrap.yaml`, and what the stack says."""

    billing: Billing = section("MON-4")
    """Paid by whom."""

    folder: Folder | None = section("ACC-9", None)
    """In which folder of the organization."""

    state: State = section("CHG-1")
    """With the state kept how long."""

    company: Company = section("HOS-1")
    projects: Projects = section("HOS-1")
    regions: Regions = section("PRI-1")
    delivery: Delivery = section("REV-1")
    monitoring: Monitoring = section("MON-2")
    organization: Organization | None = section("ACC-9", None)
    """The last six are those of the stack's own file."""

    inventory: Inventory = named("MIN-2", "state")
    """What its two stores hold; read from data.yaml."""

    def labels(self, store: str) -> dict[str, str]:
        """The labels of a store: whose it is, its name in the inventory, and the class of its data."""
        return {**self.company.labels, "store": store, "data-class": self.inventory[store].data_class}


class ConfigError(pulumi.RunError):
    """The stack file cannot be used. The message lists everything that is wrong with it."""

    def __init__(self, mistakes: Iterable[Mistake], stack: str) -> None:
        self.mistakes = tuple(mistakes)
        count = f"{len(self.mistakes)} mistake{'s' if len(self.mistakes) > 1 else ''}"
        blocks = (
            f"{number}. {mistake.key}  ({mistake.clause})\n   {mistake.problem}\n   write: {mistake.example}"
            for number, mistake in enumerate(self.mistakes, 1)
        )
        super().__init__("\n".join((f"Pulumi.{stack}.yaml has {count}; nothing was changed.", *blocks)))


def parse(
    raw: Mapping[str, object], stack: str = "prod", secret_keys: Iterable[str] = (), documents: Iterable[Document] = ()
) -> StackConfig | RenderStack:
    """Check the sections of a stack file, with the rows of the files beside it as sections of their own.

    `secret_keys` are the keys that the file holds encrypted.
    """
    documents = tuple(documents)
    if _on_render_alone(raw):
        return _checked(RenderStack, [area.alone for area in ALONE], raw, stack, secret_keys, documents)
    return _checked(StackConfig, [area.check for area in AREAS], raw, stack, secret_keys, documents)


def parse_bootstrap(
    raw: Mapping[str, object], stack: str, secret_keys: Iterable[str] = (), documents: Iterable[Document] = ()
) -> BootstrapConfig:
    """The same for a stack file of the bootstrap program and the sections that it shares with the stack's own."""
    return _checked(BootstrapConfig, BOOTSTRAP_CHECKS, raw, stack, secret_keys, tuple(documents))


def _checked(
    model: type[_Config],
    checks: Iterable[Callable[[Any], Iterator[Mistake]]],
    raw: Mapping[str, object],
    stack: str,
    secret_keys: Iterable[str],
    documents: tuple[Document, ...],
) -> _Config:
    mistakes = list(plain_secrets(raw, secret_keys))
    for document in documents:
        mistakes += document.misplaced(raw)
        if not isinstance(document, Shared) or document.present:
            raw = {**raw, document.key: document.rows}
    hidden = {mistake.key for mistake in mistakes}
    config, found, repaired = _validate(model, raw, hidden)
    mistakes += found
    if config is not None:
        for check in checks:
            wrong = repaired | {mistake.key for mistake in mistakes}
            mistakes += (m for m in check(config) if not _rests_on(m, wrong))
    if mistakes or config is None:
        for document in documents:
            mistakes = [document.located(mistake) for mistake in mistakes]
        raise ConfigError(mistakes, stack)
    return config


def load() -> StackConfig | RenderStack:
    """Read the configuration of the running program."""
    own, secret = _own(pulumi.Config().name)
    stack = pulumi.get_stack()
    try:
        documents = (
            read_inventory(HERE / settings.inventory.FILE, stack),
            read_access(HERE / settings.access.FILE, stack),
        )
    except Unreadable as error:
        raise pulumi.RunError(f"{error}; nothing was changed.") from None
    with _located(HERE, stack, own):
        return parse(own, stack, secret, documents)


def load_bootstrap() -> BootstrapConfig:
    """Read the configuration of the running bootstrap program, and what it takes from the file of its stack."""
    project = pulumi.Config().name
    own, secret = _own(project)
    stack = pulumi.get_stack()
    if not stack.endswith(SUFFIX) or stack == SUFFIX:
        raise pulumi.RunError(
            f"CHG-1: {stack} is no stack of the bootstrap program; write: <stack>{SUFFIX}, such as prod{SUFFIX}"
        )
    prepared = stack.removesuffix(SUFFIX)
    try:
        documents = (
            *shared(HERE / f"Pulumi.{prepared}.yaml", project.removesuffix(SUFFIX)),
            read_inventory(HERE / settings.inventory.FILE, stack),
        )
    except Unreadable as error:
        raise pulumi.RunError(f"{error}; nothing was changed.") from None
    with _located(HERE / "bootstrap", stack, own):
        return parse_bootstrap(own, stack, secret, documents)


@contextmanager
def _located(folder: Path, stack: str, own: Mapping[str, object]) -> Iterator[None]:
    """Says of every mistake in the stack file on which line it stands."""
    try:
        yield
    except ConfigError as error:
        lines = stack_file(folder / f"Pulumi.{stack}.yaml", pulumi.Config().name, own)
        raise ConfigError(map(lines.located, error.mistakes), stack) from None


def _own(project: str) -> tuple[dict[str, object], set[str]]:
    """The configuration of the running program without its namespace, and the keys that are encrypted."""
    everything = {
        **pulumi.runtime.config.get_config_env(),
        **pulumi.runtime.config.CONFIG.get(),
    }
    secret = {key for key in everything if pulumi.runtime.is_config_secret(key)}
    secret |= set(pulumi.runtime.config.get_config_secret_keys_env())
    own: dict[str, object] = {}
    for key, value in everything.items():
        namespace, _, name = key.partition(":")
        own[name if namespace == project else key] = _decoded(value)
    return own, {key.removeprefix(f"{project}:") for key in secret}


def require_policy_pack(environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to run where no policy pack judges the result (CHG-7).

    The engine hands its environment to the program, so the variable that makes it load the pack is seen here too.
    """
    pack = HERE / "policies"
    named = [part for part in environment.get("PULUMI_OPTION_POLICY_PACK", "").split(",") if part]
    broken = [path for path in named if not (Path(path) / "PulumiPolicy.yaml").is_file()]
    if not named or broken:
        wrong = f"{broken[0]} holds no policy pack" if broken else "PULUMI_OPTION_POLICY_PACK is not set"
        raise pulumi.RunError(
            f"CHG-7: no policy pack would judge this stack: {wrong}.\n"
            f"write: export PULUMI_OPTION_POLICY_PACK={pack}   (make preview and make up do it for you)"
        )


def _decoded(value: object) -> object:
    """The engine hands structured values over as JSON text."""
    if isinstance(value, str) and value[:1] in ("{", "["):
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value


def _on_render_alone(raw: Mapping[str, object]) -> bool:
    """Whether a file has a section for Render and none that is about Google Cloud."""
    own = RenderStack.model_fields
    google = {str(field.alias) for name, field in StackConfig.model_fields.items() if name not in own}
    return "render" in raw and not google & set(raw)


def _validate(
    model: type[_Config], raw: Mapping[str, object], hidden: set[str]
) -> tuple[_Config | None, list[Mistake], set[str]]:
    """Validate, then validate again with every wrong value replaced by its example, so that nothing hides the rest."""
    values = {key: value for key, value in json.loads(json.dumps(raw)).items() if ":" not in key}
    mistakes: list[Mistake] = []
    repaired: set[str] = set()
    for _ in range(8):
        try:
            return (
                model.model_validate_json(json.dumps(values)),
                mistakes,
                repaired,
            )
        except ValidationError as error:
            for mistake, repair in from_validation(error, model, values, hidden):
                if mistake.key not in repaired | hidden:
                    mistakes.append(mistake)
                    repaired.add(mistake.key)
                repair()
    return None, mistakes, repaired


def _rests_on(mistake: Mistake, repaired: set[str]) -> bool:
    """Whether a verdict rests on a value that was itself wrong."""
    keys = (mistake.key, *mistake.others)
    return any(key == bad or key.startswith(f"{bad}.") for bad in repaired for key in keys)

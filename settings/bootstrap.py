"""What has to exist before the stack: who pays, where the projects lie, where the state is kept.

Everything else that the bootstrap program needs (names of projects, regions, the repository) stands in the stack's own
file already. It is read from there, so that the two programs cannot disagree.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from . import inventory, rows
from .base import Mistake, Section, setting
from .limits import NONCURRENT_STATE_DAYS_MIN
from .logging import ACKNOWLEDGEMENT
from .rows import Document, Unreadable

if TYPE_CHECKING:
    from config import BootstrapConfig

SUFFIX = "-bootstrap"
"""What the name of a stack of the bootstrap program ends in; before it stands the stack that it prepares."""

SHARED = ("company", "projects", "regions", "delivery", "monitoring", "organization")
"""Sections of the stack's own file that the bootstrap program reads too."""


class Billing(Section):
    """Who pays, and from which sum on somebody is told."""

    account: Annotated[str, StringConstraints(pattern=r"^[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6}$")] = setting(
        "MON-4", "01AB23-45CD67-89EF01"
    )
    """The billing account: `gcloud billing accounts list`."""

    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")] = setting("MON-4", "EUR")
    """The account's own currency; Google refuses budgets in another."""

    monthly: Annotated[int, Field(ge=1, le=10_000_000)] = setting("MON-4", 500)
    """What a month of all five projects may cost before somebody is told."""


class Folder(Section):
    """Where the projects lie inside of the organization."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]{1,28}[A-Za-z0-9]$")] = setting(
        "ACC-9", "hosting"
    )
    """Name of the folder that is made for them: 3 to 30 letters, digits, blanks, hyphens and underscores."""

    parent: Annotated[str, StringConstraints(pattern=r"^folders/[1-9]\d{3,}$")] | None = setting(
        "ACC-9", "folders/345678901234", None
    )
    """The folder it is made in; left out, the organization itself."""


class State(Section):
    """The bucket with the state of every stack."""

    noncurrent_days: Annotated[int, Field(ge=NONCURRENT_STATE_DAYS_MIN, le=180)] = setting("CHG-1", 180, 180)
    """Days for which an earlier version of a state stays readable; the newest one is never deleted."""

    lock: bool = setting("LOG-3", True, False)
    """Make the retention of the log of access irrevocable; in production it has to be."""

    acknowledgement: Literal["a locked retention can never be shortened or removed"] | None = setting(
        "LOG-3", ACKNOWLEDGEMENT, None
    )
    """The sentence that goes with `lock`."""


@dataclass(frozen=True, kw_only=True)
class Shared(Document):
    """A section of the stack's own file, with the lines it stands on; `rows` is empty where the file has none."""

    present: bool = True

    def misplaced(self, raw: Mapping[str, object]) -> Iterator[Mistake]:
        """Refuse a second copy: two of them would disagree one day."""
        if self.key in raw:
            yield Mistake(
                key=self.key,
                clause=self.clause,
                problem=f"is read from {self.file}, and must not stand here as well",
                example="nothing; take the section out",
            )

    def located(self, mistake: Mistake) -> Mistake:
        """A mistake of this section, with file and line in front."""
        if mistake.key == self.key:
            return replace(mistake, key=f"{self.file}:{self.lines[self.key]} {self.key}")
        found = super().located(mistake)
        return found if found is mistake else replace(found, key=found.key.replace(" ", f" {self.key}.", 1))


def shared(path: Path, project: str) -> list[Shared]:
    """The shared sections of a stack's own file. Raises Unreadable."""
    if not path.is_file():
        raise Unreadable(
            f"CHG-1: there is no {path.name}: the bootstrap reads the names of the projects, the regions and the "
            "repository from it"
        )
    try:
        whole = YAML().load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"CHG-1: {path.name}:{line} is not YAML: {error.problem}") from None
    config = whole.get("config") if isinstance(whole, CommentedMap) else None
    if not isinstance(config, CommentedMap):
        raise Unreadable(f"CHG-1: {path.name}:1 is not a mapping with `config:`")
    return [_section(path.name, config, key, f"{project}:{key}") for key in SHARED]


def _section(file: str, config: CommentedMap, key: str, name: str) -> Shared:
    value: Any = config.get(name)
    if value is None:
        return Shared(file=file, key=key, clause="CHG-1", rows={}, lines={key: 1}, present=False)
    lines = {key: config.lc.key(name)[0] + 1}
    lines |= dict(rows.lines_of(value, key)) if isinstance(value, CommentedMap) else {}
    plain = json.loads(json.dumps(value, default=str))
    return Shared(file=file, key=key, clause="CHG-1", rows=plain, lines=lines)


STORES = {"state": "the state of every stack", "state-access-log": "the log of access to the state"}


def check(config: BootstrapConfig) -> Iterator[Mistake]:
    """Refuse a folder without an organization and the reverse, and stores without a row in the inventory."""
    if config.folder is not None and config.organization is None:
        yield Mistake(
            key="folder",
            clause="ACC-9",
            problem="needs an organization, and the stack's own file has no section organization",
            example="nothing; take the section out: the projects then stand alone, and the run says what is missing",
        )
    if config.folder is None and config.organization is not None:
        yield Mistake(
            key="folder",
            clause="ACC-9",
            problem=f"is missing: the projects lie in a folder of organization {config.organization.id}",
            example="folder: {name: hosting}",
        )
    if config.company.production and not config.state.lock:
        yield Mistake(
            key="state.lock",
            clause="LOG-3",
            problem="in production the log of access to the state is locked",
            example="lock: true",
            others=("company.environment",),
        )
    if config.state.lock and config.state.acknowledgement is None:
        yield Mistake(
            key="state.acknowledgement",
            clause="LOG-3",
            problem="a lock needs its acknowledgement",
            example=f"acknowledgement: {ACKNOWLEDGEMENT}",
            others=("state.lock",),
        )
    home, kept = config.regions.primary, config.state.noncurrent_days
    for name, what in STORES.items():
        row = config.inventory.get(name)
        days = kept if name == "state" else None
        store = inventory.Store(
            key="state", kind="bucket", data_class=name, region=home, retention_days=days, retention_key="state"
        )
        if row is None:
            yield Mistake(
                key=f"{inventory.KEY}.{name}",
                clause="MIN-2",
                problem=f"is missing: {what} has no row",
                example=f"{name}: {{kind: bucket, dataClass: {name}, purpose: …, region: {home}, "
                f"retentionDays: {days or 430}, owner: {config.company.owner}}}",
            )
        else:
            yield from inventory.contradictions(f"{inventory.KEY}.{name}", row, store)
    for name in config.inventory:
        if name not in STORES:
            yield Mistake(
                key=f"{inventory.KEY}.{name}",
                clause="MIN-2",
                problem=f"is no store of this stack; there is {', '.join(STORES)}",
                example="nothing; take the row out",
            )

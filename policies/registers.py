"""The registers that rules judge by: need-to-know matrix, data inventory, attestations, scan; read once at the start.

Rules read no files and no clock. What they need of both is here, attached to the graph: the rows, the digests of the
evidence as it lies in the repository, and the day of judgement. A graph without registers is somebody else's stack.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError

from policies.clauses import CLAUSES
from policies.scan import Scan, ScanError
from policies.scan import read as read_scan

ACCESS: Final = "access.yaml"
INVENTORY: Final = "data.yaml"
ATTESTATIONS: Final = "attestations.yaml"
_GROUP: Final = r"^[^:@\s]+@[^:@\s]+$"


T = TypeVar("T", bound=BaseModel)


class RegisterError(ValueError):
    """A register cannot be used; every mistake with its line."""


class _Row(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    line: int = 0
    file: str = ""
    expires: dt.date
    """The last day."""

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.line}" if self.line else self.file or "the register"


class Right(_Row):
    """A row of the need-to-know matrix."""

    id: str = Field(min_length=1)
    group: str = Field(pattern=_GROUP)
    asset: str = Field(pattern=r"^[a-z]+/\S+$")
    access: str = Field(min_length=1)
    purpose: str = Field(min_length=10)
    reviewed: dt.date
    condition: str | None = None
    approvers: str | None = Field(default=None, pattern=_GROUP)
    hours: int = Field(default=4, ge=1)

    @property
    def end(self) -> str:
        """The moment at which the row is over, as conditions write it."""
        return f"{self.expires + dt.timedelta(days=1)}T00:00:00Z"


class Attestation(_Row):
    """What a person confirms because no interface tells it."""

    clause: str
    subject: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """What it is about: a provider, a team's logins, the devices."""
    statement: str = Field(min_length=20)
    owner: str = Field(min_length=3)
    date: dt.date
    digest: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")
    """Of the evidence, wherever it is kept."""
    evidence: str | None = Field(default=None, pattern=r"^\w[\w./ -]*$")
    """Where the evidence lies in the repository, if it does."""
    found: str | None = None
    """Digest of the evidence as it lies there; None where it is kept elsewhere, "" where it is missing."""

    @field_validator("evidence")
    @classmethod
    def _inside(cls, path: str | None) -> str | None:
        if path is not None and ".." in path.split("/"):
            raise ValueError(f"{path} leads out of the repository")
        return path

    @field_validator("clause")
    @classmethod
    def _attestable(cls, clause: str) -> str:
        known = [c.id for c in CLAUSES.values() if c.kind != "enforced"]
        if clause not in known:
            raise ValueError(f"{clause} is not attested by people; {', '.join(known)} are")
        return clause


class StoreRow(BaseModel):
    """A row of the data inventory: what a store holds, where, and for how long."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    line: int = 0
    file: str = ""
    id: str = Field(min_length=1)
    kind: str
    data_class: str = Field(alias="dataClass", min_length=1)
    region: str = Field(min_length=1)
    retention_days: int = Field(alias="retentionDays", ge=1)

    @property
    def where(self) -> str:
        """File and line, for messages."""
        return f"{self.file}:{self.line}" if self.line else self.file or "the inventory"


@dataclass(frozen=True, kw_only=True)
class Registers:
    """Everything people wrote down that rules judge by, on one day."""

    today: dt.date
    access: Mapping[str, Sequence[Right]] = field(default_factory=dict)
    """By stack."""
    attestations: Sequence[Attestation] = ()
    scan: Scan | None = None
    """What is known of the dependencies; None where nobody looked."""
    inventory: Mapping[str, Mapping[str, StoreRow]] = field(default_factory=dict)
    """By stack, then by the name of the store."""


def load(root: Path, today: dt.date) -> Registers:
    """The registers of a repository. A missing file is an empty register: what needs a row then fails.

    Raises RegisterError with every mistake of all files.
    """
    mistakes: list[str] = []
    access = {
        stack: [row for row in (_right(*entry, mistakes) for entry in _rows(ACCESS, stack, rows, mistakes)) if row]
        for stack, rows in _document(root / ACCESS, mistakes).items()
    }
    attestations = list(_attestations(root, mistakes))
    inventory = {
        stack: {
            row.id: row
            for row in (_store(*entry, mistakes) for entry in _rows(INVENTORY, stack, rows, mistakes))
            if row
        }
        for stack, rows in _document(root / INVENTORY, mistakes).items()
    }
    scan = None
    try:
        scan = read_scan(root)
    except ScanError as error:
        mistakes.append(str(error))
    if mistakes:
        raise RegisterError("\n".join(mistakes))
    return Registers(today=today, access=access, attestations=attestations, scan=scan, inventory=inventory)


def _document(path: Path, mistakes: list[str]) -> Any:
    if not path.is_file():
        return {}
    try:
        document: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        mistakes.append(f"{path.name}:{line}: not valid YAML: {error.problem}")
        return {}
    if document is not None and not isinstance(document, dict):
        mistakes.append(f"{path.name}:1: expected a mapping")
        return {}
    return document or {}


def _rows(file: str, stack: str, rows: Any, mistakes: list[str]) -> Iterator[tuple[str, Any, str, int]]:
    if rows is not None and not isinstance(rows, CommentedMap):
        mistakes.append(f"{file}: {stack} is not a mapping from names to rows")
    elif rows is not None:
        yield from ((name, row, file, rows.lc.key(name)[0] + 1) for name, row in rows.items())


def _right(name: str, row: Any, file: str, line: int, mistakes: list[str]) -> Right | None:
    return _validated(Right, row, {"id": str(name), "file": file, "line": line}, str(name), mistakes)


def _store(name: str, row: Any, file: str, line: int, mistakes: list[str]) -> StoreRow | None:
    return _validated(StoreRow, row, {"id": str(name), "file": file, "line": line}, str(name), mistakes)


def _attestations(root: Path, mistakes: list[str]) -> Iterator[Attestation]:
    entries = _document(root / ATTESTATIONS, mistakes).get("attestations")
    if entries is None:
        return
    if not isinstance(entries, CommentedSeq):
        mistakes.append(f"{ATTESTATIONS}:1: expected one key, `attestations`, with a list")
        return
    for index, entry in enumerate(entries):
        place = {"file": ATTESTATIONS, "line": entries.lc.item(index)[0] + 1}
        made = _validated(Attestation, entry, place, "attestation", mistakes)
        if made is not None:
            yield made.model_copy(update={"found": _digest(root, made.evidence)})


def _validated(kind: type[T], row: Any, place: dict[str, Any], name: str, mistakes: list[str]) -> T | None:
    where = f"{place['file']}:{place['line']}"
    if not isinstance(row, dict):
        mistakes.append(f"{where}: {name} is not a mapping")
        return None
    reserved = sorted({"id", "file", "line", "found"} & set(row))
    if reserved:
        mistakes.append(f"{where}: {name}: {reserved[0]} is not for people to write")
        return None
    try:
        return kind.model_validate({**row, **place})
    except ValidationError as error:
        for problem in error.errors():
            key = ".".join(str(step) for step in problem["loc"])
            mistakes.append(f"{where}: {name}{'.' if key else ''}{key}: {problem['msg']}")
        return None


def _digest(root: Path, evidence: str | None) -> str | None:
    if evidence is None:
        return None
    path = root / evidence
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}" if path.is_file() else ""

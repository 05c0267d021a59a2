"""Waivers: the one file of accepted exceptions, each with rule, resources, owner, reason, compensation and end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from policies.graph import stack_of
from policies.model import Resource


class Waiver(BaseModel):
    """One accepted exception. `resource` is a pattern over the name or the URN (`*` and `?`)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: str = Field(min_length=1)
    resource: str = Field(min_length=1)
    owner: str = Field(min_length=3)
    reason: str = Field(min_length=10)
    compensating_control: str = Field(min_length=10)
    stack: str | None = Field(default=None, min_length=1)
    """The only stack it is about; left out, it is about every stack."""
    expires: dt.date
    line: int = 0

    @field_validator("resource")
    @classmethod
    def _narrow(cls, pattern: str) -> str:
        if not pattern.strip("*?"):
            raise ValueError("a waiver names its resources; `*` alone would waive the rule everywhere")
        return pattern

    def covers(self, rule: str, resource: Resource | None, subject: str = "") -> bool:
        """Whether this waiver is about that rule and resource. A verdict about no resource has the name of its subject,
        one about the whole stack is named `stack`."""
        if rule != self.rule or (resource is not None and not self.about(stack_of(resource.urn))):
            return False
        names = (resource.name, resource.urn) if resource else (subject or "stack",)
        return any(fnmatchcase(name, self.resource) for name in names)

    def about(self, stack: str) -> bool:
        """Whether the waiver speaks of this stack."""
        return self.stack is None or self.stack == stack


class WaiverError(ValueError):
    """The waivers file cannot be used; every mistake with its line."""


def load(path: Path, *, rules: Collection[str], non_waivable: Collection[str]) -> list[Waiver]:
    """The waivers of a file (YAML: a list under `waivers`). A missing file means none.

    Refuses malformed entries, unknown rules and rules that cannot be waived, all at once and with line numbers. Expired
    and unused waivers are judged by rules, not here: they depend on the day and on the stack.
    """
    if not path.exists():
        return []
    try:
        document: Any = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise WaiverError(f"{path.name}:{line}: not valid YAML: {error.problem}") from error
    if document is None:
        return []
    if not isinstance(document, dict) or set(document) - {"waivers"} or not isinstance(document.get("waivers"), list):
        raise WaiverError(f"{path.name}:1: expected one key, `waivers`, with a list of waivers")
    waivers: list[Waiver] = []
    mistakes: list[str] = []
    entries = document["waivers"]
    for index, entry in enumerate(entries):
        line = entries.lc.item(index)[0] + 1
        try:
            waiver = Waiver.model_validate({**entry, "line": line} if isinstance(entry, dict) else entry)
        except ValidationError as error:
            for problem in error.errors():
                where = ".".join(str(step) for step in problem["loc"])
                mistakes.append(f"{path.name}:{line}: {where or 'waiver'}: {problem['msg']}")
            continue
        if waiver.rule not in rules:
            mistakes.append(f"{path.name}:{line}: rule: no rule is called {waiver.rule!r}")
        elif waiver.rule in non_waivable:
            mistakes.append(f"{path.name}:{line}: rule: {waiver.rule} cannot be waived")
        waivers.append(waiver)
    if mistakes:
        raise WaiverError("\n".join(mistakes))
    return waivers

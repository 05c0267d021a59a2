"""Protections that comply, for the examples of the GitHub rules."""

from __future__ import annotations

from typing import Any

from policies.rule import Sample
from policies.rules import _github as github

_REF = {"refName": {"includes": ["~DEFAULT_BRANCH"], "excludes": []}}
_RULES = {
    "deletion": True,
    "nonFastForward": True,
    "requiredSignatures": True,
    "requiredStatusChecks": {"requiredChecks": [{"context": "test"}], "strictRequiredStatusChecksPolicy": True},
}


def ruleset(name: str = "protect", *, rules: dict[str, Any] | None = None, **properties: Any) -> Sample:
    """A ruleset in force with every rule on; `rules` and `properties` change it."""
    base = {"repository": "app", "target": "branch", "enforcement": "active", "conditions": _REF}
    return Sample(github.RULESET, {**base, "rules": {**_RULES, **(rules or {})}, **properties}, name)


def branch(**properties: Any) -> Sample:
    """A branch protection with only its required properties."""
    return Sample(github.BRANCH_PROTECTION, {"repositoryId": "app", "pattern": "main", **properties})


def branch_v3(**properties: Any) -> Sample:
    """The older kind of branch protection with only its required properties."""
    return Sample(github.BRANCH_PROTECTION_V3, {"repository": "app", "branch": "main", **properties})

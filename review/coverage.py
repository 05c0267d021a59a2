"""Clause by clause: which resources were judged by which rules, and what came of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Final

from review.model import Check, Outcome, Review
from review.policy import order
from review.run import type_of

WORST: Final[tuple[Outcome, ...]] = ("fail", "undetermined", "waived", "pass", "not_applicable")


WITHOUT: Final = "without a clause"
"""For a rule whose clause is not known: the engine's log names passed rules without, only the verdicts have them."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A clause on a resource (an empty URN: on the whole stack), with every rule that had a say."""

    clause: str
    urn: str
    outcome: Outcome
    checks: tuple[Check, ...]

    @property
    def name(self) -> str:
        """The resource as a person calls it."""
        if not self.urn:
            return "the stack"
        return f"{self.urn.rsplit('::', 1)[-1]} ({type_of(self.urn)})"


def cases(review: Review) -> tuple[Case, ...]:
    """Every clause × resource, in the order of the clauses; the worst outcome of its rules counts."""
    grouped: dict[tuple[str, str], list[Check]] = defaultdict(list)
    for check in review.checks:
        grouped[check.clause, check.urn].append(check)
    return tuple(
        Case(clause=clause, urn=urn, outcome=worst(checks), checks=tuple(checks))
        for (clause, urn), checks in sorted(grouped.items(), key=lambda entry: (order(entry[0][0]), entry[0][1]))
    )


def worst(checks: list[Check]) -> Outcome:
    """The outcome that a reader must not miss."""
    return min((c.outcome for c in checks), key=WORST.index)


def by_clause(review: Review) -> dict[str, dict[str, int]]:
    """Clause to the number of checks by outcome; clauses nothing judged are there with none."""
    counted: dict[str, dict[str, int]] = {clause.id: {} for clause in review.clauses}
    for check in review.checks:
        counts = counted.setdefault(check.clause or WITHOUT, {})
        counts[check.outcome] = counts.get(check.outcome, 0) + 1
    return dict(sorted(counted.items(), key=lambda entry: order(entry[0])))

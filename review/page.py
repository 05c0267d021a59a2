"""One HTML file that needs nothing else: no network, readable without script, on paper and by a screen reader."""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from review import graph
from review.coverage import WITHOUT, WORST, by_clause, cases
from review.evidence import Proof
from review.model import LEVELS, Change, Review

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
_BAR: Final = 220
"""Pixels of the bar beside a clause."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One measure of the policy at a glance."""

    code: str
    name: str
    outcome: str
    said: str


def write(
    review: Review,
    *,
    proofs: Mapping[str, Sequence[Proof]] | None = None,
    comparison: Mapping[str, Any] | None = None,
) -> str:
    """The page. Every text of the run is escaped; the security policy of the page runs its own script and no other.

    `proofs` are what else stands behind a clause (in a bundle); `comparison` is against the bundle before.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    coverage = by_clause(review)
    return (
        environment.get_template("page.html.j2").render(
            review=review,
            levels=LEVELS,
            coverage=coverage,
            bars={clause: _bar(counts) for clause, counts in coverage.items()},
            measures=_measures(review, coverage),
            sentences={clause.id: clause for clause in review.clauses},
            rules=_rules(review),
            resources=_resources(review),
            groups=_groups(review),
            drawing=graph.draw(review),
            extras=proofs or {},
            comparison=comparison or {},
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
        + "\n"
    )


def _groups(review: Review) -> list[tuple[str, list[tuple[int, Change]]]]:
    """Changes by component, with their numbers; the component with the riskiest change first."""
    groups: dict[str, list[tuple[int, Change]]] = defaultdict(list)
    for number, change in enumerate(review.changes):
        groups[change.component].append((number, change))
    return list(groups.items())


def _rules(review: Review) -> dict[str, list[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for check in review.checks:
        found[check.clause or WITHOUT].add(check.rule)
    return {clause: sorted(rules) for clause, rules in found.items()}


def _resources(review: Review) -> dict[str, list[tuple[str, str]]]:
    """What each clause was judged on, the worst first; what it does not apply to is only counted."""
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for case in sorted(cases(review), key=lambda case: (WORST.index(case.outcome), case.name)):
        if case.outcome != "not_applicable":
            found[case.clause or WITHOUT].append((case.name, case.outcome))
    return found


def _bar(counts: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """Kind, start and width of each part; what there is, however little, is seen."""
    total = sum(counts.values())
    parts: list[tuple[str, int, int]] = []
    start = 0
    for kind in WORST:
        if counts.get(kind):
            width = max(3, round(_BAR * counts[kind] / total))
            parts.append((kind, start, width))
            start += width
    return parts


def _measures(review: Review, coverage: Mapping[str, Mapping[str, int]]) -> list[Measure]:
    """Each measure with its worst outcome, in the order of the text."""
    names = {clause.id.split("-")[0]: clause.measure for clause in review.clauses}
    made = []
    for code, name in names.items():
        counted: dict[str, int] = defaultdict(int)
        clauses = [counts for clause, counts in coverage.items() if clause.split("-")[0] == code]
        for counts in clauses:
            for kind, number in counts.items():
                counted[kind] += number
        outcome = next((kind for kind in WORST if counted.get(kind)), "none")
        judged = sum(bool(counts) for counts in clauses)
        said = ", ".join(f"{counted[kind]:,} {kind.replace('_', ' ')}" for kind in WORST if counted.get(kind))
        said = f"{judged} of {len(clauses)} clauses judged: {said}" if said else "not judged in this run"
        made.append(Measure(code=code, name=name, outcome=outcome, said=said))
    return made


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

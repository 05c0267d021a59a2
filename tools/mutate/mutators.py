"""The mutators: for every input of a resource, the ways in which it gets weaker."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from policies.model import SECRET_SIGNATURE, SIGNATURE
from tools.mutate.meaning import (
    CONDITIONS,
    CONTROLS,
    DIRECTIONS,
    FILTERS,
    LOCATIONS,
    MEMBERS,
    ORDERS,
    RANGES,
    REFERENCES,
    ROLES,
    STRICTER_WHEN_SHORT,
    STRONGER,
    end_of,
    lookup,
)
from tools.mutate.stack import DEFAULT_PROVIDER, Edit, Mutant, State, is_unknown, leaves
from tools.mutate.tables import describe

NEUTRAL: Final = Path(__file__).with_name("neutral.yaml")
_THEIRS: Final = "projects/somebody-else"
ELSEWHERE: Final = (
    (
        re.compile(r"(?i)kmskey(name)?$|encryptionkeyname$"),
        f"{_THEIRS}/locations/europe-west1/keyRings/other/cryptoKeys/other",
    ),
    (re.compile(r"(?i)serviceaccount(email|id)?$"), "other@somebody-else.iam.gserviceaccount.com"),
    (re.compile(r"(?i)subnetwork$"), f"{_THEIRS}/regions/europe-west1/subnetworks/other"),
    (re.compile(r"(?i)network$"), f"{_THEIRS}/global/networks/other"),
    (re.compile(r"(?i)destination$"), "storage.googleapis.com/somebody-elses-bucket"),
    (re.compile(r"(?i)bucket$"), "somebody-elses-bucket"),
    (re.compile(r""), f"{_THEIRS}/others/other"),
)
"""What a reference is pointed at: the same kind of thing, in somebody else's project."""
_DURATION = re.compile(r"\d+(\.\d+)?s")
_CIDR = re.compile(r"\d+\.\d+\.\d+\.\d+(/\d+)?|[0-9a-fA-F:]+::?[0-9a-fA-F:]*/\d+")
_STRANGERS: Final = ("allUsers", "allAuthenticatedUsers", "user:stranger@gmail.com", "domain:example.net")
_POWERS: Final = ("roles/owner", "roles/editor", "roles/iam.serviceAccountTokenCreator")


@dataclass(frozen=True, slots=True)
class Neutral:
    """Properties that decide nothing about security, and why."""

    pattern: re.Pattern[str]
    reason: str


@lru_cache(maxsize=1)
def neutral() -> Sequence[Neutral]:
    """The table of neutral properties."""
    rows = yaml.safe_load(NEUTRAL.read_text(encoding="utf-8"))
    return [Neutral(re.compile(row["match"]), row["reason"]) for row in rows]


@lru_cache(maxsize=65536)
def is_neutral(end: str) -> bool:
    """Whether the property (or the block it stands in) decides nothing about security."""
    head, _, path = end.partition(":")
    module, _, rest = path.partition(":")
    steps = rest.split(".")
    places = [f"{module}:{'.'.join(steps[:n])}" for n in range(1, len(steps) + 1)]
    del head
    return any(n.pattern.fullmatch(place) for n in neutral() for place in places)


def mutants(states: Mapping[str, State]) -> Iterator[Mutant]:
    """Every way to weaken one input, one option or one resource of the stack."""
    needed = {urn for s in states.values() for urn in _edges(s)}
    for state in states.values():
        if state.get("custom", True) and not state["type"].startswith("pulumi:"):
            yield from _inputs(state)
            yield from _options(state, removable=state["urn"] not in needed)


def _edges(state: State) -> Iterator[str]:
    yield from state.get("dependencies") or ()
    for urns in state["propertyDependencies"].values():
        yield from urns


def _mutant(state: State, path: str, change: str, *edits: Edit) -> Mutant:
    return Mutant(state["type"], state["urn"].rsplit("::", 1)[-1], path, change, edits)


def _inputs(state: State) -> Iterator[Mutant]:
    urn, token = state["urn"], state["type"]
    for path, value in leaves(state["inputs"]):
        end = end_of(token, path)
        if is_neutral(end):
            continue
        for change, new in _weaker(token, path, end, value):
            yield _mutant(state, path, change, Edit(urn, "set", path, new))


def _weaker(token: str, path: str, end: str, value: Any) -> Iterator[tuple[str, Any]]:
    about = describe(token, path)
    element = path.endswith("]") and not path.endswith('"]')
    default = about.default is not None and str(about.default).lower() == str(value).lower()
    default = default or (value is False and not about.computed)
    stricter = element and STRICTER_WHEN_SHORT.search(end)
    if not stricter and (element or not (about.required or default or LOCATIONS.search(end))):
        yield ("remove the element" if element else "drop"), None
    if isinstance(value, dict) and value.get(SIGNATURE) == SECRET_SIGNATURE:
        yield "show the secret", value.get("value", "correct horse battery staple")
    elif isinstance(value, bool):
        if lookup(STRONGER, end) in (None, value):
            yield f"flip to {str(not value).lower()}", not value
    elif isinstance(value, int | float):
        yield from _numbers(end, value)
    elif isinstance(value, str):
        yield from _texts(end, value)


def _numbers(end: str, value: float) -> Iterator[tuple[str, Any]]:
    direction = lookup(DIRECTIONS, end)
    if direction in ("shorter", "both"):
        yield "shorten tenfold", int(value / 10) if value >= 10 else value / 10 if isinstance(value, float) else 0
        if value > 1:
            yield "shorten to 1", 1
    if direction in ("longer", "both"):
        yield "lengthen tenfold", value * 10


def _texts(end: str, value: str) -> Iterator[tuple[str, Any]]:
    order = lookup(ORDERS, end)
    if order:
        below = order[: order.index(value)] if value in order else order[:1]
        yield from ((f"lower to {weak}", weak) for weak in below)
    if _DURATION.fullmatch(value) and (direction := lookup(DIRECTIONS, end)):
        seconds = float(value[:-1])
        if direction in ("shorter", "both"):
            yield "shorten tenfold", f"{seconds / 10:g}s"
        if direction in ("longer", "both"):
            yield "lengthen tenfold", f"{seconds * 10:.0f}s"
    if MEMBERS.search(end):
        yield from ((f"grant to {who.split('@')[0]}", who) for who in _STRANGERS if who != value)
    if ROLES.search(end):
        yield from ((f"grant {role}", role) for role in _POWERS)
    if RANGES.search(end) and _CIDR.fullmatch(value) and value != "0.0.0.0/0":
        yield "widen to 0.0.0.0/0", "0.0.0.0/0"
    if FILTERS.search(end) and not is_unknown(value):
        yield "narrow the filter to nothing", f"({value}) AND severity=EMERGENCY AND labels.never=never"
    if CONDITIONS.search(end) and not is_unknown(value):
        yield "replace the condition by true", "true"
    if LOCATIONS.search(end):
        yield "move to another continent", "us-central1"
    if REFERENCES.search(end) and value:
        yield "point elsewhere", next(other for pattern, other in ELSEWHERE if pattern.search(end))


def _options(state: State, *, removable: bool) -> Iterator[Mutant]:
    urn = state["urn"]
    if state.get("protect"):
        yield _mutant(state, "", "protect off", Edit(urn, "option", "protect", False))
    for key in state["inputs"]:
        about = describe(state["type"], key)
        if not (is_neutral(end_of(state["type"], key)) or "replace" in about.flags):
            ignored = [*(state.get("ignoreChanges") or ()), key]
            yield _mutant(state, key, "ignoreChanges", Edit(urn, "option", "ignoreChanges", ignored))
    if state.get("provider"):
        other = DEFAULT_PROVIDER.format(state["type"].split(":", 1)[0])
        yield _mutant(state, "", "default provider", Edit(urn, "option", "provider", other))
    if removable and CONTROLS.fullmatch(state["type"].rsplit(":", 1)[0].split(":", 1)[1]):
        yield _mutant(state, "", "remove the resource", Edit(urn, "remove"))

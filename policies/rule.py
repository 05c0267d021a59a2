"""What a rule is: a record (id, clause, severity, references, examples) and a pure function that yields findings.

A rule reads one fact; its title is a sentence that is true when it passes. The function yields nothing when the
resource complies, `fail(...)` for each place that does not, `skip(...)` when the fact is not the resource's to have.
Reading an unknown value raises; the judge makes "undetermined" of it. `each` keeps one unknown element from hiding a
bad one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from policies.model import Resource, UnknownValue, View
from policies.registers import Registers

Severity = Literal["low", "medium", "high", "critical"]
SEVERITIES: Final[tuple[Severity, ...]] = ("low", "medium", "high", "critical")
Level = Literal["advisory", "mandatory", "remediate", "disabled"]
Scope = Literal["resource", "stack"]
Absent = Literal["fail", "pass", "undetermined", "not_applicable"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about one place: a failure, a reason why the rule does not apply, or an unknown value."""

    kind: Literal["fail", "not_applicable", "undetermined"]
    message: str
    path: str = ""
    resource: Resource | None = None
    subject: str = ""
    """What it is about where that is no resource: a row, a vulnerability. A waiver names it."""


def fail(view: View, path: str, message: str) -> Finding:
    """The property is wrong. The message says what is wrong; the rule's `fix` says what to write."""
    return Finding("fail", message, view.at(path), view.resource)


def fail_stack(message: str, subject: str = "") -> Finding:
    """Something is missing from the stack as a whole, or wrong with what people wrote down about `subject`."""
    return Finding("fail", message, subject=subject)


def skip(reason: str) -> Finding:
    """The rule does not apply here, and why."""
    return Finding("not_applicable", reason)


def unsure(view: View, path: str, reason: str = "is known only after the first `up`") -> Finding:
    """The fact cannot be decided now."""
    return Finding("undetermined", reason, view.at(path), view.resource)


def each(views: Iterable[View], check: Callable[[View], Iterable[Finding]]) -> Iterator[Finding]:
    """Runs a check over all views; an unknown in one is reported after, not instead of, the others' findings."""
    unknown: list[Finding] = []
    for view in views:
        try:
            yield from check(view)
        except UnknownValue as error:
            unknown.append(Finding("undetermined", "is known only after the first `up`", error.path, view.resource))
    yield from unknown


@dataclass(frozen=True, slots=True)
class Sample:
    """A resource of an example: type (short, such as `sql/databaseInstance`, or full), properties, options and edges.

    `depends` maps a top-level property to the names of the resources (of the same example) it comes from.
    """

    type: str
    props: Mapping[str, Any]
    name: str = "example"
    depends: Mapping[str, Iterable[str]] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    registers: Registers | None = None
    """What people wrote down about the stack that the sample is in."""


Example = Mapping[str, Any] | Sample | tuple[Sample, ...]
"""An example is the properties alone (of the rule's first type), one sample, or a small stack; the first is judged."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule: the record that people read and the function that judges."""

    id: str
    clause: str
    title: str
    severity: Severity
    types: tuple[str, ...]
    fix: str
    why: str
    check: Callable[..., Iterable[Finding]]
    decides: tuple[str, ...] = ()
    """Property paths of the first type that decide; dropping one from a good example must end as `absent` says."""
    absent: Absent = "fail"
    reads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For rules about several resources: the deciding property paths by type. Nobody may ignore changes of them."""
    references: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    traps: tuple[int, ...] = ()
    scope: Scope = "resource"
    graph: bool = False
    """Whether the rule needs the edges of the whole stack; if not, it stops a resource before it is created."""
    level: Level = "mandatory"
    undetermined: Level | None = None
    """Whether an undecidable fact stops the deployment. Unset: mandatory under a critical rule, else advisory."""
    waivable: bool = True
    provenance: bool = False
    """Whether an unknown value passes when it comes from a fitting resource of the same stack."""
    params: Mapping[str, float | str | tuple[str, ...]] = field(default_factory=dict)
    """Thresholds with their defaults: a company may change them in the pack's configuration."""
    remediate: Callable[[Resource], Iterable[tuple[str, Any]]] | None = None
    """Yields (path, value) pairs that make the resource comply; a Secret value wraps what stands there as a secret."""
    good: tuple[Example, ...] = ()
    bad: tuple[Example, ...] = ()
    not_applicable: tuple[Example, ...] = ()

    def applies(self, type_token: str) -> bool:
        """Whether resources of this type are judged. A type may end in `*` (any type with that beginning)."""
        return any(type_token == t or (t.endswith("*") and type_token.startswith(t[:-1])) for t in self.types)


REGISTRY: Final[dict[str, Rule]] = {}


def rule(**record: Any) -> Callable[[Callable[..., Iterable[Finding]]], Callable[..., Iterable[Finding]]]:
    """Registers the decorated generator as a rule. Refuses an id used twice; `why` defaults to the docstring."""

    def register(check: Callable[..., Iterable[Finding]]) -> Callable[..., Iterable[Finding]]:
        record.setdefault("why", " ".join((check.__doc__ or "").split()))
        made = Rule(check=check, **record)
        if made.id in REGISTRY:
            raise ValueError(f"rule id {made.id} is used twice")
        REGISTRY[made.id] = made
        return check

    return register

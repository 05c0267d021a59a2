"""One review: what a run would change or changed, and how the policy judged it. Every output is written from this."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Op = Literal["create", "update", "replace", "delete", "import", "read", "refresh", "forget", "same"]
Level = Literal["critical", "high", "medium", "low", "noise"]
LEVELS: tuple[Level, ...] = ("critical", "high", "medium", "low", "noise")
Outcome = Literal["pass", "fail", "not_applicable", "undetermined", "waived"]
Loss = Literal["lost", "kept", "none", "unknown"]
Verdict = Literal["blocked", "failed", "unproven", "attention", "clear"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Attribute:
    """One input that changes. Texts are masked and cut to a readable length; a missing side is None."""

    path: str
    before: str | None
    after: str | None
    noise: bool = False
    """Labels and values that the cloud computes by itself."""
    unknown: bool = False
    """Whether the new value is known only after apply."""
    replaces: bool = False
    """Whether this is what cannot change in place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """What happens to one resource, and how much attention it asks for."""

    urn: str
    type: str
    name: str
    component: str
    """Names of the components around it, outermost first, joined by ` / `."""
    op: Op
    logical: bool
    """Components, stacks and providers: nothing in a cloud."""
    risk: Level
    reasons: tuple[str, ...]
    """Why it is ranked so, worst first."""
    loss: Loss
    consequence: str
    """What is lost with it, in words; empty where nothing is destroyed."""
    guard: str
    """What stops the destruction, in words; empty where nothing does."""
    file: str = ""
    line: int = 0
    replace_keys: tuple[str, ...] = ()
    cause: str = ""
    """Why it is replaced: what cannot change in place, or what it depends on."""
    attributes: tuple[Attribute, ...] = ()
    needs: tuple[str, ...] = ()
    """URNs of changed resources that it depends on."""

    @property
    def destroys(self) -> bool:
        """Whether something that exists goes away."""
        return self.op in ("replace", "delete") and not self.logical


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """One right that somebody gains or loses."""

    member: str
    """In words: `group data@example.com`, `everyone on the internet`."""
    kind: Literal["public", "people", "workload", "unknown"]
    can: str
    """In words: `read objects`."""
    role: str
    on: str
    until: str = ""
    because: str = ""
    condition: str = ""
    urn: str = ""
    broad: bool = False
    """Whether the role is a basic or an administrating one."""
    instead: str = ""
    """What the same holder could do before (of a right that is gained) or can do from now on (of one that is lost)."""

    @property
    def sentence(self) -> str:
        """The right in one line."""
        why = f" (because of {self.because})" if self.because else ""
        limit = f", only if {self.condition}" if self.condition else ""
        return f"{self.member}: {self.can} on {self.on}{limit}{f', until {self.until}' if self.until else ''}{why}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One verdict that is not a pass: a violation, something undetermined, or an accepted exception."""

    rule: str
    clause: str
    title: str
    outcome: Outcome
    level: str
    """The engine's word: mandatory, advisory, remediate; empty where only a later judgement knows of it."""
    severity: str
    urn: str
    name: str
    found: str
    fix: str
    path: str = ""
    owner: str = ""
    expires: str = ""
    reason: str = ""
    file: str = ""
    line: int = 0

    @property
    def blocking(self) -> bool:
        """Whether it stops the run."""
        return self.level == "mandatory" and self.outcome != "waived"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One rule on one resource (an empty URN: on the whole stack) and what came of it."""

    rule: str
    clause: str
    urn: str
    outcome: Outcome
    reason: str = ""
    by_engine: bool = True
    """Whether the engine's own log says so, rather than a judgement of the digest."""


@dataclass(frozen=True, kw_only=True)
class Clause:
    """One clause of the written policy, verbatim."""

    id: str
    sentence: str
    measure: str
    text: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Digest:
    """Name and SHA-256 of an input."""

    name: str
    sha256: str


@dataclass(frozen=True, kw_only=True)
class Review:
    """Everything there is to say about one run on one stack."""

    project: str
    stack: str
    preview: bool
    commit: str
    verdict: Verdict
    headline: str
    packs: dict[str, str]
    """Policy packs that ran, with their versions."""
    versions: dict[str, str]
    """Versions of providers and, where they were given, of engine and SDK."""
    counts: dict[str, int]
    """Resources by operation."""
    checks_by_outcome: dict[str, int]
    changes: tuple[Change, ...]
    """Riskiest first; unchanged resources are counted, not listed."""
    gained: tuple[Access, ...]
    lost: tuple[Access, ...]
    access_notes: tuple[str, ...]
    """What can be said about access only in general."""
    held: tuple[Access, ...]
    """Rights that nothing touches."""
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    clauses: tuple[Clause, ...]
    errors: tuple[str, ...]
    """What the program, the engine and providers reported."""
    warnings: tuple[str, ...]
    remediated: tuple[str, ...]
    """What the pack changed by itself."""
    limits: tuple[str, ...]
    """What this review cannot say, and why."""
    unknown_events: dict[str, int]
    """Kinds of events that this version does not know, counted."""
    inputs: tuple[Digest, ...] = field(default=())
    when: str = ""
    """When the run began, as its event log says; empty without one."""

    def of(self, outcome: Outcome) -> tuple[Finding, ...]:
        """Findings of one outcome."""
        return tuple(f for f in self.findings if f.outcome == outcome)

    @property
    def violations(self) -> tuple[Finding, ...]:
        """What fails, advice included."""
        return self.of("fail")

    @property
    def destroyed(self) -> tuple[Change, ...]:
        """Resources that are deleted or replaced."""
        return tuple(c for c in self.changes if c.destroys)

    @property
    def noise(self) -> tuple[Change, ...]:
        """Changes of labels and computed values alone."""
        return tuple(c for c in self.changes if c.risk == "noise")

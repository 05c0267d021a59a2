"""The judge: applies rules and says pass, fail, not applicable, undetermined or waived, never folding them.

The same judge runs in the pack (per resource, then over the stack), in tests, and on files. It reads no clock and no
files: the date of judgement, the waivers and the configuration are inputs.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from policies.graph import Graph
from policies.model import Resource, UnknownValue, masker
from policies.rule import Finding, Rule
from policies.waivers import Waiver

Outcome = Literal["pass", "fail", "not_applicable", "undetermined", "waived"]


@dataclass(frozen=True, slots=True)
class Result:
    """The verdict of one rule about one resource (or about the stack, when `resource` is None)."""

    rule: Rule
    resource: Resource | None
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    waiver: Waiver | None = None
    crashed: bool = False
    """The rule itself raised. The outcome is then "fail": a judge that breaks does not acquit."""

    @property
    def name(self) -> str:
        """What a waiver calls it: the resource, else the subject of its findings, else the stack."""
        if self.resource is not None:
            return self.resource.name
        return next((finding.subject for finding in self.findings if finding.subject), "stack")

    @property
    def blocking(self) -> bool:
        """Whether this verdict stops the deployment: a failure, or an undetermined fact under a critical rule."""
        if self.outcome == "fail":
            return self.rule.level in ("mandatory", "remediate")
        if self.outcome == "undetermined" and self.rule.level != "advisory":
            default = "mandatory" if self.rule.severity == "critical" else "advisory"
            return (self.rule.undetermined or default) == "mandatory"
        return False


def _mask(findings: list[Finding], subject: Resource | Graph) -> list[Finding]:
    """The findings without any secret in their messages, whatever a rule or an exception wrote into them."""
    if not findings:
        return findings
    graph = subject if isinstance(subject, Graph) else subject.graph
    pattern = graph.masker if graph else masker(subject.secrets()) if isinstance(subject, Resource) else None
    if pattern is None:
        return findings
    return [dataclasses.replace(f, message=pattern.sub("[secret]", f.message)) for f in findings]


@dataclass
class Judge:
    """Rules indexed by resource type, with thresholds and waivers."""

    rules: Sequence[Rule]
    waivers: Sequence[Waiver] = ()
    today: dt.date = field(default_factory=lambda: dt.date(1970, 1, 1))
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Per rule id, thresholds that replace the rule's defaults."""
    loosened: tuple[str, ...] = ()
    """What the configuration switches off or only advises, in words."""
    used_waivers: set[int] = field(default_factory=set)
    _by_type: dict[str, tuple[Rule, ...]] = field(default_factory=dict)

    def afresh(self) -> Judge:
        """The same judge before its next stack: what it prepared is kept, which waivers were used is forgotten."""
        return dataclasses.replace(self, used_waivers=set())

    def rules_for(self, type_token: str) -> tuple[Rule, ...]:
        """The resource rules that judge this type, found once per type."""
        found = self._by_type.get(type_token)
        if found is None:
            found = tuple(r for r in self.rules if r.scope == "resource" and r.applies(type_token))
            self._by_type[type_token] = found
        return found

    def judge_resource(self, resource: Resource, *, graph_rules: bool | None = None) -> list[Result]:
        """Verdicts about one resource. `graph_rules`: only rules that need the graph, that do not, or (None) both."""
        return [
            self.apply(rule, resource)
            for rule in self.rules_for(resource.type)
            if graph_rules is None or rule.graph == graph_rules
        ]

    def judge_stack_rules(self, graph: Graph) -> list[Result]:
        """Verdicts of the rules about the stack: one for each resource they found fault with, or one for the stack."""
        results: list[Result] = []
        for rule in self.rules:
            if rule.scope == "stack":
                results.extend(self._apply_stack(rule, graph))
        return results

    def judge_graph(self, graph: Graph) -> list[Result]:
        """All verdicts about a whole stack."""
        return list(self.verdicts(graph))

    def verdicts(self, graph: Graph) -> Iterator[Result]:
        """All verdicts about a whole stack, one by one: of a large one nobody has to hold them all."""
        for resource in graph.resources:
            yield from self.judge_resource(resource)
        yield from self.judge_stack_rules(graph)

    def apply(self, rule: Rule, resource: Resource) -> Result:
        """One rule on one resource."""
        findings, crashed = self._run(rule, resource)
        return self._verdict(rule, resource, findings, crashed)

    def _apply_stack(self, rule: Rule, graph: Graph) -> list[Result]:
        findings, crashed = self._run(rule, graph)
        groups: dict[str, list[Finding]] = {}
        for finding in findings:
            groups.setdefault(finding.resource.urn if finding.resource else finding.subject, []).append(finding)
        if not groups:
            return [Result(rule, None, "pass")]
        return [self._verdict(rule, group[0].resource, group, crashed) for group in groups.values()]

    def _run(self, rule: Rule, subject: Resource | Graph) -> tuple[list[Finding], bool]:
        findings: list[Finding] = []
        resource = subject if isinstance(subject, Resource) else None
        try:
            arguments = ({**rule.params, **self.params.get(rule.id, {})},) if rule.params else ()
            for finding in rule.check(subject, *arguments):
                findings.append(finding)
        except UnknownValue as error:
            findings.append(Finding("undetermined", "is known only after the first `up`", error.path, resource))
        except Exception as error:  # noqa: BLE001 - a broken rule must not silence the others, nor acquit
            message = f"rule {rule.id} broke: {type(error).__name__}: {error}"
            return _mask([*findings, Finding("fail", message, "", resource)], subject), True
        return _mask(findings, subject), False

    def _verdict(self, rule: Rule, resource: Resource | None, findings: Iterable[Finding], crashed: bool) -> Result:
        kinds: dict[str, list[Finding]] = {}
        for finding in findings:
            kinds.setdefault(finding.kind, []).append(finding)
        if failures := kinds.get("fail"):
            waiver = None if crashed else self._waiver(rule, resource, failures[0].subject)
            outcome: Outcome = "waived" if waiver else "fail"
            return Result(rule, resource, outcome, tuple(failures), waiver, crashed)
        if unknown := kinds.get("undetermined"):
            waiver = self._waiver(rule, resource)
            return Result(rule, resource, "waived" if waiver else "undetermined", tuple(unknown), waiver)
        if skipped := kinds.get("not_applicable"):
            return Result(rule, resource, "not_applicable", tuple(skipped))
        return Result(rule, resource, "pass")

    def _waiver(self, rule: Rule, resource: Resource | None, subject: str = "") -> Waiver | None:
        if not rule.waivable:
            return None
        for index, waiver in enumerate(self.waivers):
            if waiver.covers(rule.id, resource, subject) and waiver.expires >= self.today:
                self.used_waivers.add(index)
                return waiver
        return None

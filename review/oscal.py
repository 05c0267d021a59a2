"""OSCAL 1.1, for tools of auditors: the policy as a catalog, who upholds it as a component definition, and one run as
assessment results. A clause is a control, a component of the program is a component, a resource an inventory item.

Identifiers are made of names (UUID version 5) and the only moment is the run's own: the same run gives the same bytes.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any, Final

from review.coverage import Case, cases, worst
from review.model import Check, Clause, Finding, Review
from review.policy import order
from review.run import type_of

VERSION: Final = "1.1.3"
CATALOG: Final = "oscal-catalog.json"
COMPONENTS: Final = "oscal-component-definition.json"
RESULTS: Final = "oscal-assessment-results.json"
_SPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "https://secure-hosting.example/oscal")
_NAMESPACE: Final = "https://secure-hosting.example/oscal"
"""Of our own properties; a name, not an address."""
_EPOCH: Final = "1970-01-01T00:00:00+00:00"
_LOOSE: Final = "resources without a component"


def catalog(review: Review) -> str:
    """The written policy: a group for each measure, a control for each clause, verbatim."""
    groups: dict[str, list[Clause]] = defaultdict(list)
    for clause in review.clauses:
        groups[clause.id.split("-")[0]].append(clause)
    made = {
        "uuid": _id("catalog", *(c.sha256 for c in review.clauses)),
        "metadata": _metadata(review, "The written security policy"),
        "groups": [
            {
                "id": key,
                "title": _line(members[0].measure or key),
                "controls": [
                    {
                        "id": c.id,
                        "title": _line(c.sentence),
                        "props": [_property("sha256", c.sha256)],
                        "parts": [{"id": f"{c.id}_statement", "name": "statement", "prose": c.text}],
                    }
                    for c in members
                ],
            }
            for key, members in groups.items()
        ],
    }
    return _dump({"catalog": made})


def component_definition(review: Review) -> str:
    """Each component of the program with the clauses that rules hold it to, and the policy pack that does."""
    held: dict[str, dict[str, list[Check]]] = defaultdict(lambda: defaultdict(list))
    by_rule: dict[str, dict[str, list[Check]]] = defaultdict(lambda: defaultdict(list))
    for check in review.checks:
        if check.clause:
            by_rule[check.clause][check.rule].append(check)
            if check.outcome != "not_applicable" and check.urn:
                held[component_of(check.urn)][check.clause].append(check)
    components = [
        _component(
            name,
            "software",
            f"What the program makes as {name}.",
            {c: _upheld(found) for c, found in by.items()},
        )
        for name, by in sorted(held.items())
    ]
    pack = {c: f"Judged by {len(rules)} rules: {', '.join(sorted(rules))}." for c, rules in by_rule.items()}
    components.append(_component(*_pack(review), pack))
    made = {
        "uuid": _id("component-definition", review.project, review.stack),
        "metadata": _metadata(review, f"Components of {review.project}/{review.stack} and the clauses they uphold"),
        "components": components,
    }
    return _dump({"component-definition": made})


def _upheld(found: Iterable[Check]) -> str:
    checks = list(found)
    resources = {c.urn for c in checks}
    return (
        f"{len(resources)} {'resource' if len(resources) == 1 else 'resources'} judged by "
        f"{', '.join(sorted({c.rule for c in checks}))}; outcome of this run: {worst(checks).replace('_', ' ')}."
    )


def _pack(review: Review) -> tuple[str, str, str]:
    version = review.packs.get("secure-hosting", "which did not run")
    return "policy pack secure-hosting", "validation", f"The policy pack secure-hosting {version}, run by the engine."


def _component(title: str, kind: str, description: str, clauses: dict[str, str]) -> dict[str, Any]:
    made: dict[str, Any] = {"uuid": _id("component", title), "type": kind, "title": _line(title)}
    made["description"] = description
    if clauses:
        made["control-implementations"] = [
            {
                "uuid": _id("implementation", title),
                "source": CATALOG,
                "description": f"How {title} upholds the written security policy.",
                "implemented-requirements": [
                    {"uuid": _id("requirement", title, clause), "control-id": clause, "description": clauses[clause]}
                    for clause in sorted(clauses, key=order)
                ],
            }
        ]
    return made


def component_of(urn: str) -> str:
    """The outermost component type around a resource, from its URN alone."""
    parts = urn.split("::")
    types = parts[2].split("$") if len(parts) > 3 else []
    inside = [t for t in types[:-1] if not t.startswith("pulumi:")]
    if inside:
        return inside[0]
    own = types[-1] if types else ""
    return own if own.startswith("hosting:") else _LOOSE


def assessment_results(review: Review) -> str:
    """One run: an observation for each clause on each resource, a finding for each clause, a risk where it fails."""
    found = [case for case in cases(review) if case.clause]
    plan = _id("plan")
    judged: dict[str, list[Case]] = defaultdict(list)
    for case in found:
        judged[case.clause].append(case)
    urns = sorted({case.urn for case in found if case.urn})
    risks = [_risk(f) for f in review.findings if f.clause]
    result: dict[str, Any] = {
        "uuid": _id("result", review.project, review.stack, *(d.sha256 for d in review.inputs)),
        "title": _line(f"{'Preview' if review.preview else 'Deployment'} of {review.project}/{review.stack}"),
        "description": review.headline,
        "start": review.when or _EPOCH,
        "props": [*_outcomes(review.checks_by_outcome), _property("verdict", review.verdict)],
        "local-definitions": {
            "components": [
                _system(name, "software", "What the program makes.") for name in sorted(set(map(component_of, urns)))
            ]
            + [_system(*_pack(review)), _system("the stack", "this-system", f"{review.project}/{review.stack}")],
        },
        "reviewed-controls": {"control-selections": [_selected(review, list(judged))]},
        "remarks": _remarks(review, judged),
    }
    if urns:
        result["local-definitions"]["inventory-items"] = [_item(urn) for urn in urns]
    if found:
        result["observations"] = [_observation(review, case) for case in found]
        result["findings"] = [_finding(review, clause, judged[clause]) for clause in sorted(judged, key=order)]
    if risks:
        result["risks"] = risks
    made = {
        "uuid": _id("assessment-results", review.project, review.stack, *(d.sha256 for d in review.inputs)),
        "metadata": _metadata(review, f"What the policy pack found in {review.project}/{review.stack}"),
        "import-ap": {"href": f"#{plan}"},
        "results": [result],
        "back-matter": {
            "resources": [
                {
                    "uuid": plan,
                    "title": "The plan of every assessment",
                    "description": "Every rule of the policy pack on every resource of every preview and deployment;"
                    f" what they uphold is the catalog in {CATALOG}.",
                    "rlinks": [{"href": CATALOG, "media-type": "application/json"}],
                },
                *(
                    {
                        "uuid": _id("input", d.name, d.sha256),
                        "title": _line(f"Input: {d.name}"),
                        "rlinks": [{"href": _token(d.name), "hashes": [{"algorithm": "SHA-256", "value": d.sha256}]}],
                    }
                    for d in review.inputs
                ),
            ]
        },
    }
    return _dump({"assessment-results": made})


def _selected(review: Review, clauses: list[str]) -> dict[str, Any]:
    if not clauses:
        none = [{"control-id": clause.id} for clause in review.clauses]
        return {"description": "No clause was judged in this run.", "include-all": {}, "exclude-controls": none}
    return {"include-controls": [{"control-id": clause} for clause in sorted(clauses, key=order)]}


def _remarks(review: Review, judged: dict[str, list[Case]]) -> str:
    silent = [c.id for c in review.clauses if c.id not in judged]
    said = [*review.limits]
    if not review.when:
        said.append("The time of the run is not known: there is no event log.")
    if silent:
        said.append(f"Not judged in this run: {', '.join(silent)}.")
    return "\n\n".join(said) or "Every clause was judged."


def _system(title: str, kind: str, description: str) -> dict[str, Any]:
    return {
        "uuid": _id("component", title),
        "type": kind,
        "title": _line(title),
        "description": description,
        "status": {"state": "operational"},
    }


def _item(urn: str) -> dict[str, Any]:
    return {
        "uuid": _id("item", urn),
        "description": f"{urn.rsplit('::', 1)[-1]} ({type_of(urn)})",
        "props": [{"name": "asset-id", "value": _line(urn)}],
        "implemented-components": [{"component-uuid": _id("component", component_of(urn))}],
    }


def _observation(review: Review, case: Case) -> dict[str, Any]:
    subject = (
        {"subject-uuid": _id("item", case.urn), "type": "inventory-item", "title": _line(case.name)}
        if case.urn
        else {"subject-uuid": _id("component", "the stack"), "type": "component", "title": "the stack"}
    )
    said = [f"{c.rule}: {c.outcome.replace('_', ' ')}{': ' + c.reason if c.reason else ''}" for c in case.checks]
    return {
        "uuid": _id("observation", case.clause, case.urn),
        "title": _line(f"{case.clause} on {case.name}"),
        "description": "\n".join(said),
        "props": [_property("clause", case.clause), _property("outcome", case.outcome)],
        "methods": ["TEST"],
        "types": ["finding" if case.outcome in ("fail", "undetermined", "waived") else "control-objective"],
        "origins": [{"actors": [{"type": "tool", "actor-uuid": _id("component", _pack(review)[0])}]}],
        "subjects": [subject],
        "collected": review.when or _EPOCH,
    }


def _finding(review: Review, clause: str, found: list[Case]) -> dict[str, Any]:
    checks = [check for case in found for check in case.checks]
    outcome = worst(checks)
    sentence = next((c.sentence for c in review.clauses if c.id == clause), clause)
    counted: dict[str, int] = defaultdict(int)
    for check in checks:
        counted[check.outcome] += 1
    satisfied = outcome in ("pass", "not_applicable")
    status = {"state": "satisfied" if satisfied else "not-satisfied"}
    status["reason"] = "pass" if outcome == "pass" else "fail" if outcome == "fail" else "other"
    words = {
        "undetermined": "Some of it could not be judged.",
        "waived": "Not satisfied, but for exceptions that somebody accepted: see the risks.",
        "not_applicable": "Nothing in this run that the clause applies to.",
    }
    if outcome in words:
        status["remarks"] = words[outcome]
    risks = [{"risk-uuid": _risk_id(f)} for f in review.findings if f.clause == clause]
    return {
        "uuid": _id("finding", clause),
        "title": _line(f"{clause} {sentence}"),
        "description": ", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in sorted(counted.items())),
        "target": {"type": "statement-id", "target-id": f"{clause}_statement", "status": status},
        "related-observations": [{"observation-uuid": _id("observation", c.clause, c.urn)} for c in found],
        **({"related-risks": risks} if risks else {}),
    }


def _risk_id(finding: Finding) -> str:
    return _id("risk", finding.rule, finding.urn)


def _risk(finding: Finding) -> dict[str, Any]:
    waived = finding.outcome == "waived"
    made: dict[str, Any] = {
        "uuid": _risk_id(finding),
        "title": _line(f"{finding.clause} {finding.title}: {finding.name}"),
        "description": finding.found or finding.reason or finding.title,
        "statement": f"{finding.reason} (accepted by {finding.owner})" if waived else finding.title,
        "props": [
            _property("rule", finding.rule),
            _property("outcome", finding.outcome),
            _property("severity", finding.severity or "unknown"),
        ],
        "status": "deviation-approved" if waived else "open",
    }
    if waived and _is_day(finding.expires):
        made["deadline"] = f"{finding.expires}T00:00:00+00:00"
    if finding.fix and not waived:
        made["remediations"] = [
            {
                "uuid": _id("remediation", finding.rule, finding.urn),
                "lifecycle": "recommendation",
                "title": "What to write",
                "description": finding.fix,
            }
        ]
    return made


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _outcomes(counts: dict[str, int]) -> list[dict[str, str]]:
    return [_property(f"checks-{kind.replace('_', '-')}", str(number)) for kind, number in sorted(counts.items())]


def _metadata(review: Review, title: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "title": _line(title),
        "last-modified": review.when or _EPOCH,
        "version": _line(review.commit or review.packs.get("secure-hosting") or "unknown"),
        "oscal-version": VERSION,
    }
    if review.commit:
        made["props"] = [_property("commit", review.commit)]
    return made


def _property(name: str, value: str) -> dict[str, str]:
    return {"name": name, "ns": _NAMESPACE, "value": _line(value)}


def _line(text: str) -> str:
    """OSCAL's names and values are one line, and not empty."""
    return " ".join(text.split()) or "unknown"


def _token(text: str) -> str:
    return "-".join(text.split()) or "unknown"


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_SPACE, "\0".join(parts)))


def _dump(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


KINDS: Final[dict[str, tuple[str, Callable[[Review], str]]]] = {
    "assessment-results": (RESULTS, assessment_results),
    "component-definition": (COMPONENTS, component_definition),
    "catalog": (CATALOG, catalog),
}

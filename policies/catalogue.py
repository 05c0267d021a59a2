"""The rules to read: one entry each, the catalogue page, and what is covered of clauses and other tools."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections import defaultdict
from typing import Any

import policies.rules
from policies.clauses import CLAUSES, MEASURES
from policies.differences import DIFFERENCES
from policies.model import UNKNOWN
from policies.pack import rules as all_rules
from policies.rule import Example, Rule, Sample

TOOLS = {
    "checkov": "Checkov",
    "trivy": "Trivy",
    "kics": "KICS",
    "datadog": "DataDog KICS",
    "prowler": "Prowler",
    "cis-gcp": "CIS Google Cloud benchmark",
    "terrascan": "Terrascan",
    "pulumi": "Pulumi's open packs",
}


def entry(rule: Rule) -> dict[str, Any]:
    """A rule as plain data."""
    return {
        "rule": rule.id,
        "clause": rule.clause,
        "title": rule.title,
        "severity": rule.severity,
        "level": rule.level,
        "types": list(rule.types),
        "scope": "stack" if rule.scope == "stack" or rule.graph else "resource",
        "fix": rule.fix,
        "why": rule.why,
        "waivable": rule.waivable,
        "parameters": {k: list(v) if isinstance(v, tuple) else v for k, v in rule.params.items()},
        "traps": list(rule.traps),
        "references": list(rule.references),
        "sources": list(rule.sources),
    }


def explain(rule: Rule) -> str:
    """A rule in words, with its examples."""
    sentence = CLAUSES[rule.clause].sentence
    lines = [
        f"{rule.id}  [{rule.severity}, {rule.level}{'' if rule.waivable else ', cannot be waived'}]",
        f"  {rule.title}",
        f"  clause    {rule.clause} {sentence}",
        f"  why       {rule.why}",
        f"  fix       {rule.fix}",
        f"  judges    {', '.join(rule.types) or 'the stack as a whole'}",
    ]
    if rule.params:
        lines.append("  settings  " + ", ".join(f"{k}={v}" for k, v in rule.params.items()))
    for label, examples in (("good", rule.good), ("bad", rule.bad), ("exempt", rule.not_applicable)):
        lines += [f"  {label:<8}  {_example(example)}" for example in examples]
    for label, values in (("covers", rule.references), ("sources", rule.sources)):
        if values:
            lines.append(f"  {label:<8}  {', '.join(values)}")
    return "\n".join(lines) + "\n"


def _example(example: Example) -> str:
    if isinstance(example, Sample):
        return f"{example.type} {_json(example.props)}"
    if isinstance(example, tuple):
        return " + ".join(_example(part) for part in example)
    return _json(example)


def _json(value: Any) -> str:
    return json.dumps(value, default=lambda v: "<not known yet>" if v is UNKNOWN else repr(v))


def clauses() -> dict[str, Any]:
    """Rules by clause."""
    by_clause: dict[str, list[str]] = {clause: [] for clause in CLAUSES}
    for rule in all_rules().values():
        by_clause[rule.clause].append(rule.id)
    return {
        clause: {"sentence": CLAUSES[clause].sentence, "kind": CLAUSES[clause].kind, "rules": found}
        for clause, found in by_clause.items()
    }


def clauses_text() -> str:
    """Rules by clause as a table."""
    rows = []
    for clause, found in clauses().items():
        none = "attested by people" if CLAUSES[clause].kind == "attested" else "planned"
        status = f"{len(found['rules'])} rules" if found["rules"] else none
        rows.append(f"{clause:<7} {status:<18} {CLAUSES[clause].sentence}")
    return "\n".join(rows)


def gaps() -> dict[str, dict[str, str]]:
    """Foreign checks that no rule answers, by kind (`retired`, `not decidable`), with the reason."""
    found: dict[str, dict[str, str]] = {"retired": {}, "not decidable": {}}
    for module in pkgutil.iter_modules(policies.rules.__path__):
        loaded = importlib.import_module(f"policies.rules.{module.name}")
        found["retired"].update(dict(getattr(loaded, "RETIRED", ())))
        found["not decidable"].update(dict(getattr(loaded, "NOT_DECIDABLE", ())))
    return found


def foreign(tool: str) -> dict[str, Any]:
    """What of another tool's checks is covered: check → rules, and the rest with reasons."""
    prefix = f"{tool.lower()}:"
    covered: dict[str, list[str]] = defaultdict(list)
    for rule in all_rules().values():
        for reference in rule.references:
            if reference.lower().startswith(prefix):
                covered[reference.split(":", 1)[1]].append(rule.id)
    rest = {
        kind: {
            ref.split(":", 1)[1]: why
            for ref, why in found.items()
            if ref.startswith(prefix) and ref.split(":", 1)[1] not in covered
        }
        for kind, found in gaps().items()
    }
    narrower = {ref.split(":", 1)[1]: why for ref, why in DIFFERENCES if ref.lower().startswith(prefix)}
    return {"tool": tool, "covered": dict(sorted(covered.items())), "narrower": narrower, **rest}


def _about_github(rule_id: str) -> bool:
    return all(t.startswith("github:") for t in all_rules()[rule_id].types)


def foreign_text(tool: str) -> str:
    """`foreign` in words."""
    found = foreign(tool)
    name = TOOLS.get(tool.lower(), tool)
    retired, open_ones = len(found["retired"]), len(found["not decidable"])
    elsewhere = sum(all(map(_about_github, rules)) for rules in found["covered"].values())
    covered = len(found["covered"]) - elsewhere
    lines = [
        f"{name}: {covered + retired + open_ones} Google Cloud checks: {covered} covered "
        f"({covered - len(found['narrower'])} as strict or stricter), {retired} of retired types, "
        f"{open_ones} not decidable from a stack" + (f"; and {elsewhere} for GitHub" if elsewhere else "")
    ]
    lines += [f"  {check:<14} {', '.join(rules)}" for check, rules in found["covered"].items()]
    for kind in ("narrower", "retired", "not decidable"):
        lines += [f"  {check:<14} {kind}: {why}" for check, why in found[kind].items()]
    return "\n".join(lines)


def markdown() -> str:
    """The catalogue page."""
    known = all_rules()
    lines = [
        "<!-- Generated by `python -m policies catalogue`; a test fails when it is stale. Do not edit. -->",
        "# Rules",
        "",
        f"{len(known)} rules. `python -m policies explain RULE` shows examples and reasons in the terminal.",
        "",
    ]
    by_clause: dict[str, list[Rule]] = defaultdict(list)
    for rule in known.values():
        by_clause[rule.clause].append(rule)
    for measure, title in MEASURES.items():
        lines += [f"## {measure} {title}", ""]
        for clause in (c for c in CLAUSES.values() if c.measure == measure):
            lines += [f"### {clause.id} {clause.sentence}", ""]
            if not by_clause[clause.id]:
                state = "Attested by people." if clause.kind == "attested" else "Planned: no rule yet."
                lines += [state, ""]
                continue
            lines += ["| rule | true when it passes | severity | what to write | answers |", "|---|---|---|---|---|"]
            for rule in by_clause[clause.id]:
                refs = ", ".join(rule.references)
                lines.append(
                    f"| `{rule.id}` | {_cell(rule.title)} | {rule.severity} | {_cell(rule.fix)} | {_cell(refs)} |"
                )
            lines.append("")
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")

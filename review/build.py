"""Makes the review of one run."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from review import access, diff, judged, loss, policy, risk, shapes
from review.mask import Masker, is_secret, plain
from review.model import Access, Attribute, Change, Digest, Finding, Review, Verdict
from review.run import Run, Step, load, type_of

PACK = "secure-hosting"
POLICY = Path(__file__).resolve().parents[1] / "SECURITY-POLICY.md"
RULES = Path(__file__).resolve().parents[1] / "docs" / "rules.md"
_QUIET = ("same", "read", "refresh")
_UNJUDGED = {"refresh": "refreshes", "destroy": "destroys"}
"""Runs in which no pack judges, and how they are called."""


def build(
    *,
    digest: Path | None,
    events: Path | None,
    judgement: Path | None = None,
    results: Path | None = None,
    plan: Path | None = None,
    policy_text: Path = POLICY,
    commit: str = "",
    versions: Mapping[str, str] | None = None,
) -> Review:
    """The review of one run. Raises ReviewError when the input cannot be read or is of different runs."""
    run = load(digest, events)
    masker = Masker()
    for step in run.steps.values():
        masker.learn(step.old, step.new)
        masker.learn(step.new, step.old)
    for mended in run.log.remediations if run.log else ():
        before, after = ({"inputs": shapes.mapping(mended.get(side))} for side in ("before", "after"))
        masker.learn(before, after)
        masker.learn(after, before)
    summary, verdicts = judged.read_summary(judgement), judged.read_results(results)
    known = policy.rules(RULES)
    found = judged.findings(run, summary, verdicts, known)
    accesses = access.compare(run)
    changes = _changes(run, masker, found, accesses)
    packs = _packs(run)
    limits = [*run.limits, *_unproven(run, packs, summary, verdicts)]
    errors = _said(run, "error", found)
    verdict, headline = _verdict(run, found, changes, errors, packs, accesses)
    checks = judged.checks(run, found, verdicts, known)
    counted = Counter(c.outcome for c in checks)
    told = {k: v for k, v in summary.get("counts", {}).items() if k != "checks"}
    review = Review(
        project=run.project,
        stack=run.stack,
        preview=run.preview,
        commit=commit,
        verdict=verdict,
        headline=headline,
        packs=packs,
        versions={**_providers(run), **(versions or {})},
        counts=dict(sorted(Counter(step.op for step in run.steps.values()).items())),
        checks_by_outcome=dict(sorted((told or counted).items())),
        changes=changes,
        gained=accesses.gained,
        lost=accesses.lost,
        held=accesses.held,
        access_notes=accesses.notes,
        findings=found,
        checks=checks,
        clauses=policy.read(policy_text),
        errors=errors,
        warnings=_said(run, "warning", found),
        remediated=_remediated(run),
        limits=tuple(limits),
        unknown_events=dict(sorted(run.log.unknown.items())) if run.log else {},
        inputs=tuple(
            Digest(name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
            for name, path in (
                ("digest", digest),
                ("events", events),
                ("judgement", judgement),
                ("results", results),
                ("plan", plan),
            )
            if path is not None
        ),
        when=run.when,
    )
    return masker.scrub(review)


def _changes(run: Run, masker: Masker, found: tuple[Finding, ...], accesses: access.Accesses) -> tuple[Change, ...]:
    by_urn: dict[str, list[Finding]] = defaultdict(list)
    gained: dict[str, list[Access]] = defaultdict(list)
    lost: dict[str, list[Access]] = defaultdict(list)
    for finding in found:
        by_urn[finding.urn].append(finding)
    for index, rights in ((gained, accesses.gained), (lost, accesses.lost)):
        for right in rights:
            index[right.urn].append(right)
    made = [
        _change(step, run, masker, by_urn[urn], gained[urn], lost[urn])
        for urn, step in run.steps.items()
        if step.op not in _QUIET
    ]
    return tuple(sorted(made, key=lambda c: risk.rank(c.risk, c.reasons, c.urn)))


def _change(
    step: Step, run: Run, masker: Masker, found: list[Finding], gained: list[Access], lost: list[Access]
) -> Change:
    attributes = diff.attributes(step, masker)
    logical = step.type.startswith("pulumi:") or step.state.get("custom") is False
    destroys = step.op in ("delete", "replace")
    kind, consequence, guard = loss.losing(step) if destroys and not logical else ("none", "", "")
    guard = guard if run.kind != "refresh" else ""
    level, reasons = risk.weigh(
        op=step.op,
        imported=step.imported,
        logical=logical,
        loss=kind,
        guarded=bool(guard),
        protect_removed=bool(step.old.get("protect")) and bool(step.new) and not step.new.get("protect"),
        attributes=attributes,
        findings=found,
        gained=gained,
        lost=lost,
    )
    file, line = step.place
    return Change(
        urn=step.urn,
        type=step.type,
        name=step.name,
        component=_component(step, run.steps),
        op=step.op,
        logical=logical,
        risk=level,
        reasons=reasons,
        loss=kind,
        consequence=consequence,
        guard=guard,
        file=file,
        line=line,
        replace_keys=tuple(sorted(step.replace_keys or {a.path for a in attributes if a.replaces})),
        cause=_cause(step, run, attributes) if destroys else "",
        attributes=attributes,
        needs=_needs(step, run),
    )


def _needs(step: Step, run: Run) -> tuple[str, ...]:
    """What it depends on and is changed, too."""
    found: set[str] = set()
    for state in (step.old, step.new):
        found.update(map(str, state.get("dependencies") or ()))
        for urns in (state.get("propertyDependencies") or {}).values():
            found.update(map(str, urns or ()))
    changed = (urn for urn in found if urn in run.steps and run.steps[urn].op not in _QUIET)
    return tuple(sorted(urn for urn in changed if urn != step.urn))


def _cause(step: Step, run: Run, attributes: tuple[Attribute, ...]) -> str:
    """In words; of a replacement, with the values that cannot change in place."""
    if step.op == "delete":
        gone = {"destroy": "the whole stack is destroyed", "refresh": "it is gone from the cloud"}
        return gone.get(run.kind, "it is no longer in the program")
    forced = [f"{a.path} {a.before or '(not set)'} → {a.after or '(not set)'}" for a in attributes if a.replaces]
    forced = forced or sorted(step.replace_keys)
    if forced:
        return f"{'; '.join(forced)} cannot change in place"
    needs = {str(urn) for state in (step.old, step.new) for urn in state.get("dependencies") or ()}
    replaced = sorted(u.rsplit("::", 1)[-1] for u in needs if u in run.steps and run.steps[u].op == "replace")
    return f"it depends on {', '.join(replaced)}, replaced too" if replaced else "the provider gives no reason"


def _component(step: Step, steps: dict[str, Step]) -> str:
    names: list[str] = []
    seen: set[str] = set()
    parent = str(step.state.get("parent") or "")
    while parent and parent not in seen:
        seen.add(parent)
        if type_of(parent) != "pulumi:pulumi:Stack":
            names.append(parent.rsplit("::", 1)[-1])
        parent = str(steps[parent].state.get("parent") or "") if parent in steps else ""
    return " / ".join(reversed(names))


def _packs(run: Run) -> dict[str, str]:
    """From the summary; a run that stopped early shows its packs in what they said."""
    if run.log is None:
        return {}
    found = {
        str(name).split("|")[0]: str(version).removeprefix("v")
        for name, version in ((run.log.summary or {}).get("PolicyPacks") or {}).items()
    }
    for body in (*run.log.analysed, *run.log.stack_analysed, *run.log.policies):
        version = str(body.get("policyPackVersionTag") or body.get("policyPackVersion") or "").removeprefix("v")
        found.setdefault(str(body.get("policyPackName") or ""), version)
    return dict(sorted((k, v) for k, v in found.items() if k))


def _unproven(run: Run, packs: dict[str, str], summary: dict[str, Any], verdicts: list[dict[str, Any]]) -> list[str]:
    limits = []
    if run.log is not None and PACK not in packs and run.kind in _UNJUDGED:
        limits.append(f"The engine runs no policy pack when it {_UNJUDGED[run.kind]}: nothing here was judged.")
    elif run.log is not None and PACK not in packs:
        limits.append(f"The policy pack {PACK} did not run: nothing here was judged by the engine.")
    elif run.log is not None and not summary and not verdicts:
        limits.append("There is no judgement of the pack: waivers cannot be told from passes, nor what did not apply.")
    version = summary.get("version")
    if version and PACK in packs and str(version) != packs[PACK]:
        limits.append(f"The judgement is of pack version {version}, but {packs[PACK]} ran: they are of different runs.")
    strangers = {str(r.get("urn") or "") for r in verdicts} - run.steps.keys() - {""}
    if strangers:
        limits.append(f"The verdicts name {len(strangers)} resources that this run does not have: of another run?")
    return limits


def _said(run: Run, severity: str, found: tuple[Finding, ...]) -> tuple[str, ...]:
    """Messages of one severity, each once, without the engine's echo of policy violations."""
    texts = {text.strip().removeprefix(f"{severity}: ") for kind, text in run.diagnostics if kind == severity}
    blocked = any(f.blocking for f in found)
    if blocked:
        texts = {t for t in texts if t not in ("preview failed", "update failed")}
    texts = {t for t in texts if t and not t.startswith("resource plan has policy violations")}
    failed = [f"{urn.rsplit('::', 1)[-1]} could not be changed" for urn in run.log.failed] if run.log else []
    return tuple(sorted(texts | (set(failed) if severity == "error" else set())))


def _remediated(run: Run) -> tuple[str, ...]:
    events = run.log.remediations if run.log else []
    return tuple(sorted(_remedy(e) for e in events))


def _remedy(event: dict[str, Any]) -> str:
    """What the pack changed by itself, value by value."""
    before, after = (side if isinstance(side, dict) else {} for side in (event.get("before"), event.get("after")))
    told = [
        f"{key} {json.dumps(plain(before[key])) if key in before else '(not set)'} → "
        f"{json.dumps(plain(after[key])) if key in after else '(not set)'}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key) and not is_secret(before.get(key)) and not is_secret(after.get(key))
    ]
    name = str(event.get("resourceUrn", "")).rsplit("::", 1)[-1]
    return f"{name}: {event.get('policyName')} changed {', '.join(told) or 'its inputs'}"


def _providers(run: Run) -> dict[str, str]:
    found: dict[str, str] = {}
    for step in run.steps.values():
        if step.type.startswith("pulumi:providers:"):
            name = step.type.rsplit(":", 1)[-1]
            version = (step.state.get("inputs") or {}).get("version")
            in_name = re.search(r"_(\d+)_(\d+)_(\d+)$", step.name)
            if isinstance(version, str) or in_name:
                found[f"provider {name}"] = str(version) if isinstance(version, str) else ".".join(in_name.groups())  # type: ignore[union-attr]
    return found


def _verdict(
    run: Run,
    found: tuple[Finding, ...],
    changes: tuple[Change, ...],
    errors: tuple[str, ...],
    packs: dict[str, str],
    accesses: access.Accesses,
) -> tuple[Verdict, str]:
    blocking = [f for f in found if f.blocking]
    losing = [c for c in changes if c.loss == "lost"]
    proven = run.log is not None and run.log.summary is not None and (PACK in packs or run.kind in _UNJUDGED)
    parts = []
    if blocking:
        parts.append(f"{_count(len(blocking), 'violation')} {'blocks' if len(blocking) == 1 else 'block'} this change")
    if judged_ := [f for f in found if f.outcome == "fail" and not f.level]:
        parts.append(f"a judgement of the digest finds {_count(len(judged_), 'violation')}")
    if errors:
        parts.append(f"the run reported {_count(len(errors), 'error')}")
    if not proven:
        parts.append("not proven: see what this review cannot say")
    if run.kind == "refresh" and changes:
        parts.append(f"{_count(len(changes), 'resource')} {'is' if len(changes) == 1 else 'are'} not as deployed")
    else:
        parts += _losses(run, losing)
    if public := [a for a in accesses.gained if a.kind == "public"]:
        accepted = {f.urn for f in found if f.outcome == "waived"}
        excepted = " (an accepted exception)" if all(a.urn in accepted for a in public) else ""
        happens = _tense(run, len(public), "open")
        parts.append(f"{_count(len(public), 'thing')} {happens} to everyone{excepted}")
    verdict: Verdict
    if blocking:
        verdict = "blocked"
    elif errors:
        verdict = "failed"
    elif not proven or (run.log is not None and run.log.truncated):
        verdict = "unproven"
    elif (
        losing
        or any(f.outcome in ("fail", "undetermined") for f in found)
        or any(c.risk in ("critical", "high") for c in changes)
        or (run.kind in _UNJUDGED and changes)
    ):
        verdict = "attention"
    else:
        verdict = "clear"
    if not parts:
        parts.append("nothing changes" if not changes else "nothing blocks this change")
    return verdict, " · ".join(parts)


def _losses(run: Run, losing: list[Change]) -> list[str]:
    """What is destroyed with its data, guarded or not."""
    parts = []
    open_ = [c for c in losing if not c.guard]
    if open_:
        parts.append(f"{_count(len(open_), 'resource')} {_tense(run, len(open_), 'destroyed')} and DATA IS LOST")
    if guarded := len(losing) - len(open_):
        happens = _tense(run, guarded, "destroyed")
        parts.append(f"{_count(guarded, 'resource')} with data {happens}{'; a guard stops it' if run.preview else ''}")
    return parts


def _tense(run: Run, number: int, state: str) -> str:
    """`would be destroyed` in a preview, `was destroyed` after the deed."""
    if run.preview and run.kind != "refresh":
        return f"would be {state}"
    if state == "open":
        return "is open" if number == 1 else "are open"
    return f"{'was' if number == 1 else 'were'} {state}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"

"""The pull request comment: a verdict and what a reviewer must see, then the rest folded, within the platform's limit.

What does not fit is dropped section by section, least important first; the comment says what, and where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from review.markdown import code, prose
from review.model import Access, Attribute, Change, Finding, Review
from review.policy import order

LIMIT: Final = 65_536
"""Characters of a GitHub comment (its API refuses longer ones), in UTF-16 units: the larger of the usual counts."""
_RESERVE: Final = 1_800
"""Characters kept for the list of what was dropped and the end of each fold."""
_SHARE: Final = 9_000
"""Characters that one section above the fold may take, so that none of them starves the others."""
_NAMED: Final = 3
"""Resources or holders that are named in one line; the rest is counted."""
_SIGNS: Final = {"blocked": "⛔", "failed": "⛔", "unproven": "❔", "attention": "⚠️", "clear": "✅"}
_LEVEL_SIGNS: Final = {"critical": "🔴", "high": "🟠", "medium": "🟡", "low": "⚪", "noise": "·"}


@dataclass(kw_only=True)
class Section:
    """Lines that may be cut at any line. `keep` says how important it is: lower numbers are kept longer."""

    name: str
    keep: int
    head: str
    lines: list[str]
    folded: bool = False
    tail: str = ""
    shown: int = field(default=0)

    def text(self) -> str:
        """The section with as many lines as were granted."""
        if not self.lines or (not self.shown and not self.head):
            return ""
        body = "\n".join(self.lines[: self.shown])
        left = len(self.lines) - self.shown
        more = f"\n\n… {left:,} more not shown here" if left and self.shown else ""
        if self.folded:
            if not self.shown:
                return ""
            return f"<details><summary>{self.head}</summary>\n\n{body}{more}{self.tail}\n\n</details>\n"
        return f"{self.head}\n\n{body}{more}{self.tail}\n" if self.shown else f"{self.head} … {left:,} not shown here\n"


def marker(review: Review) -> str:
    """What the comment of this project and stack is found by."""
    return marker_of(review.project, review.stack)


def marker_of(project: str, stack: str) -> str:
    """The same by their names; nothing in it can end the HTML comment."""
    safe = "".join(c if c.isalnum() or c in "._/" else "_" for c in f"{project}/{stack}")
    return f"<!-- secure-hosting review of {safe} -->"


def length(text: str) -> int:
    """Characters as the platform may count them: UTF-16 units."""
    return len(text.encode("utf-16-le")) // 2


def write(review: Review, *, whole: str = "", limit: int = LIMIT) -> str:
    """The comment. `whole` says where everything stands (a link or the name of an artifact)."""
    verdict = f"{_SIGNS[review.verdict]} {code(review.stack or 'stack')}: {prose(review.headline, 600)}"
    top = f"{marker(review)}\n### {verdict}\n\n{_counts(review)}\n"
    sections = [make(review) for make in _SECTIONS]
    room = limit - length(top) - _RESERVE
    for section in sorted(sections, key=lambda s: s.keep):
        room -= _grant(section, room)
    foot = _foot(review, [s for s in sections if s.shown < len(s.lines)], whole)
    return "\n".join(part for part in (top, *(s.text() for s in sections), foot) if part)


def _grant(section: Section, room: int) -> int:
    """Gives a section the lines that fit; returns the characters they take."""
    if not section.lines:
        return 0
    frame = length(section.head) + length(section.tail) + 80
    budget = min(room, _SHARE) - frame if not section.folded else room - frame
    used = 0
    for line in section.lines:
        size = length(line) + 1
        if used + size > budget:
            break
        used += size
        section.shown += 1
    return used + frame if section.shown or not section.folded else 0


def _counts(review: Review) -> str:
    words = ("create", "update", "replace", "delete", "import", "forget", "same")
    said = [f"{review.counts.get(w, 0):,} {w}" for w in words if review.counts.get(w) or w in words[:4]]
    gained, lost = len(review.gained), len(review.lost)
    judged = review.checks_by_outcome
    outcomes = [
        f"{judged.get(kind, 0):,} {kind.replace('_', ' ')}"
        for kind in ("pass", "fail", "not_applicable", "undetermined", "waived")
        if judged.get(kind)
    ]
    return (
        f"**{' · '.join(said)}** · access gained {gained:,}, lost {lost:,}\n\n"
        f"Checks: {' · '.join(outcomes) or 'none known'}"
    )


def _limits(review: Review) -> Section:
    lines = [f"- {prose(text)}" for text in review.limits]
    lines += [f"- {number:,} events of the unknown kind {code(kind)}" for kind, number in review.unknown_events.items()]
    return Section(name="limits", keep=0, head="**What this review cannot say**", lines=lines)


def _errors(review: Review) -> Section:
    return Section(name="errors", keep=1, head="**Errors**", lines=[f"- {code(e, 500)}" for e in review.errors])


def _destroyed(review: Review) -> Section:
    lines = []
    for c in review.destroyed:
        word = "Replaced" if c.op == "replace" else "Forgotten" if c.loss == "kept" else "Deleted"
        data = {"lost": "**data is lost**: ", "none": "no data is lost", "kept": "", "unknown": ""}[c.loss]
        cause = f" because {code(c.cause)};" if c.cause else ""
        what = "; ".join(part for part in (data if c.loss == "none" else "", prose(c.consequence)) if part)
        lead = data if c.loss != "none" else ""
        guard = f" {prose(c.guard)}." if c.guard else ""
        lines.append(f"- **{word}** {_named(c)}:{cause} {lead}{what}.{guard}")
    return Section(name="destroys and replacements", keep=2, head="**Destroyed or replaced**", lines=lines)


def right(a: Access, members: tuple[str, ...] = (), on: tuple[str, ...] = ()) -> str:
    """Who can do what on what, as Markdown; of several who have the same, or of one on several things, some by name."""
    strong = "**" if a.kind == "public" or a.broad else ""
    who = _some(members or (a.member,), strong)
    said = f"{who}: {prose(a.can)} on {_some(on or (a.on,))}"
    return said + (f", only if {code(a.condition)}" if a.condition else "")


def _some(names: tuple[str, ...], strong: str = "") -> str:
    shown = ", ".join(f"{strong}{code(name)}{strong}" for name in names[:_NAMED])
    return shown + (f" and {len(names) - _NAMED:,} more" if len(names) > _NAMED else "")


def _together(rights: tuple[Access, ...]) -> Iterator[tuple[Access, str]]:
    """Rights that differ only in what they are on, or, of workloads, in who has them, as one."""
    by_holder: dict[tuple[str, ...], list[Access]] = {}
    for a in rights:
        by_holder.setdefault((a.member, *_same(a)), []).append(a)
    by_thing: dict[tuple[Any, ...], list[list[Access]]] = {}
    for key, same in by_holder.items():
        alike = (tuple(a.on for a in same), *key[1:]) if same[0].kind in ("workload", "unknown") else key
        by_thing.setdefault(alike, []).append(same)
    for groups in by_thing.values():
        first = groups[0]
        yield first[0], right(first[0], tuple(same[0].member for same in groups), tuple(a.on for a in first))


def _same(a: Access) -> tuple[str, ...]:
    return (a.kind, a.can, a.until, a.because, a.condition, a.instead)


def _gained(review: Review) -> Section:
    lines = []
    for a, said in _together(review.gained):
        until = f", until **{prose(a.until)}**" if a.until else ""
        because = f", because of {code(a.because, 300)}" if a.because else ""
        instead = f" (before: {prose(a.instead)})" if a.instead else ""
        lines.append(f"- {said}{until}{because}{instead}")
    return Section(name="access gained", keep=3, head="**Gains access**", lines=lines)


def _lost(review: Review) -> Section:
    lines = []
    for a, said in _together(review.lost):
        because = f", because {code(a.because, 300)}" if a.because else ""
        instead = f" (from now on: {prose(a.instead)})" if a.instead else ""
        lines.append(f"- {said}{because}{instead}")
    return Section(name="access lost", keep=5, head="**Loses access**", lines=lines)


def _notes(review: Review) -> Section:
    lines = [f"- {prose(note)}" for note in review.access_notes]
    return Section(name="notes on access", keep=6, head="**Also about access**", lines=lines)


def _named_finding(f: Finding, *, untouched: bool) -> str:
    place = f" at {code(f'{f.file}:{f.line}')}" if f.file else ""
    found = f": {code('; '.join(f.found.splitlines()), 300)}" if f.found else ""
    return f"{code(f.name)}{place}{' (not changed here)' if untouched else ''}{found}"


def _rule(same: list[Finding], touched: frozenset[str]) -> str:
    """One rule with the resources that it is about, what is changed here first."""
    first = same[0]
    fix = f" — write {code(first.fix)}" if first.fix and first.outcome != "waived" else ""
    ordered = sorted(same, key=lambda f: f.urn not in touched)
    named = [
        _named_finding(f, untouched=bool(touched) and bool(f.urn) and f.urn not in touched) for f in ordered[:_NAMED]
    ]
    more = f"; and {len(same) - _NAMED:,} more resources" if len(same) > _NAMED else ""
    return f"- **{prose(first.clause) or code(first.rule)}** {prose(first.title)} — {'; '.join(named)}{more}{fix}"


def _blocks(review: Review) -> Section:
    return _findings_section(review, "violations", 4, "**Blocks**", [f for f in review.violations if f.blocking])


def _judged(review: Review) -> Section:
    """What only a judgement of the digest knows of: the engine did not say at which level."""
    found = [f for f in review.violations if not f.level]
    return _findings_section(
        review, "judged violations", 4, "**Breaks the policy, by a judgement of the digest**", found
    )


def _advice(review: Review) -> Section:
    found = [f for f in review.violations if f.level and not f.blocking]
    return _findings_section(review, "advice", 9, f"Advice ({len(found):,})", found, folded=True)


def _undetermined(review: Review) -> Section:
    return _findings_section(review, "undetermined", 7, "**Could not be judged**", list(review.of("undetermined")))


def _findings_section(
    review: Review, name: str, keep: int, head: str, found: list[Finding], *, folded: bool = False
) -> Section:
    """One line a rule, in the order of the findings; rules that are broken by what changes come first."""
    touched = frozenset(c.urn for c in review.changes)
    by_rule: dict[tuple[str, str], list[Finding]] = {}
    for finding in found:
        by_rule.setdefault((finding.rule, finding.fix), []).append(finding)
    rules = sorted(by_rule.values(), key=lambda same: not any(f.urn in touched for f in same))
    return Section(name=name, keep=keep, head=head, lines=[_rule(same, touched) for same in rules], folded=folded)


def _waived(review: Review) -> Section:
    found = sorted(review.of("waived"), key=lambda f: (order(f.clause), f.rule, f.urn))
    lines = [
        f"- **{prose(clause)}** "
        + "; ".join(f"{code(f.name)} until {prose(f.expires)}, {code(f.owner)}: {prose(f.reason)}" for f in same)
        for clause, same in groupby(found, key=lambda f: f.clause)
    ]
    return Section(name="waivers", keep=8, head="**Accepted exceptions**", lines=lines)


def _named(c: Change) -> str:
    place = f" ({code(f'{c.file}:{c.line}')})" if c.file else ""
    return f"{code(c.name)} {code(c.type)}{place}"


def _changes(review: Review) -> Section:
    shown = [c for c in review.changes if c.risk != "noise"]
    by_component: dict[str, list[Change]] = {}
    for c in shown:
        by_component.setdefault(c.component, []).append(c)
    lines = []
    for component, inside in by_component.items():
        lines.append(f"- {code(component) if component else 'without a component'} ({len(inside):,})")
        for c in inside:
            why = prose("; ".join(c.reasons))
            lines.append(f"  - {_LEVEL_SIGNS[c.risk]} {c.risk} · {c.op} {code(c.name)} {code(c.type)}: {why}")
    return Section(
        name="changes by component", keep=10, head=f"Changes by component ({len(shown):,})", lines=lines, folded=True
    )


def _arrow(a: Attribute) -> str:
    before, after = (code(side) if side is not None else "(none)" for side in (a.before, a.after))
    sign = " ♻️" if a.replaces else ""
    return (
        f"  - {code(a.path)}: {before} → {after}{sign}"
        if a.before is not None
        else f"  - {code(a.path)}: {after}{sign}"
    )


def _attributes(review: Review) -> Section:
    lines = []
    for c in review.changes:
        real = [a for a in c.attributes if not a.noise]
        if real and c.op != "delete":
            lines += [f"- {c.op} {code(c.name)} {code(c.type)}", *map(_arrow, real)]
    return Section(name="attributes", keep=11, head="Attributes, old → new", lines=lines, folded=True)


def _unknowns(review: Review) -> Section:
    lines = [
        f"- {code(c.name)}: {', '.join(code(a.path) for a in c.attributes if a.unknown and not a.noise)}"
        for c in review.changes
        if any(a.unknown and not a.noise for a in c.attributes)
    ]
    return Section(
        name="unknowns", keep=12, head=f"Known only after apply ({len(lines):,} resources)", lines=lines, folded=True
    )


def _noise(review: Review) -> Section:
    lines = []
    for c in review.changes:
        quiet = [a for a in c.attributes if a.noise]
        if quiet and c.op in ("update", "replace"):
            lines += [f"- {code(c.name)} {code(c.type)}", *map(_arrow, quiet)]
    number = sum(line.startswith("  ") for line in lines)
    head = (
        f"Noise set apart: {number:,} labels and computed values; {len(review.noise):,} resources change nothing else"
    )
    return Section(name="noise", keep=13, head=head, lines=lines, folded=True)


def _said(review: Review) -> Section:
    lines = [f"- {code(text, 400)}" for text in (*review.warnings, *review.remediated)]
    return Section(
        name="warnings", keep=9, head=f"Warnings and remediations ({len(lines):,})", lines=lines, folded=True
    )


_SECTIONS: Final[tuple[Callable[[Review], Section], ...]] = (
    _limits,
    _errors,
    _destroyed,
    _gained,
    _lost,
    _notes,
    _blocks,
    _judged,
    _undetermined,
    _waived,
    _advice,
    _said,
    _changes,
    _attributes,
    _unknowns,
    _noise,
)


def _foot(review: Review, cut: list[Section], whole: str) -> str:
    parts = []
    if cut:
        dropped = ", ".join(
            f"{s.name} ({len(s.lines) - s.shown:,} of {len(s.lines):,} lines)"
            for s in sorted(cut, key=lambda s: -s.keep)
        )
        where = f" The whole is in {code(whole)}." if whole else " `python -m review page` and `json` have the whole."
        parts.append(f"Dropped to stay within the platform's limit, least important first: {dropped}.{where}")
    packs = ", ".join(f"{name} {version}" for name, version in review.packs.items()) or "no policy pack"
    commit = f" · commit {code(review.commit[:12])}" if review.commit else ""
    plan = "".join(f" · plan {code(d.sha256)}" for d in review.inputs if d.name == "plan")
    parts.append(f"<sub>{prose(packs)}{commit}{plan}</sub>")
    return "\n\n".join(parts) + "\n"

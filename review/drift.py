"""What exists against what was deployed, as one issue: what differs, who gains by it, and who likely did it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from review import audit, comment
from review.markdown import code, prose
from review.mask import Masker, visible
from review.model import Attribute, Change, Finding, Review
from review.night import Difference, Found
from review.run import load, type_of

LIMIT: Final = comment.LIMIT
_SHOWN: Final = 12
"""Attributes of one resource, and lines of what main would do; the rest is counted."""
_RESERVE: Final = 400
_SHARE: Final = 9_000
"""Characters of a text that somebody else wrote."""
UNFINISHED: Final = "the comparison did not come to its end"


def culprits(digest: Path | None, events: Path | None, log: Path, *, deployer: str = "") -> dict[str, str]:
    """URN to who likely changed it."""
    run, entries = load(digest, events), audit.read(log)
    masker = _masker(digest, events)
    return {urn: masker.text(audit.likely(step, entries, deployer=deployer)) for urn, step in run.steps.items()}


def _masker(digest: Path | None, events: Path | None) -> Masker:
    """What knows the secrets of a run."""
    masker = Masker()
    for step in load(digest, events).steps.values():
        masker.learn(step.old, step.new)
        masker.learn(step.new, step.old)
    return masker


def masked(found: Found, digest: Path | None, events: Path | None) -> Found:
    """Without the secrets of the run that it belongs to."""
    return _masker(digest, events).scrub(found)


def marker(review: Review) -> str:
    """What the issue of this project and stack is found by."""
    return comment.marker(review).replace("review of", "drift of")


def marker_of(project: str, stack: str) -> str:
    """The same, where no run is left to read."""
    return comment.marker_of(project, stack).replace("review of", "drift of")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Night:
    """Everything that one issue tells."""

    review: Review
    who: Mapping[str, str] | None = None
    """URN to who likely changed it; None: there was no audit log."""
    found: Found = dataclasses.field(default_factory=Found)
    main: Review | None = None
    """What main would change today."""
    notes: tuple[str, ...] = ()
    """Why something of it is missing."""

    @property
    def finished(self) -> bool:
        """Whether the comparison shows anything; else nobody knows whether something differs."""
        return self.review.verdict not in ("failed", "unproven")

    @property
    def beyond(self) -> dict[str, list[Difference]]:
        """What differs in resources that the engine calls unchanged, by URN."""
        known, found = {c.urn for c in self.review.changes}, dict[str, list[Difference]]()
        for one in self.found.differences:
            if one.urn not in known:
                found.setdefault(one.urn, []).append(one)
        return found

    @property
    def main_differs(self) -> bool:
        """Whether main would change something, or would be stopped."""
        return self.main is not None and bool(self.main.changes or self.main.verdict in ("blocked", "failed"))

    @property
    def open(self) -> bool:
        """Whether somebody has to look."""
        return bool(
            not self.finished
            or self.review.changes
            or self.beyond
            or self.found.broken
            or self.main_differs
            or self.notes
        )


def title(night: Night) -> str:
    """One line; no name of a resource stands in it."""
    number, named = len(night.review.changes) + len(night.beyond), _plain(night.review.stack)
    if not night.finished:
        return f"Drift in {named}: {UNFINISHED}"
    said = [f"{number:,} {'resource is' if number == 1 else 'resources are'} not as {_wanted(night.review)}"] * (
        number > 0
    )
    said += [f"{len(night.found.broken):,} rules are broken by what exists"] * bool(night.found.broken)
    said += ["main would not leave it as it is"] * night.main_differs
    said += ["a part of the comparison is missing"] * bool(night.notes)
    return f"Drift in {named}: {'; '.join(said) or 'nothing differs'}"


def _plain(stack: str) -> str:
    return "".join(c if c.isalnum() or c in "._-" else "_" for c in stack)


def unfinished(project: str, stack: str, why: str, *, whole: str = "") -> tuple[str, str]:
    """Title and text of the issue where the comparison left nothing to read."""
    head = f"Drift in {_plain(stack)}: {UNFINISHED}"
    said = f"{marker_of(project, stack)}\n### {prose(head)}\n\nWhether something differs is not known.\n"
    lines = [f"- {code(line, 400)}" for line in visible(why).splitlines() if line.strip()]
    where = f"\nThe run is {code(whole)}.\n" if whole else ""
    return head, f"{said}\n{_list('Why', lines)}{where}"


def _refreshed(review: Review) -> bool:
    """Whether it is a refresh, which shows what changed since the last deployment; else a preview with one."""
    return "same" not in review.counts and "create" not in review.counts


def _wanted(review: Review) -> str:
    return "deployed" if _refreshed(review) else "main says"


def write(night: Night, *, whole: str = "", limit: int = LIMIT) -> str:
    """The issue's text, never longer than the platform takes."""
    review = night.review
    top = [marker(review), f"### {prose(title(night))}", ""]
    if review.when:
        top += [f"Looked at on {prose(review.when[:10])}.", ""]
    top += [f"- {prose(text)}" for text in (*review.limits, *night.notes) if text and "refreshes" not in text]
    top += [f"- error: {code(text, 400)}" for text in review.errors[:_SHOWN]]
    top += [f"- {prose(night.found.unnamed)}"] if night.found.unnamed else []
    blocks = [_access(review), _broken(night), _main(night.main) if night.main and night.main_differs else ""]
    blocks += [_change(review, c, night.who) for c in review.changes]
    blocks += [_beyond(urn, found, night.who) for urn, found in night.beyond.items()]
    end = "\nFind out who changed it and why; then bring it back with `make up`, or into the code by a pull request."
    text, room = "\n".join(top), limit - _RESERVE - comment.length("\n".join(top)) - comment.length(end)
    kept = 0
    for block in blocks:
        room -= comment.length(block) + 1
        if room < 0:
            break
        kept += 1
        text += f"\n{block}" if block else ""
    if kept < len(blocks):
        where = f" The whole is in {code(whole)}." if whole else " `python -m review page` has the whole."
        text += f"\n\n… {len(blocks) - kept:,} more resources do not fit here, the least risky ones.{where}"
    elif whole and night.open:
        text += f"\n\nThe run is {code(whole)}."
    return f"{text}\n{end if night.open else ''}\n"


def _access(review: Review) -> str:
    lines = [
        f"- {word} access: {comment.right(a)}"
        for word, rights in (("Gained", review.gained), ("Lost", review.lost))
        for a in rights
    ]
    return _list("Access that nobody reviewed", lines)


def _broken(night: Night) -> str:
    return _list("What exists breaks the policy", [f"- {prose(text)}" for text in night.found.broken])


def _main(main: Review) -> str:
    """What main would do today: what stops it, and what it would change."""
    lines = [f"- {prose(main.headline)}"]
    lines += [_finding(f) for f in main.violations if f.blocking]
    lines += [f"- error: {code(text, 400)}" for text in main.errors]
    lines += [f"- {c.op} {code(c.name)} {code(c.type)}: {prose('; '.join(c.reasons))}" for c in main.changes]
    return _list("What main would do today", lines)


def _finding(f: Finding) -> str:
    return f"- **{prose(f.clause)}** {prose(f.title)} — {code(f.name)}: {code('; '.join(f.found.splitlines()), 300)}"


def _list(head: str, lines: list[str]) -> str:
    """A head and lines, as many as are a share of the issue."""
    if not lines:
        return ""
    kept: list[str] = []
    room = _SHARE
    for line in lines:
        room -= comment.length(line) + 1
        if room < 0:
            kept.append(f"- and {len(lines) - len(kept):,} more")
            break
        kept.append(line)
    return "\n".join([f"**{head}**", "", *kept, ""])


def _change(review: Review, c: Change, who: Mapping[str, str] | None) -> str:
    place = f" ({code(f'{c.file}:{c.line}')})" if c.file else ""
    happened = "is gone from the cloud" if c.op == "delete" else "differs"
    lines = [f"- **{prose(c.risk)}** {code(c.name)} {code(c.type)}{place} {happened}: {prose('; '.join(c.reasons))}"]
    real = [a for a in c.attributes if not a.noise] if c.op != "delete" else []
    lines += [_attribute(a, refreshed=_refreshed(review)) for a in real[:_SHOWN]]
    rest = len(c.attributes) - len(real[:_SHOWN]) if c.op != "delete" else 0
    lines += [f"  - and {rest:,} more, labels and computed values among them"] if rest else []
    return "\n".join([*lines, *_likely(c.urn, who)])


def _likely(urn: str, who: Mapping[str, str] | None) -> Iterator[str]:
    if who is not None:
        named = who.get(urn)
        yield f"  - likely by {code(named, 300)}" if named else "  - the audit log names nobody who changed it"


def _beyond(urn: str, found: list[Difference], who: Mapping[str, str] | None) -> str:
    """A resource that differs where the program says nothing, so that no preview ever shows it."""
    name, kind = code(urn.rsplit("::", 1)[-1]), code(type_of(urn))
    lines = [f"- **in no preview** {name} {kind} differs where the program leaves it to the cloud"]
    lines += [
        f"  - {code(d.path)}: applied was {code(d.applied)}, there is {code(d.found)}"
        if d.path
        else "  - it does not exist any more"
        for d in found[:_SHOWN]
    ]
    rest = len(found) - _SHOWN
    lines += [f"  - and {rest:,} more"] if rest > 0 else []
    return "\n".join([*lines, *_likely(urn, who)])


def _attribute(a: Attribute, *, refreshed: bool) -> str:
    before, after = (code(side) if side is not None else "nothing" for side in (a.before, a.after))
    said = f"deployed was {before}, there is {after}" if refreshed else f"there is {before}, main says {after}"
    return f"  - {code(a.path)}: {said}"

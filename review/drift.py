"""What exists against what was deployed, as one issue: what differs, who gains by it, and who likely did it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from review import audit, comment
from review.markdown import code, prose
from review.mask import Masker
from review.model import Attribute, Change, Review
from review.run import load

LIMIT: Final = comment.LIMIT
_SHOWN: Final = 12
"""Attributes of one resource; the rest is counted."""
_RESERVE: Final = 400


def culprits(digest: Path | None, events: Path | None, log: Path, *, deployer: str = "") -> dict[str, str]:
    """URN to who likely changed it."""
    run, entries = load(digest, events), audit.read(log)
    masker = Masker()
    for step in run.steps.values():
        masker.learn(step.old, step.new)
        masker.learn(step.new, step.old)
    return {urn: masker.text(audit.likely(step, entries, deployer=deployer)) for urn, step in run.steps.items()}


def marker(review: Review) -> str:
    """What the issue of this project and stack is found by."""
    return comment.marker(review).replace("review of", "drift of")


def title(review: Review) -> str:
    """One line; no name of a resource stands in it."""
    number = len(review.changes)
    said = f"{number:,} {'resource is' if number == 1 else 'resources are'} not as {_wanted(review)}"
    stack = "".join(c if c.isalnum() or c in "._-" else "_" for c in review.stack)
    return f"Drift in {stack}: {said if number else 'nothing differs'}"


def _refreshed(review: Review) -> bool:
    """Whether it is a refresh, which shows what changed since the last deployment; else a preview with one."""
    return "same" not in review.counts and "create" not in review.counts


def _wanted(review: Review) -> str:
    return "deployed" if _refreshed(review) else "main says"


def write(review: Review, who: Mapping[str, str] | None = None, *, whole: str = "", limit: int = LIMIT) -> str:
    """The issue's text, never longer than the platform takes. `who` comes of an audit log; None: there was none."""
    top = [marker(review), f"### {prose(title(review))}", ""]
    if review.when:
        top += [f"Looked at on {prose(review.when[:10])}.", ""]
    top += [f"- {prose(text)}" for text in review.limits if "refreshes" not in text]
    top += [f"- error: {code(text, 400)}" for text in review.errors]
    blocks = [_access(review), *(_change(review, c, who) for c in review.changes)]
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
    return f"{text}\n{end if review.changes else ''}\n"


def _access(review: Review) -> str:
    lines = [
        f"- {word} access: {comment.right(a)}"
        for word, rights in (("Gained", review.gained), ("Lost", review.lost))
        for a in rights
    ]
    return "\n".join(["**Access that nobody reviewed**", "", *lines, ""]) if lines else ""


def _change(review: Review, c: Change, who: Mapping[str, str] | None) -> str:
    place = f" ({code(f'{c.file}:{c.line}')})" if c.file else ""
    happened = "is gone from the cloud" if c.op == "delete" else "differs"
    lines = [f"- **{prose(c.risk)}** {code(c.name)} {code(c.type)}{place} {happened}: {prose('; '.join(c.reasons))}"]
    real = [a for a in c.attributes if not a.noise] if c.op != "delete" else []
    lines += [_attribute(a, refreshed=_refreshed(review)) for a in real[:_SHOWN]]
    rest = len(c.attributes) - len(real[:_SHOWN]) if c.op != "delete" else 0
    lines += [f"  - and {rest:,} more, labels and computed values among them"] if rest else []
    if who is not None:
        named = who.get(c.urn)
        lines.append(f"  - likely by {code(named, 300)}" if named else "  - the audit log names nobody who changed it")
    return "\n".join(lines)


def _attribute(a: Attribute, *, refreshed: bool) -> str:
    before, after = (code(side) if side is not None else "nothing" for side in (a.before, a.after))
    said = f"deployed was {before}, there is {after}" if refreshed else f"there is {before}, main says {after}"
    return f"  - {code(a.path)}: {said}"

"""How much attention a change asks for, and why. The ranking is a list of reasons, each with its level, worst first:
the worst reason that holds gives the change its level, and all that hold are written out. docs/review.md shows it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from review.model import LEVELS, Access, Attribute, Finding, Level, Loss, Op

REASONS: Final[tuple[tuple[str, Level, str], ...]] = (
    ("data-lost", "critical", "data is lost and nothing stops it"),
    ("public", "critical", "opens something to everyone"),
    ("broad-people", "critical", "gives people a basic, administrating or impersonating role"),
    ("blocked-critical", "critical", "breaks the policy in a critical way"),
    ("data-guarded", "high", "data would be lost, but something stops it"),
    ("protection-off", "high", "takes a protection away"),
    ("broad", "high", "gives a workload a basic, administrating or impersonating role"),
    ("blocked", "high", "breaks the policy"),
    ("loss-unknown", "high", "is destroyed, and whether it holds data is not known"),
    ("people", "high", "gives people access"),
    ("access", "medium", "gives access"),
    ("advice", "medium", "goes against advice of the policy"),
    ("undetermined", "medium", "could not be judged"),
    ("destroyed", "medium", "is destroyed; it holds no data"),
    ("taken", "medium", "takes access away"),
    ("waived", "medium", "is an accepted exception"),
    ("forgotten", "medium", "is forgotten by the state; the cloud keeps it"),
    ("security", "medium", "changes a setting of security"),
    ("unknown-value", "low", "changes to a value known only after apply"),
    ("changed", "low", "changes in place"),
    ("made", "low", "is created"),
    ("adopted", "low", "is imported"),
    ("left", "low", "leaves the program; it is nothing in a cloud"),
    ("nothing", "low", "is only looked at"),
    ("noise", "noise", "labels and computed values alone"),
)
_LEVEL_OF: Final = {key: level for key, level, _ in REASONS}
_WORDS: Final = {key: words for key, _, words in REASONS}
_ORDER: Final = {key: index for index, (key, _, _) in enumerate(REASONS)}
_PROTECTIONS: Final = re.compile(
    "deletionprotection|deleteprotection|protect|deletionpolicy|pointintimerecovery|publicaccessprevention|softdelete|"
    "uniformbucketlevelaccess|versioning|retentionpolicy|backupconfiguration|rotationperiod|logconfig|requiressl|sslmode|"
    "enforcement|kmskeyname|encryption|attributecondition"
)
"""Parts of property names behind which a protection stands. Its removal, or a word that means off, takes it away."""
_OFF: Final = frozenset({"false", "none", "off", "disabled", "inherited", "delete", "abandon", "evaluate", "0", ""})
_SECURITY: Final = re.compile(
    f"{_PROTECTIONS.pattern}|iam|role|member|permission|ingress|firewall|sourceranges|ipv4enabled|authorizednetworks|"
    "allowed|audit|exempted|condition|serviceaccount"
)


def weigh(
    *,
    op: Op,
    imported: bool = False,
    logical: bool,
    loss: Loss,
    guarded: bool,
    protect_removed: bool,
    attributes: Iterable[Attribute],
    findings: Iterable[Finding],
    gained: Iterable[Access],
    lost: Iterable[Access],
) -> tuple[Level, tuple[str, ...]]:
    """Level and reasons of one change."""
    attributes, findings, gained = tuple(attributes), tuple(findings), tuple(gained)
    held = set(_of_operation(op, logical, loss, guarded, attributes))
    held |= {"adopted"} if imported else set()
    held |= set(_of_access(gained, bool(tuple(lost))))
    held |= set(_of_findings(findings))
    if protect_removed or (any(map(takes_protection, attributes)) and op in ("update", "replace")):
        held.add("protection-off")
    if op in ("update", "replace") and any(_secures(a) for a in attributes):
        held.add("security")
    reasons = sorted(held, key=_ORDER.__getitem__)
    if len(reasons) > 1:
        reasons = [r for r in reasons if r not in ("noise", "changed") or _LEVEL_OF[reasons[0]] == "low"]
    level = min((_LEVEL_OF[r] for r in reasons), key=LEVELS.index)
    return level, tuple(_WORDS[r] for r in reasons)


def _of_operation(op: Op, logical: bool, loss: Loss, guarded: bool, attributes: tuple[Attribute, ...]) -> Iterable[str]:
    if op in ("delete", "replace") and not logical:
        if loss == "lost":
            yield "data-guarded" if guarded else "data-lost"
        elif loss == "unknown":
            yield "loss-unknown"
        else:
            yield "forgotten" if loss == "kept" else "destroyed"
    elif op == "delete":
        yield "left"
    elif op in ("replace", "update"):
        real = [a for a in attributes if not a.noise]
        yield "changed" if real or op != "update" or (logical and not attributes) else "noise"
    else:
        yield {"create": "made", "import": "adopted", "forget": "forgotten"}.get(op, "nothing")
    if op in ("update", "replace") and any(a.unknown and not a.noise for a in attributes):
        yield "unknown-value"


def _of_access(gained: tuple[Access, ...], loses: bool) -> Iterable[str]:
    for access in gained:
        people = access.kind in ("people", "unknown")
        if access.kind == "public":
            yield "public"
        elif access.broad:
            yield "broad-people" if people else "broad"
        else:
            yield "people" if people else "access"
    if loses:
        yield "taken"


def _of_findings(findings: tuple[Finding, ...]) -> Iterable[str]:
    for finding in findings:
        if finding.outcome == "fail":
            critical = finding.severity == "critical" and finding.blocking
            yield "blocked-critical" if critical else "blocked" if finding.blocking else "advice"
        elif finding.outcome in ("undetermined", "waived"):
            yield finding.outcome


def takes_protection(attribute: Attribute) -> bool:
    """Whether a setting behind which a protection stands is removed or switched off."""
    if attribute.before is None or not _PROTECTIONS.search(attribute.path.lower()):
        return False
    if (attribute.before or "").lower() in _OFF:
        return False
    return attribute.after is None or attribute.after.lower() in _OFF


def _secures(attribute: Attribute) -> bool:
    return not attribute.noise and bool(_SECURITY.search(attribute.path.lower()))


def rank(level: Level, reasons: tuple[str, ...], urn: str) -> tuple[int, int, str]:
    """Sort key: worst first; the URN decides between equals, so the order of steps never shows."""
    first = next(
        (index for index, (_, _, words) in enumerate(REASONS) if reasons and words == reasons[0]), len(REASONS)
    )
    return LEVELS.index(level), first, urn

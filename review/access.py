"""Who gains and who loses which right by a run, in plain words.

Rights are compared over the whole run: one that moves from a member to a binding, or whose resource is replaced, is
neither gained nor lost. What a preview cannot see (who else an authoritative binding takes away from) becomes a note.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from review import words
from review.grants import IAM, Right, folded, iam_target, rights
from review.mask import UNKNOWN
from review.model import Access
from review.run import Run, Step

_UNTIL: Final = re.compile(
    r"request\.time\s*<=?\s*timestamp\(['\"]([0-9]{4}-[0-9]{2}-[0-9]{2})(T00:00:00(?:\.0+)?Z)?[^'\"]*['\"]\)"
)
_ROW: Final = re.compile(r"(\S+\.ya?ml) (\S+) until ([0-9]{4}-[0-9]{2}-[0-9]{2})")
"""The title of a condition that was made of a row of the need-to-know matrix."""
_PERMISSIONS_SHOWN: Final = 6
_HOLDERS_SHOWN: Final = 4


@dataclass(frozen=True, kw_only=True)
class Accesses:
    """Rights before and after a run."""

    gained: tuple[Access, ...]
    lost: tuple[Access, ...]
    held: tuple[Access, ...]
    notes: tuple[str, ...]


def compare(run: Run) -> Accesses:
    """Rights gained, lost and held by the whole run. What failed did not change."""
    before: dict[tuple[str, ...], Right] = {}
    after: dict[tuple[str, ...], Right] = {}
    failed = set(run.log.failed) if run.log else set()
    for step in run.steps.values():
        old, new = _sides(step, failed)
        for state, side in ((old, before), (new, after)):
            side.update((right.key, right) for right in rights(step, state, run.steps))
    gained = [after[key] for key in after.keys() - before.keys()]
    lost = [before[key] for key in before.keys() - after.keys()]
    words_of = _Words(run, gained, lost)
    notes = {note for step in run.steps.values() for note in _notes(step, *_sides(step, failed), [*after.values()])}
    return Accesses(
        gained=_sorted(words_of.gained(right) for right in gained),
        lost=_sorted(words_of.lost(right) for right in lost),
        held=_sorted(words_of.held(after[key]) for key in after.keys() & before.keys()),
        notes=tuple(sorted(notes)),
    )


def _sides(step: Step, failed: set[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The state before and after."""
    old = step.old if step.op not in ("create", "import") else {}
    new = {} if step.op in ("delete", "forget") else (step.new or (step.old if step.op == "same" else {}))
    return old, old if step.urn in failed else new


_KIND_ORDER: Final = ("public", "people", "unknown", "workload")


def _sorted(said: Iterable[Access]) -> tuple[Access, ...]:
    return tuple(sorted(said, key=lambda a: (_KIND_ORDER.index(a.kind), not a.broad, a.sentence, a.urn)))


class _Words:
    """Rights in words; knows the whole run, so that a right can be told together with what it takes the place of."""

    def __init__(self, run: Run, gained: Iterable[Right], lost: Iterable[Right]) -> None:
        self._day = run.day
        self._roles = dict(_custom_roles(run.steps))
        self._gained, self._lost = _by_holder(gained), _by_holder(lost)
        self._live = {row[2] for right in gained if (row := _ROW.fullmatch(right.title))}

    def gained(self, right: Right) -> Access:
        """With what it takes the place of."""
        return self._said(right, because=_because(right), instead=self._other(self._lost, right))

    def lost(self, right: Right) -> Access:
        """With what became of the row that it was made of, as far as the run tells."""
        because, until = _because(right), self._until(right)[0]
        if row := _ROW.fullmatch(right.title):
            name = f"row {row[2]} of {row[1]}"
            if self._day and row[3] < self._day:
                because = f"{name} expired on {row[3]}"
            elif row[2] in self._live:
                because = f"{name} was changed"
            else:
                because = f"{name} no longer grants it"
        elif until and self._day and until < self._day:
            because = f"it ended on {until}"
        return self._said(right, because=because, instead=self._other(self._gained, right))

    def held(self, right: Right) -> Access:
        """As it is."""
        return self._said(right, because=_because(right))

    def _other(self, side: dict[tuple[str, str], list[Right]], right: Right) -> str:
        """What the same holder had or will have on the same thing, where it is one right and no other."""
        found = side.get((folded(right.member), right.on), [])
        if len(found) != 1:
            return ""
        can, until = self._can(found[0]), self._until(found[0])[0]
        return can if can != self._can(right) else f"{can}{f' until {until}' if until else ' without an end'}"

    def _can(self, right: Right) -> str:
        if right.can:
            return right.can
        permissions = self._roles.get(right.role, ())
        more = f" and {len(permissions) - 3} more" if len(permissions) > 3 else ""
        listed = f" ({', '.join(permissions[:3])}{more})" if permissions else ""
        return words.role(right.role) + listed

    def _until(self, right: Right) -> tuple[str, str]:
        """The last day, and what else must hold."""
        parts = _conjuncts(right.expression)
        ends = [match for part in parts if (match := _UNTIL.fullmatch(part))]
        if not ends:
            return "", right.expression
        rest = [part for part in parts if not _UNTIL.fullmatch(part)]
        return min(map(_last_day, ends)), " && ".join(rest)

    def _said(self, right: Right, *, because: str, instead: str = "") -> Access:
        who, kind = words.member(right.member)
        if right.member.startswith("<"):
            source = right.member.strip("<>")
            nobody = "somebody known only after apply"
            who = f"an identity known only after apply, from {_tail(source)}" if source else nobody
            workload = re.search(r"serviceaccount/account:|projects/service|serviceIdentity", source)
            kind = "workload" if workload else "unknown"
        until, rest = self._until(right)
        return Access(
            member=who,
            kind=kind,
            can=self._can(right),
            role=right.role,
            on=f"{_tail(right.on)} (known only after apply)" if right.on.startswith("<") else right.on,
            until=until,
            because=because,
            condition=rest,
            urn=right.urn,
            broad=right.broad or words.broad(right.role),
            instead=instead,
        )


def _by_holder(found: Iterable[Right]) -> dict[tuple[str, str], list[Right]]:
    by: dict[tuple[str, str], list[Right]] = {}
    for right in found:
        by.setdefault((folded(right.member), right.on), []).append(right)
    return by


def _because(right: Right) -> str:
    if row := _ROW.fullmatch(right.title):
        purpose = f", purpose: {right.description}" if right.description else ""
        return f"row {row[2]} of {row[1]}{purpose}"
    return "; ".join(part for part in (right.title, right.description) if part)


def _conjuncts(expression: str) -> list[str]:
    """The parts that all must hold; nothing inside of brackets or quotes is cut."""
    parts, depth, quote, start = [], 0, "", 0
    for at, char in enumerate(expression):
        if quote:
            quote = "" if char == quote and expression[at - 1] != "\\" else quote
        elif char in "\"'":
            quote = char
        elif char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif depth == 0 and expression.startswith("&&", at):
            parts.append(expression[start:at])
            start = at + 2
        elif depth == 0 and expression.startswith("||", at):
            return [expression.strip()]
    return [part.strip() for part in (*parts, expression[start:]) if part.strip()]


def _last_day(ends: re.Match[str]) -> str:
    """The last day, where the right ends at midnight; else the moment's day."""
    try:
        day = dt.date.fromisoformat(ends[1])
    except ValueError:
        return ends[1]
    return str(day - dt.timedelta(days=1)) if ends[2] and "<=" not in ends[0] else str(day)


def _custom_roles(steps: dict[str, Step]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Custom roles of the run, by their names in the cloud and in the program, with what they allow."""
    for step in steps.values():
        if not re.search(r"(?:IAM|iam|iAM)CustomRole:", step.type):
            continue
        given = (step.state.get("inputs") or {}).get("permissions")
        allowed = tuple(sorted(map(str, given))) if isinstance(given, list) else ()
        yield f"custom role {step.name}", allowed
        yield from ((name, allowed) for name in sorted(step.names))


def _tail(reference: str) -> str:
    """`bucket exports` out of `<bucket urn:…::exports>`, `worker` out of `<urn:…::worker>`."""
    text = reference.strip("<>")
    head, _, urn = text.rpartition(" ")
    name = urn.rsplit("::", 1)[-1]
    return f"{head} {name}".strip()


def _notes(step: Step, old: dict[str, Any], new: dict[str, Any], after: list[Right]) -> Iterator[str]:
    """What a preview shows only in part."""
    match = IAM.match(step.type)
    if match and match[3] != "Member" and step.op in ("create", "replace", "import"):
        scope = "of this role" if match[3] == "Binding" else "of any role"
        target = iam_target(match, new, new.get("inputs") or {})
        yield (
            f"{step.name} is authoritative: every other holder {scope} on"
            f" {_tail(target)} loses it, and no preview can list them."
        )
    if match and match[3] == "Policy" and new and not isinstance((new.get("inputs") or {}).get("policyData"), dict):
        data = (new.get("inputs") or {}).get("policyData")
        if not isinstance(data, str) or UNKNOWN in data:
            yield f"{step.name}: the whole policy is known only after apply, so who gains what cannot be said."
    if re.search(r"IAMCustomRole:|iamCustomRole:|iAMCustomRole:", step.type) and old and new:
        yield from _role_change(step, old, new, after)
    if "enyPolicy:" in step.type and step.op in ("delete", "update", "replace"):
        happens = "goes away" if step.op == "delete" else "changes"
        yield f"{step.name} is a deny policy and {happens}: what it denied may be allowed again."
    if "workloadIdentityPoolProvider:" in step.type and step.op != "same":
        was, now = ((s.get("inputs") or {}).get("attributeCondition") for s in (old, new))
        if new and was != now:
            meets = now or "no condition: anybody of the issuer"
            yield f"{step.name}: whoever meets this condition may come in from outside: {meets}"


def _role_change(step: Step, old: dict[str, Any], new: dict[str, Any], after: list[Right]) -> Iterator[str]:
    was, now = ({str(p) for p in (s.get("inputs") or {}).get("permissions") or ()} for s in (old, new))
    names = {f"custom role {step.name}", *step.names}
    holders = sorted({words.member(r.member)[0] for r in after if r.role in names and not r.member.startswith("<")})
    more = f" and {len(holders) - _HOLDERS_SHOWN} more" if len(holders) > _HOLDERS_SHOWN else ""
    held = f" ({', '.join(holders[:_HOLDERS_SHOWN])}{more})" if holders else ""
    for words_, permissions in (("gains", sorted(now - was)), ("loses", sorted(was - now))):
        if permissions:
            rest = f" and {len(permissions) - _PERMISSIONS_SHOWN} more" if len(permissions) > _PERMISSIONS_SHOWN else ""
            listed = ", ".join(permissions[:_PERMISSIONS_SHOWN])
            yield f"Everyone who holds the custom role {step.name}{held} {words_}: {listed}{rest}."

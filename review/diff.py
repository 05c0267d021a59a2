"""Old against new inputs, leaf by leaf: secrets masked, unknowns named with where they come from, noise told apart."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from typing import Any, Final

from review.mask import MASK, SIGNATURE, UNKNOWN, Masker, is_secret, named_secret
from review.model import Attribute
from review.run import Step

_LONGEST = 300
"""Characters of one value; the rest is counted."""
_NOISE: Final = re.compile(
    r"^(?:\w*[lL]abels|\w*[aA]nnotations|etag|fingerprint|generation|metageneration|selfLink|updateTime|updated|"
    r"lastModified\w*|creationTimestamp|uid|version(?:Id)?Etag)(?:[.\[]|$)"
)
_HIDDEN: Final = frozenset({"__defaults", "__internal", "__meta", "__autonamed"})


def attributes(step: Step, masker: Masker) -> tuple[Attribute, ...]:
    """What changes in a step, in the order of the paths; nothing for an unchanged one."""
    if step.op in ("same", "read", "refresh", "forget"):
        return ()
    old, new = step.old.get("inputs") or {}, step.new.get("inputs") or {}
    found = {a.path: a for a in _leaves("", old, new, step, masker, secret=False, top="")}
    for path in sorted(step.detailed):
        kind = str(step.detailed[path].get("kind") or "")
        if path in found or any(_within(known, path) or _within(path, known) for known in found):
            continue
        found[path] = _computed(path, kind, step, masker)
    keys = step.replace_keys | {p for p, d in step.detailed.items() if str(d.get("kind", "")).endswith("-replace")}
    return tuple(
        dataclasses.replace(a, replaces=any(_within(a.path, key) or _within(key, a.path) for key in keys))
        if keys
        else a
        for _, a in sorted(found.items())
    )


def _within(path: str, outer: str) -> bool:
    return path == outer or path.startswith((f"{outer}.", f"{outer}["))


def _leaves(
    path: str, old: Any, new: Any, step: Step, masker: Masker, *, secret: bool, top: str
) -> Iterator[Attribute]:
    if _same(old, new):
        return
    secret = secret or is_secret(old) or is_secret(new)
    if not secret and isinstance(old, dict | _Absent) and isinstance(new, dict | _Absent) and _plain(old, new):
        before, after = _dict(old), _dict(new)
        holder = next((s["name"] for s in (after, before) if isinstance(s.get("name"), str)), "")
        for key in sorted((before.keys() | after.keys()) - _HIDDEN):
            hidden = named_secret(key, step.type) or (key == "value" and named_secret(holder))
            inner = f"{path}.{key}" if path else key
            was, now = before.get(key, _MISSING), after.get(key, _MISSING)
            yield from _leaves(inner, was, now, step, masker, secret=hidden, top=top or key)
        return
    if not secret and isinstance(old, list | _Absent) and isinstance(new, list | _Absent) and not _scalars(old, new):
        first, second = (list(side) if isinstance(side, list) else [] for side in (old, new))
        for index in range(max(len(first), len(second))):
            was, now = (side[index] if index < len(side) else _MISSING for side in (first, second))
            yield from _leaves(f"{path}[{index}]", was, now, step, masker, secret=False, top=top)
        return
    extra = {str(k) for state in (step.old, step.new) for k in state.get("additionalSecretOutputs") or ()}
    hidden = secret or top in extra
    yield Attribute(
        path=path,
        before=_say(old, hidden, masker, step, top),
        after=_say(new, hidden, masker, step, top),
        noise=bool(_NOISE.match(path)),
        unknown=_unknown(new),
    )


class _Absent:
    """A side that does not have the property."""


_MISSING: Final = _Absent()


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _plain(*sides: Any) -> bool:
    """Whether there is something to descend into, and neither side is an object the engine wraps."""
    return any(_dict(side) for side in sides) and not any(SIGNATURE in _dict(side) for side in sides)


def _scalars(*sides: Any) -> bool:
    return not any(isinstance(part, dict | list) for side in sides if isinstance(side, list) for part in side)


def _same(old: Any, new: Any) -> bool:
    return bool(old == new) and type(old) is type(new)


def _unknown(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_unknown, value))
    return isinstance(value, str) and UNKNOWN in value


def _say(value: Any, secret: bool, masker: Masker, step: Step, top: str) -> str | None:
    if isinstance(value, _Absent):
        return None
    if secret or is_secret(value):
        return MASK
    if isinstance(value, str) and value == UNKNOWN:
        return unknown(step, top)
    if isinstance(value, dict) and SIGNATURE in value:
        value = {key: part for key, part in value.items() if key in ("hash", "path", "uri", "urn", "id", "assets")}
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return shorten(masker.text(text).replace(UNKNOWN, "(known after apply)"))


def unknown(step: Step, top: str) -> str:
    """How an unknown value is named: with the resources it comes from."""
    edges = (step.new.get("propertyDependencies") or {}).get(top) or ()
    names = sorted({str(urn).rsplit("::", 1)[-1] for urn in edges})
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return f"(known after apply, from {listed})" if names else "(known after apply)"


def shorten(text: str, longest: int = _LONGEST) -> str:
    """At most so many characters, and how many are left out. Mask before: a cut secret is not found again."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text) - longest} more characters)"


def _computed(path: str, kind: str, step: Step, masker: Masker) -> Attribute:
    """A difference that the provider tells of and the inputs do not show: the cloud has or will have another value."""
    before = _at(step.old.get("outputs") or {}, path)
    top = re.split(r"[.\[]", path)[0]
    extra = {str(key) for key in step.old.get("additionalSecretOutputs") or ()}
    hidden = top in extra or any(named_secret(part) for part in re.split(r"[.\[\]]+", path) if part)
    return Attribute(
        path=path,
        before=_say(before, hidden, masker, step, top),
        after=None if kind.startswith("delete") else "(computed by the provider)",
        noise=not kind.endswith("-replace"),
        unknown=not kind.startswith("delete"),
    )


def _at(value: Any, path: str) -> Any:
    for part in filter(None, re.split(r"[.\[\]]+", path)):
        if isinstance(value, dict) and not is_secret(value):
            value = value.get(part, _MISSING)
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        elif not is_secret(value):
            return _MISSING
    return value

"""Rules that read one property: true or false, one of some words, at least so much. One declaration makes the rule.

Each declaration names the property for every resource type that has the fact, and gets examples for the value, the
wrong value, the value written as text, and the missing value. What needs more than one property is a function.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from policies.model import Resource, split_path
from policies.normalise import seconds
from policies.rule import Absent, Example, Finding, Sample, fail, rule, skip

Paths = Mapping[str, str]
"""Property path by resource type; the first type carries the examples."""
Guard = Callable[[Resource], str | None]
"""Says why a resource cannot have the fact, or None."""

DAY = 86400.0


def put(props: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """The properties with one path set; what leads there is made."""

    def descend(container: Any, steps: tuple[str | int, ...]) -> Any:
        if not steps:
            return value
        step, rest = steps[0], steps[1:]
        if isinstance(step, int):
            items = list(container or [])
            items += [{}] * (step + 1 - len(items))
            items[step] = descend(items[step], rest)
            return items
        return {**(container or {}), step: descend((container or {}).get(step), rest)}

    made: dict[str, Any] = descend(props, split_path(path))
    return made


def _judge(
    paths: Paths, guard: Guard | None, absent: Absent, missing: str, wrong: Callable[[Resource, str], str | None]
) -> Callable[[Resource], Iterator[Finding]]:
    def check(resource: Resource) -> Iterator[Finding]:
        if guard and (reason := guard(resource)):
            yield skip(reason)
            return
        path = paths[resource.type]
        if not resource.has(path):
            if absent == "fail":
                yield fail(resource, path, missing)
            elif absent == "not_applicable":
                yield skip(missing)
        elif message := wrong(resource, path):
            yield fail(resource, path, message)

    return check


def _register(
    paths: Paths,
    absent: Absent,
    base: Mapping[str, Any],
    good: Iterable[Any],
    bad: Iterable[Any],
    check: Callable[..., Iterable[Finding]],
    record: dict[str, Any],
) -> None:
    first, path = next(iter(paths.items()))
    exempt: tuple[Example, ...] = (base,) if absent == "not_applicable" else ()
    passing = [Sample(t, put(base if t == first else {}, p, v)) for v in list(good)[:1] for t, p in paths.items()]
    record["good"] = (
        *(passing if len(paths) > 1 else ()),
        *(put(base, path, value) for value in good),
        *([base] if absent == "pass" else ()),
        *record.get("good", ()),
    )
    record["bad"] = (
        *(put(base, path, value) for value in bad),
        *([base] if absent == "fail" else ()),
        *record.get("bad", ()),
    )
    record["not_applicable"] = (*exempt, *record.get("not_applicable", ()))
    record["reads"] = {**{token: (its,) for token, its in paths.items()}, **record.get("reads", {})}
    rule(types=tuple(paths), decides=(path,), absent=absent, **record)(check)


def _remedy(paths: Paths, value: Any) -> Callable[[Resource], Iterator[tuple[str, Any]]]:
    def remediate(resource: Resource) -> Iterator[tuple[str, Any]]:
        yield paths[resource.type], value

    return remediate


def boolean(
    paths: Paths,
    *,
    want: bool = True,
    remedy: bool = False,
    absent: Absent = "fail",
    missing: str = "is not set",
    base: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
    **record: Any,
) -> None:
    """A rule about a switch. `missing` says what its absence means; `base` completes the examples.

    `remedy` says that the wanted value may be set for the user: it neither replaces the resource nor cuts anyone off.
    """
    if remedy:
        record["remediate"] = _remedy(paths, want)

    def wrong(resource: Resource, path: str) -> str | None:
        return None if resource.flag(path, not want) == want else f"is {resource.show(path)}"

    check = _judge(paths, guard, absent, missing, wrong)
    words = (want, str(want).lower()), (not want, str(not want).lower())
    _register(paths, absent, base or {}, words[0], words[1], check, record)


def one_of(
    paths: Paths,
    *,
    allowed: tuple[str, ...],
    others: tuple[str, ...],
    remedy: bool = False,
    absent: Absent = "fail",
    missing: str = "is not set",
    base: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
    **record: Any,
) -> None:
    """A rule about a word that must be one of the allowed, in any letter case; `others` are examples that are not."""
    if remedy:
        record["remediate"] = _remedy(paths, allowed[0])
    fitting = {word.upper() for word in allowed}

    def wrong(resource: Resource, path: str) -> str | None:
        return None if resource.upper(path) in fitting else f"is {resource.show(path)}, not {' or '.join(allowed)}"

    check = _judge(paths, guard, absent, missing, wrong)
    _register(paths, absent, base or {}, (*allowed, allowed[0].lower()), others, check, record)


def at_least_days(
    paths: Paths,
    *,
    days: int,
    unit: float = 1.0,
    absent: Absent = "fail",
    missing: str = "is not set",
    base: Mapping[str, Any] | None = None,
    guard: Guard | None = None,
    **record: Any,
) -> None:
    """A rule about a time span, as a duration in seconds (`unit` 1) or in days (`unit` 86400)."""

    def check(resource: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
        limit = float(params["min_days"])

        def wrong(view: Resource, path: str) -> str | None:
            span = seconds(view.text(path))
            if span is not None and span * unit >= limit * DAY:
                return None
            return f"is {view.show(path)}, less than {limit:g} days"

        yield from _judge(paths, guard, absent, missing, wrong)(resource)

    values = (days * DAY / unit, (days + 1) * DAY / unit)
    spans: list[Any] = [f"{v:.0f}s" if unit == 1 else int(v) for v in values]
    short = [f"{days * DAY - 1:.0f}s", "0s", "soon"] if unit == 1 else [days - 1, 0, str(days - 1)]
    record["params"] = {"min_days": days, **record.get("params", {})}
    _register(paths, absent, base or {}, spans, short, check, record)

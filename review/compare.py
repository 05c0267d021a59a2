"""This bundle against the one before: what got better, what got worse, what came and what is gone."""

from __future__ import annotations

from typing import Any, Final

from review.problems import ReviewError

_GOODNESS: Final = {"fail": 0, "undetermined": 1, "waived": 2, "not_applicable": 3, "pass": 3}
"""Moving between `pass` and `not_applicable` is told as a change, but is neither better nor worse."""


def compare(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, list[dict[str, str]]]:
    """By clause, rule and resource; sorted, so that it is reproducible. `clauses` are texts that were reworded."""
    was, now = _verdicts(before), _verdicts(after)
    found: dict[str, list[dict[str, str]]] = {"better": [], "worse": [], "changed": [], "new": [], "disappeared": []}
    for key in sorted(was.keys() | now.keys()):
        entry = dict(zip(("clause", "rule", "resource"), key, strict=True))
        if key not in was:
            found["new"].append({**entry, "now": now[key]})
        elif key not in now:
            found["disappeared"].append({**entry, "was": was[key]})
        elif was[key] != now[key]:
            step = _GOODNESS.get(now[key], 0) - _GOODNESS.get(was[key], 0)
            kind = "better" if step > 0 else "worse" if step < 0 else "changed"
            found[kind].append({**entry, "was": was[key], "now": now[key]})
    old, new = _texts(before), _texts(after)
    found["clauses"] = [
        {"clause": name, "was": old.get(name, ""), "now": new.get(name, "")}
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return found


def _verdicts(clauses: list[dict[str, Any]]) -> dict[tuple[str, str, str], str]:
    try:
        return {
            (str(clause["clause"]), str(check["rule"]), str(resource["resource"])): str(check["outcome"])
            for clause in clauses
            for resource in clause["resources"]
            for check in resource["checks"]
        }
    except (KeyError, TypeError) as error:
        raise _refused(error) from None


def _texts(clauses: list[dict[str, Any]]) -> dict[str, str]:
    try:
        return {str(clause["clause"]): str(clause["sha256"]) for clause in clauses}
    except (KeyError, TypeError) as error:
        raise _refused(error) from None


def _refused(error: Exception) -> ReviewError:
    return ReviewError(f"clauses.json of the previous bundle has another shape: {error!r}")

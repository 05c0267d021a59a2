"""The scan of the dependencies: what osv-scanner found, read once when the pack starts (DEP-3).

`osv.json` is the scanner's own JSON with two keys more: `scanned`, the moment, and `scanner`, what looked. What is not
rated yet counts as critical, what was withdrawn does not count, and what the lock file no longer pins is fixed.
Source: https://google.github.io/osv-scanner/output/ and https://ossf.github.io/osv-schema/
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

SCAN: Final = "osv.json"
_WORDS: Final = {"CRITICAL": 9.0, "HIGH": 7.0, "MODERATE": 4.0, "MEDIUM": 4.0, "LOW": 0.1}
"""Ratings in words, as the lowest score that bears them (CVSS v3.1, section 5)."""


class ScanError(ValueError):
    """The scan cannot be used; says where in the file."""


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """One known hole in one package that we pin, under all of its names."""

    ids: tuple[str, ...]
    package: str
    version: str
    source: str
    """The lock file."""
    score: float | None
    """CVSS base score, the highest of its ratings; None while nobody has rated it."""
    published: dt.date
    """When the first of its names became known."""

    @property
    def subject(self) -> str:
        """What a waiver names: the first identifier."""
        return self.ids[0]


@dataclass(frozen=True, kw_only=True)
class Scan:
    """What one run of the scanner found that is still so."""

    scanned: dt.date
    scanner: str
    found: tuple[Vulnerability, ...] = ()


def read(root: Path) -> Scan | None:
    """The scan of a repository, None where there is none. Raises ScanError."""
    path = root / SCAN
    if not path.is_file():
        return None
    try:
        document = json.loads(path.read_bytes())
    except UnicodeDecodeError as error:
        raise ScanError(f"{SCAN}: is not text in UTF-8 (byte {error.start})") from error
    except json.JSONDecodeError as error:
        raise ScanError(f"{SCAN}:{error.lineno}: is not JSON: {error.msg}") from error
    except RecursionError as error:
        raise ScanError(f"{SCAN}: is nested too deeply to be a scan") from error
    return parse(document, root)


def parse(document: Any, root: Path) -> Scan:
    """A scan from its document; lock files are looked for under `root`. Raises ScanError."""
    whole = _mapping(document, "the file")
    found = [
        hole
        for r, result in enumerate(_list(whole, "results", "", needed=True))
        for hole in _result(_mapping(result, f"results[{r}]"), f"results[{r}]", root)
    ]
    return Scan(
        scanned=_day(_text(whole, "scanned", ""), "scanned"),
        scanner=_text(whole, "scanner", ""),
        found=tuple(sorted(found, key=lambda hole: (hole.published, hole.ids, hole.package))),
    )


def _result(result: Mapping[str, Any], at: str, root: Path) -> Iterator[Vulnerability]:
    source = _lock(_text(_mapping(result.get("source"), f"{at}.source"), "path", f"{at}.source."), root)
    pinned = _pins(root / source) if source else None
    for p, entry in enumerate(_list(result, "packages", f"{at}.")):
        here = f"{at}.packages[{p}]"
        package = _mapping(_mapping(entry, here).get("package"), f"{here}.package")
        name = _text(package, "name", f"{here}.package.")
        version = _text(package, "version", f"{here}.package.")
        if pinned is not None and (_plain(name), version.removeprefix("v")) not in pinned:
            continue
        holes = {
            _text(hole, "id", f"{here}.vulnerabilities[{v}]."): (hole, f"{here}.vulnerabilities[{v}]")
            for v, raw in enumerate(_list(entry, "vulnerabilities", f"{here}."))
            for hole in (_mapping(raw, f"{here}.vulnerabilities[{v}]"),)
        }
        for ids, score in _groups(entry, here, holes):
            live = {i: holes[i] for i in ids if i in holes and not holes[i][0].get("withdrawn")}
            if live:
                yield Vulnerability(
                    ids=tuple(sorted(live)),
                    package=name,
                    version=version,
                    source=source or "a lock file that is not here",
                    score=score if score is not None else _rated(live),
                    published=min(_day(_text(h, "published", f"{w}."), f"{w}.published") for h, w in live.values()),
                )


def _groups(
    entry: Mapping[str, Any], at: str, holes: Mapping[str, Any]
) -> Iterator[tuple[tuple[str, ...], float | None]]:
    """Names of one hole, with the highest score; a hole that no group names is a group of its own."""
    named: set[str] = set()
    for g, raw in enumerate(_list(entry, "groups", f"{at}.")):
        where = f"{at}.groups[{g}]"
        group = _mapping(raw, where)
        ids = tuple(str(i) for i in _list(group, "ids", f"{where}.", needed=True))
        strange = sorted(set(ids) - set(holes))
        if strange:
            raise ScanError(f"{SCAN}: {where}.ids: {strange[0]} is not among the vulnerabilities of the package")
        named |= set(ids)
        yield ids, _score(group.get("max_severity"), f"{where}.max_severity")
    for left in sorted(set(holes) - named):
        yield (left,), None


def _score(value: Any, at: str) -> float | None:
    if value in (None, ""):
        return None
    try:
        score = float(value)
    except (TypeError, ValueError):
        raise ScanError(f"{SCAN}: {at}: {value!r} is no CVSS score") from None
    if not 0 <= score <= 10:
        raise ScanError(f"{SCAN}: {at}: {value!r} is no CVSS score: 0 to 10")
    return score


def _rated(live: Mapping[str, tuple[Mapping[str, Any], str]]) -> float | None:
    """The highest rating in words; None unless every name of the hole that is rated says one we know."""
    words = [
        str(specific["severity"]).upper()
        for hole, _ in live.values()
        if isinstance(specific := hole.get("database_specific"), Mapping) and specific.get("severity")
    ]
    return max(_WORDS[word] for word in words) if words and all(word in _WORDS for word in words) else None


def _lock(path: str, root: Path) -> str | None:
    """The lock file as it lies in the repository: the longest end of the scanner's path that is there."""
    parts = PurePosixPath(path.replace("\\", "/")).parts
    ends = ("/".join(parts[start:]) for start in range(len(parts)) if ".." not in parts and parts[start] != "/")
    return next((end for end in ends if (root / end).is_file()), None)


def _pins(lock: Path) -> set[tuple[str, str]] | None:
    """Name and version of everything the file pins; None for a kind of file that is not read here."""
    text = lock.read_text(encoding="utf-8")
    if lock.name.startswith("requirements") and lock.suffix in (".txt", ".lock"):
        return {
            (_plain(name), version) for name, version in re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", text, re.M)
        }
    if lock.name == "go.mod":
        return {
            (_plain(name), version) for name, version in re.findall(r"^\s*(?:require\s+)?(\S+)\s+v(\S+)", text, re.M)
        }
    return None


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _day(text: str, at: str) -> dt.date:
    """The day in UTC of a moment or a day."""
    try:
        if "T" not in text:
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ScanError(f"{SCAN}: {at}: {text!r} is no day or moment (2027-01-31T08:00:00Z)") from None
    if moment.tzinfo is None:
        raise ScanError(f"{SCAN}: {at}: {text!r} has no time zone: add Z")
    return moment.astimezone(dt.UTC).date()


def _mapping(value: Any, at: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScanError(f"{SCAN}: {at} is not an object")
    return value


def _list(holder: Mapping[str, Any], key: str, at: str, *, needed: bool = False) -> list[Any]:
    value = holder.get(key)
    if value is None and not (needed and key not in holder):
        return []
    if not isinstance(value, list):
        raise ScanError(f"{SCAN}: {at}{key} is {'missing' if key not in holder else 'not a list'}")
    return value


def _text(holder: Mapping[str, Any], key: str, at: str) -> str:
    value = holder.get(key)
    if not isinstance(value, str) or not value:
        raise ScanError(f"{SCAN}: {at}{key} is {'not a text' if key in holder else 'missing'}")
    return value

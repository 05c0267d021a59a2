"""What a change takes from the policy itself, against the commit it is based on: lower levels, wider waivers.

Such a change may be right, but who gains from it and one reviewer are not enough: it needs a second approver.
"""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

import yaml

from review.github import INSIDERS
from review.problems import ReviewError

APPROVERS: Final = 2
_HEIGHT: Final = {"disabled": 0, "none": 0, "advisory": 1, "remediate": 2, "mandatory": 3}


def checkout(repository: Path, reference: str, folder: str, into: Path) -> Path:
    """The folder as it was where the change parted from a branch; the files of the working tree are left alone."""
    parted = subprocess.run(
        ["git", "-C", str(repository), "merge-base", reference, "HEAD"], capture_output=True, text=True, check=False
    )
    commit = parted.stdout.strip() or reference
    command = ["git", "-C", str(repository), "archive", "--format=tar", commit, "--", folder]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise ReviewError(
            f"{reference} cannot be compared with: {said}", fix="git fetch; --base origin/main, or the commit's hash"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(into, filter="data")
    return into / folder


def rules(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> list[str]:
    """Rules that are gone, lower, narrower or can be waived now; and thresholds that changed, in whatever direction."""
    was, now = ({str(r["rule"]): r for r in side} for side in (before, after))
    found = [f"the rule {rule} is gone" for rule in sorted(was.keys() - now.keys())]
    for rule in sorted(was.keys() & now.keys()):
        old, new = was[rule], now[rule]
        if _HEIGHT.get(new["level"], 0) < _HEIGHT.get(old["level"], 0):
            found.append(f"{rule} is {new['level']} and was {old['level']}")
        if gone := sorted(set(old.get("types") or ()) - set(new.get("types") or ())):
            found.append(f"{rule} no longer judges {', '.join(gone)}")
        if new.get("waivable") and not old.get("waivable"):
            found.append(f"{rule} can be waived now")
        if old.get("parameters") != new.get("parameters"):
            found.append(
                f"{rule} has other thresholds: {_said(new.get('parameters'))} instead of {_said(old.get('parameters'))}"
            )
    return found


def _said(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def configuration(before: Path, after: Path) -> list[str]:
    """Entries of the committed pack configuration that are new or different."""
    was, now = _config(before), _config(after)
    found = [f"config.json no longer sets {rule}: {_said(was[rule])}" for rule in sorted(was.keys() - now.keys())]
    return found + [
        f"config.json sets {rule} to {_said(now[rule])}" + (f" instead of {_said(was[rule])}" if rule in was else "")
        for rule in sorted(now)
        if was.get(rule) != now[rule]
    ]


def _config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: cannot be read as JSON: {error}") from None
    return document if isinstance(document, dict) else {}


def waivers(before: Path, after: Path, used: Iterable[dict[str, Any]] = ()) -> list[str]:
    """Waivers that are new, longer or wider, and what they accept in this run (the `waived` of its judgement)."""
    was, now = _waivers(before), _waivers(after)
    old = [json.dumps(w, sort_keys=True, default=str) for w in was]
    found = []
    for waiver in now:
        if json.dumps(waiver, sort_keys=True, default=str) in old:
            continue
        rule, pattern = str(waiver.get("rule")), str(waiver.get("resource"))
        twin = next(
            (w for w in was if (w.get("rule"), w.get("resource")) == (waiver.get("rule"), waiver.get("resource"))), None
        )
        if twin is not None and not _wider(twin, waiver):
            continue
        accepts = sorted({_name(r) for r in used if r.get("rule") == rule and _covers(pattern, r)})
        needs = f"; this change needs it for {', '.join(accepts)}" if accepts else ""
        how = "is new" if twin is None else f"reaches further: until {waiver.get('expires')}, was {twin.get('expires')}"
        found.append(f"the waiver of {rule} for {pattern} {how}{needs}")
    return found


def _wider(old: dict[str, Any], new: dict[str, Any]) -> bool:
    longer = str(new.get("expires")) > str(old.get("expires"))
    return longer or (old.get("stack") is not None and new.get("stack") != old.get("stack"))


def _name(record: dict[str, Any]) -> str:
    return str(record.get("urn") or "the stack").rsplit("::", 1)[-1]


def _covers(pattern: str, record: dict[str, Any]) -> bool:
    urn = str(record.get("urn") or "")
    names = (urn, urn.rsplit("::", 1)[-1]) if urn else ("stack",)
    return any(fnmatchcase(name, pattern) for name in names)


def _waivers(folder: Path) -> list[dict[str, Any]]:
    path = folder / "waivers.yaml"
    if not path.exists():
        return []
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ReviewError(f"{path}: cannot be read as YAML: {error}") from None
    entries = document.get("waivers") if isinstance(document, dict) else None
    return [w for w in entries or () if isinstance(w, dict)]


def approvers(named: Iterable[str], reviews: Path | None, *, author: str, commit: str = "") -> list[str]:
    """Who approved, apart from the author: names given, and those of GitHub's list of reviews whose last word it is.

    An approval of another commit than the one that is judged does not count, nor does that of a program or of a
    stranger: in a public repository anybody can approve.
    """
    found = {name.lower() for name in named}
    last: dict[str, tuple[str, str, bool]] = {}
    for entry in _reviews(reviews):
        who = entry.get("user")
        user = who if isinstance(who, dict) else {}
        if user.get("login") and entry.get("state") in ("APPROVED", "CHANGES_REQUESTED", "DISMISSED"):
            person = user.get("type", "User") == "User" and entry.get("author_association") in INSIDERS
            last[str(user.get("login")).lower()] = (str(entry["state"]), str(entry.get("commit_id") or ""), person)
    for login, (state, at, person) in last.items():
        if state == "APPROVED" and person and (not commit or at == commit):
            found.add(login)
    return sorted(found - {author.lower()})


def _reviews(path: Path | None) -> list[dict[str, Any]]:
    if path is None:
        return []
    try:
        pages = list(_documents(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise ReviewError(f"{path}: the reviews cannot be read: {error}") from None
    found = [entry for page in pages for entry in (page if isinstance(page, list) else [page])]
    if not all(isinstance(page, list) for page in pages) or not all(isinstance(entry, dict) for entry in found):
        raise ReviewError(f"{path} is not a list of reviews.", fix="gh api --paginate repos/O/R/pulls/N/reviews > FILE")
    return found


def _documents(text: str) -> Iterator[Any]:
    """One list, or the list of each page after the other: versions of `gh` differ in that."""
    decoder, at = json.JSONDecoder(), 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        document, at = decoder.raw_decode(text, at)
        yield document

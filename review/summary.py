"""Many stacks, one table: what each run came to, and which of them did not get that far."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from review import shapes
from review.comment import LIMIT, length
from review.markdown import code, prose

MARKER: Final = "<!-- secure-hosting review of all stacks -->"
_SIGNS: Final = {"blocked": "⛔", "failed": "⛔", "missing": "⛔", "unproven": "❔", "attention": "⚠️", "clear": "✅"}
_ORDER: Final = ("missing", "failed", "blocked", "unproven", "attention", "clear")
BAD: Final = ("missing", "failed", "blocked", "unproven")
"""Verdicts with which a summary ends in exit code 1."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One stack."""

    name: str
    verdict: str
    headline: str
    counts: dict[str, int]
    gained: int = 0
    lost: int = 0
    folder: str = ""


def read(folders: list[Path]) -> list[Row]:
    """The stacks, those that need somebody first. A folder without a readable review is a row, too."""
    rows = [_row(folder) for folder in folders]
    return sorted(rows, key=lambda row: (_ORDER.index(row.verdict), row.name, row.folder))


def _row(folder: Path) -> Row:
    path = folder if folder.is_file() else folder / "review.json"
    if not path.exists() and (folder / "review" / "review.json").exists():
        path = folder / "review" / "review.json"
    name = folder.stem if folder.is_file() else folder.name
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        verdict = document["verdict"]
        if verdict not in _ORDER:
            raise ValueError(f"the verdict {verdict!r} is not known")
        return Row(
            name=f"{document['project']}/{document['stack']}",
            verdict=verdict,
            headline=str(document["headline"]),
            counts=shapes.counts(document["counts"]),
            gained=len(document["gained"]),
            lost=len(document["lost"]),
            folder=folder.name,
        )
    except FileNotFoundError:
        why = "there is no review: the run did not get that far"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = f"the review cannot be read: {error!r}"
    return Row(name=name, verdict="missing", headline=why, counts={}, folder=folder.name)


def write(rows: list[Row], *, limit: int = LIMIT) -> str:
    """A table, the worst first, and the verdict over all; cut at the platform's limit, saying so."""
    bad = [row for row in rows if row.verdict in BAD]
    good = len(rows) - len(bad)
    said = f"{len(bad):,} of {len(rows):,} stacks cannot go on" if bad else f"all {good:,} stacks can go on"
    text = (
        f"{MARKER}\n### {'⛔' if bad else '✅'} {said}\n\n"
        "| stack | verdict | create | update | replace | delete | access + | access − | |\n"
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |\n"
    )
    for index, row in enumerate(rows):
        counts = " | ".join(f"{row.counts.get(op, 0):,}" for op in ("create", "update", "replace", "delete"))
        line = (
            f"| {_cell(row.name)} | {_SIGNS[row.verdict]} {row.verdict} | {counts} | {row.gained:,} | {row.lost:,} |"
            f" {prose(row.headline, 300)} |\n"
        )
        if length(text) + length(line) > limit - 100:
            return f"{text}\n… {len(rows) - index:,} more stacks do not fit here.\n"
        text += line
    return text


def _cell(text: str) -> str:
    return code(text.replace("|", "¦"))

"""The last run of a stack, by the names that `make` gives its parts."""

from __future__ import annotations

from pathlib import Path

from review.build import build
from review.model import Review
from review.problems import ReviewError


def read(folder: Path, of: str, *, plan: Path | None = None, commit: str = "") -> Review:
    """The review of the last preview or up in a folder. Refuses where there was none.

    The pack's judgement belongs to whichever of them was last; a nightly comparison, which has none, does not count.
    """
    events = folder / f"{of}.events.jsonl"
    if not events.exists():
        raise ReviewError(f"{events}: there is no {of} to review yet.", fix=f"make {of}")
    logs = [path for path in folder.glob("*.events.jsonl") if path.name != "drift.events.jsonl"]
    newest = max(logs, key=lambda path: path.stat().st_mtime)
    judgement, results, previewed = folder / "judgement.json", folder / "results.jsonl", of == "preview"
    return build(
        digest=folder / "digest.json" if previewed else None,
        events=events,
        judgement=judgement if judgement.exists() and newest == events else None,
        results=results if previewed and results.exists() else None,
        plan=plan,
        commit=commit,
    )

"""What a person reads after a run: counts, measures, violations worst first, one screen unless asked for all."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from typing import Any, TextIO

from tools import pack, places
from tools.events import Violation
from tools.progress import line
from tools.run import Run, describe

MEASURES = ("ACC", "AUT", "BAK", "CHG", "HOS", "REV", "CIN", "MIN", "DEV", "ENC", "PRI", "LOG", "DEP", "MON", "VER")
_SEVERITIES = ("critical", "high", "medium", "low", "")
_MINIMUM_LINES = 20
_ROWS = 4
_FRAME = re.compile(rf'  File "{re.escape(str(places.ROOT))}/([^"]+)", line (\d+)')
_PLACE = re.compile(r"project:///((?!\.\./|\.venv/)[^#]+)#(\d+)")


def show(run: Run, *, out: TextIO, everything: bool = False) -> None:
    """Prints the report of a run."""
    counts = run.judgement.get("counts", {})
    if counts:
        line(f"Policy pack {pack.NAME}", _counted(counts), out=out)
    worth = [v for v in run.log.violations if everything or v.blocking or not v.undetermined or not counts]
    blocks = [_block(violation, run) for violation in _worst_first(worth)]
    if not run.shown:
        blocks += [f"error: {message}" for message in _errors(run, everything=everything)]
    _print_blocks(blocks, out=out, everything=everything)
    for sentence in run.unproven:
        print(f"error: {sentence}", file=out)
    if run.exit_code == 0:
        _print_measures(run, out)
        _print_notes(run, out)
    if run.exit_code == 0 or run.log.failed:
        _print_next(run, out)


def _counted(counts: dict[str, int]) -> str:
    kinds = ("pass", "fail", "not_applicable", "undetermined", "waived")
    said = ", ".join(f"{counts.get(kind, 0):,} {kind.replace('_', ' ')}" for kind in kinds)
    return f"{counts.get('checks', 0):,} checks: {said}"


def _worst_first(violations: list[Violation]) -> list[Violation]:
    return sorted(violations, key=lambda v: (not v.blocking, _rank(v.severity), v.message.split("\n")[0], v.urn))


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _block(violation: Violation, run: Run) -> str:
    """The pack's own words, with the level, and the place in the program where the pack could not know it."""
    head, *body = violation.message.split("\n")
    sign = "error" if violation.blocking else "warning"
    place = _places(run.digest).get(violation.urn)
    if place:
        body = [
            f"{text}  ({place})" if text.startswith("  where") and not text.endswith(")") else text for text in body
        ]
    return "\n".join([f"{sign}: {head}  [{violation.level}, {violation.severity or 'no severity'}]", *body])


def _places(digest: dict[str, Any]) -> dict[str, str]:
    """File and line of each resource: the innermost frame that is the project's own."""
    found: dict[str, str] = {}
    for step in digest.get("steps", ()):
        state = step.get("newState") or {}
        frames = [frame.get("sourcePosition", "") for frame in state.get("stackTrace") or ()]
        for frame in [state.get("sourcePosition") or "", *frames]:
            if match := _PLACE.fullmatch(frame):
                found[step["urn"]] = f"{match[1]}:{match[2]}"
                break
    return found


def _errors(run: Run, *, everything: bool = False) -> list[str]:
    """The errors of the program, the engine and the providers, each once, without the policy violations' echo."""
    echo = {violation.message.split("\n")[0] for violation in run.log.violations}
    said: dict[str, None] = {}
    for urn, message in [*run.log.errors, *(run.log.output.items() if run.code else ())]:
        name = urn.rsplit("::", 1)[-1] if urn and "pulumi:pulumi:Stack" not in urn else ""
        text = message if everything else _condensed(message)
        if text.strip() and not any(head and head in text for head in echo):
            said[(f"{name}: {text}" if name else text).strip()] = None
    if not said and not run.log.violations and run.code and run.said:
        said[_condensed(run.said).strip().removeprefix("error: ")] = None
    return [text for text in said if not any(text != other and text in other for other in said)]


def _condensed(message: str) -> str:
    """A traceback reduced to what was raised and the project's own line that led there."""
    before, found, trace = message.partition("Traceback (most recent call last):")
    if not found:
        return message
    lines = trace.rstrip().splitlines()
    last = max((number for number, text in enumerate(lines) if text.startswith("  File ")), default=0)
    raised = next((number for number in range(last, len(lines)) if re.match(r"\S", lines[number])), len(lines) - 1)
    own = [match for text in lines if (match := _FRAME.match(text)) and "/.venv/" not in text]
    place = f"\n  where    {own[-1][1]}:{own[-1][2]}" if own else ""
    head = before.strip().removesuffix("Program failed with an unhandled exception:").strip()
    return "\n".join(filter(None, [head, *lines[raised:]])) + place


def _print_blocks(blocks: list[str], *, out: TextIO, everything: bool) -> None:
    room = max(shutil.get_terminal_size((120, 40)).lines - 6, _MINIMUM_LINES)
    for number, block in enumerate(blocks):
        room -= block.count("\n") + 2
        if room < 0 and number and not everything:
            print(f"\n… and {len(blocks) - number} more: ARGS=--all shows every one", file=out)
            return
        print(f"\n{block}", file=out)


def _print_measures(run: Run, out: TextIO) -> None:
    by_clause: dict[str, dict[str, int]] = run.judgement.get("by_clause", {})
    if not by_clause:
        return
    marks = []
    for measure in MEASURES:
        clauses = [counts for clause, counts in by_clause.items() if clause.startswith(f"{measure}-")]
        verdicts = Counter("✘" if c.get("fail") else "?" if c.get("undetermined") else "✔" for c in clauses)
        shown = " ".join(f"{sign} {verdicts[sign]}" for sign in "✔?✘" if verdicts[sign])
        marks.append(f"{measure} {shown or '–'}")
    print("\n  Fifteen measures   " + "  ".join(marks[:8]), file=out)
    print("                     " + "  ".join(marks[8:]), file=out)
    for name in ("undetermined", "waived"):
        groups: dict[tuple[str, str], list[str]] = {}
        for entry in run.judgement.get(name, ()):
            reason = entry.get("message", "").split("\n")[0]
            resource = (entry.get("urn") or "the stack").rsplit("::", 1)[-1]
            groups.setdefault((entry["clause"], reason), []).append(resource)
        rows = [f"{clause} {_some(names)}: {reason}" for (clause, reason), names in sorted(groups.items())]
        if len(rows) > _ROWS:
            rows[_ROWS - 1 :] = [f"… and {len(rows) - _ROWS + 1} more kinds: ARGS=--all"]
        for number, row in enumerate(rows):
            print(f"  {'' if number else name.capitalize():<18} {row}", file=out)


def _print_notes(run: Run, out: TextIO) -> None:
    for note in sorted(run.log.notes):
        print(f"  {'Missing':<18} {note}", file=out)


def _some(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"


def _print_next(run: Run, out: TextIO) -> None:
    hint = run.stack.command_hint
    where = "the real clouds" if run.stack.real else "the local cloud"
    up, review = ("make up" + hint, f"apply it to {where}"), ("make review" + hint, "read it as a reviewer would")
    reviews = [review] if (places.ROOT / "review").is_dir() else []
    steps: list[tuple[str, str]] = []
    if run.log.failed:
        steps = [("make recover" + hint, "when a resource exists already or an answer was lost; then make up")]
    elif run.operation == "preview":
        guide = (places.ROOT / "docs" / "real-cloud.md").exists()
        real = [] if run.stack.real or not guide else [("docs/real-cloud.md", "go to a real project")]
        steps = [up, *reviews, *real]
    elif run.operation == "up":
        steps = [("make preview" + hint, "shows no change now"), *reviews]
    for number, (command, meaning) in enumerate(steps):
        print(f"  {'Next' if not number else '':<18} {command:<18} {meaning}", file=out)


def as_json(run: Run) -> str:
    """The same facts as one JSON object."""
    return json.dumps(
        {
            "stack": run.stack.name,
            "operation": run.operation,
            "exit_code": run.exit_code,
            "seconds": round(run.seconds, 3),
            "changes": run.log.changes,
            "summary": describe(run.log.changes),
            "digest": str(run.stack.runs / "digest.json") if run.digest else None,
            "events": str(run.stack.runs / f"{run.operation}.events.jsonl"),
            "judgement": run.judgement.get("counts"),
            "violations": [vars(v) | {"blocking": v.blocking} for v in _worst_first(run.log.violations)],
            "errors": _errors(run),
            "unproven": run.unproven,
        },
        indent=1,
    )

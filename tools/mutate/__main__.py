"""`python -m tools.mutate`: weaken the recorded stack and ask the judge."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer
import yaml

from tools import places
from tools.mutate.additions import additions
from tools.mutate.court import Verdict, counts, pairs, try_all
from tools.mutate.expected import broken_clauses
from tools.mutate.mutators import mutants
from tools.mutate.stack import Mutant, State, UnusableError, read

EQUIVALENT: Final = Path(__file__).with_name("equivalent.yaml")
TODAY: Final = "SECURE_HOSTING_TODAY"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


def line(mutant: Mutant) -> str:
    """The mutant's line without indexes: what the table of equivalent mutants matches."""
    return re.sub(r"\[\d+\]", "", mutant.id)


def equivalents(path: Path = EQUIVALENT) -> dict[str, str]:
    """Patterns of mutants that are as safe as the original, with the reasons."""
    return {row["match"]: row["reason"] for row in yaml.safe_load(path.read_text(encoding="utf-8")) or ()}


def excused(verdict: Verdict, known: dict[str, str]) -> str | None:
    """Why a survivor is no weakness, or None. A pair is none where neither of the two is."""
    reasons = [_reason(part, known) for part in verdict.mutant.parts or (verdict.mutant,)]
    return None if None in reasons else "; ".join(dict.fromkeys(r for r in reasons if r))


def _reason(mutant: Mutant, known: dict[str, str]) -> str | None:
    said = line(mutant)
    return next((reason for pattern, reason in known.items() if re.fullmatch(pattern, said)), None)


def astray(verdict: Verdict) -> bool:
    """Whether a mutant was caught, but by no clause that it breaks: by accident."""
    return bool(verdict.caught) and not set(verdict.every_clause) & set(broken_clauses(verdict.mutant))


def thin(found: Sequence[Mutant], sample: int) -> list[Mutant]:
    """At most `sample` mutants of each kind (type, property, change), the first ones; 0 keeps all."""
    if sample <= 0:
        return list(found)
    seen: dict[tuple[str, str, str], int] = {}
    kept = []
    for mutant in found:
        kind = (mutant.type, re.sub(r"\[\d+\]", "", mutant.path), mutant.change)
        seen[kind] = seen.get(kind, 0) + 1
        if seen[kind] <= sample:
            kept.append(mutant)
    return kept


def make(states: Sequence[State], *, sample: int, paired: int) -> list[Mutant]:
    """The mutants of a run: singles, additions, and sampled pairs of singles."""
    by_urn = {s["urn"]: s for s in states}
    singles = thin(list(mutants(by_urn)), sample)
    return [*singles, *additions(by_urn), *pairs(singles, paired)]


@app.command()
def main(
    file: Annotated[
        Path | None, typer.Argument(help="A digest or an export; the last preview of the stack when left out.")
    ] = None,
    stack: Annotated[str, typer.Option(help="Whose last preview, when no file is given.")] = "prod",
    sample: Annotated[int, typer.Option(help="At most so many mutants of a kind; 0 for all.")] = 0,
    paired: Annotated[int, typer.Option("--pairs", help="How many pairs of mutants.")] = 200,
    only: Annotated[str, typer.Option(help="Only mutants whose line matches this regular expression.")] = "",
    today: Annotated[str | None, typer.Option(help="Day of judgement, YYYY-MM-DD.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.")] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Weaken every security-relevant input of a stack and report which weakenings nobody notices.

    A mutant counts as caught where one of the clauses that it breaks (expected.yaml) stops it. Exit codes: 0 all
    caught, 1 survivors or mutants caught by accident, 2 the file cannot be used.
    """
    path = file or places.local() / "runs" / stack / "digest.json"
    day = today or os.environ.get(TODAY) or str(dt.datetime.now(dt.UTC).date())
    try:
        states = read(path)
    except UnusableError as error:
        hint = "" if file else "; run `make preview` first, or give a file"
        typer.echo(f"error: {error}{hint}", err=True)
        raise typer.Exit(2) from None
    found = [m for m in make(states, sample=sample, paired=paired) if re.search(only, line(m))]
    verdicts = try_all(states, found, dt.date.fromisoformat(day), workers)
    known = equivalents()
    reasons = [(v, None if v.caught else excused(v, known)) for v in verdicts]
    survivors = [v for v, reason in reasons if not v.caught and reason is None]
    counted = len(verdicts) - sum(1 for v, reason in reasons if not v.caught and reason is not None)
    strays = [v for v in verdicts if astray(v)]
    score = (counted - len(survivors) - len(strays)) / counted if counted else 1.0
    if as_json:
        _json(verdicts, survivors, score, reasons, strays)
    else:
        for survivor in survivors:
            print(f"survived  {survivor.mutant.id}")
        for stray in strays:
            expected = ", ".join(broken_clauses(stray.mutant)) or "nothing: add a row"
            print(f"by accident  {stray.mutant.id}  (by {', '.join(stray.every_clause)}; expected {expected})")
        print("caught by " + ", ".join(f"{clause} {n}" for clause, n in counts(verdicts).items()))
        print(
            f"{counted} mutants of {len(states)} resources, {len(survivors)} survived,"
            f" {len(strays)} by accident: score {score:.1%}"
        )
        print(f"{len(verdicts) - counted} equivalent mutants, each with its reason in {EQUIVALENT.name}")
    raise typer.Exit(1 if survivors or strays else 0)


def _json(
    verdicts: Sequence[Verdict],
    survivors: Sequence[Verdict],
    score: float,
    reasons: Sequence[tuple[Verdict, str | None]],
    strays: Sequence[Verdict],
) -> None:
    document = {
        "score": score,
        "mutants": len(verdicts),
        "survivors": [_row(v) for v in survivors],
        "by_accident": [{**_row(v), "by": v.every_clause, "expected": broken_clauses(v.mutant)} for v in strays],
        "equivalent": [{**_row(v), "reason": reason} for v, reason in reasons if reason is not None],
        "by_clause": counts(verdicts),
        "caught": [
            {**_row(v), "by": [{"rule": r, "clause": c, "at": at} for r, c, at in v.caught]}
            for v in verdicts
            if v.caught
        ],
    }
    json.dump(document, sys.stdout, indent=1)
    sys.stdout.write("\n")


def _row(verdict: Verdict) -> dict[str, str]:
    mutant = verdict.mutant
    return {"type": mutant.type, "resource": mutant.name, "property": mutant.path, "mutation": mutant.change}


if __name__ == "__main__":
    app()

"""`python -m tools.osv`: puts what osv-scanner found where the pack reads it, with the moment (DEP-3)."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from policies.scan import SCAN, ScanError, parse
from tools import places, stamp

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def write(
    raw: Annotated[Path, typer.Argument(help="What `osv-scanner … --format json` wrote.")],
    scanner: Annotated[str, typer.Option(help="What looked, with its version.")] = "osv-scanner",
    scanned: Annotated[str | None, typer.Option(help="The moment of the scan (default: now, UTC).")] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = places.ROOT / SCAN,
) -> None:
    """Write osv.json out of the scanner's own JSON. Exit 2, with nothing written, where that is no scan."""
    try:
        document: Any = json.loads(raw.read_bytes())
    except OSError as error:
        _refuse(f"{raw}: cannot be read: {error.strerror}")
    except ValueError as error:
        _refuse(f"{raw}: is not JSON: {error}")
    if not isinstance(document, dict) or "results" not in document:
        _refuse(f"{raw}: is not what osv-scanner writes: it has no `results`")
    moment = scanned or dt.datetime.now(dt.UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    made = {"scanned": moment, "scanner": scanner, "results": document["results"] or []}
    try:
        scan = parse(made, places.ROOT)
    except ScanError as error:
        _refuse(f"{raw}: {str(error).removeprefix(f'{SCAN}: ')}")
    stamp.write_text(output, json.dumps(made, indent=1) + "\n")
    typer.echo(f"wrote {output.name}: {len(scan.found)} known in what is pinned, on {scan.scanned}")


def _refuse(message: str) -> NoReturn:
    typer.echo(f"error: {message}", err=True)
    raise typer.Exit(2)


if __name__ == "__main__":
    app()

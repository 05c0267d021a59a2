"""`python -m tools.osv`: puts what osv-scanner found where the pack reads it, with the moment (DEP-3; `make scan`).

With a file, that is what the scanner wrote; without one it runs here: the program of that name, else the module that is
pinned below, built by Go, which checks it against the public log of checksums.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import typer

from policies.scan import SCAN, ScanError, parse
from tools import places, stamp

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

MODULE: Final = "github.com/google/osv-scanner/v2/cmd/osv-scanner@v2.4.0"
LOCKS: Final = (
    ("requirements.txt", "requirements.lock"),
    ("requirements.txt", "jobs/requirements.lock"),
    ("go.mod", "tools/engine/cli/go.mod"),
    ("go.mod", "tools/engine/host/go.mod"),
)
"""What is scanned, and what the scanner is to read it as: it knows formats by names that ours do not all have."""
_NOTHING_FOUND, _FOUND = 0, 1
"""Exit codes of a scan that came to its end; every other one is an error."""


@app.command()
def write(
    raw: Annotated[
        Path | None, typer.Argument(help="What `osv-scanner … --format json` wrote; without it, it runs.")
    ] = None,
    scanner: Annotated[str, typer.Option(help="What looked, with its version.")] = "",
    scanned: Annotated[str | None, typer.Option(help="The moment of the scan (default: now, UTC).")] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = places.ROOT / SCAN,
) -> None:
    """Write osv.json out of the scanner's own JSON. Exit 2, with nothing written, where that is no scan."""
    if raw is not None:
        _write(raw, scanner or "osv-scanner", scanned, output)
        return
    command = _scanner()
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder, "raw.json")
        scan(command, raw)
        _write(raw, scanner or _version(command), scanned, output)


def _scanner() -> list[str]:
    """The command: what is installed, else the pinned module."""
    installed = shutil.which("osv-scanner")
    if installed:
        return [installed]
    go = shutil.which("go")
    if not go:
        _refuse("neither osv-scanner nor Go is installed; on a laptop, the committed osv.json counts for 90 days")
    folder = places.cache() / "scanner" / MODULE.rpartition("@")[2]
    if not (folder / "osv-scanner").exists():
        # Not `go run`: it ends with 1 whatever its program ended with, and 1 means that a scan is complete.
        env = {**os.environ, "GOBIN": str(folder), "GOFLAGS": ""}
        run = subprocess.run([go, "install", MODULE], env=env, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            tail = "\n  ".join(run.stderr.strip().splitlines()[-8:])
            _refuse(f"osv-scanner could not be built; osv.json is as it was\n  {tail}")
    return [str(folder / "osv-scanner")]


def scan(command: Sequence[str], raw: Path) -> None:
    """Runs the scanner over every lock file. What it could not read or ask is an error, not a clean scan."""
    words = [*command, "scan", "source", "--format", "json"]
    for kind, path in LOCKS:
        words += ["--lockfile", f"{kind}:{places.ROOT / path}"]
    run = subprocess.run(words, cwd=places.ROOT, capture_output=True, text=True, check=False)
    if run.returncode not in (_NOTHING_FOUND, _FOUND):
        tail = "\n  ".join(run.stderr.strip().splitlines()[-8:])
        _refuse(f"the scanner ended with {run.returncode}, so nothing is known; osv.json is as it was\n  {tail}")
    raw.write_text(run.stdout, encoding="utf-8")


def _version(command: Sequence[str]) -> str:
    run = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False)
    return next(iter(run.stdout.splitlines()), "") or "osv-scanner"


def _write(raw: Path, scanner: str, scanned: str | None, output: Path) -> None:
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

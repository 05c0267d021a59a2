"""Generated pages: written as a whole or not at all, or only held against what they would be (`--check`)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tools import places, stamp

Check = Annotated[bool, typer.Option("--check", help="Only say whether the page is fresh (exit 1 if not).")]


def finish(target: Path, text: str, *, made_by: str, check: bool) -> None:
    """Writes the page. With `check` nothing is written, and the exit code is 1 when it is stale."""
    if check:
        fresh = target.exists() and target.read_text(encoding="utf-8") == text
        typer.echo(f"{target.name} is {'fresh' if fresh else f'stale: run `{made_by}`'}")
        raise typer.Exit(0 if fresh else 1)
    stamp.write_text(target, text)
    typer.echo(f"wrote {target.relative_to(places.ROOT)}")


def command(target: Path, markdown: Callable[[], str], *, made_by: str, about: str | None) -> None:
    """The command of a page that takes nothing else."""

    def make(check: Check = False) -> None:
        finish(target, markdown(), made_by=made_by, check=check)

    make.__doc__ = about
    typer.run(make)

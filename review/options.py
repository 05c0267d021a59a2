"""Options that several commands of `python -m review` share, each written once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

DigestFile = Annotated[Path | None, typer.Option("--digest", help="What `pulumi preview --json --show-sames` printed.")]
EventFile = Annotated[Path | None, typer.Option("--events", help="The event log of the same run (`--event-log`).")]
Judgement = Annotated[Path | None, typer.Option(help="judgement.json, which the pack wrote in the same run.")]
Results = Annotated[Path | None, typer.Option(help="Lines of `python -m policies judge DIGEST --json`.")]
Plan = Annotated[Path | None, typer.Option("--plan", help="The plan that was saved with it; its digest is told.")]
Commit = Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit that was run.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output without it.")]
Whole = Annotated[str, typer.Option(help="Where everything stands: a link or the name of an artifact.")]

Repository = Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY", help="OWNER/NAME, with --post.")]
PullRequest = Annotated[int, typer.Option("--pull-request", help="Its number, with --post.")]
Token = Annotated[str, typer.Option(envvar="GITHUB_TOKEN", show_default=False, help="What may write there.")]
Api = Annotated[str, typer.Option(envvar="GITHUB_API_URL", help="The API's address, with --post.")]
GITHUB = "https://api.github.com"


def put(text: str, out: Path | None) -> None:
    """Writes a text where it belongs. Line ends are ours, on every system."""
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")

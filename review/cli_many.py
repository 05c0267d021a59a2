"""`python -m review drift` and `summary`: the nightly comparison, and many stacks at once."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import typer

from review.build import build
from review.problems import ReviewError


def drift_command(
    digest: Annotated[
        Path | None, typer.Option("--digest", help="What `pulumi refresh --preview-only --json` printed.")
    ] = None,
    events: Annotated[Path | None, typer.Option("--events", help="The event log of the same run.")] = None,
    audit_log: Annotated[
        Path | None, typer.Option(help="Audit log entries (JSON lines, or gcloud's list): who likely did it.")
    ] = None,
    deployer: Annotated[str, typer.Option(help="The identity that deploys; its changes are no drift.")] = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output without it.")] = None,
    whole: Annotated[str, typer.Option(help="Where everything stands: a link or the name of an artifact.")] = "",
    post: Annotated[bool, typer.Option("--post", help="Keep the one issue: open, updated or closed.")] = False,
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY")] = "",
    token: Annotated[str, typer.Option(envvar="GITHUB_TOKEN", show_default=False)] = "",
    api: Annotated[str, typer.Option(envvar="GITHUB_API_URL")] = "https://api.github.com",
) -> None:
    """What exists against what was deployed. Exit code 1: something differs; 3: written, but the issue is not."""
    from review import drift as writer
    from review.github import GitHub

    review = build(digest=digest, events=events)
    who = writer.culprits(digest, events, audit_log, deployer=deployer) if audit_log else None
    text = writer.write(review, who, whole=whole)
    _write(text, out)
    if review.verdict == "failed" or (events is not None and review.verdict == "unproven"):
        raise ReviewError("the comparison did not come to its end, so it shows nothing.", fix="see the errors above")
    if post:
        github = GitHub(repository=repository, token=token, api=api)
        address = github.issue(writer.title(review), text, writer.marker(review), open_=bool(review.changes))
        print(f"posted: {address}" if address else "nothing differs, and there is no issue", file=sys.stderr)
    raise typer.Exit(1 if review.changes else 0)


def summary_command(
    folders: Annotated[list[Path], typer.Argument(help="One a stack: a folder with review.json (or that file).")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output without it.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a stack instead of a table.")] = False,
    post: Annotated[bool, typer.Option("--post", help="Also write it to the pull request.")] = False,
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY")] = "",
    number: Annotated[int, typer.Option("--pull-request", help="Its number.")] = 0,
    token: Annotated[str, typer.Option(envvar="GITHUB_TOKEN", show_default=False)] = "",
    api: Annotated[str, typer.Option(envvar="GITHUB_API_URL")] = "https://api.github.com",
) -> None:
    """Many stacks in one table. Exit code 1: a stack is blocked, failed, unproven, or its review is missing."""
    from review import summary as writer
    from review.github import GitHub

    rows = writer.read(folders)
    lines = (json_module.dumps(vars(row), ensure_ascii=False) + "\n" for row in rows)
    text = "".join(lines) if as_json else writer.write(rows)
    _write(text, out)
    if post:
        address = GitHub(repository=repository, token=token, api=api).post(number, writer.write(rows), writer.MARKER)
        print(f"posted: {address}", file=sys.stderr)
    raise typer.Exit(1 if any(row.verdict in writer.BAD for row in rows) else 0)


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")

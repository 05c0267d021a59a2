"""`python -m review drift` and `summary`: the nightly comparison, and many stacks at once."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from review.build import build
from review.options import GITHUB, Api, Out, PullRequest, Repository, Token, Whole, put
from review.problems import NOT_POSTED, ReviewError

if TYPE_CHECKING:
    from review.drift import Night
    from review.github import GitHub
    from review.night import Files


def drift_command(
    digest: Annotated[
        Path | None, typer.Option("--digest", help="What `pulumi refresh --preview-only --json` printed.")
    ] = None,
    events: Annotated[Path | None, typer.Option("--events", help="The event log of the same run.")] = None,
    audit_log: Annotated[
        Path | None, typer.Option(help="Audit log entries (JSON lines, or gcloud's list): who likely did it.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--run", help="Where `make drift` and `make preview` left all of it, instead.")
    ] = None,
    deployer: Annotated[str, typer.Option(help="The identity that deploys; its changes are no drift.")] = "",
    stack: Annotated[
        str, typer.Option(help="PROJECT/STACK: whose issue is kept open where the run left nothing to read.")
    ] = "",
    out: Out = None,
    whole: Whole = "",
    post: Annotated[bool, typer.Option("--post", help="Keep the one issue: open, updated or closed.")] = False,
    repository: Repository = "",
    token: Token = "",
    api: Api = GITHUB,
) -> None:
    """What exists against what was deployed. Exit code 1: something differs; 3: written, but the issue is not."""
    from review import drift, night
    from review.github import GitHub

    if folder is not None and (digest or events or audit_log):
        raise ReviewError("--run names all files of one night.", fix="--run FOLDER, or --digest, --events, --audit-log")
    if stack and stack.count("/") != 1:
        raise ReviewError(f"{stack!r} is not PROJECT/STACK.", fix="--stack secure-hosting/prod")
    project, _, name = stack.partition("/")
    files = night.files(folder) if folder else night.Files(digest=digest, events=events, audit_log=audit_log)
    try:
        if folder and not files.complete:
            raise ReviewError(f"{folder}: there is no comparison.", fix="make drift")
        found = _night(files, deployer)
    except ReviewError as error:
        if stack:
            headline, text = drift.unfinished(project, name, str(error), whole=whole)
            put(text, out)
            if post:
                _keep(
                    GitHub(repository=repository, token=token, api=api), headline, text, drift.marker_of(project, name)
                )
        raise
    text = drift.write(found, whole=whole)
    put(text, out)
    if post:
        github = GitHub(repository=repository, token=token, api=api)
        _keep(github, drift.title(found), text, drift.marker(found.review), open_=found.open)
    if not found.finished:
        raise ReviewError("the comparison did not come to its end, so it shows nothing.", fix="see the errors above")
    raise typer.Exit(1 if found.open else 0)


def _keep(github: GitHub, title: str, text: str, marker: str, *, open_: bool = True) -> None:
    address = github.issue(title, text, marker, open_=open_)
    print(f"posted: {address}" if address else "nothing differs, and there is no issue", file=sys.stderr)


def _night(files: Files, deployer: str) -> Night:
    """Everything that one issue tells. What is damaged past the refresh itself is said in it, and keeps it open."""
    from review import drift, night

    review = build(digest=files.digest, events=files.events)
    notes, found, who, main = [], night.Found(), None, None
    try:
        found = drift.masked(night.read(files.found), files.digest, files.events) if files.found else found
    except ReviewError as error:
        notes.append(str(error))
    try:
        who = _who(files, deployer or found.deployer)
    except ReviewError as error:
        notes.append(str(error))
    try:
        main = build(digest=files.main_digest, events=files.main_events) if files.main_events else None
        if main is not None and main.when < review.when:
            print("the preview beside it is older than the comparison, and is left out", file=sys.stderr)
            main = None
    except ReviewError as error:
        notes.append(f"the preview of main shows nothing: {error}")
    return drift.Night(review=review, who=who, found=found, main=main, notes=tuple(notes))


def _who(files: Files, deployer: str) -> dict[str, str] | None:
    from review import drift

    return drift.culprits(files.digest, files.events, files.audit_log, deployer=deployer) if files.audit_log else None


def summary_command(
    folders: Annotated[list[Path], typer.Argument(help="One a stack: a folder with review.json (or that file).")],
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a stack instead of a table.")] = False,
    post: Annotated[bool, typer.Option("--post", help="Also write it to the pull request.")] = False,
    repository: Repository = "",
    number: PullRequest = 0,
    token: Token = "",
    api: Api = GITHUB,
) -> None:
    """Many stacks in one table. Exit code 1: a stack is blocked, failed, unproven, or its review is missing."""
    from review import summary as writer
    from review.github import GitHub

    rows = writer.read(folders)
    lines = (json_module.dumps(vars(row), ensure_ascii=False) + "\n" for row in rows)
    text = "".join(lines) if as_json else writer.write(rows)
    put(text, out)
    if post:
        if number < 1:
            raise ReviewError("the table is written, but not posted.", fix="--pull-request NUMBER", code=NOT_POSTED)
        address = GitHub(repository=repository, token=token, api=api).post(number, writer.write(rows), writer.MARKER)
        print(f"posted: {address}", file=sys.stderr)
    raise typer.Exit(1 if any(row.verdict in writer.BAD for row in rows) else 0)

"""What people read about one run of the engine: a comment, a page, reports for machines, and evidence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from review.build import build
from review.model import Review
from review.problems import NOT_POSTED, ReviewError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

DigestFile = Annotated[Path | None, typer.Option("--digest", help="What `pulumi preview --json --show-sames` printed.")]
EventFile = Annotated[Path | None, typer.Option("--events", help="The event log of the same run (`--event-log`).")]
Judgement = Annotated[Path | None, typer.Option(help="judgement.json, which the pack wrote in the same run.")]
Results = Annotated[Path | None, typer.Option(help="Lines of `python -m policies judge DIGEST --json`.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output without it.")]
Commit = Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit that was run.")]


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")


def _review(
    digest: Path | None, events: Path | None, judgement: Path | None, results: Path | None, commit: str
) -> Review:
    return build(digest=digest, events=events, judgement=judgement, results=results, commit=commit)


@app.command()
def comment(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    out: Out = None,
    commit: Commit = "",
    whole: Annotated[str, typer.Option(help="Where everything stands: a link or the name of an artifact.")] = "",
    post: Annotated[bool, typer.Option("--post", help="Also write it to the pull request.")] = False,
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY")] = "",
    number: Annotated[int, typer.Option("--pull-request", help="Its number.")] = 0,
    token: Annotated[str, typer.Option(envvar="GITHUB_TOKEN", show_default=False)] = "",
    api: Annotated[str, typer.Option(envvar="GITHUB_API_URL")] = "https://api.github.com",
) -> None:
    """The pull request comment (Markdown). Exit code 3: it is written, but could not be posted."""
    from review import comment as writer
    from review.github import GitHub

    review = _review(digest, events, judgement, results, commit)
    text = writer.write(review, whole=whole)
    _write(text, out)
    if post:
        if number < 1:
            raise ReviewError("the report is written, but not posted.", fix="--pull-request NUMBER", code=NOT_POSTED)
        address = GitHub(repository=repository, token=token, api=api).post(number, text, writer.marker(review))
        print(f"posted: {address}", file=sys.stderr)


@app.command()
def sarif(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    out: Out = None,
    commit: Commit = "",
) -> None:
    """SARIF 2.1.0, for code scanning."""
    from review import sarif as writer

    _write(writer.write(_review(digest, events, judgement, results, commit)), out)


@app.command()
def junit(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    out: Out = None,
    commit: Commit = "",
) -> None:
    """JUnit XML: a test case for every clause on every resource. With --results, all of them."""
    from review import junit as writer

    _write(writer.write(_review(digest, events, judgement, results, commit)), out)


@app.command("json")
def json_command(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    out: Out = None,
    commit: Commit = "",
) -> None:
    """The whole review as JSON (schema: docs/schemas/review.json)."""
    from review import document

    _write(document.write(_review(digest, events, judgement, results, commit)), out)


@app.command()
def schema(out: Out = None) -> None:
    """The JSON Schema of `review json`."""
    from review import document

    _write(document.schema(), out)


def main() -> None:
    """Entry point; what cannot be read is a sentence and exit code 2, never a traceback."""
    try:
        app()
    except ReviewError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.code)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except OSError as error:
        print(f"error: {error.filename or ''}: {error.strerror}", file=sys.stderr)
        sys.exit(1)

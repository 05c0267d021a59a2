"""What people read about one run of the engine: a comment, a page, reports for machines, and evidence."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from review import last
from review.build import build
from review.cli_guard import guard_command
from review.cli_many import drift_command, summary_command
from review.model import Review
from review.options import (
    GITHUB,
    Api,
    Commit,
    DigestFile,
    EventFile,
    Judgement,
    Out,
    Plan,
    PullRequest,
    Repository,
    Results,
    Token,
    Whole,
    put,
)
from review.problems import NOT_POSTED, ReviewError

Writer = Callable[[Review], str]

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

ATTESTATIONS = Path(__file__).resolve().parents[1] / "attestations.yaml"


def _sarif() -> Writer:
    from review import sarif

    return sarif.write


def _junit() -> Writer:
    from review import junit

    return junit.write


def _json() -> Writer:
    from review import document

    return document.write


def _page() -> Writer:
    from review import page

    return page.write


WRITERS: Final[Mapping[str, tuple[Callable[[], Writer], str]]] = {
    "sarif": (_sarif, "SARIF 2.1.0, for code scanning."),
    "junit": (_junit, "JUnit XML: a test case for every clause on every resource. With --results, all of them."),
    "json": (_json, "The whole review as JSON (schema: docs/schemas/review.json)."),
    "page": (_page, "One self-contained HTML file."),
}
"""Commands that do nothing but write one text; what a writer needs is imported when it is asked for."""


def _writing(load: Callable[[], Writer], meaning: str) -> Callable[..., None]:
    def command(
        digest: DigestFile = None,
        events: EventFile = None,
        judgement: Judgement = None,
        results: Results = None,
        plan: Plan = None,
        out: Out = None,
        commit: Commit = "",
    ) -> None:
        review = build(digest=digest, events=events, judgement=judgement, results=results, commit=commit, plan=plan)
        put(load()(review), out)

    command.__doc__ = meaning
    return command


for _name, (_load, _meaning) in WRITERS.items():
    app.command(_name)(_writing(_load, _meaning))


@app.command()
def comment(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    plan: Plan = None,
    out: Out = None,
    commit: Commit = "",
    whole: Whole = "",
    post: Annotated[bool, typer.Option("--post", help="Also write it to the pull request.")] = False,
    repository: Repository = "",
    number: PullRequest = 0,
    token: Token = "",
    api: Api = GITHUB,
) -> None:
    """The pull request comment (Markdown). Exit code 3: it is written, but could not be posted."""
    from review import comment as writer
    from review.github import GitHub

    review = build(digest=digest, events=events, judgement=judgement, results=results, commit=commit, plan=plan)
    text = writer.write(review, whole=whole)
    put(text, out)
    if post:
        if number < 1:
            raise ReviewError("the report is written, but not posted.", fix="--pull-request NUMBER", code=NOT_POSTED)
        address = GitHub(repository=repository, token=token, api=api).post(number, text, writer.marker(review))
        print(f"posted: {address}", file=sys.stderr)


@app.command()
def oscal(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    out: Out = None,
    commit: Commit = "",
    kind: Annotated[
        str, typer.Option(help="assessment-results, component-definition, catalog, or all.")
    ] = "assessment-results",
) -> None:
    """OSCAL 1.1: assessment results, the component definition, or the catalog. With `--kind all`, --out is a folder."""
    from review import oscal as writer

    if kind not in (*writer.KINDS, "all"):
        raise ReviewError(f"there is no OSCAL model {kind!r} here.", fix=f"--kind {' | '.join((*writer.KINDS, 'all'))}")
    if kind == "all" and out is None:
        raise ReviewError("three files do not fit on standard output.", fix="--out FOLDER")
    review = build(digest=digest, events=events, judgement=judgement, results=results, commit=commit)
    if kind == "all" and out is not None:
        for name, write in writer.KINDS.values():
            put(write(review), out / name)
            print(out / name)
        return
    put(writer.KINDS[kind][1](review), out)


@app.command()
def bundle(
    out: Annotated[Path, typer.Option("--out", "-o", help="A new or empty folder.")],
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    plan: Plan = None,
    commit: Commit = "",
    source: Annotated[
        list[str] | None, typer.Option(metavar="NAME=PATH", help="Further input whose digest is evidence.")
    ] = None,
    version: Annotated[list[str] | None, typer.Option(metavar="NAME=VERSION", help="engine=…, sdk=…")] = None,
    previous: Annotated[
        Path | None, typer.Option(help="The bundle before: what got better, worse, disappeared.")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="Ed25519 private key (PEM) that signs the statement.")] = None,
    job_evidence: Annotated[
        list[Path] | None,
        typer.Option(help="What a job left (a restore drill): JSON with `clauses`; repeatable."),
    ] = None,
    job_key: Annotated[
        Path | None, typer.Option(help="Ed25519 public key (PEM) that must have signed the evidence of jobs.")
    ] = None,
    attestations: Annotated[Path, typer.Option(help="The register of attestations.")] = ATTESTATIONS,
    sbom: Annotated[Path | None, typer.Option(help="The list of software parts, copied as it is.")] = None,
) -> None:
    """The evidence of one run: the same byte for byte from the same inputs, verified by `review verify`."""
    from review import bundle as writer

    review = build(
        digest=digest,
        events=events,
        judgement=judgement,
        results=results,
        plan=plan,
        commit=commit,
        versions=_pairs(version, "--version"),
    )
    sources = {name: Path(path) for name, path in _pairs(source, "--source").items()}
    made = writer.make(
        review,
        out,
        sources=sources,
        previous=previous,
        key=key,
        jobs=job_evidence or (),
        jobs_key=job_key,
        attestations=attestations,
        sbom=sbom,
    )
    for name in made:
        print(out / name)


def _pairs(given: list[str] | None, option: str) -> dict[str, str]:
    pairs = [entry.partition("=") for entry in given or ()]
    for name, sign, value in pairs:
        if not (name and sign and value):
            raise ReviewError(f"{option} {name}{sign}{value} is not NAME=VALUE.")
    return {name: value for name, _, value in sorted(pairs)}


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A bundle.")],
    key: Annotated[Path | None, typer.Option(help="Ed25519 public key (PEM) that must have signed it.")] = None,
) -> None:
    """Exit code 1 names every byte of a bundle that is not as it was written."""
    from review.verify import verify as check

    problems, proven = check(folder, key=key)
    for problem in problems:
        print(problem)
    if problems:
        raise typer.Exit(1)
    print("; ".join(proven))
    if key is None:
        print("the signature was not checked: whoever changed all files alike would not be found (--key)")


for _name, _command in (("guard", guard_command), ("drift", drift_command), ("summary", summary_command)):
    app.command(_name)(_command)


@app.command("all")
def all_command(
    folder: Annotated[Path, typer.Argument(help="Where `make` keeps the runs of a stack.")],
    of: Annotated[str, typer.Option(help="Which run: preview or up.")] = "preview",
    plan: Plan = None,
    commit: Commit = "",
) -> None:
    """Comment, page and reports of the last run of a stack, beside it; the verdict on the terminal."""
    from review import comment as comment_writer

    review = last.read(folder, of, plan=plan, commit=commit)
    place = folder / "review"
    for name, file in (
        ("page", "index.html"),
        ("json", "review.json"),
        ("sarif", "results.sarif"),
        ("junit", "junit.xml"),
    ):
        put(WRITERS[name][0]()(review), place / file)
    put(comment_writer.write(review, whole="index.html"), place / "comment.md")
    print(f"{review.stack}: {review.headline}")
    for change in review.destroyed:
        print(f"  {change.op:8} {change.name}: {change.cause}; data: {change.loss}")
    print(f"  access   gained {len(review.gained)}, lost {len(review.lost)}")
    for limit in review.limits:
        print(f"  note     {limit}")
    print(f"  read     {place / 'index.html'} and {place / 'comment.md'}")


@app.command()
def schema(out: Out = None) -> None:
    """The JSON Schema of `review json`."""
    from review import document

    put(document.schema(), out)


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

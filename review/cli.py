"""What people read about one run of the engine: a comment, a page, reports for machines, and evidence."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from review.build import build
from review.cli_guard import guard_command
from review.cli_many import drift_command, summary_command
from review.model import Review
from review.problems import NOT_POSTED, ReviewError

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)

ATTESTATIONS = Path(__file__).resolve().parents[1] / "attestations.yaml"
DigestFile = Annotated[Path | None, typer.Option("--digest", help="What `pulumi preview --json --show-sames` printed.")]
EventFile = Annotated[Path | None, typer.Option("--events", help="The event log of the same run (`--event-log`).")]
Judgement = Annotated[Path | None, typer.Option(help="judgement.json, which the pack wrote in the same run.")]
Results = Annotated[Path | None, typer.Option(help="Lines of `python -m policies judge DIGEST --json`.")]
Plan = Annotated[Path | None, typer.Option("--plan", help="The plan that was saved with it; its digest is told.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File to write; standard output without it.")]
Commit = Annotated[str, typer.Option(envvar="GITHUB_SHA", help="The commit that was run.")]


def _write(text: str, out: Path | None) -> None:
    if out is None:
        sys.stdout.write(text)
        return
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8", newline="\n")


def _review(
    digest: Path | None,
    events: Path | None,
    judgement: Path | None,
    results: Path | None,
    commit: str,
    plan: Path | None = None,
) -> Review:
    return build(digest=digest, events=events, judgement=judgement, results=results, commit=commit, plan=plan)


@app.command()
def comment(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    plan: Plan = None,
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

    review = _review(digest, events, judgement, results, commit, plan)
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
    plan: Plan = None,
    out: Out = None,
    commit: Commit = "",
) -> None:
    """The whole review as JSON (schema: docs/schemas/review.json)."""
    from review import document

    _write(document.write(_review(digest, events, judgement, results, commit, plan)), out)


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
    review = _review(digest, events, judgement, results, commit)
    if kind == "all" and out is not None:
        for name, write in writer.KINDS.values():
            _write(write(review), out / name)
            print(out / name)
        return
    _write(writer.KINDS[kind][1](review), out)


@app.command()
def page(
    digest: DigestFile = None,
    events: EventFile = None,
    judgement: Judgement = None,
    results: Results = None,
    plan: Plan = None,
    out: Out = None,
    commit: Commit = "",
) -> None:
    """One self-contained HTML file."""
    from review import page as writer

    _write(writer.write(_review(digest, events, judgement, results, commit, plan)), out)


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
    commit: Commit = "",
) -> None:
    """Comment, page and reports of the last run of a stack, beside it; the verdict on the terminal."""
    from review import comment as comment_writer
    from review import document
    from review import junit as junit_writer
    from review import page as page_writer
    from review import sarif as sarif_writer

    previewed = of == "preview"
    events = folder / f"{of}.events.jsonl"
    if not events.exists():
        raise ReviewError(f"{events}: there is no {of} to review yet.", fix=f"make {of}")
    logs = sorted(folder.glob("*.events.jsonl"), key=lambda path: path.stat().st_mtime)
    judgement, results = folder / "judgement.json", folder / "results.jsonl"
    review = build(
        digest=folder / "digest.json" if previewed else None,
        events=events,
        judgement=judgement if judgement.exists() and logs[-1] == events else None,
        results=results if previewed and results.exists() else None,
        commit=commit,
    )
    place = folder / "review"
    for name, writer in (
        ("index.html", page_writer.write),
        ("review.json", document.write),
        ("results.sarif", sarif_writer.write),
        ("junit.xml", junit_writer.write),
    ):
        _write(writer(review), place / name)
    _write(comment_writer.write(review, whole="index.html"), place / "comment.md")
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

"""`python -m tools`: what the make targets call. Without `--real`, everything happens in the local cloud."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from tools import drift, evidence, handover, places, plan, recover, report, run, setup
from tools.refusal import Refusal, of_os_error
from tools.stacks import BOOTSTRAP, Stack

app = typer.Typer(
    help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
)
_EXTRA = {"allow_extra_args": True, "ignore_unknown_options": True}

Name = Annotated[str, typer.Option("--stack", help="Which Pulumi.<stack>.yaml.")]
Real = Annotated[bool, typer.Option("--real", help="With your own Pulumi login, against the real clouds.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")]
Everything = Annotated[bool, typer.Option("--all", help="Every violation, not one screen of them.")]
Of = Annotated[str, typer.Option(help="Which run of the stack: preview or up.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def _finish(done: run.Run, *, as_json: bool, everything: bool) -> None:
    if as_json:
        print(report.as_json(done))
    else:
        report.show(done, out=sys.stdout, everything=everything)
    raise typer.Exit(done.exit_code)


@app.command(context_settings=_EXTRA)
def preview(
    context: typer.Context,
    stack: Name = "prod",
    real: Real = False,
    json: Json = False,
    everything: Everything = False,
) -> None:
    """Preview a stack with the policy pack enforced. Further arguments go to the engine; the exit code is its own."""
    run.check_extra(context.args)
    out = sys.stderr if json else sys.stdout
    saved, extra = plan.option("--save-plan", context.args)
    if saved is not None:
        plan.forget(saved)
        extra = [*extra, f"--save-plan={saved}"]
    done = run.preview(Stack(name=stack, real=real), extra, out=out)
    if saved is not None:
        plan.seal(saved, done)
    _finish(done, as_json=json, everything=everything)


def _apply(stack: Stack, reviewed: Path, extra: list[str], *, as_json: bool, everything: bool) -> run.Run:
    """Applies a plan, if a fresh preview would still do just what was reviewed."""
    out = sys.stderr if as_json else sys.stdout
    setup.ensure(out)
    stack.prepare()
    record = plan.check(reviewed, stack)
    fresh = run.preview(stack, [], out=out)
    if fresh.exit_code:
        _finish(fresh, as_json=as_json, everything=everything)
    plan.compare(record, fresh)
    done = run.change(stack, "up", [f"--plan={reviewed}", "--skip-preview", *extra], yes=True, out=out, quiet=as_json)
    plan.applied(record, done)
    return done


def _change(operation: str, meaning: str) -> Callable[..., None]:
    def command(
        context: typer.Context,
        stack: Name = "prod",
        real: Real = False,
        yes: Yes = False,
        json: Json = False,
        everything: Everything = False,
    ) -> None:
        run.check_extra(context.args)
        chosen = Stack(name=stack, real=real)
        reviewed, extra = plan.option("--plan", context.args) if operation == "up" else (None, context.args)
        agreed = "--preview-only" not in extra and _agreed(chosen, yes=yes or reviewed is not None, as_json=json)
        if reviewed is not None:
            done = _apply(chosen, reviewed, extra, as_json=json, everything=everything)
        else:
            done = run.change(chosen, operation, extra, yes=agreed, out=sys.stderr if json else sys.stdout, quiet=json)
        _finish(done, as_json=json, everything=everything)

    command.__doc__ = meaning
    return command


def _agreed(stack: Stack, *, yes: bool, as_json: bool) -> bool:
    """Whether the engine need not ask: said so, or a local run without a person at the terminal."""
    if yes:
        return True
    attended = sys.stdin.isatty() and os.environ.get("CI") != "true" and not as_json
    if attended:
        return False
    if stack.real:
        raise Refusal(
            f"changing {stack.name} in the real clouds without a terminal needs a word.",
            fix="add --yes (make …: ARGS=--yes) where the change was reviewed",
        )
    return True


for _operation, _meaning in (
    ("up", "Deploy a stack; the policy pack stops a bad resource before it exists."),
    ("destroy", "Remove a stack's resources; protected ones refuse."),
    ("refresh", "Read what exists into the state, so that the next preview shows drift."),
):
    app.command(name=_operation, context_settings=_EXTRA)(_change(_operation, _meaning))


@app.command("drift")
def drift_command(stack: Name = "prod", real: Real = False, json: Json = False) -> None:
    """Read back what exists and compare it with what was applied, also where no preview looks. Changes nothing."""
    found = drift.look(Stack(name=stack, real=real), out=sys.stderr if json else sys.stdout)
    if json:
        print(drift.as_json(found))
    else:
        drift.show(found, out=sys.stdout)
    raise typer.Exit(found.exit_code)


@app.command(context_settings=_EXTRA)
def bootstrap(
    context: typer.Context,
    stack: Name = "prod",
    real: Real = False,
    yes: Yes = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only preview it.")] = False,
    everything: Everything = False,
) -> None:
    """What has to exist before a stack: projects, state, the identities of CI. Then says what to type next."""
    run.check_extra(context.args)
    chosen = Stack(name=stack if stack.endswith(BOOTSTRAP) else stack + BOOTSTRAP, real=real)
    if dry_run:
        _finish(run.preview(chosen, context.args, out=sys.stdout), as_json=False, everything=everything)
    agreed = _agreed(chosen, yes=yes, as_json=False)
    done = run.change(chosen, "up", context.args, yes=agreed, out=sys.stdout, quiet=agreed)
    report.show(done, out=sys.stdout, everything=everything)
    if done.exit_code == 0:
        handover.show(chosen, out=sys.stdout)
    raise typer.Exit(done.exit_code)


@app.command()
def review(
    stack: Name = "prod",
    real: Real = False,
    of: Of = "preview",
    plan_file: Annotated[
        Path | None, typer.Option("--plan", help="The plan saved with it; its digest is told.")
    ] = None,
) -> None:
    """The last run as a reviewer reads it: page, comment, SARIF, JUnit, JSON. Previews first when there is none."""
    chosen = Stack(name=stack, real=real)
    if of == "preview":
        if not all((chosen.runs / name).exists() for name in ("preview.events.jsonl", "digest.json")):
            run.preview(chosen, [], out=sys.stderr)
        try:
            evidence.judge(chosen)
        except Refusal as refusal:
            print(f"{refusal}\n  note     the review does without it", file=sys.stderr)
    command = [str(places.VENV_PYTHON), "-m", "review", "all", str(chosen.runs), "--of", of]
    command += ["--plan", str(plan_file.absolute())] if plan_file else []
    raise typer.Exit(subprocess.call(command, cwd=places.ROOT))


@app.command("evidence", context_settings=_EXTRA)
def evidence_command(
    context: typer.Context,
    stack: Name = "prod",
    real: Real = False,
    of: Of = "preview",
    out: Annotated[Path | None, typer.Option(help="A new folder (default: below .local/evidence, by the run).")] = None,
) -> None:
    """The evidence of the last run: review, OSCAL and in-toto statement in one verified folder.

    Further arguments go to `python -m review bundle` (--job-evidence, --key, --previous …).
    """
    place = evidence.make(Stack(name=stack, real=real), of, context.args, out=out)
    print(place)


@app.command("recover")
def recover_command(
    stack: Name = "prod",
    real: Real = False,
    found: Annotated[
        list[str] | None, typer.Option(metavar="URN=ID", help="An interrupted create that exists.")
    ] = None,
    absent: Annotated[list[str] | None, typer.Option(metavar="URN", help="One that does not exist.")] = None,
) -> None:
    """After a crash: write what exists into the state and clear what never finished."""
    chosen = Stack(name=stack, real=real)
    done = recover.recover(chosen, found=recover.parse_found(found or []), absent=frozenset(absent or ()))
    recover.show(done, chosen)


@app.command("guard", context_settings=_EXTRA)
def guard_command(
    context: typer.Context,
    stack: Name = "prod",
    of: Of = "preview",
    log: Annotated[Path | None, typer.Option("--events", help="Another event log than that run's.")] = None,
    digest: Annotated[Path | None, typer.Option(help="Its `--json` digest; with it, stack rules are checked.")] = None,
) -> None:
    """Fail unless the run counts; further arguments go to `python -m review guard` (--base, --plan, --reviewed …)."""
    runs = Stack(name=stack).runs
    command = [str(places.VENV_PYTHON), "-m", "review", "guard", "--events", str(log or runs / f"{of}.events.jsonl")]
    if log is None and of == "preview":
        digest = digest or runs / "digest.json"
    judgement = runs / "judgement.json"
    command += ["--digest", str(digest)] if digest else []
    command += ["--judgement", str(judgement)] if log is None and judgement.exists() else []
    raise typer.Exit(subprocess.call([*command, *context.args], cwd=places.ROOT))


def main() -> None:
    """Entry point; every refusal is a sentence and an exit code, never a traceback."""
    try:
        app()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(refusal.code)
    except OSError as error:
        print(of_os_error(error), file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)

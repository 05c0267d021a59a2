"""`python -m review guard`: fails when a run does not count, or a change loosens the policy that it is judged by."""

from __future__ import annotations

import json as json_module
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from review import guard, loosened, plan
from review.problems import NEEDS_APPROVER, ReviewError

ROOT = Path(__file__).resolve().parents[1]
PACK = ROOT / "policies"


def guard_command(
    events: Annotated[Path, typer.Option("--events", help="The event log of the run (`--event-log`).")],
    digest: Annotated[
        Path | None, typer.Option("--digest", help="Its `--json` digest: rules about the whole stack are checked, too.")
    ] = None,
    judgement: Annotated[
        Path | None, typer.Option(help="judgement.json of the run: what a new waiver accepts in it.")
    ] = None,
    pack_config: Annotated[Path | None, typer.Option(help="A pack configuration that was given to the run.")] = None,
    pack: Annotated[Path, typer.Option(help="The policy pack as committed.")] = PACK,
    base: Annotated[
        str, typer.Option(help="What the change is based on (origin/main): nothing may be loosened against it.")
    ] = "",
    author: Annotated[str, typer.Option(help="Who made the change; does not count as an approver.")] = "",
    approved_by: Annotated[list[str] | None, typer.Option(help="Somebody who approved it; may be repeated.")] = None,
    approvals: Annotated[Path | None, typer.Option(help="GitHub's list of the pull request's reviews (JSON).")] = None,
    commit: Annotated[str, typer.Option(help="The commit that approvals must be of.")] = "",
    plan_file: Annotated[Path | None, typer.Option("--plan", help="The plan that is about to be applied.")] = None,
    reviewed: Annotated[
        str, typer.Option(help="SHA-256 of the reviewed plan, or the bundle or review.json that names it.")
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of text.")] = False,
) -> None:
    """Exit code 1: the pack did not run as committed, or the plan is another one. 4: needs a second approver."""
    if reviewed and plan_file is None:
        raise ReviewError("there is a reviewed plan to compare with, but none to apply.", fix="--plan FILE")
    ran = guard.read(events)
    rules = guard.listing(pack)
    known = guard.pack_of(rules, guard.version_of(pack))
    found = guard.problems(ran, known)
    committed = pack / "config.json"
    for config in (committed if committed.exists() else None, pack_config):
        found += guard.config_problems(config, known) if config else []
    if digest:
        steps = _steps(digest, events)
        found += guard.digest_problems(ran, digest, pack)
        found += plan.differences(plan_file, steps) if plan_file else []
    if plan_file and reviewed:
        found += plan.problems(plan_file, plan.reviewed(reviewed))
    looser = _loosened(base, pack, rules, judgement) if base else []
    approved = loosened.approvers(approved_by or (), approvals, author=author, commit=commit)
    enough = len(approved) >= loosened.APPROVERS
    code = 1 if found else NEEDS_APPROVER if looser and not enough else 0
    if as_json:
        said = {"problems": found, "loosened": looser, "approved_by": approved, "exit_code": code}
        print(json_module.dumps({"pack": guard.NAME, "version": known.version, "judged": len(ran.analysed), **said}))
    else:
        _say(found, looser, approved, enough=enough)
        if not code:
            lowered = "nothing was lowered" if not looser else f"loosened with the approval of {', '.join(approved)}"
            print(f"{guard.NAME} {known.version} judged {len(ran.analysed)} resources and the stack; {lowered}")
    raise typer.Exit(code)


def _steps(digest: Path, events: Path) -> dict[str, str]:
    """URN to operation; refuses a digest of another run."""
    from review.run import load

    return {urn: step.op for urn, step in load(digest, events).steps.items()}


def _loosened(base: str, pack: Path, rules: list[dict[str, Any]], judgement: Path | None) -> list[str]:
    from review.judged import read_summary

    used = read_summary(judgement).get("waived") or []
    with tempfile.TemporaryDirectory() as folder:
        before = loosened.checkout(pack.resolve().parent, base, pack.name, Path(folder))
        return [
            *loosened.rules(guard.listing(before), rules),
            *loosened.configuration(before, pack),
            *loosened.waivers(before, pack, used),
        ]


def _say(found: list[str], looser: list[str], approved: list[str], *, enough: bool) -> None:
    if found:
        print("error: this run does not count.", file=sys.stderr)
        print("\n".join(f"  - {sentence}" for sentence in found), file=sys.stderr)
        fix = "run it through `make`, without pack configuration, on the committed policies/; apply what was reviewed"
        print(f"  fix    {fix}", file=sys.stderr)
    if looser and not enough:
        print(
            "error: this change loosens the policy that it is judged by; it needs a second approver.", file=sys.stderr
        )
        print("\n".join(f"  - {sentence}" for sentence in looser), file=sys.stderr)
        so_far = ", ".join(approved) or "nobody"
        print(
            f"  approved so far by {so_far}; needed are {loosened.APPROVERS} people besides the author", file=sys.stderr
        )
    elif looser:
        print("\n".join(f"loosened: {sentence}" for sentence in looser))

"""`python -m policies`: the judge on files, and the rules as a library that people can ask."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import sys
from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policies import catalogue, pack, report
from policies.clauses import CLAUSES, MEASURES
from policies.judge import Judge, Result
from policies.load import LoadError, load
from policies.registers import RegisterError
from policies.registers import load as load_registers
from policies.rule import SEVERITIES, Rule
from policies.settings import SettingsError
from policies.waiver_rules import WAIVER_RULES, judge_exceptions
from policies.waivers import WaiverError

app = typer.Typer(
    help="The security policy as rules: judge stacks, list and explain rules, see what is covered.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
_OUT = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 160)
_ERR = Console(stderr=True, highlight=False, soft_wrap=True)

BAD_INPUT = 2
"""Exit code when something could not be read or understood; what could be judged still was."""


@app.command()
def judge(
    files: Annotated[
        list[Path], typer.Argument(help="`pulumi stack export` files or `pulumi preview --json` digests.")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a verdict and line.")] = False,
    today: Annotated[str | None, typer.Option(help="Day of judgement, YYYY-MM-DD (default: today, UTC).")] = None,
    fail_on: Annotated[
        str, typer.Option(help="Exit 1 from this severity on: low, medium, high, critical, or never.")
    ] = "low",
    config: Annotated[Path | None, typer.Option(help="Pack configuration (levels, thresholds), JSON.")] = None,
    waivers: Annotated[Path | None, typer.Option(help="Accepted exceptions, YAML.")] = None,
    registers: Annotated[
        Path | None, typer.Option(help="Folder of access.yaml and attestations.yaml; without it, nobody's rows count.")
    ] = None,
    show_all: Annotated[bool, typer.Option("--all", help="In text, also list passes and what does not apply.")] = False,
) -> None:
    """Judge stacks from files.

    Exit codes: 0 nothing at or above --fail-on failed; 1 something did (or a critical fact stayed undetermined);
    2 a file, the configuration, the waivers or the registers could not be used.
    """
    if fail_on not in (*SEVERITIES, "never"):
        _refuse(f"--fail-on {fail_on}: one of {', '.join(SEVERITIES)}, never")
    day = _day(today)
    for given in (config, waivers, registers):
        if given is not None and not given.exists():
            _refuse(f"{given}: no such file")
    rules = pack.rules()
    try:
        settings = pack.read_config(config) if config else {}
        prepared = pack.make_judge(rules, settings, today=day, waivers=waivers)
        written = load_registers(registers, day) if registers else None
    except (SettingsError, WaiverError, RegisterError) as error:
        _refuse(str(error))
    threshold = SEVERITIES.index(fail_on) if fail_on in SEVERITIES else len(SEVERITIES)
    stops = unreadable = False
    without: Counter[str] = Counter()
    for file in files:
        try:
            stack = load(file)
        except LoadError as error:
            _ERR.print(f"[red]error[/]: {escape(str(error))}")
            unreadable = True
            continue
        stack.registers = written
        judging = prepared.afresh()
        counts: Counter[str] = Counter()
        shown: list[Result] = []
        for result in itertools.chain(judging.verdicts(stack), judge_exceptions(judging, stack.stack)):
            stops = stops or _stops(result, threshold)
            counts[result.outcome] += 1
            if as_json:
                sys.stdout.write(json.dumps({"file": str(file), **report.record(result)}) + "\n")
            elif show_all or result.outcome in ("fail", "undetermined", "waived"):
                shown.append(result)
        unheard = Counter(r.type for r in stack.resources if r.custom and not _heard(judging, r.type))
        without += unheard
        if not as_json:
            _print(file, shown, counts, unheard)
    if as_json and without:
        _ERR.print(f"without a rule of their own: {escape(_listed(without))}")
    raise typer.Exit(BAD_INPUT if unreadable else 1 if stops else 0)


def _stops(result: Result, threshold: int) -> bool:
    return result.blocking and SEVERITIES.index(result.rule.severity) >= threshold


def _heard(judging: Judge, type_token: str) -> bool:
    return bool(judging.rules_for(type_token))


def _print(file: Path, shown: list[Result], counts: Counter[str], unheard: Counter[str]) -> None:
    order = {s: i for i, s in enumerate(reversed(SEVERITIES))}
    for result in sorted(shown, key=lambda r: (r.outcome != "fail", order[r.rule.severity], r.rule.id)):
        colour = {"fail": "red", "undetermined": "yellow", "waived": "cyan", "pass": "green"}.get(result.outcome, "dim")
        _OUT.print(f"[{colour}]{result.outcome}[/] ({result.rule.severity}) {escape(report.message(result))}")
    said = ", ".join(
        f"{counts[o]} {o.replace('_', ' ')}" for o in ("pass", "fail", "undetermined", "waived", "not_applicable")
    )
    _OUT.print(f"{escape(str(file))}: {counts.total()} checks: {said}")
    if unheard:
        _OUT.print(f"  without a rule of their own: {escape(_listed(unheard))}")


def _listed(types: Counter[str]) -> str:
    return ", ".join(f"{t} ({n})" for t, n in sorted(types.items()))


@app.command("list")
def list_rules(
    clause: Annotated[str | None, typer.Option(help="Only this clause (ENC-3) or measure (ENC).")] = None,
    type_token: Annotated[str | None, typer.Option("--type", help="Only rules that judge this resource type.")] = None,
    severity: Annotated[str | None, typer.Option(help="Only this severity.")] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            help="Only rules that answer this foreign check, such as checkov:CKV_GCP_14, or any of a tool's (checkov)."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a rule and line.")] = False,
) -> None:
    """List the rules, filtered."""
    if clause is not None and clause.upper() not in {*CLAUSES, *MEASURES}:
        _refuse(f"--clause {clause}: neither a clause (ENC-3) nor a measure ({', '.join(MEASURES)})")
    if severity is not None and severity.lower() not in SEVERITIES:
        _refuse(f"--severity {severity}: one of {', '.join(SEVERITIES)}")
    chosen = [
        r
        for r in pack.rules().values()
        if (clause is None or clause.upper() in (r.clause, r.clause.split("-")[0]))
        and (type_token is None or any(type_token.lower() in t.lower() for t in r.types))
        and (severity is None or r.severity == severity.lower())
        and (reference is None or _answers(r, reference))
    ]
    if as_json:
        for rule in chosen:
            sys.stdout.write(json.dumps(catalogue.entry(rule)) + "\n")
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("clause", "severity", "rule", "title"):
        table.add_column(column, overflow="fold")
    for rule in chosen:
        table.add_row(rule.clause, rule.severity, rule.id, rule.title)
    _OUT.print(table)
    _OUT.print(f"{len(chosen)} rules")


@app.command()
def explain(rule_id: Annotated[str, typer.Argument(metavar="RULE", help="A rule's id, or a foreign one.")]) -> None:
    """Say why a rule exists, what is good and bad, and which foreign checks it answers."""
    rules = {**pack.rules(), **WAIVER_RULES}
    found = [rules[rule_id]] if rule_id in rules else [r for r in rules.values() if _answers(r, rule_id)]
    if not found:
        gone = [f"{ref}: {kind}: {why}" for kind, refs in catalogue.gaps().items() for ref, why in refs.items()]
        known = [line for line in gone if rule_id.lower() in line.split(": ")[0].lower().split(":", 1)]
        near = get_close_matches(rule_id, rules, n=1)
        hint = "; ".join(known) or (f"did you mean {near[0]}?" if near else "see `python -m policies list`")
        _refuse(f"no rule is called {rule_id}, and none answers a foreign check of that name; {hint}")
    for rule in found:
        _OUT.print(escape(catalogue.explain(rule)))


def _answers(rule: Rule, foreign: str) -> bool:
    return any(foreign.lower() in (ref.lower(), *ref.lower().split(":", 1)) for ref in rule.references)


@app.command()
def coverage(
    tool: Annotated[str | None, typer.Option("--from", help="A tool: checkov, trivy, kics, prowler, cis-gcp …")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object.")] = False,
) -> None:
    """Say which clauses have rules, and which checks of another tool are covered."""
    if tool is not None and tool.lower() not in catalogue.TOOLS:
        _refuse(f"--from {tool}: one of {', '.join(catalogue.TOOLS)}")
    found: dict[str, Any] = catalogue.foreign(tool) if tool else catalogue.clauses()
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    _OUT.print(escape(catalogue.foreign_text(tool) if tool else catalogue.clauses_text()))


@app.command("catalogue")
def write_catalogue(
    target: Annotated[Path, typer.Argument(help="The file to write.")] = Path("docs/rules.md"),
    check: Annotated[bool, typer.Option("--check", help="Only say whether the file is fresh (exit 1 if not).")] = False,
) -> None:
    """Write the rule catalogue."""
    text = catalogue.markdown()
    if check:
        fresh = target.exists() and target.read_text(encoding="utf-8") == text
        _OUT.print(f"{target} is {'fresh' if fresh else 'stale: run `python -m policies catalogue`'}")
        raise typer.Exit(0 if fresh else 1)
    target.write_text(text, encoding="utf-8")
    _OUT.print(f"wrote {target}")


def _day(text: str | None) -> dt.date:
    if text is None:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        _refuse(f"--today {text}: not a day; write it as 2026-01-31")


def _refuse(message: str) -> NoReturn:
    _ERR.print(f"[red]error[/]: {escape(message)}")
    raise typer.Exit(BAD_INPUT)


def main() -> None:
    """Entry point of `python -m policies`."""
    app()

"""Every command line of a workflow is one that the real commands take: what is misspelt there shows here, not at night.

`make` itself says what a target runs (`make -n`); the words go to the parsers of `python -m tools`, `review` and the
rest, and what those hand on goes to whom it is handed.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.main
import yaml
from typer.core import TyperGroup

from review import night
from review.cli import app as review_app
from tools import drift, osv, places
from tools.cli import app as tools_app
from tools.stacks import PROJECT

WORKFLOWS = sorted((places.ROOT / ".github" / "workflows").glob("*.yml"))
APPS = {"tools": tools_app, "review": review_app, "tools.osv": osv.app}
VALUES = {
    "AUTHOR": "dependabot[bot]",
    "BEFORE": "--previous before",
    "HEAD": "0" * 40,
    "NUMBER": "7",
    "RUNNER_TEMP": "/tmp/runner",
    "STACK": "prod",
    "WHOLE": "https://github.com/example-org/secure-hosting/actions/runs/7",
}
"""What stands in the variables of the shell when the workflow runs."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One command of one step."""

    workflow: str
    job: str
    text: str

    @property
    def programs(self) -> list[list[str]]:
        """Words of every `python -m` that comes of it; a target of make is unfolded by make, which runs nothing."""
        environment = {"PATH": os.environ["PATH"], **VALUES}
        if not self.text.startswith("make "):
            return [words_of(self.text)]
        command = f"make -n --no-print-directory {self.text.removeprefix('make ')}"
        done = subprocess.run(
            ["sh", "-c", command], cwd=places.ROOT, env=environment, capture_output=True, text=True, check=True
        )
        return [words_of(line) for line in done.stdout.splitlines()]


def words_of(line: str) -> list[str]:
    """As a shell splits it, variables included."""
    said = subprocess.run(
        ["sh", "-c", f'printf "%s\\n" {line}'],
        env={"PATH": "/usr/bin:/bin", **VALUES},
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.splitlines()


def lines() -> list[Any]:
    found = []
    for path in WORKFLOWS:
        for name, job in yaml.safe_load(path.read_text())["jobs"].items():
            for step in job["steps"]:
                for text in step.get("run", "").splitlines():
                    if re.match(r"make |\.venv/bin/python ", text):
                        line = Line(workflow=path.stem, job=name, text=text)
                        found.append(pytest.param(line, id=f"{path.stem}-{name}-{text[:60]}"))
    return found


USAGE = typer.BadParameter.__bases__[0]
"""The error of every word that a command does not take; the library gives its base class no name of its own."""


class Refused(Exception):
    """A command does not take its words."""


@dataclass(frozen=True, kw_only=True)
class Parsed:
    """What a command makes of its words."""

    name: str
    values: dict[str, Any]
    rest: list[str]
    """What it does not know itself and hands on."""


def parsed(words: list[str]) -> Parsed:
    """Parses `PYTHON -m MODULE …` as the module itself would, without running anything."""
    assert words[1] == "-m"
    command: Any = typer.main.get_command(APPS[words[2]])
    name, rest = words[2], words[3:]
    try:
        while isinstance(command, TyperGroup):
            context = command.make_context(name, rest)
            found, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            name = str(found)
        context = command.make_context(name, list(rest))
    except USAGE as error:
        raise Refused(str(error)) from None
    return Parsed(name=name, values=context.params, rest=list(context.args))


@pytest.mark.parametrize("line", lines())
def test_every_command_of_a_workflow_parses(line: Line) -> None:
    """Options and values, of the command itself and of the one that it hands the rest to."""
    programs = [words for words in line.programs if words[1:2] == ["-m"]]
    ours = [words for words in programs if words[2] in APPS]
    if re.match(r"make (setup|check|test)\b", line.text):
        assert ours == []
        return
    assert ours
    for words in ours:
        found = parsed(words)
        match found.name:
            case "guard" if words[2] == "tools":
                parsed([words[0], "-m", "review", "guard", "--events", "x", *found.rest])
            case "evidence":
                parsed([words[0], "-m", "review", "bundle", "--out", "x", *found.rest])
            case "preview" | "up":
                given = {word.partition("=")[0] for word in found.rest if word.startswith("-")}
                assert given <= engine_options(found.name)
            case _:
                assert found.rest == []


def engine_options(operation: str) -> set[str]:
    """Long options of the real engine, and the one that is ours."""
    program = places.ROOT / ".local" / "engine" / "pulumi"
    said = subprocess.run([program, operation, "--help"], capture_output=True, text=True, check=True)
    return {*re.findall(r"--[a-z][a-z-]+", said.stdout), "--plan"}


def test_a_misspelt_option_is_found() -> None:
    """Of the command itself, and of the one behind it."""
    for words in ("review comment --evnts x", "review drift --run", "review summry x", "tools drift --frist"):
        with pytest.raises(Refused):
            parsed(["python", "-m", *shlex.split(words)])
    handed_on = parsed(["python", "-m", "tools", "guard", "--bsae", "x"]).rest
    with pytest.raises(Refused):
        parsed(["python", "-m", "review", "guard", "--events", "x", *handed_on])


def only(workflow: str, job: str, pattern: str) -> dict[str, Any]:
    """The parsed values of the one command of a job that fits a pattern; of what it hands on, too."""
    every = [parameter.values[0] for parameter in lines()]
    (line,) = [one for one in every if (one.workflow, one.job) == (workflow, job) and re.search(pattern, one.text)]
    words = next(words for words in line.programs if words[1:2] == ["-m"] and words[2] in APPS)
    found = parsed(words)
    if (words[2], found.name) != ("tools", "guard"):
        return found.values
    behind = parsed(["python", "-m", "review", "guard", "--events", "x", *found.rest]).values
    return {**behind, **{name: value for name, value in found.values.items() if value is not None}}


def test_a_pull_request_is_held_against_the_policy_that_it_is_based_on() -> None:
    """With the approvals that the platform knows, of the very commit, besides the author's own."""
    guard = only("preview", "stack", "make guard")
    assert guard["base"] == "HEAD^1"
    assert (guard["author"], guard["commit"]) == (VALUES["AUTHOR"], VALUES["HEAD"])
    assert guard["approvals"] == Path("/tmp/runner/reviews.json")
    assert (guard["of"], guard["stack"], "log" in guard) == ("preview", "prod", False)
    steps = yaml.safe_load(WORKFLOWS[1].read_text())["jobs"]["stack"]["steps"]
    assert '> "$RUNNER_TEMP/reviews.json"' in steps[0]["run"]
    (checkout,) = [step for step in steps if step.get("uses", "").startswith("actions/checkout@")]
    assert checkout["with"]["fetch-depth"] == 2, "the base is the first parent of the merge that is tested"


def test_main_holds_the_plan_against_the_reviewed_digest_before_it_applies_it() -> None:
    """The review that the pull request's own plan job made names it; nothing is applied before."""
    guard = only("up", "up", "make guard ARGS")
    assert (guard["plan_file"], guard["reviewed"]) == (
        Path("plan.json"),
        "reviewed/.local/runs/prod/review/review.json",
    )
    assert guard["log"] == Path("reviewed/.local/runs/prod/preview.events.jsonl")
    assert guard["digest"] == Path("reviewed/.local/runs/prod/digest.json")
    runs = [step.get("run", "") for step in yaml.safe_load(WORKFLOWS[2].read_text())["jobs"]["up"]["steps"]]
    order = [n for n, run in enumerate(runs) if run.startswith(("make guard ARGS", "make up", "make guard RUN_OF=up"))]
    assert order == sorted(order)
    assert len(order) == 3
    assert runs[order[1]].startswith("make up")
    assert only("preview", "plan", "make review")["plan_file"] == Path("plan.json")


def test_the_night_is_told_from_what_the_night_left() -> None:
    """The folder that is fetched, the issue of the stack that was looked at, and really posted."""
    told = only("drift", "tell", "review drift")
    assert told["post"] is True
    assert told["stack"] == f"{PROJECT}/prod"
    assert told["whole"] == VALUES["WHOLE"]
    jobs = yaml.safe_load(WORKFLOWS[0].read_text())["jobs"]
    fetched = [s["with"]["path"] for s in jobs["tell"]["steps"] if "download-artifact" in s.get("uses", "")]
    assert fetched == [str(told["folder"])]
    (kept,) = [s["with"]["path"] for s in jobs["drift"]["steps"] if "upload-artifact" in s.get("uses", "")]
    assert kept == ".local/runs/prod"
    assert {night.DIGEST, night.EVENTS, night.FOUND, night.AUDIT_LOG} == set(drift.FILES)


def test_every_posting_command_says_where() -> None:
    """A number for comments; the repository and the token come of the platform's own variables."""
    for job, pattern in (("comment", "review comment"), ("summary", "review summary"), ("planned", "review comment")):
        told = only("preview", job, pattern)
        assert (told["post"], told["number"]) == (True, 7)
    planned = only("preview", "planned", "review comment")
    assert planned["plan"] == Path("planned/plan.json")
    for workflow in WORKFLOWS:
        for job in yaml.safe_load(workflow.read_text())["jobs"].values():
            for step in job["steps"]:
                if "--post" in step.get("run", ""):
                    assert step["env"]["GITHUB_TOKEN"] == "${{ github.token }}"

"""Warm previews with and without the pack, in turns, so that a busy machine slows both alike. Figures are medians."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from tools import events, places, setup
from tools.bench import stacks
from tools.refusal import Refusal
from tools.stacks import Stack

PROGRAM = Path(__file__).resolve().parent.relative_to(places.ROOT) / "program"
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One stack, measured."""

    stack: str
    resources: int
    checks: int
    seconds_without: float
    seconds_with: float
    processor_without: float
    processor_with: float
    """Processor seconds of the engine and everything it starts: a busy machine does not change them much."""

    @property
    def ratio(self) -> float:
        """Preview with the pack over the same preview without it."""
        return self.seconds_with / self.seconds_without

    @property
    def processor_ratio(self) -> float:
        """The same of processor seconds."""
        return self.processor_with / self.processor_without


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def preview(stack: Stack, root: Path, *, judged: bool) -> tuple[float, float, events.Log]:
    """Seconds, processor seconds and event log of one preview of an empty cloud by the project in a folder. Refuses one
    that failed."""
    env = {**stack.environment(), "PULUMI_OPTION_POLICY_PACK": str(root / "policies")}
    if not judged:
        del env["PULUMI_OPTION_POLICY_PACK"]
    log = stack.runs / "bench.events.jsonl"
    command = [str(places.engine() / "pulumi"), "preview", *stack.flags, "--json", "--non-interactive"]
    command += ["--event-log", str(log), "--cwd", str(root / PROGRAM)]
    started, before = time.monotonic(), _processor()
    run = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    seconds, processor = time.monotonic() - started, _processor() - before
    if run.returncode != 0:
        raise Refusal(f"the preview of {stack.name} is not clean.", details=tuple(_first(log, run.stderr)))
    return seconds, processor, events.read(log)


def _first(log: Path, said: str) -> list[str]:
    if log.exists():
        read = events.read(log)
        blocking = [violation.message for violation in read.violations if violation.blocking]
        errors = [message for _, message in read.errors]
        return [line for text in [*blocking, *errors][:2] for line in text.splitlines()[-6:]]
    return said.splitlines()[-6:]


def measure(stack: Stack, root: Path, runs: int) -> Figure:
    """Medians over the runs, after one of each kind to warm up."""
    stack.prepare()
    taken: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
    resources = 0
    for number in range(runs + 1):
        for judged in (False, True):
            seconds, processor, log = preview(stack, root, judged=judged)
            resources = len(log.registered)
            if number:
                taken[judged].append((seconds, processor))
            print(f"  ... {stack.name} {'with' if judged else 'without'} the pack: {seconds:.2f} s", file=sys.stderr)
    judgement = json.loads((stack.runs / "judgement.json").read_text())
    return Figure(
        stack=stack.name,
        resources=resources,
        checks=judgement["counts"]["checks"],
        seconds_without=statistics.median(seconds for seconds, _ in taken[False]),
        seconds_with=statistics.median(seconds for seconds, _ in taken[True]),
        processor_without=statistics.median(processor for _, processor in taken[False]),
        processor_with=statistics.median(processor for _, processor in taken[True]),
    )


def sized(folder: Path, target: int) -> tuple[Stack, Path]:
    """A stack of about that many resources, found from the sizes of two smaller ones, and the project it is one of."""
    base, one = (_count(folder, copies) for copies in (0, 2))
    each = (one - base) / 2
    copies = max(0, round((target - base) / each))
    name = f"about-{target}"
    return Stack(name=name, config=stacks.write(folder, copies)), stacks.project(folder, name, copies)


def _count(folder: Path, copies: int) -> int:
    name = f"extra-{copies}"
    stack = Stack(name=name, config=stacks.write(folder, copies))
    stack.prepare()
    root = folder / f"project-{name}"
    if not root.exists():
        stacks.project(folder, name, copies)
    return len(preview(stack, root, judged=False)[2].registered)


@app.command()
def main(
    runs: Annotated[int, typer.Option(min=1, help="Measured previews of each kind.")] = 3,
    names: Annotated[str, typer.Option("--stacks", help="Committed stacks, by comma.")] = "small,prod",
    sizes: Annotated[str, typer.Option(help="Synthetic stacks of about so many resources, by comma.")] = "1000",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a stack and line.")] = False,
) -> None:
    """Measure what the policy pack costs."""
    setup.ensure(sys.stderr)
    with tempfile.TemporaryDirectory(dir=places.local()) as folder:
        os.environ["SECURE_HOSTING_LOCAL"] = folder
        setup.ensure(sys.stderr)
        chosen = [(Stack(name=name), places.ROOT) for name in names.split(",") if name]
        chosen += [sized(Path(folder), int(size)) for size in sizes.split(",") if size]
        if not as_json:
            print(
                f"{'stack':<12} {'resources':>9} {'checks':>7} {'without':>9} {'with':>9} {'ratio':>6} {'processor':>9}"
            )
        for stack, root in chosen:
            figure = measure(stack, root, runs)
            if as_json:
                print(
                    json.dumps({**asdict(figure), "ratio": figure.ratio, "processor_ratio": figure.processor_ratio}),
                    flush=True,
                )
                continue
            print(
                f"{figure.stack:<12} {figure.resources:>9} {figure.checks:>7} {figure.seconds_without:>7.2f} s"
                f" {figure.seconds_with:>7.2f} s {figure.ratio:>6.2f} {figure.processor_ratio:>9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    try:
        app()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        sys.exit(refusal.code)

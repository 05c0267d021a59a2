"""How long the first `up` takes when the cloud takes its time: `python -m tools.bench.up_bench`.

A fresh local cloud answers every creation as late as the real one would, the real engine applies the stack with the
pack enforced, and what it took is held against the longest chain of resources that had to wait for each other. Goal: at
most 1.2 times that chain, so that nothing waits for what it does not need.

The latencies are of the order that Google documents or that its long-running operations are polled in; they were
not measured against it. They decide which chain is the longest, hardly how much is added to it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from localcloud import faults
from localcloud.store import Store
from policies.model import gcp
from tools import critical_path, places, setup
from tools.refusal import Refusal
from tools.stacks import Stack

GOAL: Final = 1.2
FOREVER: Final = 1_000_000
LATENCIES: Final = (
    (gcp("sql/databaseInstance"), 300.0),
    (gcp("servicenetworking/connection"), 60.0),
    (gcp("projects/service"), 15.0),
    (gcp("cloudrunv2/service"), 20.0),
    (gcp("compute/subnetwork"), 20.0),
    (gcp("compute/network"), 20.0),
    ("gcp:compute/*", 11.0),
    ("gcp:sql/*", 8.0),
    ("gcp:*IamMember", 5.0),
    ("gcp:*iAMMember", 5.0),
    ("gcp:*", 2.0),
    ("render:*", 3.0),
    ("github:*", 1.0),
)
"""Shell pattern on the type, seconds of a creation; the first that fits counts."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One `up`, measured."""

    stack: str
    resources: int
    parallel: int
    seconds: float
    """From the first resource begun to the last one done."""
    chain: float
    """Seconds of the longest chain."""
    last: str
    """The resource that the chain ends in."""

    @property
    def ratio(self) -> float:
        """How much longer everything took."""
        return self.seconds / self.chain


def measure(stack: Stack, *, parallel: int, scale: float) -> Figure:
    """One first `up` of an empty cloud. Refuses one that failed."""
    stack.prepare()
    store = Store(places.local() / "cloud.db")
    for pattern, seconds in LATENCIES:
        late = {"operation": "create", "type": pattern, "name": "*", "seconds": seconds * scale}
        faults.add(store, kind=faults.Kind.latency, count=FOREVER, **late)  # type: ignore[arg-type]
    log = stack.runs / "bench.events.jsonl"
    pulumi = str(places.engine() / "pulumi")
    command = [pulumi, "up", *stack.flags, "--yes", "--skip-preview", "--non-interactive", "--parallel", str(parallel)]
    command += ["--event-log", str(log)]
    run = subprocess.run(
        command, cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=False
    )
    if run.returncode != 0:
        raise Refusal(f"the deployment of {stack.name} failed.", details=tuple(run.stdout.splitlines()[-12:]))
    exported = subprocess.run(
        [pulumi, "stack", "export", "--stack", stack.name],
        cwd=stack.program, env=stack.environment(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    resources = json.loads(exported.stdout)["deployment"]["resources"]
    found = critical_path.critical(resources, critical_path.spans(map(json.loads, log.read_text().splitlines())))
    return Figure(
        stack=stack.name,
        resources=len(resources),
        parallel=parallel,
        seconds=found.took,
        chain=found.seconds,
        last=found.chain[-1][0].rpartition("::")[2],
    )


def main(
    name: Annotated[str, typer.Option("--stack", help="A committed stack.")] = "prod",
    parallel: Annotated[int, typer.Option(min=1, help="Operations at once.")] = 64,
    scale: Annotated[float, typer.Option(min=0, help="Factor on every latency.")] = 1.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Exit code 1: it took more than 1.2 times its longest chain."""
    setup.ensure(sys.stderr)
    with tempfile.TemporaryDirectory(dir=places.local()) as folder:
        os.environ["SECURE_HOSTING_LOCAL"] = folder
        setup.ensure(sys.stderr)
        figure = measure(Stack(name=name), parallel=parallel, scale=scale)
    if as_json:
        typer.echo(json.dumps({**vars(figure), "ratio": figure.ratio}))
    else:
        typer.echo(
            f"{figure.stack}: {figure.resources} resources, {figure.parallel} at once: {figure.seconds:.0f} s, "
            f"longest chain {figure.chain:.0f} s, ending in {figure.last}: {figure.ratio:.2f} times (goal {GOAL})"
        )
    raise typer.Exit(1 if figure.ratio > GOAL else 0)


if __name__ == "__main__":
    typer.run(main)

"""How long an `up` took against the longest chain of resources that had to wait for each other.

    python -m tools.critical_path --export FILE --events FILE

The export says what waits for what, the event log when each resource was begun and done. What is left over is time in
which nothing on that chain was worked on: needless waiting, or an engine that was busy otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer


@dataclass(frozen=True)
class Chain:
    """The chain and what it costs."""

    took: float
    """Seconds from the first resource begun to the last one done."""
    chain: tuple[tuple[str, float], ...]
    """URN and seconds of each resource on the longest chain, the first one first."""

    @property
    def seconds(self) -> float:
        """What the chain takes by itself."""
        return sum(seconds for _, seconds in self.chain)

    @property
    def ratio(self) -> float:
        """How much longer everything took."""
        return self.took / self.seconds if self.seconds else float("inf")


def waits(resource: Mapping[str, Any]) -> set[str]:
    """URNs that have to be done before a resource is begun."""
    named = {str(urn) for urn in resource.get("dependencies") or ()}
    for urns in (resource.get("propertyDependencies") or {}).values():
        named |= {str(urn) for urn in urns or ()}
    provider = str(resource.get("provider") or "").rpartition("::")[0]
    return {urn for urn in (*named, provider) if urn}


def spans(events: Iterable[Mapping[str, Any]]) -> dict[str, tuple[float, float]]:
    """When each resource was begun and done, in seconds, by URN."""
    begun: dict[str, float] = {}
    done: dict[str, tuple[float, float]] = {}
    for event in events:
        at = float(event.get("timestamp") or 0)
        if "resourcePreEvent" in event:
            begun.setdefault(str(event["resourcePreEvent"]["metadata"]["urn"]), at)
        elif "resOutputsEvent" in event:
            urn = str(event["resOutputsEvent"]["metadata"]["urn"])
            done[urn] = (begun.get(urn, at), at)
    return done


def critical(resources: Iterable[Mapping[str, Any]], took: Mapping[str, tuple[float, float]]) -> Chain:
    """The chain of custom resources that took the longest. Components are done when their children are: not counted."""
    needed = {str(one["urn"]): waits(one) for one in resources if one.get("custom") and str(one["urn"]) in took}
    best: dict[str, tuple[float, str]] = {}
    for urn in _ordered(needed):
        before = max(((best[other][0], other) for other in needed[urn] if other in best), default=(0.0, ""))
        begun, done = took[urn]
        best[urn] = (before[0] + done - begun, before[1])
    if not best:
        return Chain(0.0, ())
    urn = max(best, key=lambda one: best[one][0])
    chain: list[tuple[str, float]] = []
    while urn:
        chain.insert(0, (urn, took[urn][1] - took[urn][0]))
        urn = best[urn][1]
    whole = [took[one] for one in needed]
    return Chain(max(end for _, end in whole) - min(start for start, _ in whole), tuple(chain))


def _ordered(needed: Mapping[str, set[str]]) -> list[str]:
    """Every resource after those it waits for."""
    ordered: list[str] = []
    seen: set[str] = set()
    for first in needed:
        stack = [first]
        while stack:
            urn = stack[-1]
            open_ones = [other for other in needed[urn] if other in needed and other not in seen]
            if urn in seen or not open_ones:
                stack.pop()
                if urn not in seen:
                    seen.add(urn)
                    ordered.append(urn)
            else:
                stack.extend(open_ones)
    return ordered


def main(
    export: Annotated[Path, typer.Option(help="A `pulumi stack export` after the run.")],
    events: Annotated[Path, typer.Option(help="The event log of the run.")],
    as_json: Annotated[bool, typer.Option("--json", help="One object.")] = False,
) -> None:
    """Says how long a run took, and the chain that it could not have been shorter than."""
    resources = json.loads(export.read_text(encoding="utf-8"))["deployment"].get("resources") or []
    lines = events.read_text(encoding="utf-8").splitlines()
    found = critical(resources, spans(map(json.loads, lines)))
    if as_json:
        chain = [{"urn": urn, "seconds": seconds} for urn, seconds in found.chain]
        said = {"took": found.took, "critical": found.seconds, "ratio": found.ratio, "chain": chain}
        typer.echo(json.dumps(said))
        return
    for urn, seconds in found.chain:
        kind, name = urn.split("::")[2].rpartition("$")[2], urn.rpartition("::")[2]
        typer.echo(f"  {seconds:6.0f} s  {kind}  {name}")
    typer.echo(f"took {found.took:.0f} s, the chain {found.seconds:.0f} s: {found.ratio:.2f} times")


if __name__ == "__main__":
    typer.run(main)

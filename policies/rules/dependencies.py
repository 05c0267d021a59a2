"""Known holes in what we depend on: somebody looked lately, and what is critical is fixed in time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.registers import Registers
from policies.rule import Finding, Sample, fail_stack, rule, skip
from policies.scan import SCAN, Scan, Vulnerability

_TODAY: Final = dt.date(2026, 11, 22)
_DOCS = ("https://google.github.io/osv-scanner/output/", "https://www.first.org/cvss/v3.1/specification-document")
_ANY: Final = Sample("storage/bucket", {"name": "b"}, "bucket")


def _hole(days: int, score: float | None = 9.8) -> Vulnerability:
    return Vulnerability(
        ids=("GHSA-xxxx-yyyy-zzzz",),
        package="jinja2",
        version="3.1.5",
        source="requirements.lock",
        score=score,
        published=_TODAY - dt.timedelta(days=days),
    )


def _stack(*found: Vulnerability, age: int = 0) -> Sample:
    scan = Scan(scanned=_TODAY - dt.timedelta(days=age), scanner="osv-scanner 2.2.4", found=found)
    return Sample("storage/bucket", {"name": "b"}, "bucket", registers=Registers(today=_TODAY, scan=scan))


@rule(
    id="dependencies-scanned",
    clause="DEP-3",
    title="The dependencies were scanned for known vulnerabilities lately",
    severity="medium",
    types=(),
    scope="stack",
    fix="make scan   (docs/dependencies.md)",
    sources=_DOCS,
    params={"max_days": 90},
    good=((_stack(),), (_stack(age=90),)),
    bad=(
        (_stack(age=91),),
        (_stack(age=-2),),
        (Sample("storage/bucket", {"name": "b"}, "bucket", registers=Registers(today=_TODAY)),),
    ),
    not_applicable=(_ANY,),
)
def scanned(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """What nobody looks for is not found. CI scans before every preview; the days are for those who preview from a
    laptop. A scan of the day after is one from further east."""
    if graph.registers is None:
        yield skip("no registers came with the stack")
        return
    scan = graph.registers.scan
    if scan is None:
        yield fail_stack(f"{SCAN} is not there: nobody scanned the dependencies")
        return
    age = (graph.registers.today - scan.scanned).days
    if age > float(params["max_days"]):
        yield fail_stack(f"{SCAN} is of {scan.scanned}, {age} days ago; a scan counts for {params['max_days']:g} days")
    elif age < -1:
        yield fail_stack(f"{SCAN} is of {scan.scanned}, which is after {graph.registers.today}")


@rule(
    id="dependencies-patched",
    clause="DEP-3",
    title="No critical vulnerability of a dependency is known for longer than 14 days",
    severity="high",
    types=(),
    scope="stack",
    fix="a version without it in requirements.txt and `make lock`; or a waiver whose `resource` is the identifier",
    sources=_DOCS,
    params={"max_days": 14, "critical": 9.0},
    good=((_stack(),), (_stack(_hole(14)),), (_stack(_hole(400, score=8.9)),), (_stack(_hole(14, score=None)),)),
    bad=((_stack(_hole(15)),), (_stack(_hole(15, score=9.0)),), (_stack(_hole(15, score=None)),)),
    not_applicable=(_ANY,),
)
def patched(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Counted from the day on which it was published. One that nobody has rated counts as critical; whoever knows
    better writes the waiver."""
    if graph.registers is None:
        yield skip("no registers came with the stack")
        return
    if graph.registers.scan is None:
        yield skip(f"{SCAN} is not there; dependencies-scanned says so")
        return
    for hole in graph.registers.scan.found:
        age = (graph.registers.today - hole.published).days
        critical = hole.score is None or hole.score >= float(params["critical"])
        if critical and age > float(params["max_days"]):
            rated = "not rated yet" if hole.score is None else f"rated {hole.score:g}"
            yield fail_stack(
                f"{hole.package} {hole.version} in {hole.source} has {', '.join(hole.ids)}, {rated}, "
                f"published on {hole.published}, {age} days ago",
                subject=hole.subject,
            )

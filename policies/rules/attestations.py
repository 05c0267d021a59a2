"""Attestations: what no interface tells, a person confirms, for a year at most, over evidence that stays as it was."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.registers import Attestation, Registers
from policies.rule import Finding, Sample, fail_stack, rule, skip

_DIGEST: Final = "sha256:" + "a" * 64
_OTHER: Final = "sha256:" + "b" * 64
_FIX: Final = "an entry in attestations.yaml: clause, subject, statement, owner, digest, date, expires"


def _attested(clause: str, subject: str, **changes: Any) -> Attestation:
    row = {
        "clause": clause,
        "subject": subject,
        "statement": "was looked at and is as it should be",
        "owner": "security-team",
        "date": dt.date(2026, 11, 1),
        "expires": dt.date(2027, 10, 31),
        "digest": _DIGEST,
        "evidence": "evidence/report.md",
    }
    return Attestation.model_validate({**row, **changes}).model_copy(update={"found": changes.get("found", _DIGEST)})


def _stack(*attestations: Attestation) -> Sample:
    registers = Registers(today=dt.date(2026, 11, 22), attestations=attestations)
    return Sample("storage/bucket", {"name": "b"}, "bucket", registers=registers)


def _judged(graph: Graph, clause: str, params: Mapping[str, Any]) -> Iterator[Finding]:
    registers = graph.registers
    if registers is None:
        yield skip("no register of attestations came with the stack")
        return
    rows = [row for row in registers.attestations if row.clause == clause]
    for subject in params["subjects"]:
        own = [row for row in rows if row.subject == subject]
        if not own:
            yield fail_stack(f"nobody attests {clause} for {subject}")
            continue
        newest = max(own, key=lambda row: row.expires)
        for problem in _problems(newest, registers.today, float(params["max_days"])):
            yield fail_stack(f"{newest.where} {clause} for {subject}, attested by {newest.owner}: {problem}")


def _problems(row: Attestation, today: dt.date, max_days: float) -> Iterator[str]:
    if row.expires < today:
        yield f"ended on {row.expires}"
    elif not 0 <= (row.expires - row.date).days <= max_days:
        yield f"runs from {row.date} to {row.expires}, not within {max_days:g} days"
    if row.found == "":
        yield f"{row.evidence} is not there"
    elif row.found is not None and row.found != row.digest:
        yield f"{row.evidence} was changed since: it is {row.found} now"


def _rule(clause: str, subjects: tuple[str, ...], **record: Any) -> None:
    """The rule of one clause. Every subject of its list has a live attestation."""
    good = [_attested(clause, subject) for subject in subjects]

    def changed(**changes: Any) -> tuple[Sample, ...]:
        return (_stack(_attested(clause, subjects[0], **changes), *good[1:]),)

    def check(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
        yield from _judged(graph, clause, params)

    rule(
        clause=clause,
        types=(),
        scope="stack",
        severity="medium",
        fix=_FIX,
        params={"subjects": subjects, "max_days": 366},
        good=(
            (_stack(*good),),
            changed(evidence=None, found=None),
            changed(expires=dt.date(2026, 11, 22)),
            (_stack(_attested(clause, subjects[0], expires=dt.date(2026, 11, 21)), *good),),
        ),
        bad=(
            (_stack(*good[1:]),),
            changed(expires=dt.date(2026, 11, 21)),
            changed(expires=dt.date(2027, 11, 3)),
            changed(found=_OTHER),
            changed(found=""),
        ),
        not_applicable=(Sample("storage/bucket", {"name": "b"}, "bucket"),),
        **record,
    )(check)


_rule(
    "AUT-5",
    ("render", "github", "password-manager"),
    id="attested-logins",
    title="Logins without Google sign-in are attested to be individual, unique and with a second factor",
    why="What no interface tells is true only while somebody looks. The list of such services is in the configuration.",
)
_rule(
    "DEV-3",
    ("devices",),
    id="attested-devices",
    title="Devices are attested to be managed, encrypted and up to date",
    why="An access level sees one device at one sign-in; whether all are known and maintained, a person checks.",
)
_rule(
    "HOS-7",
    ("google-cloud", "render", "github"),
    id="attested-providers",
    title="The current ISO 27001 and SOC 2 reports of each provider were read",
    why="What a provider does inside its own walls is known from its reports alone, and reports end.",
)

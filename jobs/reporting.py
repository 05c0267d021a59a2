"""The end of a job that checks something: signed evidence in its store, and a result that says the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import Field

from jobs.core.command import Result
from jobs.core.evidence import Check, Evidence, Subject, object_name, sealed, signer
from jobs.core.http import Http
from jobs.core.kms import Kms
from jobs.core.log import Log
from jobs.core.problems import Exit
from jobs.core.settings import Settings
from jobs.storage.opening import open_store


class Reporting(Settings):
    """Where evidence goes, and who signs it."""

    evidence: str = Field(default="", description="Store of the evidence; empty keeps none.")
    sign: str = Field(default="", description="Version of a KMS key, or a file with an Ed25519 key.")


@dataclass
class Report:
    """What a run found, so far."""

    job: str
    clauses: tuple[str, ...]
    log: Log
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    checks: list[Check] = field(default_factory=list)
    subjects: list[Subject] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)

    def passed(self, name: str, detail: str = "") -> None:
        """It is as it has to be."""
        self.checks.append(Check(name=name, outcome="passed", detail=detail))
        self.log.info(f"{name}: {detail or 'passed'}")

    def failed(self, name: str, detail: str) -> None:
        """It is not, and how."""
        self.checks.append(Check(name=name, outcome="failed", detail=detail))

    @property
    def failures(self) -> list[str]:
        """What is wrong, in sentences."""
        return [check.detail for check in self.checks if check.outcome == "failed"]

    def finish(
        self, settings: Reporting, http: Http, *, folder: str = "", extra: Mapping[str, Any] | None = None
    ) -> Result:
        """Leave evidence and say what was found. The alert shows the first sentence of the log entry."""
        finished = datetime.now(UTC)
        made = Evidence(
            job=self.job,
            run=self.log.trace.trace_id,
            clauses=self.clauses,
            started_at=self.started_at,
            finished_at=finished,
            subjects=tuple(self.subjects),
            checks=tuple(self.checks),
            facts=self.facts,
        )
        if settings.evidence:
            by = signer(settings.sign, Kms(http))
            name = object_name(folder or self.job, finished, self.log.trace.trace_id)
            open_store(settings.evidence, self.log, http).create(name, sealed(made, by))
        if self.failures:
            self.log.error("; ".join(self.failures), clause=self.clauses[0])
        code = Exit.FOUND if made.outcome == "failed" else Exit.DONE
        return Result(
            _words(self.checks), {"checks": [c.model_dump() for c in self.checks], **self.facts, **(extra or {})}, code
        )


def _words(checks: Sequence[Check]) -> str:
    marks = {"passed": "ok  ", "warned": "warn", "failed": "FAIL"}
    return "\n".join(f"{marks[check.outcome]}  {check.name}  {check.detail}".rstrip() for check in checks)

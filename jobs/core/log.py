"""Structured logs: one JSON object a line on standard error, in the fields that Cloud Logging reads.

A person at a terminal gets the same as words. Values that are secrets never reach this module: they are kept in
pydantic's SecretStr, whose text is a row of stars.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import IO, Final

_TRACEPARENT: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True)
class Trace:
    """The run that an entry belongs to. It is handed on to every service that the job calls."""

    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))
    span_id: str = field(default_factory=lambda: secrets.token_hex(8))
    project: str = ""

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Trace:
        """The caller's trace (`TRACEPARENT`), or a new one; the project makes it a link in the logs."""
        found = _TRACEPARENT.fullmatch(environment.get("TRACEPARENT", "").strip().lower())
        project = environment.get("GOOGLE_CLOUD_PROJECT", "")
        return cls(found[1], found[2], project) if found else cls(project=project)

    @property
    def header(self) -> str:
        """The W3C header for requests."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    @property
    def fields(self) -> dict[str, str]:
        """As Cloud Logging wants it."""
        name = f"projects/{self.project}/traces/{self.trace_id}" if self.project else self.trace_id
        return {"logging.googleapis.com/trace": name, "logging.googleapis.com/spanId": self.span_id}


class Log:
    """The log of one run of one job."""

    def __init__(self, job: str, trace: Trace | None = None, stream: IO[str] | None = None) -> None:
        self.job = job
        self.trace = trace or Trace.of(os.environ)
        self.deployment = os.environ.get("CLOUD_RUN_JOB") or os.environ.get("RENDER_SERVICE_NAME", "")
        """What the platform calls this job: alerts tell by it which one spoke. Empty by hand."""
        self._stream = stream

    def debug(self, message: str, **fields: object) -> None:
        """What matters only when something else goes wrong."""
        self._write("DEBUG", message, fields)

    def info(self, message: str, **fields: object) -> None:
        """A step was taken."""
        self._write("INFO", message, fields)

    def warning(self, message: str, **fields: object) -> None:
        """Something went wrong and was dealt with: a retry, a leftover."""
        self._write("WARNING", message, fields)

    def error(self, message: str, **fields: object) -> None:
        """The job ends without its purpose; alerts count these."""
        self._write("ERROR", message, fields)

    def _write(self, severity: str, message: str, fields: Mapping[str, object]) -> None:
        stream = self._stream or sys.stderr
        if stream.isatty():
            more = " ".join(f"{name}={value}" for name, value in fields.items())
            stream.write(f"{severity.lower():7} {message}{'  ' + more if more else ''}\n")
        else:
            entry = {
                "severity": severity,
                "time": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
                "message": message,
                "job": self.job,
                **({"deployment": self.deployment} if self.deployment else {}),
                **self.trace.fields,
                **fields,
            }
            stream.write(json.dumps(entry, default=str, ensure_ascii=False) + "\n")
        stream.flush()

"""What the metrics of the stack count is what jobs say: runs of the command line, and the filters over their logs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from localcloud.logquery import matches
from tests.recording import Recording, record_stack


@pytest.fixture(scope="module")
def filters() -> dict[str, str]:
    """The filters as they are deployed."""
    production: Recording = record_stack()
    metrics = production.of("gcp:logging/metric:Metric")
    return {m.inputs["name"]: m.inputs["filter"] for m in metrics if m.inputs["name"].startswith("jobs/")}


def run(*arguments: str | Path, **environment: str) -> list[dict[str, Any]]:
    """The log of a run, as entries of the Logging API."""
    command = [sys.executable, "-m", "jobs", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})
    lines = [json.loads(line) for line in ran.stderr.splitlines()]
    assert lines, ran.stderr
    return [{"severity": line.pop("severity"), "jsonPayload": line} for line in lines]


@pytest.mark.parametrize("variable", ["CLOUD_RUN_JOB", "RENDER_SERVICE_NAME"])
def test_jobs_are_counted_as_what_they_are(variable: str, filters: dict[str, str], tmp_path: Path) -> None:
    """On both clouds: a good run is done, a bad one failed, and never both."""
    log = tmp_path / "log"
    log.write_text("", encoding="utf-8")
    good = run("activity", "verify", log, **{variable: "activity-anchor-orders"})
    log.write_text("no entry\n", encoding="utf-8")
    bad = run("activity", "verify", log, **{variable: "activity-anchor-orders"})
    missing = run("activity", "verify", tmp_path / "nothing", **{variable: "activity-anchor-orders"})
    counted = {
        name: [any(matches(query, entry) for entry in entries) for entries in (good, bad, missing)]
        for name, query in filters.items()
    }
    assert counted == {"jobs/done": [True, False, False], "jobs/failed": [False, True, True]}
    said = [entry for entry in bad if entry["severity"] == "ERROR"]
    assert said[0]["jsonPayload"]["deployment"] == "activity-anchor-orders"


def test_what_is_run_by_hand_is_not_counted(filters: dict[str, str], tmp_path: Path) -> None:
    """It would hide that the deployed job is silent."""
    log = tmp_path / "log"
    log.write_text("", encoding="utf-8")
    by_hand = run("activity", "verify", log, CLOUD_RUN_JOB="", RENDER_SERVICE_NAME="")
    assert not any(matches(query, entry) for query in filters.values() for entry in by_hand)

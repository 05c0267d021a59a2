"""Drift: a recorded refresh, what it found, and who likely did it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from review import audit, comment, drift
from review.build import build
from review.cli import app
from review.problems import ReviewError
from review.run import Step
from tests.review.making import BUCKET, MEMBER, RECORDED, URN, events_of, step, write

FILES = {"digest": RECORDED / "drift.digest.json", "events": RECORDED / "drift.events.jsonl"}
LOG = RECORDED / "drift.audit.jsonl"


def test_recorded_drift_is_as_it_was_read() -> None:
    """A person read the golden file: a bucket opened, one deleted, a grant added to a binding, and who did it."""
    who = drift.culprits(FILES["digest"], FILES["events"], LOG, deployer="deployer@example.iam.gserviceaccount.com")
    night = drift.Night(review=build(**FILES), who=who)
    assert drift.write(night) == (RECORDED / "drift.issue.md").read_text()
    assert (night.open, drift.title(night)) == (True, "Drift in small: 3 resources are not as deployed")


def test_events_alone_tell_the_drift() -> None:
    """Without the digest, which has no more of it than file and line."""
    whole, alone = build(**FILES), build(digest=None, events=FILES["events"])
    assert [(c.urn, c.op, c.attributes) for c in alone.changes] == [(c.urn, c.op, c.attributes) for c in whole.changes]
    assert (whole.verdict, alone.headline) == ("attention", whole.headline)


def entry(who: str, method: str, resource: str, when: str, **more: Any) -> dict[str, Any]:
    """One entry of an audit log."""
    payload = {"authenticationInfo": {"principalEmail": who}, "methodName": method, "resourceName": resource, **more}
    return {"timestamp": when, "protoPayload": payload}


def test_the_last_change_by_somebody_else_counts(tmp_path: Path) -> None:
    """Not what was read, what failed, what the deployer did, or what was done to something of a like name."""
    found = [
        entry("ann@example.com", "storage.buckets.update", "projects/_/buckets/reports", "2026-11-25T10:00:00Z"),
        entry("bob@example.com", "storage.setIamPermissions", "projects/_/buckets/reports", "2026-11-26T10:00:00Z"),
        entry("carl@example.com", "storage.buckets.get", "projects/_/buckets/reports", "2026-11-26T11:00:00Z"),
        entry("dora@example.com", "storage.buckets.update", "projects/_/buckets/old-reports", "2026-11-26T12:00:00Z"),
        entry(
            "e@example.com",
            "storage.buckets.update",
            "projects/_/buckets/reports",
            "2026-11-26T13:00:00Z",
            status={"code": 7},
        ),
        entry("Deployer@example.com", "storage.buckets.update", "projects/_/buckets/reports", "2026-11-26T14:00:00Z"),
        {"textPayload": "something else"},
    ]
    lines, whole = tmp_path / "log.jsonl", tmp_path / "log.json"
    lines.write_text("\n".join(map(json.dumps, found)))
    whole.write_text(json.dumps(found))
    assert audit.read(lines) == audit.read(whole)
    bucket = Step(
        urn=f"{URN}{BUCKET}::b", op="update", new={"type": BUCKET, "id": "reports", "inputs": {"name": "reports"}}
    )
    said = audit.likely(bucket, audit.read(lines), deployer="deployer@example.com")
    assert said == "bob@example.com (storage.setIamPermissions, 2026-11-26T10:00:00Z); before that by ann@example.com"
    grant = Step(urn=f"{URN}{MEMBER}::g", op="delete", old={"type": MEMBER, "inputs": {"bucket": "reports"}})
    assert audit.likely(grant, audit.read(lines)).startswith("Deployer@example.com")
    other = Step(urn=f"{URN}{BUCKET}::b", op="update", new={"type": BUCKET, "id": "nothing", "inputs": {}})
    assert audit.likely(other, audit.read(lines)) == ""


@pytest.mark.parametrize("text", ["{", "[{]", "\x80"])
def test_unreadable_audit_logs_are_a_sentence(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it."""
    path = tmp_path / "log"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ReviewError, match="the audit log"):
        audit.read(path)


def test_exit_codes(tmp_path: Path) -> None:
    """0 where nothing differs, 1 where something does, 2 where the run did not come to its end."""
    same = [step("refresh", BUCKET, "b", old={"x": "1"}, new={"x": "1"})]
    files = write(tmp_path, same)
    words = ["drift", "--digest", str(files["digest"]), "--events", str(files["events"]), "-o", str(tmp_path / "o.md")]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "nothing differs" in (tmp_path / "o.md").read_text()
    drifted = ["drift", "--digest", str(FILES["digest"]), "--events", str(FILES["events"])]
    assert CliRunner().invoke(app, drifted).exit_code == 1
    files = write(tmp_path, same, events=events_of(same, summary=False))
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ReviewError)
    assert "did not come to its end" in str(done.exception)


def test_issue_keeps_the_limit_and_says_what_is_missing(tmp_path: Path) -> None:
    """Thousands of drifted resources with long names; hostile ones are inert."""
    steps = [step("update", BUCKET, f"<b>{i}" + "@x" * 40, old={"x": "1"}, new={"x": "`" * 90}) for i in range(2_000)]
    steps.append(step("refresh", BUCKET, "same", old={}, new={}))
    text = drift.write(drift.Night(review=build(**write(tmp_path, steps)), who={}))
    assert comment.length(text) <= drift.LIMIT
    assert "more resources do not fit here" in text
    assert "<b>" not in text.replace("`<b>", "")
    assert "the audit log names nobody" in text

"""Files that are damaged anywhere: each is reviewed, or refused with a sentence; nothing else ever happens."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from review import comment, document, drift, guard, judged, junit, loosened, oscal, page, sarif, summary
from review.build import build
from review.compare import compare
from review.model import Review
from review.problems import ReviewError
from tests.review import record
from tests.review.making import RECORDED, recorded


def issue(review: Review) -> str:
    """As the nightly one."""
    return drift.write(drift.Night(review=review))


WRITERS = (comment.write, page.write, document.write, sarif.write, junit.write, issue)
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
JUNK: tuple[Any, ...] = (
    float("inf"),
    float("nan"),
    10**40,
    "9" * 5000,
    None,
    True,
    -1,
    1.5,
    "",
    "x",
    "\u202e\0",
    [],
    {},
    [None],
    {"a": None},
    SECRET,
    [[]],
)
NAMES = ("access", "drift", "destroy", "up", "create", "remedy")


def read(name: str) -> tuple[Any, list[Any]]:
    """Digest and events of a recording."""
    files = record.files(name, RECORDED)
    digest, events = files["digest"], files["events"]
    assert events is not None
    lines = [json.loads(line) for line in events.read_text().splitlines()]
    return (json.loads(digest.read_text()) if digest else None), lines


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to everything inside of a value."""
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(part, (*path, key))


def damage(value: Any, draw: st.DataObject) -> None:
    """One thing somewhere in it becomes another, goes, or comes twice."""
    found = list(places(value))
    if not found:
        return
    *way, last = draw.draw(st.sampled_from(found))
    for key in way:
        value = value[key]
    match draw.draw(st.sampled_from(("other", "gone", "twice"))):
        case "other":
            value[last] = copy.deepcopy(draw.draw(st.sampled_from(JUNK)))
        case "gone":
            del value[last]
        case _ if isinstance(value, list):
            value.append(copy.deepcopy(value[last]))


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), st.data())
def test_damage_is_read_around_or_refused(name: str, draw: st.DataObject) -> None:
    """Whatever is wrong, wherever it is: every output, or one sentence."""
    digest, events = read(name)
    for _ in range(draw.draw(st.integers(1, 3))):
        damage(draw.draw(st.sampled_from(([digest] if digest else []) + events)), draw)
    with tempfile.TemporaryDirectory() as folder:
        printed, log = Path(folder, "digest.json"), Path(folder, "events.jsonl")
        printed.write_text(json.dumps(digest))
        log.write_text("".join(json.dumps(event) + "\n" for event in events))
        with contextlib.suppress(ReviewError):
            review = build(digest=printed if digest and draw.draw(st.booleans()) else None, events=log)
            assert all(write(review) for write in (*WRITERS, *(w for _, w in oscal.KINDS.values())))
        with contextlib.suppress(ReviewError):
            guard.problems(guard.read(log), guard.Pack(version="1.0.0", levels={}, resource_rules=frozenset()))


JUDGEMENT: dict[str, Any] = {
    "version": "1.0.0",
    "counts": {"pass": 3, "waived": 1},
    "waived": [
        {
            "rule": "bucket-private",
            "clause": "ACC-3",
            "outcome": "waived",
            "severity": "high",
            "urn": "u",
            "waiver": {"owner": "platform-team", "expires": "2027-01-01", "reason": "because"},
        }
    ],
}
VERDICT: dict[str, Any] = {"rule": "r", "outcome": "not_applicable", "urn": "u", "message": "m", "clause": "ACC-3"}
REVIEWS: list[Any] = [
    {
        "user": {"login": "ann", "type": "User"},
        "state": "APPROVED",
        "commit_id": "c",
        "author_association": "MEMBER",
    }
]
CLAUSES: list[Any] = [
    {
        "clause": "ACC-1",
        "sha256": "0",
        "resources": [{"resource": "r", "checks": [{"rule": "r", "outcome": "fail"}]}],
    }
]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_damage_beside_the_run_is_a_sentence(draw: st.DataObject) -> None:
    """The pack's judgement, verdicts, the platform's reviews, the bundle before, what another job reviewed."""
    judgement, verdict, reviews, clauses = copy.deepcopy((JUDGEMENT, VERDICT, REVIEWS, CLAUSES))
    reviewed = json.loads(document.write(recorded()))
    for one in (judgement, verdict, reviews, clauses, reviewed):
        for _ in range(draw.draw(st.integers(1, 3))):
            damage(one, draw)
    files = record.files("quiet", RECORDED)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "file.json")
        for given_, taken in (
            (judgement, lambda: build(digest=files["digest"], events=files["events"], judgement=path)),
            (verdict, lambda: build(digest=files["digest"], events=files["events"], results=path)),
            (reviews, lambda: loosened.approvers((), path, author="x", commit="c")),
            (clauses, lambda: compare(clauses, CLAUSES)),
            (clauses, lambda: compare(CLAUSES, clauses)),
        ):
            path.write_text(json.dumps(given_))
            with contextlib.suppress(ReviewError):
                taken()
        path.write_text(json.dumps(reviewed))
        (row,) = summary.read([path])
        summary.write([row]).encode("utf-8")
        assert row.verdict in summary._ORDER


def test_line_separators_inside_of_a_verdict_do_not_end_it(tmp_path: Path) -> None:
    """Python takes U+2028 for the end of a line, JSON does not."""
    path = tmp_path / "results.jsonl"
    path.write_text(json.dumps({**VERDICT, "message": "one\u2028two"}, ensure_ascii=False) + "\n", encoding="utf-8")
    (found,) = judged.read_results(path)
    assert found["message"] == "one\u2028two"


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(NAMES), st.integers(0, 200_000))
def test_a_log_cut_anywhere_is_told(name: str, at: int) -> None:
    """What is left is reviewed and never called clear."""
    events = record.files(name, RECORDED)["events"]
    assert events is not None
    data = events.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "events.jsonl")
        log.write_bytes(data[: min(at, len(data) - 2)])
        try:
            review = build(digest=None, events=log)
        except ReviewError:
            return  # cut inside of a character
        assert review.verdict in ("blocked", "failed", "unproven")
        assert any("did not finish" in limit or "in the middle of a line" in limit for limit in review.limits)


def test_logs_of_two_runs_in_one_file_are_refused(tmp_path: Path) -> None:
    """Appended or interleaved."""
    one, two = ((RECORDED / f"{name}.events.jsonl").read_text().splitlines() for name in ("up", "quiet"))
    log = tmp_path / "events.jsonl"
    for mixed in ([*one, *two], [line for pair in zip(one, two, strict=False) for line in pair]):
        log.write_text("\n".join(mixed))
        with pytest.raises(ReviewError, match="more than one run"):
            build(digest=None, events=log)


def test_a_stack_export_is_a_run_without_changes(tmp_path: Path) -> None:
    """Its rights are held, nothing is changed, and a judgement of it is told above the fold."""
    digest, _ = read("quiet")
    export = {"version": 3, "deployment": {"resources": [step["newState"] for step in digest["steps"]]}}
    path, results = tmp_path / "export.json", tmp_path / "results.jsonl"
    path.write_text(json.dumps(export))
    urn = next(step["urn"] for step in digest["steps"] if step["urn"].endswith("::invoices"))
    results.write_text(json.dumps({"rule": "storage-versioning", "outcome": "fail", "urn": urn, "message": "is off"}))
    review = build(digest=path, events=None, results=results)
    assert (review.counts, review.changes, review.gained) == ({"same": len(digest["steps"])}, (), ())
    assert len(review.held) > 3
    assert (review.verdict, "finds 1 violation" in review.headline) == ("unproven", True)
    above = comment.write(review).partition("<details>")[0]
    assert "**Breaks the policy, by a judgement of the digest**" in above
    assert "not changed here" not in above

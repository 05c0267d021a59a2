"""Input: what is read, what is refused with a sentence, and what a review says that it cannot say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from review.build import build
from review.mask import SIGNATURE
from review.problems import ReviewError
from tests.review.making import BUCKET, RECORDED, events_of, policy, recorded, review_of, step, write

ONE = [step("create", BUCKET, "b", new={"name": "b"})]


def test_recorded_change_is_read_whole() -> None:
    """Counts, pack and verdict are those of the engine's own summary."""
    review = recorded()
    assert review.counts == {"create": 4, "delete": 3, "replace": 5, "same": 13, "update": 4}
    assert review.packs == {"secure-hosting": "1.0.0"}
    assert (review.verdict, review.stack, review.project) == ("blocked", "small", "recorded")
    assert len([f for f in review.violations if f.blocking]) > 50
    assert review.limits == ()


def test_events_alone_tell_the_changes() -> None:
    """`up` prints no digest: its event log has the steps, without the engine's own default providers."""
    review = build(digest=None, events=RECORDED / "up.events.jsonl")
    assert review.counts == {"create": 25}
    assert review.preview is False
    assert review.verdict == "unproven"
    assert any("no digest" in limit for limit in review.limits)
    assert any("did not run" in limit for limit in review.limits)


def test_digest_alone_says_what_it_cannot_say() -> None:
    """A digest never holds policy results: silence is not a pass."""
    review = recorded(events=None, results=None)
    assert (review.verdict, review.errors) == ("failed", ("preview failed",))
    assert "not proven" in review.headline
    assert any("cannot be said from a digest alone" in limit for limit in review.limits)
    assert review.checks == ()


def test_clean_digest_alone_is_not_clear(tmp_path: Path) -> None:
    """Without a log there is no proof that anything was judged."""
    assert build(digest=write(tmp_path, ONE)["digest"], events=None).verdict == "unproven"


def test_digest_and_log_of_the_same_steps_with_other_values_are_refused(tmp_path: Path) -> None:
    """Yesterday's digest beside today's log. Secrets are spelt in two ways in any run."""
    marked = {SIGNATURE: "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}
    said, logged = (step("create", BUCKET, "b", new={"a": "1", "s": s}) for s in ("[secret]", marked))
    files = write(tmp_path, [said], events=events_of([logged]))
    assert build(**files).counts == {"create": 1}
    other = step("create", BUCKET, "b", new={"a": "2", "s": marked})
    files = write(tmp_path, [said], events=events_of([other]))
    with pytest.raises(ReviewError, match=r"different runs: .* has other values"):
        build(**files)


def test_what_is_imported_and_changed_at_once_is_both() -> None:
    """The engine makes two steps of it; its own count of imports is the one of the review."""
    review = build(digest=RECORDED / "import.digest.json", events=RECORDED / "import.events.jsonl")
    found = {c.name: (c.op, c.reasons[-1], [a.path for a in c.attributes]) for c in review.changes}
    assert found["fits"][:2] == ("import", "is imported")
    assert found["differs"] == ("update", "is imported", ["forceDestroy", "labels.owner", "storageClass"])
    assert not [limit for limit in review.limits if "not complete" in limit]


def test_half_a_replacement_is_a_replacement(tmp_path: Path) -> None:
    """The engine logs three steps for it, in an order of its own."""
    names = ("create-replacement", "replace", "delete-replaced")
    old, new = {"name": "b", "location": "A"}, {"name": "b", "location": "B"}
    for order in (names, names[::-1]):
        steps = [step(op, BUCKET, "b", old=old, new=new) for op in order]
        lines = tmp_path / f"{order[0]}.jsonl"
        lines.write_text("".join(json.dumps(e) + "\n" for e in events_of(steps)))
        (change,) = build(digest=None, events=lines).changes
        assert (change.op, change.loss) == ("replace", "lost")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda lines: [*lines[:2], "{broken", *lines[2:]], "is damaged"),
        (lambda lines: [*lines, *lines], "more than one run"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "lines were moved"),
        (lambda lines: [*lines[:2], "[1]", *lines[2:]], "not an event"),
        (lambda lines: [*lines[:1], '{"sequence": 1, "resourcePreEvent": {}}', *lines[2:]], "unexpected shape"),
    ],
)
def test_damaged_logs_are_refused(tmp_path: Path, damage: object, words: str) -> None:
    """With the line, and never as a traceback."""
    files = write(tmp_path, ONE)
    lines = files["events"].read_text().splitlines()
    files["events"].write_text("\n".join(damage(lines)) + "\n")  # type: ignore[operator]
    with pytest.raises(ReviewError, match=words):
        build(**files)


def test_truncated_log_proves_nothing(tmp_path: Path) -> None:
    """The half line is not guessed at; the verdict is not clear."""
    files = write(tmp_path, ONE)
    files["events"].write_text(files["events"].read_text()[:-40])
    review = build(**files)
    assert review.verdict == "unproven"
    assert any("middle of a line" in limit for limit in review.limits)
    assert any("no summary" in limit for limit in review.limits)


@pytest.mark.parametrize(
    "other",
    [
        [step("create", BUCKET, "c", new={"name": "c"})],
        [step("delete", BUCKET, "b", old={"name": "b"})],
        [*ONE, step("delete", BUCKET, "c", old={"name": "c"})],
    ],
)
def test_files_of_different_runs_are_refused(tmp_path: Path, other: list[dict[str, object]]) -> None:
    """A digest of one run beside the log of another would show a clean review of something else."""
    first, second = write(tmp_path / "1", ONE), write(tmp_path / "2", other)
    with pytest.raises(ReviewError, match="different runs"):
        build(digest=first["digest"], events=second["events"])


def test_several_stacks_are_refused(tmp_path: Path) -> None:
    """One review speaks of one stack."""
    stranger = json.loads(json.dumps(ONE[0]).replace("urn:pulumi:prod", "urn:pulumi:small"))
    with pytest.raises(ReviewError, match="several stacks: example/prod, example/small"):
        review_of(tmp_path, [*ONE, stranger])


def test_unknown_events_are_counted(tmp_path: Path) -> None:
    """A newer engine says more; the review goes on and shows it."""
    review = review_of(tmp_path, ONE, {"quantumEvent": {}}, {"quantumEvent": {}})
    assert review.unknown_events == {"quantumEvent": 2}


def test_unknown_operations_are_refused(tmp_path: Path) -> None:
    """What happens to a resource is never guessed."""
    with pytest.raises(ReviewError, match="operation 'transmute'"):
        review_of(tmp_path, [step("transmute", BUCKET, "b", new={})])


def test_a_property_that_looks_like_a_debug_line_hides_nothing(tmp_path: Path) -> None:
    """Debug lines are skipped unread; a resource with a property `severity: debug` is not one of them."""
    steps = [step("create", BUCKET, "b", new={"x": {"severity": "debug"}})]
    files = write(tmp_path, steps)
    files["events"].write_text(files["events"].read_text().replace('": "', '":"'))
    assert build(digest=None, events=files["events"]).counts == {"create": 1}


@pytest.mark.parametrize("text", ["", "[]", "{", "null", '{"steps": [1]}', '{"steps": 7}', "[" * 100_000])
def test_files_that_are_no_digest_are_refused(tmp_path: Path, text: str) -> None:
    """Whatever they are."""
    path = tmp_path / "digest.json"
    path.write_text(text)
    with pytest.raises(ReviewError):
        build(digest=path, events=None)


def test_summary_that_counts_more_is_told(tmp_path: Path) -> None:
    """A digest from which steps were cut does not pass for a whole one."""
    path = tmp_path / "digest.json"
    path.write_text(json.dumps({"steps": ONE, "changeSummary": {"create": 1, "delete": 2}}))
    assert any("2 to delete, of which 0 are listed" in limit for limit in build(digest=path, events=None).limits)


def test_findings_are_read_from_the_packs_words(tmp_path: Path) -> None:
    """Clause, title, what was found where, and what to write."""
    (finding,) = review_of(tmp_path, ONE, {"policyEvent": policy("bucket-private", "b")}).findings
    assert (finding.clause, finding.title, finding.path) == ("ACC-3", "Buckets are private", "publicAccessPrevention")
    assert (finding.found, finding.fix, finding.blocking) == ("publicAccessPrevention: is not set", "y", True)


def test_undetermined_is_not_a_violation(tmp_path: Path) -> None:
    """The pack says in its message that it could not decide."""
    message = "ENC-1 Buckets have a key\n  where  x\n  undetermined  encryption: known after apply\n  fix    y"
    review = review_of(tmp_path, ONE, {"policyEvent": policy("bucket-key", "b", message=message, level="advisory")})
    assert [f.outcome for f in review.findings] == ["undetermined"]
    assert review.violations == ()


def test_judgement_names_waivers_and_counts(tmp_path: Path) -> None:
    """The event log cannot tell a waiver from a pass; the pack's own summary of the run can."""
    files = write(tmp_path, ONE)
    waiver = {"owner": "platform-team", "expires": "2027-11-30", "reason": "customers order without an account"}
    entry = {"rule": "bucket-private", "clause": "ACC-3", "outcome": "waived", "severity": "high", "waiver": waiver}
    summary = {
        "version": "1.0.0",
        "counts": {"checks": 3, "pass": 2, "waived": 1},
        "waived": [{**entry, "urn": ONE[0]["urn"]}],
    }
    path = tmp_path / "judgement.json"
    path.write_text(json.dumps(summary))
    review = build(**files, judgement=path)
    assert [(f.owner, f.expires) for f in review.of("waived")] == [("platform-team", "2027-11-30")]
    assert review.checks_by_outcome == {"pass": 2, "waived": 1}


def test_judgement_of_another_pack_is_told(tmp_path: Path) -> None:
    """Files of different runs do not vouch for each other."""
    path = tmp_path / "judgement.json"
    path.write_text(json.dumps({"version": "0.9.0", "counts": {}}))
    review = build(**write(tmp_path, ONE), judgement=path)
    assert any("pack version 0.9.0, but 1.0.0 ran" in limit for limit in review.limits)


def test_not_applicable_and_reasons_come_from_the_verdicts() -> None:
    """The engine's log names passes and failures alone; its word stands where both speak."""
    review = recorded()
    outcomes = {c.outcome for c in review.checks}
    assert {"pass", "fail", "not_applicable"} <= outcomes
    assert all(c.clause for c in review.checks if c.outcome != "pass")
    engine = {(f.rule, f.urn) for f in review.findings if f.level}
    assert engine <= {(c.rule, c.urn) for c in review.checks if c.outcome in ("fail", "undetermined") and c.by_engine}

"""The guard by command: a run that does not count, a change that loosens its own judge, and a plan nobody reviewed."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from review import guard, loosened, plan
from review.problems import ReviewError
from tests.recording import ROOT
from tests.tools import logs

RULE = {
    "rule": "key-rotates",
    "level": "mandatory",
    "scope": "resource",
    "types": ["a", "b"],
    "waivable": False,
    "parameters": {"days": 90},
}
WAIVER = """waivers:
  - rule: key-rotates
    resource: orders
    owner: platform-team
    reason: the partner rotates it
    compensating_control: an alert
    expires: {expires}
"""


def git(folder: Path, *words: str) -> None:
    """A git command that needs no settings of the user."""
    settings = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *settings, "-C", str(folder), *words], check=True, capture_output=True)


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A repository with a small pack of one rule, as the commands see it, on a branch of its own."""
    folder = tmp_path / "house"
    (folder / "policies").mkdir(parents=True)
    (folder / "policies/PulumiPolicy.yaml").write_text("name: secure-hosting\nversion: 1.2.0\n")
    write_pack(folder, RULE)
    (folder / "policies/waivers.yaml").write_text("waivers: []\n")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "the policy")
    git(folder, "switch", "-qc", "change")
    return folder


def write_pack(folder: Path, *rules: dict[str, Any]) -> None:
    """A pack that lists these rules."""
    lines = "\n".join(json.dumps(rule) for rule in rules)
    (folder / "policies/__main__.py").write_text(f"print({lines!r})\n")


def events(tmp_path: Path) -> Path:
    """A log in which the one rule was on and the stack was judged."""
    only = frozenset({"key-rotates"})
    stack = {"policyAnalyzeStackSummaryEvent": logs.about_pack(passed=[])}
    return logs.write(
        tmp_path / "events.jsonl",
        [*logs.judged(logs.URN, "key-rotates", on=only), logs.pre(logs.URN), stack, logs.end()],
    )


def run(house: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, on the small pack."""
    command = [sys.executable, "-m", "review", "guard", "--pack", str(house / "policies"), *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_run_that_was_judged_counts(house: Path, tmp_path: Path) -> None:
    """Exit code 0, and what was judged is told."""
    done = run(house, "--events", str(events(tmp_path)), "--base", "main")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "secure-hosting 1.2.0 judged 1 resources and the stack; nothing was lowered\n"


def test_a_run_without_the_pack_does_not_count(house: Path, tmp_path: Path) -> None:
    """Exit code 1, with the reasons; the same as JSON."""
    path = logs.write(tmp_path / "events.jsonl", [logs.pre(logs.URN), logs.end(version=None)])
    done = run(house, "--events", str(path))
    assert done.returncode == 1
    assert "the policy pack secure-hosting did not run" in done.stderr
    said = json.loads(run(house, "--events", str(path), "--json").stdout)
    assert said["exit_code"] == 1
    assert "the policy pack secure-hosting did not run" in said["problems"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"level": "advisory"}, "key-rotates is advisory and was mandatory"),
        ({"types": ["a"]}, "key-rotates no longer judges b"),
        ({"waivable": True}, "key-rotates can be waived now"),
        ({"parameters": {"days": 365}}, "key-rotates has other thresholds"),
    ],
)
def test_a_loosened_rule_needs_a_second_approver(
    house: Path, tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    """Exit code 4; two people besides the author are enough, the author and one are not."""
    write_pack(house, {**RULE, **change})
    given = ["--events", str(events(tmp_path)), "--base", "main", "--author", "jane"]
    done = run(house, *given, "--approved-by", "Jane", "--approved-by", "ann")
    assert done.returncode == 4
    assert words in done.stderr
    done = run(house, *given, "--approved-by", "bob", "--approved-by", "ann")
    assert done.returncode == 0
    assert f"loosened: {words}" in done.stdout
    assert "with the approval of ann, bob" in done.stdout


def test_a_rule_that_is_gone_or_tightened(house: Path, tmp_path: Path) -> None:
    """The one is loosened, the other is nobody's business."""
    other = {**RULE, "rule": "other", "level": "mandatory"}
    assert loosened.rules([RULE, other], [RULE]) == ["the rule other is gone"]
    assert loosened.rules([{**RULE, "level": "advisory"}], [{**RULE, "types": ["a", "b", "c"]}]) == []
    assert loosened.rules([RULE], [RULE, other]) == []


def test_committed_configuration_is_compared(house: Path, tmp_path: Path) -> None:
    """Whatever it sets: a threshold has no direction that a program could know."""
    (house / "policies/config.json").write_text('{"key-rotates": {"days": 365}}')
    done = run(house, "--events", str(events(tmp_path)), "--base", "main")
    assert (done.returncode, 'config.json sets key-rotates to {"days": 365}' in done.stderr) == (4, True)


def test_a_new_waiver_says_what_needs_it(house: Path, tmp_path: Path) -> None:
    """By the judgement of the run."""
    (house / "policies/waivers.yaml").write_text(WAIVER.format(expires="2027-01-31"))
    judgement = tmp_path / "judgement.json"
    judgement.write_text(json.dumps({"counts": {}, "waived": [{"rule": "key-rotates", "urn": logs.URN}]}))
    done = run(house, "--events", str(events(tmp_path)), "--base", "main", "--judgement", str(judgement))
    assert done.returncode == 4
    assert "the waiver of key-rotates for orders is new; this change needs it for orders" in done.stderr


def test_a_longer_waiver_counts_a_shorter_one_does_not(house: Path, tmp_path: Path) -> None:
    """Nor does another wording of the same one."""
    (before := tmp_path / "before").mkdir()
    (before / "waivers.yaml").write_text(WAIVER.format(expires="2027-01-31"))
    (house / "policies/waivers.yaml").write_text(WAIVER.format(expires="2027-02-28"))
    (found,) = loosened.waivers(before, house / "policies")
    assert found.endswith("reaches further: until 2027-02-28, was 2027-01-31")
    (house / "policies/waivers.yaml").write_text(WAIVER.format(expires="2026-12-31").replace("an alert", "two alerts"))
    assert loosened.waivers(before, house / "policies") == []


def test_unknown_base_is_a_sentence(house: Path, tmp_path: Path) -> None:
    """A shallow clone does not have it."""
    done = run(house, "--events", str(events(tmp_path)), "--base", "origin/main")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert "origin/main cannot be compared with" in done.stderr


def review(
    login: str, state: str, commit: str = "abc", kind: str = "User", association: str = "MEMBER"
) -> dict[str, Any]:
    """An entry of GitHub's list."""
    user = {"login": login, "type": kind}
    return {"user": user, "state": state, "commit_id": commit, "author_association": association}


def test_the_last_word_of_people_on_this_commit_counts(tmp_path: Path) -> None:
    """Neither programs, nor the author, nor approvals that were taken back or are of another commit."""
    path = tmp_path / "reviews.json"
    given = [
        review("ann", "APPROVED"),
        review("bob", "APPROVED"),
        review("bob", "CHANGES_REQUESTED"),
        review("carl", "CHANGES_REQUESTED"),
        review("carl", "APPROVED"),
        review("carl", "COMMENTED"),
        review("dora", "APPROVED", commit="old"),
        review("jane", "APPROVED"),
        review("robot", "APPROVED", kind="Bot"),
        review("stranger", "APPROVED", association="CONTRIBUTOR"),
        review("passer-by", "APPROVED", association="NONE"),
        {**review("ghost", "APPROVED"), "user": None},
    ]
    path.write_text(json.dumps(given))
    assert loosened.approvers((), path, author="jane", commit="abc") == ["ann", "carl"]
    path.write_text(json.dumps(given[:4]) + "\n" + json.dumps(given[4:-1]))
    assert loosened.approvers((), path, author="jane", commit="abc") == ["ann", "carl"]
    path.write_text("")
    assert loosened.approvers((), path, author="jane", commit="abc") == []
    path.write_text("{}")
    with pytest.raises(ReviewError, match="not a list of reviews"):
        loosened.approvers((), path, author="jane")


def pull_request(house: Path, tmp_path: Path) -> Path:
    """What CI checks out: the merge of a change with main, two commits deep."""
    git(house, "add", ".")
    git(house, "commit", "-qm", "the change")
    git(house, "switch", "-q", "main")
    (house / "other").write_text("main moved on\n")
    git(house, "add", ".")
    git(house, "commit", "-qm", "somebody else's")
    git(house, "merge", "-q", "--no-ff", "-m", "merge", "change")
    shallow = tmp_path / "checkout"
    git(tmp_path, "clone", "-q", "--depth", "2", f"file://{house}", str(shallow))
    return shallow


def test_a_pull_request_that_loosens_the_policy_fails_until_two_others_approve(house: Path, tmp_path: Path) -> None:
    """As the workflow calls it: the merge commit's first parent is the base, the platform's list says who approved."""
    write_pack(house, {**RULE, "level": "advisory"})
    (house / "policies/waivers.yaml").write_text(WAIVER.format(expires="2027-01-31"))
    checkout = pull_request(house, tmp_path)
    path = tmp_path / "reviews.json"
    words = ["--events", str(events(tmp_path)), "--base", "HEAD^1", "--author", "jane", "--commit", "abc"]
    approved: list[dict[str, Any]] = []
    for one, code in ((None, 4), ("jane", 4), ("ann", 4), ("bob", 0)):
        approved += [review(one, "APPROVED")] if one else []
        path.write_text(json.dumps(approved))
        done = run(checkout, *words, "--approvals", str(path))
        assert done.returncode == code, one
        said = done.stderr if code else done.stdout
        assert "key-rotates is advisory and was mandatory" in said
        assert "the waiver of key-rotates for orders is new" in said


def test_a_pull_request_that_loosens_nothing_needs_nobody(house: Path, tmp_path: Path) -> None:
    """What main gained in the meantime is not this change's doing."""
    (house / "README").write_text("words\n")
    checkout = pull_request(house, tmp_path)
    path = tmp_path / "reviews.json"
    path.write_text("[]")
    words = ["--events", str(events(tmp_path)), "--base", "HEAD^1", "--author", "jane", "--approvals", str(path)]
    assert run(checkout, *words).returncode == 0


def test_only_the_reviewed_plan_is_applied(house: Path, tmp_path: Path) -> None:
    """By its digest, as the comment shows it or as review.json or a bundle holds it."""
    path = tmp_path / "plan.json"
    path.write_text('{"resourcePlans": {}}')
    wanted = hashlib.sha256(path.read_bytes()).hexdigest()
    (tmp_path / "review.json").write_text(json.dumps({"inputs": [{"name": "plan", "sha256": wanted}]}))
    (tmp_path / "inputs.json").write_text(json.dumps({"plan": wanted}))
    for given in (wanted, str(tmp_path / "review.json"), str(tmp_path)):
        words = ("--events", str(events(tmp_path)), "--plan", str(path), "--reviewed", given)
        assert run(house, *words).returncode == 0
    path.write_text('{"resourcePlans": {} }')
    done = run(house, *words)
    assert (done.returncode, "is not the reviewed one" in done.stderr) == (1, True)
    (tmp_path / "inputs.json").write_text("{}")
    done = run(house, *words)
    assert (done.returncode, "names no plan" in done.stderr) == (2, True)


def test_a_plan_does_what_the_digest_says(tmp_path: Path) -> None:
    """Resource by resource: nothing more, nothing less, nothing else."""
    path = tmp_path / "plan.json"
    steps = {"a": ["create"], "b": ["same"], "c": ["create-replacement", "replace", "delete-replaced"], "d": ["delete"]}
    path.write_text(json.dumps({"resourcePlans": {urn: {"steps": ops} for urn, ops in steps.items()}}))
    said = {"a": "create", "b": "same", "c": "replace", "d": "delete"}
    assert plan.differences(path, said) == []
    assert plan.differences(path, {**said, "b": "update"}) == [
        "the plan would not change b; what was reviewed would update it"
    ]
    assert plan.differences(path, {k: v for k, v in said.items() if k != "d"}) == [
        "the plan would delete d; what was reviewed would not change it"
    ]
    assert plan.differences(path, {**said, "c": "update"}) == [
        "the plan would replace c; what was reviewed would update it"
    ]
    path.write_text("[]")
    with pytest.raises(ReviewError, match="is no plan"):
        plan.differences(path, said)


def test_the_committed_pack_is_read_by_its_own_command() -> None:
    """Version and rules as the guard needs them."""
    pack = guard.pack_of(guard.listing(ROOT / "policies"), guard.version_of(ROOT / "policies"))
    assert pack.version
    assert pack.resource_rules <= set(pack.levels)

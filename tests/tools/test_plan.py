"""A plan is applied only as it was reviewed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools import logs
from tools import events, places, plan, run
from tools.refusal import Refusal
from tools.stacks import Stack

PROD = Stack(name="prod")
SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}


def digest(**inputs: Any) -> dict[str, Any]:
    """A preview that creates a key and leaves a bucket as it is."""
    new = {"inputs": {"name": "orders", **inputs}, "protect": True, "dependencies": ["b", "a"]}
    return {
        "steps": [
            {"op": "create", "urn": logs.URN, "newState": new},
            {"op": "same", "urn": logs.OTHER, "newState": {"inputs": {}}},
        ]
    }


def ran(tmp_path: Path, document: dict[str, Any], *, code: int = 0, stack: Stack = PROD) -> run.Run:
    log = events.read(logs.write(tmp_path / "events.jsonl", logs.good()))
    return run.Run(stack=stack, operation="preview", code=code, seconds=1, log=log, digest=document)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """What a plan rests on, free to be changed; runs are kept in a folder of the test."""
    facts = dict.fromkeys(("sources", "policies", "pack", "engine", "state"), "as it was")
    monkeypatch.setattr(plan, "_facts", lambda stack: {**facts, "stack": stack.name})
    monkeypatch.setattr(places, "local", lambda: tmp_path / "local")
    return facts


@pytest.fixture
def sealed(world: dict[str, str], tmp_path: Path) -> Path:
    """A plan that a proven preview made."""
    file = tmp_path / "plan.json"
    file.write_text('{"resourcePlans": {}}')
    plan.seal(file, ran(tmp_path, digest()))
    return file


def test_what_was_reviewed_is_applied(sealed: Path, tmp_path: Path) -> None:
    """Nothing differs, and what was deployed is written down with commit, plan, pack and state."""
    record = plan.check(sealed, PROD)
    again = digest()
    again["steps"][0]["newState"]["dependencies"] = ["a", "b"]
    plan.compare(record, ran(tmp_path, again))
    kept = json.loads(plan.applied(record, ran(tmp_path, digest())).read_text())
    assert kept["plan"] == record["plan"]
    assert {"stack", "pack", "policies", "sources", "engine", "commit", "applied_commit", "state", "at"} <= set(kept)
    assert kept["changes"] == {"create": 2}


@pytest.mark.parametrize(
    ("fact", "said"),
    [
        ("sources", "differ from those that were previewed"),
        ("policies", "the policy pack differs"),
        ("pack", "another version"),
        ("engine", "the engine has another version"),
        ("state", "the state has moved on"),
    ],
)
def test_a_plan_of_another_world_is_refused(sealed: Path, world: dict[str, str], fact: str, said: str) -> None:
    """Each thing that a plan rests on is held against what it was, and the message says which one moved."""
    world[fact] = "something else"
    with pytest.raises(Refusal, match="nothing was changed") as refusal:
        plan.check(sealed, PROD)
    assert len(refusal.value.details) == 1
    assert said in refusal.value.details[0]


def test_a_plan_of_another_stack_is_refused(sealed: Path) -> None:
    """Both names are told."""
    with pytest.raises(Refusal) as refusal:
        plan.check(sealed, Stack(name="small"))
    assert "made for the stack prod, not for small" in refusal.value.details[0]


def test_a_plan_that_was_changed_is_refused(sealed: Path) -> None:
    """One byte is enough."""
    sealed.write_text(sealed.read_text() + " ")
    with pytest.raises(Refusal) as refusal:
        plan.check(sealed, PROD)
    assert "changed after its preview" in refusal.value.details[0]


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "another value": (lambda d: d["steps"][0]["newState"]["inputs"].update(name="x"), "would write other values"),
    "no protection": (lambda d: d["steps"][0]["newState"].update(protect=False), "would write other values"),
    "a replacement": (lambda d: d["steps"][0].update(op="replace"), "create was reviewed, replace would happen"),
    "one step less": (lambda d: d["steps"].pop(0), "create was reviewed, nothing would happen"),
    "one step more": (lambda d: d["steps"][1].update(op="delete"), "nothing was reviewed, delete would happen"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_preview_that_would_do_something_else_is_refused(case: str, sealed: Path, tmp_path: Path) -> None:
    """The resource and both operations are named."""
    change, said = CHANGES[case]
    fresh = copy.deepcopy(digest())
    change(fresh)
    with pytest.raises(Refusal, match="nothing was changed in prod") as refusal:
        plan.compare(plan.check(sealed, PROD), ran(tmp_path, fresh))
    assert len(refusal.value.details) == 1
    assert said in refusal.value.details[0]


def test_what_cannot_be_compared_makes_no_difference() -> None:
    """Ciphertext differs from export to export; where a resource stands in the program is not what it is."""
    one = digest(password={**SECRET, "ciphertext": "abc"}, sourcePosition="project:///a.py#1")
    other = digest(password={**SECRET, "ciphertext": "xyz"}, sourcePosition="project:///a.py#9")
    assert plan.steps(one) == plan.steps(other)
    assert plan.steps(one) != plan.steps(digest(password="plain"))


def test_a_preview_that_failed_leaves_no_plan(world: dict[str, str], tmp_path: Path) -> None:
    """Neither does one that the pack did not prove: an old plan must not be taken for a new one."""
    for code, unproven in ((1, []), (0, ["the pack did not run"])):
        file = tmp_path / "plan.json"
        file.write_text("{}")
        plan.record_of(file).write_text("{}")
        failed = ran(tmp_path, digest(), code=code)
        failed.unproven = unproven
        plan.seal(file, failed)
        assert not file.exists()
        assert not plan.record_of(file).exists()


def test_only_a_plan_with_its_record_is_applied(sealed: Path, tmp_path: Path) -> None:
    """A plan that `pulumi` itself saved was judged by nobody."""
    with pytest.raises(Refusal, match="there is no plan"):
        plan.check(tmp_path / "other.json", PROD)
    plan.record_of(sealed).write_text("{")
    with pytest.raises(Refusal, match="damaged"):
        plan.check(sealed, PROD)
    plan.record_of(sealed).unlink()
    with pytest.raises(Refusal, match="no record of its preview"):
        plan.check(sealed, PROD)


@pytest.mark.parametrize("words", [["--plan=p.json", "--diff"], ["--plan", "p.json", "--diff"]])
def test_the_flag_is_read_as_the_engine_reads_it(words: list[str]) -> None:
    """With a space or an equals sign; the file is found wherever the engine is started."""
    assert plan.option("--plan", words) == (Path.cwd() / "p.json", ["--diff"])
    assert plan.option("--plan", ["--diff"]) == (None, ["--diff"])
    for broken in (["--plan"], ["--plan="]):
        with pytest.raises(Refusal, match="names no file"):
            plan.option("--plan", broken)


def test_a_plan_rests_on_every_file_that_decides(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A changed component, rule, register or stack file is another source."""
    for name in ("components/a.py", "policies/b.py", "bootstrap/c.yaml", "Pulumi.prod.yaml", "__main__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(places, "ROOT", tmp_path)
    before = plan._digest_of(plan._sources())
    for name in ("components/a.py", "policies/b.py", "bootstrap/c.yaml", "Pulumi.prod.yaml", "__main__.py"):
        (tmp_path / name).write_text("two")
        assert plan._digest_of(plan._sources()) != before, name
        (tmp_path / name).write_text("one")
    (tmp_path / "README.md").write_text("read me")
    assert plan._digest_of(plan._sources()) == before

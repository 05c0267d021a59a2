"""Recovery: what exists comes into the state, what never was is dropped, nothing is there twice."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tools import recover
from tools.refusal import Refusal
from tools.stacks import Stack

PREFIX = "urn:pulumi:prod::secure-hosting::"
ROOT = f"{PREFIX}pulumi:pulumi:Stack::secure-hosting-prod"
PROVIDER = f"{PREFIX}pulumi:providers:gcp::keys"
KEY = f"{PREFIX}hosting:data:Keys$gcp:kms/cryptoKey:CryptoKey::orders"
BUCKET = f"{PREFIX}gcp:storage/bucket:Bucket::exports"


def state(*resources: dict[str, Any], pending: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    base = [
        {"urn": ROOT, "custom": False, "type": "pulumi:pulumi:Stack"},
        {"urn": PROVIDER, "custom": True, "type": "pulumi:providers:gcp", "id": "0000-uuid"},
    ]
    made: dict[str, Any] = {"resources": [*base, *resources]}
    if pending:
        made["pending_operations"] = list(pending)
    return made


def known(urn: str, identity: str) -> dict[str, Any]:
    return {"urn": urn, "custom": True, "type": recover._type(urn), "id": identity, "parent": ROOT}


def creating(urn: str, **more: Any) -> dict[str, Any]:
    return {"type": "creating", "resource": {"urn": urn, "custom": True, "type": recover._type(urn), **more}}


def test_state_that_agrees_is_left_as_it_is() -> None:
    """Recovery of a healthy stack changes nothing."""
    deployment = state(known(KEY, "k1"), known(BUCKET, "b1"))
    before = copy.deepcopy(deployment)
    assert recover.adopt(deployment, [(KEY, "k1"), (BUCKET, "b1")], {}) == []
    assert deployment == before


def test_create_that_took_place_comes_into_the_state_with_its_edges() -> None:
    """The interrupted operation knew parent, provider and dependencies."""
    pending = creating(KEY, parent=BUCKET, provider=f"{PROVIDER}::1", dependencies=[BUCKET], protect=True)
    deployment = state(known(BUCKET, "b1"), pending=(pending,))
    said = recover.adopt(deployment, [(KEY, "k1"), (BUCKET, "b1")], {})
    assert said == ["orders: k1 exists and is now in the state"]
    expected = known(KEY, "k1") | {
        "parent": BUCKET,
        "provider": f"{PROVIDER}::1",
        "dependencies": [BUCKET],
        "protect": True,
    }
    assert deployment["resources"][-1] == expected
    assert "pending_operations" not in deployment


def test_create_that_never_took_place_is_dropped() -> None:
    """The next `up` makes it."""
    deployment = state(pending=(creating(KEY),))
    assert recover.adopt(deployment, [], {}) == ["orders: was never created; the next up creates it"]
    assert [r["urn"] for r in deployment["resources"]] == [ROOT, PROVIDER]
    assert "pending_operations" not in deployment


def test_lost_answer_leaves_no_operation_and_is_found_all_the_same() -> None:
    """What the last run registered gives the edges."""
    seen = {KEY: {"urn": KEY, "parent": ROOT, "provider": f"{PROVIDER}::0000-uuid", "inputs": {"secret": "[secret]"}}}
    deployment = state()
    recover.adopt(deployment, [(KEY, "k1")], seen)
    assert deployment["resources"][-1] == known(KEY, "k1") | {"provider": f"{PROVIDER}::0000-uuid"}


def test_resource_nobody_remembers_gets_the_stack_and_the_provider() -> None:
    """After a damaged state there may be no log either."""
    deployment = state()
    recover.adopt(deployment, [(KEY, "k1")], {})
    assert deployment["resources"][-1] == known(KEY, "k1") | {"provider": f"{PROVIDER}::0000-uuid"}


def test_replacement_that_took_place_marks_the_older_one() -> None:
    """Both exist; the next `up` removes the old one instead of making a third."""
    deployment = state(known(KEY, "old"), pending=(creating(KEY),))
    recover.adopt(deployment, [(KEY, "old"), (KEY, "new")], {})
    entries = [(r["id"], r.get("delete", False)) for r in deployment["resources"] if r["urn"] == KEY]
    assert entries == [("old", True), ("new", False)]


def test_resource_under_another_name_is_not_taken_in_twice() -> None:
    """A renamed resource is known by type and id."""
    deployment = state(known(KEY.replace("orders", "renamed"), "k1"))
    assert recover.adopt(deployment, [(KEY, "k1")], {}) == []


def test_running_it_twice_is_running_it_once() -> None:
    """It can be repeated after any interruption of its own."""
    deployment = state(pending=(creating(KEY), creating(BUCKET)))
    recover.adopt(deployment, [(KEY, "k1")], {})
    once = copy.deepcopy(deployment)
    assert recover.adopt(deployment, [(KEY, "k1")], {}) == []
    assert deployment == once


def test_real_clouds_ask_a_person() -> None:
    """A guess could make the engine delete something."""
    deployment = state(pending=(creating(KEY), creating(BUCKET)))
    with pytest.raises(Refusal, match=r"1 interrupted create\(s\)") as refused:
        recover._decide(deployment, {}, frozenset({BUCKET}))
    assert KEY in str(refused.value)
    assert BUCKET not in str(refused.value)
    recover._decide(deployment, {KEY: "k1"}, frozenset({BUCKET}))


def test_found_pairs_keep_ids_that_hold_an_equals_sign() -> None:
    """Only the first sign divides."""
    assert recover.parse_found([f"{KEY}=a/b=c"]) == {KEY: "a/b=c"}


@pytest.mark.parametrize("pair", ["orders", f"{KEY}=", "=x", "orders=x"])
def test_pair_that_is_none_is_refused(pair: str) -> None:
    """With an example."""
    with pytest.raises(Refusal, match="is not URN=ID"):
        recover.parse_found([pair])


def test_damaged_state_goes_back_to_the_engines_copy() -> None:
    """The damaged file is kept."""
    stack = Stack(name="prod")
    stack.state.parent.mkdir(parents=True)
    stack.state.write_text("{ half")
    good = '{"checkpoint": {"latest": {"manifest": {}, "resources": []}}}'
    stack.state.with_name("prod.json.bak").write_text(good)
    [said] = recover._restore(stack)
    assert "went back to prod.json.bak" in said
    assert stack.state.read_text() == good
    assert stack.state.with_name("prod.json.damaged").read_text() == "{ half"
    assert recover._restore(stack) == []


def test_two_damaged_states_are_left_alone() -> None:
    """Nothing is thrown away; the message says how to start over."""
    stack = Stack(name="prod")
    stack.state.parent.mkdir(parents=True)
    for name in ("prod.json", "prod.json.bak"):
        stack.state.with_name(name).write_text("{ half")
    with pytest.raises(Refusal, match="both damaged; nothing was changed"):
        recover._restore(stack)
    assert stack.state.read_text() == "{ half"

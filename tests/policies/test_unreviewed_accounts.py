"""Who becomes an account while the stack is new: edges decide what names cannot tell yet."""

from __future__ import annotations

import dataclasses

import pytest

from policies.model import UNKNOWN, encode
from policies.rule import Sample
from policies.rules import load_all
from tests.policies.examples import samples, with_value
from tests.policies.test_metamorphic import outcome

RULE = load_all()["federation-unreviewed-only-looks"]
AGREE = load_all()["github-rulesets-agree"]
POOL = Sample("iam/workloadIdentityPool", {"workloadIdentityPoolId": encode(UNKNOWN)}, "pool")
HIDDEN: dict[str, dict[str, tuple[str, ...]]] = {
    "grant": {"member": ("ci",)},
    "lend": {"member": ("pool",), "serviceAccountId": ("ci",)},
    "github": {"workloadIdentityPoolId": ("pool",)},
    "ci": {"accountId": ()},
}
"""What has no name before the first `up`, and where it comes from."""


def first_preview(parts: tuple[Sample, ...]) -> tuple[Sample, ...]:
    """The example before anything exists: names are unknown, the engine's edges are there."""
    made = []
    for part in parts:
        hidden = HIDDEN.get(part.name, {})
        props = {**part.props, **dict.fromkeys(hidden, encode(UNKNOWN))}
        made.append(dataclasses.replace(part, props=props, depends=hidden))
    return (*made, POOL)


@pytest.mark.parametrize(
    ("example", "expected"), [(RULE.good[1], "pass"), (RULE.bad[0], "fail"), (RULE.bad[3], "fail")]
)
def test_edges_tell_what_names_do_not_yet(example: tuple[Sample, ...], expected: str) -> None:
    """A stack whose accounts and pools have no names yet is judged like the same stack later."""
    assert outcome(RULE, first_preview(example)) == expected


def test_a_custom_role_whose_permissions_are_unknown_is_not_condemned() -> None:
    """What such a role allows is known only later."""
    role = Sample("projects/iAMCustomRole", {"roleId": "x", "permissions": encode(UNKNOWN)}, "role")
    first, *rest = samples(RULE, RULE.bad[0])
    grant = dataclasses.replace(first, props={**first.props, "role": encode(UNKNOWN)}, depends={"role": ("role",)})
    assert outcome(RULE, (grant, *rest, role)) == "undetermined"


def test_an_exception_not_known_yet_leaves_the_branch_open() -> None:
    """A ruleset that may except the branch is no proof of a review, and no proof of a contradiction."""
    excludes = "conditions.refName.excludes"
    grant, ci, lend, provider, ruleset = samples(RULE, RULE.good[1])
    hidden = dataclasses.replace(ruleset, props=with_value(ruleset.props, excludes, [encode(UNKNOWN)]))
    assert outcome(RULE, (grant, ci, lend, provider, hidden)) == "undetermined"
    one, other = samples(AGREE, AGREE.bad[0])
    hidden = dataclasses.replace(other, props=with_value(other.props, excludes, [encode(UNKNOWN)]))
    assert outcome(AGREE, (one, hidden)) == "undetermined"


def test_an_unknown_branch_beside_a_shared_one_hides_no_contradiction() -> None:
    """One branch that both cover is enough."""
    one, other = samples(AGREE, AGREE.bad[0])
    names = ["refs/heads/main", encode(UNKNOWN)]
    wider = dataclasses.replace(other, props=with_value(other.props, "conditions.refName.includes", names))
    assert outcome(AGREE, (one, wider)) == "fail"

"""Remediations: what a rule sets for the user makes the resource comply, and nothing else."""

from __future__ import annotations

import dataclasses

import pytest

from policies.model import SECRET_SIGNATURE, SIGNATURE, Resource, Secret
from policies.rule import Rule, Sample
from policies.rules import load_all
from tests.policies.examples import full, graph, samples, with_value

REMEDIES = [
    pytest.param(rule, samples(rule, example), id=f"{rule.id}-{i}")
    for rule in load_all().values()
    if rule.remediate is not None
    for i, example in enumerate(rule.bad)
]


def _outcomes(rule: Rule, resource: Resource) -> set[str]:
    arguments = (rule.params,) if rule.params else ()
    return {finding.kind for finding in rule.check(resource, *arguments)}


@pytest.mark.parametrize(("rule", "parts"), REMEDIES)
def test_remedied_example_complies(rule: Rule, parts: tuple[Sample, ...]) -> None:
    """A bad example with the remedy's values passes the rule that offered them."""
    first, *rest = parts
    bad = graph(parts).resources[0]
    assert bad.type == full(first.type)
    assert rule.remediate is not None
    props = dict(first.props)
    for path, value in rule.remediate(bad):
        wrapped = {SIGNATURE: SECRET_SIGNATURE, "value": bad.raw(path)}
        props = with_value(props, path, wrapped if isinstance(value, Secret) else value)
    mended = graph((dataclasses.replace(first, props=props), *rest)).resources[0]
    assert "fail" not in _outcomes(rule, mended)

"""What was changed past the code shows, also where no preview looks."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from tests.tools import logs
from tools import drift
from tools.stacks import Stack

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "abc"}


def step(old: dict[str, Any], new: dict[str, Any] | None, op: str = "refresh") -> dict[str, Any]:
    """One resource, as it was applied and as it was read back."""
    before, after = ({"custom": True, "outputs": outputs} for outputs in (old, new))
    return {"op": op, "urn": logs.OTHER, "oldState": before, "newState": None if new is None else after}


def said(old: dict[str, Any], new: dict[str, Any] | None, op: str = "refresh") -> list[str]:
    return [f"{d.path}: {d.applied} -> {d.found}" for d in drift.differing(step(old, new, op))]


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"versioning": {"enabled": True}}, {"versioning": {"enabled": False}}, ["versioning.enabled: true -> false"]),
        ({}, {"rpo": "ASYNC_TURBO"}, ['rpo: not set -> "ASYNC_TURBO"']),
        ({"labels": {"a": "b"}}, {}, ['labels: {"a": "b"} -> not set']),
        ({"rules": [{"x": 1}, {"x": 2}]}, {"rules": [{"x": 1}, {"x": 3}]}, ["rules[1].x: 2 -> 3"]),
        ({"members": ["a"]}, {"members": ["a", "b"]}, ['members: ["a"] -> ["a", "b"]']),
        ({"etag": "1", "updateTime": "x", "primaries": [1]}, {"etag": "2", "updateTime": "y", "primaries": [2]}, []),
        ({"a": None, "b": []}, {"b": None, "c": ""}, []),
        ({"password": SECRET}, {"password": {**SECRET, "ciphertext": "xyz"}}, []),
        ({"password": SECRET}, {"password": "hunter2"}, []),
        ({"__defaults": []}, {"__defaults": ["x"]}, []),
    ],
)
def test_a_difference_is_named_by_its_path(old: dict[str, Any], new: dict[str, Any], found: list[str]) -> None:
    """Fields of ours and of the cloud's; not what moves by itself, and never a secret."""
    assert said(old, new) == found


def test_what_is_gone_is_drift() -> None:
    """A deleted resource has no fields to compare."""
    for gone in (step({"a": 1}, None), step({"a": 1}, {"a": 1}, op="delete")):
        (difference,) = drift.differing(gone)
        assert str(difference) == "gcp:storage/bucket:Bucket exports: does not exist any more"


def test_components_and_new_resources_are_not_compared() -> None:
    """A component exists in no cloud."""
    assert list(drift.differing({"op": "refresh", "urn": logs.URN, "oldState": {"custom": False}})) == []
    assert list(drift.differing({"op": "create", "urn": logs.URN, "newState": {"custom": True}})) == []


def test_long_values_are_cut() -> None:
    """One line for one place."""
    (text,) = said({"a": "x" * 500}, {"a": "y" * 500})
    assert len(text) < 140
    assert "…" in text


def found(*differences: drift.Difference, broken: tuple[str, ...] = ()) -> drift.Found:
    return drift.Found(stack=Stack(name="prod"), compared=12, differences=differences, broken=broken, unread=2)


def test_a_clean_night_is_two_lines_and_exit_code_0() -> None:
    """What was not read is said as well."""
    out = io.StringIO()
    drift.show(found(), out=out)
    assert out.getvalue().count("\n") == 1
    assert "12 resources of prod were read back, 2 were not" in out.getvalue()
    assert found().exit_code == 0


def test_drift_and_broken_clauses_are_exit_code_1_with_the_way_back() -> None:
    """Either of them is reason enough to wake somebody."""
    one = drift.Difference(urn=logs.OTHER, path="rpo", applied="not set", found='"X"')
    out = io.StringIO()
    drift.show(found(one, broken=("CHG-1 state-versioned: state: is False",)), out=out)
    assert 'Drift    gcp:storage/bucket:Bucket exports: rpo is "X", applied was not set' in out.getvalue()
    assert "Broken   CHG-1 state-versioned" in out.getvalue()
    assert "Next     find in the audit log" in out.getvalue()
    assert found(one).exit_code == found(broken=("x",)).exit_code == 1
    assert json.loads(drift.as_json(found(one)))["differences"][0]["path"] == "rpo"

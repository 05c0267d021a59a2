"""Faults on demand strike as they do in the real cloud, and what they leave behind is what they would leave there."""

from __future__ import annotations

import os
import time

import grpc
import pytest

from localcloud import faults
from localcloud.faults import Kind
from tests.localcloud.conftest import Engine, Refused

NETWORK = "gcp:compute/network:Network"


def arrange(cloud: Engine, kind: Kind, count: int = 1, operation: str = "create", **more: object) -> None:
    settings = {"type": "*", "name": "*", "seconds": 0.0, **more}
    faults.add(cloud.store, kind=kind, operation=operation, count=count, **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [Kind.too_many, Kind.unavailable])
def test_a_few_429_and_503_are_ridden_out(cloud: Engine, kind: Kind) -> None:
    arrange(cloud, kind, count=3)
    cloud.network()
    assert faults.arranged(cloud.store) == []


def test_too_many_429_reach_the_engine(cloud: Engine) -> None:
    arrange(cloud, Kind.too_many, count=50)
    with pytest.raises(Refused, match=r"Error 429: Quota exceeded.*rateLimitExceeded"):
        cloud.network()
    assert cloud.store.find(NETWORK) == []


def test_latency_makes_wait(cloud: Engine) -> None:
    arrange(cloud, Kind.latency, seconds=0.4)
    begin = time.monotonic()
    cloud.network()
    assert time.monotonic() - begin >= 0.4


def test_a_lost_answer_is_an_error_of_unknown_outcome_after_the_fact(cloud: Engine) -> None:
    arrange(cloud, Kind.lost)
    with pytest.raises(Refused, match="before the answer arrived") as caught:
        cloud.network()
    assert caught.value.code is grpc.StatusCode.UNKNOWN
    assert len(cloud.store.find(NETWORK)) == 1
    with pytest.raises(Refused, match="already exists"):
        cloud.network()


def test_a_crash_comes_when_the_resource_exists(cloud: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    arrange(cloud, Kind.crash)
    with pytest.raises(Refused):
        cloud.network()
    assert codes == [faults.CRASHED]
    assert len(cloud.store.find(NETWORK)) == 1


@pytest.mark.parametrize("operation", ["read", "update", "delete"])
def test_every_operation_can_fail(cloud: Engine, operation: str) -> None:
    network = cloud.network()
    arrange(cloud, Kind.unavailable, count=50, operation=operation)
    calls = {
        "read": lambda: cloud.refresh(network),
        "update": lambda: cloud.update(network, name="private", autoCreateSubnetworks=False, description="x"),
        "delete": lambda: cloud.delete(network),
    }
    with pytest.raises(Refused, match="Error 503"):
        calls[operation]()
    faults.clear(cloud.store)
    calls[operation]()


def test_a_lost_delete_is_recovered_by_deleting_again(cloud: Engine) -> None:
    network = cloud.network()
    arrange(cloud, Kind.lost, operation="delete")
    with pytest.raises(Refused, match="before the answer arrived"):
        cloud.delete(network)
    cloud.delete(network)
    assert cloud.refresh(network) is None


def test_a_fault_strikes_only_what_it_is_meant_for(cloud: Engine) -> None:
    arrange(cloud, Kind.lost, type="gcp:compute/*", name="other")
    arrange(cloud, Kind.lost, type="gcp:sql/*")
    arrange(cloud, Kind.lost, operation="update")
    cloud.network()
    assert len(faults.arranged(cloud.store)) == 3


def test_a_fault_occurs_as_often_as_was_asked_for(cloud: Engine) -> None:
    arrange(cloud, Kind.lost, count=2, operation="read")
    network = cloud.network()
    for _ in range(2):
        cloud.refresh(network)
    arrange(cloud, Kind.lost, count=2, operation="*")
    for name in ("a", "b"):
        with pytest.raises(Refused):
            cloud.create(NETWORK, name, name=name)
    cloud.create(NETWORK, "c", name="c")

"""Typical changes, and exactly what each may cause: the program before and after, compared resource by resource.

What has to be replaced is what the local cloud's tables say of the property (the provider's own word for it).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from localcloud.schema import resource_type
from settings import access as matrix
from tests.recording import ROOT, Recorded, Recording, record_stack, stack_file, today

PROXY = "gcp:iap/webCloudRunServiceIamMember:WebCloudRunServiceIamMember"
ENTITLEMENT = "gcp:privilegedaccessmanager/entitlement:entitlement"
ROW = {
    "group": "stock@example.com",
    "asset": "service/shop-api",
    "access": "use",
    "purpose": "counts what is left on the shelves",
    "reviewed": str(today()),
    "expires": str(today() + timedelta(days=90)),
}
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def before() -> Recording:
    """The small stack as it is committed."""
    return record_stack(stack="small")


def rows(change: Callable[[Rows], object]) -> Rows:
    """The rows of the small stack, changed."""
    found: Rows = copy.deepcopy(dict(matrix.read(ROOT / matrix.FILE, "small").rows))
    change(found)
    return found


def steps(before: Recording, after: Recording) -> dict[str, str]:
    """`<type> <name>` → what becomes of it; what stays is left out."""
    old, new = ({r.urn: r for r in one if r.custom} for one in (before, after))
    found = {f"{new[urn].type} {new[urn].name}": "create" for urn in new.keys() - old.keys()}
    found |= {f"{old[urn].type} {old[urn].name}": "delete" for urn in old.keys() - new.keys()}
    for urn in new.keys() & old.keys():
        if new[urn].inputs != old[urn].inputs:
            found[f"{new[urn].type} {new[urn].name}"] = _how(old[urn], new[urn])
    return found


def _how(old: Recorded, new: Recorded) -> str:
    known: Mapping[str, Any] = resource_type(new.type).properties
    changed = {name for name in {*old.inputs, *new.inputs} if old.inputs.get(name) != new.inputs.get(name)}
    return "replace" if any(known[name].replace for name in changed) else "update"


def test_a_person_joins(before: Recording) -> None:
    """A row for the proxy is one grant; one for a database is the right to connect and a login."""
    database = {**ROW, "asset": "database/shop", "access": "sign-in"}
    after = record_stack(stack="small", access=rows(lambda found: found.update(joins=dict(ROW), counts=database)))
    assert steps(before, after) == {
        f"{PROXY} access-joins": "create",
        "gcp:projects/iAMMember:IAMMember access-counts": "create",
        "gcp:sql/user:User shop-group-stock": "create",
    }


def test_a_person_leaves(before: Recording) -> None:
    """What the row gave is taken, and nothing besides."""
    after = record_stack(stack="small", access=rows(lambda found: found.pop("shop-staff")))
    assert steps(before, after) == {f"{PROXY} access-shop-staff": "delete"}


def test_a_person_changes_team(before: Recording) -> None:
    """The grant of the one team makes room for that of the other."""
    after = record_stack(
        stack="small", access=rows(lambda found: found["shop-staff"].update(group="stock@example.com"))
    )
    assert steps(before, after) == {f"{PROXY} access-shop-staff": "replace"}


def test_a_right_is_prolonged(before: Recording) -> None:
    """A grant with another end is another grant; an entitlement is changed in place."""
    later = {"reviewed": str(today()), "expires": str(today() + timedelta(days=366))}
    names = ("shop-staff", "platform-databases")
    after = record_stack(stack="small", access=rows(lambda found: [found[name].update(later) for name in names]))
    assert steps(before, after) == {
        f"{PROXY} access-shop-staff": "replace",
        f"{ENTITLEMENT} platform-databases": "update",
    }


def test_a_new_service(before: Recording) -> None:
    """It is made with all that belongs to it; what is shared learns of it; nothing is deleted, no store is touched."""
    file = stack_file("small")
    services, workloads = file["secure-hosting:services"], file["secure-hosting:workloads"]
    services["stock-api"] = {**services["shop-api"], "domain": "stock.example.com"}
    workloads["stock-api"] = {"purpose": "tells what is left", "permissions": ["monitoring.timeSeries.create"]}
    found = steps(before, record_stack(file, stack="small"))
    shared = {step.split()[0] for step, how in found.items() if how != "create" or "stock-api" not in step}
    assert shared == {
        "gcp:compute/targetHttpsProxy:TargetHttpsProxy",
        "gcp:compute/uRLMap:URLMap",
        "gcp:monitoring/dashboard:Dashboard",
    }
    assert set(found.values()) == {"create", "update"}
    assert {
        "gcp:cloudrunv2/service:Service stock-api",
        "gcp:monitoring/slo:Slo objective-stock-api",
        "gcp:monitoring/uptimeCheckConfig:UptimeCheckConfig uptime-stock-api",
        "gcp:serviceaccount/account:Account stock-api",
    } <= set(found)


def test_who_is_told_changes_in_place(before: Recording) -> None:
    """One channel, and no right of anybody."""
    file = stack_file("small")
    file["secure-hosting:monitoring"]["email"] = "duty@example.com"
    assert steps(before, record_stack(file, stack="small")) == {
        "gcp:monitoring/notificationChannel:NotificationChannel alerts-email": "update"
    }

"""Devices: access levels ask for encrypted, locked, company-owned machines, and people are bound to them (DEV)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, rule, skip

LEVEL = gcp("accesscontextmanager/accessLevel")
LEVELS = gcp("accesscontextmanager/accessLevels")
CONDITION = gcp("accesscontextmanager/accessLevelCondition")
BINDING = gcp("accesscontextmanager/gcpUserAccessBinding")
_TYPES = (LEVEL, LEVELS, CONDITION)
_DOCS = ("https://cloud.google.com/access-context-manager/docs/access-level-attributes",)
_DEVICE = {
    "requireScreenLock": True,
    "requireCorpOwned": True,
    "allowedEncryptionStatuses": ["ENCRYPTED"],
    "osConstraints": [{"osType": "DESKTOP_MAC", "minimumVersion": "14.0.0"}],
}
_PATH = "basic.conditions[0].devicePolicy"


def _level(name: str = "level", **changes: Any) -> Sample:
    return Sample(LEVEL, {"title": name, "basic": {"conditions": [{"devicePolicy": {**_DEVICE, **changes}}]}}, name)


_NETWORK_ONLY = Sample(LEVEL, {"title": "office", "basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]}})


def _policies(resource: Resource) -> list[View]:
    """The device policies of a level, of each level of a list, or of a single condition."""
    if resource.type == CONDITION:
        return resource.views("devicePolicy")
    levels = resource.views("accessLevels") if resource.type == LEVELS else [resource]
    return [p for level in levels for c in level.views("basic.conditions") for p in c.views("devicePolicy")]


def _device(resource: Resource, check: Callable[[View], Iterable[Finding]]) -> Iterator[Finding]:
    policies = _policies(resource)
    if not policies:
        yield skip("the level says nothing about devices")
    yield from each(policies, check)


@rule(
    id="device-encrypted",
    clause="DEV-1",
    title="Access levels admit encrypted devices only",
    severity="high",
    types=_TYPES,
    decides=(f"{_PATH}.allowedEncryptionStatuses",),
    fix='allowed_encryption_statuses=["ENCRYPTED"]',
    sources=_DOCS,
    traps=(43,),
    good=(
        _level(),
        Sample(CONDITION, {"devicePolicy": _DEVICE}),
        Sample(LEVELS, {"accessLevels": [{"basic": {"conditions": [{"devicePolicy": _DEVICE}]}}]}),
    ),
    bad=(
        _level(allowedEncryptionStatuses=[]),
        _level(allowedEncryptionStatuses=["ENCRYPTED", "UNENCRYPTED"]),
        _level(allowedEncryptionStatuses=["ENCRYPTION_UNSUPPORTED"]),
        Sample(LEVELS, {"accessLevels": [{"basic": {"conditions": [{"devicePolicy": {"requireScreenLock": True}}]}}]}),
    ),
    not_applicable=(_NETWORK_ONLY,),
)
def encrypted(level: Resource) -> Iterator[Finding]:
    """An empty list does not mean "none": it admits every device, encrypted or not."""

    def check(policy: View) -> Iterator[Finding]:
        statuses = policy.items("allowedEncryptionStatuses")
        others = [s for s in statuses if s is not UNKNOWN and str(s).upper() != "ENCRYPTED"]
        if others or policy.words("allowedEncryptionStatuses") == []:
            shown = policy.show("allowedEncryptionStatuses")
            yield fail(policy, "allowedEncryptionStatuses", f"is {shown}: unencrypted devices pass")

    yield from _device(level, check)


def _required(level: Resource, flag: str, without: str) -> Iterator[Finding]:
    def check(policy: View) -> Iterator[Finding]:
        if not policy.flag(flag):
            yield fail(policy, flag, f"is {policy.show(flag)}: {without}")

    yield from _device(level, check)


@rule(
    id="device-locked",
    clause="DEV-1",
    title="Access levels ask for a screen lock",
    severity="high",
    types=_TYPES,
    decides=(f"{_PATH}.requireScreenLock",),
    fix="require_screen_lock=True",
    sources=_DOCS,
    good=(_level(),),
    bad=(_level(requireScreenLock=False), Sample(CONDITION, {"devicePolicy": {"requireCorpOwned": True}})),
    not_applicable=(_NETWORK_ONLY,),
)
def locked(level: Resource) -> Iterator[Finding]:
    """A lost laptop without a lock is an open one, disk encryption or not."""
    yield from _required(level, "requireScreenLock", "devices without a password pass")


@rule(
    id="device-company-owned",
    clause="DEV-1",
    title="Access levels admit company-owned devices only",
    severity="medium",
    types=_TYPES,
    decides=(f"{_PATH}.requireCorpOwned",),
    fix="require_corp_owned=True",
    sources=_DOCS,
    good=(_level(),),
    bad=(_level(requireCorpOwned=False),),
    not_applicable=(_NETWORK_ONLY,),
)
def company_owned(level: Resource) -> Iterator[Finding]:
    """Only on machines of our own can we see that updates arrive and wipe what was lost."""
    yield from _required(level, "requireCorpOwned", "private machines pass")


@rule(
    id="device-conditions-all-hold",
    clause="DEV-1",
    title="An access level about devices is met only when all its conditions are",
    severity="high",
    types=(LEVEL, LEVELS),
    decides=("basic.combiningFunction",),
    absent="pass",
    fix='combining_function="AND"',
    sources=_DOCS,
    good=(Sample(LEVEL, {"basic": {"combiningFunction": "AND", "conditions": [{"devicePolicy": _DEVICE}, {}]}}),),
    bad=(
        Sample(
            LEVEL,
            {
                "basic": {
                    "combiningFunction": "OR",
                    "conditions": [{"devicePolicy": _DEVICE}, {"ipSubnetworks": ["203.0.113.0/24"]}],
                }
            },
        ),
        Sample(LEVEL, {"basic": {"conditions": [{"devicePolicy": _DEVICE, "negate": True}]}}),
    ),
)
def conditions_all_hold(resource: Resource) -> Iterator[Finding]:
    """With OR the office network alone opens the door, and a negated condition admits exactly the devices that fail it.
    The default is AND. Levels whose conditions all ask for a device may be joined by OR."""

    def check(level: View) -> Iterator[Finding]:
        conditions = level.views("basic.conditions")
        asking = [c.has("devicePolicy") for c in conditions]
        if level.upper("basic.combiningFunction", "AND") != "AND" and any(asking) and not all(asking):
            yield fail(level, "basic.combiningFunction", "lets the condition without a device open the door")
        for condition in conditions:
            if condition.has("devicePolicy") and condition.flag("negate"):
                yield fail(condition, "negate", "admits the devices that do not comply")

    yield from each(resource.views("accessLevels") if resource.type == LEVELS else [resource], check)


def _binding(**properties: Any) -> Sample:
    return Sample(BINDING, {"groupKey": "abc", "organizationId": "1", **properties}, "staff")


@rule(
    id="device-people-bound",
    clause="DEV-2",
    title="Groups of people are bound to an access level that judges their device",
    severity="high",
    types=(BINDING,),
    decides=("accessLevels",),
    fix="access_levels=[level.name]",
    sources=("https://cloud.google.com/access-context-manager/docs/create-access-bindings",),
    traps=(43,),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(BINDING, {"groupKey": "abc", "accessLevels": ["managed"]}, "b", {"accessLevels": ("managed",)}),
            _level("managed"),
        ),
        (
            Sample(BINDING, {"scopedAccessSettings": [{"activeSettings": {"accessLevels": ["x"]}}]}, "b"),
            _level("managed"),
        ),
        _binding(accessLevels=["accessPolicies/1/accessLevels/managed"]),
    ),
    bad=(
        _binding(dryRunAccessLevels=["accessPolicies/1/accessLevels/managed"]),
        _binding(accessLevels=[]),
        (
            Sample(BINDING, {"accessLevels": ["office"]}, "b", {"accessLevels": ("example",)}),
            _NETWORK_ONLY,
        ),
    ),
    not_applicable=(_binding(principal={"serviceAccount": "ci@example.iam.gserviceaccount.com"}),),
)
def people_bound(binding: Resource) -> Iterator[Finding]:
    """A binding without a level, or with one in dry run, lets every device in. A level of this stack must ask for a
    device; of levels from elsewhere only the name is known."""
    if binding.has("principal"):
        yield skip("the binding is about a service account")
        return
    path = "accessLevels"
    scoped = [s for s in binding.views("scopedAccessSettings") if s.has("activeSettings.accessLevels")]
    if not binding.has(path) and scoped:
        return
    if not binding.has(path):
        yield fail(binding, path, "is empty: any device will do")
        return
    graph = binding.graph
    levels = graph.targets(binding, path, *_TYPES) if graph else []
    for level in levels:
        custom = str(level.output("custom.expr.expression") or "")
        if not _policies(level) and "device." not in custom and not _condition_apart(level):
            yield fail(binding, path, f"names {level.name}, which asks nothing of the device")
    if not (graph and graph.sources(binding, path, *_TYPES)):
        binding.words(path)


def _condition_apart(level: Resource) -> bool:
    """Whether a condition declared as a resource of its own adds a device policy to the level."""
    dependents = level.graph.dependents(level) if level.graph else []
    return any(r.type == CONDITION and r.has("devicePolicy") for r in dependents)

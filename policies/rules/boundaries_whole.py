"""Boundaries without a gap: what is denied about keys and sinks, and what a device has to be beyond encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.model import UNKNOWN, Resource, View, gcp
from policies.rule import Finding, each, fail, rule, skip

_DENY: Final = gcp("iam/denyPolicy")
_LEVEL: Final = gcp("accesscontextmanager/accessLevel")
_CONDITION: Final = gcp("accesscontextmanager/accessLevelCondition")
_BINDING: Final = gcp("accesscontextmanager/gcpUserAccessBinding")
_DOCS: Final = ("https://cloud.google.com/access-context-manager/docs/access-level-attributes",)


def _denying(*permissions: str) -> dict[str, Any]:
    denied = {"deniedPrincipals": ["principalSet://goog/public:all"], "deniedPermissions": list(permissions)}
    return {"parent": "cloudresourcemanager.googleapis.com%2Fprojects%2Fp", "rules": [{"denyRule": denied}]}


def _whole(id: str, clause: str, title: str, subject: str, permissions: tuple[str, ...], why: str) -> None:
    wanted = {name.lower() for name in permissions}

    def check(policy: Resource) -> Iterator[Finding]:
        denied: set[str] = set()
        unknown: list[View] = []
        for view in policy.views("rules"):
            names = view.raw("denyRule.deniedPermissions")
            listed = names if isinstance(names, list) else [names]
            denied |= {name.lower() for name in listed if isinstance(name, str)}
            if UNKNOWN in listed:
                unknown.append(view)
        missing = [name for name in permissions if name.lower() not in denied]
        if missing and unknown:
            unknown[0].words("denyRule.deniedPermissions")
        elif not denied & wanted:
            yield skip(f"the policy is not about {subject}")
        elif missing:
            yield fail(policy, "rules", f"deny nothing of {', '.join(missing)}")

    rule(
        id=id,
        clause=clause,
        title=title,
        severity="medium",
        types=(_DENY,),
        decides=("rules[0].denyRule.deniedPermissions",),
        absent="not_applicable",
        fix=f"denied_permissions={list(permissions)}",
        why=why,
        sources=("https://cloud.google.com/iam/docs/deny-permissions-support",),
        good=(_denying(*permissions), _denying("iam.googleapis.com/roles.update", *permissions)),
        bad=(_denying(*permissions[1:]), _denying(*permissions[:1], "iam.googleapis.com/roles.update")),
        not_applicable=(_denying("iam.googleapis.com/roles.update"), {"rules": []}),
    )(check)


_whole(
    "deny-keys-whole",
    "ENC-5",
    "Who may not destroy key versions may not disable them either",
    "key versions",
    ("cloudkms.googleapis.com/cryptoKeyVersions.destroy", "cloudkms.googleapis.com/cryptoKeyVersions.update"),
    "Disabled data is lost as well until somebody enables its key, and destruction begins with an update.",
)
_whole(
    "deny-log-path-whole",
    "LOG-2",
    "Who may not take away sinks may not redirect, exclude or empty what they carry either",
    "the way of logs",
    (
        "logging.googleapis.com/sinks.delete",
        "logging.googleapis.com/sinks.update",
        "logging.googleapis.com/exclusions.create",
        "logging.googleapis.com/exclusions.update",
        "logging.googleapis.com/buckets.delete",
    ),
    "An intruder needs one gap: a sink that points elsewhere is as good as one that is gone.",
)


def _devices(level: Resource) -> list[View]:
    if level.type == _CONDITION:
        return level.views("devicePolicy")
    return [p for c in level.views("basic.conditions") for p in c.views("devicePolicy")]


def _level(**policy: Any) -> dict[str, Any]:
    return {"title": "devices", "basic": {"conditions": [{"devicePolicy": policy}]}}


_OS: Final = [{"osType": "DESKTOP_MAC", "minimumVersion": "14.0.0"}]


@rule(
    id="device-os-current",
    clause="DEV-1",
    title="Access levels name the systems they admit, each with its oldest version",
    severity="low",
    types=(_LEVEL, _CONDITION),
    decides=("basic.conditions[0].devicePolicy.osConstraints",),
    fix='os_constraints=[{"os_type": "DESKTOP_MAC", "minimum_version": "14.0.0"}, …]',
    sources=_DOCS,
    good=(_level(osConstraints=_OS), _level(osConstraints=[{"osType": "DESKTOP_CHROME_OS", "minimumVersion": "1.2"}])),
    bad=(_level(osConstraints=[]), _level(osConstraints=[*_OS, {"osType": "DESKTOP_WINDOWS"}])),
    not_applicable=({"title": "office", "basic": {"conditions": [{"ipSubnetworks": ["203.0.113.0/24"]}]}},),
)
def os_current(level: Resource) -> Iterator[Finding]:
    """A list that is left out admits every system in every version, also those that get no fixes any more."""

    def check(policy: View) -> Iterator[Finding]:
        systems = policy.views("osConstraints")
        if not systems:
            yield fail(policy, "osConstraints", "is not set: any version of any system will do")
        for system in systems:
            system.get("")
            if not system.has("minimumVersion"):
                yield fail(system, "minimumVersion", f"is not set for {system.show('osType')}")

    policies = _devices(level)
    if not policies:
        yield skip("the level says nothing about devices")
    yield from each(policies, check)


@rule(
    id="device-managed",
    clause="DEV-1",
    title="Access levels admit managed devices only",
    severity="low",
    types=(_LEVEL, _CONDITION),
    decides=("basic.conditions[0].devicePolicy.allowedDeviceManagementLevels",),
    fix='allowed_device_management_levels=["COMPLETE"]',
    sources=_DOCS,
    good=(_level(allowedDeviceManagementLevels=["COMPLETE"]), _level(allowedDeviceManagementLevels=["basic"])),
    bad=(_level(allowedDeviceManagementLevels=[]), _level(allowedDeviceManagementLevels=["COMPLETE", "NONE"])),
    not_applicable=({"title": "office", "basic": {"conditions": [{"regions": ["DE"]}]}},),
)
def managed(level: Resource) -> Iterator[Finding]:
    """Whether a disk is encrypted is told by the device's management; without it a device says what it likes."""

    def check(policy: View) -> Iterator[Finding]:
        path = "allowedDeviceManagementLevels"
        levels = [str(v).upper() for v in policy.items(path) if v is not UNKNOWN]
        if any(v not in ("COMPLETE", "BASIC") for v in levels) or not policy.words(path):
            yield fail(policy, path, f"is {policy.show(path)}: unmanaged devices pass")

    policies = _devices(level)
    if not policies:
        yield skip("the level says nothing about devices")
    yield from each(policies, check)


@rule(
    id="session-length-switched-on",
    clause="AUT-3",
    title="A session length is switched on in so many words",
    severity="medium",
    types=(_BINDING,),
    decides=("sessionSettings.sessionLengthEnabled",),
    fix='session_settings={"session_length": "43200s", "session_length_enabled": True}',
    sources=("https://cloud.google.com/access-context-manager/docs/reference/rest/v1/SessionSettings",),
    good=({"groupKey": "g", "sessionSettings": {"sessionLength": "3600s", "sessionLengthEnabled": True}},),
    bad=({"groupKey": "g", "sessionSettings": {"sessionLength": "3600s", "sessionLengthEnabled": False}},),
    not_applicable=({"groupKey": "g"},),
)
def session_switched_on(binding: Resource) -> Iterator[Finding]:
    """The interface reads a switch that is left out as off, and then a session never ends."""
    path = "sessionSettings.sessionLengthEnabled"
    if not binding.has("sessionSettings"):
        yield skip("the binding sets no session; another rule asks for one")
    elif not binding.flag(path):
        yield fail(binding, path, f"is {binding.show(path)}: the length is not applied")

"""Every shape in which access is granted: IAM members, bindings and policies, access lists, datasets, just-in-time
entitlements, database users, keys, teams, and what is open to the internet by its own setting."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypedDict

from review import words
from review.mask import UNKNOWN
from review.run import Step

IAM: Final = re.compile(r"^gcp:([a-zA-Z0-9]+)/(\w*?)(?:IAM|Iam|iAM|iam)(Member|Binding|Policy):")
_POLICY_DATA: Final = "gcp:organizations/getIAMPolicy:getIAMPolicy"
_ACLS: Final = ("bucketACL", "defaultObjectACL", "objectACL", "bucketAccessControl", "defaultObjectAccessControl")
_ACL: Final = re.compile(rf"^gcp:storage/(?:{'|'.join(_ACLS)}|objectAccessControl):")
_CANNED: Final = {
    "publicRead": ("READER", "allUsers"),
    "publicReadWrite": ("WRITER", "allUsers"),
    "authenticatedRead": ("READER", "allAuthenticatedUsers"),
}
_BESIDES: Final = frozenset(
    {"role", "member", "members", "condition", "policyData", "etag", "project", "location", "region"}
)
_EVERYWHERE: Final = frozenset({"0.0.0.0/0", "::/0"})
_ACL_MEMBERS: Final = {"user": "user:", "group": "group:", "domain": "domain:"}


class _Limit(TypedDict, total=False):
    expression: str
    title: str
    description: str


@dataclass(frozen=True, kw_only=True)
class Right:
    """One grant, as comparable as can be. `member` and `on` are URNs in angle brackets where known only after apply."""

    member: str
    role: str
    on: str
    expression: str = ""
    title: str = ""
    description: str = ""
    can: str = ""
    urn: str = ""
    broad: bool = False
    """Whether it is a far-reaching one, whatever its role."""

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rights the same."""
        return (folded(self.member), self.role, self.on, self.expression, self.can)


def folded(member: str) -> str:
    head, colon, rest = member.partition(":")
    return (
        f"{head.lower()}:{rest.lower() if head.lower() in ('user', 'group', 'domain', 'serviceaccount') else rest}"
        if colon
        else member
    )


def rights(step: Step, state: dict[str, Any], steps: dict[str, Step]) -> Iterator[Right]:
    """The rights that a resource in a state grants."""
    inputs = state.get("inputs") or {}
    if not state or not isinstance(inputs, dict):
        return
    if match := IAM.match(step.type):
        yield from _iam(step, state, inputs, match, steps)
    elif step.type.startswith(_POLICY_DATA):
        yield from _bindings(inputs.get("bindings"), "whatever the policy is set on", step.urn)
    elif _ACL.match(step.type):
        yield from _acl(step, state, inputs)
    elif step.type.startswith(("gcp:bigquery/dataset:", "gcp:bigquery/datasetAccess:")):
        yield from _dataset(step, state, inputs)
    elif step.type.startswith("gcp:privilegedaccessmanager/entitlement:"):
        yield from _entitlement(step, inputs)
    elif step.type.startswith("gcp:cloudidentity/groupMembership:"):
        who = str((inputs.get("preferredMemberKey") or inputs.get("memberKey") or {}).get("id") or f"<{step.urn}>")
        yield Right(
            member=who,
            role="",
            on=_target("group", "group", state, inputs),
            can="everything its members can",
            urn=step.urn,
        )
    elif step.type.startswith("gcp:serviceaccount/key:"):
        on = _target("service account", "serviceAccountId", state, inputs)
        yield Right(member="whoever holds the key file", role="", on=on, can="act as it", urn=step.urn, broad=True)
    elif step.type.startswith("gcp:sql/user:"):
        yield from _sql_user(step, state, inputs)
    elif step.type.startswith("github:index/"):
        yield from _github(step, state, inputs, steps)
    elif step.type.startswith("gcp:compute/firewall:"):
        yield from _firewall(step, state, inputs)
    elif step.type.startswith("gcp:sql/databaseInstance:"):
        yield from _open_database(step, inputs)


def _iam(
    step: Step, state: dict[str, Any], inputs: dict[str, Any], match: re.Match[str], steps: dict[str, Step]
) -> Iterator[Right]:
    on = iam_target(match, state, inputs)
    if match[3] == "Policy":
        data = inputs.get("policyData")
        try:
            document = json.loads(data) if isinstance(data, str) and UNKNOWN not in data else data
        except ValueError:
            document = None
        if isinstance(document, dict):
            yield from _bindings(document.get("bindings"), on, step.urn)
        return
    role = _role(state, inputs, steps)
    members = inputs.get("members") if match[3] == "Binding" else [inputs.get("member")]
    for who in members if isinstance(members, list) else [members]:
        yield Right(
            member=_known(who, "members" if match[3] == "Binding" else "member", state),
            role=role,
            on=on,
            urn=step.urn,
            **_condition(inputs.get("condition")),
        )


def _bindings(found: Any, on: str, urn: str) -> Iterator[Right]:
    for binding in found if isinstance(found, list) else ():
        if isinstance(binding, dict):
            for who in binding.get("members") or ():
                role = str(binding.get("role", ""))
                yield Right(
                    member=_known(who, "", {}), role=role, on=on, urn=urn, **_condition(binding.get("condition"))
                )


def _condition(condition: Any) -> _Limit:
    if not isinstance(condition, dict):
        return {"expression": "a condition known only after apply"} if condition else {}
    found = [str(condition.get(key) or "") for key in ("expression", "title", "description")]
    expression, title, description = (text.replace(UNKNOWN, "(known after apply)") for text in found)
    return {"expression": expression, "title": title, "description": description}


def _known(value: Any, key: str, state: dict[str, Any]) -> str:
    """The value, or where it will come from."""
    if isinstance(value, str) and value and UNKNOWN not in value:
        return value
    edges = sorted((state.get("propertyDependencies") or {}).get(key) or ())
    return f"<{edges[0]}>" if len(edges) == 1 else "<>"


def _role(state: dict[str, Any], inputs: dict[str, Any], steps: dict[str, Step]) -> str:
    """The role's name; for a custom role known after apply, its name in the program."""
    name = inputs.get("role")
    if isinstance(name, str) and UNKNOWN not in name:
        return name
    edges = sorted((state.get("propertyDependencies") or {}).get("role") or ())
    found = [urn for urn in edges if urn in steps and "CustomRole:" in steps[urn].type]
    return f"custom role {found[0].rsplit('::', 1)[-1]}" if found else ""


def _spaced(camel: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", camel).lower().strip()


_MODULES: Final = {
    "projects": ("project", "project"),
    "organizations": ("organization", "orgId"),
    "folder": ("folder", "folder"),
    "serviceaccount": ("service account", "serviceAccountId"),
}


def iam_target(match: re.Match[str], state: dict[str, Any], inputs: dict[str, Any]) -> str:
    module, kind = match[1], match[2]
    if not kind and module in _MODULES:
        return _target(*_MODULES[module], state, inputs)
    own = [key for key in inputs if key not in _BESIDES and not key.startswith("__")]
    exact = [key for key in own if key.lower() in (kind.lower(), f"{kind.lower()}id", f"{kind.lower()}name", "name")]
    chosen = sorted(exact or own)
    return _target(_spaced(kind) or module, chosen[0], state, inputs) if chosen else _spaced(kind) or module


def _target(kind: str, key: str, state: dict[str, Any], inputs: dict[str, Any]) -> str:
    """`bucket invoices`; `<bucket urn>` where its name is known only after apply."""
    value = inputs.get(key)
    if value is None and key == "project":
        return "the provider's project"
    if isinstance(value, str) and UNKNOWN not in value:
        return f"{kind} {_short(value)}"
    found = _known(value, key, state)
    return f"<{kind} {found[1:-1]}>" if len(found) > 2 else f"a {kind} known only after apply"


def _short(path: str) -> str:
    """`logs in key ring data, project p` out of `projects/p/locations/l/keyRings/data/cryptoKeys/logs`."""
    parts = [part for part in path.split("/") if part != "global"]
    if len(parts) < 4 or len(parts) % 2 or "" in parts or parts[0] not in ("projects", "folders", "organizations"):
        return path
    pairs = list(zip(parts[::2], parts[1::2], strict=True))
    if "@" in pairs[-1][1]:
        return pairs[-1][1]
    around = [f"{_spaced(kind).removesuffix('s')} {name}" for kind, name in reversed(pairs[:-1]) if kind != "locations"]
    return f"{pairs[-1][1]} in {', '.join(around)}"


def _firewall(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    """A rule that lets the whole internet in."""
    ranges = inputs.get("sourceRanges")
    wide = sorted(_EVERYWHERE & set(map(str, ranges))) if isinstance(ranges, list) else []
    if not wide or inputs.get("disabled") is True or inputs.get("direction") == "EGRESS":
        return
    for allowed in inputs.get("allows") or ():
        if isinstance(allowed, dict):
            ports = ", ".join(map(str, allowed.get("ports") or ())) or "every port"
            can = f"reach {allowed.get('protocol', 'all')} {ports} (firewall rule {step.name})"
            on = _target("network", "network", state, inputs)
            yield Right(member="allUsers", role="", on=on, can=can, urn=step.urn)


def _open_database(step: Step, inputs: dict[str, Any]) -> Iterator[Right]:
    """A database whose public address takes connections from everywhere."""
    settings = inputs.get("settings")
    address = settings.get("ipConfiguration") if isinstance(settings, dict) else None
    networks = address.get("authorizedNetworks") if isinstance(address, dict) else None
    for network in networks if isinstance(networks, list) else ():
        if isinstance(network, dict) and str(network.get("value")) in _EVERYWHERE:
            on = f"database instance {inputs.get('name') or step.name}"
            yield Right(member="allUsers", role="", on=on, can="connect to its public address", urn=step.urn)


def _acl(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    inner = "objects of bucket" if "bject" in step.type.split(":")[1] else "bucket"
    on = _target(inner, "bucket", state, inputs)
    if isinstance(inputs.get("object"), str) and UNKNOWN not in inputs["object"]:
        on = f"object {inputs['object']} of {on.removeprefix('objects of ')}"
    pairs: list[tuple[str, str]] = []
    for entry in inputs.get("roleEntities") or ():
        role, _, entity = str(entry).partition(":")
        pairs.append((role, entity))
    if inputs.get("entity"):
        pairs.append((str(inputs.get("role", "")), str(inputs["entity"])))
    canned = _CANNED.get(str(inputs.get("predefinedAcl", "")))
    pairs += [canned] if canned else []
    for role, entity in pairs:
        head, _, rest = entity.partition("-")
        who = f"{_ACL_MEMBERS[head]}{rest}" if head in _ACL_MEMBERS and rest else entity
        yield Right(member=_known(who, "entity", state), role=role, on=on, urn=step.urn)


def _dataset(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    on = _target("dataset", "datasetId", state, inputs)
    entries = inputs.get("accesses") if "dataset:" in step.type else [inputs]
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict):
            continue
        for key, prefix in (
            ("userByEmail", "user:"),
            ("groupByEmail", "group:"),
            ("domain", "domain:"),
            ("iamMember", ""),
            ("specialGroup", ""),
        ):
            if entry.get(key):
                who = _known(entry[key], key, state)
                who = who if who.startswith("<") else prefix + who
                if who.startswith("user:") and who.endswith("gserviceaccount.com"):
                    who = "serviceAccount:" + who.removeprefix("user:")
                yield Right(
                    member=who,
                    role=str(entry.get("role", "")),
                    on=on,
                    urn=step.urn,
                    **_condition(entry.get("condition")),
                )


def _entitlement(step: Step, inputs: dict[str, Any]) -> Iterator[Right]:
    access = (inputs.get("privilegedAccess") or {}).get("gcpIamAccess") or {}
    on = str(access.get("resource", "")).rsplit("/", 1)[-1] or "a project known only after apply"
    for eligible in inputs.get("eligibleUsers") or ():
        for who in eligible.get("principals") or ():
            for binding in access.get("roleBindings") or ():
                role = str(binding.get("role", ""))
                limit: _Limit = {"expression": str(binding.get("conditionExpression") or "")}
                can = f"ask for, and then {words.role(role)}"
                yield Right(member=_known(who, "", {}), role=role, on=f"project {on}", can=can, urn=step.urn, **limit)


def _sql_user(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    kind = str(inputs.get("type") or "BUILT_IN")
    name = _known(inputs.get("name"), "name", state)
    prefix = {"CLOUD_IAM_USER": "user:", "CLOUD_IAM_GROUP": "group:", "CLOUD_IAM_SERVICE_ACCOUNT": "serviceAccount:"}
    who = name if name.startswith("<") else prefix.get(kind, "database user ") + name
    on = _target("database instance", "instance", state, inputs)
    yield Right(member=who, role="", on=on, can="sign in, with its own grants in the database", urn=step.urn)


def _team(value: Any, state: dict[str, Any], steps: dict[str, Step]) -> str:
    """A team by its name, where this run has it; else by its number."""
    known = _known(str(value) if isinstance(value, int) else value, "teamId", state)
    for urn, step in steps.items():
        if step.type.startswith("github:index/team:") and (known == f"<{urn}>" or known in step.names):
            return f"team:{(step.state.get('inputs') or {}).get('name') or step.name}"
    return known if known.startswith("<") else f"team:{known}"


def _github(step: Step, state: dict[str, Any], inputs: dict[str, Any], steps: dict[str, Step]) -> Iterator[Right]:
    kind = step.type.split("/")[1].split(":")[0]
    on = _target("repository", "repository", state, inputs)
    if kind == "repository" and inputs.get("visibility") == "public":
        on = f"repository {inputs.get('name') or step.name}"
        yield Right(member="allUsers", role="", on=on, can="read the code and its history", urn=step.urn)
    elif kind == "teamRepository":
        who = _team(inputs.get("teamId"), state, steps)
        yield Right(member=who, role=str(inputs.get("permission") or "pull"), on=on, urn=step.urn)
    elif kind == "repositoryCollaborator":
        yield Right(
            member=f"user:{inputs.get('username')}", role=str(inputs.get("permission") or "push"), on=on, urn=step.urn
        )
    elif kind == "repositoryCollaborators":
        for prefix, key, name in (("user:", "users", "username"), ("team:", "teams", "teamId")):
            for entry in inputs.get(key) or ():
                yield Right(
                    member=_team(entry.get(name), state, steps) if name == "teamId" else f"{prefix}{entry.get(name)}",
                    role=str(entry.get("permission") or "push"),
                    on=on,
                    urn=step.urn,
                )
    elif kind == "membership":
        can = "administer the organization" if inputs.get("role") == "admin" else "what members of the organization can"
        yield Right(
            member=f"user:{inputs.get('username')}",
            role=str(inputs.get("role") or ""),
            on="the GitHub organization",
            can=can,
            urn=step.urn,
        )
    elif kind == "teamMembership":
        who, on = f"user:{inputs.get('username')}", _target("team", "teamId", state, inputs)
        yield Right(member=who, role="", on=on, can="everything the team can", urn=step.urn)

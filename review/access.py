"""Who gains and who loses which right, from every shape in which access is granted.

Rights are compared over the whole run: one that moves from a member to a binding, or whose resource is replaced, is
neither gained nor lost. What a preview cannot see (who else an authoritative binding takes away from) becomes a note.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from review import words
from review.mask import UNKNOWN
from review.model import Access
from review.run import Run, Step

_IAM: Final = re.compile(r"^gcp:([a-zA-Z0-9]+)/(\w*?)(?:IAM|Iam|iAM|iam)(Member|Binding|Policy):")
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
_UNTIL: Final = re.compile(
    r'request\.time\s*<\s*timestamp\("([0-9]{4}-[0-9]{2}-[0-9]{2})(T00:00:00(?:\.0+)?Z)?[^"]*"\)'
)
_ACL_MEMBERS: Final = {"user": "user:", "group": "group:", "domain": "domain:"}
_PERMISSIONS_SHOWN = 6


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

    @property
    def key(self) -> tuple[str, ...]:
        """What makes two rights the same."""
        return (_folded(self.member), self.role, self.on, self.expression, self.can)


def _folded(member: str) -> str:
    head, colon, rest = member.partition(":")
    return (
        f"{head.lower()}:{rest.lower() if head.lower() in ('user', 'group', 'domain', 'serviceaccount') else rest}"
        if colon
        else member
    )


@dataclass(frozen=True, kw_only=True)
class Accesses:
    """Rights before and after a run."""

    gained: tuple[Access, ...]
    lost: tuple[Access, ...]
    held: tuple[Access, ...]
    notes: tuple[str, ...]


def compare(run: Run) -> Accesses:
    """Rights gained, lost and held by the whole run."""
    before: dict[tuple[str, ...], Right] = {}
    after: dict[tuple[str, ...], Right] = {}
    notes: set[str] = set()
    for step in run.steps.values():
        old = step.old if step.op not in ("create", "import") else {}
        new = {} if step.op in ("delete", "forget") else (step.new or (step.old if step.op == "same" else {}))
        for state, side in ((old, before), (new, after)):
            side.update((right.key, right) for right in rights(step, state, run.steps))
        notes.update(_notes(step, old, new))
    return Accesses(
        gained=_said(after[key] for key in after.keys() - before.keys()),
        lost=_said(before[key] for key in before.keys() - after.keys()),
        held=_said(after[key] for key in after.keys() & before.keys()),
        notes=tuple(sorted(notes)),
    )


_KIND_ORDER: Final = ("public", "people", "unknown", "workload")


def _said(rights_: Iterator[Right]) -> tuple[Access, ...]:
    said = [_access(right) for right in rights_]
    return tuple(sorted(said, key=lambda a: (_KIND_ORDER.index(a.kind), not a.broad, a.sentence, a.urn)))


def _access(right: Right) -> Access:
    who, kind = words.member(right.member)
    if right.member.startswith("<"):
        source = right.member.strip("<>")
        who, kind = (
            (
                f"an identity known only after apply, from {_tail(source)}"
                if source
                else "somebody known only after apply"
            ),
            "unknown",
        )
        if re.search(r"serviceaccount/account:|projects/service|serviceIdentity", source):
            kind = "workload"
    ends = _UNTIL.search(right.expression)
    rest = _UNTIL.sub("", right.expression).strip(" &()\n") if ends else right.expression
    because = "; ".join(part for part in (right.title, right.description) if part)
    return Access(
        member=who,
        kind=kind,
        can=right.can or words.role(right.role),
        role=right.role,
        on=f"{_tail(right.on)} (known only after apply)" if right.on.startswith("<") else right.on,
        until=_day(ends) if ends else "",
        because=because,
        condition=rest,
        urn=right.urn,
        broad=words.broad(right.role),
    )


def _day(ends: re.Match[str]) -> str:
    """The last day, where the right ends at midnight; else the moment's day."""
    import datetime as dt

    try:
        day = dt.date.fromisoformat(ends[1])
    except ValueError:
        return ends[1]
    return str(day - dt.timedelta(days=1)) if ends[2] else str(day)


def _tail(reference: str) -> str:
    """`bucket exports` out of `<bucket urn:…::exports>`, `worker` out of `<urn:…::worker>`."""
    text = reference.strip("<>")
    head, _, urn = text.rpartition(" ")
    name = urn.rsplit("::", 1)[-1]
    return f"{head} {name}".strip()


def rights(step: Step, state: dict[str, Any], steps: dict[str, Step]) -> Iterator[Right]:
    """The rights that a resource in a state grants."""
    inputs = state.get("inputs") or {}
    if not state or not isinstance(inputs, dict):
        return
    if match := _IAM.match(step.type):
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
        yield Right(member="whoever holds the key file", role="", on=on, can="act as it", urn=step.urn)
    elif step.type.startswith("gcp:sql/user:"):
        yield from _sql_user(step, state, inputs)
    elif step.type.startswith("github:index/"):
        yield from _github(step, state, inputs)


def _iam(
    step: Step, state: dict[str, Any], inputs: dict[str, Any], match: re.Match[str], steps: dict[str, Step]
) -> Iterator[Right]:
    on = _iam_target(match, state, inputs)
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


def _condition(condition: Any) -> dict[str, str]:
    if not isinstance(condition, dict):
        return {"expression": "a condition known only after apply"} if condition else {}
    found = {key: str(condition.get(key) or "") for key in ("expression", "title", "description")}
    return {key: text.replace(UNKNOWN, "(known after apply)") for key, text in found.items()}


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


def _iam_target(match: re.Match[str], state: dict[str, Any], inputs: dict[str, Any]) -> str:
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
        return f"{kind} {value}"
    found = _known(value, key, state)
    return f"<{kind} {found[1:-1]}>" if len(found) > 2 else f"a {kind} known only after apply"


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
                limit = {"expression": str(binding.get("conditionExpression") or "")}
                can = f"ask for, and then {words.role(role)}"
                yield Right(member=_known(who, "", {}), role=role, on=f"project {on}", can=can, urn=step.urn, **limit)


def _sql_user(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    kind = str(inputs.get("type") or "BUILT_IN")
    name = _known(inputs.get("name"), "name", state)
    prefix = {"CLOUD_IAM_USER": "user:", "CLOUD_IAM_GROUP": "group:", "CLOUD_IAM_SERVICE_ACCOUNT": "serviceAccount:"}
    who = name if name.startswith("<") else prefix.get(kind, "database user ") + name
    on = _target("database instance", "instance", state, inputs)
    yield Right(member=who, role="", on=on, can="sign in, with its own grants in the database", urn=step.urn)


def _github(step: Step, state: dict[str, Any], inputs: dict[str, Any]) -> Iterator[Right]:
    kind = step.type.split("/")[1].split(":")[0]
    on = _target("repository", "repository", state, inputs)
    if kind == "teamRepository":
        who = f"team:{_known(inputs.get('teamId'), 'teamId', state)}"
        yield Right(member=who, role=str(inputs.get("permission") or "pull"), on=on, urn=step.urn)
    elif kind == "repositoryCollaborator":
        yield Right(
            member=f"user:{inputs.get('username')}", role=str(inputs.get("permission") or "push"), on=on, urn=step.urn
        )
    elif kind == "repositoryCollaborators":
        for prefix, key, name in (("user:", "users", "username"), ("team:", "teams", "teamId")):
            for entry in inputs.get(key) or ():
                yield Right(
                    member=f"{prefix}{entry.get(name)}",
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


def _notes(step: Step, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    """What a preview shows only in part."""
    match = _IAM.match(step.type)
    if match and match[3] != "Member" and step.op in ("create", "replace", "import"):
        scope = "of this role" if match[3] == "Binding" else "of any role"
        target = _iam_target(match, new, new.get("inputs") or {})
        yield (
            f"{step.name} is authoritative: every other holder {scope} on"
            f" {_tail(target)} loses it at `up`. A preview cannot list them."
        )
    if match and match[3] == "Policy" and new and not isinstance((new.get("inputs") or {}).get("policyData"), dict):
        data = (new.get("inputs") or {}).get("policyData")
        if not isinstance(data, str) or UNKNOWN in data:
            yield f"{step.name}: the whole policy is known only after apply, so who gains what cannot be said."
    if re.search(r"IAMCustomRole:|iamCustomRole:|iAMCustomRole:", step.type) and old and new:
        yield from _role_change(step, old, new)
    if "enyPolicy:" in step.type and step.op in ("delete", "update", "replace"):
        happens = "goes away" if step.op == "delete" else "changes"
        yield f"{step.name} is a deny policy and {happens}: what it denied may be allowed again."
    if "workloadIdentityPoolProvider:" in step.type and step.op != "same":
        was, now = ((s.get("inputs") or {}).get("attributeCondition") for s in (old, new))
        if new and was != now:
            meets = now or "no condition: anybody of the issuer"
            meets = now or "no condition: anybody of the issuer"
            yield f"{step.name}: whoever meets this condition may come in from outside: {meets}"


def _role_change(step: Step, old: dict[str, Any], new: dict[str, Any]) -> Iterator[str]:
    was, now = ({str(p) for p in (s.get("inputs") or {}).get("permissions") or ()} for s in (old, new))
    for words_, permissions in (("gains", sorted(now - was)), ("loses", sorted(was - now))):
        if permissions:
            more = f" and {len(permissions) - _PERMISSIONS_SHOWN} more" if len(permissions) > _PERMISSIONS_SHOWN else ""
            listed = ", ".join(permissions[:_PERMISSIONS_SHOWN])
            yield f"Everyone who holds the custom role {step.name} {words_}: {listed}{more}."

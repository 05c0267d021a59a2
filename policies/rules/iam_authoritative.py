"""Grants are additive: no resource owns a whole policy or role where others grant too, and none fights another."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph, canonical
from policies.iam import is_grant, plain, shape_of
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._iam_types import tokens

_DOCS = ("https://www.pulumi.com/registry/packages/gcp/api-docs/projects/iampolicy/",)
_SHARED: Final = ("project", "folder", "organization", "billing")


def _exists(reason: str, path: str) -> Any:
    def check(graph: Graph, types: tuple[str, ...]) -> Iterator[Finding]:
        for resource in graph.of(*types):
            yield fail(resource, path, reason)

    return check


def _register(identity: str, shape: str, title: str, severity: str, reason: str, path: str, why: str) -> None:
    types = tuple(t for t in tokens(shape, levels=_SHARED) if t.startswith("gcp:") and "getIAMPolicy" not in t)
    member = Sample("projects/iAMMember", {"project": "p", "role": "roles/run.viewer", "member": "group:t@example.com"})
    rule(
        id=identity,
        clause="ACC-11",
        title=title,
        severity=severity,
        types=types,
        scope="stack",
        fix="one gcp.projects.IAMMember for each member and role",
        sources=_DOCS,
        traps=(17,),
        why=why,
        good=((member,),),
        bad=tuple((member, Sample(t, {"role": "roles/run.viewer", "policyData": "{}"}, "all")) for t in types),
    )(lambda graph: _exists(reason, path)(graph, types))


_register(
    "iam-no-authoritative-policy",
    "Policy",
    "No resource owns the whole IAM policy of a project, folder, organization or billing account",
    "high",
    "replaces every grant there, those of Google's service agents and of other stacks included",
    "policyData",
    "An authoritative policy strips what it does not list: service agents stop working, access of others is lost.",
)
_register(
    "iam-no-authoritative-binding",
    "Binding",
    "No resource owns all members of a role on a project, folder, organization or billing account",
    "medium",
    "removes every member of the role that it does not list",
    "members",
    "An authoritative binding takes the role from whoever else was granted it, also from Google's service agents.",
)

_WHO: Final = frozenset({"role", "member", "members", "policyData", "condition", "etag"})
_FAMILY = re.compile(r"(Member|Binding|Policy):\w+$")


def _target(resource: Resource) -> tuple[str, ...]:
    """What the grant is on: every other property by its value, or by what it comes from."""
    parts: list[str] = []
    for key, value in sorted(resource.data.items()):
        if key in _WHO or value is None or value == "":
            continue
        if plain(value) is UNKNOWN:
            parts.append(f"{key}={'|'.join(sorted(resource.property_dependencies.get(key, (resource.urn,))))}")
        else:
            parts.append(f"{key}={canonical(str(plain(value)))}")
    return tuple(parts)


def _role(resource: Resource) -> str:
    value = plain(resource.raw("role"))
    if value is UNKNOWN:
        return "|".join(sorted(resource.property_dependencies.get("role", (resource.urn,))))
    condition = plain(resource.raw("condition"))
    return f"{value} {condition!r}" if condition else str(value)


def _open(resource: Resource) -> str | None:
    """A property that could make the grant meet another's: not known, and coming from nowhere."""
    edges = resource.property_dependencies
    keys = (key for key, value in resource.data.items() if plain(value) is UNKNOWN and not edges.get(key))
    return next((key for key in keys if key not in _WHO - {"role", "condition"}), None)


def _sample(shape: str, name: str, role: str = "roles/storage.objectViewer", **more: Any) -> Sample:
    kinds: dict[str, dict[str, Any]] = {
        "Member": {"role": role, "member": "group:team@example.com"},
        "Binding": {"role": role, "members": ["group:team@example.com"]},
        "Policy": g.document((role, "group:team@example.com")),
    }
    who = kinds[shape]
    return Sample(f"storage/bucketIAM{shape}", {"bucket": "invoices", **who, **more}, name)


@rule(
    id="iam-one-owner-of-a-role",
    clause="ACC-11",
    title="No two resources fight over the same role on the same thing",
    severity="high",
    types=tokens(),
    scope="stack",
    fix="grant by IAMMember only: each adds its own member and leaves the others alone",
    sources=_DOCS,
    traps=(17, 18),
    good=(
        (_sample("Member", "a"), _sample("Member", "b")),
        (_sample("Binding", "a"), _sample("Member", "b", role="roles/storage.objectAdmin")),
        (_sample("Binding", "a"), _sample("Member", "b", bucket="orders")),
    ),
    bad=(
        (_sample("Binding", "a"), _sample("Member", "b")),
        (_sample("Binding", "a"), _sample("Binding", "b")),
        (_sample("Policy", "a"), _sample("Member", "b")),
        (_sample("Policy", "a"), _sample("Binding", "b", bucket="https://www.googleapis.com/storage/v1/invoices")),
    ),
    not_applicable=((Sample(gcp("storage/bucket"), {}),),),
)
def one_owner(graph: Graph) -> Iterator[Finding]:
    """Each `up` of an authoritative resource removes what the other added, and the next one adds it again: access
    comes and goes, and no preview says so."""
    families: dict[str, list[Resource]] = {}
    for resource in graph.resources:
        if is_grant(resource.type) and _FAMILY.search(resource.type):
            families.setdefault(_FAMILY.sub("", resource.type), []).append(resource)
    if not families:
        yield skip("the stack grants nothing")
    for family in families.values():
        if len(family) > 1 and any(shape_of(r.type) != "member" for r in family):
            groups: dict[tuple[str, ...], list[Resource]] = {}
            for resource in family:
                groups.setdefault(_target(resource), []).append(resource)
                if path := _open(resource):
                    yield unsure(resource, path)
            for group in groups.values():
                yield from _fights(group)


def _fights(group: list[Resource]) -> Iterator[Finding]:
    for policy in (r for r in group if len(group) > 1 and shape_of(r.type) == "policy"):
        other = next(r for r in group if r is not policy)
        yield fail(policy, "policyData", f"removes the grant of {other.name} on the same thing with every `up`")
    holders: dict[object, list[Resource]] = {}
    for grant in (r for r in group if shape_of(r.type) != "policy"):
        holders.setdefault(_role(grant), []).append(grant)
    for same in holders.values():
        for binding in (r for r in same if len(same) > 1 and shape_of(r.type) == "binding"):
            other = next(r for r in same if r is not binding)
            yield fail(binding, "members", f"removes the member of {other.name}, which grants the same role")

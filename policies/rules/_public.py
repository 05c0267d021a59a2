"""Nothing is open to everyone: one judgement for every way a resource can be shared, used by each kind of resource."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from policies.iam import grants
from policies.model import Resource, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, rule

_EVERYONE: Final = "opens it to everyone on the internet"
_OBJECT: Final = gcp("storage/bucketObject")
_PUBLIC_ACLS: Final = frozenset({"PUBLICREAD", "PUBLICREADWRITE", "AUTHENTICATEDREAD"})
_NOT_A_RESOURCE: Final = ("pulumi:pulumi:StackReference", "pulumi:pulumi:Stack")


def public_grants(resource: Resource) -> Iterator[Finding]:
    """A finding for each grant to allUsers or allAuthenticatedUsers.

    A member that is not known yet passes when it comes from a resource of this stack: a service account or a service
    agent has an address, never everyone. Without such an edge it stays undetermined.
    """
    try:
        for grant in grants(resource):
            if grant.public:
                yield fail(resource, grant.path, f"{grant.member} {_EVERYONE}")
    except UnknownValue as error:
        if not _from_resource(resource, error.path):
            raise
    if resource.type == _OBJECT and (resource.text("predefinedAcl") or "").upper() in _PUBLIC_ACLS:
        yield fail(resource, "predefinedAcl", f"{resource.text('predefinedAcl')} {_EVERYONE}")


def _from_resource(resource: Resource, path: str) -> bool:
    graph = resource.graph
    edges = graph.sources(resource, path) if graph else []
    return bool(edges) and not any(kind in urn for urn in edges for kind in _NOT_A_RESOURCE)


def not_public(kinds: tuple[str, ...], *, role: str, extra: tuple[str, ...] = (), **record: Any) -> None:
    """Registers the rule that no grant on resources of these kinds is public.

    `kinds` are the beginnings of the IAM types, such as `pubsub/topicIAM`; `extra` are further full type tokens.
    """
    members, others = [], []
    for kind in kinds:
        members.append(gcp(f"{kind}Member"))
        others += [gcp(f"{kind}Binding"), gcp(f"{kind}Policy")]
    policy = json.dumps({"bindings": [{"role": role, "members": ["group:data@example.com", "allUsers"]}]})
    account = "serviceAccount:app@example-prod-workload.iam.gserviceaccount.com"
    good = (
        (
            Sample(members[0], {"role": role, "member": account}, depends={"member": ("account",)}),
            Sample("serviceaccount/account", {"accountId": "app"}, name="account"),
        ),
        Sample(others[0], {"role": role, "members": ["group:data@example.com"]}),
        Sample(others[1], {"policyData": policy.replace(', "allUsers"', "")}),
    )
    bad = (
        {"role": role, "member": "allUsers"},
        {"role": role, "member": "AllAuthenticatedUsers"},
        Sample(others[0], {"role": role, "members": ["group:data@example.com", "allAuthenticatedUsers"]}),
        Sample(others[1], {"policyData": policy}),
    )
    rule(
        clause="ACC-3",
        types=(*members, *others, *extra),
        decides=("member",),
        absent="pass",
        graph=True,
        provenance=True,
        **{
            "severity": "high",
            "fix": 'member="group:data@example.com"',
            "sources": ("https://cloud.google.com/iam/docs/principals-overview",),
            "traps": (23,),
            **record,
            "good": (*good, *record.get("good", ())),
            "bad": (*bad, *record.get("bad", ())),
        },
    )(public_grants)

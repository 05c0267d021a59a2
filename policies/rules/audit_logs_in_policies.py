"""Audit configurations that hide in policy documents: nobody is exempted there either."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.iam import POLICY_DOCUMENT, plain, policy_document
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules.audit_logs import CONFIGS

_POLICIES: Final = tuple(gcp(f"{level}/iAMPolicy") for level in ("projects", "folder", "organizations"))


def _document(*exempted: str) -> dict[str, Any]:
    kinds = [{"logType": "DATA_READ", "exemptedMembers": list(exempted)}, {"logType": "DATA_WRITE"}]
    bindings = [{"role": "roles/run.viewer", "members": ["group:team@example.com"]}]
    return {"bindings": bindings, "auditConfigs": [{"service": "allServices", "auditLogConfigs": kinds}]}


@rule(
    id="audit-log-no-exemption-in-policy",
    clause="LOG-1",
    title="No policy document exempts anybody from audit logs",
    severity="high",
    types=(*_POLICIES, POLICY_DOCUMENT),
    decides=("policyData",),
    absent="not_applicable",
    graph=True,
    fix=f"an audit configuration of its own ({CONFIGS[0]}) without exempted_members",
    references=("checkov:CKV2_GCP_5", "cis-gcp:2.1"),
    sources=("https://cloud.google.com/logging/docs/audit/configure-data-access#config-api",),
    traps=(35,),
    good=(
        {"policyData": json.dumps(_document())},
        Sample(_POLICIES[2], {"policyData": _document()}),
        Sample(POLICY_DOCUMENT, {"auditConfigs": _document()["auditConfigs"]}),
    ),
    bad=(
        {"policyData": json.dumps(_document("user:jane@example.com"))},
        {"policyData": json.dumps(_document("group:a@example.com"), indent=2)},
        Sample(_POLICIES[1], {"policyData": _document("user:jane@example.com")}),
        Sample(POLICY_DOCUMENT, {"auditConfigs": _document("user:jane@example.com")["auditConfigs"]}),
    ),
    not_applicable=({"policyData": json.dumps({"bindings": []})},),
)
def no_exemption_in_policy(resource: Resource) -> Iterator[Finding]:
    """A policy document sets the audit configuration along with the grants, where no list of resources shows it."""
    own = resource.type == POLICY_DOCUMENT
    path = "auditConfigs" if own else "policyData"
    found = plain(resource.raw(path)) if own else policy_document(resource)
    if found is UNKNOWN:
        made = resource.graph.targets(resource, path, POLICY_DOCUMENT) if resource.graph else []
        yield skip("the document is judged by itself") if made else unsure(resource, path)
        return
    configs = found if own else found.get("auditConfigs") if isinstance(found, Mapping) else None
    leaves = list(_exempted(configs))
    if UNKNOWN in leaves:
        yield unsure(resource, path)
    for member in leaves:
        if isinstance(member, str):
            yield fail(resource, path, f"exempts {member} from audit logs")
    if not configs:
        yield skip("the document configures no audit logs")


def _exempted(value: Any, *, inside: bool = False) -> Iterator[Any]:
    """The members below any `exemptedMembers`, and what is not known yet wherever it stands."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _exempted(item, inside=inside or key == "exemptedMembers")
    elif isinstance(value, list):
        for item in value:
            yield from _exempted(item, inside=inside)
    elif value is UNKNOWN or inside:
        yield value

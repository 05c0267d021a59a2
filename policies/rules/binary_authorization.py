"""Binary Authorization: the policy blocks, asks for attestations, and has no back door."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, each, fail, rule
from policies.rules._facts import one_of

POLICY: Final = gcp("binaryauthorization/policy")
_DOCS: Final = ("https://cloud.google.com/binary-authorization/docs/policy-yaml-reference",)
_ATTESTOR: Final = "projects/example-prod-build/attestors/built"
_GOOD: Final[dict[str, Any]] = {
    "evaluationMode": "REQUIRE_ATTESTATION",
    "enforcementMode": "ENFORCED_BLOCK_AND_AUDIT_LOG",
    "requireAttestationsBies": [_ATTESTOR],
}


def _policy(cluster: dict[str, Any] | None = None, **changed: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"defaultAdmissionRule": {**_GOOD, **changed}}
    return made if cluster is None else {**made, "clusterAdmissionRules": [{"cluster": "eu.app", **_GOOD, **cluster}]}


def _admissions(policy: Resource) -> list[View]:
    default = policy.views("defaultAdmissionRule") or [View(policy, {}, "defaultAdmissionRule")]
    return [*default, *policy.views("clusterAdmissionRules")]


@rule(
    id="binauthz-enforced",
    clause="CIN-2",
    title="Binary Authorization blocks what its policy refuses",
    severity="high",
    types=(POLICY,),
    decides=("defaultAdmissionRule.enforcementMode",),
    fix='enforcement_mode="ENFORCED_BLOCK_AND_AUDIT_LOG"',
    sources=_DOCS,
    traps=(41,),
    good=(_policy(), _policy({})),
    bad=(
        _policy(enforcementMode="DRYRUN_AUDIT_LOG_ONLY"),
        _policy({"enforcementMode": "dryrun_audit_log_only"}),
        {},
    ),
)
def enforced(policy: Resource) -> Iterator[Finding]:
    """A dry run only writes to the log that something unknown is running now."""
    yield from each(_admissions(policy), _enforced)


def _enforced(admission: View) -> Iterator[Finding]:
    if admission.upper("enforcementMode") != "ENFORCED_BLOCK_AND_AUDIT_LOG":
        yield fail(admission, "enforcementMode", f"is {admission.show('enforcementMode')}: nothing is blocked")


@rule(
    id="binauthz-attested",
    clause="CIN-2",
    title="Binary Authorization admits attested images only",
    severity="high",
    types=(POLICY,),
    decides=("defaultAdmissionRule.evaluationMode",),
    fix='evaluation_mode="REQUIRE_ATTESTATION", require_attestations_bies=[attestor.id]',
    sources=_DOCS,
    traps=(41,),
    good=(_policy(), _policy(evaluationMode="ALWAYS_DENY"), _policy({})),
    bad=(
        _policy(evaluationMode="ALWAYS_ALLOW"),
        _policy({"evaluationMode": "always_allow"}),
        _policy(requireAttestationsBies=[]),
        {},
    ),
)
def attested(policy: Resource) -> Iterator[Finding]:
    """ALWAYS_ALLOW admits everything, and asking for attestations by nobody asks for none."""
    yield from each(_admissions(policy), _attested)


def _attested(admission: View) -> Iterator[Finding]:
    mode = admission.upper("evaluationMode")
    if mode == "REQUIRE_ATTESTATION":
        if not admission.items("requireAttestationsBies"):
            yield fail(admission, "requireAttestationsBies", "names no attestor")
    elif mode != "ALWAYS_DENY":
        yield fail(admission, "evaluationMode", f"is {admission.show('evaluationMode')}: every image is admitted")


@rule(
    id="binauthz-narrow-exceptions",
    clause="CIN-2",
    title="Binary Authorization exempts no wide range of images",
    severity="medium",
    types=(POLICY,),
    decides=("admissionWhitelistPatterns[0].namePattern",),
    absent="pass",
    fix="a name_pattern with a repository in it, such as europe-west1-docker.pkg.dev/example-prod-build/base/*",
    sources=_DOCS,
    good=(
        {"admissionWhitelistPatterns": [{"namePattern": "europe-west1-docker.pkg.dev/example-prod-build/base/*"}]},
        {},
    ),
    bad=(
        {"admissionWhitelistPatterns": [{"namePattern": "*"}]},
        {"admissionWhitelistPatterns": [{"namePattern": "gcr.io/*"}]},
        {"admissionWhitelistPatterns": [{"namePattern": "europe-west1-docker.pkg.dev/**"}]},
    ),
)
def narrow_exceptions(policy: Resource) -> Iterator[Finding]:
    """A pattern for a whole registry host exempts every image that anyone puts there."""
    yield from each(policy.views("admissionWhitelistPatterns"), _exception)


def _exception(pattern: View) -> Iterator[Finding]:
    fixed = (pattern.text("namePattern") or "").split("*")[0]
    if "*" in (pattern.text("namePattern") or "") and fixed.rstrip("/").count("/") < 1:
        yield fail(pattern, "namePattern", f"is {pattern.show('namePattern')}: it exempts a whole registry")


one_of(
    {POLICY: "globalPolicyEvaluationMode"},
    allowed=("ENABLE",),
    others=("DISABLE",),
    id="binauthz-system-images",
    clause="CIN-2",
    title="Binary Authorization checks Google's system images against Google's own policy",
    severity="low",
    why="Without it, system images need wide exceptions in our policy. Left out, it is unmanaged.",
    fix='global_policy_evaluation_mode="ENABLE"',
    sources=_DOCS,
    traps=(1,),
)

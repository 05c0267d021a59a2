"""Identity federation: an outside token opens the door only if it names our repository and our protected branch."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource, gcp
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules import _grants as g
from policies.rules._cel import Pins, alternatives, is_prefix
from policies.rules._iam_types import tokens

PROVIDER: Final = gcp("iam/workloadIdentityPoolProvider")
GITHUB: Final = "token.actions.githubusercontent.com"
_DOCS = (
    "https://cloud.google.com/iam/docs/workload-identity-federation-with-deployment-pipelines",
    "https://docs.github.com/actions/reference/security/oidc",
)
_PINNED = (
    "assertion.repository_owner_id == '1234567' && assertion.repository_id == '7654321' && "
    "assertion.ref == 'refs/heads/main'"
)
_SHARED: Final = re.compile(
    r"token\.actions\.githubusercontent\.com|gitlab\.com|app\.terraform\.io|agent\.buildkite\.com|"
    r"oidc\.circleci\.com|api\.bitbucket\.org|vstoken\.dev\.azure\.com|accounts\.google\.com|api\.pulumi\.com"
)
"""Issuers that sign tokens for everybody in the world."""


def provider(condition: Any = _PINNED, *, issuer: str = f"https://{GITHUB}", **more: Any) -> dict[str, Any]:
    """Properties of a provider, for examples."""
    props = {
        "workloadIdentityPoolId": "ci",
        "workloadIdentityPoolProviderId": "github",
        "oidc": {"issuerUri": issuer},
        "attributeMapping": {"google.subject": "assertion.sub", "attribute.repository_id": "assertion.repository_id"},
        **more,
    }
    return props if condition is None else {**props, "attributeCondition": condition}


def issuer_of(resource: Resource) -> str:
    """Who signs the tokens, in small letters; "" where the provider is not about OpenID Connect."""
    return (resource.text("oidc.issuerUri") or resource.text("issuerUri") or "").lower()


def is_github(resource: Resource) -> bool:
    """Whether the provider trusts GitHub's workflows."""
    return GITHUB in issuer_of(resource)


def exact(pins: Pins, *claims: str) -> bool:
    """Whether one of the claims is pinned to whole values."""
    found = [pins[claim] for claim in claims if claim in pins]
    return any(values and not any(is_prefix(v) or "*" in v for v in values) for values in found)


@rule(
    id="federation-condition",
    clause="CIN-1",
    title="Federation providers have a condition that refuses some tokens",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    fix=f'attribute_condition="{_PINNED}"',
    references=(
        "checkov:CKV_GCP_118",
        "trivy:GCP-0068",
        "prowler:iam_workload_identity_pool_provider_attribute_condition",
    ),
    sources=_DOCS,
    traps=(37,),
    good=(provider(), provider("assertion.repository_owner=='your-github-organization'")),
    bad=(provider(None), provider(""), provider("true"), provider(" ( TRUE ) "), provider("1 == 1")),
)
def condition(resource: Resource) -> Iterator[Finding]:
    """Without a condition the provider lets in every token of the issuer: with GitHub, that is every repository there
    is. `true` and comparisons that name no claim are no condition."""
    text = resource.text("attributeCondition")
    if text is None:
        yield fail(resource, "attributeCondition", "is not set: every token of the issuer is let in")
    elif not re.search(r"assertion|attribute|google\.", text):
        yield fail(resource, "attributeCondition", f"is {text!r}, which refuses nobody")


@rule(
    id="federation-github-subject",
    clause="CIN-1",
    title="GitHub's tokens are tied to a repository by subject, repository or owner id",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    fix=f'attribute_condition="{_PINNED}"',
    references=("checkov:CKV_GCP_125",),
    sources=_DOCS,
    traps=(37,),
    good=(
        provider(),
        provider("assertion.sub == 'repo:myOrg/myRepo:ref:refs/heads/main'"),
        provider("assertion.sub == 'repo:myOrg/myRepo:*'"),
    ),
    bad=(
        provider(None),
        provider("assertion.sub == 'invalid'"),
        provider("assertion.sub == '*'"),
        provider("assertion.sub == 'repo:*'"),
        provider("assertion.sub == 'repo:myOrg*'"),
        provider("assertion.sub == 'workflow:ci:repo:myOrg/myRepo:ref:refs/heads/main'"),
        provider("assertion.sub == 'repo:a/b:ref:refs/heads/main' || assertion.actor == 'x'"),
        provider(attributeMapping={"attribute.actor": "assertion.actor"}),
    ),
    not_applicable=(provider(None, issuer="https://idp.example.com"),),
)
def github_subject(resource: Resource) -> Iterator[Finding]:
    """A subject that does not begin with an exact `repo:owner/name`, or claims that anybody can set (workflow, ref,
    environment alone), let strangers' workflows in. Numeric ids are as good as a subject: names can be taken over."""
    if not is_github(resource):
        yield skip("the provider does not trust GitHub's workflows")
        return
    resource.get("attributeMapping")
    if not resource.has('attributeMapping["google.subject"]'):
        yield fail(resource, "attributeMapping", "does not map google.subject")
    for pins in alternatives(resource.text("attributeCondition") or ""):
        subjects = pins.get("sub", frozenset())
        named = subjects and all(re.match(r"^repo:[\w.-]+/[\w.-]+(:|$)", s) for s in subjects)
        if not named and not exact(pins, "repository_id", "repository", "repository_owner_id"):
            yield fail(
                resource, "attributeCondition", f"is {resource.show('attributeCondition')}: no repository is pinned"
            )
            return


@rule(
    id="federation-github-ids",
    clause="CIN-1",
    title="GitHub's tokens are pinned to numeric owner and repository ids, and to a ref or environment",
    severity="critical",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    fix=f'attribute_condition="{_PINNED}"',
    sources=_DOCS,
    traps=(37,),
    good=(
        provider(),
        provider(
            "attribute.repository_owner_id=='1' && attribute.repository_id=='2' && assertion['environment'] in ['prod']"
        ),
        provider("assertion.repository_owner_id=='1' && (assertion.repository_id in ['2','3']) && assertion.ref=='r'"),
    ),
    bad=(
        provider(None),
        provider("assertion.repository_owner == 'example' && assertion.ref == 'refs/heads/main'"),
        provider("assertion.repository_owner_id == '1' && assertion.repository_id == '2'"),
        provider("assertion.repository_id == '2' && assertion.ref == 'refs/heads/main'"),
        provider("assertion.repository_owner_id == '1' && assertion.repository_id == 'app' && assertion.ref == 'r'"),
        provider(f"({_PINNED}) || assertion.actor_id == '5'"),
        provider(_PINNED.replace("assertion.ref ==", "assertion.ref !=")),
        provider(
            "assertion.repository_owner_id=='1' && assertion.repository_id=='2' && assertion.ref.startsWith('re')"
        ),
    ),
    not_applicable=(provider(None, issuer="https://idp.example.com"),),
)
def github_ids(resource: Resource) -> Iterator[Finding]:
    """Names of owners and repositories can be given up and taken by somebody else; their numbers cannot. And without
    a ref or an environment, a pull request from any branch gets the rights of the deployment."""
    if not is_github(resource):
        yield skip("the provider does not trust GitHub's workflows")
        return
    for pins in alternatives(resource.text("attributeCondition") or ""):
        lacking = [claim for claim in ("repository_owner_id", "repository_id") if not _numeric(pins, claim)]
        subjects = pins.get("sub", frozenset())
        placed = subjects and all(re.search(r":(ref|environment):[^*]+$", s) for s in subjects)
        if not exact(pins, "ref", "environment") and not placed:
            lacking.append("ref or environment")
        if lacking:
            yield fail(resource, "attributeCondition", f"does not pin {', '.join(lacking)} to exact values")
            return


def _numeric(pins: Pins, claim: str) -> bool:
    return exact(pins, claim) and all(value.isdigit() for value in pins[claim])


@rule(
    id="federation-shared-issuer-pinned",
    clause="CIN-1",
    title="Providers that trust an issuer shared with strangers pin a claim to exact values",
    severity="high",
    types=(PROVIDER,),
    decides=("attributeCondition",),
    fix="attribute_condition=\"assertion.namespace_id == '123456' && assertion.ref == 'refs/heads/main'\"",
    sources=_DOCS,
    traps=(37,),
    good=(provider("assertion.namespace_id == '1'", issuer="https://gitlab.com"), provider()),
    bad=(
        provider("assertion.namespace_path.startsWith('example')", issuer="https://gitlab.com"),
        provider("has(assertion.sub)", issuer="https://app.terraform.io"),
        provider("assertion.repository != 'x/y'"),
    ),
    not_applicable=(provider(None, issuer="https://idp.example.com"),),
)
def shared_issuer(resource: Resource) -> Iterator[Finding]:
    """Such an issuer signs for all its customers alike; only a claim compared with exact values tells ours apart."""
    if not _SHARED.search(issuer_of(resource)):
        yield skip("the issuer signs for one company")
        return
    for pins in alternatives(resource.text("attributeCondition") or ""):
        if not any(exact(pins, claim) for claim in pins):
            yield fail(resource, "attributeCondition", f"is {resource.show('attributeCondition')}: nothing is pinned")
            return


_POOL = "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci"
_ALL: Final = re.compile(r"workload(identitypools|forcepools)/[^/]+/(\*|attribute\.[^/]+/\*)$|^principalset://.*/\*$")


@rule(
    id="federation-no-whole-pool",
    clause="CIN-1",
    title="No grant goes to every identity of a federation pool",
    severity="high",
    types=("gcp:serviceaccount/iAMMember:IAMMember", *(t for t in tokens() if "serviceaccount/iAMMember" not in t)),
    decides=("member",),
    absent="pass",
    graph=True,
    provenance=True,
    fix=f'member="{_POOL}/attribute.repository_id/7654321"',
    sources=_DOCS,
    traps=(38,),
    good=(
        (
            Sample(
                "serviceaccount/iAMMember",
                {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.repository_id/7654321"},
                depends={"member": ("pool",)},
            ),
            Sample("serviceaccount/account", {"accountId": "app"}, "pool"),
        ),
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL.replace('Set', '')}/subject/repo:a/b"},
    ),
    bad=(
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/*"},
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.repository_id/*"},
        Sample("projects/iAMBinding", {"role": "roles/viewer", "members": [g.EXAMPLE_ACCOUNT, f"{_POOL}/*"]}),
    ),
)
def no_whole_pool(resource: Resource) -> Iterator[Finding]:
    """The pool holds whatever its providers let in, now and after the next provider is added."""
    for grant in g.members(resource):
        if _ALL.search(grant.member.lower()):
            yield fail(resource, grant.path, f"{grant.member} is every identity of the pool")


@rule(
    id="federation-repository-by-id",
    clause="CIN-1",
    title="Accounts are lent to repositories by number, not by name or owner",
    severity="medium",
    types=("gcp:serviceaccount/iAMMember:IAMMember", *tokens("Binding", "Policy", levels=("account",))),
    decides=("member",),
    absent="pass",
    graph=True,
    provenance=True,
    fix=f'member="{_POOL}/attribute.repository_id/7654321"',
    sources=_DOCS,
    traps=(37, 38),
    good=(
        (
            Sample(
                "serviceaccount/iAMMember",
                {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.repository_id/7654321"},
                depends={"member": ("account",)},
            ),
            g.ACCOUNT,
        ),
    ),
    bad=(
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.repository_owner/example"},
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.repository/example/app"},
        {"role": "roles/iam.workloadIdentityUser", "member": f"{_POOL}/attribute.actor/jane"},
    ),
)
def repository_by_id(resource: Resource) -> Iterator[Finding]:
    """A renamed or deleted owner's name is free for others; an owner or an actor spans every repository of theirs."""
    for grant in g.members(resource):
        match = re.search(r"/attribute\.(repository_owner|repository|actor|workflow|event_name)/", grant.member)
        if match:
            yield fail(resource, grant.path, f"{grant.member} trusts a {match[1]} by name")

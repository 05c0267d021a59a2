"""The state of the infrastructure: kept in every version, encrypted with its own key, written by reviewed code (CHG-1).

A bucket holds states when its label `store` says so, or when its name does (`…-state`, `tfstate`, `pulumi-state`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import Grant, parts
from policies.model import Resource, View, gcp
from policies.rule import Finding, Sample, each, fail, fail_stack, rule, skip, unsure
from policies.rules._keys import KEY, USES, encrypted, key_paths
from policies.rules._links import linked
from policies.rules._ours import BOOTSTRAP, marked, prepares
from policies.rules._reviewed import behind_review
from policies.rules.federation import PROVIDER

BUCKET: Final = gcp("storage/bucket")
_BUCKET_IAM: Final = tuple(gcp(f"storage/bucketIAM{shape}") for shape in ("Member", "Binding", "Policy"))
_KEY_MEMBER: Final = gcp("kms/cryptoKeyIAMMember")
_NAMED: Final = re.compile(r"(^|[-_.])(tf|terraform|pulumi|tofu)?-?states?($|[-_.])", re.IGNORECASE)
_SOURCES: Final = ("https://www.pulumi.com/docs/iac/concepts/state-and-backends/",)
_LIVE_CONDITIONS: Final = frozenset({"numNewerVersions", "daysSinceNoncurrentTime", "noncurrentTimeBefore"})
_ENCRYPTION: Final = {"defaultKmsKeyName": "k"}
_STATE: Final[Mapping[str, Any]] = {
    "name": "example-prod-delivery-state",
    "labels": {"store": "state"},
    "versioning": {"enabled": True},
    "encryption": _ENCRYPTION,
    "lifecycleRules": [
        {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 180, "withState": "ARCHIVED"}}
    ],
}


def _state(**changes: Any) -> dict[str, Any]:
    return {**_STATE, **changes}


def _rules(*conditions: Mapping[str, Any]) -> dict[str, Any]:
    return _state(lifecycleRules=[{"action": {"type": "Delete"}, "condition": dict(c)} for c in conditions])


def holds_states(bucket: Resource) -> bool:
    """Whether the bucket is for states; raises where neither label nor name is known."""
    if store := bucket.text('labels["store"]'):
        return store == "state"
    return bool(_NAMED.search(bucket.text("name") or ""))


def _apart(bucket: Resource) -> Iterator[Finding]:
    if not holds_states(bucket):
        yield skip("the bucket holds no states")


@rule(
    id="state-versioned",
    clause="CHG-1",
    title="The bucket of the state keeps every version",
    severity="high",
    types=(BUCKET,),
    decides=("versioning.enabled",),
    fix='versioning={"enabled": True}',
    sources=_SOURCES,
    good=(_state(), {"name": "acme-tfstate", "versioning": {"enabled": True}}),
    bad=(_state(versioning={"enabled": False}), {"name": "pulumi-state"}, {"name": "acme-terraform-state"}),
    not_applicable=({"name": "estates-of-the-realm"}, {"name": "x-state", "labels": {"store": "exports"}}),
)
def versioned(bucket: Resource) -> Iterator[Finding]:
    """A state that was overwritten by a broken run, or by somebody, is gone for good without the version before."""
    yield from _apart(bucket)
    if holds_states(bucket) and not bucket.flag("versioning.enabled"):
        yield fail(bucket, "versioning.enabled", f"is {bucket.show('versioning.enabled')}")


@rule(
    id="state-own-key",
    clause="CHG-1",
    title="The state is encrypted with a key that encrypts nothing else",
    severity="high",
    types=(BUCKET,),
    decides=("encryption.defaultKmsKeyName",),
    graph=True,
    provenance=True,
    fix='encryption={"default_kms_key_name": state_key.id}',
    sources=_SOURCES,
    good=(
        (Sample(BUCKET, _STATE, "state", {"encryption": ("key",)}), Sample(KEY, {"name": "k"}, "key")),
        (
            Sample(BUCKET, _STATE, "state", {"encryption": ("key",)}),
            Sample(KEY, {"name": "k"}, "key", outputs={"id": "k"}),
            Sample(BUCKET, {"name": "log", "encryption": {"defaultKmsKeyName": "l"}}, "log"),
        ),
    ),
    bad=(
        _state(encryption=None),
        (
            Sample(BUCKET, _STATE, "state", {"encryption": ("key",)}),
            Sample(KEY, {"name": "k"}, "key", outputs={"id": "k"}),
            Sample(BUCKET, {"name": "log", "encryption": _ENCRYPTION}, "log", {"encryption": ("key",)}),
        ),
    ),
    not_applicable=({"name": "logs"},),
)
def own_key(bucket: Resource) -> Iterator[Finding]:
    """The state describes everything, and holds every secret that a provider gave back. A key of its own can be
    watched, and taken away, without touching anything else."""
    yield from _apart(bucket)
    if not holds_states(bucket):
        return
    path, graph = "encryption.defaultKmsKeyName", bucket.graph
    yield from encrypted(bucket, path, graph=graph)
    own = _keys(bucket, path)
    for store in graph.of(*USES) if graph and own else []:
        for other in key_paths(store) if store is not bucket else ():
            if own & _keys(store, other):
                yield fail(bucket, path, f"is also the key of {store.name}")


def _keys(store: Resource, path: str) -> set[str]:
    """The keys of a store: by name where it is known, and the resources that they come from."""
    value, graph = store.raw(path), store.graph
    found = {value} if isinstance(value, str) and value else set()
    return found | (set(graph.sources(store, path, KEY)) if graph and store.has(path) else set())


@rule(
    id="state-newest-stays",
    clause="CHG-1",
    title="No lifecycle deletes the newest version of a state",
    severity="critical",
    types=(BUCKET,),
    decides=("lifecycleRules",),
    absent="pass",
    fix='condition={"days_since_noncurrent_time": 180, "with_state": "ARCHIVED"}',
    sources=("https://cloud.google.com/storage/docs/lifecycle#conditions",),
    good=(
        _state(),
        _state(lifecycleRules=None),
        _rules({"numNewerVersions": 100}, {"age": 400, "matchesPrefixes": [".pulumi/history/"]}),
        _state(lifecycleRules=[{"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}}]),
    ),
    bad=(
        _rules({"age": 365}),
        _rules({"age": 365, "withState": "LIVE"}),
        _rules({"daysSinceNoncurrentTime": 30}, {"createdBefore": "2026-01-01", "withState": "ANY"}),
        _rules({"age": 30, "matchesPrefixes": [".pulumi/"]}),
        {"name": "tfstate", "lifecycleRules": [{"action": {"type": "delete"}, "condition": {"age": 30}}]},
    ),
    not_applicable=({"name": "logs", "lifecycleRules": [{"action": {"type": "Delete"}, "condition": {"age": 9}}]},),
)
def newest_stays(bucket: Resource) -> Iterator[Finding]:
    """A stack that nobody changes for a year has a state that is a year old. Deleted, everything it describes is
    nobody's any more. Old records of updates (`.pulumi/history/`) may go."""
    yield from _apart(bucket)
    if not holds_states(bucket):
        return

    def check(one: View) -> Iterator[Finding]:
        if one.upper("action.type") != "DELETE" or (one.upper("condition.withState") or "") == "ARCHIVED":
            return
        if any(one.has(f"condition.{name}") for name in _LIVE_CONDITIONS):
            return
        path = "condition.matchesPrefixes"
        prefixes = [str(one.get(f"{path}[{index}]")) for index in range(len(one.items(path)))]
        if not prefixes or not all(p.startswith((".pulumi/history/", ".pulumi/backups/")) for p in prefixes):
            yield fail(one, "condition", f"is {one.show('condition')}: it deletes states that are in use")

    yield from each(bucket.views("lifecycleRules"), check)


@rule(
    id="state-history-kept",
    clause="CHG-1",
    title="Earlier versions of a state stay for at least 30 days",
    severity="medium",
    types=(BUCKET,),
    decides=("lifecycleRules",),
    absent="pass",
    fix='condition={"days_since_noncurrent_time": 180, "with_state": "ARCHIVED"}',
    sources=_SOURCES,
    params={"min_days": 30, "min_versions": 10},
    good=(_state(), _rules({"numNewerVersions": 50}), _state(lifecycleRules=[])),
    bad=(
        _rules({"daysSinceNoncurrentTime": 1}),
        _rules({"withState": "ARCHIVED", "age": 3}),
        _rules({"numNewerVersions": 1}),
    ),
    not_applicable=({"name": "logs"},),
)
def history_kept(bucket: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A broken state is often found days later; by then the good one must not be gone."""
    yield from _apart(bucket)
    if not holds_states(bucket):
        return
    figures = (
        ("daysSinceNoncurrentTime", "min_days", "days"),
        ("age", "min_days", "days"),
        ("numNewerVersions", "min_versions", "versions"),
    )

    def check(one: View) -> Iterator[Finding]:
        if one.upper("action.type") != "DELETE":
            return
        said = [(name, limit, unit) for name, limit, unit in figures if one.has(f"condition.{name}")]
        # Conditions of one rule hold together, so the longest of them counts.
        if said and all((one.number(f"condition.{name}") or 0) < float(params[limit]) for name, limit, _ in said):
            name, limit, unit = said[0]
            path = f"condition.{name}"
            yield fail(one, path, f"is {one.show(path)}, fewer than {params[limit]} {unit}")

    yield from each(bucket.views("lifecycleRules"), check)


@rule(
    id="state-writable",
    clause="CHG-1",
    title="The bucket of the state has no retention that stops the engine from writing",
    severity="medium",
    types=(BUCKET,),
    decides=("retentionPolicy",),
    absent="pass",
    fix="leave retention_policy out: versions and soft delete keep the history",
    sources=("https://cloud.google.com/storage/docs/bucket-lock",),
    good=(_state(),),
    bad=(_state(retentionPolicy={"retentionPeriod": "86400"}),),
    not_applicable=({"name": "logs", "retentionPolicy": {"retentionPeriod": "86400"}},),
)
def writable(bucket: Resource) -> Iterator[Finding]:
    """The engine overwrites states and removes its locks. Under a retention the first run leaves a lock that nobody can
    take away, and a state that nobody can update."""
    yield from _apart(bucket)
    if holds_states(bucket) and bucket.has("retentionPolicy"):
        yield fail(bucket, "retentionPolicy", "is set: states and locks cannot be overwritten or removed")


_LEND: Final = Sample(
    gcp("serviceaccount/iAMMember"),
    {
        "serviceAccountId": "projects/p/serviceAccounts/ci@p.iam.gserviceaccount.com",
        "role": "roles/iam.workloadIdentityUser",
        "member": "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/ci/attribute.x/1",
    },
    "lend",
)
_CI: Final = Sample(gcp("serviceaccount/account"), {"accountId": "ci", "project": "p"}, "ci")
_RULESET: Final = Sample(
    "github:index/repositoryRuleset:RepositoryRuleset",
    {
        "repository": "app",
        "target": "branch",
        "enforcement": "active",
        "conditions": {"refName": {"includes": ["refs/heads/main"], "excludes": []}},
        "rules": {"pullRequest": {"requiredApprovingReviewCount": 1}},
    },
    "ruleset",
)


def _trusting(rest: str) -> Sample:
    condition = f"assertion.repository_owner_id == '1' && assertion.repository_id == '2' && {rest}"
    oidc = {"issuerUri": "https://token.actions.githubusercontent.com"}
    return Sample(PROVIDER, {"workloadIdentityPoolId": "ci", "attributeCondition": condition, "oidc": oidc}, "github")


def _on_state(role: str, member: str) -> Sample:
    return Sample(_BUCKET_IAM[0], {"bucket": "example-prod-delivery-state", "role": role, "member": member}, "grant")


_MAIN: Final = "assertion.ref == 'refs/heads/main'"
_WRITER: Final = _on_state("roles/storage.objectUser", "serviceAccount:ci@p.iam.gserviceaccount.com")
_READER: Final = _on_state("roles/storage.objectViewer", "serviceAccount:ci@p.iam.gserviceaccount.com")
_BUCKET: Final = Sample(BUCKET, _STATE, "state")
_READS: Final = re.compile(r"(viewer|reader|browser)$", re.IGNORECASE)


@rule(
    id="state-written-by-reviewed-code",
    clause="CHG-3",
    title="Only identities of the protected branch write the state",
    severity="high",
    types=_BUCKET_IAM,
    decides=("member",),
    absent="undetermined",
    graph=True,
    fix='role="roles/storage.objectViewer", or a provider that pins assertion.ref to the protected branch',
    sources=_SOURCES,
    good=((_WRITER, _BUCKET, _CI, _LEND, _trusting(_MAIN), _RULESET),),
    bad=(
        (_WRITER, _BUCKET, _CI, _LEND, _trusting("assertion.environment == 'preview'"), _RULESET),
        (_WRITER, _BUCKET, _CI, _LEND, _trusting(_MAIN)),
        (
            _on_state("roles/storage.admin", "group:team@example.com"),
            _BUCKET,
            _CI,
            _LEND,
            _trusting(_MAIN),
            _RULESET,
        ),
    ),
    not_applicable=(
        (_READER, _BUCKET, _CI, _LEND, _trusting("assertion.environment == 'preview'"), _RULESET),
        (_WRITER, _BUCKET, _CI),
        (
            Sample(_BUCKET_IAM[0], {"bucket": "logs", "role": "roles/storage.admin", "member": "group:t@e.com"}),
            Sample(BUCKET, {"name": "logs"}, "logs"),
            _trusting(_MAIN),
        ),
    ),
)
def written_by_reviewed(resource: Resource) -> Iterator[Finding]:
    """Whoever writes the state decides what the next run takes away. Judged where the stack says how CI signs in."""
    graph = resource.graph
    found = linked(resource, "bucket", BUCKET)
    if graph and graph.of(PROVIDER) and not found and not resource.known("bucket"):
        yield unsure(resource, "bucket")
        return
    if graph is None or not any(holds_states(b) for b in found) or not graph.of(PROVIDER):
        yield skip("the bucket holds no states, or the stack does not say how CI signs in")
        return
    grants = [grant for grant in parts(resource) if not (grant.role and _READS.search(grant.role))]
    if not grants:
        yield skip("the role only reads")
    yield from (_writes(grant) for grant in grants if not behind_review(grant))


def _writes(grant: Grant) -> Finding:
    if not grant.member and not grant.sources:
        return unsure(grant.resource, grant.path)
    who = grant.member or grant.sources[0].rsplit("::", 1)[-1]
    return fail(grant.resource, grant.path, f"{who} writes states with {grant.role}, and not only reviewed code is it")


_USE: Final = ("roles/cloudkms.cryptokeyencrypterdecrypter", "roles/cloudkms.cryptokeydecrypter")
_OPENS: Final = Sample(
    _KEY_MEMBER,
    {
        "cryptoKeyId": "projects/d/locations/l/keyRings/r/cryptoKeys/secrets",
        "role": "roles/cloudkms.cryptoKeyEncrypterDecrypter",
        "member": "serviceAccount:ci-deploy@p.iam.gserviceaccount.com",
    },
    "opens",
    {"cryptoKeyId": ("secrets",)},
)
_SECRETS: Final = Sample(KEY, {"name": "secrets"}, "secrets")
_AGENT: Final = "serviceAccount:service-1@gs-project-accounts.iam.gserviceaccount.com"


@rule(
    id="state-present",
    clause="CHG-1",
    title="What prepares a stack makes the bucket for its state",
    severity="high",
    types=(BOOTSTRAP, BUCKET),
    scope="stack",
    fix='StateStore("state", …), a bucket with the label store: state',
    sources=_SOURCES,
    good=((_BUCKET, marked(BOOTSTRAP)),),
    bad=((marked(BOOTSTRAP),), (Sample(BUCKET, {"name": "logs"}), marked(BOOTSTRAP))),
    not_applicable=((Sample(BUCKET, {"name": "logs"}), marked()),),
)
def present(graph: Graph) -> Iterator[Finding]:
    """A state on somebody's laptop has no history, no lock, and goes with the laptop."""
    if not prepares(graph):
        yield skip("the stack prepares no other")
        return
    buckets = graph.of(BUCKET)
    known = [b for b in buckets if b.known("labels") and b.known("name")]
    if not any(holds_states(b) for b in known):
        lost = [b for b in buckets if b not in known]
        yield from [unsure(b, "labels") for b in lost] or [fail_stack("no bucket of the stack is for states")]


@rule(
    id="state-secrets-own-key",
    clause="CHG-1",
    title="What prepares a stack makes a key for the secrets in its state",
    severity="high",
    types=(BOOTSTRAP, KEY, _KEY_MEMBER),
    scope="stack",
    fix="a gcp.kms.CryptoKey that encrypts no store, and CryptoKeyIAMMember for the identities of CI",
    sources=("https://www.pulumi.com/docs/iac/concepts/secrets/#available-encryption-providers",),
    good=((_SECRETS, _OPENS, marked(BOOTSTRAP)),),
    bad=(
        (marked(BOOTSTRAP),),
        (_SECRETS, marked(BOOTSTRAP)),
        (
            Sample(KEY, {"name": "state"}, "secrets"),
            Sample(
                _KEY_MEMBER,
                {**_OPENS.props, "member": _AGENT},
                "agent",
                {"cryptoKeyId": ("secrets",)},
            ),
            marked(BOOTSTRAP),
        ),
    ),
    not_applicable=((_SECRETS, marked()),),
)
def secrets_own_key(graph: Graph) -> Iterator[Finding]:
    """A passphrase is copied from hand to hand and never changes; a key can be taken away, and its use is logged."""
    if not prepares(graph):
        yield skip("the stack prepares no other")
        return
    stores = {urn for store in graph.of(*USES) for path in key_paths(store) for urn in _keys(store, path)}
    for grant in (g for member in graph.of(_KEY_MEMBER) for g in parts(member)):
        keys = graph.sources(grant.resource, "cryptoKeyId", KEY)
        opens = grant.role.lower() in _USE and "iam.gserviceaccount.com" in (
            grant.member or "account.iam.gserviceaccount.com"
        )
        google = "@gs-project-accounts." in grant.member or "@gcp-sa-" in grant.member
        if opens and not google and keys and not stores.intersection(keys):
            return
    yield fail_stack("no key of the stack is there for the secrets of states, opened by the identities of CI")


_ALONE: Final = (
    "hosting:",
    "pulumi:",
    "gcp:organizations/",
    "gcp:resourcemanager/",
    "gcp:projects/",
    "gcp:kms/",
    "gcp:storage/bucket:",
    "gcp:storage/bucketIAM",
    "gcp:serviceaccount/",
    "gcp:iam/",
    "gcp:billing/",
    "gcp:monitoring/notificationChannel:",
    "github:",
)


@rule(
    id="bootstrap-stands-alone",
    clause="CHG-7",
    title="A stack that prepares another holds nothing else",
    severity="high",
    types=("*",),
    scope="stack",
    fix="make it in the stack that is prepared, where rules look at the whole",
    sources=_SOURCES,
    good=((_BUCKET, marked(BOOTSTRAP)),),
    bad=(
        (Sample(gcp("sql/databaseInstance"), {"name": "orders"}), marked(BOOTSTRAP)),
        (Sample("render:services:WebService", {}), marked(BOOTSTRAP)),
        (Sample(gcp("storage/bucketObject"), {"name": "x"}), marked(BOOTSTRAP)),
        (_BUCKET, marked("hosting:data:Database"), marked(BOOTSTRAP)),
    ),
    not_applicable=((Sample(gcp("sql/databaseInstance"), {"name": "orders"}), marked()),),
)
def stands_alone(graph: Graph) -> Iterator[Finding]:
    """What is asked of a whole stack (alerts, sinks, audit logs, guardrails) is not asked of the one that prepares it:
    that must not become a place where those rules do not look."""
    if not prepares(graph):
        yield skip("the stack prepares no other")
        return
    for resource in graph.resources:
        ours = resource.type.startswith(("hosting:data:Database", "hosting:run:"))
        if ours or not resource.type.startswith(_ALONE):
            yield fail(resource, "", f"is a {resource.type}, which belongs into the stack that is prepared")

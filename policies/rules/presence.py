"""What our own stacks must not be without: the policy behind a switch, the limits beside a repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.iam import all_parts
from policies.model import UNKNOWN, Resource, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._grants import role_lost
from policies.rules._links import linked
from policies.rules._ours import marked, ours

_NOT_OURS: Final = "the stack is not built from our components"
_RUN: Final = gcp("cloudrunv2/service")
_POLICY: Final = gcp("binaryauthorization/policy")
_REPOSITORY: Final = "github:index/repository:Repository"
_LIMITS: Final = {
    "github:index/actionsRepositoryPermissions:ActionsRepositoryPermissions": "which actions may run",
    "github:index/workflowRepositoryPermissions:WorkflowRepositoryPermissions": "what the token of a workflow may do",
}


@rule(
    id="binauthz-policy-present",
    clause="CIN-2",
    title="Where a service of our stacks asks Binary Authorization, the stack sets its policy",
    severity="high",
    types=(_RUN, _POLICY),
    scope="stack",
    fix='gcp.binaryauthorization.Policy(default_admission_rule={"evaluation_mode": "REQUIRE_ATTESTATION", …})',
    sources=("https://cloud.google.com/binary-authorization/docs/run/overview",),
    good=((Sample(_RUN, {"binaryAuthorization": {"useDefault": True}}), Sample(_POLICY, {}, "policy"), marked()),),
    bad=((Sample(_RUN, {"binaryAuthorization": {"useDefault": True}}), marked()),),
    not_applicable=(
        (Sample(_RUN, {"name": "app"}), marked()),
        (Sample(_RUN, {"binaryAuthorization": {"useDefault": True}}),),
    ),
)
def policy_present(graph: Graph) -> Iterator[Finding]:
    """The default policy of a project, where nobody sets one, admits every image: the switch looks on and is not."""
    path = "binaryAuthorization.useDefault"
    asking = [r for r in graph.of(_RUN) if r.known(path) and r.flag(path)]
    hidden = [r for r in graph.of(_RUN) if not r.known(path)]
    if not ours(graph) or not (asking or hidden):
        yield skip("no service of our stacks asks for it")
    elif not asking and not graph.of(_POLICY):
        yield unsure(hidden[0], path)
    elif not graph.of(_POLICY):
        yield fail_stack(f"{asking[0].name} asks the project's policy, and the stack sets none")


@rule(
    id="github-limits-present",
    clause="CIN-4",
    title="Beside a repository our stacks say which actions run in it and what their token may do",
    severity="high",
    types=(_REPOSITORY, *_LIMITS),
    scope="stack",
    fix="github.ActionsRepositoryPermissions(…) and github.WorkflowRepositoryPermissions(…) for the repository",
    sources=(
        "https://docs.github.com/actions/security-for-github-actions/security-guides/security-hardening-for-github-actions",
    ),
    good=(
        (
            Sample(_REPOSITORY, {"name": "app"}, "app"),
            *(Sample(token, {"repository": "app"}, f"limit-{i}") for i, token in enumerate(_LIMITS)),
            marked(),
        ),
    ),
    bad=(
        (Sample(_REPOSITORY, {"name": "app"}, "app"), marked()),
        (
            Sample(_REPOSITORY, {"name": "app"}, "app"),
            Sample(next(iter(_LIMITS)), {"repository": "app"}, "one"),
            marked(),
        ),
    ),
    not_applicable=((Sample(_REPOSITORY, {"name": "app"}, "app"),),),
)
def limits_present(graph: Graph) -> Iterator[Finding]:
    """Without them every action of the marketplace runs with a token that may write, as the organization happens to
    have it."""
    if not ours(graph):
        yield skip(_NOT_OURS)
        return
    for token, what in _LIMITS.items():
        limits = graph.of(token)
        for repository in graph.of(_REPOSITORY):
            if not any(repository in linked(limit, "repository", _REPOSITORY) for limit in limits):
                yield fail(repository, "", f"nothing in the stack says {what}")


_PASSWORD: Final = "random:index/randomPassword:RandomPassword"


@rule(
    id="generated-password-long",
    clause="AUT-2",
    title="Generated passwords have at least 20 characters",
    severity="medium",
    types=(_PASSWORD, "random:index/randomString:RandomString"),
    decides=("length",),
    fix="length=32",
    sources=("https://pages.nist.gov/800-63-4/sp800-63b.html",),
    params={"min_length": 20},
    good=({"length": 32}, {"length": 20}),
    bad=({"length": 16}, {"length": 4}, {"length": "8"}),
)
def password_long(password: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """Nobody has to remember it, so nothing speaks for a short one; twenty characters withstand guessing off line."""
    length = password.number("length") or 0
    if password.type != _PASSWORD:
        yield skip("a generated text is a name, not a secret")
    elif length < float(params["min_length"]):
        yield fail(password, "length", f"is {password.show('length')}, fewer than {params['min_length']}")


_LOGIN: Final = frozenset(
    {*(f"roles/cloudsql.{x}" for x in ("instanceuser", "client", "editor", "admin")), "roles/logging.viewaccessor"}
)
_SIGN_IN: Final = frozenset(
    {
        *(f"cloudsql.instances.{x}" for x in ("login", "connect", "clone", "delete", "update", "reencrypt", "export")),
        *(f"cloudsql.instances.{x}" for x in ("import", "restoreBackup", "failover", "promoteReplica", "truncateLog")),
        "logging.views.access",
    }
)
"""What is done to one database or one view of logs, while the grant can stand on the project alone."""
_ROLE: Final = gcp("projects/iAMCustomRole")
_DATABASE: Final = gcp("sql/databaseInstance")
_MEMBER: Final = gcp("projects/iAMMember")
_ACCOUNT: Final = "serviceAccount:app@example-prod-workload.iam.gserviceaccount.com"


def _grant(expression: Any = None) -> Sample:
    limited = {"condition": {"title": "only orders", "expression": expression}} if expression else {}
    return Sample(
        _MEMBER, {"project": "p", "role": "roles/cloudsql.instanceUser", "member": _ACCOUNT, **limited}, "grant"
    )


@rule(
    id="sql-login-names-instance",
    clause="ACC-10",
    title="In our stacks a right over databases or views of logs names the one it is for",
    severity="medium",
    types=(_MEMBER, gcp("projects/iAMBinding"), _DATABASE),
    scope="stack",
    fix='condition={"title": …, "expression": "resource.name == \'projects/…/instances/orders\'"}',
    sources=("https://cloud.google.com/sql/docs/postgres/iam-conditions",),
    good=(
        (
            _grant("resource.name == 'projects/p/instances/orders'"),
            Sample(_DATABASE, {"name": "orders"}, "db"),
            marked(),
        ),
        (_grant(UNKNOWN), Sample(_DATABASE, {"name": "orders"}, "db"), marked()),
    ),
    bad=(
        (_grant(), Sample(_DATABASE, {"name": "orders"}, "db"), marked()),
        (_grant("true"), Sample(_DATABASE, {"name": "orders"}, "db"), marked()),
        (
            Sample(_ROLE, {"permissions": ["cloudsql.instances.clone"]}, "copier"),
            Sample(_MEMBER, {"project": "p", "role": UNKNOWN, "member": _ACCOUNT}, "grant", {"role": ("copier",)}),
            Sample(_DATABASE, {"name": "orders"}, "db"),
            marked(),
        ),
        (
            Sample(_MEMBER, {"project": "p", "role": "roles/logging.viewAccessor", "member": _ACCOUNT}, "grant"),
            Sample(_DATABASE, {"name": "orders"}, "db"),
            marked(),
        ),
    ),
    not_applicable=((_grant(), Sample(_DATABASE, {"name": "orders"}, "db")), (_grant(), marked())),
)
def login_names_instance(graph: Graph) -> Iterator[Finding]:
    """Cloud SQL has no grants on single instances: a grant on the project opens every database of it, the next ones
    included, unless its condition names one. A condition that is not known yet was made from a database's name."""
    if not ours(graph) or not graph.of(_DATABASE):
        yield skip("no database of our stacks")
        return
    logins = {
        r.urn for r in graph.of(_ROLE) if r.known("permissions") and _SIGN_IN & set(map(str, r.items("permissions")))
    }
    for grant in all_parts(graph):
        made = [r.urn for r in linked(grant.resource, "role", _ROLE)]
        if grant.level == "project" and not made and role_lost(grant) and grant.condition is None:
            yield unsure(grant.resource, grant.unknown[0])
        if grant.level != "project" or not (grant.role.lower() in _LOGIN or logins.intersection(made)):
            continue
        if grant.condition is None:
            yield fail(
                grant.resource, "condition", f"is not set: {grant.member or 'the member'} has the right over every one"
            )
        elif grant.condition and "resource.name" not in grant.condition:
            yield fail(grant.resource, "condition.expression", "names none")
        elif not grant.condition and not grant.resource.property_dependencies and grant.unknown:
            yield unsure(grant.resource, "condition")

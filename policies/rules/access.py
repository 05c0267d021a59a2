"""The need-to-know matrix: whatever people may do stands in a row of it, and ends when the row does."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from policies.graph import Graph
from policies.iam import level_of
from policies.model import UNKNOWN, Resource, UnknownValue, View, gcp
from policies.normalise import seconds
from policies.registers import Registers, Right
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules import _grants as g
from policies.rules._cel import split
from policies.rules._iam_types import tokens
from policies.rules._links import linked

ENTITLEMENT: Final = "gcp:privilegedaccessmanager/entitlement:entitlement"
USER: Final = gcp("sql/user")
INSTANCE: Final = gcp("sql/databaseInstance")
_FIRST: Final = "gcp:projects/iAMMember:IAMMember"
_LOGIN: Final = frozenset({"cloudsql.instances.connect", "cloudsql.instances.get", "cloudsql.instances.login"})

_OTHERS: Final = (gcp("bigquery/dataset"), gcp("bigquery/datasetAccess"), USER, ENTITLEMENT)

STANDING: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("database", "sign-in"): ("roles/cloudsql.instanceuser", "roles/cloudsql.client"),
    ("service", "use"): ("roles/iap.httpsresourceaccessor",),
    ("secret", "read"): ("roles/secretmanager.secretaccessor",),
    ("secret", "renew"): ("roles/secretmanager.secretversionadder",),
    ("bucket", "read"): ("roles/storage.objectviewer",),
    ("logs", "read"): ("roles/logging.viewaccessor",),
    ("project", "watch"): ("roles/monitoring.viewer",),
}
"""Roles by kind of asset and access: what a row allows at most. Signing in may also take a role of our own."""
REQUESTED: Final[Mapping[str, str]] = {
    "administer-databases": "roles/cloudsql.editor",
    "administer-network": "roles/compute.networkadmin",
    "administer-services": "roles/run.developer",
}
"""Roles that are lent for hours."""
_GOOGLE: Final = frozenset({"group:cloud-storage-analytics@google.com"})
"""Groups behind which services of Google stand, and no people: Cloud Storage writes its access logs as this one."""
_END: Final = re.compile(r"""^request\.time\s*<\s*timestamp\(\s*["']([^"']+)["']\s*\)$""")


def _row(**changes: Any) -> Right:
    row = {
        "id": "readers",
        "group": "readers@example.com",
        "asset": "bucket/exports",
        "access": "read",
        "purpose": "checks the copies every month",
        "reviewed": dt.date(2026, 11, 1),
        "expires": dt.date(2027, 10, 31),
    }
    return Right.model_validate({**row, **changes})


def _registers(*rows: Right) -> Registers:
    return Registers(today=dt.date(2026, 11, 22), access={"prod": rows})


_BUCKET: Final = Sample("storage/bucket", {"name": "b", "labels": {"store": "exports"}}, "exports")
_UNTIL: Final = 'request.time < timestamp("2027-11-01T00:00:00Z")'


def _read(expression: str | None = _UNTIL, **changes: Any) -> Sample:
    member = {"bucket": "b", "role": "roles/storage.objectViewer", "member": "group:readers@example.com", **changes}
    rows = member.pop("rows", _row())
    if expression is not None:
        member["condition"] = {"title": "access.yaml readers until 2027-10-31", "expression": expression}
    return Sample("storage/bucketIAMMember", member, "readers", {"bucket": ("exports",)}, registers=_registers(rows))


_REQUEST: Final[Mapping[str, Any]] = {
    "parent": "projects/example-prod-workload",
    "maxRequestDuration": "7200s",
    "eligibleUsers": [{"principals": ["group:readers@example.com"]}],
    "approvalWorkflow": {
        "manualApprovals": {"steps": [{"approvalsNeeded": 1, "approvers": {"principals": ["group:leads@example.com"]}}]}
    },
    "privilegedAccess": {
        "gcpIamAccess": {"roleBindings": [{"role": "roles/cloudsql.editor", "conditionExpression": _UNTIL}]}
    },
}
_LENT: Final = _row(
    asset="project/example-prod-workload", access="administer-databases", approvers="leads@example.com", hours=2
)


def _request(row: Right = _LENT, **changes: Any) -> Sample:
    return Sample(ENTITLEMENT, {**_REQUEST, **changes}, "request", registers=_registers(row))


@rule(
    id="access-grant-traces-to-row",
    clause="ACC-7",
    title="Every right of people traces to a live row of the need-to-know matrix",
    severity="high",
    types=(_FIRST, *(t for t in tokens() if t != _FIRST), *_OTHERS),
    decides=("member",),
    absent="pass",
    graph=True,
    undetermined="mandatory",
    fix="a row in access.yaml: group, asset, access, purpose, reviewed, expires; the grant is made of it",
    sources=("https://cloud.google.com/iam/docs/conditions-overview", "ISO 27001:2022 A.5.18"),
    good=(
        (_read(), _BUCKET),
        (_read(member="serviceAccount:app@example-prod-workload.iam.gserviceaccount.com"), _BUCKET),
        (_read('request.time < timestamp("2027-01-01T00:00:00+02:00") && resource.name.endsWith("/1")'), _BUCKET),
        (_request(),),
    ),
    bad=(
        (_read(member="group:strangers@example.com"), _BUCKET),
        (_read(None), _BUCKET),
        (_read('request.time < timestamp("2027-11-01T00:00:00Z") || true'), _BUCKET),
        (_read('request.time < timestamp("2027-11-01T00:00:01Z")'), _BUCKET),
        (_read(role="roles/storage.objectAdmin"), _BUCKET),
        (_read(rows=_row(asset="bucket/erasures")), _BUCKET),
        (_read(rows=_row(expires=dt.date(2026, 11, 21))), _BUCKET),
        (_read(rows=_row(approvers="leads@example.com")), _BUCKET),
        (_read(rows=_row(condition='resource.name.endsWith("/1")')), _BUCKET),
        (_read(member="domain:example.com"), _BUCKET),
        (_request(_LENT.model_copy(update={"approvers": None})),),
        (_request(_LENT.model_copy(update={"approvers": "board@example.com"})),),
        (_request(_LENT.model_copy(update={"hours": 1})),),
        (_request(_LENT.model_copy(update={"asset": "project/example-prod-keys"})),),
        (
            Sample(
                USER,
                {"name": "readers@example.com", "type": "CLOUD_IAM_GROUP", "instance": "orders-1"},
                "user",
                {"instance": ("orders",)},
                registers=_registers(_row()),
            ),
            Sample(INSTANCE, {"settings": {"userLabels": {"store": "orders"}}}, "orders"),
        ),
    ),
    not_applicable=(Sample(_FIRST, {"role": "roles/monitoring.viewer", "member": "group:team@example.com"}),),
)
def traces_to_row(resource: Resource) -> Iterator[Finding]:
    """Access that nobody wrote down is access that nobody reviews: it stays when the work that needed it is over. The
    row says who agreed to what and until when; the grant must be on the same thing, no wider, and end by itself."""
    graph = resource.graph
    registers = graph.registers if graph is not None else None
    if graph is None or registers is None:
        yield skip("no need-to-know matrix came with the stack")
        return
    rows = registers.access.get(graph.stack, ())
    for claim in _claims(resource):
        yield from _traced(claim, rows, registers.today, graph.stack)


@dataclass(frozen=True, kw_only=True)
class _Claim:
    """What a resource gives to one group."""

    view: View
    path: str
    member: str
    assets: frozenset[str] | None
    """Names the asset may have in the matrix; empty where no row can be about it, None where it is not known yet."""
    role: str
    """In small letters, "" where it is not known yet."""
    ends: bool = True
    """Whether a condition has to end it."""
    condition: str | None = None
    """None where there is none, "" where it is not known yet."""
    title: str = ""
    """Of the condition, where what makes it unknown is an instance of this stack: it then says when the grant ends."""
    approvers: frozenset[str] | None = None
    """Who agrees to each use; None for standing access."""
    hours: float = 0


def _claims(resource: Resource) -> Iterator[_Claim]:
    if resource.type == ENTITLEMENT:
        yield from _requests(resource)
    elif resource.type == USER:
        yield from _logins(resource)
    else:
        for grant in g.members(resource):
            if (grant.human or grant.kind == "group") and grant.member.lower() not in _GOOGLE:
                if not grant.member:
                    raise UnknownValue(grant.path)
                title = resource.raw("condition.title") if linked(resource, "condition", INSTANCE) else None
                yield _Claim(
                    view=resource,
                    path=grant.path,
                    member=grant.member,
                    assets=_assets(resource),
                    role=_role(resource, grant.role),
                    condition=grant.condition,
                    title=title if isinstance(title, str) else "",
                )


def _logins(user: Resource) -> Iterator[_Claim]:
    if (user.upper("type") or "").startswith(("CLOUD_IAM_GROUP", "CLOUD_IAM_USER")):
        name = user.text("name") or ""
        stores = _labels(linked(user, "instance", INSTANCE), "settings.userLabels")
        kind = "group" if "GROUP" in (user.upper("type") or "") else "user"
        yield _Claim(
            view=user,
            path="name",
            member=f"{kind}:{name}",
            assets=frozenset(f"database/{store}" for store in stores) if stores or user.known("instance") else None,
            role="roles/cloudsql.instanceuser",
            ends=False,
        )


def _requests(entitlement: Resource) -> Iterator[_Claim]:
    parent = entitlement.text("parent") or ""
    assets = frozenset({f"project/{parent.removeprefix('projects/')}"} if parent.startswith("projects/") else ())
    steps = entitlement.views("approvalWorkflow.manualApprovals.steps")
    approvers = {str(who).lower() for s in steps for a in s.views("approvers") for who in _known(a, "principals")}
    hours = (seconds(entitlement.text("maxRequestDuration")) or 0) / 3600
    for users in entitlement.views("eligibleUsers"):
        for who in _known(users, "principals"):
            for binding in entitlement.views("privilegedAccess.gcpIamAccess.roleBindings"):
                expression = binding.raw("conditionExpression")
                yield _Claim(
                    view=binding,
                    path="conditionExpression",
                    member=str(who),
                    assets=assets,
                    role=(binding.text("role") or "").lower(),
                    condition="" if expression is UNKNOWN else expression,
                    approvers=frozenset(approvers),
                    hours=hours,
                )


def _known(view: View, path: str) -> list[Any]:
    values = view.items(path)
    if UNKNOWN in values:
        raise UnknownValue(view.at(path))
    return values


def _assets(resource: Resource) -> frozenset[str] | None:
    """What the grant is on, in the words of the matrix."""
    found = _found(resource)
    unknown = any(not resource.known(path) for path in ("bucket", "secretId", "cloudRunServiceName", "name", "project"))
    return None if not found and unknown else found


def _found(resource: Resource) -> frozenset[str]:
    kind = resource.type.partition("/")[2].partition(":")[0].removesuffix("Member").removesuffix("Binding")
    module = resource.type.partition(":")[2].partition("/")[0]
    if level_of(resource.type) == "project" and module == "projects":
        databases = _labels(linked(resource, "condition", INSTANCE), "settings.userLabels")
        project = resource.graph.project_of(resource) if resource.graph else None
        return frozenset({*(f"database/{d}" for d in databases), *([f"project/{project}"] if project else [])})
    if (module, kind) == ("storage", "bucketIAM"):
        return frozenset(f"bucket/{s}" for s in _labels(linked(resource, "bucket", gcp("storage/bucket")), "labels"))
    if (module, kind) == ("secretmanager", "secretIam"):
        return _named("secret", resource, "secretId", gcp("secretmanager/secret"))
    if (module, kind) == ("iap", "webCloudRunServiceIam"):
        return _named("service", resource, "cloudRunServiceName", gcp("cloudrunv2/service"), "name")
    if (module, kind) == ("logging", "logViewIam"):
        views = linked(resource, "name", gcp("logging/logView"))
        shown = [re.fullmatch(r'SOURCE\("projects/([\w-]+)"\)', view.text("filter") or "") for view in views]
        return frozenset(f"logs/{match[1]}" for match in shown if match)
    return frozenset()


def _named(kind: str, resource: Resource, path: str, target: str, name: str = "secretId") -> frozenset[str]:
    """By the name in the grant, or that of the resource it comes from."""
    value = resource.raw(path)
    if isinstance(value, str):
        return frozenset({f"{kind}/{value.rsplit('/', 1)[-1]}"})
    return frozenset(f"{kind}/{found}" for r in linked(resource, path, target) if (found := r.output(name)))


def _labels(stores: Iterable[Resource], path: str) -> set[str]:
    return {name for store in stores if (name := store.text(f"{path}.store"))}


def _role(resource: Resource, role: str) -> str:
    """The role in small letters; one of our own that only signs in counts as that."""
    custom = linked(resource, "role", *g.CUSTOM_ROLES) if role.partition("/")[0] != "roles" else []
    if custom and all(_LOGIN.issuperset(r.items("permissions")) for r in custom):
        return "roles/cloudsql.instanceuser"
    return role.lower()


def _traced(claim: _Claim, rows: Iterable[Right], today: dt.date, stack: str) -> Iterator[Finding]:
    who = claim.member.removeprefix("deleted:")
    own = [row for row in rows if who.lower() == f"group:{row.group.lower()}"]
    if not own:
        yield fail(claim.view, claim.path, f"{claim.member} has no row in access.yaml for the stack {stack}")
        return
    if claim.assets is None or not claim.role:
        yield unsure(claim.view, claim.path, "is for people on a thing, or with a role, that is known only after `up`")
        return
    fitting = [row for row in own if row.asset in claim.assets and _allows(row, claim)]
    if not fitting:
        others = ", ".join(f"{row.id} ({row.access} on {row.asset})" for row in own)
        on = " or ".join(sorted(claim.assets)) or claim.view.resource.type
        yield fail(claim.view, claim.path, f"no row gives {who} {claim.role} on {on}; its rows are {others}")
        return
    live = [row for row in fitting if row.expires >= today]
    if not live:
        ended = fitting[-1]
        yield fail(claim.view, claim.path, f"the row {ended.id} of {who} ended on {ended.expires} ({ended.where})")
        return
    problems = [problem for row in live for problem in (_kept(claim, row),) if problem]
    if len(problems) == len(live):
        if problems[0] == _LATER:
            yield unsure(claim.view, "condition")
        else:
            yield fail(claim.view, claim.path, problems[0])


def _allows(row: Right, claim: _Claim) -> bool:
    if claim.approvers is None:
        kind = row.asset.partition("/")[0]
        return row.approvers is None and claim.role in STANDING.get((kind, row.access), ())
    return row.approvers is not None and claim.role == REQUESTED.get(row.access)


_LATER: Final = "known only after the first `up`"


def _kept(claim: _Claim, row: Right) -> str | None:
    """What is wider than the row, or None."""
    if claim.approvers is not None and claim.approvers != {f"group:{(row.approvers or '').lower()}"}:
        shown = ", ".join(sorted(claim.approvers)) or "nobody"
        return f"{shown} approves, and the row {row.id} says {row.approvers}"
    if claim.hours > row.hours:
        return f"a request lasts {claim.hours:g} hours, and the row {row.id} says {row.hours}"
    if not claim.ends:
        return None
    if claim.condition == "":
        spoken = row.id in claim.title.split() and str(row.expires) in claim.title
        return None if spoken else _LATER
    if not claim.condition:
        return f"never ends, and the row {row.id} ends on {row.expires}"
    parts = split(claim.condition, "&&") if len(split(claim.condition, "||")) == 1 else []
    if not any(_ends_by(part, row) for part in parts):
        return f'does not end with the row {row.id}: write request.time < timestamp("{row.end}")'
    if row.condition is not None and not any(part.strip("() ") == row.condition.strip("() ") for part in parts):
        return f"leaves out the condition of the row {row.id}"
    return None


def _ends_by(part: str, row: Right) -> bool:
    match = _END.match(part.strip())
    if match is None:
        return False
    try:
        moment = dt.datetime.fromisoformat(match[1])
    except ValueError:
        return False
    return moment.tzinfo is not None and moment <= dt.datetime.fromisoformat(row.end)


_ANY: Final = Sample("storage/bucket", {"name": "b"}, "exports")


def _stack(*rows: Right) -> Sample:
    return Sample("storage/bucket", {"name": "b"}, "exports", registers=_registers(*rows))


@rule(
    id="access-rows-live",
    clause="ACC-7",
    title="Every row of the need-to-know matrix is live and was reviewed within a year before its end",
    severity="high",
    types=(),
    scope="stack",
    fix="take the row out of access.yaml, or have it agreed to anew: `reviewed` and `expires`",
    sources=("ISO 27001:2022 A.5.18",),
    params={"max_days": 366},
    good=(_stack(_row()), _stack(_row(expires=dt.date(2026, 11, 22)))),
    bad=(
        _stack(_row(expires=dt.date(2026, 11, 21))),
        _stack(_row(reviewed=dt.date(2026, 10, 1), expires=dt.date(2027, 10, 3))),
        _stack(_row(reviewed=dt.date(2027, 11, 1))),
    ),
    not_applicable=(_ANY,),
)
def rows_live(graph: Graph, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A row that ended means that somebody works without the access, or that access outlived its reason. A row that
    runs for years is one that nobody looks at again."""
    if graph.registers is None:
        yield skip("no need-to-know matrix came with the stack")
        return
    for row in graph.registers.access.get(graph.stack, ()):
        if row.expires < graph.registers.today:
            yield fail_stack(f"{row.where} the row {row.id} ended on {row.expires}")
        elif not 0 <= (row.expires - row.reviewed).days <= float(params["max_days"]):
            yield fail_stack(
                f"{row.where} the row {row.id} runs from {row.reviewed} to {row.expires}, "
                f"not within {params['max_days']} days"
            )

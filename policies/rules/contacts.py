"""Who Google tells: contacts for security and law, findings, access by Google's own people, the bill."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.graph import Graph
from policies.iam import plain
from policies.model import UNKNOWN, Resource, UnknownValue, gcp
from policies.rule import Finding, Sample, fail, fail_stack, rule, skip, unsure
from policies.rules._ours import enabled, marked, ours, projects_in_use

CONTACT: Final = gcp("essentialcontacts/contact")
APPROVALS: Final = tuple(gcp(f"{x}/accessApprovalSettings") for x in ("organizations", "folder", "projects"))
FINDINGS: Final = tuple(
    gcp(f"securitycenter/{x}otificationConfig")
    for x in ("n", "v2OrganizationN", "folderN", "v2FolderN", "projectN", "v2ProjectN")
)
BUDGET: Final = gcp("billing/budget")
_DOCS = ("https://cloud.google.com/resource-manager/docs/managing-notification-contacts",)
NOT_DECIDABLE: tuple[tuple[str, str], ...] = (
    ("cis-gcp:2.14", "access transparency is switched on in the console of the organization, by no resource"),
)
_NEEDED: Final = ("LEGAL", "SECURITY", "SUSPENSION", "TECHNICAL")
_ORGANIZATION = "organizations/123456789012"


def _contact(*categories: str, parent: Any = _ORGANIZATION, name: str = "contact") -> Sample:
    props = {"parent": parent, "email": "security@example.com", "notificationCategorySubscriptions": list(categories)}
    return Sample(CONTACT, props, name)


def _categories(contact: Resource) -> tuple[set[str], str]:
    """The categories in capitals, and the path of one that is not known yet."""
    path = "notificationCategorySubscriptions"
    found = plain(contact.raw(path))
    if found is UNKNOWN:
        return set(), path
    values = found if isinstance(found, list) else [found]
    lost = path if UNKNOWN in values else ""
    return {str(v).strip().upper() for v in values if isinstance(v, str)}, lost


@rule(
    id="contact-organization-complete",
    clause="MON-4",
    title="The organization's contacts take legal, security, suspension and technical notices",
    severity="medium",
    types=(CONTACT,),
    decides=("notificationCategorySubscriptions",),
    graph=True,
    fix='notification_category_subscriptions=["LEGAL", "SECURITY", "SUSPENSION", "TECHNICAL"]',
    references=(
        "kics:ensure_essential_contacts_is_configured_for_organization",
        "prowler:iam_organization_essential_contacts_configured",
        "cis-gcp:1.16",
    ),
    sources=_DOCS,
    good=(
        _contact(*_NEEDED),
        _contact("ALL"),
        (_contact("LEGAL"), _contact("SECURITY", "SUSPENSION", "TECHNICAL", name="more")),
    ),
    bad=(_contact("BILLING", "PRODUCT_UPDATES"), _contact(*_NEEDED[:3]), _contact()),
    not_applicable=(_contact("BILLING", parent="folders/987654321"), _contact("BILLING", parent="projects/app")),
)
def organization_complete(contact: Resource) -> Iterator[Finding]:
    """A notice without a reader is a deadline missed. Contacts of one organization are judged together."""
    if not contact.known("parent") and not contact.property_dependencies.get("parent"):
        yield unsure(contact, "parent")
        return
    if _level(contact) != "organizations":
        yield skip("the contact is not one of an organization")
        return
    peers = contact.graph.of(CONTACT) if contact.graph else [contact]
    found: set[str] = set()
    lost = ""
    for peer in peers:
        if peer is not contact and not peer.known("parent"):
            lost = lost or "parent"
        elif peer is contact or plain(peer.raw("parent")) == plain(contact.raw("parent")):
            categories, path = _categories(peer)
            found |= categories
            lost = lost or path
    missing = [category for category in _NEEDED if category not in found]
    if missing and "ALL" not in found:
        if lost:
            raise UnknownValue(contact.at(lost))
        yield fail(contact, "notificationCategorySubscriptions", f"nobody gets {', '.join(missing)} notices")


def _level(contact: Resource) -> str:
    value = plain(contact.raw("parent"))
    return value.split("/")[0] if isinstance(value, str) else ""


_LAW = _contact("LEGAL", "SUSPENSION", parent="projects/app", name="law")


@rule(
    id="contact-security-present",
    clause="MON-4",
    title="Somebody gets Google's security, technical, legal and suspension notices",
    severity="medium",
    types=(CONTACT,),
    scope="stack",
    fix='gcp.essentialcontacts.Contact(notification_category_subscriptions=["SECURITY", "TECHNICAL", …], …)',
    sources=_DOCS,
    good=(
        (marked(), enabled("app"), _contact("SECURITY", "TECHNICAL", parent="projects/app"), _LAW),
        (marked(), enabled("app"), _contact("ALL")),
    ),
    bad=(
        (marked(), enabled("app")),
        (marked(), enabled("app"), _contact("BILLING", parent="projects/app")),
        (marked(), enabled("app"), _contact("SECURITY", "TECHNICAL", parent="projects/app")),
        (marked(), enabled("app"), enabled("audit"), _contact("ALL", parent="projects/app")),
    ),
    not_applicable=((Sample(BUDGET, {}),), (marked(),)),
)
def security_present(graph: Graph) -> Iterator[Finding]:
    """Otherwise the warning goes to whoever happens to administer. Judged for every project of stacks of ours; a
    contact of the organization or a folder counts for all."""
    projects, lost = projects_in_use(graph)
    if not ours(graph) or not (projects or lost):
        yield skip("the stack is not built from this project's components, or enables no services")
        return
    homeless = list(lost)
    covered: dict[str, set[str]] = {}
    for contact in graph.of(CONTACT):
        categories, path = _categories(contact)
        parent = plain(contact.raw("parent"))
        if path or not isinstance(parent, str):
            lost.append(unsure(contact, path or "parent"))
        else:
            covered.setdefault(parent, set()).update(_NEEDED if "ALL" in categories else categories)
    everywhere = {c for parent, found in covered.items() if not parent.startswith("projects/") for c in found}
    missing = {
        name: [c for c in _NEEDED if c not in everywhere | covered.get(f"projects/{name}", set())] for name in projects
    }
    if homeless or (lost and (any(missing.values()) or not projects)):
        yield from lost
        return
    for name, categories_missing in missing.items():
        if categories_missing:
            yield fail(projects[name], "project", f"nobody gets {', '.join(categories_missing)} notices of {name}")


_EVERY = [{"cloudProduct": "all", "enrollmentLevel": "BLOCK_ALL"}]


@rule(
    id="access-approval-enrolled",
    clause="ACC-8",
    title="Google's own people need an approval before they see our data",
    severity="medium",
    types=APPROVALS,
    decides=("enrolledServices",),
    fix='enrolled_services=[{"cloud_product": "all"}]',
    references=("prowler:iam_account_access_approval_enabled", "cis-gcp:2.15", "kics:gcp_access_approval_disabled"),
    sources=("https://cloud.google.com/assured-workloads/access-approval/docs/overview",),
    good=({"enrolledServices": _EVERY}, {"enrolledServices": [{"cloudProduct": "bigquery.googleapis.com"}]}),
    bad=({}, {"enrolledServices": []}, {"projectId": "app", "notificationEmails": ["security@example.com"]}),
)
def approval_enrolled(settings: Resource) -> Iterator[Finding]:
    """Without enrolled services support staff look first and are only logged."""
    if not settings.items("enrolledServices"):
        yield fail(settings, "enrolledServices", "is empty: nothing needs an approval")


@rule(
    id="access-approval-asks-somebody",
    clause="ACC-8",
    title="Requests for approval reach somebody",
    severity="low",
    types=APPROVALS,
    decides=("notificationEmails",),
    fix='notification_emails=["security@example.com"]',
    sources=("https://cloud.google.com/assured-workloads/access-approval/docs/overview",),
    good=({"enrolledServices": _EVERY, "notificationEmails": ["security@example.com"]},),
    bad=({"enrolledServices": _EVERY}, {"notificationEmails": []}),
)
def approval_asks(settings: Resource) -> Iterator[Finding]:
    """A request that nobody reads is refused while support waits, or approved by whoever logs in by chance."""
    if not settings.items("notificationEmails"):
        yield fail(settings, "notificationEmails", "is empty: nobody is asked")


_TOPIC = "projects/audit/topics/findings"


_FIELDS: Final = frozenset(
    {"severity", "state", "mute", "category", "findingclass", "finding_class", "resource", "parent"}
)
"""What a stream is chosen by without losing severe findings that nobody thought of."""


@rule(
    id="finding-notified",
    clause="MON-4",
    title="Streams of findings carry the severe and open ones",
    severity="medium",
    types=FINDINGS,
    decides=("streamingConfig.filter",),
    absent="pass",
    fix='streaming_config={"filter": "state=\\"ACTIVE\\" AND NOT mute=\\"MUTED\\""}',
    sources=("https://cloud.google.com/security-command-center/docs/how-to-notifications",),
    good=(
        {"pubsubTopic": _TOPIC, "streamingConfig": {"filter": 'state="ACTIVE"'}},
        {"pubsubTopic": _TOPIC, "streamingConfig": {"filter": 'severity="HIGH" OR severity="CRITICAL"'}},
    ),
    bad=(
        {"pubsubTopic": _TOPIC, "streamingConfig": {"filter": 'severity="LOW"'}},
        {"pubsubTopic": _TOPIC, "streamingConfig": {"filter": 'state="INACTIVE"'}},
        {"pubsubTopic": _TOPIC, "streamingConfig": {"filter": 'state="ACTIVE" AND labels.team="a"'}},
    ),
)
def finding_notified(config: Resource) -> Iterator[Finding]:
    """A stream of low or closed findings keeps people busy while the critical one waits."""
    bare = re.sub(r'"[^"]*"', '""', config.text("streamingConfig.filter") or "")
    text = (config.text("streamingConfig.filter") or "").upper().replace(" ", "")
    severe = "SEVERITY=" not in text or "HIGH" in text or "CRITICAL" in text
    open_ones = re.search(r'(?<!NOT)(?<!-)STATE="INACTIVE"', text) is None
    fields = {name.split(".")[0].lower() for name in re.findall(r"([A-Za-z][\w.]*)\s*[=:<>]", bare)}
    if not (severe and open_ones) or fields - _FIELDS:
        yield fail(config, "streamingConfig.filter", f"is {config.show('streamingConfig.filter')}")


_NODES: Final = (
    gcp("logging/organizationSink"),
    gcp("iam/principalAccessBoundaryPolicy"),
    gcp("accesscontextmanager/accessLevel"),
)
"""What only an organization has: a stack with one of these could stream the organization's findings, too."""


@rule(
    id="finding-streamed",
    clause="MON-4",
    title="Findings of the Security Command Center are sent to somebody",
    severity="medium",
    types=FINDINGS,
    scope="stack",
    fix="gcp.securitycenter.V2OrganizationNotificationConfig(pubsub_topic=…, streaming_config=…), and who reads it",
    sources=("https://cloud.google.com/security-command-center/docs/how-to-notifications",),
    good=(
        (
            marked(),
            Sample(_NODES[0], {"orgId": "1"}),
            Sample(FINDINGS[1], {"pubsubTopic": _TOPIC, "organization": "1"}, "findings"),
        ),
    ),
    bad=((marked(), Sample(_NODES[0], {"orgId": "1"})), (marked(), Sample(_NODES[2], {"parent": "accessPolicies/1"}))),
    not_applicable=((Sample(_NODES[0], {"orgId": "1"}),), (marked(),)),
)
def finding_streamed(graph: Graph) -> Iterator[Finding]:
    """A finding that lies in a console waits for somebody to look. Judged for stacks of ours inside of an
    organization: without one there is no Security Command Center."""
    if not (ours(graph) and graph.of(*_NODES)):
        yield skip("the stack is not built from this project's components, or knows no organization")
    elif not graph.of(*FINDINGS):
        yield fail_stack("no stream of findings is set up: they lie in the console until somebody looks")


def _budget(**changes: Any) -> dict[str, Any]:
    return {
        "billingAccount": "000000-000000-000000",
        "amount": {"specifiedAmount": {"units": "1000"}},
        "thresholdRules": [{"thresholdPercent": 0.5}, {"thresholdPercent": 1.0}],
        **changes,
    }


@rule(
    id="budget-warns",
    clause="MON-4",
    title="Budgets warn somebody before the money is spent",
    severity="low",
    types=(BUDGET,),
    decides=("thresholdRules",),
    fix="threshold_rules=[{'threshold_percent': 0.5}, {'threshold_percent': 1.0}]",
    sources=("https://cloud.google.com/billing/docs/how-to/budgets",),
    good=(_budget(),),
    bad=(
        _budget(thresholdRules=[]),
        _budget(allUpdatesRule={"disableDefaultIamRecipients": True}),
    ),
)
def budget_warns(budget: Resource) -> Iterator[Finding]:
    """A jump in cost is often the first sign of stolen credentials. By default the billing administrators are told;
    whoever switches that off names a channel or a topic instead."""
    if not budget.items("thresholdRules"):
        yield fail(budget, "thresholdRules", "is empty: nobody is warned")
    silent = budget.flag("allUpdatesRule.disableDefaultIamRecipients")
    told = any(budget.has(f"allUpdatesRule.{key}") for key in ("monitoringNotificationChannels", "pubsubTopic"))
    if silent and not told:
        yield fail(budget, "allUpdatesRule", "tells neither administrators nor a channel")

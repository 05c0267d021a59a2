"""Access in every shape: members, bindings, policies, conditions, rows that end, keys, lists, teams, the internet."""

import json
import os

import pulumi
import pulumi_gcp as gcp
import pulumi_github as github

after = bool(os.environ.get("AFTER"))
PROJECT = "example-access"
cloud = gcp.Provider("cloud", project=PROJECT, region="europe-west1")
hub = pulumi.ResourceOptions(provider=github.Provider("hub", owner="example"))
apis = [
    gcp.projects.Service(
        f"api-{name}",
        service=f"{name}.googleapis.com",
        project=PROJECT,
        opts=pulumi.ResourceOptions(provider=cloud),
    )
    for name in ("storage", "iam", "pubsub", "compute", "secretmanager")
]
options = pulumi.ResourceOptions(provider=cloud, depends_on=apis)


def until(row: str, last: str, first_without: str, purpose: str) -> dict[str, str]:
    """The condition that is made of a row of access.yaml."""
    expression = f'request.time < timestamp("{first_without}T00:00:00Z")'
    return {"title": f"access.yaml {row} until {last}", "description": purpose, "expression": expression}


def person(name: str, role: str, member: str, condition: dict[str, str] | None = None) -> None:
    """A grant on the project."""
    gcp.projects.IAMMember(name, project=PROJECT, role=role, member=member, condition=condition, opts=options)


worker = gcp.serviceaccount.Account("worker", account_id="worker", project=PROJECT, opts=options)
invoices = gcp.storage.Bucket(
    "invoices", name="example-access-invoices", location="EUROPE-WEST1", project=PROJECT, opts=options
)
role = gcp.projects.IAMCustomRole(
    "operator",
    role_id="operatorRole",
    title="Operator",
    project=PROJECT,
    permissions=["pubsub.topics.get", *(["pubsub.topics.delete"] if after else [])],
    opts=options,
)
person("operators", role.name, "group:ops@example.com")
gcp.projects.IAMBinding(
    "readers",
    project=PROJECT,
    role="roles/logging.viewer",
    members=["group:dev@example.com", "group:audit@example.com" if after else "group:support@example.com"],
    opts=options,
)
topic = gcp.pubsub.Topic("jobs", name="jobs", project=PROJECT, opts=options)
bindings = [{"role": "roles/pubsub.publisher", "members": [f"group:{'b' if after else 'a'}@example.com"]}]
gcp.pubsub.TopicIAMPolicy(
    "jobs-policy", topic=topic.name, project=PROJECT, policy_data=json.dumps({"bindings": bindings}), opts=options
)
network = gcp.compute.Network("net", name="net", project=PROJECT, auto_create_subnetworks=False, opts=options)
gcp.compute.Firewall(
    "ssh",
    name="ssh",
    network=network.id,
    project=PROJECT,
    allows=[{"protocol": "tcp", "ports": ["22"]}],
    source_ranges=["0.0.0.0/0" if after else "35.235.240.0/20"],
    opts=options,
)
app = github.Repository("app", name="app", visibility="public" if after else "private", opts=hub)
team = github.Team("devs", name="devs", opts=hub)
github.TeamRepository(
    "devs-app", team_id=team.id, repository=app.name, permission="admin" if after else "push", opts=hub
)
if after:
    person(
        "data-team",
        "roles/storage.objectViewer",
        "group:data-team@example.com",
        {
            **until("quarterly", "2027-01-31", "2027-02-01", "quarterly close"),
            "expression": 'request.time < timestamp("2027-02-01T00:00:00Z")'
            ' && resource.name.startsWith("projects/_/buckets/example-access-invoices")',
        },
    )
    person("owner", "roles/owner", "user:jane@example.com")
    person("login", role.name, "group:ops@example.com", until("nights", "2026-12-31", "2027-01-01", "on call"))
    gcp.storage.BucketIAMMember(
        "moved",
        bucket=invoices.name,
        role="roles/storage.objectViewer",
        member="group:finance@example.com",
        opts=options,
    )
    gcp.storage.BucketIAMMember(
        "open", bucket=invoices.name, role="roles/storage.objectViewer", member="allUsers", opts=options
    )
    gcp.storage.BucketACL("list", bucket=invoices.name, role_entities=["READER:domain-example.com"], opts=options)
    gcp.serviceaccount.Key("file", service_account_id=worker.name, opts=options)
    gcp.serviceaccount.IAMMember(
        "impersonation",
        service_account_id=worker.name,
        role="roles/iam.serviceAccountTokenCreator",
        member="group:dev@example.com",
        opts=options,
    )
    github.RepositoryCollaborator("outsider", repository=app.name, username="mallory", permission="push", opts=hub)
else:
    person(
        "contractors",
        "roles/viewer",
        "group:contractors@example.com",
        until("contractors", "2026-11-20", "2026-11-21", "move of the archive"),
    )
    person("machine", "roles/pubsub.subscriber", worker.member)
    gcp.storage.BucketIAMMember(
        "finance",
        bucket=invoices.name,
        role="roles/storage.objectViewer",
        member="group:finance@example.com",
        opts=options,
    )

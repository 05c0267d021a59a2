"""What is recorded: `AFTER` unset makes the stack, `AFTER=1` changes it in every way a review has to tell apart."""

import json
import os

import pulumi
import pulumi_gcp as gcp
import pulumi_random as random

after = bool(os.environ.get("AFTER"))


class Data(pulumi.ComponentResource):
    """A component, so that changes have one."""

    def __init__(self, name: str) -> None:
        super().__init__("hosting:data:Recorded", name)
        self.register_outputs({})


cloud = gcp.Provider("cloud", project="example-recorded", region="europe-west1")
options = pulumi.ResourceOptions(provider=cloud)
data = Data("data")
child = pulumi.ResourceOptions(provider=cloud, parent=data)
apis = [
    gcp.projects.Service(f"api-{name}", service=f"{name}.googleapis.com", project="example-recorded", opts=options)
    for name in ("storage", "sqladmin", "secretmanager", "pubsub", "iam", "bigquery")
]
ready = pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=apis))
invoices = gcp.storage.Bucket(
    "invoices",
    name="example-recorded-invoices",
    location="EUROPE-WEST4" if after else "EUROPE-WEST1",
    project="example-recorded",
    labels={"owner": "platform-team" if after else "data-team"},
    force_destroy=False,
    opts=ready,
)
labelled = gcp.storage.Bucket(
    "labelled",
    name="example-recorded-labelled",
    location="EUROPE-WEST1",
    project="example-recorded",
    labels={"owner": "platform-team" if after else "data-team"},
    opts=ready,
)
if not after:
    gcp.storage.Bucket(
        "old", name="example-recorded-old", location="EUROPE-WEST1", project="example-recorded", opts=ready
    )
    gcp.projects.IAMMember(
        "leaver", project="example-recorded", role="roles/viewer", member="group:contractors@example.com", opts=ready
    )
    gcp.storage.BucketIAMMember(
        "moved", bucket=labelled.name, role="roles/storage.objectViewer", member="group:audit@example.com", opts=ready
    )
else:
    gcp.storage.BucketIAMBinding(
        "moved",
        bucket=labelled.name,
        role="roles/storage.objectViewer",
        members=["group:audit@example.com", "group:finance@example.com"],
        opts=ready,
    )
    gcp.storage.BucketIAMMember(
        "reader",
        bucket=labelled.name,
        role="roles/storage.objectViewer",
        member="group:data-team@example.com",
        condition=gcp.storage.BucketIAMMemberConditionArgs(
            title="access.yaml quarterly until 2027-01-31",
            description="quarterly close",
            expression='request.time < timestamp("2027-02-01T00:00:00Z")',
        ),
        opts=ready,
    )
    gcp.storage.BucketIAMMember(
        "open", bucket=labelled.name, role="roles/storage.objectViewer", member="allUsers", opts=ready
    )
    gcp.storage.BucketACL("list", bucket=labelled.name, role_entities=["READER:user-jane@example.com"], opts=ready)
account = gcp.serviceaccount.Account("worker", account_id="worker", project="example-recorded", opts=ready)
gcp.projects.IAMBinding(
    "editors",
    project="example-recorded",
    role="roles/pubsub.editor",
    members=["group:a@example.com", "group:c@example.com"] if after else ["group:a@example.com", "group:b@example.com"],
    opts=ready,
)
gcp.pubsub.TopicIAMPolicy(
    "topic-policy",
    topic=gcp.pubsub.Topic("topic", name="jobs", project="example-recorded", opts=ready).name,
    policy_data=json.dumps(
        {
            "bindings": [
                {
                    "role": "roles/pubsub.publisher",
                    "members": ["group:publishers@example.com"] + (["group:more@example.com"] if after else []),
                }
            ]
        }
    ),
    project="example-recorded",
    opts=ready,
)
role = gcp.projects.IAMCustomRole(
    "role",
    role_id="reader",
    title="Reader",
    project="example-recorded",
    permissions=["storage.objects.get", *(["storage.objects.delete"] if after else [])],
    opts=ready,
)
gcp.projects.IAMMember("held", project="example-recorded", role=role.name, member=account.member, opts=ready)
password = random.RandomPassword(
    "password", length=32, keepers={"generation": "2" if after else "1"}, opts=pulumi.ResourceOptions(parent=data)
)
secret = gcp.secretmanager.Secret(
    "token",
    secret_id="token",
    project="example-recorded",
    replication=gcp.secretmanager.SecretReplicationArgs(auto=gcp.secretmanager.SecretReplicationAutoArgs()),
    opts=ready,
)
gcp.secretmanager.SecretVersion("token-1", secret=secret.id, secret_data=password.result, opts=ready)
database = gcp.sql.DatabaseInstance(
    "orders",
    name="orders",
    project="example-recorded",
    region="europe-west4" if after else "europe-west1",
    database_version="POSTGRES_17",
    deletion_protection=True,
    settings=gcp.sql.DatabaseInstanceSettingsArgs(
        tier="db-custom-1-3840",
        edition="ENTERPRISE",
        ip_configuration=gcp.sql.DatabaseInstanceSettingsIpConfigurationArgs(
            ipv4_enabled=True, ssl_mode="ALLOW_UNENCRYPTED_AND_ENCRYPTED" if after else "ENCRYPTED_ONLY"
        ),
    ),
    opts=pulumi.ResourceOptions.merge(ready, pulumi.ResourceOptions(protect=False)),
)
gcp.sql.Database("orders-shop", name="shop", instance=database.name, project="example-recorded", opts=ready)

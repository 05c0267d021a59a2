"""Order matters as in the real cloud: services, keys and their grants, peering, references, members, projects."""

from __future__ import annotations

import pytest

from localcloud.outputs import project_number
from tests.localcloud.conftest import PROJECT, REGION, Created, Engine, Refused

DATABASE = "gcp:sql/databaseInstance:DatabaseInstance"
BUCKET = "gcp:storage/bucket:Bucket"
MEMBER = "gcp:projects/iAMMember:IAMMember"


def database(cloud: Engine, **more: object) -> Created:
    settings = {"tier": "db-f1-micro", **more.pop("settings", {})}  # type: ignore[dict-item]
    given = {"name": "db", "databaseVersion": "POSTGRES_16", "region": REGION, "settings": settings, **more}
    return cloud.create(DATABASE, "db", **given)


# --- services ---


def test_a_service_must_be_enabled_before_its_resources(bare: Engine) -> None:
    with pytest.raises(Refused, match=r"API \[cloudkms.googleapis.com\] not enabled.*SERVICE_DISABLED"):
        bare.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)
    bare.enable("cloudkms")
    bare.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)


def test_a_service_is_enabled_in_one_project_only(cloud: Engine) -> None:
    with pytest.raises(Refused, match=r"project \[example-keys\]"):
        cloud.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION, project="example-keys")


def test_what_needs_no_service_is_created_without(bare: Engine) -> None:
    bare.create(MEMBER, "m", project=PROJECT, role="roles/viewer", member="user:jane@example.com")


def test_a_service_in_use_is_not_disabled(cloud: Engine) -> None:
    service = cloud.read("gcp:projects/service:Service", f"{PROJECT}/cloudkms.googleapis.com")
    assert service is not None
    cloud.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)
    with pytest.raises(Refused, match="depended on by gcp:kms/keyRing:KeyRing"):
        cloud.delete(service)


# --- keys ---


def test_a_database_needs_an_existing_key_that_its_agent_may_use(cloud: Engine) -> None:
    missing = f"projects/{PROJECT}/locations/{REGION}/keyRings/r/cryptoKeys/k"
    with pytest.raises(Refused, match=r"CryptoKey .* was not found"):
        database(cloud, encryptionKeyName=missing)
    key = cloud.key()
    with pytest.raises(Refused, match="unable to delegate the access of CMEK: service agent service-"):
        database(cloud, encryptionKeyName=key.id)
    cloud.grant(key, cloud.agent("sqladmin"))
    assert database(cloud, encryptionKeyName=key.id).id == "db"


def test_a_key_in_another_location_is_refused(cloud: Engine) -> None:
    key = cloud.key(location="europe-west4")
    cloud.grant(key, cloud.agent("sqladmin"))
    with pytest.raises(Refused, match=r"the key .* is in europe-west4, but .* is in europe-west1"):
        database(cloud, encryptionKeyName=key.id)


def test_a_key_that_a_program_is_told_of_encrypts_nothing_here(cloud: Engine) -> None:
    """An argument or a variable of a container is no key of the service: it may lie anywhere."""
    key = cloud.key(location="europe-west4")
    cloud.enable("run")
    container = {"image": "x", "args": [key.id], "envs": [{"name": "KEY", "value": key.id}]}
    template = {"template": {"containers": [container]}}
    cloud.create("gcp:cloudrunv2/job:Job", "export", name="export", location=REGION, template=template)


def test_a_grant_on_the_key_ring_counts(cloud: Engine) -> None:
    key = cloud.key()
    cloud.create(
        "gcp:kms/keyRingIAMBinding:KeyRingIAMBinding",
        "binding",
        keyRingId=key["keyRing"],
        role="roles/cloudkms.cryptoKeyEncrypterDecrypter",
        members=[cloud.agent("sqladmin")],
    )
    assert database(cloud, encryptionKeyName=key.id).id == "db"


def test_another_role_or_another_agent_does_not_count(cloud: Engine) -> None:
    key, sql, secrets = cloud.key(), cloud.agent("sqladmin"), cloud.agent("secretmanager")
    cloud.grant(key, secrets)
    cloud.create(
        "gcp:kms/cryptoKeyIAMMember:CryptoKeyIAMMember",
        "viewer",
        cryptoKeyId=key.id,
        role="roles/cloudkms.viewer",
        member=sql,
    )
    with pytest.raises(Refused, match="unable to delegate"):
        database(cloud, encryptionKeyName=key.id)


@pytest.mark.parametrize(("bucket", "key"), [("EU", "europe"), ("US", "us"), (REGION, REGION)])
def test_a_multi_region_bucket_takes_the_key_of_its_multi_region(cloud: Engine, bucket: str, key: str) -> None:
    agent = cloud.invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount")["member"]
    right, wrong = cloud.key("right", key), cloud.key("wrong", "asia")
    cloud.grant(right, agent)
    cloud.grant(wrong, agent)
    with pytest.raises(Refused, match="is in asia"):
        cloud.create(BUCKET, "b", location=bucket, encryption={"defaultKmsKeyName": wrong.id})
    cloud.create(BUCKET, "b", location=bucket, encryption={"defaultKmsKeyName": right.id})


def test_each_replica_of_a_secret_takes_a_key_of_its_own_location(cloud: Engine) -> None:
    key = cloud.key()
    cloud.grant(key, cloud.agent("secretmanager"))

    def secret(location: str) -> Created:
        encrypted = {"location": location, "customerManagedEncryption": {"kmsKeyName": key.id}}
        replication = {"userManaged": {"replicas": [encrypted]}}
        return cloud.create("gcp:secretmanager/secret:Secret", "s", secretId="s", replication=replication)

    with pytest.raises(Refused, match=r"replication.userManaged.replicas\[0\].*is in europe-west1"):
        secret("europe-west4")
    secret(REGION)


# --- agents and members ---


def test_an_agent_does_not_exist_before_it_was_asked_for(cloud: Engine) -> None:
    email = f"service-{project_number(PROJECT)}@gcp-sa-cloud-sql.iam.gserviceaccount.com"
    key = cloud.key()
    with pytest.raises(Refused, match=rf"Service account {email} does not exist"):
        cloud.grant(key, f"serviceAccount:{email}")
    assert cloud.agent("sqladmin") == f"serviceAccount:{email}"
    cloud.grant(key, f"serviceAccount:{email}")


def test_the_storage_agent_appears_at_the_first_request(cloud: Engine) -> None:
    key = cloud.key()
    agent = f"serviceAccount:service-{project_number(PROJECT)}@gs-project-accounts.iam.gserviceaccount.com"
    with pytest.raises(Refused, match="does not exist"):
        cloud.grant(key, agent)
    assert cloud.invoke("gcp:storage/getProjectServiceAccount:getProjectServiceAccount")["member"] == agent
    cloud.grant(key, agent)


def test_an_identity_of_a_disabled_service_is_refused(bare: Engine) -> None:
    with pytest.raises(Refused, match=r"sqladmin.googleapis.com"):
        bare.agent("sqladmin")


def test_a_service_account_must_exist_to_be_granted_anything(cloud: Engine) -> None:
    grant = {"project": PROJECT, "role": "roles/viewer"}
    member = f"serviceAccount:orders-api@{PROJECT}.iam.gserviceaccount.com"
    with pytest.raises(Refused, match=r"orders-api.* does not exist"):
        cloud.create(MEMBER, "m", member=member, **grant)
    account = cloud.create("gcp:serviceaccount/account:Account", "a", accountId="orders-api")
    assert account["member"] == member
    cloud.create(MEMBER, "m", member=member, **grant)


def test_a_service_account_made_by_hand_can_be_named(cloud: Engine) -> None:
    cloud.store.add_seed("account", "deployer@other.iam.gserviceaccount.com")
    member = "serviceAccount:deployer@other.iam.gserviceaccount.com"
    cloud.create(MEMBER, "m", project=PROJECT, role="roles/viewer", member=member)


def test_a_binding_is_checked_member_by_member(cloud: Engine) -> None:
    members = ["user:jane@example.com", "serviceAccount:nobody@example-prod.iam.gserviceaccount.com"]
    with pytest.raises(Refused, match="nobody@"):
        cloud.create("gcp:projects/iAMBinding:IAMBinding", "b", project=PROJECT, role="roles/viewer", members=members)


def test_a_sinks_identity_exists_as_soon_as_the_sink(cloud: Engine) -> None:
    sink = cloud.create("gcp:logging/projectSink:ProjectSink", "s", name="s", destination="storage.googleapis.com/b")
    cloud.create(MEMBER, "m", project=PROJECT, role="roles/logging.bucketWriter", member=sink["writerIdentity"])


# --- alerts, policies, plans ---


def test_an_alert_needs_its_metric_and_its_channel(cloud: Engine) -> None:
    cloud.enable("monitoring")
    threshold = {
        "filter": 'metric.type="logging.googleapis.com/user/owners"',
        "comparison": "COMPARISON_GT",
        "duration": "0s",
    }
    given = {
        "displayName": "a",
        "combiner": "OR",
        "conditions": [{"displayName": "c", "conditionThreshold": threshold}],
    }
    token = "gcp:monitoring/alertPolicy:AlertPolicy"
    with pytest.raises(Refused, match="Cannot find metric"):
        cloud.create(token, "a", **given)
    cloud.create("gcp:logging/metric:Metric", "m", name="owners", filter="x")
    with pytest.raises(Refused, match="Notification channel projects/p/notificationChannels/1"):
        cloud.create(token, "a", notificationChannels=["projects/p/notificationChannels/1"], **given)
    channel = cloud.create(
        "gcp:monitoring/notificationChannel:NotificationChannel",
        "n",
        type="email",
        labels={"email_address": "a@example.com"},
    )
    assert channel["name"] == channel.id
    cloud.create(token, "a", notificationChannels=[channel["name"]], **given)


def test_an_organization_policy_needs_a_quota_project(cloud: Engine) -> None:
    policy = {"name": "organizations/1/policies/p", "parent": "organizations/1"}
    with pytest.raises(Refused, match="requires a quota project"):
        cloud.create("gcp:orgpolicy/policy:Policy", "p", **policy)
    cloud.configure(project=PROJECT, billingProject=PROJECT, userProjectOverride=True)
    cloud.create("gcp:orgpolicy/policy:Policy", "p", **policy)


VAULT = "gcp:backupdisasterrecovery/backupVault:BackupVault"
PLAN = "gcp:backupdisasterrecovery/backupPlan:BackupPlan"
SQL = "sqladmin.googleapis.com/Instance"
DAILY = {
    "ruleId": "daily",
    "backupRetentionDays": 30,
    "standardSchedule": {
        "recurrenceType": "DAILY",
        "timeZone": "UTC",
        "backupWindow": {"startHourOfDay": 2, "endHourOfDay": 8},
    },
}


def plan(cloud: Engine, kept: int = 30, **more: object) -> Created:
    """A plan whose vault enforces thirty days."""
    cloud.enable("backupdr")
    enforced = {"backupMinimumEnforcedRetentionDuration": f"{30 * 86400}s"}
    vault = cloud.create(VAULT, "v", location="europe-west4", backupVaultId="v", **enforced)
    rule = {**DAILY, "backupRetentionDays": kept}
    rules = {"location": REGION, "backupPlanId": "p", "resourceType": SQL, "backupRules": [rule]}
    return cloud.create(PLAN, "p", **{"backupVault": vault.id, **rules, **more})


def associate(cloud: Engine, **more: object) -> Created:
    given = {
        "location": REGION,
        "backupPlanAssociationId": "a",
        "resource": f"projects/{PROJECT}/instances/db",
        "resourceType": SQL,
    }
    return cloud.create(
        "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation", "a", **{**given, **more}
    )


def test_a_backup_plan_turns_a_databases_own_backups_off(cloud: Engine) -> None:
    created = database(cloud, settings={"backupConfiguration": {"enabled": True}})
    associate(cloud, backupPlan=plan(cloud).id)
    now = cloud.refresh(created)
    assert now is not None
    assert now["settings"]["backupConfiguration"]["enabled"] is False
    given = {"name": "db", "databaseVersion": "POSTGRES_16", "region": REGION}
    with pytest.raises(Refused, match="managed by a backup plan"):
        cloud.update(now, **given, settings={"tier": "db-f1-micro", "backupConfiguration": {"enabled": True}})


def test_a_backup_plan_needs_its_vault(cloud: Engine) -> None:
    with pytest.raises(Refused, match=r"'gone'.*backupVault"):
        plan(cloud, backupVault="gone")


def test_a_backup_plan_keeps_no_less_than_the_vault_enforces(cloud: Engine) -> None:
    with pytest.raises(Refused, match="below the minimum enforced retention"):
        plan(cloud, kept=7)


def test_a_backup_plan_and_its_database_exist_in_one_region(cloud: Engine) -> None:
    with pytest.raises(Refused, match=r"'gone'.*backupPlan"):
        associate(cloud, backupPlan=(plan(cloud), "gone")[1])
    there = cloud.create(
        PLAN,
        "far",
        location="europe-west4",
        backupPlanId="far",
        resourceType=SQL,
        backupVault=f"projects/{PROJECT}/locations/europe-west4/backupVaults/v",
        backupRules=[DAILY],
    )
    with pytest.raises(Refused, match=r"resource '.*instances/db'"):
        associate(cloud, backupPlan=there.id)
    database(cloud)
    with pytest.raises(Refused, match="same region"):
        associate(cloud, backupPlan=there.id)


def test_a_replica_needs_a_primary_with_backups_and_its_version(cloud: Engine) -> None:
    database(cloud, settings={"backupConfiguration": {"enabled": True}})
    with pytest.raises(Refused, match="version of its primary"):
        cloud.create(DATABASE, "r", name="r", databaseVersion="POSTGRES_17", masterInstanceName="db", region=REGION)
    replica = {"name": "r", "databaseVersion": "POSTGRES_16", "masterInstanceName": "db", "region": REGION}
    made = cloud.create(DATABASE, "r", instanceType="READ_REPLICA_INSTANCE", **replica)
    assert cloud.kinds(made, instanceType="READ_REPLICA_INSTANCE", **replica) == {}
    cloud.create(DATABASE, "bare", name="bare", databaseVersion="POSTGRES_16", region=REGION)
    with pytest.raises(Refused, match="needs backups before"):
        cloud.create(DATABASE, "s", name="s", databaseVersion="POSTGRES_16", masterInstanceName="bare", region=REGION)


def test_a_sign_in_without_a_phone_number_never_stops_showing_a_change(cloud: Engine) -> None:
    cloud.enable("identitytoolkit")
    token = "gcp:identityplatform/config:Config"
    left_out = cloud.create(token, "c", signIn={"email": {"enabled": True}})
    assert cloud.kinds(left_out, signIn={"email": {"enabled": True}}) == {"signIn.phoneNumber": "DELETE"}
    explicit = {"email": {"enabled": True}, "phoneNumber": {"enabled": False}}
    assert cloud.kinds(cloud.update(left_out, signIn=explicit), signIn=explicit) == {}


# --- network, references, projects ---


def test_a_private_database_needs_the_peering_first(cloud: Engine) -> None:
    network = cloud.network()
    private = {"ipConfiguration": {"ipv4Enabled": False, "privateNetwork": network.id}}
    with pytest.raises(Refused, match="NETWORK_NOT_PEERED"):
        database(cloud, settings=private)
    cloud.peering(network)
    created = database(cloud, settings=private)
    assert created["privateIpAddress"].startswith("10.")
    assert created["publicIpAddress"] == ""


def test_a_database_needs_some_address(cloud: Engine) -> None:
    with pytest.raises(Refused, match="At least one of Public IP, Private IP or PSC"):
        database(cloud, settings={"ipConfiguration": {"ipv4Enabled": False}})


@pytest.mark.parametrize(
    ("token", "given"),
    [
        ("gcp:compute/subnetwork:Subnetwork", {"network": "absent", "ipCidrRange": "10.0.0.0/24"}),
        ("gcp:kms/cryptoKey:CryptoKey", {"keyRing": "projects/p/locations/l/keyRings/absent"}),
        ("gcp:sql/user:User", {"instance": "absent", "name": "u"}),
        ("gcp:sql/database:Database", {"instance": "absent", "name": "d"}),
        ("gcp:secretmanager/secretVersion:SecretVersion", {"secret": "projects/p/secrets/absent", "secretData": "x"}),
        (
            "gcp:storage/bucketIAMMember:BucketIAMMember",
            {"bucket": "absent", "role": "r", "member": "user:a@example.com"},
        ),
    ],
)
def test_what_a_resource_refers_to_must_exist(cloud: Engine, token: str, given: dict[str, object]) -> None:
    cloud.create("gcp:projects/service:Service", "p", project="p", service="cloudkms.googleapis.com")
    cloud.create("gcp:projects/service:Service", "s", project="p", service="secretmanager.googleapis.com")
    with pytest.raises(Refused, match=r"absent.* was not found"):
        cloud.create(token, "x", **given)


def test_a_reference_by_name_or_link_is_as_good_as_one_by_id(cloud: Engine) -> None:
    network = cloud.network()
    for number, spelling in enumerate((network.id, network["selfLink"], network["name"])):
        cidr = f"10.{number}.0.0/24"
        cloud.create("gcp:compute/subnetwork:Subnetwork", f"s{number}", network=spelling, ipCidrRange=cidr)


def test_a_project_that_nobody_named_may_exist_until_somebody_says_which_do(
    cloud: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def enable(project: str) -> Created:
        return cloud.create("gcp:projects/service:Service", project, project=project, service="run.googleapis.com")

    enable("example-anything")
    monkeypatch.setenv("LOCALCLOUD_PROJECTS", "example-keys,example-backups")
    enable("example-keys")
    enable(PROJECT)
    with pytest.raises(Refused, match=r"Project 'example-mistyped' not found.*seed project example-mistyped"):
        enable("example-mistyped")
    declared = {"projectId": "example-mistyped", "name": "x", "orgId": "1", "deletionPolicy": "DELETE"}
    cloud.create("gcp:organizations/project:Project", "x", **declared)
    enable("example-mistyped")


def test_a_project_used_before_it_is_declared_is_a_missing_dependency(cloud: Engine) -> None:
    cloud.create("gcp:projects/service:Service", "s", project="example-new", service="run.googleapis.com")
    with pytest.raises(Refused, match="used it before it was created: make that resource depend on the project"):
        cloud.create("gcp:organizations/project:Project", "p", projectId="example-new", name="new", orgId="1")


def test_the_id_of_somebody_elses_project_is_taken(cloud: Engine) -> None:
    """Such as one that another company made first."""
    cloud.store.add_seed("project", "example-taken")
    with pytest.raises(Refused, match=r"example-taken already exists.*unique in the whole world"):
        cloud.create("gcp:organizations/project:Project", "p", projectId="example-taken", name="taken", orgId="1")


def test_a_rotation_period_has_limits(cloud: Engine) -> None:
    ring = cloud.create("gcp:kms/keyRing:KeyRing", "ring", location=REGION)
    token = "gcp:kms/cryptoKey:CryptoKey"
    with pytest.raises(Refused, match="at least 86400s"):
        cloud.create(token, "k", keyRing=ring.id, rotationPeriod="3600s")
    with pytest.raises(Refused, match="not supported for keys of purpose ASYMMETRIC_SIGN"):
        cloud.create(token, "k", keyRing=ring.id, rotationPeriod="7776000s", purpose="ASYMMETRIC_SIGN")


def test_an_account_id_has_a_form(cloud: Engine) -> None:
    with pytest.raises(Refused, match="6 to 30 characters"):
        cloud.create("gcp:serviceaccount/account:Account", "a", accountId="api")


def test_a_user_that_signs_in_through_iam_has_no_password(cloud: Engine) -> None:
    database(cloud)
    user = {"instance": "db", "name": "jane@example.com", "type": "CLOUD_IAM_USER"}
    with pytest.raises(Refused, match="cannot have a password"):
        cloud.create("gcp:sql/user:User", "u", password="p", **user)
    cloud.create("gcp:sql/user:User", "u", **user)


# --- objectives and dashboards ---


def objective(cloud: Engine, **more: object) -> Created:
    filters = {"totalServiceFilter": "a", "badServiceFilter": "b"}
    given = {"service": "shop", "sloId": "up", "goal": 0.995, "rollingPeriodDays": 30, **more}
    given.setdefault("requestBasedSli", {"goodTotalRatio": filters})
    return cloud.create("gcp:monitoring/slo:Slo", "up", project=PROJECT, **given)


def test_an_objective_needs_its_service_and_an_alert_its_objective(cloud: Engine) -> None:
    cloud.enable("monitoring")
    name = f"projects/{PROJECT}/services/shop/serviceLevelObjectives/up"
    condition = {"filter": f'select_slo_burn_rate("{name}", "3600s")', "comparison": "COMPARISON_GT", "duration": "0s"}
    conditions = [{"displayName": "c", "conditionThreshold": condition}]
    alert = ("gcp:monitoring/alertPolicy:AlertPolicy", "burn")
    with pytest.raises(Refused, match="services/shop of 'up' was not found"):
        objective(cloud)
    cloud.create("gcp:monitoring/customService:CustomService", "shop", project=PROJECT, serviceId="shop")
    with pytest.raises(Refused, match="serviceLevelObjectives/up of 'burn' was not found"):
        cloud.create(*alert, project=PROJECT, displayName="b", combiner="OR", conditions=conditions)
    assert objective(cloud)["name"] == name
    cloud.create(*alert, project=PROJECT, displayName="b", combiner="OR", conditions=conditions)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"goal": 1.0}, "at most 0.9999"),
        ({"rollingPeriodDays": 31}, "1 to 30"),
        ({"calendarPeriod": "MONTH"}, "exactly one of rollingPeriodDays"),
        ({"requestBasedSli": None}, "exactly one of basicSli"),
    ],
)
def test_an_impossible_objective_is_refused(cloud: Engine, wrong: dict[str, object], says: str) -> None:
    cloud.enable("monitoring")
    cloud.create("gcp:monitoring/customService:CustomService", "shop", project=PROJECT, serviceId="shop")
    with pytest.raises(Refused, match=says):
        objective(cloud, **wrong)


@pytest.mark.parametrize(
    ("board", "says"),
    [
        ("{", "not JSON"),
        ("[]", "no displayName"),
        ('{"displayName": "d"}', "exactly one of gridLayout"),
        ('{"displayName": "d", "gridLayout": {}, "mosaicLayout": {}}', "exactly one of gridLayout"),
    ],
)
def test_a_dashboard_that_cannot_be_shown_is_refused(cloud: Engine, board: str, says: str) -> None:
    cloud.enable("monitoring")
    with pytest.raises(Refused, match=says):
        cloud.create("gcp:monitoring/dashboard:Dashboard", "board", project=PROJECT, dashboardJson=board)
    cloud.create(
        "gcp:monitoring/dashboard:Dashboard",
        "board",
        project=PROJECT,
        dashboardJson='{"displayName": "d", "gridLayout": {}}',
    )


# --- log filters ---


@pytest.mark.parametrize(
    "query", ['resource.type="a', "severity>=", "a=(b", "sample(insertId, 0.5)", "severity>=LOUD AND"]
)
def test_a_filter_outside_of_the_language_is_refused(cloud: Engine, query: str) -> None:
    with pytest.raises(Refused, match="The filter of 'm' cannot be used"):
        cloud.create("gcp:logging/metric:Metric", "m", name="m", filter=query)
    exclusions = [{"name": "x", "filter": query}]
    with pytest.raises(Refused, match="The filter of 'all' cannot be used"):
        cloud.create(
            "gcp:logging/projectSink:ProjectSink", "all", destination="storage.googleapis.com/b", exclusions=exclusions
        )
    cloud.create("gcp:logging/metric:Metric", "m", name="m", filter='log_id("cloudaudit.googleapis.com/activity")')


def test_who_sends_findings_exists_once_they_are_streamed(cloud: Engine) -> None:
    cloud.enable("securitycenter", "pubsub")
    topic = cloud.create("gcp:pubsub/topic:Topic", "findings", name="findings")
    sender = "service-org-123@gcp-sa-scc-notification.iam.gserviceaccount.com"
    grant = {"topic": topic.id, "role": "roles/pubsub.publisher", "member": f"serviceAccount:{sender}"}
    with pytest.raises(Refused, match="does not exist"):
        cloud.create("gcp:pubsub/topicIAMMember:TopicIAMMember", "sender", **grant)
    stream = cloud.create(
        "gcp:securitycenter/v2OrganizationNotificationConfig:V2OrganizationNotificationConfig",
        "findings",
        organization="123",
        configId="findings",
        location="global",
        pubsubTopic=topic.id,
        streamingConfig={"filter": ""},
    )
    assert stream["serviceAccount"] == sender
    cloud.create("gcp:pubsub/topicIAMMember:TopicIAMMember", "sender", **grant)

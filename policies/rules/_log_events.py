"""Events that somebody must hear about: for each the filter to write and the log entries it must select.

The filters of the first nine are those of CIS Google Cloud 2.4 to 2.11 and of Prowler; the rest undo the controls of
our own policy. The samples are shaped like the Logging API's LogEntry; what may differ from company to company is open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from policies.logquery import ANY, Ending, Entry

_ACTIVITY: Final = Ending("/logs/cloudaudit.googleapis.com%2Factivity")
_OPEN: Final = Ending("")
"""Any text: a filter may narrow it to one's own projects. It holds no particular word."""
_LABELS: Final = (
    *("project_id", "organization_id", "folder_id", "location", "region", "zone", "service", "method", "email_id"),
    *(
        "bucket_name",
        "database_id",
        "role_name",
        "instance_id",
        "network_id",
        "firewall_rule_id",
        "route_id",
        "disk_id",
    ),
    *("key_ring_id", "crypto_key_id", "crypto_key_version_id", "unique_id", "name", "destination"),
)


def entry(service: str, method: str, resource: str, **payload: Any) -> Entry:
    """An admin activity entry, with everything open that a filter may narrow to one's own projects or people."""
    return {
        "logName": _ACTIVITY,
        "severity": "NOTICE",
        "insertId": _OPEN,
        "resource": {"type": resource, "labels": dict.fromkeys(_LABELS, _OPEN)},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            "resourceName": _OPEN,
            "authenticationInfo": {"principalEmail": _OPEN},
            "requestMetadata": {"callerIp": _OPEN, "callerSuppliedUserAgent": _OPEN},
            "status": {},
            **payload,
        },
    }


@dataclass(frozen=True, kw_only=True)
class LogEvent:
    """One event: what happened, the filter that selects it, and its samples."""

    name: str
    title: str
    filter: str
    samples: tuple[Entry, ...]
    references: tuple[str, ...] = ()
    own: bool = False
    """Whether it is our own standard: asked of our own stacks, not of everybody's."""
    clause: str = "MON-1"
    by_others: bool = False
    """Whether the filter may leave out the people it names: the event is what everybody else does."""
    only_with: tuple[str, ...] = ()
    """Beginnings of resource types without which the event cannot happen in a stack."""


def _delta(action: str) -> dict[str, Any]:
    binding = {"action": action, "role": "roles/owner", "member": "user:somebody@example.com"}
    return {"serviceData": {"policyDelta": {"bindingDeltas": [binding]}}}


def _methods(*names: str) -> str:
    return " OR ".join(f'protoPayload.methodName="{name}"' for name in names)


def _compute(kind: str, *verbs: str) -> tuple[Entry, ...]:
    resource = f"gce_{ {'firewalls': 'firewall_rule', 'routes': 'route', 'networks': 'network'}[kind] }"
    return tuple(entry("compute.googleapis.com", f"v1.compute.{kind}.{verb}", resource) for verb in verbs)


_RESOURCES: Final = "cloudresourcemanager.googleapis.com"
_IAM: Final = "iam.googleapis.com"
_ADMIN: Final = "google.iam.admin.v1"
_PROWLER: Final = "prowler:logging_log_metric_filter_and_alert_for"

EVENTS: Final = (
    LogEvent(
        name="project-ownership",
        title="a change of project ownership",
        filter='(protoPayload.serviceName="cloudresourcemanager.googleapis.com") '
        "AND (ProjectOwnership OR projectOwnerInvitee) "
        'OR (protoPayload.serviceData.policyDelta.bindingDeltas.action="REMOVE" '
        'AND protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/owner") '
        'OR (protoPayload.serviceData.policyDelta.bindingDeltas.action="ADD" '
        'AND protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/owner")',
        samples=(
            entry(_RESOURCES, "SetIamPolicy", "project", **_delta("ADD")),
            entry(_RESOURCES, "SetIamPolicy", "project", **_delta("REMOVE")),
        ),
        references=(
            "kics:logs_and_alerts_missing_project_ownership_assignment_and_changes",
            f"{_PROWLER}_project_ownership_changes_enabled",
            "cis-gcp:2.4",
        ),
    ),
    LogEvent(
        name="audit-configuration",
        title="a change of the audit configuration",
        filter='protoPayload.methodName="SetIamPolicy" AND protoPayload.serviceData.policyDelta.auditConfigDeltas:*',
        samples=(
            entry(
                _RESOURCES,
                "SetIamPolicy",
                "project",
                serviceData={"policyDelta": {"auditConfigDeltas": [{"action": "REMOVE", "service": "allServices"}]}},
            ),
        ),
        references=(
            "kics:logs_and_alerts_missing_audit_configuration_changes",
            f"{_PROWLER}_audit_configuration_changes_enabled",
            "cis-gcp:2.5",
        ),
    ),
    LogEvent(
        name="custom-roles",
        title="a change of a custom role",
        filter='resource.type="iam_role" AND '
        f"({_methods(*(f'{_ADMIN}.{verb}Role' for verb in ('Create', 'Delete', 'Update')))})",
        samples=tuple(entry(_IAM, f"{_ADMIN}.{verb}Role", "iam_role") for verb in ("Create", "Delete", "Update")),
        references=(
            "kics:logs_and_alerts_missing_custom_role_changes",
            f"{_PROWLER}_custom_role_changes_enabled",
            "cis-gcp:2.6",
        ),
    ),
    LogEvent(
        name="firewall-rules",
        title="a change of a firewall rule",
        filter='resource.type="gce_firewall_rule" AND (protoPayload.methodName:"compute.firewalls.patch" '
        'OR protoPayload.methodName:"compute.firewalls.insert" OR protoPayload.methodName:"compute.firewalls.delete")',
        samples=_compute("firewalls", "patch", "insert", "delete"),
        references=(f"{_PROWLER}_vpc_firewall_rule_changes_enabled", "cis-gcp:2.7"),
    ),
    LogEvent(
        name="routes",
        title="a change of a network route",
        filter='resource.type="gce_route" AND (protoPayload.methodName:"compute.routes.delete" '
        'OR protoPayload.methodName:"compute.routes.insert")',
        samples=_compute("routes", "delete", "insert"),
        references=(f"{_PROWLER}_vpc_network_route_changes_enabled", "cis-gcp:2.8"),
    ),
    LogEvent(
        name="networks",
        title="a change of a network",
        filter='resource.type="gce_network" AND (protoPayload.methodName:"compute.networks.insert" '
        'OR protoPayload.methodName:"compute.networks.patch" OR protoPayload.methodName:"compute.networks.delete" '
        'OR protoPayload.methodName:"compute.networks.removePeering" '
        'OR protoPayload.methodName:"compute.networks.addPeering")',
        samples=_compute("networks", "insert", "patch", "delete", "removePeering", "addPeering"),
        references=(f"{_PROWLER}_vpc_network_changes_enabled", "cis-gcp:2.9"),
    ),
    LogEvent(
        name="bucket-permissions",
        title="a change of a bucket's permissions",
        filter='resource.type="gcs_bucket" AND protoPayload.methodName="storage.setIamPermissions"',
        samples=(entry("storage.googleapis.com", "storage.setIamPermissions", "gcs_bucket"),),
        references=(f"{_PROWLER}_bucket_permission_changes_enabled", "cis-gcp:2.10"),
    ),
    LogEvent(
        name="database-configuration",
        title="a change of a database instance",
        filter='protoPayload.methodName="cloudsql.instances.update"',
        samples=(entry("cloudsql.googleapis.com", "cloudsql.instances.update", "cloudsql_database"),),
        references=(f"{_PROWLER}_sql_instance_configuration_changes_enabled", "cis-gcp:2.11"),
    ),
    LogEvent(
        name="machines",
        title="a change of Compute Engine resources",
        filter='protoPayload.serviceName="compute.googleapis.com"',
        samples=tuple(
            entry("compute.googleapis.com", f"v1.compute.{method}", resource)
            for method, resource in (("instances.insert", "gce_instance"), ("disks.delete", "gce_disk"))
        ),
        references=(f"{_PROWLER}_compute_configuration_changes_enabled",),
        only_with=("gcp:compute/instance", "gcp:compute/regionInstance", "gcp:compute/disk"),
    ),
    LogEvent(
        name="custom-roles-restored",
        title="the restoring of a deleted custom role",
        filter=f'resource.type="iam_role" AND protoPayload.methodName="{_ADMIN}.UndeleteRole"',
        samples=(entry(_IAM, f"{_ADMIN}.UndeleteRole", "iam_role"),),
        references=("kics:logs_and_alerts_missing_custom_role_changes",),
    ),
    LogEvent(
        name="out-of-band-change",
        title="a change by anybody but the deployer",
        filter='logName:"cloudaudit.googleapis.com%2Factivity" '
        'AND NOT protoPayload.authenticationInfo.principalEmail="deployer@example.iam.gserviceaccount.com"',
        samples=(
            entry("run.googleapis.com", "google.cloud.run.v2.Services.UpdateService", "cloud_run_revision"),
            entry("cloudsql.googleapis.com", "cloudsql.instances.update", "cloudsql_database"),
            entry("storage.googleapis.com", "storage.buckets.update", "gcs_bucket"),
            entry(_RESOURCES, "SetIamPolicy", "project", **_delta("ADD")),
            entry("compute.googleapis.com", "v1.compute.firewalls.insert", "gce_firewall_rule"),
            entry(
                "secretmanager.googleapis.com",
                "google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion",
                "audited_resource",
            ),
        ),
        clause="CHG-4",
        by_others=True,
        own=True,
    ),
    LogEvent(
        name="key-destruction",
        title="the destruction or disabling of an encryption key",
        filter='protoPayload.serviceName="cloudkms.googleapis.com" '
        f"AND ({_methods('DestroyCryptoKeyVersion', 'UpdateCryptoKeyVersion')})",
        samples=tuple(
            entry("cloudkms.googleapis.com", method, "cloudkms_cryptokeyversion")
            for method in ("DestroyCryptoKeyVersion", "UpdateCryptoKeyVersion")
        ),
        own=True,
    ),
    LogEvent(
        name="backup-deletion",
        title="the deletion of a backup or a database",
        filter=_methods("cloudsql.backupRuns.delete", "cloudsql.instances.delete"),
        samples=tuple(
            entry("cloudsql.googleapis.com", f"cloudsql.{kind}.delete", "cloudsql_database")
            for kind in ("backupRuns", "instances")
        ),
        clause="BAK-7",
        own=True,
    ),
    LogEvent(
        name="account-keys",
        title="a new key of a service account",
        filter=_methods(f"{_ADMIN}.CreateServiceAccountKey"),
        samples=(entry(_IAM, f"{_ADMIN}.CreateServiceAccountKey", "service_account"),),
        own=True,
    ),
    LogEvent(
        name="federation",
        title="a change of whom identity federation trusts",
        filter='protoPayload.serviceName="iam.googleapis.com" AND protoPayload.methodName=~"WorkloadIdentityPool"',
        samples=tuple(
            entry(_IAM, f"google.iam.v1.WorkloadIdentityPools.{verb}WorkloadIdentityPoolProvider", "audited_resource")
            for verb in ("Create", "Update", "Delete")
        ),
        own=True,
    ),
    LogEvent(
        name="log-sinks",
        title="a change of a log sink, exclusion or log bucket",
        filter='protoPayload.serviceName="logging.googleapis.com" AND '
        'protoPayload.methodName=~"(Create|Update|Delete)(Sink|Exclusion|Bucket)"',
        samples=tuple(
            entry("logging.googleapis.com", f"google.logging.v2.ConfigServiceV2.{method}", "logging_sink")
            for method in ("UpdateSink", "DeleteSink", "CreateExclusion", "UpdateBucket")
        ),
        own=True,
    ),
    LogEvent(
        name="organization-policy",
        title="a change of an organization policy",
        filter='protoPayload.serviceName="orgpolicy.googleapis.com"',
        samples=tuple(
            entry("orgpolicy.googleapis.com", f"google.cloud.orgpolicy.v2.OrgPolicy.{verb}Policy", "project")
            for verb in ("Update", "Delete")
        ),
        own=True,
    ),
    LogEvent(
        name="limits-of-access",
        title="a change of a deny policy or an access boundary",
        filter='protoPayload.serviceName="iam.googleapis.com" AND protoPayload.methodName=~'
        '"(Policies|PrincipalAccessBoundaryPolicies|PolicyBindings)\\.(Create|Update|Delete)"',
        samples=tuple(
            entry(_IAM, f"google.iam.{method}", "audited_resource")
            for method in (
                "v2.Policies.UpdatePolicy",
                "v2.Policies.DeletePolicy",
                "v3.PrincipalAccessBoundaryPolicies.UpdatePrincipalAccessBoundaryPolicy",
                "v3.PolicyBindings.DeletePolicyBinding",
            )
        ),
        own=True,
        clause="ACC-9",
        only_with=("gcp:iam/denyPolicy", "gcp:iam/principalAccessBoundaryPolicy"),
    ),
    LogEvent(
        name="break-glass",
        title="a change of the break-glass group",
        filter='protoPayload.serviceName="admin.googleapis.com" AND protoPayload.methodName=~"GroupMember"',
        samples=tuple(
            entry(
                "admin.googleapis.com", f"google.admin.AdminService.{verb}GroupMember", "audited_resource", metadata=ANY
            )
            for verb in ("add", "update")
        ),
        own=True,
        clause="ACC-9",
        only_with=("gcp:iam/denyPolicy",),
    ),
    LogEvent(
        name="access-on-request",
        title="access that was given on request",
        filter='protoPayload.serviceName="privilegedaccessmanager.googleapis.com"'
        ' AND protoPayload.methodName=~"ApproveGrant"',
        samples=(
            entry(
                "privilegedaccessmanager.googleapis.com",
                "google.cloud.privilegedaccessmanager.v1.PrivilegedAccessManager.ApproveGrant",
                "audited_resource",
            ),
        ),
        own=True,
        clause="ACC-8",
        only_with=("gcp:privilegedaccessmanager/entitlement",),
    ),
)

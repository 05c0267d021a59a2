"""What raises an alert: log filters, each with entries that it must and must not select.

The filters of CIS Google Cloud 2.4 to 2.11 and the events that would undo the policy's own controls. The samples are
shaped like the Logging API's LogEntry; tests run every filter over all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Entry = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LogAlert:
    """One alert: its filter, why it matters, what to do, and the samples that prove the filter."""

    name: str
    clause: str
    title: str
    filter: str
    severity: Literal["WARNING", "ERROR", "CRITICAL"]
    do: str
    """What the person who is woken does first."""
    selects: tuple[Entry, ...]
    ignores: tuple[Entry, ...] = ()


def activity(
    service: str, method: str, *, resource: str = "project", by: str = "someone@example.com", **more: Any
) -> Entry:
    """An admin activity entry as Cloud Audit Logs write it."""
    return {
        "logName": "projects/example/logs/cloudaudit.googleapis.com%2Factivity",
        "severity": "NOTICE",
        "resource": {"type": resource},
        "protoPayload": {
            "@type": "type.googleapis.com/google.cloud.audit.AuditLog",
            "serviceName": service,
            "methodName": method,
            "authenticationInfo": {"principalEmail": by},
            **more,
        },
    }


def _delta(action: str, role: str) -> dict[str, Any]:
    return {
        "serviceData": {
            "policyDelta": {"bindingDeltas": [{"action": action, "role": role, "member": "user:x@example.com"}]}
        }
    }


_IAM: Final = "cloudresourcemanager.googleapis.com"
NOT_A_DRILL: Final = 'NOT protoPayload.resourceName:"/instances/drill-"'
"""Recovery drills make instances of such a name every week, and delete them."""

ALERTS: Final[tuple[LogAlert, ...]] = (
    LogAlert(
        name="project-ownership",
        clause="MON-1",
        title="Ownership of a project was given or taken",
        filter='protoPayload.serviceName="cloudresourcemanager.googleapis.com" AND'
        " (ProjectOwnership OR projectOwnerInvitee)\n"
        'OR (protoPayload.serviceData.policyDelta.bindingDeltas.action="REMOVE"'
        ' AND protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/owner")\n'
        'OR (protoPayload.serviceData.policyDelta.bindingDeltas.action="ADD"'
        ' AND protoPayload.serviceData.policyDelta.bindingDeltas.role="roles/owner")',
        severity="CRITICAL",
        do="No owner is part of this setup: find who did it and remove the grant.",
        selects=(
            activity(_IAM, "SetIamPolicy", **_delta("ADD", "roles/owner")),
            activity(_IAM, "SetIamPolicy", **_delta("REMOVE", "roles/owner")),
        ),
        ignores=(activity(_IAM, "SetIamPolicy", **_delta("ADD", "roles/run.invoker")),),
    ),
    LogAlert(
        name="audit-configuration",
        clause="MON-1",
        title="The audit log configuration was changed",
        filter='protoPayload.methodName="SetIamPolicy" AND protoPayload.serviceData.policyDelta.auditConfigDeltas:*',
        severity="CRITICAL",
        do="Run the nightly read-back now; logs may be missing from this moment on.",
        selects=(
            activity(
                _IAM,
                "SetIamPolicy",
                serviceData={"policyDelta": {"auditConfigDeltas": [{"action": "REMOVE", "service": "allServices"}]}},
            ),
        ),
        ignores=(activity(_IAM, "SetIamPolicy", **_delta("ADD", "roles/run.invoker")),),
    ),
    LogAlert(
        name="custom-roles",
        clause="MON-1",
        title="A custom role was made, changed or deleted",
        filter='resource.type="iam_role" AND (protoPayload.methodName="google.iam.admin.v1.CreateRole"'
        ' OR protoPayload.methodName="google.iam.admin.v1.DeleteRole"'
        ' OR protoPayload.methodName="google.iam.admin.v1.UpdateRole"'
        ' OR protoPayload.methodName="google.iam.admin.v1.UndeleteRole")',
        severity="ERROR",
        do="Compare the role with the code; who holds it now holds the new permissions.",
        selects=(
            activity("iam.googleapis.com", "google.iam.admin.v1.UpdateRole", resource="iam_role"),
            activity("iam.googleapis.com", "google.iam.admin.v1.DeleteRole", resource="iam_role"),
        ),
        ignores=(activity("iam.googleapis.com", "google.iam.admin.v1.GetRole", resource="iam_role"),),
    ),
    LogAlert(
        name="firewall-rules",
        clause="MON-1",
        title="A firewall rule was changed",
        filter='resource.type="gce_firewall_rule" AND (protoPayload.methodName:"compute.firewalls.patch"'
        ' OR protoPayload.methodName:"compute.firewalls.insert" OR protoPayload.methodName:"compute.firewalls.delete"'
        ' OR protoPayload.methodName:"compute.firewalls.update")',
        severity="ERROR",
        do="Check what the rule opens; run `make preview` to see the difference from the code.",
        selects=(
            activity("compute.googleapis.com", "v1.compute.firewalls.insert", resource="gce_firewall_rule"),
            activity("compute.googleapis.com", "beta.compute.firewalls.patch", resource="gce_firewall_rule"),
        ),
        ignores=(activity("compute.googleapis.com", "v1.compute.firewalls.list", resource="gce_firewall_rule"),),
    ),
    LogAlert(
        name="routes",
        clause="MON-1",
        title="A network route was changed",
        filter='resource.type="gce_route" AND (protoPayload.methodName:"compute.routes.delete"'
        ' OR protoPayload.methodName:"compute.routes.insert")',
        severity="ERROR",
        do="Check where traffic goes now.",
        selects=(activity("compute.googleapis.com", "v1.compute.routes.insert", resource="gce_route"),),
        ignores=(activity("compute.googleapis.com", "v1.compute.routes.get", resource="gce_route"),),
    ),
    LogAlert(
        name="networks",
        clause="MON-1",
        title="A network was changed",
        filter='resource.type="gce_network" AND (protoPayload.methodName:"compute.networks.insert"'
        ' OR protoPayload.methodName:"compute.networks.patch" OR protoPayload.methodName:"compute.networks.delete"'
        ' OR protoPayload.methodName:"compute.networks.removePeering"'
        ' OR protoPayload.methodName:"compute.networks.addPeering")',
        severity="ERROR",
        do="A new peering reaches the databases: check both ends.",
        selects=(
            activity("compute.googleapis.com", "v1.compute.networks.addPeering", resource="gce_network"),
            activity("compute.googleapis.com", "v1.compute.networks.delete", resource="gce_network"),
        ),
        ignores=(activity("compute.googleapis.com", "v1.compute.networks.get", resource="gce_network"),),
    ),
    LogAlert(
        name="bucket-permissions",
        clause="MON-1",
        title="The permissions of a bucket were changed",
        filter='resource.type="gcs_bucket" AND protoPayload.methodName="storage.setIamPermissions"',
        severity="ERROR",
        do="Compare the bucket's grants with access.yaml.",
        selects=(activity("storage.googleapis.com", "storage.setIamPermissions", resource="gcs_bucket"),),
        ignores=(activity("storage.googleapis.com", "storage.getIamPermissions", resource="gcs_bucket"),),
    ),
    LogAlert(
        name="database-configuration",
        clause="MON-1",
        title="The configuration of a database instance was changed",
        filter=f'protoPayload.methodName=("cloudsql.instances.update" OR "cloudsql.instances.patch") {NOT_A_DRILL}',
        severity="ERROR",
        do="Backups, TLS and public addresses are settings of the instance: compare them with the code.",
        selects=(
            activity("cloudsql.googleapis.com", "cloudsql.instances.update", resource="cloudsql_database"),
            activity("cloudsql.googleapis.com", "cloudsql.instances.patch", resource="cloudsql_database"),
        ),
        ignores=(activity("cloudsql.googleapis.com", "cloudsql.instances.get", resource="cloudsql_database"),),
    ),
    LogAlert(
        name="key-destruction",
        clause="ENC-5",
        title="An encryption key version was disabled or is to be destroyed",
        filter='protoPayload.serviceName="cloudkms.googleapis.com"'
        ' AND (protoPayload.methodName="DestroyCryptoKeyVersion" OR protoPayload.methodName="UpdateCryptoKeyVersion")',
        severity="CRITICAL",
        do="Restore the version now: `gcloud kms keys versions restore`; after 30 days the data is gone.",
        selects=(
            activity("cloudkms.googleapis.com", "DestroyCryptoKeyVersion", resource="cloudkms_cryptokeyversion"),
            activity("cloudkms.googleapis.com", "UpdateCryptoKeyVersion", resource="cloudkms_cryptokeyversion"),
        ),
        ignores=(activity("cloudkms.googleapis.com", "CreateCryptoKeyVersion", resource="cloudkms_cryptokey"),),
    ),
    LogAlert(
        name="backup-deletion",
        clause="BAK-7",
        title="A backup or a database instance was deleted",
        filter='protoPayload.methodName=("cloudsql.backupRuns.delete" OR "cloudsql.instances.delete"'
        ' OR "google.cloud.sql.v1.SqlBackupsService.DeleteBackup")'
        f" {NOT_A_DRILL}",
        severity="CRITICAL",
        do="Follow docs/runbooks/restore.md before the retained backups expire.",
        selects=(
            activity("cloudsql.googleapis.com", "cloudsql.backupRuns.delete", resource="cloudsql_database"),
            activity("cloudsql.googleapis.com", "cloudsql.instances.delete", resource="cloudsql_database"),
        ),
        ignores=(
            activity("cloudsql.googleapis.com", "cloudsql.backupRuns.insert", resource="cloudsql_database"),
            activity(
                "cloudsql.googleapis.com",
                "cloudsql.instances.delete",
                resource="cloudsql_database",
                resourceName="projects/example/instances/drill-orders-1f2e3d",
            ),
        ),
    ),
    LogAlert(
        name="service-account-keys",
        clause="ACC-4",
        title="A service account key was made",
        filter='protoPayload.methodName=("google.iam.admin.v1.CreateServiceAccountKey"'
        ' OR "google.iam.admin.v1.UploadServiceAccountKey")',
        severity="CRITICAL",
        do="No key is part of this setup: delete it, and ask what it was for.",
        selects=(
            activity("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccountKey", resource="service_account"),
        ),
        ignores=(
            activity("iam.googleapis.com", "google.iam.admin.v1.CreateServiceAccount", resource="service_account"),
        ),
    ),
    LogAlert(
        name="federation",
        clause="CIN-1",
        title="Identity federation was changed",
        filter='protoPayload.serviceName="iam.googleapis.com" AND protoPayload.methodName=~"WorkloadIdentityPool"'
        ' AND NOT protoPayload.methodName=~"\\.(Get|List)"',
        severity="CRITICAL",
        do="Check the condition of the provider: it decides which repository may deploy.",
        selects=(
            activity("iam.googleapis.com", "google.iam.v1.WorkloadIdentityPools.UpdateWorkloadIdentityPoolProvider"),
            activity("iam.googleapis.com", "google.iam.v1.WorkloadIdentityPools.CreateWorkloadIdentityPool"),
        ),
        ignores=(activity("iam.googleapis.com", "google.iam.v1.WorkloadIdentityPools.GetWorkloadIdentityPool"),),
    ),
    LogAlert(
        name="log-sinks",
        clause="LOG-2",
        title="A log sink, exclusion or log bucket was changed",
        filter='protoPayload.serviceName="logging.googleapis.com" AND protoPayload.methodName=~"ConfigServiceV2\\.'
        '(Update|Delete|Create)(Sink|Exclusion|Bucket|Settings)"',
        severity="CRITICAL",
        do="Logs may be lost from this moment on: compare the sink with the code and put it back.",
        selects=(
            activity("logging.googleapis.com", "google.logging.v2.ConfigServiceV2.DeleteSink", resource="logging_sink"),
            activity("logging.googleapis.com", "google.logging.v2.ConfigServiceV2.CreateExclusion"),
            activity("logging.googleapis.com", "google.logging.v2.ConfigServiceV2.UpdateBucket"),
        ),
        ignores=(activity("logging.googleapis.com", "google.logging.v2.ConfigServiceV2.ListSinks"),),
    ),
    LogAlert(
        name="organization-policy",
        clause="ACC-9",
        title="An organization policy was changed",
        filter='protoPayload.serviceName="orgpolicy.googleapis.com" AND protoPayload.methodName=~"OrgPolicy\\.'
        '(Create|Update|Delete)"',
        severity="CRITICAL",
        do="Check which guardrail fell.",
        selects=(activity("orgpolicy.googleapis.com", "google.cloud.orgpolicy.v2.OrgPolicy.DeletePolicy"),),
        ignores=(activity("orgpolicy.googleapis.com", "google.cloud.orgpolicy.v2.OrgPolicy.ListPolicies"),),
    ),
    LogAlert(
        name="limits-of-access",
        clause="ACC-9",
        title="A deny policy or an access boundary was changed",
        filter='protoPayload.serviceName="iam.googleapis.com"'
        ' AND (protoPayload.methodName=~"iam\\.v2[a-z0-9]*\\.Policies\\.(Create|Update|Delete)Policy"'
        ' OR protoPayload.methodName=~"(PrincipalAccessBoundaryPolicies|PolicyBindings)\\.(Create|Update|Delete)")',
        severity="CRITICAL",
        do="What nobody may do is possible now: compare the policy with the code and put it back.",
        selects=(
            activity("iam.googleapis.com", "google.iam.v2.Policies.DeletePolicy"),
            activity("iam.googleapis.com", "google.iam.v2beta.Policies.UpdatePolicy"),
            activity("iam.googleapis.com", "google.iam.v3.PolicyBindings.DeletePolicyBinding"),
            activity(
                "iam.googleapis.com",
                "google.iam.v3.PrincipalAccessBoundaryPolicies.UpdatePrincipalAccessBoundaryPolicy",
            ),
        ),
        ignores=(
            activity("iam.googleapis.com", "google.iam.v2.Policies.GetPolicy"),
            activity("iam.googleapis.com", "google.iam.v3.PolicyBindings.ListPolicyBindings"),
        ),
    ),
    LogAlert(
        name="access-on-request",
        clause="ACC-8",
        title="Somebody was given access on request",
        filter='protoPayload.serviceName="privilegedaccessmanager.googleapis.com"'
        ' AND protoPayload.methodName=~"PrivilegedAccessManager\\.(ApproveGrant|UpdateEntitlement|CreateEntitlement)"',
        severity="WARNING",
        do="Read the justification; if you did not expect it, revoke the grant and ask both people.",
        selects=(
            activity(
                "privilegedaccessmanager.googleapis.com",
                "google.cloud.privilegedaccessmanager.v1.PrivilegedAccessManager.ApproveGrant",
            ),
        ),
        ignores=(
            activity(
                "privilegedaccessmanager.googleapis.com",
                "google.cloud.privilegedaccessmanager.v1.PrivilegedAccessManager.ListGrants",
            ),
        ),
    ),
)


def break_glass(group: str) -> LogAlert:
    """Membership of the group that deny policies except, as Google Workspace and Cloud Identity log it (ACC-9)."""
    return LogAlert(
        name="break-glass",
        clause="ACC-9",
        title="The break-glass group was changed",
        filter=f'"{group}" AND ((protoPayload.serviceName="admin.googleapis.com"'
        ' AND protoPayload.methodName=~"AdminService\\.(add|update|remove)GroupMember")'
        ' OR (protoPayload.serviceName="cloudidentity.googleapis.com"'
        ' AND protoPayload.methodName=~"MembershipsService\\.(Create|Update|Delete|Modify)"))',
        severity="CRITICAL",
        do="Somebody may now do what deny policies forbid. Ask who, why and for how long; empty the group afterwards.",
        selects=(
            activity("admin.googleapis.com", "google.admin.AdminService.addGroupMember", metadata=_joined(group)),
            activity(
                "cloudidentity.googleapis.com",
                "google.apps.cloudidentity.groups.v1.MembershipsService.UpdateMembership",
                metadata=_joined(group),
            ),
        ),
        ignores=(
            activity(
                "admin.googleapis.com", "google.admin.AdminService.addGroupMember", metadata=_joined("x@example.org")
            ),
            activity("admin.googleapis.com", "google.admin.AdminService.listGroupMembers", metadata=_joined(group)),
        ),
    )


def _joined(group: str) -> dict[str, Any]:
    parameters = [{"name": "USER_EMAIL", "value": "x@example.com"}, {"name": "GROUP_EMAIL", "value": group}]
    return {"event": [{"eventName": "ADD_GROUP_MEMBER", "parameter": parameters}]}


def own_jobs(project_id: str) -> tuple[str, ...]:
    """What jobs of ours change on their schedule: each identity with the one thing that it changes, and no more."""
    return tuple(
        f'NOT (protoPayload.authenticationInfo.principalEmail=~"^{job}@{project_id}.iam.gserviceaccount.com$" {deed})'
        for job, deed in (
            ("job-starter", 'protoPayload.methodName="google.cloud.run.v2.Jobs.RunJob"'),
            ("reencryption", 'protoPayload.methodName="cloudsql.instances.reencrypt"'),
            (
                "recovery-drill-[a-z0-9-]+",
                '(protoPayload.methodName="cloudsql.instances.clone" OR protoPayload.resourceName:"/instances/drill-")',
            ),
        )
    )


def out_of_band(deployer: str, jobs_in: str) -> LogAlert:
    """The change detector (CHG-4): admin writes of anyone but the deployer, the services' own agents excepted."""
    starter = f"job-starter@{jobs_in}.iam.gserviceaccount.com"
    drill = f"recovery-drill-orders@{jobs_in}.iam.gserviceaccount.com"
    own = "".join(f"{line}\n" for line in own_jobs(jobs_in))
    return LogAlert(
        name="out-of-band-change",
        clause="CHG-4",
        title="Infrastructure was changed past the code",
        filter='logName:"cloudaudit.googleapis.com%2Factivity"\n'
        f'NOT protoPayload.authenticationInfo.principalEmail="{deployer}"\n'
        'NOT protoPayload.authenticationInfo.principalEmail=~"^service-[0-9]+@.*\\.gserviceaccount\\.com$"\n'
        'NOT protoPayload.authenticationInfo.principalEmail="system@google.com"\n'
        f"{own}"
        "protoPayload.authenticationInfo.principalEmail:*",
        severity="ERROR",
        do="Ask who did it and why; then `make preview` shows the drift, and `make up` ends it.",
        selects=(
            activity("compute.googleapis.com", "v1.compute.networks.patch", by="someone@example.com"),
            activity("run.googleapis.com", "google.cloud.run.v2.Jobs.RunJob", by="someone@example.com"),
            activity("run.googleapis.com", "google.cloud.run.v2.Jobs.UpdateJob", by=starter),
            activity(
                "cloudsql.googleapis.com", "cloudsql.instances.delete", by=drill, resourceName="projects/p/instances/a"
            ),
        ),
        ignores=(
            activity("run.googleapis.com", "google.cloud.run.v2.Jobs.RunJob", by=starter),
            activity(
                "cloudsql.googleapis.com", "cloudsql.instances.clone", by=drill, resourceName="projects/p/instances/a"
            ),
            activity(
                "cloudsql.googleapis.com",
                "cloudsql.instances.delete",
                by=drill,
                resourceName="projects/p/instances/drill-a-1",
            ),
            activity("compute.googleapis.com", "v1.compute.networks.patch", by=deployer),
            activity("compute.googleapis.com", "x", by="service-123456@compute-system.iam.gserviceaccount.com"),
            {
                **activity("storage.googleapis.com", "storage.objects.get"),
                "logName": "projects/example/logs/cloudaudit.googleapis.com%2Fdata_access",
            },
        ),
    )

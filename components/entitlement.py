"""Just-in-time access: nobody has it until somebody else agreed, and it is over after some hours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

MANAGER = "privilegedaccessmanager.googleapis.com"


@dataclass(frozen=True, kw_only=True)
class EntitlementArgs:
    """Who may ask for which role on a project, and who decides."""

    project: Project
    group: str
    approvers: str
    role: str
    condition: str
    """CEL that holds for every grant made from it."""
    hours: int
    informed: str
    """Address that hears of each request."""
    manager: pulumi.Resource
    """The grant with which Privileged Access Manager makes the grants of the project."""

    def __post_init__(self) -> None:
        require(1 <= self.hours <= 4, "ACC-8", f"a request lasts 1 to 4 hours, not {self.hours}")
        require(self.approvers != self.group, "ACC-8", f"{self.group} would approve its own requests")
        basic = self.role.lower() in ("roles/owner", "roles/editor", "roles/viewer")
        require(not basic, "ACC-2", f"{self.role} is a basic role")


class Entitlement(Component):
    """One role on one project: asked for with a reason, approved by one of another group, told to a third."""

    token = "hosting:access:Entitlement"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-8", "ACC-1", "ACC-2")

    def __init__(self, name: str, args: EntitlementArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project.project_id
        gcp.privilegedaccessmanager.Entitlement(
            name,
            entitlement_id=f"jit-{name}",
            parent=f"projects/{project}",
            location="global",
            max_request_duration=f"{args.hours * 3600}s",
            eligible_users=[
                gcp.privilegedaccessmanager.EntitlementEligibleUserArgs(principals=[f"group:{args.group}"])
            ],
            requester_justification_config={"unstructured": {}},
            approval_workflow=gcp.privilegedaccessmanager.EntitlementApprovalWorkflowArgs(
                manual_approvals=gcp.privilegedaccessmanager.EntitlementApprovalWorkflowManualApprovalsArgs(
                    require_approver_justification=True,
                    steps=[
                        gcp.privilegedaccessmanager.EntitlementApprovalWorkflowManualApprovalsStepArgs(
                            approvals_needed=1,
                            approver_email_recipients=[args.approvers],
                            approvers=gcp.privilegedaccessmanager.EntitlementApprovalWorkflowManualApprovalsStepApproversArgs(
                                principals=[f"group:{args.approvers}"]
                            ),
                        )
                    ],
                )
            ),
            privileged_access=gcp.privilegedaccessmanager.EntitlementPrivilegedAccessArgs(
                gcp_iam_access=gcp.privilegedaccessmanager.EntitlementPrivilegedAccessGcpIamAccessArgs(
                    resource=f"//cloudresourcemanager.googleapis.com/projects/{project}",
                    resource_type="cloudresourcemanager.googleapis.com/Project",
                    role_bindings=[
                        gcp.privilegedaccessmanager.EntitlementPrivilegedAccessGcpIamAccessRoleBindingArgs(
                            role=args.role, condition_expression=args.condition
                        )
                    ],
                )
            ),
            additional_notification_targets=gcp.privilegedaccessmanager.EntitlementAdditionalNotificationTargetsArgs(
                admin_email_recipients=[args.informed], requester_email_recipients=[]
            ),
            opts=self.child(provider=args.project.provider, depends_on=[args.manager]),
        )
        self.register_outputs({})

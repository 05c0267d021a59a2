"""Which permissions lead to more rights, and which predefined roles hold them.

Sources: IAM permissions and roles reference; "Lateral movement" in Google's best practices for service accounts;
published methods of privilege escalation in Google Cloud (actAs with a deploying permission, token and key creation,
implicit delegation, role updates, policy setting).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

ACT_AS: Final = "iam.serviceAccounts.actAs"
SET_POLICY: Final = frozenset(f"resourcemanager.{x}.setIamPolicy" for x in ("projects", "folders", "organizations"))
BECOME: Final = frozenset(
    {
        *(f"iam.serviceAccounts.{x}" for x in ("getAccessToken", "implicitDelegation", "signJwt", "signBlob")),
        "iam.serviceAccounts.setIamPolicy",
        "iam.serviceAccountKeys.create",
        "iam.serviceAccountKeys.upload",
        "storage.hmacKeys.create",
    }
)
"""Permissions with which their holder becomes the account they are held on."""
RULE: Final = frozenset(
    {
        *SET_POLICY,
        "orgpolicy.policy.set",
        "iam.denypolicies.update",
        "iam.denypolicies.delete",
        "iam.workloadIdentityPoolProviders.create",
        "iam.workloadIdentityPoolProviders.update",
        "iam.workforcePoolProviders.create",
        "iam.workforcePoolProviders.update",
        "privilegedaccessmanager.entitlements.create",
        "privilegedaccessmanager.entitlements.update",
        "privilegedaccessmanager.entitlements.setIamPolicy",
        "deploymentmanager.deployments.create",
        "deploymentmanager.deployments.update",
    }
)
"""Permissions that decide about other people's permissions (Deployment Manager works with an editor's rights)."""
ROLES_UPDATE: Final = "iam.roles.update"
DEPLOY: Final = frozenset(
    f"{module}.{verb}"
    for module, verbs in {
        "compute.instances": ("create", "setServiceAccount", "setMetadata"),
        "compute.instanceTemplates": ("create",),
        "run.services": ("create", "update"),
        "run.jobs": ("create", "update"),
        "cloudfunctions.functions": ("create", "update"),
        "cloudbuild.builds": ("create",),
        "cloudscheduler.jobs": ("create", "update"),
        "cloudtasks.tasks": ("create",),
        "workflows.workflows": ("create", "update"),
        "dataflow.jobs": ("create",),
        "dataproc.clusters": ("create",),
        "composer.environments": ("create", "update"),
        "notebooks.instances": ("create",),
        "aiplatform.customJobs": ("create",),
        "batch.jobs": ("create",),
        "appengine.versions": ("create",),
    }.items()
    for verb in verbs
)
"""Permissions that start something which runs as an account; with actAs on the account its holder becomes it."""
ESCALATING: Final[Mapping[str, str]] = {
    **dict.fromkeys(SET_POLICY, "lets its holder grant anything to anybody"),
    **dict.fromkeys(RULE - SET_POLICY, "lets its holder change what limits everybody's rights"),
    **dict.fromkeys(BECOME, "lets its holder become service accounts"),
    ROLES_UPDATE: "lets its holder add permissions to the roles it holds",
}
EVERYTHING: Final = frozenset({*RULE, *BECOME, *DEPLOY, ACT_AS, ROLES_UPDATE})
_TOKENS: Final = frozenset(p for p in BECOME if re.search(r"getAccessToken|implicitDelegation|sign", p))
_PROJECT: Final = frozenset({"resourcemanager.projects.setIamPolicy"})


def _starts(*modules: str) -> frozenset[str]:
    return frozenset(p for p in DEPLOY if p.rpartition(".")[0] in modules)


ROLES: Final[Mapping[str, frozenset[str]]] = {
    "roles/owner": EVERYTHING,
    "roles/admin": EVERYTHING,
    "roles/editor": frozenset(
        {*DEPLOY, ACT_AS, "iam.serviceAccountKeys.create", "deploymentmanager.deployments.create"}
    ),
    "roles/writer": frozenset({*DEPLOY, ACT_AS}),
    "roles/iam.serviceaccounttokencreator": _TOKENS,
    "roles/iam.workloadidentityuser": frozenset({"iam.serviceAccounts.getAccessToken"}),
    "roles/iam.serviceaccountuser": frozenset({ACT_AS}),
    "roles/iam.serviceaccountadmin": frozenset({"iam.serviceAccounts.setIamPolicy"}),
    "roles/iam.serviceaccountkeyadmin": frozenset({"iam.serviceAccountKeys.create", "iam.serviceAccountKeys.upload"}),
    "roles/iam.securityadmin": frozenset({*SET_POLICY, "iam.serviceAccounts.setIamPolicy"}),
    "roles/resourcemanager.projectiamadmin": _PROJECT,
    "roles/resourcemanager.folderiamadmin": frozenset({*_PROJECT, "resourcemanager.folders.setIamPolicy"}),
    "roles/resourcemanager.folderadmin": frozenset({*_PROJECT, "resourcemanager.folders.setIamPolicy"}),
    "roles/resourcemanager.organizationadmin": SET_POLICY,
    "roles/resourcemanager.projectcreator": frozenset(),
    "roles/iam.roleadmin": frozenset({ROLES_UPDATE}),
    "roles/iam.organizationroleadmin": frozenset({ROLES_UPDATE}),
    "roles/orgpolicy.policyadmin": frozenset({"orgpolicy.policy.set"}),
    "roles/iam.denyadmin": frozenset({"iam.denypolicies.update", "iam.denypolicies.delete"}),
    "roles/iam.workloadidentitypooladmin": frozenset({"iam.workloadIdentityPoolProviders.update"}),
    "roles/iam.workforcepooladmin": frozenset({"iam.workforcePoolProviders.update"}),
    "roles/privilegedaccessmanager.admin": frozenset({"privilegedaccessmanager.entitlements.update"}),
    "roles/storage.hmackeyadmin": frozenset({"storage.hmacKeys.create"}),
    "roles/storage.admin": frozenset({"storage.hmacKeys.create"}),
    "roles/deploymentmanager.editor": frozenset({"deploymentmanager.deployments.create"}),
    **dict.fromkeys(
        ("roles/compute.admin", "roles/compute.instanceadmin", "roles/compute.instanceadmin.v1"),
        _starts("compute.instances", "compute.instanceTemplates"),
    ),
    **dict.fromkeys(
        ("roles/run.admin", "roles/run.developer", "roles/run.sourcedeveloper"), _starts("run.services", "run.jobs")
    ),
    **dict.fromkeys(
        ("roles/cloudfunctions.admin", "roles/cloudfunctions.developer"), _starts("cloudfunctions.functions")
    ),
    **dict.fromkeys(
        ("roles/cloudbuild.builds.editor", "roles/cloudbuild.builds.builder"), _starts("cloudbuild.builds")
    ),
    **dict.fromkeys(("roles/dataflow.admin", "roles/dataflow.developer"), _starts("dataflow.jobs")),
    **dict.fromkeys(("roles/dataproc.admin", "roles/dataproc.editor"), _starts("dataproc.clusters")),
    **dict.fromkeys(("roles/workflows.admin", "roles/workflows.editor"), _starts("workflows.workflows")),
    **dict.fromkeys(("roles/aiplatform.admin", "roles/aiplatform.user"), _starts("aiplatform.customJobs")),
    "roles/batch.jobseditor": _starts("batch.jobs"),
    "roles/composer.admin": _starts("composer.environments"),
    "roles/notebooks.admin": _starts("notebooks.instances"),
    "roles/cloudscheduler.admin": _starts("cloudscheduler.jobs"),
    "roles/cloudtasks.enqueuer": _starts("cloudtasks.tasks"),
    "roles/appengine.appadmin": _starts("appengine.versions"),
    "roles/appengine.deployer": _starts("appengine.versions"),
}
"""The escalating permissions of predefined roles, which are named in small letters here."""

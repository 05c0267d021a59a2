"""Service agents: the accounts by which Google's services act, and which other service accounts exist."""

from __future__ import annotations

import os
import re

from localcloud.outputs import project_number
from localcloud.store import Store

DOMAINS = {
    "artifactregistry": "gcp-sa-artifactregistry",
    "backupdr": "gcp-sa-backupdr",
    "binaryauthorization": "gcp-sa-binaryauthorization",
    "cloudbuild": "gcp-sa-cloudbuild",
    "cloudfunctions": "gcf-admin-robot",
    "cloudkms": "gcp-sa-cloudkms",
    "cloudscheduler": "gcp-sa-cloudscheduler",
    "cloudtasks": "gcp-sa-cloudtasks",
    "compute": "compute-system",
    "containeranalysis": "container-analysis",
    "dlp": "dlp-api",
    "eventarc": "gcp-sa-eventarc",
    "iap": "gcp-sa-iap",
    "logging": "gcp-sa-logging",
    "memorystore": "gcp-sa-memorystore",
    "monitoring": "gcp-sa-monitoring-notification",
    "privilegedaccessmanager": "gcp-sa-pam",
    "pubsub": "gcp-sa-pubsub",
    "redis": "cloud-redis",
    "run": "serverless-robot-prod",
    "secretmanager": "gcp-sa-secretmanager",
    "servicenetworking": "service-networking",
    "sqladmin": "gcp-sa-cloud-sql",
    "storage": "gs-project-accounts",
}
OF_MODULE = {
    "artifactregistry": "artifactregistry",
    "bigquery": "bigquery",
    "cloudfunctionsv2": "cloudfunctions",
    "cloudrunv2": "run",
    "compute": "compute",
    "logging": "logging",
    "memorystore": "memorystore",
    "pubsub": "pubsub",
    "redis": "redis",
    "secretmanager": "secretmanager",
    "sql": "sqladmin",
    "storage": "storage",
}
BORN_WITH_SERVICE = ("compute", "run", "cloudbuild", "cloudfunctions", "servicenetworking", "iap")
AGENT = re.compile(r"^(service-[\w-]+@[\w-]+\.iam|bq-\d+@bigquery-encryption\.iam)\.gserviceaccount\.com$")
GOOGLE_OWNED = re.compile(
    r"(-compute@developer|@cloudservices|@appspot|@system)\.gserviceaccount\.com$|^p\d+-\w+@gcp-sa-cloud-sql\."
    r"|^vault-\d+-1@gcp-sa-backupdr-pr\.|@google\.com$"
)


def agent_of_service(service: str, project: str) -> str:
    """The agent of a service (its API's name, with or without the domain) in a project."""
    short = service.removesuffix(".googleapis.com")
    number = project_number(project)
    if short == "bigquery":
        return f"bq-{number}@bigquery-encryption.iam.gserviceaccount.com"
    return f"service-{number}@{DOMAINS.get(short, f'gcp-sa-{short}')}.iam.gserviceaccount.com"


def agent_email(module: str, project: str) -> str | None:
    """The agent that uses keys on behalf of the resources of an SDK module; None where keys are not delegated."""
    service = OF_MODULE.get(module)
    return agent_of_service(service, project) if service and project else None


def member_of(store: Store, member: str) -> str | None:
    """The email of a member that names a service account which does not exist; None for everyone else."""
    kind, _, email = member.partition(":")
    if kind != "serviceAccount" or email.endswith(".svc.id.goog") or "[" in email or GOOGLE_OWNED.search(email):
        return None
    if AGENT.match(email):
        return None if store.has_agent(email) else email
    seeded = store.seeds("account") | set(os.environ.get("LOCALCLOUD_ACCOUNTS", "").split(","))
    if email in seeded:
        return None
    return (
        None
        if store.query(
            "SELECT 1 FROM resources WHERE type = 'gcp:serviceaccount/account:Account' AND id LIKE ?",
            f"%/serviceAccounts/{email}",
        )
        else email
    )

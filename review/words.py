"""Roles and members in plain words."""

from __future__ import annotations

import re
from typing import Final, Literal

Kind = Literal["public", "people", "workload", "unknown"]

_ROLES: Final[dict[str, str]] = {
    "roles/owner": "do everything, and give access to others (basic role owner)",
    "roles/editor": "change nearly everything (basic role editor)",
    "roles/viewer": "read nearly everything (basic role viewer)",
    "roles/browser": "see which projects and folders exist",
    "roles/storage.admin": "do everything with buckets and objects",
    "roles/storage.objectAdmin": "read, write and delete objects",
    "roles/storage.objectUser": "read, write and delete objects",
    "roles/storage.objectViewer": "read objects",
    "roles/storage.objectCreator": "write new objects",
    "roles/storage.legacyBucketReader": "list objects",
    "roles/storage.legacyBucketWriter": "list, write and delete objects",
    "roles/storage.legacyBucketOwner": "change the bucket and its access",
    "roles/storage.legacyObjectReader": "read objects",
    "roles/cloudsql.admin": "do everything with databases",
    "roles/cloudsql.client": "connect to databases",
    "roles/cloudsql.editor": "change databases",
    "roles/cloudsql.viewer": "see databases' settings",
    "roles/cloudsql.instanceUser": "sign in to databases",
    "roles/secretmanager.admin": "do everything with secrets",
    "roles/secretmanager.secretAccessor": "read the value of secrets",
    "roles/secretmanager.secretVersionAdder": "add values to secrets",
    "roles/secretmanager.secretVersionManager": "add and destroy values of secrets",
    "roles/secretmanager.viewer": "see which secrets exist",
    "roles/cloudkms.admin": "manage keys, but not use them",
    "roles/cloudkms.cryptoKeyEncrypterDecrypter": "encrypt and decrypt",
    "roles/cloudkms.cryptoKeyDecrypter": "decrypt",
    "roles/cloudkms.cryptoKeyEncrypter": "encrypt",
    "roles/cloudkms.signerVerifier": "sign",
    "roles/pubsub.publisher": "publish messages",
    "roles/pubsub.subscriber": "receive messages",
    "roles/pubsub.editor": "change topics and subscriptions, publish and receive",
    "roles/run.invoker": "call the service",
    "roles/run.admin": "do everything with Cloud Run services",
    "roles/run.developer": "deploy Cloud Run services",
    "roles/iap.httpsResourceAccessor": "use the service behind sign-in",
    "roles/iap.tunnelResourceAccessor": "open tunnels to machines",
    "roles/iam.serviceAccountUser": "act as the service account",
    "roles/iam.serviceAccountTokenCreator": "take the service account's identity",
    "roles/iam.serviceAccountKeyAdmin": "make keys of service accounts",
    "roles/iam.serviceAccountAdmin": "do everything with service accounts",
    "roles/iam.workloadIdentityUser": "act as the service account, from outside",
    "roles/iam.securityAdmin": "give anyone any access",
    "roles/iam.roleAdmin": "change what roles allow",
    "roles/resourcemanager.projectIamAdmin": "give anyone access to the project",
    "roles/resourcemanager.organizationAdmin": "manage the organization, and give anyone access",
    "roles/bigquery.admin": "do everything with datasets",
    "roles/bigquery.dataViewer": "read tables",
    "roles/bigquery.dataEditor": "read and change tables",
    "roles/bigquery.dataOwner": "read, change, delete and share tables",
    "roles/bigquery.jobUser": "run queries",
    "roles/logging.admin": "do everything with logs",
    "roles/logging.viewer": "read logs",
    "roles/logging.privateLogViewer": "read all logs, data access included",
    "roles/logging.viewAccessor": "read the log view",
    "roles/logging.logWriter": "write logs",
    "roles/logging.bucketWriter": "write logs to the bucket",
    "roles/monitoring.viewer": "read metrics",
    "roles/monitoring.metricWriter": "write metrics",
    "roles/artifactregistry.reader": "read images",
    "roles/artifactregistry.writer": "write images",
    "READER": "read",
    "WRITER": "write",
    "OWNER": "do everything, and give access to others",
    "pull": "read the code",
    "triage": "read the code and manage issues",
    "push": "change the code",
    "maintain": "change the code and most settings",
    "admin": "do everything with the repository, and give access to others",
}
_BROAD: Final = re.compile(
    r"^roles/(?:owner|editor|viewer|reader|writer|admin)$|^roles/[a-zA-Z.]*[aA]dmin$|serviceAccountTokenCreator|serviceAccountUser"
    r"|^OWNER$|^admin$|dataOwner|legacyBucketOwner"
)
_KINDS: Final[dict[str, tuple[str, Kind]]] = {
    "user": ("person", "people"),
    "group": ("group", "people"),
    "domain": ("everyone at", "people"),
    "serviceaccount": ("service account", "workload"),
    "principal": ("identity", "workload"),
    "principalset": ("identities", "workload"),
    "projectowner": ("owners of project", "people"),
    "projecteditor": ("editors of project", "people"),
    "projectviewer": ("viewers of project", "people"),
    "team": ("team", "people"),
}


def role(name: str) -> str:
    """What somebody with the role can do; a role that is not known here by its name."""
    if name in _ROLES:
        return _ROLES[name]
    if name.startswith("custom role "):
        return f"use the {name}"
    if own := re.fullmatch(r"(project|organization)s/([^/]+)/roles/([^/]+)", name):
        return f"use the custom role {own[3]} of {own[1]} {own[2]}"
    return f"use the role {name}" if name else "use a role that is known only after apply"


def broad(name: str) -> bool:
    """Whether the role is basic, administers something, or lets its holder act as somebody else."""
    return bool(_BROAD.search(name))


def member(name: str) -> tuple[str, Kind]:
    """Who that is, and of which kind."""
    low = name.lower()
    if low == "allusers":
        return "everyone on the internet", "public"
    if low == "allauthenticatedusers":
        return "everyone with a Google account", "public"
    if low.startswith("deleted:"):
        words, kind = member(name[len("deleted:") :])
        return f"{words} (deleted)", kind
    head, colon, rest = name.partition(":")
    if not colon and "@" in name:
        return (f"service account {name}", "workload") if low.endswith("gserviceaccount.com") else (name, "people")
    known = _KINDS.get(head.lower())
    if known is None:
        return name, "unknown"
    words, kind = known
    rest = rest.removeprefix("//iam.googleapis.com/")
    if "workforcepools/" in low:
        kind = "people"
    return f"{words} {rest}", kind

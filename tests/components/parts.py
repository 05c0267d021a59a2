"""Good parts to build single components from; tests change one field and look at the difference."""

from __future__ import annotations

from typing import Any

from components.backups import BackupPlan, CopiesArgs
from components.bucket import BucketArgs
from components.database import DatabaseArgs
from components.keys import DataKey, DataKeyArgs, KeyRing, KeyRingArgs
from components.network import Network, NetworkArgs
from components.projects import Project, ProjectArgs
from components.secrets import SecretArgs, first_rotation
from components.topic import Topic, TopicArgs
from tests.recording import today

PRIMARY, BACKUP = "europe-west1", "europe-west4"


def project(name: str = "workload", region: str = PRIMARY) -> Project:
    """A project and its provider."""
    return Project(name, ProjectArgs(project_id=f"example-prod-{name}", region=region))


def key_args(**changes: Any) -> DataKeyArgs:
    """Arguments of a key in the keys project."""
    location = changes.pop("location", PRIMARY)
    keys = project(f"keys-{location}")
    ring = KeyRing(f"data-{location}", KeyRingArgs(project=keys, location=location))
    args = {"ring": ring, "data_class": "customer"}
    return DataKeyArgs(**{**args, **changes})


def key(location: str = PRIMARY) -> DataKey:
    """A key of a region."""
    return DataKey(f"key-{location}", key_args(location=location))


def network_args(**changes: Any) -> NetworkArgs:
    """Arguments of a network."""
    args = {"region": PRIMARY, "range": "10.10.0.0/20", "services_range": "10.20.0.0/20"}
    return NetworkArgs(**{**args, "project": changes.pop("project", None) or project(), **changes})


def database_args(**changes: Any) -> DatabaseArgs:
    """Arguments of a database with its key and network."""
    workload = project()
    args: dict[str, Any] = {
        "project": workload,
        "network": Network("private", network_args(project=workload)),
        "key": key(),
        "region": PRIMARY,
        "version": "POSTGRES_17",
        "tier": "db-custom-2-7680",
        "disk_limit_gb": 100,
        "backup": BackupPlan(location=BACKUP),
        "database_name": "orders",
    }
    return DatabaseArgs(**{**args, **changes})


def bucket_args(**changes: Any) -> BucketArgs:
    """Arguments of a bucket in the backup region."""
    args: dict[str, Any] = {
        "project": project("backups", BACKUP),
        "key": key(BACKUP),
        "bucket_name": "example-prod-backups-things",
        "region": BACKUP,
        "delete_after_days": 90,
    }
    return BucketArgs(**{**args, **changes})


def copies_args(**changes: Any) -> CopiesArgs:
    """Arguments of the independent copies."""
    args: dict[str, Any] = {"project": project("backups", BACKUP), "key": key(BACKUP), "region": BACKUP}
    return CopiesArgs(**{**args, **changes})


def secret_args(**changes: Any) -> SecretArgs:
    """Arguments of a secret and its topic."""
    workload, credentials = project(), key()
    topic = Topic("rotation", TopicArgs(project=workload, key=credentials, regions=(PRIMARY,)))
    args: dict[str, Any] = {
        "project": workload,
        "key": credentials,
        "topic": topic,
        "secret_id": "payment-token",
        "first_rotation": first_rotation(today()),
    }
    return SecretArgs(**{**args, **changes})

"""Cloud SQL: private addresses need the peering, names are not free at once, what is in an instance goes with it."""

from __future__ import annotations

import hashlib

from localcloud.behaviour import Request, common, on
from localcloud.errors import already_exists, not_found, refused

INSTANCE = "gcp:sql/databaseInstance:DatabaseInstance"
PEERING = "gcp:servicenetworking/connection:Connection"
ASSOCIATION = "gcp:backupdisasterrecovery/backupPlanAssociation:BackupPlanAssociation"
NETWORK = "gcp:compute/network:Network"
WEEK_SECONDS = 7 * 86400


@on("create", INSTANCE)
def names_are_not_free_for_a_week(request: Request) -> None:
    """The name of a deleted instance cannot be used again for a week; an instance's name is unique in its project."""
    grave = request.store.grave(INSTANCE, f"{request.project}/{request.id}")
    if grave is not None:
        raise already_exists(f"The Cloud SQL instance {request.id}", grave.why)


@on("create", INSTANCE)
@on("update", INSTANCE)
def private_addresses_need_the_peering(request: Request) -> None:
    """An instance with a private network needs that network's peering with Google's services first."""
    address = (request.get("settings") or {}).get("ipConfiguration") or {}
    network = address.get("privateNetwork")
    if not network:
        if address.get("ipv4Enabled") is False and not address.get("pscConfigs"):
            raise refused(
                "At least one of Public IP, Private IP or PSC connectivity must be enabled for a Cloud SQL instance"
            )
        return
    found = common.resolve(request.store, NETWORK, str(network), request.project)
    if found is None:
        raise not_found(f"The network '{network}' (settings.ipConfiguration.privateNetwork of {request.name})")
    for peering in request.store.find(PEERING):
        if common.resolve(request.store, NETWORK, str(peering.properties.get("network")), peering.project) == found:
            return
    raise refused(
        f"Failed to create subnetwork. Couldn't find Service Networking connection for network {found.id} "
        f"(NETWORK_NOT_PEERED). Create a gcp.servicenetworking.Connection and make '{request.name}' depend on it"
    )


@on("create", INSTANCE)
def replicas_have_a_primary(request: Request) -> None:
    """A replica needs its primary, with backups and, for PostgreSQL, point-in-time recovery."""
    named = request.get("masterInstanceName")
    if not named:
        return
    primary = request.store.get(INSTANCE, str(named).split("/")[-1].split(":")[-1])
    if primary is None:
        raise not_found(f"The primary instance '{named}' of {request.name}")
    backup = (primary.properties.get("settings") or {}).get("backupConfiguration") or {}
    if not backup.get("enabled"):
        raise refused(f"The primary instance {primary.id} needs backups before it can have the replica {request.id}")
    version = primary.properties.get("databaseVersion")
    if request.get("databaseVersion") not in (None, version):
        raise refused(f"The replica {request.id} must have the version of its primary, {version}")


@on("update", INSTANCE)
def a_managed_instance_keeps_no_backups_of_its_own(request: Request) -> None:
    """While a backup plan manages the backups, an update that switches the instance's own on is refused."""
    backup = (request.get("settings") or {}).get("backupConfiguration") or {}
    plans = request.store.find(ASSOCIATION)
    if backup.get("enabled") and any(
        str(plan.properties.get("resource")).endswith(f"/instances/{request.id}") for plan in plans
    ):
        raise refused(
            f"The backups of {request.id} are managed by a backup plan: remove backupConfiguration from its settings"
        )


@on("created", INSTANCE)
def an_instance_has_addresses(request: Request) -> None:
    """Addresses follow from what the configuration turns on."""
    digits = hashlib.sha256(request.id.encode()).digest()
    address = (request.get("settings") or {}).get("ipConfiguration") or {}
    public = f"34.{digits[0]}.{digits[1]}.{digits[2]}" if address.get("ipv4Enabled", True) else ""
    private = f"10.{digits[0]}.{digits[1]}.{digits[2]}" if address.get("privateNetwork") else ""
    kinds = (("PRIMARY", public), ("PRIVATE", private))
    request.properties.update(
        publicIpAddress=public,
        privateIpAddress=private,
        firstIpAddress=public or private,
        ipAddresses=[{"type": kind, "ipAddress": value, "timeToRetire": ""} for kind, value in kinds if value],
    )


@on("delete", INSTANCE)
def the_api_protects_too(request: Request) -> None:
    """`settings.deletionProtectionEnabled` is the cloud's own protection, whatever the stack's state says."""
    settings = (request.old.properties if request.old else {}).get("settings") or {}
    if settings.get("deletionProtectionEnabled"):
        raise refused(
            f"The instance {request.id} is protected: set settings.deletionProtectionEnabled to false "
            "and run `pulumi up` first"
        )
    replicas = [
        item for item in request.store.find(INSTANCE) if item.properties.get("masterInstanceName") == request.id
    ]
    if replicas:
        raise refused(f"The instance {request.id} has the replica {replicas[0].id}: delete that first")


@on("deleted", INSTANCE)
def an_instance_takes_all_with_it(request: Request) -> None:
    """Databases, users and certificates go with their instance; its name is taken for a week."""
    for kind in ("database:Database", "user:User", "sslCert:SslCert"):
        for item in request.store.find(f"gcp:sql/{kind}", request.project):
            if item.properties.get("instance") == request.id:
                request.store.remove(item.type, item.id)
    why = (
        "A deleted instance's name cannot be used again for a week: use another one, such as one with a random suffix."
    )
    request.store.bury(INSTANCE, f"{request.project}/{request.id}", why, WEEK_SECONDS)


@on("create", "gcp:sql/user:User")
def iam_users_have_no_password(request: Request) -> None:
    """A user that signs in through IAM has no password of its own; one that is built in has one."""
    kind = request.get("type") or "BUILT_IN"
    if kind != "BUILT_IN" and request.get("password"):
        raise refused(f"{kind} users sign in through IAM and cannot have a password")

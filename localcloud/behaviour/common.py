"""What holds for every resource of Google Cloud: projects exist, services are enabled, references lead somewhere,
keys can be used by the service that is to use them."""

from __future__ import annotations

import os
import re
from typing import Any

from localcloud.agents import agent_email, member_of
from localcloud.behaviour import Request, on
from localcloud.codec import leaves, show_path
from localcloud.diff import SELF_LINK
from localcloud.errors import already_exists, denied, not_found, refused
from localcloud.grants import holders
from localcloud.outputs import project_number
from localcloud.store import Resource, Store

PROJECT = "gcp:organizations/project:Project"
SERVICE = "gcp:projects/service:Service"
KEY = "gcp:kms/cryptoKey:CryptoKey"
USES_KEY = "roles/cloudkms.cryptoKeyEncrypterDecrypter"
KEY_ID = re.compile(r"(projects/([^/]+)/locations/([^/]+)/keyRings/[^/]+)/cryptoKeys/[^/]+")
ALWAYS_ON = {"cloudresourcemanager.googleapis.com", "serviceusage.googleapis.com", "storage.googleapis.com"}
MULTI_REGIONS = {"eu": "europe", "europe": "europe", "us": "us", "asia": "asia", "global": "global"}
NOT_ENCRYPTED = ("gcp:kms/*", "gcp:projects/*", "gcp:organizations/*", "gcp:folder/*", "gcp:iam/*", "gcp:monitoring/*")


def known_projects(store: Store, configured: str | None) -> set[str] | None:
    """Projects that exist without having been declared; None where nobody has said which, so that any may."""
    named = {item for item in os.environ.get("LOCALCLOUD_PROJECTS", "").split(",") if item} | store.seeds("project")
    return named | {configured or ""} if named else None


@on("create", "gcp:*")
def the_project_exists(request: Request) -> None:
    """A resource needs its project: declared and created before, or there from the start."""
    project = request.project
    if not project or request.row.token == PROJECT:
        return
    if request.store.get(PROJECT, f"projects/{project}") is not None:
        return
    known = known_projects(request.store, request.config.project)
    if known is not None and project not in known:
        raise denied(
            f"Project '{project}' not found or permission denied. If the stack declares it, depend on it; if it exists "
            f"already, say so: `python -m localcloud seed project {project}`"
        )
    request.store.add_project(project)


@on("create", PROJECT)
def a_used_project_is_not_new(request: Request) -> None:
    """A project in which something was created before it cannot be created: the dependency is missing. Neither can one
    that is there already: project IDs are unique in the whole world."""
    if str(request.get("projectId")) in request.store.seeds("project"):
        raise already_exists(
            f"project {request.get('projectId')}",
            "Project IDs are unique in the whole world and for ever: choose another one, or import the project if it "
            "is yours.",
        )
    if request.store.has_project(str(request.get("projectId"))):
        raise already_exists(
            f"project {request.get('projectId')}",
            "A resource used it before it was created: make that resource depend on the project, or import it.",
        )


@on("create", "gcp:*")
def the_service_is_enabled(request: Request) -> None:
    """The API that a resource belongs to must be enabled in its project first."""
    api = request.row.api
    if api is None or api in ALWAYS_ON or not request.project:
        return
    if request.store.get(SERVICE, f"{request.project}/{api}") is None:
        raise denied(
            f"{api} has not been used in project {project_number(request.project)} before or it is disabled "
            f"(API [{api}] not enabled on project [{request.project}]). Enable it with a gcp.projects.Service and make "
            f"{request.row.token} '{request.name}' depend on it, then retry",
            "SERVICE_DISABLED",
        )


def resolve(store: Store, token: str, value: str, project: str) -> Resource | None:
    """A reference by id, by self link, or by name within the project."""
    plain = SELF_LINK.sub("", value)
    found = store.get(token, plain)
    if found is not None:
        return found
    name = plain.rsplit("/", 1)[-1]
    for item in store.find(token):
        scoped = item.project == project or plain.startswith(f"projects/{item.project}/")
        if scoped and (item.name == name or item.id.rsplit("/", 1)[-1] == name):
            return item
    return None


@on("create", "gcp:*")
def references_lead_somewhere(request: Request) -> None:
    """A network, key ring, bucket, secret… that a resource names must exist."""
    for name, token in request.row.refs.items():
        value = request.get(name)
        if isinstance(value, str) and value and resolve(request.store, token, value, request.project) is None:
            raise not_found(f"The resource '{value}' ({name} of {request.row.token} '{request.name}', a {token})")


@on("create", "gcp:*")
@on("update", "gcp:*")
def keys_can_be_used(request: Request) -> None:
    """A customer-managed key must exist, be enabled, lie where the resource lies, and be usable by the agent."""
    service = request.row.token.split(":")[1].split("/")[0]
    if request.row.is_grant or any(request.row.token.startswith(pattern.rstrip("*")) for pattern in NOT_ENCRYPTED):
        return
    for path, value in leaves(request.inputs):
        match = KEY_ID.match(value) if isinstance(value, str) and names_a_key(path) else None
        if match is not None:
            check_key(request, service, match, show_path(path), key_place(request, path))


def names_a_key(path: tuple[Any, ...]) -> bool:
    """Whether a property is one that a service encrypts with, and not, say, the argument of a program."""
    return "key" in str([part for part in path if isinstance(part, str)][-1]).lower()


def check_key(request: Request, service: str, key: re.Match[str], where: str, place: str | None) -> None:
    """One key in one property of a resource."""
    found = request.store.get(KEY, key.group(0))
    if found is None:
        raise not_found(f"CryptoKey {key.group(0)} ({where} of {request.row.token} '{request.name}')")
    if any(version.get("state") != "ENABLED" for version in found.properties.get("primaries") or []):
        raise refused(
            f"{where}: the primary version of {key.group(0)} is not enabled, so that nothing can be encrypted with it"
        )
    if place is not None and MULTI_REGIONS.get(place.lower(), place.lower()) != key.group(3):
        raise refused(
            f"{where}: the key {key.group(0)} is in {key.group(3)}, but {request.row.token} "
            f"'{request.name}' is in {place}. A key must be in the same location as what it encrypts"
        )
    agent = agent_email(service, request.project)
    if agent is None:
        return
    if f"serviceAccount:{agent}" not in holders(request.store, USES_KEY, (key.group(0), key.group(1), key.group(2))):
        raise denied(
            f"{where}: unable to delegate the access of CMEK: service agent {agent} lacks "
            f"cloudkms.cryptoKeyVersions.useToEncrypt on {key.group(0)}. Grant it {USES_KEY} on the key, and make "
            f"{request.row.token} '{request.name}' depend on the grant"
        )


def key_place(request: Request, path: tuple[Any, ...]) -> str | None:
    """Where what the key encrypts lies: a replica's own location, else the resource's."""
    if request.row.token.startswith("gcp:secretmanager/secret:"):
        if "auto" in path:
            return "global"
        value = request.inputs
        for part in path[: path.index("replicas") + 2 if "replicas" in path else 0]:
            value = value[part]
        return value.get("location") if isinstance(value, dict) else None
    if request.row.token.startswith("gcp:pubsub/"):
        return None
    place = request.get("location") or request.get("region")
    if place is None and request.get("zone"):
        place = str(request.get("zone")).rsplit("-", 1)[0]
    return str(place) if place else None


@on("create", "gcp:*")
def members_exist(request: Request) -> None:
    """A grant to a service account that does not exist is refused by the cloud."""
    if not request.row.is_grant:
        return
    member, members = request.get("member"), request.get("members")
    for item in [member] if isinstance(member, str) else members if isinstance(members, list) else []:
        email = member_of(request.store, str(item))
        if email is not None:
            raise refused(f"Service account {email} does not exist (member of {request.row.token} '{request.name}')")


@on("delete", "gcp:*")
def deletion_protection_holds(request: Request) -> None:
    """The provider refuses to delete what its state says is protected."""
    if request.get("deletionProtection") is True and "deletionProtection" in request.row.properties:
        raise refused(
            f"cannot destroy {request.row.token} '{request.name}' without setting deletionProtection=false "
            "and running `pulumi up`"
        )
    if request.get("deletionProtectionEnabled") is True or (
        request.old is not None and request.old.properties.get("deletionProtectionEnabled") is True
    ):
        raise refused(f"{request.row.token} '{request.name}' has deletionProtectionEnabled set: clear it first")

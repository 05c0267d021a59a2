"""Projects: services, their agents, custom roles."""

from __future__ import annotations

from localcloud.agents import BORN_WITH_SERVICE, agent_of_service
from localcloud.behaviour import Request, on
from localcloud.errors import denied, refused

SERVICE = "gcp:projects/service:Service"


@on("created", SERVICE)
def some_agents_come_with_their_service(request: Request) -> None:
    """Enabling an API brings the agent of a few services into being; that of most others has to be asked for."""
    service = str(request.get("service"))
    if service.removesuffix(".googleapis.com") in BORN_WITH_SERVICE:
        request.store.add_agent(agent_of_service(service, request.project), request.project, service)


@on("create", "gcp:projects/serviceIdentity:ServiceIdentity")
def identities_need_their_service(request: Request) -> None:
    """The agent of a service that is not enabled cannot be made."""
    service = str(request.get("service"))
    if request.store.get(SERVICE, f"{request.project}/{service}") is None:
        raise denied(f"API [{service}] not enabled on project [{request.project}]", "SERVICE_DISABLED")


@on("created", "gcp:projects/serviceIdentity:ServiceIdentity")
def an_identity_is_an_agent(request: Request) -> None:
    """Asking for a service's identity makes its agent."""
    service = str(request.get("service"))
    email = agent_of_service(service, request.project)
    request.properties.update(email=email, member=f"serviceAccount:{email}")
    request.store.add_agent(email, request.project, service)


@on("delete", SERVICE)
def services_in_use_stay(request: Request) -> None:
    """A service on which others depend is not disabled unless `disableDependentServices` says so."""
    if request.get("disableOnDestroy") is False:
        return
    api = str(request.get("service"))
    using = [item for item in request.store.find("gcp:%", request.project) if uses(item.type, api)]
    if using and not request.get("disableDependentServices"):
        raise refused(f"The service {api} is depended on by {using[0].type} {using[0].id}: delete that first")


def uses(token: str, api: str) -> bool:
    """Whether resources of a type belong to an API."""
    from localcloud.schema import resource_type

    return token != SERVICE and resource_type(token).api == api


@on("deleted", "gcp:projects/iAMCustomRole:IAMCustomRole", "gcp:organizations/iAMCustomRole:IAMCustomRole")
def roles_are_soft_deleted(request: Request) -> None:
    """The id of a custom role stays taken for 37 days after its deletion."""
    why = (
        "It was deleted less than 37 days ago and is only marked as deleted: undelete and import it, or use another id."
    )
    request.store.bury(request.row.token, request.id, why, 37 * 86400)

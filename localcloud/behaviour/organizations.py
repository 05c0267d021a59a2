"""Organizations, folders and the projects in them."""

from __future__ import annotations

from localcloud.agents import agent_of_service
from localcloud.behaviour import Request, on, projects
from localcloud.errors import refused

assert projects.SERVICE  # custom roles of organizations follow the rules of those of projects
PROJECT = "gcp:organizations/project:Project"


@on("delete", PROJECT)
def liens_hold_projects(request: Request) -> None:
    """A project with a lien cannot be deleted."""
    project = str(request.get("projectId"))
    for lien in request.store.find("gcp:resourcemanager/lien:Lien"):
        if str(lien.properties.get("parent", "")).removeprefix("projects/") in (project, str(request.get("number"))):
            raise refused(
                f"A lien to prevent deletion was placed on project {project}: {lien.properties.get('reason')}"
            )


@on("deleted", PROJECT)
def a_project_takes_all_with_it(request: Request) -> None:
    """What is in a project goes with it, and its id is never free again."""
    project = str(request.get("projectId"))
    for item in request.store.find("%", project):
        request.store.remove(item.type, item.id)
    request.store.bury(request.row.token, request.id, "The id of a deleted project cannot be used again.", None)


@on("delete", "gcp:organizations/folder:Folder")
def folders_are_empty_when_deleted(request: Request) -> None:
    """A folder with something in it cannot be deleted."""
    for token in (PROJECT, "gcp:organizations/folder:Folder"):
        for item in request.store.find(token):
            if (
                request.id in (item.properties.get("parent"), f"folders/{item.properties.get('folderId')}")
                and item.id != request.id
            ):
                raise refused(f"Folder {request.id} is not empty: it has {item.id}")


@on("created", "gcp:organizations/serviceIdentity:ServiceIdentity")
def an_organization_has_agents_too(request: Request) -> None:
    """Asking for a service's identity in an organization makes its agent."""
    service = str(request.get("service"))
    email = agent_of_service(service, f"org-{request.get('organization')}")
    request.properties.update(email=email, member=f"serviceAccount:{email}")
    request.store.add_agent(email, "", service)

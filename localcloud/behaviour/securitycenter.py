"""Security Command Center: who sends what it finds."""

from __future__ import annotations

from localcloud.behaviour import Request, on
from localcloud.outputs import project_number

PLACES = (("organization", "org-{}"), ("folder", "folder-{}"))


@on("created", "gcp:securitycenter/*otificationConfig:*")
def a_stream_has_a_sender(request: Request) -> None:
    """The first stream of an organization, folder or project makes the agent that publishes its findings."""
    named = [
        form.format(str(request.get(place)).rpartition("/")[2])
        for place, form in PLACES
        if request.get(place) is not None
    ]
    owner = named[0] if named else project_number(request.project)
    email = f"service-{owner}@gcp-sa-scc-notification.iam.gserviceaccount.com"
    request.properties["serviceAccount"] = email
    request.store.add_agent(email, request.project, "securitycenter")

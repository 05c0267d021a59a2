"""Organization policies: their API asks for a quota project."""

from __future__ import annotations

from localcloud.behaviour import Request, on
from localcloud.errors import denied


@on("create", "gcp:orgpolicy/*")
def a_quota_project_is_needed(request: Request) -> None:
    """With a person's credentials the API refuses calls that name no project to be charged for them."""
    if not (request.config.user_project_override and request.config.quota_project):
        raise denied(
            "Your application is authenticating by using local Application Default Credentials. "
            "The orgpolicy.googleapis.com API requires "
            "a quota project: set userProjectOverride and billingProject on the provider",
            "SERVICE_DISABLED",
        )

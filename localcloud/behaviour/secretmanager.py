"""Secrets and their versions."""

from __future__ import annotations

from localcloud.behaviour import Request, on

SECRET = "gcp:secretmanager/secret:Secret"
VERSION = "gcp:secretmanager/secretVersion:SecretVersion"


@on("create", VERSION)
def versions_are_numbered(request: Request) -> None:
    """Each version of a secret gets the next number."""
    secret = str(request.get("secret"))
    numbers = [
        int(item.properties["version"]) for item in request.store.find(VERSION) if item.properties["secret"] == secret
    ]
    number = str(max(numbers, default=0) + 1)
    request.id = f"{secret}/versions/{number}"
    request.properties.update(version=number, name=request.id)


@on("deleted", SECRET)
def versions_go_with_their_secret(request: Request) -> None:
    """Deleting a secret deletes its versions."""
    for item in request.store.find(VERSION):
        if item.properties.get("secret") == request.id:
            request.store.remove(item.type, item.id)

"""What the cloud does beyond storing: one small function a rule, registered by resource type.

    @on("create", "gcp:kms/keyRing:KeyRing")
    def key_rings_are_for_ever(request: Request) -> None: ...

`create`, `update` and `delete` run before the change and may refuse it; `created`, `updated` and `deleted` run after
it, in the same transaction. A module is named after the service whose types it is about (`kms.py` for `gcp:kms/...`,
`github.py` for a provider without services) and is imported when the first resource of that service is touched;
`common.py` holds what applies to every type of Google Cloud.
"""

from __future__ import annotations

import fnmatch
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from localcloud.codec import Values
from localcloud.outputs import Config
from localcloud.schema import ResourceType
from localcloud.store import Resource, Store


@dataclass(kw_only=True)
class Request:
    """One change of one resource. `properties` are those after the change and may be completed by a behaviour."""

    store: Store
    row: ResourceType
    config: Config
    id: str
    name: str
    project: str
    inputs: Values
    properties: Values
    old: Resource | None

    def get(self, name: str) -> Any:
        """A property by name, as it will be."""
        return self.properties.get(name)


Behaviour = Callable[[Request], None]
REGISTERED: list[tuple[str, str, Behaviour]] = []


def on(event: str, *patterns: str) -> Callable[[Behaviour], Behaviour]:
    """Register a behaviour for an event on all types that match one of the shell patterns."""

    def register(behaviour: Behaviour) -> Behaviour:
        REGISTERED.extend((event, pattern, behaviour) for pattern in patterns)
        return behaviour

    return register


@cache
def load(provider: str, service: str) -> None:
    """Import the modules that know something about a service."""
    names = ["common", service] if provider == "gcp" else [provider]
    for name in names:
        if importlib.util.find_spec(f"localcloud.behaviour.{name}") is not None:
            importlib.import_module(f"localcloud.behaviour.{name}")


def run(event: str, request: Request) -> None:
    """Everything that is registered for the event and the request's type, in the order of registration."""
    provider, module, _ = request.row.token.split(":")
    load(provider, module.split("/")[0].replace("-", "_"))
    for registered, pattern, behaviour in list(REGISTERED):
        if registered == event and fnmatch.fnmatchcase(request.row.token, pattern):
            behaviour(request)

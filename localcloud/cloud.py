"""The cloud: resources are created, read, updated and deleted under the conditions of the real one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from localcloud import behaviour, faults
from localcloud.behaviour import Request
from localcloud.check import DEFAULTS
from localcloud.codec import Path, Values
from localcloud.errors import CloudError, already_exists, not_found
from localcloud.grants import conditional
from localcloud.outputs import Config, Writer, build, secret_paths
from localcloud.schema import ResourceType
from localcloud.store import Resource, Store

T = TypeVar("T")
ATTEMPTS = 6
FIRST_PAUSE_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the resource's URN and logical name, and the provider's configuration."""

    urn: str
    name: str
    config: Config


def retrying(action: Callable[[], T]) -> T:
    """Run an action again while the cloud answers 429 or 503, with growing pauses, as the real provider does.

    Six attempts and about three seconds in all: the real one goes on for up to two minutes."""
    try:
        return action()
    except CloudError as error:
        if error.code not in (429, 503):
            raise
    import tenacity

    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: isinstance(error, CloudError) and error.code in (429, 503)),
        wait=tenacity.wait_exponential_jitter(multiplier=FIRST_PAUSE_SECONDS, max=2.0, jitter=FIRST_PAUSE_SECONDS),
        stop=tenacity.stop_after_attempt(ATTEMPTS - 1),
        reraise=True,
    )
    time.sleep(FIRST_PAUSE_SECONDS)
    return again(action)


class Cloud:
    """Operations on resources; every one is a transaction on the store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def create(self, row: ResourceType, inputs: Values, secrets: frozenset[Path], caller: Caller) -> Resource:
        """Create a resource, unless a rule of the cloud forbids it or its id is taken."""

        def action() -> Resource:
            faults.before(self.store, "create", row.token, caller.name)
            with self.store.transaction():
                return self.created(row, inputs, secrets, caller)

        resource = retrying(action)
        faults.after(self.store, "create", row.token, caller.name)
        return resource

    def created(self, row: ResourceType, inputs: Values, secrets: frozenset[Path], caller: Caller) -> Resource:
        writer = Writer(row, inputs, caller.config)
        request = self.request(writer, caller, None)
        behaviour.run("create", request)
        existing = self.store.get(row.token, request.id)
        if existing is not None and not (row.adopt or row.is_grant):
            hint = f"To take it over: pulumi import {row.token} {caller.name} '{request.id}'"
            raise already_exists(f"{row.token} {request.id}", hint)
        grave = self.store.grave(row.token, request.id)
        if grave is not None and existing is None:
            raise already_exists(f"{row.token} {request.id}", grave.why)
        behaviour.run("created", request)
        return self.write(request, secrets, caller, existing.created if existing else time.time())

    def update(
        self, row: ResourceType, identity: str, inputs: Values, secrets: frozenset[Path], caller: Caller, state: Values
    ) -> Resource:
        """Change a resource in place. What the cloud computed before stays."""

        def action() -> Resource:
            faults.before(self.store, "update", row.token, caller.name)
            with self.store.transaction():
                old = self.store.get(row.token, identity)
                if old is None:
                    raise not_found(
                        f"{row.token} {identity}", "It was deleted outside of this stack: run `pulumi refresh`."
                    )
                writer = Writer(row, inputs, caller.config, known=old.properties)
                request = self.request(writer, caller, old)
                behaviour.run("update", request)
                behaviour.run("updated", request)
                return self.write(request, secrets, caller, old.created)

        resource = retrying(action)
        faults.after(self.store, "update", row.token, caller.name)
        return resource

    def read(self, row: ResourceType, identity: str, caller: Caller, state: Values | None = None) -> Resource | None:
        """A resource by its id, or by an unambiguous shorter form of it, as imports are typed."""

        def action() -> Resource | None:
            faults.before(self.store, "read", row.token, caller.name)
            spelled = identity.replace(" ", "/")
            for known in (identity, spelled):
                resource = self.store.get(row.token, known)
                if resource is not None:
                    return resource
            near = [
                item for item in self.store.find(row.token) if item.id.endswith(f"/{spelled}") or item.name == identity
            ]
            return near[0] if len(near) == 1 else None

        return retrying(action)

    def delete(self, row: ResourceType, identity: str, caller: Caller, state: Values) -> None:
        """Delete a resource; one that is gone already is no error."""

        def action() -> None:
            faults.before(self.store, "delete", row.token, caller.name)
            with self.store.transaction():
                self.remove(row, identity, caller, state)

        retrying(action)
        faults.after(self.store, "delete", row.token, caller.name)

    def remove(self, row: ResourceType, identity: str, caller: Caller, state: Values) -> None:
        old = self.store.get(row.token, identity)
        if old is None:
            return
        if state.get("deletionPolicy") == "PREVENT":
            raise CloudError(
                400,
                f"cannot destroy {row.token} {caller.name} without setting deletionPolicy to 'DELETE' "
                "and running `pulumi up`",
                "deletionPolicy",
            )
        if state.get("deletionPolicy") == "ABANDON":
            return
        writer = Writer(row, state, caller.config, known=state)
        writer.identity = identity
        request = Request(
            store=self.store,
            row=row,
            config=caller.config,
            id=identity,
            name=caller.name,
            project=old.project,
            inputs=old.inputs,
            properties=state,
            old=old,
        )
        behaviour.run("delete", request)
        self.store.remove(row.token, identity)
        behaviour.run("deleted", request)

    def request(self, writer: Writer, caller: Caller, old: Resource | None) -> Request:
        """The change with the properties that the resource will have."""
        writer.identity = old.id if old else writer.text(writer.row.id) + conditional(writer.inputs)
        properties = build(writer, old.properties if old else None)
        return Request(
            store=self.store,
            row=writer.row,
            config=caller.config,
            id=writer.identity,
            name=caller.name,
            project=old.project if old else writer.project,
            inputs=writer.inputs,
            properties=properties,
            old=old,
        )

    def write(self, request: Request, secrets: frozenset[Path], caller: Caller, created: float) -> Resource:
        """Store what a request has come to."""
        own = frozenset(secret_paths(request.row.properties, request.properties))
        given = frozenset(path for path in secrets if path[0] in request.properties)
        resource = Resource(
            type=request.row.token,
            id=request.id,
            name=str(request.inputs.get("name") or caller.name),
            project=request.project,
            urn=caller.urn,
            inputs=request.inputs,
            properties=request.properties,
            secrets=own | given,
            created=created,
        )
        self.store.put(resource)
        return resource


def current_inputs(resource: Resource, given: Values | None) -> Values:
    """Inputs as they are in the cloud: those given (else those the resource was written with), with today's values."""
    source = resource.inputs if given is None else given
    return today(source, resource.properties)


def today(given: Values, actual: Values) -> Values:
    """The given properties with their actual values. One that was filled in as a default and has changed since is a
    default no longer: the next check fills the default in again, and the difference shows as drift."""
    result = {
        key: overlay(value, actual[key])
        for key, value in given.items()
        if key != DEFAULTS and actual.get(key) is not None
    }
    if DEFAULTS in given:
        result[DEFAULTS] = [key for key in given[DEFAULTS] if result.get(key) == given.get(key)]
    return result


def overlay(given: object, actual: object) -> object:
    """The actual value, reduced to what was given where both are objects: the rest the cloud filled in by itself."""
    if isinstance(given, dict) and isinstance(actual, dict):
        return today(given, actual)
    if isinstance(given, list) and isinstance(actual, list) and len(given) == len(actual):
        return [overlay(before, after) for before, after in zip(given, actual, strict=True)]
    return actual

"""What all components share: the type token, the clauses, and one way to make children."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

import pulumi

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


class Component(pulumi.ComponentResource):
    """A component of ours. Options go to the component alone; children are made with `child`."""

    token: ClassVar[str]
    """`hosting:<area>:<Name>`."""

    clauses: ClassVar[tuple[str, ...]]
    """The clauses of the security policy that the component upholds."""

    def __init__(self, name: str, args: DataclassInstance | None, opts: pulumi.ResourceOptions | None = None) -> None:
        # One property of its own: the SDK turns every other one into an attribute of that name.
        super().__init__(self.token, name, {"settings": _plain(args)} if args is not None else {}, opts)

    def child(self, **specifics: Any) -> pulumi.ResourceOptions:
        """Options of a child. Merged this way around, a caller's options can neither move a child nor weaken it."""
        return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), pulumi.ResourceOptions(**specifics))


def renamed(former: str | None) -> dict[str, list[pulumi.Alias]]:
    """Options of a component that had another name: it and its children are the ones from then, not new ones."""
    return {"aliases": [pulumi.Alias(name=former)]} if former is not None else {}


def known(value: str, *bearers: pulumi.Resource) -> pulumi.Output[str]:
    """A name that follows from its parts, although the provider only tells it after creation.

    Previews, reviewers and rules see it from the start, and whatever uses it still depends on the resource that bears
    it. Only for names that the provider itself builds this way.
    """

    async def ready(result: Any) -> Any:
        return result

    return pulumi.Output(set(bearers), ready(value), ready(True))


def answered(value: pulumi.Input[str], *about: pulumi.Resource) -> pulumi.Output[str]:
    """What a provider answered when it was asked about resources, with an edge to each of them.

    While they are not made nobody is asked, and the answer carries no edges; with the first deployment it would. A plan
    that knows nothing of an edge is refused by the engine in the middle of that deployment.
    """
    made: pulumi.Output[str] = pulumi.Output.all(value, *(resource.urn for resource in about)).apply(
        lambda all_: all_[0]
    )
    return made


def secret(value: pulumi.Output[str]) -> pulumi.Output[str]:
    """The value, marked: it is encrypted wherever it goes. Providers that mark nothing themselves need it."""
    marked: pulumi.Output[str] = pulumi.Output.secret(value)
    return marked


def days(count: int) -> str:
    """A duration as Google's interfaces write it."""
    return f"{count * 86_400}s"


def require(holds: bool, clause: str, message: str) -> None:
    """Refuse arguments that break a clause, before any resource exists."""
    if not holds:
        raise ValueError(f"{clause}: {message}")


def _plain(args: DataclassInstance) -> dict[str, Any]:
    """The settings that are known without any resource: they show in the state, and nothing waits for them."""
    values = ((field.name, getattr(args, field.name)) for field in fields(args))
    return {name: value for name, value in values if _is_plain(value)}


def _is_plain(value: object) -> bool:
    if isinstance(value, Mapping):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return all(_is_plain(item) for item in value)
    return value is None or isinstance(value, str | int | float)

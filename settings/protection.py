"""Leaving: the one way to take protection off a store, with a reason that the review shows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .base import Mistake, Reason, Section, setting
from .sign_in import SOURCE
from .stores import configured

if TYPE_CHECKING:
    from config import RenderStack, Stack, StackConfig

    from .render import Render

EXPORTS = "exports"
"""Name of the bucket of exported copies among the stores."""

ERASURES = "erasures"
"""Name of the ledger of erasures among the stores."""


class Unprotected(Section):
    """A store that is going to be deleted."""

    reason: Reason = setting("CHG-5", "moved to the archive on 2027-01-31")
    """Why, and where the data is now. In production the policy pack asks for a waiver as well."""


def stores(config: StackConfig) -> tuple[str, ...]:
    """What is protected unless named under `unprotected`: databases, keys of data classes, services, and the rest."""
    classes = (f"key-{name}" for name in config.data_classes)
    services = (f"service-{name}" for name in config.services)
    optional = {ERASURES: config.erasure, SOURCE: config.sign_in}
    made = (name for name, section in optional.items() if section is not None)
    render = on_render(config.render) if config.render is not None else ()
    more = (name for _, kind, name, _ in configured(config) if kind != "topic")  # holds data in passing
    tasks = (f"task-{name}" for name in config.tasks)
    zones = (f"zone-{name}" for name in config.dns)
    vault = ("vault",) if config.backups.vault is not None else ()
    proofs = ("evidence", "jobs") if config.databases else ()
    return (
        *config.databases,
        *more,
        *vault,
        *proofs,
        *zones,
        *tasks,
        *classes,
        *services,
        EXPORTS,
        "images",
        "logs",
        "secrets",
        *made,
        *render,
    )


def on_render(render: Render) -> tuple[str, ...]:
    """What is protected on Render."""
    return ("render", *render.databases)


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse a name that protects nothing, so that a misspelling is not taken for a permission."""
    yield from _known(config, stores(config))


def alone(config: RenderStack) -> Iterator[Mistake]:
    """The same for a stack that runs on Render alone."""
    yield from _known(config, on_render(config.render))


def _known(config: Stack, protected: tuple[str, ...]) -> Iterator[Mistake]:
    for name in config.unprotected:
        if name not in protected:
            yield Mistake(
                key=f"unprotected.{name}",
                clause="CHG-5",
                problem=f"{name} is not a protected store; there is {', '.join(protected)}",
                example=f"{protected[0]}: {{reason: moved to the archive on 2027-01-31}}",
            )

"""What a job may expect of a store: objects are created once, whole or not at all, and never changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from jobs.core.problems import Found, Misconfigured

SMALL: Final = 64 << 20
"""Objects that are read as a whole (manifests, records, evidence) are smaller than this."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+=@~-]*(?:/[A-Za-z0-9][A-Za-z0-9._:+=@~-]*)*")


@dataclass(frozen=True)
class Stored:
    """An object as the store lists it."""

    name: str
    size: int
    created: datetime
    """By the clock of the store."""
    version: str
    """What pins exactly this content: generation, ETag."""


class AlreadyThere(Found):
    """An object of this name exists; nothing was written."""


class Upload(Protocol):
    """An object on its way. It does not exist before `finish`, and never if that is not called."""

    def write(self, data: bytes) -> None:
        """The next bytes."""
        ...

    def finish(self) -> Stored:
        """All bytes were given; the store confirms that it has exactly them."""
        ...

    def abort(self) -> None:
        """Forget it. Never raises: it is called when something is wrong already."""
        ...


class ObjectStore(Protocol):
    """One bucket and a prefix in it."""

    where: str
    """For messages: gs://bucket/prefix."""

    def create(self, name: str, data: bytes) -> Stored:
        """A small object in one step; AlreadyThere if there is one."""
        ...

    def upload(self, name: str) -> Upload:
        """A large object, streamed."""
        ...

    def read(self, name: str, *, limit: int = SMALL) -> bytes:
        """A small object as a whole; a larger one is refused."""
        ...

    def stream(self, stored: Stored) -> Iterator[bytes]:
        """The bytes of exactly this version, picked up where a lost connection ended."""
        ...

    def list(self, prefix: str = "", *, start: str = "") -> Iterator[Stored]:
        """What lies under a prefix, by name; from the name `start` on."""
        ...


def checked_name(name: str) -> str:
    """Names are plain: no dots that climb, nothing that a shell or a URL could take for something else."""
    if not _NAME.fullmatch(name) or len(name) > 900:
        raise Misconfigured(f"{name!r} cannot be the name of an object")
    return name

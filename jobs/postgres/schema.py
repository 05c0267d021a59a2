"""The schema as pg_dump writes it, object by object. Two databases with the same schema have the same texts."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jobs.postgres.facts import Object
from jobs.postgres.server import Server, meaning

_HEAD: Final = re.compile(r"^-- Name: (.*); Type: (.*); Schema: (.*); Owner: (.*)$")
_NOISE: Final = re.compile(r"^(--.*|\\(un)?restrict .*|)$")
_OWNER: Final = re.compile(r"^ALTER .* OWNER TO .*;$")


def read(server: Server, database: str, programs: Path, *, snapshot: str | None = None) -> list[Object]:
    """All objects, in the order in which pg_dump restores them."""
    command = [str(programs / "pg_dump"), "--schema-only", "--no-password"]
    command += [f"--snapshot={snapshot}"] if snapshot else []
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **server.environment(database)}
    ran = subprocess.run(command, env=environment, capture_output=True, check=False)
    if ran.returncode != 0:
        raise meaning(ran.stderr.decode("utf-8", "replace"), f"pg_dump of {database}")
    return list(objects(ran.stdout.decode("utf-8", "surrogateescape")))


def objects(text: str) -> Iterator[Object]:
    """The parts of a dump of the schema."""
    head: tuple[str, str, str, str] | None = None
    body: list[str] = []

    def made() -> Iterator[Object]:
        if head is not None:
            name, kind, schema, owner = head
            digest = hashlib.sha256("\n".join(body).encode("utf-8", "surrogateescape")).hexdigest()[:32]
            full = name if schema == "-" else f"{schema}.{name}"
            yield Object(kind=kind, name=full, owner=owner, digest=digest)

    for line in text.splitlines():
        if found := _HEAD.match(line):
            yield from made()
            head, body = (found[1], found[2], found[3], found[4]), []
        elif not _NOISE.match(line) and not _OWNER.match(line):
            body.append(line)
    yield from made()


def fingerprint(objects_: list[Object]) -> str:
    """One value for the whole schema; the order of objects, which depends on their numbers, does not count."""
    lines = sorted(f"{one.kind}\0{one.name}\0{one.digest}" for one in objects_)
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

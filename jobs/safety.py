"""Whether a server may be used as a target: never one that could be the source, or that somebody needs."""

from __future__ import annotations

import re
from typing import Final

from jobs.core.problems import JobError, Refused
from jobs.manifest import Manifest
from jobs.postgres import facts
from jobs.postgres.facts import Place
from jobs.postgres.load import Admin
from jobs.postgres.server import Server, told

DRILL: Final = re.compile(r"drill_[0-9a-f]{8}")


def is_source(target: Place, source: Place) -> str:
    """Why the two could be one server; empty if they cannot."""
    if target.system_identifier and target.system_identifier == source.system_identifier:
        return f"it has the system identifier of the source ({source.system_identifier})"
    if (target.address, target.port) == (source.address, source.port) and target.address != "socket":
        return f"it has the address of the source ({source.address}:{source.port})"
    if not (target.system_identifier and source.system_identifier):
        return "it cannot be told from the source: one of the two does not tell its system identifier"
    return ""


def refuse_live(server: Server, admin: Admin, manifest: Manifest) -> None:
    """A drill's server holds nothing but what drills make."""
    why = is_source(facts.place(admin), manifest.facts.place)
    if why:
        raise Refused(f"the target {server.host}:{server.port} could be the live server: {why}", clause="BAK-6")
    names = admin.execute("SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate ORDER BY 1")
    for (name,) in names.fetchall():
        if not DRILL.fullmatch(str(name)) and not _is_empty(server, str(name)):
            raise Refused(
                f"the target {server.host}:{server.port} holds data in {name}: a drill uses a server of its own",
                clause="BAK-6",
            )


def _is_empty(server: Server, name: str) -> bool:
    """A database that cannot be looked into could hold anything, except the provider's own."""
    if name in ("cloudsqladmin", "rdsadmin"):
        return True
    try:
        with server.connect(name) as connection, told(name):
            return facts.is_empty(connection)
    except JobError:
        return False

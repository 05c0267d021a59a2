"""Whether a database is the one that a manifest describes, and whether it is sound by itself."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, TypeVar

from jobs.core.evidence import Check
from jobs.exports import Candidate
from jobs.manifest import Manifest
from jobs.postgres import schema
from jobs.postgres.facts import Facts, Object, Place
from jobs.postgres.server import Server

CLOCKS: Final = timedelta(minutes=5)
"""How far clocks may be apart. Beyond it, neither freshness nor the replay of erasures can be believed."""
_SHOWN: Final = 8

Kind = TypeVar("Kind")


def check(name: str, problems: Sequence[str], passed: str, *, outcome: str = "failed") -> Check:
    """Passed without problems; otherwise the problems are the detail."""
    if not problems:
        return Check(name=name, outcome="passed", detail=passed)
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    detail = "; ".join(problems[:_SHOWN]) + more
    return Check(name=name, outcome="warned" if outcome == "warned" else "failed", detail=detail)


def of_time(manifest: Manifest, candidate: Candidate, now: datetime, rpo: timedelta | None) -> list[Check]:
    """Fresh enough, by clocks that agree."""
    made, age = manifest.facts.at, now - manifest.facts.at
    skews = []
    if abs(manifest.clock_offset) > CLOCKS.total_seconds():
        skews.append(f"the exporting machine was {manifest.clock_offset:+.0f} s off the clock of its database")
    if abs(candidate.manifest.created - manifest.finished_at) > CLOCKS:
        apart = (manifest.finished_at - candidate.manifest.created).total_seconds()
        skews.append(f"the manifest says {manifest.finished_at.isoformat()}, {apart:+.0f} s off the clock of its store")
    if max(made, candidate.manifest.created) - now > CLOCKS:
        skews.append(f"the export is of {made.isoformat()}, which is in the future here ({now.isoformat()})")
    found = [check("clocks agree", skews, "job, database and store are within 5 minutes")]
    if rpo is not None:
        hours, limit = age.total_seconds() / 3600, rpo.total_seconds() / 3600
        stale = f"the newest whole export is of {made.isoformat()}, {hours:.1f} h old; at most {limit:g} h are allowed"
        found.append(check("export is fresh", [stale] if age > rpo else [], f"{hours:.1f} h old, {limit:g} h allowed"))
    return found


def same(manifest: Manifest, found: Facts, objects: list[Object], *, owners: bool = True) -> list[Check]:
    """Everything that the manifest says, against what is there."""
    wanted = manifest.facts
    rows = f"{len(wanted.tables)} tables, {wanted.rows:,} rows"
    empty = [] if wanted.rows or wanted.large_objects.count else ["the export holds no row at all"]
    newer = found.place.server_version // 10_000 > wanted.place.server_version // 10_000
    lost, differing = _schema(manifest.objects, objects, owners=owners)
    absent, versions = _extensions(wanted.extensions, found.extensions)
    return [
        check("export holds data", empty, rows),
        _of_version("schema is the same", lost, differing, f"{len(objects)} objects", newer=newer),
        _of_version("extensions are the same", absent, versions, f"{len(found.extensions)}", newer=newer),
        check("rows and digests are the same", _tables(wanted, found), rows),
        check("large objects are the same", _large(wanted, found), f"{wanted.large_objects.count:,}"),
        check("sequences are the same", _sequences(wanted, found), f"{len(wanted.sequences)}"),
        check(
            "materialized views are filled",
            [f"{name} is empty" for name in wanted.materialized if name not in found.materialized],
            f"{len(wanted.materialized)}",
        ),
        check(
            "settings of the database are the same",
            _settings(wanted.place, found.place, owners=owners),
            f"{len(wanted.place.settings)}",
        ),
    ]


def _settings(wanted: Place, found: Place, *, owners: bool) -> list[str]:
    problems = [
        f"{one.partition('=')[0]} is missing or different" for one in wanted.settings if one not in found.settings
    ]
    if owners and wanted.owner not in ("", found.owner):
        problems.append(f"it belongs to {found.owner}, not {wanted.owner}")
    return problems


def _of_version(name: str, problems: list[str], wording: list[str], passed: str, *, newer: bool) -> Check:
    """A newer major version words definitions otherwise and brings other versions of extensions: that is a warning."""
    if newer and wording and not problems:
        return check(
            name, [f"on a newer PostgreSQL than the source's: {words}" for words in wording], "", outcome="warned"
        )
    return check(name, sorted(problems + wording), passed)


def sound(found: Facts, before: Facts | None = None) -> list[Check]:
    """What holds in every healthy database, with or without a manifest."""
    known = set(before.unvalidated) if before else set()
    new = [f"{name} is not validated" for name in found.unvalidated if name not in known]
    old = [f"{name} was not validated in the source either" for name in found.unvalidated if name in known]
    behind = [
        f"{one.name} gives {one.next} next, but {one.column} already has {one.furthest}"
        for one in found.sequences
        if one.behind
    ]
    constraints = check("constraints are validated", new, "all constraints and indexes")
    if not new and old:
        constraints = check("constraints are validated", old, "", outcome="warned")
    return [constraints, check("sequences are beyond the data", behind, f"{len(found.sequences)}")]


def amcheck(server: Server, database: str, programs: Path) -> Check:
    """PostgreSQL's own look into tables and indexes: structure, order, and that every row is in every index."""
    name = "tables and indexes are intact (pg_amcheck)"
    with server.connect(database) as connection:
        if connection.info.parameter_status("is_superuser") != "on":
            return Check(name=name, outcome="warned", detail="only a superuser may look; the target gives none")
    command = [str(programs / "pg_amcheck"), "--no-password", "--install-missing", "--heapallindexed", "--jobs=2"]
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **server.environment(database)}
    ran = subprocess.run([*command, database], env=environment, capture_output=True, text=True, check=False)
    if ran.returncode == 0:
        return Check(name=name, outcome="passed", detail="every table and B-tree index")
    text = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
    return check(name, text or [f"ended with {ran.returncode}"], "")


def _pairs(wanted: Iterable[Kind], found: Iterable[Kind], key: str) -> tuple[Mapping[str, Kind], Mapping[str, Kind]]:
    return {getattr(one, key): one for one in wanted}, {getattr(one, key): one for one in found}


def _schema(wanted: Sequence[Object], found: Sequence[Object], *, owners: bool) -> tuple[list[str], list[str]]:
    """What is missing, added or somebody else's; and what is only defined otherwise."""

    def keyed(objects: Sequence[Object]) -> dict[tuple[str, str], list[Object]]:
        by_key: dict[tuple[str, str], list[Object]] = {}
        for one in objects:
            if owners or one.kind not in ("ACL", "DEFAULT ACL"):
                by_key.setdefault((one.kind, one.name), []).append(one)
        return by_key

    here, there = keyed(wanted), keyed(found)
    problems = [f"{kind.lower()} {name} is missing" for kind, name in here if (kind, name) not in there]
    problems += [f"{kind.lower()} {name} is not in the manifest" for kind, name in there if (kind, name) not in here]
    wording = []
    for key in here.keys() & there.keys():
        if sorted(o.digest for o in here[key]) != sorted(o.digest for o in there[key]):
            wording.append(f"{key[0].lower()} {key[1]} is defined differently")
        elif owners and sorted(o.owner for o in here[key]) != sorted(o.owner for o in there[key]):
            problems.append(f"{key[0].lower()} {key[1]} belongs to {there[key][0].owner}, not {here[key][0].owner}")
    if not (problems or wording) and owners and schema.fingerprint(list(wanted)) != schema.fingerprint(list(found)):
        problems.append("the fingerprints differ")
    return sorted(problems), sorted(wording)


def _extensions(wanted: Mapping[str, str], found: Mapping[str, str]) -> tuple[list[str], list[str]]:
    return [f"extension {name} is missing" for name in wanted if name not in found], [
        f"extension {name} is {found[name]}, the manifest says {version}"
        for name, version in wanted.items()
        if name in found and found[name] != version
    ]


def _tables(wanted: Facts, found: Facts) -> list[str]:
    here, there = _pairs(wanted.tables, found.tables, "name")
    problems = [f"table {name} is missing" for name in here if name not in there]
    problems += [f"table {name} is not in the manifest" for name in there if name not in here]
    for name in here.keys() & there.keys():
        if here[name].rows != there[name].rows:
            problems.append(f"table {name} has {there[name].rows:,} rows, the manifest says {here[name].rows:,}")
        elif here[name].digest != there[name].digest:
            problems.append(f"table {name} has other rows than the manifest says ({here[name].rows:,} of them)")
    return sorted(problems)


def _large(wanted: Facts, found: Facts) -> list[str]:
    here, there = wanted.large_objects, found.large_objects
    if here == there:
        return []
    return [f"{there.count:,} with {there.bytes:,} bytes, the manifest says {here.count:,} with {here.bytes:,}"]


def _sequences(wanted: Facts, found: Facts) -> list[str]:
    """At least as far as in the manifest: a sequence belongs to no snapshot, and only ever goes on."""
    here, there = _pairs(wanted.sequences, found.sequences, "name")
    problems = [f"sequence {name} is missing" for name in here if name not in there]
    for name in here.keys() & there.keys():
        ahead = (there[name].next - here[name].next) * (1 if here[name].increment > 0 else -1)
        if ahead < 0 and not here[name].cycle:
            problems.append(f"sequence {name} gives {there[name].next} next, the manifest says {here[name].next}")
    return sorted(problems)

"""Where data lies: the location properties of resources, and which places a promise covers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Final
from weakref import WeakKeyDictionary

from policies.graph import Graph
from policies.model import UNKNOWN, Resource, UnknownValue, gcp

_TOP: Final = ("location", "region", "zone", "locationId", "alternativeLocationId")
_NESTED: Final[dict[str, tuple[str, ...]]] = {
    gcp("sql/databaseInstance"): ("settings.backupConfiguration.location",),
    gcp("storage/bucket"): ("customPlacementConfig.dataLocations",),
    gcp("pubsub/topic"): ("messageStoragePolicy.allowedPersistenceRegions",),
    gcp("spanner/instance"): ("config",),
    gcp("alloydb/cluster"): ("automatedBackupPolicy.location",),
    gcp("memcache/instance"): ("zones",),
    gcp("cloudrunv2/service"): ("multiRegionSettings.regions",),
    gcp("secretmanager/secret"): ("replication.userManaged.replicas[].location",),
    gcp("bigtable/instance"): ("clusters[].zone",),
}
_SERVICE: Final = "serviceDetails.region"
DEFAULTS: Final = {
    gcp("storage/bucket"): ("location", "us"),
    gcp("bigquery/dataset"): ("location", "us"),
    "render:postgres:Postgres": ("region", "oregon"),
    "render:key-value:KeyValue": ("region", "oregon"),
    "render:redis:Redis": ("region", "oregon"),
    "render:services:WebService": (_SERVICE, "oregon"),
    "render:services:PrivateService": (_SERVICE, "oregon"),
    "render:services:BackgroundWorker": (_SERVICE, "oregon"),
    "render:services:CronJob": (_SERVICE, "oregon"),
}
"""Where the provider puts what names no place: property and place, from the providers' schemas."""

_GROUPS: Final = {
    "europe": re.compile(r"^(europe-.*|eu|eur\d|europe|frankfurt)$"),
    "eu": re.compile(r"^(europe-(west(1|3|4|8|9|10|12)|north[12]|central2|southwest1)|eu|eur3|eur4|europe|frankfurt)$"),
    "us": re.compile(r"^(us-.*|us|nam[-\d].*|nam\d+|oregon|ohio|virginia)$"),
    "asia": re.compile(r"^(asia-.*|asia\d?|singapore)$"),
}
"""Google's value groups (`in:eu-locations`) and Render's region names. London and Zurich are in Europe, not in the EU;
so are the dual regions that include one of them (EUR5 to EUR8)."""

_POLICIES: Final = {
    gcp("orgpolicy/policy"): ("name", "spec.rules", "values.allowedValues"),
    gcp("projects/organizationPolicy"): ("constraint", "listPolicy", "allow.values"),
    gcp("folder/organizationPolicy"): ("constraint", "listPolicy", "allow.values"),
    gcp("organizations/policy"): ("constraint", "listPolicy", "allow.values"),
}


def region_of(location: str) -> str:
    """`europe-west1-b` as `europe-west1`, `…/regional-europe-west1` likewise, in small letters."""
    place = location.strip().lower().rsplit("/", 1)[-1].removeprefix("regional-")
    match = re.fullmatch(r"([a-z]+-[a-z]+\d+)-[a-z]", place)
    return match[1] if match else place


_PROMISES: Final[WeakKeyDictionary[Graph, list[str]]] = WeakKeyDictionary()
"""What each stack promises, found once: every resource of it is asked."""


def promised(graph: Graph | None) -> list[str]:
    """The places that location policies of the stack itself allow. Raises UnknownValue where they are not known."""
    if graph is None:
        return []
    if graph not in _PROMISES:
        found: list[str] = []
        for policy in [p for token in _POLICIES for p in graph.of(token)]:
            name, rules, values = _POLICIES[policy.type]
            if policy.known(name) and (policy.text(name) or "").endswith("gcp.resourceLocations"):
                for entry in policy.views(rules):
                    found.extend(str(v) for v in entry.items(values))
        _PROMISES[graph] = found
    return _PROMISES[graph]


def inside(location: str, allowed: Iterable[str]) -> bool:
    """Whether a place is covered: by name, pattern or value group.

    Render has one region a jurisdiction, so a Render region is covered where any place of its jurisdiction is.
    """
    region = region_of(location)
    for promise in (p.strip().lower() for p in allowed):
        place = promise.removeprefix("in:").removeprefix("is:").removesuffix("-locations")
        if fnmatchcase(region, place) or fnmatchcase(location.strip().lower(), place):
            return True
        if promise.startswith("in:") and place in _GROUPS and _GROUPS[place].match(region):
            return True
        if _is_render(region) and any(g.match(region) and g.match(place) for g in _GROUPS.values()):
            return True
    return False


def _is_render(region: str) -> bool:
    return region in ("frankfurt", "oregon", "ohio", "virginia", "singapore")


def places(resource: Resource) -> Iterator[tuple[str, str]]:
    """Property path and value of every place the resource names or gets by default. Raises UnknownValue last."""
    unknown: str | None = None
    for path in _paths(resource):
        value = resource.raw(path)
        for index, item in enumerate(value if isinstance(value, list) else [value]):
            where = f"{path}[{index}]" if isinstance(value, list) else path
            if item is UNKNOWN:
                unknown = unknown or where
            elif isinstance(item, str) and item.strip():
                yield where, item.strip()
    default = DEFAULTS.get(resource.type)
    if default and not resource.has(default[0]):
        yield default
    if unknown:
        raise UnknownValue(unknown)


def _paths(resource: Resource) -> Iterator[str]:
    yield from _TOP
    if resource.type.startswith("render:services:"):
        yield _SERVICE
    for pattern in _NESTED.get(resource.type, ()):
        top, _, leaf = pattern.partition("[].")
        blocks = resource.raw(top)
        if leaf and isinstance(blocks, list):
            yield from (f"{top}[{index}].{leaf}" for index in range(len(blocks)))
        else:
            yield top

"""What virtual machines and their templates have in common."""

from __future__ import annotations

from typing import Final

from policies.model import Resource, View, gcp
from policies.rules._facts import Guard

INSTANCE: Final = gcp("compute/instance")
TEMPLATE: Final = gcp("compute/instanceTemplate")
REGION_TEMPLATE: Final = gcp("compute/regionInstanceTemplate")
FROM_TEMPLATE: Final = gcp("compute/instanceFromTemplate")
FROM_IMAGE: Final = gcp("compute/instanceFromMachineImage")
MACHINES: Final = (INSTANCE, TEMPLATE, REGION_TEMPLATE, FROM_TEMPLATE, FROM_IMAGE)
METADATA: Final = gcp("compute/projectMetadata")
METADATA_ITEM: Final = gcp("compute/projectMetadataItem")

_YES: Final = frozenset({"true", "yes", "y", "1", "on"})


def inherited(*paths: str) -> Guard:
    """Guard: an instance made from a template or machine image that leaves all the properties to it."""

    def guard(resource: Resource) -> str | None:
        derived = resource.type in (FROM_TEMPLATE, FROM_IMAGE)
        return "takes this from its template" if derived and not any(map(resource.has, paths)) else None

    return guard


def metadata(key: str) -> str:
    """The path of a metadata entry."""
    return f'metadata["{key}"]'


def switched_on(view: View, path: str) -> bool | None:
    """A metadata switch as the guest environment reads it (`TRUE`, `Y`, `Yes`, `1`), or None where it is missing."""
    value = view.text(path)
    return None if value is None else value.lower() in _YES


def made_by_gke(resource: Resource) -> str | None:
    """Guard: a node of a cluster, which CIS leaves to the rules about clusters."""
    name = resource.raw("name")
    return "is a node of a cluster" if isinstance(name, str) and name.startswith("gke-") else None

"""Where data may be: the regions promised to customers."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from .base import Mistake, Section, setting

if TYPE_CHECKING:
    from config import BootstrapConfig, StackConfig

KNOWN_REGIONS = frozenset(
    [
        "africa-south1",
        "asia-east1",
        "asia-east2",
        "asia-northeast1",
        "asia-northeast2",
        "asia-northeast3",
        "asia-south1",
        "asia-south2",
        "asia-southeast1",
        "asia-southeast2",
        "asia-southeast3",
        "australia-southeast1",
        "australia-southeast2",
        "europe-central2",
        "europe-north1",
        "europe-north2",
        "europe-southwest1",
        "europe-west1",
        "europe-west2",
        "europe-west3",
        "europe-west4",
        "europe-west6",
        "europe-west8",
        "europe-west9",
        "europe-west10",
        "europe-west12",
        "me-central1",
        "me-central2",
        "me-west1",
        "northamerica-northeast1",
        "northamerica-northeast2",
        "northamerica-south1",
        "southamerica-east1",
        "southamerica-west1",
        "us-central1",
        "us-east1",
        "us-east4",
        "us-east5",
        "us-south1",
        "us-west1",
        "us-west2",
        "us-west3",
        "us-west4",
    ]
)
"""Google Cloud's regions that offer Cloud SQL, Cloud KMS and Cloud Storage alike."""


def _known(region: str) -> str:
    if region not in KNOWN_REGIONS:
        near = get_close_matches(region, sorted(KNOWN_REGIONS), n=1)
        raise ValueError(f"{region} is not a region of Google Cloud" + (f"; did you mean {near[0]}?" if near else ""))
    return region


Region = Annotated[str, AfterValidator(_known)]


class Regions(Section):
    """The home of the data, the home of its copies, and everything else that is allowed."""

    primary: Region = setting("PRI-1", "europe-west1")
    """Applications, databases and their keys."""

    backup: Region = setting("BAK-3", "europe-west4")
    """Backups and exported copies; never the primary region."""

    allowed: Annotated[tuple[Region, ...], Field(min_length=1)] = setting("PRI-1", ["europe-west1", "europe-west4"])
    """All regions in which data may lie."""


WITHOUT_FUNCTIONS = frozenset(
    [
        "africa-south1",
        "asia-southeast3",
        "europe-north2",
        "europe-west10",
        "europe-west12",
        "me-central1",
        "me-central2",
        "northamerica-south1",
    ]
)
"""Regions without Cloud Run functions, which reject passwords (cloud.google.com/functions/docs/locations, 2025-01)."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse backups beside the data, data outside the promised regions, and a region that lacks what is used."""
    yield from places(config)
    if config.sign_in is not None and config.regions.primary in WITHOUT_FUNCTIONS:
        yield Mistake(
            key="regions.primary",
            clause="VER-2",
            problem=f"{config.regions.primary} has no Cloud Run functions, and signIn needs the one that rejects "
            "passwords",
            example="primary: europe-west1, or no signIn",
            others=("signIn",),
        )


def places(config: StackConfig | BootstrapConfig) -> Iterator[Mistake]:
    """Refuse backups beside the data, and data outside the promised regions."""
    regions = config.regions
    if regions.primary == regions.backup:
        yield Mistake(
            key="regions.backup",
            clause="BAK-3",
            problem=f"{regions.backup} is the primary region too; one outage would take data and backups",
            example=f"backup: {'europe-west4' if regions.primary != 'europe-west4' else 'europe-west1'}",
            others=("regions.primary",),
        )
    for name in ("primary", "backup"):
        region = getattr(regions, name)
        if region not in regions.allowed:
            yield Mistake(
                key=f"regions.{name}",
                clause="PRI-1",
                problem=f"{region} is not among regions.allowed",
                example=f"allowed: [{', '.join((*regions.allowed, region))}]",
                others=("regions.allowed",),
            )

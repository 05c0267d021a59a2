"""Keys: rings and keys outlive their deletion."""

from __future__ import annotations

from dataclasses import replace

from localcloud.behaviour import Request, on
from localcloud.errors import refused

KEY = "gcp:kms/cryptoKey:CryptoKey"


@on("deleted", "gcp:kms/keyRing:KeyRing", KEY)
def keys_are_for_ever(request: Request) -> None:
    """Deleting a ring or key ends its management and destroys all versions of the key; the thing itself stays, belongs
    to no stack any more, and can be imported."""
    assert request.old is not None
    properties = dict(request.old.properties)
    properties["primaries"] = [{**item, "state": "DESTROYED"} for item in properties.get("primaries") or []]
    request.store.put(replace(request.old, urn="", properties=properties))


@on("create", KEY)
@on("update", KEY)
def rotation_has_limits(request: Request) -> None:
    """A rotation period is at least a day; only symmetric keys rotate."""
    period = request.get("rotationPeriod")
    if not period:
        return
    if request.get("purpose") != "ENCRYPT_DECRYPT":
        raise refused(f"rotation_period is not supported for keys of purpose {request.get('purpose')}")
    if float(str(period).removesuffix("s")) < 86400:
        raise refused(f"rotation_period must be at least 86400s (a day), not {period}")


@on("created", KEY)
def a_key_has_a_first_version(request: Request) -> None:
    """A key comes with version 1, unless the request says not."""
    versions = (
        []
        if request.get("skipInitialVersionCreation")
        else [{"name": f"{request.id}/cryptoKeyVersions/1", "state": "ENABLED"}]
    )
    request.properties["primaries"] = versions

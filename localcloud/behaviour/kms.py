"""Keys: rings and keys outlive their deletion."""

from __future__ import annotations

from localcloud.behaviour import Request, on
from localcloud.errors import refused

KEY = "gcp:kms/cryptoKey:CryptoKey"


@on("deleted", "gcp:kms/keyRing:KeyRing", KEY)
def keys_are_for_ever(request: Request) -> None:
    """Deleting a ring or key only ends its management; the name stays taken for ever."""
    why = "Key rings and keys cannot be deleted in Cloud KMS: use another name, or adopt the old one by `python -m localcloud`"
    request.store.bury(request.row.token, request.id, f"{why}.", None)


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

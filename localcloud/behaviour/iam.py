"""Federation: pools and providers are soft-deleted."""

from __future__ import annotations

from localcloud.behaviour import Request, on

MONTH_SECONDS = 30 * 86400


@on("deleted", "gcp:iam/workloadIdentityPool*", "gcp:iam/workforcePool:*", "gcp:iam/workforcePoolProvider:*")
def pools_are_soft_deleted(request: Request) -> None:
    """The id of a pool or provider stays taken for 30 days after its deletion."""
    if request.row.is_grant:
        return
    why = (
        "It was deleted less than 30 days ago and is only marked as deleted: undelete and import it, or use another id."
    )
    request.store.bury(request.row.token, request.id, why, MONTH_SECONDS)

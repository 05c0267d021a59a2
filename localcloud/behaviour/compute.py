"""Networks and load balancers: what is used stays."""

from __future__ import annotations

from localcloud.behaviour import Request, on
from localcloud.codec import leaves
from localcloud.errors import CloudError

SERVICES = ("gcp:compute/%", "gcp:sql/%", "gcp:vpcaccess/%", "gcp:servicenetworking/%", "gcp:redis/%")


@on("delete", "gcp:compute/*")
def what_is_used_stays(request: Request) -> None:
    """A network, address, backend… to which another resource refers cannot be deleted."""
    if request.row.is_grant:
        return
    link = str(request.get("selfLink") or "-")
    for pattern in SERVICES:
        for item in request.store.find(pattern):
            if item.id == request.id and item.type == request.row.token:
                continue
            if any(value in (request.id, link) for _, value in leaves(item.inputs)):
                raise CloudError(
                    400,
                    f"The resource '{request.id}' is already being used by '{item.id}'",
                    "resourceInUseByAnotherResource",
                )

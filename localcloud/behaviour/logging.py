"""Log sinks write as an identity of their own; locked log buckets stay; filters are in the language."""

from __future__ import annotations

from localcloud.behaviour import Request, on
from localcloud.errors import denied, refused
from localcloud.logquery import QueryError, compile_query


@on("created", "gcp:logging/*Sink:*")
def a_sink_has_an_identity(request: Request) -> None:
    """The writer identity of a sink exists as soon as the sink does."""
    identity = str(request.get("writerIdentity") or "")
    if identity.startswith("serviceAccount:"):
        request.store.add_agent(identity.removeprefix("serviceAccount:"), request.project, "logging")


@on("update", "gcp:logging/*BucketConfig:*")
def locked_log_buckets_only_grow(request: Request) -> None:
    """The retention of a locked log bucket can be lengthened, nothing else of it changed."""
    before = request.old.properties if request.old else {}
    shorter = int(request.get("retentionDays") or 0) < int(before.get("retentionDays") or 0)
    if before.get("locked") and (not request.get("locked") or shorter):
        raise denied(
            f"Bucket {request.id} is locked: it cannot be unlocked nor its retention shortened", "FAILED_PRECONDITION"
        )


@on("delete", "gcp:logging/*BucketConfig:*")
def locked_log_buckets_stay(request: Request) -> None:
    """A locked log bucket cannot be deleted."""
    if (request.old.properties if request.old else {}).get("locked"):
        raise denied(f"Bucket {request.id} is locked and cannot be deleted", "FAILED_PRECONDITION")


FILTERED = (
    "gcp:logging/metric:Metric",
    "gcp:logging/*Sink:*",
    "gcp:logging/*Exclusion:*",
    "gcp:logging/logView:LogView",
)


@on("create", *FILTERED)
@on("update", *FILTERED)
def filters_are_in_the_language(request: Request) -> None:
    """The API refuses a filter that it cannot parse; so does this one, and says what it covers."""
    texts = [request.get("filter"), *((one or {}).get("filter") for one in request.get("exclusions") or [])]
    for text in texts:
        if isinstance(text, str):
            try:
                compile_query(text)
            except QueryError as error:
                raise refused(f"The filter of '{request.name}' cannot be used: {error}") from error

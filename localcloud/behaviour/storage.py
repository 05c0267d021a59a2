"""Cloud Storage: the agent comes with the first request; locked retention only grows; full buckets stay."""

from __future__ import annotations

from localcloud.agents import agent_of_service
from localcloud.behaviour import Request, on
from localcloud.errors import denied, refused

BUCKET = "gcp:storage/bucket:Bucket"
OBJECT = "gcp:storage/bucketObject:BucketObject"


@on("created", BUCKET)
def the_first_bucket_makes_the_agent(request: Request) -> None:
    """The storage agent of a project appears at its first request."""
    request.store.add_agent(agent_of_service("storage", request.project), request.project, "storage")
    request.properties["location"] = str(request.get("location")).upper()


@on("update", BUCKET)
def a_locked_retention_only_grows(request: Request) -> None:
    """A locked retention policy can be lengthened, never shortened, unlocked or removed."""
    before = (request.old.properties if request.old else {}).get("retentionPolicy") or {}
    after = request.get("retentionPolicy") or {}
    if not before.get("isLocked"):
        return
    seconds = int(before.get("retentionPeriod", 0))
    if not after.get("isLocked") or int(after.get("retentionPeriod", 0)) < seconds:
        raise denied(
            f"Cannot reduce or unlock the locked retention policy of bucket '{request.id}': it is locked at "
            f"{seconds} seconds and can only be lengthened",
            "retentionPolicyNotMet",
        )
    request.properties["location"] = str(request.get("location")).upper()


@on("updated", BUCKET)
def locations_are_upper_case(request: Request) -> None:
    """The cloud writes a bucket's location in capitals."""
    request.properties["location"] = str(request.get("location")).upper()


@on("delete", BUCKET)
def full_buckets_stay(request: Request) -> None:
    """A bucket with objects is deleted only with `forceDestroy`, and never with objects under a locked retention."""
    objects = [item for item in request.store.find(OBJECT) if item.properties.get("bucket") == request.id]
    locked = ((request.old.properties if request.old else {}).get("retentionPolicy") or {}).get("isLocked")
    if objects and locked:
        raise denied(
            f"Object '{objects[0].properties.get('name')}' is subject to bucket's retention policy "
            "and cannot be deleted",
            "retentionPolicyNotMet",
        )
    if objects and not request.get("forceDestroy"):
        raise refused(f"Error trying to delete bucket {request.id} containing objects without forceDestroy set to true")
    for item in objects:
        request.store.remove(item.type, item.id)


@on("update", OBJECT)
@on("delete", OBJECT)
def retained_objects_stay(request: Request) -> None:
    """An object in a bucket with a retention policy can be neither changed nor deleted before its time."""
    bucket = request.store.get(BUCKET, str(request.get("bucket")))
    if bucket is not None and (bucket.properties.get("retentionPolicy") or {}).get("retentionPeriod"):
        raise denied(
            f"Object '{request.get('name')}' is subject to bucket's retention policy "
            "and cannot be overwritten or deleted",
            "retentionPolicyNotMet",
        )

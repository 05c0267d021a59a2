"""An S3-compatible store: create-only, in parts, each object locked until a date if the store is an off-site copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from jobs.core import retry
from jobs.core.log import Log
from jobs.core.problems import Forbidden, Found, JobError, Misconfigured, Unreachable
from jobs.storage.base import SMALL, AlreadyThere, Stored, checked_name

PART: Final = 8 << 20
PIECE: Final = 1 << 20
_GROWS_EVERY: Final = 1000
"""S3 allows 10,000 parts: after every thousand, parts become larger by PART, which reaches 440 GB."""
_PRECONDITION: Final = frozenset({"PreconditionFailed", "412", "ConditionalRequestConflict"})


@dataclass(frozen=True)
class Lock:
    """Object lock: until then nobody deletes or changes the object."""

    days: int
    mode: str = "COMPLIANCE"


@contextmanager
def told(where: str, permission: str) -> Iterator[None]:
    """boto3's errors as ours, after its retries."""
    from botocore import exceptions  # type: ignore[import-untyped]

    try:
        yield
    except exceptions.ClientError as error:
        raise _meaning(error.response, where, permission) from None
    except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
        raise Misconfigured(f"{where}: this process has no credentials", fix="set AWS_ACCESS_KEY_ID …") from None
    except (exceptions.BotoCoreError, OSError) as error:
        raise Unreachable(f"{where}: {type(error).__name__}", fix="run the same command again later") from None


def _meaning(response: Mapping[str, Any], where: str, permission: str) -> JobError:
    error = response.get("Error", {})
    code, status = str(error.get("Code", "")), int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    words = " ".join(str(error.get("Message", "")).split())[:200]
    if code in _PRECONDITION:
        return AlreadyThere(f"{where} exists; nothing was written")
    if code in ("AccessDenied", "AllAccessDisabled") or status == 403:
        return Forbidden(permission, where, detail=words or code)
    if "ObjectLock" in code or "Object Lock" in words or "ObjectLock" in words:
        return Misconfigured(
            f"{where}: the store refuses to lock the object ({words})",
            fix="create the bucket with object lock enabled",
            clause="BAK-4",
        )
    if status == 404:
        return Misconfigured(f"{where} does not exist ({code})")
    if status == 429 or status >= 500 or code == "SlowDown":
        return Unreachable(f"{where}: the server answered {status} ({code})", fix="run the same command again later")
    return Found(f"{where}: the server answered {status} ({code}: {words})")


class S3Store:
    """One bucket and a prefix."""

    def __init__(
        self,
        log: Log,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        lock: Lock | None = None,
        part: int = PART,
    ) -> None:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config  # type: ignore[import-untyped]

        self.log = log
        self._bucket, self._lock, self.part = bucket, lock, part
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.where = f"s3://{bucket}/{self._prefix}".rstrip("/")
        config = Config(
            retries={"mode": "standard", "total_max_attempts": retry.ATTEMPTS}, connect_timeout=10, read_timeout=60
        )
        with told(self.where, "s3:PutObject"):
            self.client = boto3.client("s3", endpoint_url=endpoint, region_name=region, config=config)

    def create(self, name: str, data: bytes) -> Stored:
        """In one request."""
        key = self._prefix + checked_name(name)
        with told(f"{self.where}/{name}", self.write_permission):
            answer = self.client.put_object(Bucket=self._bucket, Key=key, Body=data, IfNoneMatch="*", **self._locked())
        return Stored(name, len(data), datetime.now(UTC), str(answer["ETag"]))

    def upload(self, name: str) -> S3Upload:
        """In parts; nothing is visible before they are completed."""
        key = self._prefix + checked_name(name)
        with told(f"{self.where}/{name}", self.write_permission):
            locked = self._locked()
            started = self.client.create_multipart_upload(Bucket=self._bucket, Key=key, **locked)
        place = {"Bucket": self._bucket, "Key": key, "UploadId": started["UploadId"]}
        return S3Upload(self, name, place, locked)

    def read(self, name: str, *, limit: int = SMALL) -> bytes:
        """All of a small object."""
        with told(f"{self.where}/{name}", "s3:GetObject"):
            answer = self.client.get_object(Bucket=self._bucket, Key=self._prefix + checked_name(name))
            if int(answer["ContentLength"]) > limit:
                raise Found(f"{self.where}/{name} is larger than the {limit} bytes that it can have")
            stored = Stored(name, int(answer["ContentLength"]), answer["LastModified"], str(answer["ETag"]))
            answer["Body"].close()
        return b"".join(self.stream(stored))

    def stream(self, stored: Stored) -> Iterator[bytes]:
        """Exactly this content; a body that ends early is followed by another request from that byte on."""
        from botocore import exceptions

        done = failures = 0
        while done < stored.size:
            before = done
            try:
                with told(f"{self.where}/{stored.name}", "s3:GetObject"):
                    answer = self.client.get_object(
                        Bucket=self._bucket,
                        Key=self._prefix + stored.name,
                        IfMatch=stored.version,
                        Range=f"bytes={done}-",
                    )
                for piece in answer["Body"].iter_chunks(PIECE):
                    done += len(piece)
                    yield piece
                if done < stored.size:
                    raise retry.Again("the body ended early")
            except (retry.Again, exceptions.BotoCoreError, OSError) as error:
                failures = 1 if done > before else failures + 1
                if failures >= retry.ATTEMPTS:
                    raise Unreachable(f"{self.where}/{stored.name}: ended at byte {done}") from None
                again = retry.Again(f"the connection failed ({type(error).__name__})")
                retry.pause(failures, again, what=f"GET {self.where}/{stored.name}", log=self.log)

    def list(self, prefix: str = "", *, start: str = "") -> Iterator[Stored]:
        """Page by page."""
        with told(self.where, "s3:ListBucket"):
            pages = self.client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for item in page.get("Contents", []):
                    name = str(item["Key"]).removeprefix(self._prefix)
                    if name >= start:
                        yield Stored(name, int(item["Size"]), item["LastModified"], str(item["ETag"]))

    @property
    def write_permission(self) -> str:
        """What a writer needs."""
        return "s3:PutObject" + (" (with s3:PutObjectRetention)" if self._lock else "")

    def _locked(self) -> dict[str, Any]:
        if self._lock is None:
            return {}
        until = datetime.now(UTC) + timedelta(days=self._lock.days)
        return {"ObjectLockMode": self._lock.mode, "ObjectLockRetainUntilDate": until}


class S3Upload:
    """Parts on their way. A part is a whole request, so boto3 repeats it by itself; each carries a checksum."""

    def __init__(self, store: S3Store, name: str, place: dict[str, str], locked: dict[str, Any]) -> None:
        self._where, self._name = f"{store.where}/{name}", name
        self._client, self._permission, self._part = store.client, store.write_permission, store.part
        self._place, self._locked = place, locked
        self._buffer = bytearray()
        self._parts: list[dict[str, Any]] = []
        self._total = 0

    def write(self, data: bytes) -> None:
        """Sends whenever a part is full."""
        self._total += len(data)
        self._buffer += data
        while len(self._buffer) >= self._size():
            size = self._size()
            part = bytes(memoryview(self._buffer)[:size])
            del self._buffer[:size]
            self._send(part)

    def finish(self) -> Stored:
        """Makes one object of the parts, unless there is one of this name."""
        if self._buffer or not self._parts:
            self._send(bytes(self._buffer))
            self._buffer.clear()
        with told(self._where, self._permission):
            answer = self._client.complete_multipart_upload(
                **self._place, MultipartUpload={"Parts": self._parts}, IfNoneMatch="*"
            )
            if self._locked:
                self._lock(answer.get("VersionId"))
        return Stored(self._name, self._total, datetime.now(UTC), str(answer["ETag"]))

    def abort(self) -> None:
        """Parts that nobody completes would be paid for until a lifecycle rule removes them."""
        with suppress(JobError), told(self._where, "s3:AbortMultipartUpload"):
            self._client.abort_multipart_upload(**self._place)

    def _lock(self, version: str | None) -> None:
        """Once more: some stores forget the lock that an upload in parts began with."""
        which = {"Bucket": self._place["Bucket"], "Key": self._place["Key"]}
        which |= {"VersionId": version} if version else {}
        retention = {
            "Mode": self._locked["ObjectLockMode"],
            "RetainUntilDate": self._locked["ObjectLockRetainUntilDate"],
        }
        self._client.put_object_retention(**which, Retention=retention)

    def _size(self) -> int:
        return self._part * (1 + len(self._parts) // _GROWS_EVERY)

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        with told(self._where, self._permission):
            answer = self._client.upload_part(**self._place, PartNumber=number, Body=part)
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})

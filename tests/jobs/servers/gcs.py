"""Google Cloud Storage's JSON API, as far as jobs use it: resumable uploads, preconditions, retention, media, lists.

Follows the documentation: chunks are multiples of 256 KiB except the last; a 308 tells what was kept; a session that
has ended answers again with its object; `ifGenerationMatch=0` is checked when the object is made; a digest that does
not fit makes no object. Not there: ACLs, composite objects, encryption headers, events, anything that is not HTTP/1.1.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from tests.jobs.servers.http import Answer, Request, Service, document, error

UNIT = 256 << 10


@dataclass
class Blob:
    """An object."""

    data: bytes
    generation: int
    created: datetime


@dataclass
class Session:
    """An upload that goes on."""

    bucket: str
    name: str
    match: str | None
    data: bytearray = field(default_factory=bytearray)
    done: dict[str, Any] | None = None


class Gcs(Service):
    """Buckets by name. `denied` are permissions that the caller lacks; `used` are those that calls needed."""

    def __init__(self) -> None:
        super().__init__()
        self.buckets: dict[str, dict[str, Blob]] = {}
        self.metadata: dict[str, dict[str, Any]] = {}
        """What a bucket itself is, where a test says so."""
        self.locked: set[str] = set()
        self.denied: set[str] = set()
        self.used: set[str] = set()
        self.sessions: dict[str, Session] = {}
        self.keep_at_most: int | None = None
        self.damage_uploads = 0
        self._generation = 1_700_000_000_000_000

    def put(self, bucket: str, name: str, data: bytes) -> None:
        """From outside, past all rules: what an intruder would do."""
        self._generation += 1
        self.buckets.setdefault(bucket, {})[name] = Blob(data, self._generation, datetime.now(UTC))

    def answer(self, request: Request) -> Answer:
        """By path."""
        if request.path.startswith("/upload/storage/v1/b/"):
            return self._upload(request)
        if (whole := re.fullmatch(r"/storage/v1/b/([^/]+)", request.path)) and whole[1] in self.metadata:
            return self._needs("storage.buckets.get") or document(self.metadata[whole[1]])
        found = re.fullmatch(r"/storage/v1/b/([^/]+)/o(?:/(.+))?", request.path)
        if not found:
            return error(404, "Not Found")
        bucket, name = found[1], unquote(found[2] or "")
        if bucket not in self.buckets:
            return error(404, "The specified bucket does not exist.")
        if request.method == "DELETE":
            return self._delete(bucket, name)
        return self._get(request, bucket, name) if name else self._list(request, bucket)

    def _needs(self, permission: str) -> Answer | None:
        self.used.add(permission)
        if permission not in self.denied:
            return None
        return error(403, f"job@x.iam.gserviceaccount.com does not have {permission} access to the object.")

    def _upload(self, request: Request) -> Answer:
        if request.method == "POST":
            bucket = request.path.split("/")[5]
            if refused := self._needs("storage.objects.create"):
                return refused
            if bucket not in self.buckets:
                return error(404, "The specified bucket does not exist.")
            session = Session(bucket, request.query["name"], request.query.get("ifGenerationMatch"))
            if session.match == "0" and session.name in self.buckets[bucket]:
                return error(412, "At least one of the pre-conditions you specified did not hold.")
            number = secrets.token_hex(8)
            self.sessions[number] = session
            return Answer(200, b"", {"location": f"{self.url}/upload/storage/v1/b/{bucket}/o?upload_id={number}"})
        found = self.sessions.get(request.query.get("upload_id", ""))
        if found is None:
            return error(404, "No such upload session")
        if request.method == "DELETE":
            del self.sessions[request.query["upload_id"]]
            return Answer(499)
        return self._chunk(request, found)

    def _chunk(self, request: Request, session: Session) -> Answer:
        if session.done is not None:
            return document(session.done)
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", request.headers.get("content-range", ""))
        if not found:
            return error(400, "Invalid Content-Range")
        total = None if found[3] == "*" else int(found[3])
        if found[1] is not None:
            start, data = int(found[1]), request.body
            whole = len(data) == int(found[2]) - start + 1
            if whole and total is None and len(data) % UNIT:
                return error(400, "Chunks are multiples of 256 KiB")
            if start > len(session.data):
                return error(400, "Invalid range: bytes are missing")
            if not whole:
                data = data[: len(data) // UNIT * UNIT]
            if self.keep_at_most is not None:
                data, self.keep_at_most = data[: self.keep_at_most], None
            session.data[start:] = data
        if total is None or len(session.data) < total:
            headers = {"range": f"bytes=0-{len(session.data) - 1}"} if session.data else {}
            return Answer(308, b"", headers)
        return self._finish(request, session)

    def _finish(self, request: Request, session: Session) -> Answer:
        if self.damage_uploads and session.data:
            self.damage_uploads -= 1
            session.data[0] ^= 1
        digest = base64.b64encode(hashlib.md5(session.data, usedforsecurity=False).digest()).decode()
        wanted = request.headers.get("x-goog-hash")
        if wanted is not None and wanted != f"md5={digest}":
            session.data.clear()
            return error(400, "Provided MD5 hash does not match the calculated one.")
        there = session.name in self.buckets[session.bucket]
        if there and session.match == "0":
            return error(412, "At least one of the pre-conditions you specified did not hold.")
        if there and session.bucket in self.locked:
            return error(403, "Object is subject to the bucket's retention policy", reason="retentionPolicyNotMet")
        self.put(session.bucket, session.name, bytes(session.data))
        session.done = self._item(session.bucket, session.name)
        return document(session.done)

    def _item(self, bucket: str, name: str) -> dict[str, Any]:
        blob = self.buckets[bucket][name]
        return {
            "name": name,
            "bucket": bucket,
            "size": str(len(blob.data)),
            "generation": str(blob.generation),
            "timeCreated": blob.created.isoformat().replace("+00:00", "Z"),
            "md5Hash": base64.b64encode(hashlib.md5(blob.data, usedforsecurity=False).digest()).decode(),
        }

    def _get(self, request: Request, bucket: str, name: str) -> Answer:
        if refused := self._needs("storage.objects.get"):
            return refused
        blob = self.buckets[bucket].get(name)
        if blob is None or request.query.get("generation", str(blob.generation)) != str(blob.generation):
            return error(404, f"No such object: {bucket}/{name}")
        if request.query.get("alt") != "media":
            return document(self._item(bucket, name))
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if not wanted:
            return Answer(200, blob.data)
        first = int(wanted[1])
        if first >= len(blob.data):
            return error(416, "The requested range cannot be satisfied.")
        last = min(int(wanted[2] or len(blob.data)), len(blob.data) - 1)
        headers = {"content-range": f"bytes {first}-{last}/{len(blob.data)}"}
        return Answer(206, blob.data[first : last + 1], headers)

    def _list(self, request: Request, bucket: str) -> Answer:
        if refused := self._needs("storage.objects.list"):
            return refused
        prefix, start = request.query.get("prefix", ""), request.query.get("startOffset", "")
        start = max(start, request.query.get("pageToken", ""))
        most = int(request.query.get("maxResults", "1000"))
        names = sorted(name for name in self.buckets[bucket] if name.startswith(prefix) and name >= start)
        page: dict[str, Any] = {"items": [self._item(bucket, name) for name in names[:most]]}
        if len(names) > most:
            page["nextPageToken"] = names[most]
        return document(page)

    def _delete(self, bucket: str, name: str) -> Answer:
        if refused := self._needs("storage.objects.delete"):
            return refused
        if bucket in self.locked:
            return error(403, "Object is subject to the bucket's retention policy", reason="retentionPolicyNotMet")
        del self.buckets[bucket][name]
        return Answer(204)

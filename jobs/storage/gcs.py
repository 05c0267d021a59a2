"""Google Cloud Storage over its JSON API: create-only, resumable, with bounded memory.

Why no SDK: docs/adr/0051. A writer needs `storage.objects.create` and nothing else: `ifGenerationMatch=0` refuses an
object that exists, and the MD5 of the whole goes with the last chunk, so that the server refuses damaged bytes before
there is an object (afterwards nobody could delete it).
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

from jobs.core import retry
from jobs.core.http import BROKEN, PASSING, Answer, Call, Http, refusal, reported
from jobs.core.problems import Found, JobError, Misconfigured, Unreachable
from jobs.storage.base import SMALL, AlreadyThere, Stored, checked_name

ENDPOINT: Final = "https://storage.googleapis.com"
CHUNK: Final = 8 << 20
"""Bytes of one request; a multiple of 256 KiB, as the API demands."""
PIECE: Final = 1 << 20
_FIELDS: Final = "name,size,timeCreated,generation,md5Hash"
_RANGE: Final = re.compile(r"bytes=0-(\d+)")


def endpoint() -> str:
    """The API, or the emulator that Google's own SDKs would take."""
    emulator = os.environ.get("STORAGE_EMULATOR_HOST", "").rstrip("/")
    if emulator and "://" not in emulator:
        return f"http://{emulator}"
    return emulator or ENDPOINT


class GcsStore:
    """One bucket and a prefix."""

    def __init__(self, http: Http, bucket: str, prefix: str = "", *, chunk: int = CHUNK) -> None:
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]", bucket):
            raise Misconfigured(f"{bucket!r} cannot be the name of a bucket")
        self._http = http
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self._endpoint = endpoint()
        self._chunk = chunk
        self.where = f"gs://{bucket}/{self._prefix}".rstrip("/")

    def create(self, name: str, data: bytes) -> Stored:
        """The same way as a large one: one code path that is proven."""
        upload = self.upload(name)
        upload.write(data)
        return upload.finish()

    def upload(self, name: str) -> GcsUpload:
        """Starts a session; the object appears when its last chunk was accepted."""
        full = self._prefix + checked_name(name)
        url = f"{self._endpoint}/upload/storage/v1/b/{self._bucket}/o"
        call = self._call("POST", url, "create", uploadType="resumable", name=full, ifGenerationMatch="0")
        body = json.dumps({"name": full, "contentType": "application/octet-stream"}).encode()
        headers = {"content-type": "application/json"}
        answer = self._http.call(Call(**{**call.__dict__, "body": body, "headers": headers}), accept=(200, 412))
        if answer.status == 412:
            raise AlreadyThere(f"{self.where}/{name} exists; nothing was written")
        session = _header(answer.headers, "location")
        if not session:
            raise Unreachable(f"{self.where}: the server started no upload session")
        return GcsUpload(self._http, session, f"gs://{self._bucket}", self._named, self._chunk)

    def read(self, name: str, *, limit: int = SMALL) -> bytes:
        """All of a small object."""
        call = self._call("GET", self._object(name), "get", alt="media")

        def attempt() -> bytes:
            data = b"".join(self._pieces(call, 0, limit + 1))
            if len(data) > limit:
                raise Found(f"{self.where}/{name} is larger than the {limit} bytes that it can have")
            return data

        with reported(call):
            return retry.call(attempt, what=f"GET {self.where}/{name}", log=self._http.log)

    def stream(self, stored: Stored) -> Iterator[bytes]:
        """One generation; a connection that ends early is followed by another from that byte on."""
        call = self._call("GET", self._object(stored.name), "get", alt="media", generation=stored.version)
        done = failures = 0
        while done < stored.size:
            before = done
            try:
                for piece in self._pieces(call, done, stored.size - done):
                    done += len(piece)
                    yield piece
            except retry.Again as error:
                failures = 1 if done > before else failures + 1
                if failures >= retry.ATTEMPTS:
                    raise Unreachable(f"{self.where}/{stored.name}: {error} at byte {done}") from None
                retry.pause(failures, error, what=f"GET {self.where}/{stored.name}", log=self._http.log)

    def list(self, prefix: str = "", *, start: str = "") -> Iterator[Stored]:
        """Page by page."""
        token = ""
        while True:
            query = {"prefix": self._prefix + prefix, "fields": f"items({_FIELDS}),nextPageToken", "maxResults": "1000"}
            query |= {"startOffset": self._prefix + start} if start else {}
            query |= {"pageToken": token} if token else {}
            page = self._http.json(
                self._call("GET", f"{self._endpoint}/storage/v1/b/{self._bucket}/o", "list", **query)
            )
            yield from (self._named(item) for item in page.get("items", []))
            token = str(page.get("nextPageToken", ""))
            if not token:
                return

    def _object(self, name: str) -> str:
        path = quote(self._prefix + checked_name(name), safe="")
        return f"{self._endpoint}/storage/v1/b/{self._bucket}/o/{path}"

    def _call(self, method: str, url: str, verb: str, **query: str) -> Call:
        on = f"gs://{self._bucket}"
        return Call(method=method, url=url, permission=f"storage.objects.{verb}", on=on, query=query)

    def _named(self, item: Mapping[str, Any]) -> Stored:
        return Stored(
            name=str(item["name"]).removeprefix(self._prefix),
            size=int(item["size"]),
            created=datetime.fromisoformat(str(item["timeCreated"])),
            version=str(item["generation"]),
        )

    def _pieces(self, call: Call, start: int, most: int) -> Iterator[bytes]:
        """At most so many bytes from an offset on; Again when the connection ends before the body does."""
        headers = {"range": f"bytes={start}-", "accept-encoding": "identity"} if start else {}
        try:
            response = self._http.once(Call(**{**call.__dict__, "headers": headers}), stream=True)
            try:
                if response.status in PASSING:
                    raise retry.Again(f"the server answered {response.status}")
                if response.status != (206 if start else 200):
                    raise refusal(call, response.status, response.read(2000))
                given = 0
                for piece in response.stream(PIECE, decode_content=False):
                    yield piece[: most - given]
                    given += len(piece)
                    if given >= most:
                        return
            finally:
                response.close()
        except BROKEN as error:
            raise retry.Again(f"the connection failed ({type(error).__name__})") from None


class GcsUpload:
    """A resumable session. After every failure the server is asked how far it got."""

    def __init__(self, http: Http, session: str, on: str, named: Any, chunk: int) -> None:
        self._http = http
        self._call = Call(method="PUT", url=session, permission="storage.objects.create", on=on)
        self._named = named
        self._chunk = chunk
        self._buffer = bytearray()
        self._offset = 0
        self._digest = hashlib.md5(usedforsecurity=False)

    def write(self, data: bytes) -> None:
        """Sends whenever a chunk is full."""
        self._digest.update(data)
        self._buffer += data
        while len(self._buffer) >= self._chunk:
            chunk = bytes(memoryview(self._buffer)[: self._chunk])
            del self._buffer[: self._chunk]
            self._send(chunk, None)

    def finish(self) -> Stored:
        """The last chunk, with the size and the MD5 of the whole."""
        total = self._offset + len(self._buffer)
        item = self._send(bytes(self._buffer), total)
        self._buffer.clear()
        digest = item.get("md5Hash")
        if int(item.get("size", -1)) != total or digest not in (None, self._md5()):
            raise Unreachable(f"{self._call.on}: the object that was stored is not the one that was sent")
        stored: Stored = self._named(item)
        return stored

    def abort(self) -> None:
        """Tells the server to forget the session; without an answer it forgets it after a week."""
        try:
            self._http.once(Call(**{**self._call.__dict__, "method": "DELETE"}))
        except (*BROKEN, JobError):
            self._http.log.debug("the upload session could not be ended; it expires by itself")

    def _md5(self) -> str:
        return base64.b64encode(self._digest.digest()).decode()

    def _send(self, chunk: bytes, total: int | None) -> dict[str, Any]:
        """One chunk until the server has all of it. With a total it is the last one: the object comes back."""
        base, unsure = self._offset, False

        def attempt() -> dict[str, Any] | None:
            nonlocal unsure
            if unsure:
                known = self._put(b"", f"bytes */{'*' if total is None else total}")
                if known is not None:
                    return known
            unsure = True
            while True:
                if not base <= self._offset <= base + len(chunk):
                    raise Unreachable(f"{self._call.on}: the server lost bytes that it had confirmed")
                rest = chunk[self._offset - base :]
                if not rest and total is None:
                    return None
                before = self._offset
                last = "*" if total is None else str(total)
                place = f"bytes {before}-{before + len(rest) - 1}/{last}" if rest else f"bytes */{last}"
                item = self._put(rest, place, final=total is not None)
                if item is not None:
                    return item
                if self._offset == before and rest:
                    raise retry.Again("the server kept nothing of what was sent")
                if not rest:
                    raise retry.Again("the server has all bytes, but made no object of them")

        with reported(self._call):
            item = retry.call(attempt, what=f"PUT {self._call.on}", log=self._http.log)
        if total is not None and item is None:
            raise Unreachable(f"{self._call.on}: the upload did not end")
        return item or {}

    def _put(self, data: bytes, place: str, *, final: bool = False) -> dict[str, Any] | None:
        """The object, if there is one now; otherwise the offset is what the server has."""
        headers = {"content-range": place} | ({"x-goog-hash": f"md5={self._md5()}"} if final else {})
        answer: Answer = self._http.attempt(Call(**{**self._call.__dict__, "body": data, "headers": headers}))
        if answer.status in (200, 201):
            return answer.json()
        if answer.status == 308:
            found = _RANGE.fullmatch(_header(answer.headers, "range"))
            self._offset = int(found[1]) + 1 if found else 0
            return None
        if answer.status == 412:
            raise AlreadyThere(f"{self._call.on}: an object of this name was created meanwhile; it was left as it is")
        if answer.status in (404, 410):
            raise Unreachable(f"{self._call.on}: the upload session has ended", fix="run the command again")
        if answer.status == 400 and final:
            raise Unreachable(f"{self._call.on}: the server received other bytes than were sent; nothing was stored")
        raise refusal(self._call, answer.status, answer.body)


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")

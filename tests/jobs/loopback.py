"""A server on this machine that speaks the interfaces of Google Cloud that jobs call, over real HTTP.

It holds what it was told in memory: log entries, instances, keys, objects. What it does not know it answers with 404
and keeps in `unknown`, so that a test notices a call that nobody meant. Faults are real ones: a status, half a body, a
connection that is cut, before or after the deed.

Its limits: no permissions, no quotas, no pages unless `page` is set, operations that end after `slow` questions.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.core.crc32c import crc32c


@dataclass
class Fault:
    """What goes wrong: for which requests, how, and how often."""

    path: str
    how: str
    """A status, `half` (of the body), `cut` (before the deed) or `lost` (after it)."""
    times: int = 1


@dataclass
class Cloud:
    """The state of the cloud."""

    entries: list[dict[str, Any]] = field(default_factory=list)
    """Log entries in the central bucket."""
    lost: set[str] = field(default_factory=set)
    """Projects whose entries arrive nowhere."""
    on_entry: Callable[[dict[str, Any]], dict[str, Any]] = field(default=lambda entry: entry)
    instances: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    """Key to its newest version."""
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    signing: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    faults: list[Fault] = field(default_factory=list)
    slow: int = 0
    page: int = 0
    failing: dict[str, str] = field(default_factory=dict)
    """Operation type to the message that it ends with."""
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    address: str = ""
    cloned: Callable[[str], dict[str, Any]] = field(default=lambda name: {})
    """What a new instance is besides the copy of its source."""

    # Cloud Logging

    def write_entries(self, body: dict[str, Any]) -> dict[str, Any]:
        """entries:write."""
        for entry in body["entries"]:
            if entry["logName"].split("/")[1] not in self.lost:
                self.entries.append(self.on_entry(entry))
        return {}

    def list_entries(self, body: dict[str, Any]) -> dict[str, Any]:
        """entries:list: of the filter only quoted texts are looked at, of which one has to be in an entry."""
        wanted = re.findall(r'"([0-9a-f]{32}|Render[^"]*)"', body["filter"])
        assert body["resourceNames"][0].endswith("/views/_AllLogs")
        found = [entry for entry in self.entries if any(text in json.dumps(entry) for text in wanted)]
        start = int(body.get("pageToken") or 0)
        size = self.page or 1000
        more = {"nextPageToken": str(start + size)} if start + size < len(found) else {}
        return {"entries": found[start : start + size], **more}

    # Cloud KMS

    def sign(self, body: dict[str, Any]) -> dict[str, Any]:
        """asymmetricSign with Ed25519."""
        signature = self.signing.sign(base64.b64decode(body["data"]))
        return {
            "signature": base64.b64encode(signature).decode(),
            "signatureCrc32c": str(crc32c(signature)),
            "verifiedDataCrc32c": True,
        }

    # Cloud SQL

    def operation(self, kind: str, deed: Callable[[], None]) -> dict[str, Any]:
        """Starts one; the deed is done at once, the operation after a few questions."""
        name = f"op-{len(self.operations)}"
        if kind not in self.failing:
            deed()
        self.operations[name] = {"name": name, "operationType": kind, "status": "PENDING", "left": self.slow}
        return self.ask(name)

    def ask(self, name: str) -> dict[str, Any]:
        """How an operation is getting on."""
        operation = self.operations[name]
        if operation["left"]:
            operation["left"] -= 1
            return {"name": name, "operationType": operation["operationType"], "status": "RUNNING"}
        error = self.failing.get(operation["operationType"])
        more = {"error": {"errors": [{"code": "FAILED", "message": error}]}} if error else {}
        return {"name": name, "operationType": operation["operationType"], "status": "DONE", **more}

    def sql(self, method: str, rest: str, body: dict[str, Any], query: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """projects/P/… of the Admin API."""
        parts = rest.split("/")
        if parts[0] == "operations":
            return 200, self.ask(parts[1])
        if len(parts) == 1:
            names = sorted(self.instances)
            start = int(query.get("pageToken") or 0)
            size = self.page or 1000
            more = {"nextPageToken": str(start + size)} if start + size < len(names) else {}
            return 200, {"items": [self.instances[name] for name in names[start : start + size]], **more}
        name, verb = parts[1], parts[2] if len(parts) > 2 else ""
        instance = self.instances.get(name)
        if instance is None:
            return 404, {"error": {"message": f"{name} does not exist"}}
        if method == "GET":
            return 200, instance
        if method == "DELETE":
            if instance["settings"].get("deletionProtectionEnabled"):
                return 400, {"error": {"message": "deletion protection is on"}}
            return 200, self.operation("DELETE", lambda: self.instances.pop(name, None))
        if method == "PATCH":
            return 200, self.operation("UPDATE", lambda: instance["settings"].update(body["settings"]))
        if verb == "reencrypt":

            def renew() -> None:
                key = instance["diskEncryptionStatus"]["kmsKeyVersionName"].partition("/cryptoKeyVersions/")[0]
                instance["diskEncryptionStatus"]["kmsKeyVersionName"] = self.keys[key]

            return 200, self.operation("REENCRYPT", renew)
        if verb == "clone":
            target = body["cloneContext"]["destinationInstanceName"]
            if target in self.instances:
                return 409, {"error": {"message": "the instance exists"}}

            def copy() -> None:
                made = json.loads(json.dumps(instance))
                self.instances[target] = {**made, "name": target, **self.cloned(target)}

            return 200, self.operation("CLONE", copy)
        return 404, {}

    # Cloud Storage

    def rewrite(self, bucket: str, name: str) -> tuple[int, dict[str, Any]]:
        """An object onto itself, in two steps."""
        item = self.objects[bucket, name]
        if not item.pop("begun", False):
            item["begun"] = True
            return 200, {"done": False, "rewriteToken": "more"}
        item["kmsKeyName"] = self.keys[self.buckets[bucket]["encryption"]["defaultKmsKeyName"]]
        item["generation"] = str(int(item["generation"]) + 1)
        return 200, {"done": True, "resource": item}

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Any request."""
        if path == "/v2/entries:write":
            return 200, self.write_entries(body)
        if path == "/v2/entries:list":
            return 200, self.list_entries(body)
        if path.endswith(":asymmetricSign"):
            return 200, self.sign(body)
        if found := re.fullmatch(r"/v1/(projects/[^/]+/locations/.*/cryptoKeys/[^/]+)", path):
            version = self.keys.get(found[1])
            return (200, {"primary": {"name": version, "state": "ENABLED"}}) if version else (404, {})
        if found := re.fullmatch(r"/v1/projects/[^/]+/((?:instances|operations).*)", path):
            return self.sql(method, found[1], body, query)
        if found := re.fullmatch(r"/storage/v1/b/([^/]+)/o/(.+)/rewriteTo/b/.*", path):
            return self.rewrite(found[1], unquote(found[2]))
        if found := re.fullmatch(r"/storage/v1/b/([^/]+)/o", path):
            return 200, {"items": [item for (bucket, _), item in self.objects.items() if bucket == found[1]]}
        if found := re.fullmatch(r"/storage/v1/b/([^/]+)", path):
            return (200, self.buckets[found[1]]) if found[1] in self.buckets else (404, {})
        self.unknown.append(f"{method} {path}")
        return 404, {"error": {"message": f"{path} is not served"}}


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length") or 0)
            raw = self.rfile.read(length)
            cloud.requests.append((self.command, parts.path))
            fault = next(
                (f for f in cloud.faults if f.times and re.search(f.path, f"{self.command} {self.path}")), None
            )
            if fault is not None:
                fault.times -= 1
            how = fault.how if fault else ""
            if how == "cut":
                self.close_connection = True
                self.connection.close()
                return
            if how.isdigit():
                self._say(int(how), {"error": {"message": "for the test"}})
                return
            body = json.loads(raw) if raw else {}
            status, document = cloud.answer(self.command, parts.path, dict(parse_qsl(parts.query)), body)
            if how == "lost":
                self.close_connection = True
                self.connection.close()
                return
            self._say(status, document, half=how == "half")

        def _say(self, status: int, document: dict[str, Any], *, half: bool = False) -> None:
            text = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text[: len(text) // 2] if half else text)
            if half:
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve  # noqa: N815

        def log_message(self, *_: Any) -> None:
            """Tests have no use for access logs."""

        def handle(self) -> None:
            try:
                super().handle()
            except (ConnectionError, ValueError, OSError):
                self.close_connection = True

    return Handler


@contextmanager
def serving(cloud: Cloud) -> Iterator[Cloud]:
    """The cloud, reachable at its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(cloud))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    cloud.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield cloud
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

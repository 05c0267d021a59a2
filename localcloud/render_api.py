"""Render's own HTTP API, as far as its provider lacks it: log streams and notification settings of workspaces.

Dynamic providers of the program talk to it. The engine finds the program that runs them on PATH, so local runs put the
one from here first: it serves the API on a loopback port of its own process, names it in `RENDER_HOST`, and then runs
Pulumi's dynamic provider as it is. State and faults are those of the local cloud.
"""

from __future__ import annotations

import json
import os
import re
import runpy
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, ClassVar

from localcloud import faults
from localcloud.errors import CloudError, LostAnswer
from localcloud.store import Resource, Store, folder

STREAM, NOTIFICATIONS = "render:logs:OwnerLogStream", "render:notification-settings:OwnerNotificationSetting"
PATHS = {
    re.compile(r"^/logs/streams/owner/(?P<owner>[\w-]+)$"): (STREAM, {"GET", "PUT", "DELETE"}),
    re.compile(r"^/notification-settings/owners/(?P<owner>[\w-]+)$"): (NOTIFICATIONS, {"GET", "PATCH"}),
}
FIELDS: dict[str, dict[str, tuple[object, ...] | type]] = {
    STREAM: {"endpoint": str, "preview": ("send", "drop"), "token": str},
    NOTIFICATIONS: {
        "emailEnabled": bool,
        "notificationsToSend": ("none", "failure", "all"),
        "previewNotificationsEnabled": bool,
    },
}
BORN: dict[str, dict[str, object]] = {
    NOTIFICATIONS: {
        "emailEnabled": True,
        "notificationsToSend": "failure",
        "previewNotificationsEnabled": False,
        "slackEnabled": False,
    }
}
"""What a workspace has before anybody sets it."""
SECRET = "token"
OPERATIONS = {"GET": "read", "PUT": "update", "PATCH": "update", "DELETE": "delete"}


class Refused(Exception):
    """An HTTP error answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def answer(store: Store, method: str, path: str, body: bytes) -> dict[str, Any]:
    """One request, as Render answers it; any key opens the local cloud. Raises Refused."""
    kind, owner = _found(method, path)
    faults.before(store, OPERATIONS[method], kind, owner)
    held = store.get(kind, owner)
    current = dict(held.properties) if held else dict(BORN.get(kind, {}))
    if method == "DELETE":
        store.remove(kind, owner)
    elif method in ("PUT", "PATCH"):
        current = {**(current if method == "PATCH" else {}), **_checked(kind, body), "ownerId": owner}
        store.put(_resource(kind, owner, current))
    elif not current:
        raise Refused(404, "not found")
    faults.after(store, OPERATIONS[method], kind, owner)
    return {} if method == "DELETE" else {name: value for name, value in current.items() if name != SECRET}


def _found(method: str, path: str) -> tuple[str, str]:
    for pattern, (kind, methods) in PATHS.items():
        if match := pattern.match(path):
            if method not in methods:
                raise Refused(405, f"{method} is not served here")
            if not match["owner"].startswith("tea-"):
                raise Refused(404, f"no workspace {match['owner']}")
            return kind, match["owner"]
    raise Refused(404, f"localcloud serves no {method} {path} of Render's API")


def _checked(kind: str, body: bytes) -> dict[str, Any]:
    try:
        given = json.loads(body)
    except ValueError:
        raise Refused(400, "the body is no JSON") from None
    fields = FIELDS[kind]
    for name, value in given.items() if isinstance(given, dict) else [("body", given)]:
        accepted = fields.get(name)
        if accepted is None:
            raise Refused(400, f"{name}: unknown; accepted are {', '.join(fields)}")
        if value not in accepted if isinstance(accepted, tuple) else not isinstance(value, accepted):
            raise Refused(400, f"{name}: {value!r} is not accepted")
    if kind == STREAM and not re.fullmatch(r"[\w.-]+:\d{1,5}", str(given.get("endpoint", ""))):
        raise Refused(400, "endpoint: host:port is required")
    return dict(given)


def _resource(kind: str, owner: str, properties: dict[str, Any]) -> Resource:
    secrets = frozenset({(SECRET,)}) if SECRET in properties else frozenset()
    return Resource(
        type=kind,
        id=owner,
        name=owner,
        project="",
        urn="",
        inputs=properties,
        properties=properties,
        secrets=secrets,
        created=time.time(),
    )


class Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for `answer`."""

    protocol_version = "HTTP/1.1"
    store: ClassVar[Store]

    def respond(self) -> None:
        """Answer the request at hand."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            said, code = answer(self.store, self.command, self.path, body), 200
        except Refused as refused:
            said, code = {"id": "local", "message": str(refused)}, refused.code
        except LostAnswer:
            self.close_connection = True
            return
        except CloudError as error:
            said, code = {"id": "local", "message": str(error)}, error.code
        text = b"" if self.command == "DELETE" and code == 200 else json.dumps(said).encode()
        self.send_response(204 if not text else code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not logged: standard error belongs to the provider."""


def start(store: Store) -> ThreadingHTTPServer:
    """Serve on a free loopback port until the process ends."""
    handler = type("Bound", (Handler,), {"store": store})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server


def run_dynamic() -> None:
    """Pulumi's dynamic provider, with Render's API beside it."""
    server = start(Store(folder() / "cloud.db"))
    os.environ["RENDER_HOST"] = f"http://127.0.0.1:{server.server_address[1]}"
    runpy.run_module("pulumi.dynamic", run_name="__main__", alter_sys=True)

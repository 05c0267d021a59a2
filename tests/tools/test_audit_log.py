"""Who changed what: Cloud Logging on loopback, in pages, with a refusal; and what a night leaves of it."""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from review import audit
from tools import audit_log, drift
from tools.refusal import Refusal
from tools.stacks import Stack

NOW = dt.datetime(2026, 11, 27, 3, 17, tzinfo=dt.UTC)


class Server(ThreadingHTTPServer):
    """entries:list with two entries a page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.entries: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[dict[str, Any]] = []
        self.refused: set[str] = set()


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal of the tests."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.append({"path": self.path, **body})
        (on,) = body["resourceNames"]
        start = int(body.get("pageToken") or 0)
        found = self.server.entries.get(on, [])
        page: dict[str, Any] = {"entries": found[start : start + 2]}
        page |= {"nextPageToken": str(start + 2)} if len(found) > start + 2 else {}
        code, answer = (403, {"error": {"message": "no"}}) if on in self.server.refused else (200, page)
        text = json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Serves until the test ends."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv(audit_log.ENDPOINT_VARIABLE, f"http://127.0.0.1:{made.server_address[1]}")
    yield made
    made.shutdown()
    made.server_close()
    thread.join()


def entry(who: str, hour: int, **more: Any) -> dict[str, Any]:
    """As the service writes it, with what nobody needs."""
    payload = {
        "authenticationInfo": {"principalEmail": who, "serviceAccountKeyName": "x"},
        "methodName": "storage.buckets.update",
        "resourceName": "projects/_/buckets/exports",
        "request": {"bucket": {"rootPassword": "hunter2"}},
        "requestMetadata": {"callerIp": "203.0.113.7"},
        **more,
    }
    return {"timestamp": f"2026-11-26T{hour:02}:00:00Z", "insertId": "i", "protoPayload": payload}


def test_every_project_is_read_to_its_last_page(server: Server, tmp_path: Path) -> None:
    """The newest first, whichever project it is of; the review reads what is kept, and no more is."""
    server.entries = {
        "projects/workload": [entry(f"w{hour}@example.com", hour) for hour in (9, 7, 5, 3, 1)],
        "projects/keys": [entry("k@example.com", 8), entry("bad@example.com", 2, status={"code": 7, "message": "m"})],
    }
    found = audit_log.read(["keys", "workload"], now=NOW)
    assert [e["timestamp"][11:13] for e in found] == ["09", "08", "07", "05", "03", "02", "01"]
    assert len(server.asked) == 4
    assert {asked["path"] for asked in server.asked} == {"/v2/entries:list"}
    wanted = 'logName:"cloudaudit.googleapis.com%2Factivity" AND timestamp>="2026-10-28T03:17:00Z"'
    assert {asked["filter"] for asked in server.asked} == {wanted}
    assert not re.search(r"hunter2|203\.0\.113|serviceAccountKeyName", json.dumps(found))
    path = tmp_path / "audit.json"
    path.write_text(json.dumps(found))
    assert [e.who for e in audit.read(path)] == [f"{n}@example.com" for n in ("w1", "w3", "w5", "w7", "k", "w9")]


def test_a_refusal_names_the_permission_and_the_project(server: Server) -> None:
    """The identity that looks has `roles/logging.viewer` by the bootstrap; somebody may have taken it."""
    server.refused = {"projects/keys"}
    with pytest.raises(Refusal, match=r"logging\.logEntries\.list is missing on projects/keys"):
        audit_log.read(["keys", "workload"], now=NOW)


def test_a_night_leaves_the_log_of_the_projects_of_its_stack(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All five of the stack file; where it cannot be read, why, and the comparison stands all the same."""
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(tmp_path))
    stack = Stack(name="prod", real=True)
    stack.runs.mkdir(parents=True)
    server.entries = {"projects/example-prod-backups": [entry("jane@example.com", 4)]}
    deployer = "ci-deploy@example-prod-delivery.iam.gserviceaccount.com"
    assert drift._ask_who(stack) == (deployer, "")
    assert {a["resourceNames"][0].rsplit("-", 1)[-1] for a in server.asked} == {
        "audit",
        "backups",
        "delivery",
        "keys",
        "workload",
    }
    (kept,) = json.loads((stack.runs / drift.AUDIT_LOG).read_text())
    assert kept["protoPayload"]["authenticationInfo"] == {"principalEmail": "jane@example.com"}
    server.refused = {"projects/example-prod-audit"}
    said = drift._ask_who(stack)
    assert said[0] == deployer
    assert "logging.logEntries.list is missing on projects/example-prod-audit" in said[1]

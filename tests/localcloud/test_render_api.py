"""Render's HTTP API in the local cloud: refuses what Render refuses, keeps what it was told, shows no token."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from localcloud import faults
from localcloud.render_api import NOTIFICATIONS, STREAM, start
from localcloud.store import Store

LOGS, MAIL = "/logs/streams/owner/tea-1", "/notification-settings/owners/tea-1"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An empty cloud."""
    return Store(tmp_path / "cloud.db")


@pytest.fixture
def port(store: Store) -> Iterator[int]:
    """The API, served."""
    server = start(store)
    yield int(server.server_address[1])
    server.shutdown()
    server.server_close()


def ask(port: int, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and answer of one request."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        text = body if isinstance(body, str) else json.dumps(body) if body is not None else None
        connection.request(method, path, text, {"Authorization": "Bearer any"})
        response = connection.getresponse()
        said = response.read()
        return response.status, json.loads(said) if said else None
    finally:
        connection.close()


def test_a_stream_is_kept_shown_without_its_token_and_deleted(port: int, store: Store) -> None:
    """Twice the same PUT is once."""
    body = {"endpoint": "logs.example.com:6514", "preview": "send", "token": "never-shown"}
    assert ask(port, "GET", LOGS)[0] == 404
    for _ in range(2):
        assert ask(port, "PUT", LOGS, body) == (
            200,
            {"endpoint": "logs.example.com:6514", "preview": "send", "ownerId": "tea-1"},
        )
    assert ask(port, "GET", LOGS)[1]["endpoint"] == "logs.example.com:6514"
    assert store.get(STREAM, "tea-1") is not None
    assert ask(port, "DELETE", LOGS) == (204, None)
    assert ask(port, "GET", LOGS)[0] == 404


def test_notifications_are_there_from_the_start_and_changed_in_part(port: int, store: Store) -> None:
    """A workspace always has them."""
    assert ask(port, "GET", MAIL)[1]["notificationsToSend"] == "failure"
    assert ask(port, "PATCH", MAIL, {"notificationsToSend": "all"})[1]["emailEnabled"] is True
    assert ask(port, "GET", MAIL)[1]["notificationsToSend"] == "all"
    assert store.get(NOTIFICATIONS, "tea-1") is not None


@pytest.mark.parametrize(
    ("method", "path", "body", "code"),
    [
        ("PUT", LOGS, {"endpoint": "logs.example.com", "preview": "send"}, 400),
        ("PUT", LOGS, {"endpoint": "logs.example.com:6514", "preview": "keep"}, 400),
        ("PUT", LOGS, {"endpoint": "logs.example.com:6514", "other": 1}, 400),
        ("PUT", LOGS, "half {", 400),
        ("PUT", LOGS, ["list"], 400),
        ("PATCH", MAIL, {"emailEnabled": "yes"}, 400),
        ("PUT", "/logs/streams/owner/usr-1", {}, 404),
        ("PATCH", LOGS, {}, 405),
        ("GET", "/services", None, 404),
    ],
)
def test_what_render_refuses_is_refused(port: int, method: str, path: str, body: object, code: int) -> None:
    """With a message that names it."""
    status, said = ask(port, method, path, body)
    assert status == code
    assert said["message"]


@pytest.mark.parametrize(("kind", "code"), [(faults.Kind.too_many, 429), (faults.Kind.unavailable, 503)])
def test_faults_on_demand_reach_it(port: int, store: Store, kind: faults.Kind, code: int) -> None:
    """Once, then it works."""
    faults.add(store, kind=kind, operation="update", type=STREAM, name="*", seconds=0, count=1)
    body = {"endpoint": "logs.example.com:6514", "preview": "send"}
    assert ask(port, "PUT", LOGS, body)[0] == code
    assert ask(port, "PUT", LOGS, body)[0] == 200


def test_a_lost_answer_is_a_closed_connection(port: int, store: Store) -> None:
    """What was asked for is done all the same."""
    faults.add(store, kind=faults.Kind.lost, operation="update", type=STREAM, name="*", seconds=0, count=1)
    with pytest.raises(ConnectionError):
        ask(port, "PUT", LOGS, {"endpoint": "logs.example.com:6514", "preview": "send"})
    assert store.get(STREAM, "tea-1") is not None

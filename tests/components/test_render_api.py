"""The client of Render's API: tries again what can be, says what went wrong, and never repeats a secret."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from pulumi.dynamic import Config, ConfigureRequest

from components import render_api
from components.render_api import RenderError, call
from localcloud.render_api import start
from localcloud.store import Store

KEY = "the-key-of-a-test"
STREAM = {"ownerId": "tea-1", "endpoint": "logs.example.com:6514", "preview": "send", "token": "tok-of-a-test"}
Answers = list[tuple[int, str, dict[str, str]] | None]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answers], list[tuple[str, str, Any, str]]]]:
    """A server that gives the answers one by one; None hangs up. Returns what it was asked."""
    servers: list[ThreadingHTTPServer] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    waits.clear()

    def serve(answers: Answers) -> list[tuple[str, str, Any, str]]:
        asked: list[tuple[str, str, Any, str]] = []

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked.append((self.command, self.path, json.loads(body or "null"), self.headers["Authorization"]))
                now = answers.pop(0)
                if now is None:
                    return
                code, text, headers = now
                self.send_response(code)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            do_GET = do_PUT = do_PATCH = do_DELETE = respond  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Not wanted."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("RENDER_HOST", f"http://127.0.0.1:{server.server_address[1]}/v1")
        return asked

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


waits: list[float] = []
GOOD = (200, "{}", dict[str, str]())


def test_a_call_carries_the_key_and_the_body(served: Callable[[Answers], list[Any]]) -> None:
    """In the header, where no log of addresses shows it."""
    asked = served([GOOD])
    assert call("PUT", "logs/streams/owner/tea-1", KEY, {"preview": "send"}) == {}
    assert asked == [("PUT", "/v1/logs/streams/owner/tea-1", {"preview": "send"}, f"Bearer {KEY}")]


@pytest.mark.parametrize(
    "first",
    [
        (429, "", {"Retry-After": "3"}),
        (500, "", {}),
        (503, "", {}),
        (200, '{"half', {}),
        (200, "{}", {"Content-Length": "99"}),
        None,
    ],
    ids=["429", "500", "503", "half an answer", "cut off", "hung up"],
)
def test_what_passes_is_tried_again(served: Callable[[Answers], list[Any]], first: Any) -> None:
    """Every call can be repeated: settings are written whole."""
    asked = served([first, GOOD])
    assert call("PUT", "logs/streams/owner/tea-1", KEY, {"preview": "send"}) == {}
    assert len(asked) == 2


def test_the_wait_that_render_asks_for_is_kept(served: Callable[[Answers], list[Any]]) -> None:
    """And no longer one than half a minute."""
    served([(429, "", {"Retry-After": "3"}), (429, "", {"Retry-After": "4000"}), GOOD])
    call("GET", "x", KEY)
    assert waits == [3.0, 30.0]


@pytest.mark.parametrize(
    ("code", "says"), [(400, "not what Render accepts"), (401, "renderApiKey"), (403, "administer"), (409, "run again")]
)
def test_a_refusal_is_final_and_says_what_to_do(served: Callable[[Answers], list[Any]], code: int, says: str) -> None:
    """One attempt: the next would be refused as well."""
    asked = served([(code, '{"message": "no"}', {})])
    with pytest.raises(RenderError, match=says) as error:
        call("PUT", "logs/streams/owner/tea-1", KEY, {"token": "tok-of-a-test"})
    assert len(asked) == 1
    assert "nothing was changed" in str(error.value)
    assert KEY not in str(error.value)
    assert "tok-of-a-test" not in str(error.value)


def test_somebody_who_never_answers_is_given_up(served: Callable[[Answers], list[Any]]) -> None:
    """After six attempts, with the last reason."""
    asked = served([(503, "", {})] * 6)
    with pytest.raises(RenderError, match=r"503 .*6 times"):
        call("GET", "x", KEY)
    assert len(asked) == 6


def test_an_answer_of_another_form_is_not_guessed_at(served: Callable[[Answers], list[Any]]) -> None:
    """A list where an object was promised."""
    served([(200, "[]", {})])
    with pytest.raises(RenderError, match="another form"):
        call("GET", "x", KEY)


def test_another_scheme_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """RENDER_HOST never makes it read a file."""
    monkeypatch.setenv("RENDER_HOST", "file:///etc")
    with pytest.raises(RenderError, match="no web address"):
        call("GET", "passwd", KEY)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Render's API of the local cloud."""
    server = start(Store(tmp_path / "cloud.db"))
    monkeypatch.setenv("RENDER_HOST", f"http://127.0.0.1:{server.server_address[1]}")
    yield
    server.shutdown()
    server.server_close()


def configured(kind: type[Any]) -> Any:
    """A provider with its key, as the engine hands it over."""
    provider = kind()
    provider.configure(ConfigureRequest(Config({render_api.API_KEY: KEY}, "secure-hosting")))
    return provider


@pytest.mark.usefixtures("local")
def test_a_log_stream_lives_from_creation_to_deletion() -> None:
    """Created, unchanged, drifted, updated, gone; and the token is kept as a digest only."""
    provider = configured(render_api._LogStream)
    made = provider.create(STREAM)
    assert made.id == "tea-1"
    assert "tok-of-a-test" not in json.dumps(made.outs)
    assert provider.diff("tea-1", made.outs, STREAM).changes is False
    assert provider.diff("tea-1", made.outs, {**STREAM, "token": "another-token"}).changes is True
    assert provider.diff("tea-1", made.outs, {**STREAM, "ownerId": "tea-2"}).replaces == ["ownerId"]
    call("PUT", "logs/streams/owner/tea-1", KEY, {"endpoint": "elsewhere.example.net:514", "preview": "drop"})
    found = provider.read("tea-1", made.outs)
    assert found.outs["endpoint"] == "elsewhere.example.net:514"
    assert provider.diff("tea-1", found.outs, STREAM).changes is True
    provider.update("tea-1", found.outs, STREAM)
    assert provider.read("tea-1", made.outs).outs["preview"] == "send"
    provider.delete("tea-1", made.outs)
    provider.delete("tea-1", made.outs)
    assert provider.read("tea-1", made.outs).id is None


@pytest.mark.usefixtures("local")
def test_notifications_are_switched_on_and_stay_on() -> None:
    """Leaving the stack does not leave the workspace unheard."""
    provider = configured(render_api._Notifications)
    wanted = {
        "ownerId": "tea-1",
        "emailEnabled": True,
        "notificationsToSend": "failure",
        "previewNotificationsEnabled": False,
    }
    call("PATCH", "notification-settings/owners/tea-1", KEY, {"emailEnabled": False, "notificationsToSend": "none"})
    made = provider.create(wanted)
    assert provider.read("tea-1", made.outs).outs["notificationsToSend"] == "failure"
    provider.delete("tea-1", made.outs)
    assert provider.read("tea-1", made.outs).outs["emailEnabled"] is True


def test_without_a_key_of_the_stack_that_of_the_environment_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the provider for everything else does."""
    monkeypatch.setenv("RENDER_APIKEY", "from-the-environment")
    provider = render_api._LogStream()
    provider.configure(ConfigureRequest(Config({}, "secure-hosting")))
    assert provider.key == "from-the-environment"

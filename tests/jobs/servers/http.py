"""An HTTP server in a thread, with faults that can be asked for."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass
class Request:
    """What arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    target: str = ""
    """Path and query as they were written."""


@dataclass
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Fault:
    """Something that happens to requests that match, so many times.

    status: answered instead. cut_request: only half of the body is read and handed on, then the line is cut.
    cut_answer: the request takes effect, its answer is lost. half_answer: half of the answer's body arrives.
    """

    kind: str
    times: int = 1
    matches: Callable[[Request], bool] = lambda _request: True
    status: int = 503
    body: bytes = b'{"error": {"message": "try again"}}'


class Service:
    """Base of the servers: subclasses answer."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.RLock()
        self.url = ""

    def answer(self, request: Request) -> Answer:
        """The service itself."""
        raise NotImplementedError

    def fault(self, request: Request) -> Fault | None:
        """The first that matches and is not used up."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.matches(request):
                    fault.times -= 1
                    return fault
        return None


def error(status: int, message: str, **more: Any) -> Answer:
    """As Google's APIs say it."""
    return Answer(status, json.dumps({"error": {"code": status, "message": message, **more}}).encode())


def document(value: Any) -> Answer:
    """JSON."""
    return Answer(200, json.dumps(value).encode(), {"content-type": "application/json"})


@contextmanager
def serving(service: Service) -> Iterator[Service]:
    """Runs it on a free port of loopback."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):
                super().handle_one_request()

        def _do(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length", 0))
            headers = {key.lower(): value for key, value in self.headers.items()}
            request = Request(self.command, parts.path, dict(parse_qsl(parts.query)), headers, b"", self.path)
            fault = service.fault(request)
            if fault and fault.kind == "cut_request":
                request.body = self.rfile.read(length // 2)
                with service.lock:
                    service.answer(request)
                return self._cut()
            request.body = self.rfile.read(length)
            with service.lock:
                service.requests.append(request)
                if fault and fault.kind == "status":
                    answer = Answer(fault.status, fault.body, {"retry-after": "1"})
                else:
                    answer = service.answer(request)
            if fault and fault.kind == "cut_answer":
                return self._cut()
            self.send_response(answer.status)
            for key, value in answer.headers.items():
                self.send_header(key, value)
            self.send_header("content-length", str(len(answer.body)))
            self.end_headers()
            if fault and fault.kind == "half_answer":
                self.wfile.write(answer.body[: len(answer.body) // 2])
                return self._cut()
            self.wfile.write(answer.body)
            return None

        def _cut(self) -> None:
            self.close_connection = True
            with suppress(OSError):
                self.connection.shutdown(2)

        do_GET = do_PUT = do_POST = do_DELETE = _do  # noqa: N815 - the names are the library's

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that go away are part of the tests."""

    server = Server(("127.0.0.1", 0), Handler)
    service.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

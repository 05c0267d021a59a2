"""A GitHub API on loopback: comments and issues of a repository, in pages, and answers to give before the real ones."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

REPOSITORY = "example-org/shop"


class Server(ThreadingHTTPServer):
    """One pull request's comments, and answers to give before the real ones."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments: list[dict[str, Any]] = []
        self.first: list[tuple[int, dict[str, str], dict[str, str]]] = []
        self.asked: list[str] = []
        self.others: set[int] = set()
        self.next_host = ""
        self.tokens: set[str] = set()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, body: str, login: str = "review-bot") -> int:
        number = len(self.comments) + 1
        said = {"id": number, "number": number, "body": body, "state": "open", "html_url": f"https://x/{number}"}
        self.comments.append({**said, "user": {"login": login, "type": "Bot"}})
        return number


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal of the tests."""

    def _answer(self, code: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        self.send_response(code)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        text = b"" if body is None else json.dumps(body).encode()
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _handle(self) -> None:
        server = self.server
        length = int(self.headers.get("content-length") or 0)
        body = json.loads(self.rfile.read(length)) if length else {}
        server.asked.append(f"{self.command} {self.path.split('?')[0].removeprefix(f'/repos/{REPOSITORY}')}")
        server.tokens.add(self.headers.get("authorization", ""))
        if server.first:
            code, said, headers = server.first.pop(0)
            self._answer(code, said, headers)
        elif self.command == "GET":
            self._page()
        elif self.command == "POST":
            number = server.add(body["body"])
            server.comments[number - 1].update(body)
            self._answer(201, server.comments[number - 1])
        else:
            self._one(int(self.path.rsplit("/", 1)[-1]), body)

    def _page(self) -> None:
        page = int((re.search(r"[?&]page=(\d+)", self.path) or [0, 1])[1])
        start = (page - 1) * 100
        host = self.server.next_host or self.server.api
        more = f"{host}{self.path.split('?')[0]}?per_page=100&page={page + 1}"
        left = len(self.server.comments) > start + 100
        link = {"Link": f'<{more}>; rel="next", <{more}>; rel="last"'} if left else {}
        self._answer(200, self.server.comments[start : start + 100], link)

    def _one(self, number: int, body: dict[str, Any]) -> None:
        found = [c for c in self.server.comments if c["id"] == number]
        if number in self.server.others:
            self._answer(403, {"message": "Must have admin rights to Repository."})
        elif not found:
            self._answer(404, {"message": "Not Found"})
        elif self.command == "DELETE":
            self.server.comments.remove(found[0])
            self._answer(204)
        else:
            found[0].update(body)
            self._answer(200, found[0])

    do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815  the protocol's names

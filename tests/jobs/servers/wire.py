"""A wire to PostgreSQL that can be cut: a socket in front of a server's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from jobs.postgres.server import Server

PORT = 5499


class Wire:
    """Hands bytes on in both directions. `cuts` maps the number of a connection (from 1) to bytes of the server after
    which it is cut; `cut_all` after so many bytes of all connections together."""

    def __init__(self, folder: Path, to: Server) -> None:
        self.server = to.model_copy(update={"host": str(folder), "port": PORT})
        self.cuts: dict[int, int] = {}
        self.connections = 0
        self.bytes: dict[int, int] = {}
        self._target = f"{to.host}/.s.PGSQL.{to.port}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.{PORT}")
        self._listener.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """No more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            server = socket.socket(socket.AF_UNIX)
            server.connect(self._target)
            threading.Thread(target=self._both, args=(client, server, self.connections), daemon=True).start()

    def _both(self, client: socket.socket, server: socket.socket, number: int) -> None:
        self.bytes[number] = 0
        with client, server:
            back = threading.Thread(target=self._pump, args=(server, client, number), daemon=True)
            back.start()
            self._pump(client, server, 0)
            back.join()

    def _pump(self, source: socket.socket, sink: socket.socket, number: int) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if number:
                    self.bytes[number] += len(data)
                    if self.bytes[number] > self.cuts.get(number, 1 << 60):
                        break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(folder: Path, to: Server) -> Iterator[Wire]:
    """For the length of a test."""
    one = Wire(folder, to)
    try:
        yield one
    finally:
        one.close()

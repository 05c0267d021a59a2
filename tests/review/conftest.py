"""What several tests of the review stand on."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tests.review.github_api import Server


@pytest.fixture
def server() -> Iterator[Server]:
    """Serves until the test ends."""
    made = Server()
    thread = threading.Thread(target=made.serve_forever, daemon=True)
    thread.start()
    yield made
    made.shutdown()
    made.server_close()
    thread.join()

"""One applied stack a worker, made once; tests that change it work on copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.sandbox import Sandbox


@pytest.fixture(scope="session")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """The small stack, applied to a local cloud of its own with the pack enforced. Read only: copy it to change it."""
    sandbox = Sandbox(tmp_path_factory.mktemp("hosted")).prepare()
    ran = sandbox.pulumi("up", "--yes", "--skip-preview")
    assert ran.code == 0, ran.said
    return sandbox


@pytest.fixture
def copy(hosted: Sandbox, tmp_path: Path) -> Sandbox:
    """The applied stack, to be changed."""
    return hosted.copy(tmp_path / "copy")


@pytest.fixture
def empty(tmp_path: Path) -> Sandbox:
    """A stack with nothing in it."""
    return Sandbox(tmp_path / "empty").prepare()

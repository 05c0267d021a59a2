"""A local folder and a user cache of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`SECURE_HOSTING_LOCAL` of this test alone."""
    folder = tmp_path / "local"
    folder.mkdir()
    monkeypatch.setenv("SECURE_HOSTING_LOCAL", str(folder))
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty user cache; the real one is not touched."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("SECURE_HOSTING_CACHE", str(folder))
    return folder

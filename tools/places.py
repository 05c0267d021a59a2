"""Where things lie. Nothing is ever written outside these places: the checkout and one user cache."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_BIN = VENV / "bin"
VENV_PYTHON = VENV_BIN / "python"
LOCKFILE = ROOT / "requirements.lock"
PACK = ROOT / "policies"
BYTECODE = ROOT / ".local" / "pycache"


def local() -> Path:
    """Everything that belongs to local runs of this checkout; `SECURE_HOSTING_LOCAL` moves it."""
    return Path(os.environ.get("SECURE_HOSTING_LOCAL") or ROOT / ".local").absolute()


def cache() -> Path:
    """What every checkout of this user shares: engines and downloaded packages; `SECURE_HOSTING_CACHE` moves it."""
    named = os.environ.get("SECURE_HOSTING_CACHE")
    if named:
        return Path(named).absolute()
    return Path.home() / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "secure-hosting"


def engine() -> Path:
    """The folder with `pulumi` and its hosts: a link to where the engine really lies."""
    return local() / "engine"


def pulumi_home() -> Path:
    """The `PULUMI_HOME` of local runs, with the local cloud's plugins; never the user's own."""
    return local() / "pulumi-home"

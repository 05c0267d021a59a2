"""The three places an engine can come from. Each returns its folder or says why it cannot serve."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import places
from tools.engine import build, versions
from tools.engine.unusable import Unusable
from tools.progress import Stage
from tools.refusal import Refusal

PROBE_SECONDS = 6.0
DOWNLOAD_SECONDS = 300.0
_PROBE = """
import sys, urllib.request
try:
    urllib.request.urlopen("https://get.pulumi.com/install.sh", timeout=4).read(1)
except OSError as error:
    sys.exit(str(getattr(error, "reason", error)))
"""
_INSTALL = """
import sys
from pulumi.automation import PulumiCommand
from semver import VersionInfo
PulumiCommand.install(root=sys.argv[1], version=VersionInfo.parse(sys.argv[2]))
"""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A usable engine."""

    folder: Path
    version: str
    source: str
    """`path`, `download` or `build`."""


def on_path(_stage: Stage) -> Path:
    """The first `pulumi` on PATH that is not the one this project made."""
    own = (places.engine(), places.cache())
    folders = [
        folder
        for folder in os.get_exec_path()
        if folder and not any(Path(folder).absolute().is_relative_to(mine) for mine in own)
    ]
    found = shutil.which("pulumi", path=os.pathsep.join(folders))
    if not found:
        raise Unusable("none found")
    beside, real = Path(found).absolute().parent, Path(found).resolve().parent
    return beside if (beside / "pulumi-language-python").exists() else real


def download(stage: Stage) -> Path:
    """The official release, kept in the user cache; gives up within seconds where there is no way out."""
    final = places.cache() / "engine" / f"{versions.cache_key()}-download"
    if (final / "bin" / "pulumi").exists():
        return final / "bin"
    stage.doing = "asking for the official download"
    _step([sys.executable, "-c", _PROBE], PROBE_SECONDS, "not reachable")
    stage.doing = f"downloading {versions.cli()}"
    partial = build.empty(final.with_name(final.name + ".partial"))
    _step([sys.executable, "-c", _INSTALL, str(partial), versions.cli()], DOWNLOAD_SECONDS, "failed")
    partial.rename(final)
    return final / "bin"


def _step(command: list[str], seconds: float, said: str) -> None:
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise Unusable(f"{said} (no answer within {seconds:.0f} s)") from None
    if run.returncode != 0:
        last = (run.stderr or run.stdout).strip().splitlines()[-1:] or ["no message"]
        raise Unusable(f"{said} ({last[0][:160]})")


Source = Callable[[Stage], Path]
SOURCES: dict[str, tuple[str, Source]] = {
    "path": ("pulumi on PATH", on_path),
    "download": ("official download", download),
    "build": ("build from Go modules", build.build),
}


def obtain(stage: Stage) -> tuple[Engine, list[str]]:
    """The first engine that works, and why those before it did not."""
    tried: list[str] = []
    for source, (name, get) in SOURCES.items():
        try:
            folder = get(stage)
            return Engine(folder=folder, version=str(versions.check(folder)), source=source), tried
        except Unusable as reason:
            tried.append(f"{name}: {reason}")
    raise Refusal(
        "no usable Pulumi engine.",
        details=tuple(f"tried    {entry}" for entry in tried),
        fix=f"install Pulumi {versions.OLDEST} or newer (https://www.pulumi.com/docs/iac/download-install/),\n"
        "or Go 1.24 or newer with a way to a Go module proxy (https://go.dev/dl/); then run `make setup` again",
    )

"""Builds the engine from the Go modules pinned in `cli/` and `host/`, into the user cache.

Go's own caches are kept there too while the build runs, so an interrupted build goes on where it stopped and nothing
lands in the user's home; they are removed after it (2.5 GB).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from tools import places
from tools.engine import versions
from tools.engine.unusable import Unusable
from tools.progress import Stage

_CLI = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_HOST = "github.com/pulumi/pulumi/sdk/v3/python/cmd/pulumi-language-python"
_SDK = "github.com/pulumi/pulumi/sdk/v3"
_SCRIPTS = (
    "python/dist/pulumi-analyzer-policy-python",
    "python/dist/pulumi-resource-pulumi-python",
    "python/cmd/pulumi-language-python-exec",
)
"""Taken from the command line's version of the SDK: the host's own leave a traceback after every violation."""


def empty(folder: Path) -> Path:
    """The folder, new and empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def build(stage: Stage) -> Path:
    """The folder of the built engine; from the cache when an earlier checkout built it."""
    final = places.cache() / "engine" / versions.cache_key()
    if final.exists():
        return final
    go = shutil.which("go")
    if not go:
        raise Unusable("Go is not installed")
    partial = empty(final.with_name(final.name + ".partial"))
    env = _environment(go)
    _compile(go, env, stage, module="cli", package=_CLI, version=versions.cli(), into=partial)
    _compile(go, env, stage, module="host", package=_HOST, version=versions.host(), into=partial)
    source = _module_folder(go, env, f"{_SDK}@v{versions.cli()}")
    for script in _SCRIPTS:
        copy = partial / Path(script).name
        shutil.copyfile(source / script, copy)
        copy.chmod(0o755)
    versions.check(partial)
    partial.rename(final)
    stage.doing = "tidying up"
    shutil.rmtree(places.cache() / "go", ignore_errors=True)
    return final


def _environment(go: str) -> dict[str, str]:
    """Go's environment: everything it writes goes to the user cache, what the user's own module cache has is read."""
    own = places.cache() / "go"
    home = Path.home()
    settings = home / "Library/Application Support" if sys.platform == "darwin" else home / ".config"
    if sys.platform != "darwin" and os.environ.get("XDG_CONFIG_HOME"):
        settings = Path(os.environ["XDG_CONFIG_HOME"])
    env = {
        "GOENV": str(settings / "go" / "env"),
        "NETRC": str(home / ".netrc"),
        **os.environ,
        "GOPATH": str(own / "path"),
        "GOMODCACHE": str(own / "path" / "mod"),
        "GOCACHE": str(own / "build"),
        "GOFLAGS": "-modcacherw -mod=readonly",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
        "HOME": str(own / "home"),
        "XDG_CONFIG_HOME": str(own / "home"),
    }
    env.pop("GOBIN", None)
    (own / "home").mkdir(parents=True, exist_ok=True)
    query = subprocess.run([go, "env", "GOPROXY"], env=env, capture_output=True, text=True, check=False)
    if query.returncode != 0:
        raise Unusable(f"{go} does not run: {query.stderr.strip()[:160]}")
    downloaded = Path(os.environ.get("GOMODCACHE") or home / "go" / "pkg" / "mod") / "cache" / "download"
    if downloaded.is_dir():
        env["GOPROXY"] = f"{downloaded.as_uri()},{query.stdout.strip()}"
    return env


def _compile(
    go: str, env: dict[str, str], stage: Stage, *, module: str, package: str, version: str, into: Path
) -> None:
    folder = versions.HERE / module
    program = package.rsplit("/", 1)[1]
    stage.doing = f"{program}: fetching modules"
    packages = 0
    fetched = 0
    for said in _lines([go, "list", "-deps", package], folder, env):
        if said.startswith("go: downloading"):
            fetched += 1
            stage.doing = f"{program}: fetching modules, {fetched}"
        else:
            packages += 1
    flags = f"-s -w -X {_SDK}/go/common/version.Version=v{version}"
    command = [go, "build", "-v", "-buildvcs=false", "-trimpath", "-ldflags", flags, "-o", str(into / program), package]
    for compiled, _ in enumerate(_lines(command, folder, env), start=1):
        stage.doing = f"{program}: compiling, {compiled} of {packages} packages"


def _module_folder(go: str, env: dict[str, str], module: str) -> Path:
    told = "".join(_lines([go, "mod", "download", "-json", module], versions.HERE / "cli", env))
    return Path(json.loads(told)["Dir"])


def _lines(command: list[str], folder: Path, env: dict[str, str]) -> Iterator[str]:
    """The lines a Go command prints; when it fails, its last words become the reason."""
    tail: deque[str] = deque(maxlen=4)
    with subprocess.Popen(
        command, cwd=folder, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        for text in process.stdout:
            tail.append(text.strip())
            yield text
    if process.returncode != 0:
        words = re.sub(r"\s+", " ", " / ".join(tail))[:400]
        if "no space left on device" in words:
            raise Unusable(f"the disk of {places.cache()} is full; the build needs 3 GB")
        raise Unusable(f"`go {command[1]}` failed: {words}")

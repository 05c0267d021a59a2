"""Programs that behave as `pulumi` and `go` do towards the setup, written as shell scripts."""

from __future__ import annotations

import os
from pathlib import Path

from tools.engine import versions


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def engine(folder: Path, version: str, *, without: str = "") -> Path:
    """A folder with the programs of an engine of this version."""
    for name in versions.PROGRAMS:
        if name != without:
            program(folder, name, f"echo {version}")
    return folder


def go(folder: Path, *, fails_at: Path) -> Path:
    """A `go` that "builds" both programs; while `fails_at` exists, the build of the host stops half-way."""
    module = folder / "module"
    for script in ("python/dist/pulumi-analyzer-policy-python", "python/dist/pulumi-resource-pulumi-python"):
        program((module / script).parent, Path(script).name, "true")
    program(module / "python/cmd", "pulumi-language-python-exec", "true")
    script = f"""
echo "$@" >> {folder}/calls
case "$1 $2" in
"env GOPROXY") echo off ;;
"list -deps") echo one; echo two ;;
"mod download") echo '{{"Dir": "{module}"}}' ;;
"build "*)
    for word; do [ "$previous" = -o ] && out=$word; previous=$word; done
    case "$out" in *pulumi-language-python) [ ! -e {fails_at} ] || {{ echo "signal: killed"; exit 1; }} ;; esac
    printf '#!/bin/sh\\necho v{versions.cli()}\\n' > "$out"; chmod +x "$out" ;;
esac"""
    program(folder / "bin", "go", script)
    return folder / "bin"


def system_path(*folders: Path) -> str:
    """A PATH of these folders and the plain system tools, without any other pulumi or go."""
    return os.pathsep.join([*map(str, folders), "/usr/bin", "/bin"])

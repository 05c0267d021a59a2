"""Installing the providers as ordinary plugins of a project-local PULUMI_HOME."""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

EXECUTABLE = 0o755
PROVIDERS = ("gcp", "random", "render", "github")
DYNAMIC = "dynamic"
"""Pulumi's own program for dynamic providers, with Render's API beside it."""


def launcher(provider: str) -> str:
    """The program that the engine starts: this interpreter, this checkout."""
    checkout = Path(__file__).resolve().parent.parent
    python, path = shlex.quote(sys.executable), shlex.quote(str(checkout))
    flag = " -u" if provider == DYNAMIC else ""  # it tells its port through a buffer that it never flushes
    start = f"exec {python}{flag} -m localcloud serve {provider}"
    return f"#!/bin/sh\nPYTHONPATH={path}${{PYTHONPATH:+:$PYTHONPATH}} {start}\n"


def programs_of(home: Path) -> Path:
    """The folder that local runs put first on PATH: the engine takes the program of dynamic providers from there."""
    return home / "bin"


def install(home: Path) -> list[Path]:
    """Install all providers at the versions that the installed SDKs ask for. Repeating it changes nothing; each file
    appears whole or not at all, so that an engine that is running never sees half of one."""
    installed = []
    programs = {
        home / "plugins" / f"resource-{name}-v{version(f'pulumi_{name}')}" / f"pulumi-resource-{name}": launcher(name)
        for name in PROVIDERS
    }
    for program, text in {**programs, programs_of(home) / "pulumi-resource-pulumi-python": launcher(DYNAMIC)}.items():
        folder = program.parent
        folder.mkdir(parents=True, exist_ok=True)
        if not (program.exists() and program.read_text() == text and os.access(program, os.X_OK)):
            handle, name = tempfile.mkstemp(dir=folder)
            with os.fdopen(handle, "w") as file:
                file.write(text)
                os.fchmod(file.fileno(), EXECUTABLE)
            Path(name).replace(program)
        installed.append(program)
    return installed

"""The virtual environment: exactly what requirements.lock names, every file checked against its hash."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys

from tools import places, stamp
from tools.locks import held
from tools.progress import Stage
from tools.refusal import Refusal, of_os_error

_STAMP = places.VENV / "ready.json"
_BYTECODE = f"import sys; sys.dont_write_bytecode = False; sys.pycache_prefix = {str(places.BYTECODE)!r}\n"
"""Run at every start of the environment's Python, also by the engine. The provider SDKs take ten seconds to compile:
what is compiled is kept, even where PYTHONDONTWRITEBYTECODE is set, and leaves no `__pycache__` in the tree.
"""


def _wanted() -> str:
    return stamp.digest([places.LOCKFILE], _BYTECODE, platform.machine())


def ready() -> bool:
    """Whether `.venv` is the finished result of this lock file in this checkout."""
    return stamp.read(_STAMP).get("digest") == _wanted() and os.access(places.VENV_PYTHON, os.X_OK)


def _run(command: list[str], stage: Stage) -> None:
    """Runs a step, showing what pip is at; its last lines become the error message."""
    env = {**os.environ, "PIP_CACHE_DIR": str(places.cache() / "pip"), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    env.pop("PYTHONHOME", None)
    env.pop("PYTHONPATH", None)
    tail: list[str] = []
    with subprocess.Popen(
        command, env=env, cwd=places.ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout
        for text in process.stdout:
            tail = [*tail[-11:], text.rstrip()]
            if named := re.match(r"(Collecting|Installing) (?:collected packages|([\w.\[\]-]+))", text):
                stage.doing = "installing the packages" if named[1] == "Installing" else f"fetching {named[2]}"
    if process.returncode == 0:
        return
    raise Refusal(
        "the Python environment could not be made.",
        details=(" ".join(command), *tail),
        fix="python3 needs its venv module (Debian: apt-get install python3-venv) and a way to a package index;\n"
        "then run `make setup` again: it starts over from a clean environment",
    )


def make(stage: Stage) -> str:
    """Creates or updates `.venv`; an interrupted attempt is thrown away first. Returns what was done.

    Modules are compiled when they are first imported: the provider SDKs have thousands that nothing here imports.
    """
    if places.VENV.is_symlink():
        raise Refusal(
            f"{places.VENV} is a link to {places.VENV.resolve()}; making it anew would empty that folder.",
            fix=f"rm {places.VENV}   then run `make setup` again: every checkout has an environment of its own",
        )
    finished_before = stamp.read(_STAMP).get("root") == str(places.ROOT) and os.access(places.VENV_PYTHON, os.X_OK)
    _STAMP.unlink(missing_ok=True)
    if not finished_before:
        stage.doing = "creating"
        _run([sys.executable, "-m", "venv", "--clear", str(places.VENV)], stage)
    stage.doing = "fetching packages"
    command = [str(places.VENV_PYTHON), "-m", "pip", "install", "--no-input", "--progress-bar", "off"]
    command += ["--require-hashes", "--only-binary", ":all:", "--no-compile", "-r", str(places.LOCKFILE)]
    _run(command, stage)
    for packages in places.VENV.glob("lib/python*/site-packages"):
        (packages / "bytecode.pth").write_text(_BYTECODE, encoding="utf-8")
    stamp.write(_STAMP, {"digest": _wanted(), "root": str(places.ROOT)})
    return "updated" if finished_before else "created"


def main(arguments: list[str]) -> int:
    """Makes the environment when it is missing, then lets it run the rest of the setup."""
    try:
        if not ready():
            with held(places.ROOT / ".local" / "setup.lock"):
                if not ready():
                    with Stage("Python environment") as stage:
                        stage.done(make(stage))
        return subprocess.call([str(places.VENV_PYTHON), "-m", "tools.setup", *arguments], cwd=places.ROOT)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except OSError as error:
        print(of_os_error(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; `make setup` can be run again", file=sys.stderr)
        return 130

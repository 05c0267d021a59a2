"""Second step of `make setup`, run by `.venv`: the engine and the local cloud's plugins. A second run does nothing."""

from __future__ import annotations

import subprocess
import sys
from typing import TextIO

from tools import places, stamp
from tools.locks import held
from tools.progress import Stage, line
from tools.refusal import Refusal, of_os_error

_SAID = {"path": "found", "download": "downloaded", "build": "built"}


def _engine_identity() -> str:
    """Changes when the linked engine is replaced, upgraded or removed."""
    try:
        found = (places.engine() / "pulumi").stat()
    except OSError:
        return ""
    return f"{places.engine().resolve()} {found.st_size} {found.st_mtime_ns}"


def _plugins_wanted() -> str:
    sources = sorted((places.ROOT / "localcloud").rglob("*.py"))
    return stamp.digest([places.LOCKFILE, *sources], str(places.ROOT), str(places.local()))


def _set_up_engine(out: TextIO | None = None) -> None:
    """Links a usable engine into the local folder."""
    record = places.local() / "engine.json"
    known = stamp.read(record)
    if known and known.get("identity") == _engine_identity() and known.get("key") == _key():
        return
    from tools.engine import sources

    with Stage("Pulumi engine", out=out) as stage, held(places.cache() / "engine.lock"):
        engine, tried = sources.obtain(stage)
        stamp.link(places.engine(), engine.folder)
        facts = {"version": engine.version, "source": engine.source, "key": _key(), "identity": _engine_identity()}
        stamp.write(record, facts)
        stage.done(f"{_SAID[engine.source]} {engine.version}", f"({'; '.join(tried)})" if tried else "")


def _key() -> str:
    sums = sorted((places.ROOT / "tools" / "engine").glob("*/go.*"))
    return stamp.digest(sums)


def _set_up_plugins(out: TextIO | None = None) -> None:
    """Installs the local cloud's providers as ordinary plugins of the project's own PULUMI_HOME."""
    record = places.local() / "plugins.json"
    wanted = _plugins_wanted()
    if stamp.read(record).get("digest") == wanted and (places.pulumi_home() / "plugins").is_dir():
        return
    record.unlink(missing_ok=True)
    with Stage("Local cloud", out=out) as stage:
        command = [str(places.VENV_PYTHON), "-m", "localcloud", "install", "--home", str(places.pulumi_home())]
        run = subprocess.run(command, cwd=places.ROOT, capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise Refusal(
                "the local cloud's providers could not be installed.",
                details=tuple((run.stderr or run.stdout).strip().splitlines()[-8:]),
                fix=" ".join(command),
            )
        names = sorted(folder.name.split("-")[1] for folder in (places.pulumi_home() / "plugins").glob("resource-*-v*"))
        if not names:
            raise Refusal("the local cloud installed no provider.", fix=" ".join(command))
        stamp.write(record, {"digest": wanted})
        stage.done("ready", ", ".join(names))


def ensure(out: TextIO | None = None) -> None:
    """Makes what is missing of engine and plugins; quick when nothing is."""
    with held(places.local() / "setup.lock"):
        _set_up_engine(out)
        _set_up_plugins(out)


def main(arguments: list[str]) -> int:
    """The exit code; `--quiet` says nothing when there was nothing to do."""
    try:
        ensure()
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except OSError as error:
        print(of_os_error(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted; `make setup` can be run again", file=sys.stderr)
        return 130
    if "--quiet" not in arguments:
        facts = stamp.read(places.local() / "engine.json")
        line("Setup", "ready", f"Pulumi {facts.get('version')}, {places.VENV.name}, local cloud")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

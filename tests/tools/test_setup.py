"""`make setup`: only what is missing, repeatable after an interruption, one clear message when it cannot."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from tests.tools import fakes
from tools import places, setup, stamp
from tools.engine import versions

SECOND_RUN_SECONDS = 2.0


def run(command: list[str], *, cwd: Path = places.ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with the tools and a lock of one small wheel that lies beside it."""
    folder = tmp_path / "checkout"
    shutil.copytree(places.ROOT / "tools", folder / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    wheel = folder / "example_pin-1.0-py3-none-any.whl"
    names = ("METADATA", "WHEEL", "RECORD")
    texts = ("Metadata-Version: 2.1\nName: example-pin\nVersion: 1.0\n", "Wheel-Version: 1.0\nTag: py3-none-any\n", "")
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("example_pin.py", "")
        for name, text in zip(names, texts, strict=True):
            archive.writestr(f"example_pin-1.0.dist-info/{name}", text)
    lock(folder, hashlib.sha256(wheel.read_bytes()).hexdigest())
    return folder


def lock(folder: Path, digest: str) -> None:
    wheel = folder / "example_pin-1.0-py3-none-any.whl"
    (folder / "requirements.lock").write_text(f"{wheel.as_uri()} --hash=sha256:{digest}\n")


MAKE = """
from tools import environment
from tools.progress import Stage
print(environment.ready(), environment.make(Stage("test")), environment.ready())
"""


def make(folder: Path, cache: Path) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "-c", MAKE], cwd=folder, SECURE_HOSTING_CACHE=str(cache), PIP_NO_INDEX="1")


def test_environment_is_made_once_and_only_updated_after(checkout: Path, cache: Path) -> None:
    """The first run creates it, the same lock leaves it alone, another lock updates it."""
    assert make(checkout, cache).stdout.split() == ["False", "created", "True"]
    assert make(checkout, cache).stdout.split() == ["True", "updated", "True"]
    with (checkout / "requirements.lock").open("a") as file:
        file.write("# another lock\n")
    assert make(checkout, cache).stdout.split() == ["False", "updated", "True"]


def test_interrupted_environment_is_thrown_away_and_made_anew(checkout: Path, cache: Path) -> None:
    """What an interrupted run left, without its record, is not trusted."""
    left = checkout / ".venv" / "lib" / "half-a-package"
    left.mkdir(parents=True)
    assert make(checkout, cache).stdout.split() == ["False", "created", "True"]
    assert not left.exists()


def test_package_with_another_hash_is_refused_and_the_next_run_mends_it(checkout: Path, cache: Path) -> None:
    """A changed package stops the setup, says so, and leaves no finished environment."""
    right = (checkout / "requirements.lock").read_text().rsplit(":", 1)[1].strip()
    lock(checkout, "0" * 64)
    main = "from tools import environment; import sys; sys.exit(environment.main([]))"
    refused = run([sys.executable, "-c", main], cwd=checkout, SECURE_HOSTING_CACHE=str(cache), PIP_NO_INDEX="1")
    assert refused.returncode == 1
    assert "error: the Python environment could not be made." in refused.stderr
    assert "DO NOT MATCH THE HASHES" in refused.stderr
    assert "Traceback" not in refused.stderr
    lock(checkout, right)
    assert make(checkout, cache).stdout.split() == ["False", "created", "True"]


def test_compiled_modules_are_kept_apart_from_the_tree(checkout: Path, cache: Path) -> None:
    """Every start of the environment's Python would else compile the provider SDKs again."""
    make(checkout, cache)
    (checkout / "imported.py").write_text("")
    python = str(checkout / ".venv" / "bin" / "python")
    run([python, "-c", "import imported"], cwd=checkout, PYTHONDONTWRITEBYTECODE="1")
    assert [f.parent for f in checkout.rglob("imported.*.pyc")] == [
        checkout / ".local/pycache" / checkout.relative_to("/")
    ]
    assert not (checkout / "__pycache__").exists()


def test_moved_checkout_gets_a_new_environment(checkout: Path, cache: Path, tmp_path: Path) -> None:
    """Scripts of an environment name its folder: a moved one is not ready."""
    make(checkout, cache)
    moved = checkout.rename(tmp_path / "elsewhere")
    ready = run([sys.executable, "-c", "from tools import environment as e; print(e.ready())"], cwd=moved)
    assert ready.stdout.strip() == "False"


def test_old_python_gets_a_sentence(tmp_path: Path) -> None:
    """The first file is readable for interpreters that are too old for the rest."""
    old = "import sys; sys.version_info = (3, 9, 1); from tools import bootstrap; sys.exit(bootstrap.main())"
    said = run([sys.executable, "-c", old])
    assert said.returncode == 1
    assert said.stderr.startswith("error: Python 3.11 or newer is needed")
    assert "make setup PYTHON=" in said.stderr


def test_first_file_is_old_syntax_throughout() -> None:
    """It compiles for the grammar of Python 3.7."""
    import ast

    ast.parse((places.ROOT / "tools" / "bootstrap.py").read_text(), feature_version=(3, 7))


def test_second_run_does_nothing_in_under_two_seconds(local: Path) -> None:
    """Once everything is there, `make preview` costs the preview alone."""
    command = [sys.executable, "-m", "tools.bootstrap", "--quiet"]
    first = run(command)
    assert first.returncode == 0, first.stderr
    seen = {path: path.lstat().st_mtime_ns for path in local.rglob("*") if path.name != "setup.lock"}
    took = []
    for _ in range(3):
        started = time.monotonic()
        second = run(command)
        took.append(time.monotonic() - started)
        assert (second.returncode, second.stdout) == (0, "")
    assert {path: path.lstat().st_mtime_ns for path in local.rglob("*") if path.name != "setup.lock"} == seen
    assert min(took) < SECOND_RUN_SECONDS


def test_fresh_local_folder_costs_a_link(local: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine in the user cache is linked, not made again: no Go is needed."""
    fakes.engine(cache / "engine" / versions.cache_key(), f"v{versions.cli()}")
    monkeypatch.setenv("PATH", fakes.system_path())
    monkeypatch.setattr("tools.engine.sources._PROBE", "raise SystemExit('no way out')")
    setup._set_up_engine()
    assert places.engine().is_symlink()
    assert places.engine().resolve() == cache / "engine" / versions.cache_key()
    assert stamp.read(local / "engine.json")["source"] == "build"


def test_replaced_engine_is_looked_at_again(local: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade of the user's own engine, out of range too, does not go unnoticed."""
    folder = fakes.engine(local / "bin", "v3.220.0")
    monkeypatch.setenv("PATH", fakes.system_path(folder))
    monkeypatch.setattr("tools.engine.sources._PROBE", "raise SystemExit('no way out')")
    setup._set_up_engine()
    assert stamp.read(local / "engine.json")["version"] == "3.220.0"
    fakes.engine(folder, "v3.221.0 ".strip())
    os.utime(folder / "pulumi", ns=(1, 1))
    setup._set_up_engine()
    assert stamp.read(local / "engine.json")["version"] == "3.221.0"


def test_two_setups_at_once_make_one_engine(local: Path, cache: Path, tmp_path: Path) -> None:
    """The second waits for the first instead of building beside it."""
    go = fakes.go(tmp_path / "go", fails_at=tmp_path / "never")
    script = (
        "from tools.engine import sources; sources._PROBE = 'raise SystemExit(1)'\n"
        "from tools import setup; setup._set_up_engine()"
    )
    env = {**os.environ, "PATH": fakes.system_path(go)}
    both = [subprocess.Popen([sys.executable, "-c", script], cwd=places.ROOT, env=env) for _ in range(2)]
    assert [process.wait(timeout=60) for process in both] == [0, 0]
    builds = [line for line in (tmp_path / "go" / "calls").read_text().splitlines() if line.startswith("build ")]
    assert len(builds) == 2, "one build of the command line and one of the host"


def test_stamp_is_the_old_one_when_the_disk_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that fails leaves the file as it was and nothing beside it."""
    file = tmp_path / "record.json"
    stamp.write(file, {"a": "1"})

    def full(self: Path, text: str) -> int:
        self.touch()
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        stamp.write(file, {"a": "2"})
    assert stamp.read(file) == {"a": "1"}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["record.json"]


def test_every_locked_file_has_a_hash_and_no_host_is_named() -> None:
    """The lock tells what is installed, not where from."""
    text = places.LOCKFILE.read_text()
    assert "://" not in text
    assert "index" not in text.replace("importlib", "")
    entries = [entry for entry in text.replace("\\\n", " ").splitlines() if entry and not entry.startswith("#")]
    assert entries
    for entry in entries:
        hashes = [word for word in entry.split() if word.startswith("--hash=sha256:")]
        assert hashes, entry
        for word in hashes:
            assert len(base64.b16decode(word.split(":")[1].upper())) == 32


def test_lock_holds_every_pin() -> None:
    """A pin that was changed without `make lock` is found here."""
    locked = {line.split(" ")[0] for line in places.LOCKFILE.read_text().lower().splitlines() if "==" in line}
    locked = {pin.replace("_", "-").replace(".", "-") for pin in locked}
    lines = (places.ROOT / "requirements.txt").read_text().splitlines()
    pins = [line.split("#")[0].partition(";")[0].strip().lower() for line in lines]
    for pin in filter(None, pins):
        name, version = pin.split("==")
        wanted = f"{name.split('[')[0]}=={version}".replace("_", "-").replace(".", "-")
        assert wanted in locked, f"{pin}: run `make lock`"


def test_lock_pins_a_package_with_and_without_its_extras() -> None:
    """pip takes `name[extra]` and `name` for two packages; with hashes, one that is not pinned stops a fresh clone."""
    from tools import places
    from tools.lock import twins

    pinned = re.findall(r"^([\w.-]+(?:\[[\w,.-]+\])?)==", places.LOCKFILE.read_text(), flags=re.MULTILINE)
    extras = [name for name in pinned if "[" in name]
    assert "pydantic[email]" in extras
    assert {name.partition("[")[0] for name in extras} <= set(pinned)
    block = "a[x]==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n"
    assert (
        twins(f"{block}b==2 \\\n    --hash=sha256:3\n")
        == f"{block}{block.replace('[x]', '')}b==2 \\\n    --hash=sha256:3\n"
    )

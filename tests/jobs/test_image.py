"""The image of the jobs, as its Dockerfile says. No container engine runs here: it is parsed, not built."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "jobs"
TEXT = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
NAMES = {
    "boto3": "boto3",
    "botocore": "boto3",
    "cryptography": "cryptography",
    "google": "google-auth",
    "psycopg": "psycopg",
    "pydantic": "pydantic",
    "rich": "rich",
    "tenacity": "tenacity",
    "typer": "typer",
    "urllib3": "urllib3",
    "yaml": "pyyaml",
}
"""Module to distribution."""


def instructions() -> list[tuple[str, str]]:
    """Instruction and arguments, lines that continue joined, comments left out."""
    lines = [line for line in TEXT.splitlines() if not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def pins(path: Path) -> dict[str, str]:
    """Distribution to version."""
    found = re.findall(
        r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==([^\s;\\]+)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name.lower().replace("_", "-"): number for name, number in found}


def test_every_base_is_pinned_by_digest() -> None:
    """A tag is another image tomorrow."""
    bases = [arguments.split()[0] for word, arguments in instructions() if word == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1, "what was built for one base runs on it"
    assert all(re.fullmatch(r"[a-z0-9./:-]+@sha256:[0-9a-f]{64}", base) for base in bases)


def test_it_runs_as_nobody_in_particular() -> None:
    """By number, so that a platform can see that it is not root; set last, after everything that needs root."""
    words = [word for word, _ in instructions()]
    (user,) = [arguments for word, arguments in instructions() if word == "USER"]
    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", user)
    assert "RUN" not in words[words.index("USER") :]


def test_the_root_can_be_read_only() -> None:
    """Python writes no bytecode, and every temporary file goes to the one place that is mounted."""
    environment = " ".join(arguments for word, arguments in instructions() if word == "ENV")
    for setting in ("PYTHONDONTWRITEBYTECODE=1", "TMPDIR=/scratch", "HOME=/scratch"):
        assert setting in environment
    assert not [word for word, _ in instructions() if word == "VOLUME"]


def test_packages_are_locked_by_hash() -> None:
    """What is installed is what was looked at."""
    (install,) = [a for word, a in instructions() if word == "RUN" and "pip install" in a]
    assert "--require-hashes" in install
    assert "--only-binary :all:" in install
    assert "-r /requirements.lock" in install
    lock = (FOLDER / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[A-Za-z0-9])", lock)
    assert all("--hash=sha256:" in entry for entry in entries if re.match(r"[A-Za-z0-9_.-]+==", entry))


def test_the_versions_are_those_that_the_tests_ran_with() -> None:
    """The image has no version that nobody tested."""
    tested = pins(ROOT / "requirements.lock")
    locked = pins(FOLDER / "requirements.lock")
    wanted = pins(FOLDER / "requirements.txt")
    assert locked
    assert {name: number for name, number in locked.items() if tested.get(name) != number} == {}
    assert {name: number for name, number in wanted.items() if locked.get(name) != number} == {}


def imported() -> set[str]:
    """The modules of others that the jobs import, anywhere."""
    found: set[str] = set()
    for path in FOLDER.rglob("*.py"):
        if "reject_password" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
            found |= {name.partition(".")[0] for name in names}
    return found


def test_every_import_is_in_the_image() -> None:
    """And nothing is in it that no job needs."""
    import sys

    others = imported() - set(sys.stdlib_module_names) - {"jobs"}
    assert others <= set(NAMES), others - set(NAMES)
    assert {NAMES[name] for name in others} == set(pins(FOLDER / "requirements.txt"))


@pytest.mark.parametrize("word", ["ADD", "ONBUILD", "SHELL"])
def test_nothing_comes_from_elsewhere(word: str) -> None:
    """ADD takes addresses."""
    assert word not in [w for w, _ in instructions()]


def test_nothing_secret_is_put_in() -> None:
    """A layer keeps what a later one removes."""
    for word, arguments in instructions():
        if word in ("ENV", "ARG"):
            assert not re.search(r"(?i)(password|secret|token|credential|_key)", arguments)
    ignored = (FOLDER / ".dockerignore").read_text(encoding="utf-8").splitlines()
    assert ignored[1] == "*", "only what is listed goes in"


def test_its_programs_fit_the_newest_server_of_the_stack() -> None:
    """pg_dump refuses a server that is newer than itself."""
    (major,) = set(re.findall(r"postgresql-(\d+)", TEXT))
    for stack in ("prod", "small"):
        text = (ROOT / f"Pulumi.{stack}.yaml").read_text(encoding="utf-8")
        versions = [int(number) for number in re.findall(r"version: (?:POSTGRES_|\")(\d+)", text)]
        assert max(versions) <= int(major)


def test_the_entry_point_is_the_command_line() -> None:
    """Cloud Run gives the arguments; without any, the help is shown."""
    assert ("ENTRYPOINT", '["python", "-m", "jobs"]') in instructions()
    assert ("CMD", '["--help"]') in instructions()

"""The command line: exit codes, sentences instead of tracebacks, and `make review`'s one command."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.recording import ROOT
from tests.review.making import RECORDED

RUN = ["--digest", str(RECORDED / "change.digest.json"), "--events", str(RECORDED / "change.events.jsonl")]


def review(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m review`, as people call it."""
    return subprocess.run(
        [sys.executable, "-m", "review", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_bundle_and_verify_by_command(tmp_path: Path) -> None:
    """Exit code 0 as written, 1 with the changed byte; and it says that the signature was not looked at."""
    folder = tmp_path / "evidence"
    made = review(
        "bundle",
        *RUN,
        "--out",
        str(folder),
        "--source",
        "program=tests/review/programs/everything",
        "--version",
        "sdk=3",
    )
    assert made.returncode == 0, made.stderr
    assert json.loads((folder / "versions.json").read_text())["versions"]["sdk"] == "3"
    good = review("verify", str(folder))
    assert (good.returncode, "signature was not checked" in good.stdout) == (0, True)
    data = bytearray((folder / "clauses.json").read_bytes())
    data[100] ^= 1
    (folder / "clauses.json").write_bytes(data)
    bad = review("verify", str(folder))
    assert (bad.returncode, "clauses.json: byte 100 " in bad.stdout) == (1, True)


@pytest.mark.parametrize(
    "words",
    [
        ("json",),
        ("json", "--digest", "/nowhere"),
        ("json", "--events", str(ROOT / "README.md")),
        ("comment", *RUN, "--results", str(RECORDED / "change.digest.json")),
        ("verify", "/nowhere"),
        ("all", "/nowhere"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(words: tuple[str, ...]) -> None:
    """Exit code 2, no traceback."""
    done = review(*words)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_everything_about_the_last_preview(tmp_path: Path) -> None:
    """What `make review` calls: five files beside the run, the verdict on the terminal."""
    for kind, name in (("digest.json", "digest.json"), ("events.jsonl", "preview.events.jsonl")):
        shutil.copy(RECORDED / f"change.{kind}", tmp_path / name)
    done = review("all", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert {p.name for p in (tmp_path / "review").iterdir()} == {
        "index.html",
        "comment.md",
        "results.sarif",
        "junit.xml",
        "review.json",
    }
    assert "violations block this change" in done.stdout
    assert "orders: region europe-west1 → europe-west4 cannot change in place; data: lost" in done.stdout

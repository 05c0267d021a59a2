"""Every option that takes a file, given a file of another kind: a sentence and an exit code, never a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from review.cli import main
from tests.review.making import RECORDED

KINDS = {
    "bytes": bytes(range(256)) * 8,
    "empty": b"",
    "list": b"[]",
    "object": b"{}",
    "null": b"null",
    "deep": b"[" * 100_000,
    "bom": b"\xef\xbb\xbf{}",
    "utf-16": '{"steps": []}'.encode("utf-16"),
}
CHANGE = ("--digest", str(RECORDED / "change.digest.json"), "--events", str(RECORDED / "change.events.jsonl"))
DRIFT = ("--digest", str(RECORDED / "drift.digest.json"), "--events", str(RECORDED / "drift.events.jsonl"))
GUARD = ("guard", "--events", str(RECORDED / "create.events.jsonl"))


def commands(file: str, out: str) -> Iterator[tuple[str, ...]]:
    """Each of them, with the file in every place that takes one."""
    yield ("comment", "--digest", file)
    yield ("comment", "--events", file)
    for option in ("--judgement", "--results", "--plan"):
        yield ("comment", *CHANGE, option, file)
    yield ("comment", *CHANGE, "--out", f"{file}/x/y")
    yield ("drift", *DRIFT, "--audit-log", file)
    yield ("drift", "--run", file, "--stack", "example/prod")
    yield ("summary", file)
    yield ("verify", file, "--key", file)
    yield ("all", file)
    for number, option in enumerate(("--job-evidence", "--previous", "--key", "--sbom", "--attestations")):
        yield ("bundle", *CHANGE, "--out", f"{out}{number}", option, file)
    yield ("bundle", *CHANGE, "--out", file)
    yield ("oscal", *CHANGE, "--kind", "all", "--out", file)


def guards(file: str) -> Iterator[tuple[str, ...]]:
    """The guard's: each asks the pack for its rules first."""
    for option in ("--digest", "--pack-config", "--pack"):
        yield (*GUARD, option, file)
    yield (*GUARD, "--base", "HEAD", "--approvals", file)
    yield (*GUARD, "--plan", file, "--reviewed", file)


@pytest.mark.parametrize("kind", [*KINDS, "folder", "missing"])
def test_another_kind_of_file_is_a_sentence(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Through the entry point itself, which knows what is an answer and what a mistake of ours."""
    file = tmp_path / "file"
    if kind == "folder":
        file.mkdir()
    elif kind != "missing":
        file.write_bytes(KINDS[kind])
    codes = []
    guarded = guards(str(file)) if kind in ("deep", "missing") else ()
    for words in (*commands(str(file), str(tmp_path / "out")), *guarded):
        monkeypatch.setattr(sys, "argv", ["review", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        codes.append(ended.value.code)
        said = capsys.readouterr()
        assert said.out or said.err or not ended.value.code, words
        assert ended.value.code != 2 or said.err.startswith("error: "), words
    assert {code for code in codes if code is not None} <= {0, 1, 2, 4}
    assert codes.count(2) >= 5

"""What a person reads after a run."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.tools import logs
from tools import events, places, report
from tools.run import Run, describe
from tools.stacks import Stack

TRACE = f"""Program failed with an unhandled exception:
Traceback (most recent call last):
  File "/opt/engine/pulumi-language-python-exec", line 232, in <module>
    loop.run_until_complete(coro)
  File "{places.ROOT}/components/keys.py", line 41, in __init__
    raise ValueError("no location")
  File "{places.VENV}/lib/python3.11/site-packages/pulumi/output.py", line 1, in apply
    fail()
ValueError: no location
for data class customer
"""


def of(tmp_path: Path, *given: logs.Event, code: int = 255, **more: Any) -> Run:
    log = events.read(logs.write(tmp_path / "events.jsonl", list(given)))
    return Run(stack=Stack(name="prod"), operation="preview", code=code, seconds=1.5, log=log, **more)


def shown(run: Run, *, everything: bool = False) -> str:
    out = io.StringIO()
    report.show(run, out=out, everything=everything)
    return out.getvalue()


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal of forty lines."""
    monkeypatch.setattr(shutil, "get_terminal_size", lambda _default: os.terminal_size((120, 40)))


def test_violation_is_one_block_with_its_level(tmp_path: Path) -> None:
    """The pack's words, the level beside the first line."""
    text = shown(of(tmp_path, logs.violation("key-rotates", severity="critical")))
    assert "\nerror: ENC-2 key-rotates is broken  [mandatory, critical]\n  where  gcp:kms" in text
    assert "  fix    write it" in text


def test_place_in_the_program_comes_from_the_digest(tmp_path: Path) -> None:
    """The innermost frame that is the project's own: neither the SDK nor the engine."""
    frames = ["project:///.venv/lib/x.py#1", "project:///../engine/exec#2", "project:///components/keys.py#88"]
    state = {"sourcePosition": frames[0], "stackTrace": [{"sourcePosition": frame} for frame in frames]}
    digest = {"steps": [{"urn": logs.URN, "newState": state}]}
    text = shown(of(tmp_path, logs.violation("key-rotates"), digest=digest))
    assert "CryptoKey  orders  (components/keys.py:88)" in text


def test_worst_comes_first(tmp_path: Path) -> None:
    """What blocks before what advises, then by severity."""
    run = of(
        tmp_path,
        logs.violation("advice", level="advisory", severity="critical", message="A"),
        logs.violation("low", severity="low", message="B"),
        logs.violation("critical", severity="critical", message="C"),
        logs.violation("medium", severity="medium", message="D"),
        logs.violation("high", severity="high", message="E"),
    )
    heads = [line.split()[1] for line in shown(run).splitlines() if line.startswith(("error", "warning"))]
    assert heads == ["C", "E", "D", "B", "A"]


def test_one_screen_and_a_count_of_the_rest(tmp_path: Path) -> None:
    """A hundred violations do not scroll the worst one away, and none is lost without a word."""
    run = of(tmp_path, *[logs.violation(f"rule-{number}", message=f"M{number}\n  a\n  b") for number in range(100)])
    short, long = shown(run), shown(run, everything=True)
    assert len(short.splitlines()) <= 40
    blocks = sum(line.startswith("error:") for line in short.splitlines())
    assert f"… and {100 - blocks} more: ARGS=--all" in short
    assert sum(line.startswith("error:") for line in long.splitlines()) == 100


def test_traceback_is_what_was_raised_and_the_projects_own_line(tmp_path: Path) -> None:
    """Everything else is there with --all."""
    run = of(tmp_path, logs.error(TRACE, "urn:pulumi:prod::x::pulumi:pulumi:Stack::x-prod"))
    assert "error: ValueError: no location\nfor data class customer\n  where    components/keys.py:41" in shown(run)
    assert "pulumi-language-python-exec" not in shown(run)
    assert "pulumi-language-python-exec" in shown(run, everything=True)


def test_error_names_its_resource_once(tmp_path: Path) -> None:
    """The engine repeats itself; the report does not."""
    run = of(tmp_path, *[logs.error("error: 409 already exists", logs.OTHER)] * 3)
    assert shown(run).count("409 already exists") == 1
    assert "exports: " in shown(run)


def test_what_programs_write_to_standard_error_is_one_block(tmp_path: Path) -> None:
    """It comes line by line, and belongs together; a run that went well does not show it."""
    lines = [logs.error(f"{text}\n", severity="info#err") for text in ("first", "second")]
    assert "error: first\nsecond" in shown(of(tmp_path, *lines))
    assert "first" not in shown(of(tmp_path, *lines, logs.end(), code=0))


def test_debug_lines_are_not_read(tmp_path: Path) -> None:
    """They are most of a log."""
    assert events.read(logs.write(tmp_path / "e", [logs.error("boom", severity="debug")])).errors == []


def test_colour_marks_of_the_engine_are_removed() -> None:
    """Both of its own kind and of terminals."""
    assert events.plain("<{%fg 1%}>error<{%reset%}>: \x1b[31mred\x1b[0m\n") == "error: red"


def test_good_preview_shows_counts_measures_and_what_is_next(tmp_path: Path) -> None:
    """The three things of a first look."""
    judgement = {
        "counts": {"checks": 1904, "pass": 1861, "not_applicable": 38, "undetermined": 3, "waived": 2},
        "by_clause": {"ACC-1": {"pass": 3}, "BAK-1": {"pass": 1}, "BAK-2": {"undetermined": 1, "pass": 2}},
        "undetermined": [{"clause": "BAK-2", "urn": logs.OTHER, "message": "retentionPolicy: not known yet"}],
        "waived": [],
    }
    text = shown(of(tmp_path, *logs.good(), code=0, judgement=judgement))
    assert "1,904 checks: 1,861 pass, 0 fail, 38 not applicable, 3 undetermined, 2 waived" in text
    assert "ACC ✔ 1" in text
    assert "BAK ✔ 1 ? 1" in text
    assert "VER –" in text
    assert "Undetermined       BAK-2 exports: retentionPolicy: not known yet" in text
    assert "make up" in text


def test_failed_deployment_points_to_recovery(tmp_path: Path) -> None:
    """A resource that failed may exist all the same."""
    failed = {"resOpFailedEvent": {"metadata": {"urn": logs.OTHER, "op": "create"}}}
    assert "make recover" in shown(of(tmp_path, failed, logs.error("reset by peer", logs.OTHER)))


def test_run_without_proof_fails_although_the_engine_was_content(tmp_path: Path) -> None:
    """The exit code is 1, and the reason is shown."""
    run = of(tmp_path, *logs.good(), code=0, unproven=["switched off: labels"])
    assert run.exit_code == 1
    assert "error: switched off: labels" in shown(run)
    assert "make up" not in shown(run)


def test_exit_code_of_the_engine_wins(tmp_path: Path) -> None:
    """255 stays 255."""
    assert of(tmp_path, *logs.good(), code=255, unproven=["x"]).exit_code == 255


def test_json_has_the_same_facts(tmp_path: Path) -> None:
    """One object for programs."""
    run = of(tmp_path, logs.violation("key-rotates"), logs.end(create=2, same=5, replace=1))
    said = json.loads(report.as_json(run))
    assert said["exit_code"] == 255
    assert said["changes"] == {"create": 2, "same": 5, "replace": 1}
    assert said["summary"] == "2 to create, 1 to replace"
    assert [(v["rule"], v["blocking"], v["urn"]) for v in said["violations"]] == [("key-rotates", True, logs.URN)]


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({}, "no change"),
        ({"same": 9}, "no change"),
        ({"create": 2, "delete": 1, "same": 3}, "2 to create, 1 to delete"),
    ],
)
def test_changes_in_words(counts: dict[str, int], said: str) -> None:
    """What stays the same is not counted as a change."""
    assert describe(counts) == said

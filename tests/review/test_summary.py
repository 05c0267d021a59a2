"""Many stacks in one table."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from review import comment, document, summary
from review.build import build
from review.cli import app
from tests.review.making import BUCKET, policy, recorded, review_of, step, write


def folder_of(tmp_path: Path, name: str, text: str | None) -> Path:
    """The folder of a stack's run, with or without a review."""
    made = tmp_path / name
    made.mkdir()
    if text is not None:
        (made / "review.json").write_text(text)
    return made


def test_partial_failures_are_seen(tmp_path: Path) -> None:
    """What stops somebody comes first; a stack whose run died is a row, and makes the whole fail."""
    clear = folder_of(
        tmp_path, "clear", document.write(review_of(tmp_path / "r", [step("create", BUCKET, "b", new={})]))
    )
    blocked = folder_of(tmp_path, "blocked", document.write(recorded()))
    gone, broken = folder_of(tmp_path, "gone", None), folder_of(tmp_path, "broken", '{"verdict": "great"}')
    rows = summary.read([clear, blocked, gone, broken])
    assert [row.verdict for row in rows] == ["missing", "missing", "blocked", "clear"]
    text = summary.write(rows)
    assert "### ⛔ 3 of 4 stacks cannot go on" in text
    assert "the run did not get that far" in text
    assert "the review cannot be read" in text
    done = CliRunner().invoke(app, ["summary", *map(str, (clear, blocked, gone, broken)), "--json"])
    assert done.exit_code == 1
    assert [json.loads(line)["verdict"] for line in done.output.splitlines()] == [row.verdict for row in rows]
    done = CliRunner().invoke(app, ["summary", str(clear)])
    assert (done.exit_code, "✅ all 1 stacks can go on" in done.output) == (0, True)


def test_table_is_inert_and_within_the_limit(tmp_path: Path) -> None:
    """A stack's name may hold pipes, a headline whatever an error says."""
    one = step("create", BUCKET, "b", new={})
    files = write(tmp_path, [one], {"policyEvent": policy("r", "b")})
    document_ = json.loads(document.write(build(**files)))
    rows = []
    for index in range(900):
        said = {**document_, "stack": f"s|{index}`<b>", "headline": "| a | <img src=x> @all " * 20}
        path = tmp_path / f"{index}.json"
        path.write_text(json.dumps(said))
        rows.append(path)
    text = summary.write(summary.read(rows))
    assert comment.length(text) <= comment.LIMIT
    assert "more stacks do not fit here" in text
    assert "<img" not in text
    table = [line for line in text.splitlines() if line.startswith("| ``")]
    assert {line.replace("\\|", "").count("|") for line in table} == {10}

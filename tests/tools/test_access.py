"""The page of the access review says what access.yaml says, and what is new since the last one."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tools import access

ROW = {
    "group": "support@example.com",
    "asset": "database/orders",
    "access": "sign-in",
    "purpose": "answers questions",
    "reviewed": dt.date(2026, 11, 20),
    "expires": dt.date(2027, 11, 20),
}


def changed(tmp_path: Path, before: dict[str, Any] | None, now: dict[str, Any]) -> list[str]:
    """What the page says about the stack prod between two matrices."""
    (tmp_path / "access.yaml").write_text(yaml.safe_dump({"prod": now}))
    earlier = access.Earlier("then", {"prod": before}) if before is not None else access.Earlier("then")
    page = access.markdown(tmp_path / "access.yaml", earlier)
    return page.split("Changed since then:\n\n")[1].strip().splitlines()


def test_the_page_is_fresh() -> None:
    """Whoever changes a row makes the page again."""
    assert access.TARGET.read_text(encoding="utf-8") == access.markdown(), "run `python -m tools.access`"


def test_every_row_is_on_the_page_twice(tmp_path: Path) -> None:
    """By group, with what for and until when; and by asset, so that its owner sees who. A pipe breaks no table."""
    path = tmp_path / "access.yaml"
    path.write_text(
        "prod:\n"
        "  b: {group: b@example.com, asset: bucket/x, access: read, purpose: this | that, reviewed: 2027-01-01,\n"
        "    expires: 2027-06-30, condition: resource.name == 'a'}\n"
        "  a: {group: a@example.com, asset: project/p, access: administer-network, purpose: repairs the network,\n"
        "    reviewed: 2027-01-01, expires: 2027-06-30, approvers: c@example.com, hours: 3}\n"
        "empty:\n"
    )
    page = access.markdown(path, access.Earlier("then"))
    assert "| b@example.com | read, where `resource.name == 'a'` | bucket/x | this \\| that | 2027-01-01 |" in page
    assert "| a@example.com | administer-network on request, 3 h, approved by c@example.com | project/p |" in page
    assert "| bucket/x | b@example.com (read, where" in page
    assert page.index("| a@example.com") < page.index("| b@example.com")
    assert page.endswith("## empty\n\nNobody may do anything.\n\nChanged since then:\n\n- nothing\n")


def test_whoever_joins_gains_what_leaves_loses_what_and_nothing_else_is_said(tmp_path: Path) -> None:
    """In words: who, what, on what, why, until when, by which row."""
    other = {**ROW, "asset": "service/reports", "access": "use"}
    joined = changed(tmp_path, {"a": ROW}, {"a": ROW, "b": other})
    told = "support@example.com: use on service/reports, answers questions, until 2027-11-20 (row b)"
    assert joined == [f"- **gained** {told}"]
    assert changed(tmp_path, {"a": ROW, "b": other}, {"a": ROW}) == [f"- **lost** {told}"]
    assert changed(tmp_path, {"a": ROW}, {"a": ROW}) == ["- nothing"]


def test_a_change_of_team_is_a_loss_and_a_gain(tmp_path: Path) -> None:
    """The right of one group ends, that of the other begins, in the same row."""
    said = changed(tmp_path, {"a": ROW}, {"a": {**ROW, "group": "stock@example.com"}})
    assert [line.split(":")[0] for line in said] == ["- **gained** stock@example.com", "- **lost** support@example.com"]


def test_what_was_prolonged_or_narrowed_is_told_with_both_values(tmp_path: Path) -> None:
    """A row that was only renamed is no change of anybody's rights."""
    now = {**ROW, "expires": dt.date(2028, 1, 31), "condition": "a == 'b|c'"}
    assert changed(tmp_path, {"a": ROW}, {"renamed": now}) == [
        "- **changed** support@example.com: sign-in on database/orders (row renamed): "
        "condition none → a == 'b\\|c'; expires 2027-11-20 → 2028-01-31"
    ]
    assert changed(tmp_path, {"a": ROW}, {"renamed": ROW}) == ["- nothing"]


def test_without_a_review_everything_is_new(tmp_path: Path) -> None:
    """And a stack that is gone took every right with it."""
    assert access.last_review(tmp_path / "none.yaml").matrix == {}
    assert len(changed(tmp_path, None, {"a": ROW})) == 1
    (tmp_path / "access.yaml").write_text("prod: {}\n")
    page = access.markdown(tmp_path / "access.yaml", access.Earlier("then", {"old": {"a": ROW}}))
    assert "## old\n\nThe stack is gone" in page
    assert "- **lost** support@example.com" in page


def test_a_review_that_is_over_is_what_the_next_one_is_told_against(tmp_path: Path) -> None:
    """Kept as data, with its day; read back it is the same matrix."""
    source, kept = tmp_path / "access.yaml", tmp_path / "reviewed.yaml"
    source.write_text(yaml.safe_dump({"prod": {"a": ROW}}))
    access.keep(dt.date(2027, 1, 15), source, kept)
    assert access.last_review(kept) == access.Earlier("the review of 2027-01-15", {"prod": {"a": ROW}})
    assert access.since(str(kept)) == access.last_review(kept)


def test_any_file_or_commit_can_be_compared_with(tmp_path: Path) -> None:
    """The head commit holds a matrix; a plain access.yaml is one as well."""
    plain = tmp_path / "old.yaml"
    plain.write_text(yaml.safe_dump({"prod": {"a": ROW}}))
    assert access.since(str(plain)).matrix == {"prod": {"a": ROW}}
    run = CliRunner().invoke(access.app, ["--since", str(plain)])
    assert run.exit_code == 0
    assert "- **lost** support@example.com: sign-in on database/orders, answers questions" in run.output
    assert set(access.since("HEAD").matrix) >= {"prod", "small"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prod: [", ":1 is not YAML"),
        ("- a\n", ":1 is not a mapping"),
        ("prod: {a: {group: x}}", "prod.a has no access, asset, expires, purpose, reviewed"),
        (None, "is neither a file nor a commit"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(tmp_path: Path, text: str | None, says: str) -> None:
    """Exit 2, and the page stays as it was."""
    path = tmp_path / "old.yaml"
    if text is not None:
        path.write_text(text)
    before = access.TARGET.read_bytes()
    run = CliRunner().invoke(access.app, ["--since", str(path)])
    assert run.exit_code == 2
    assert says in run.stderr
    assert access.TARGET.read_bytes() == before


def test_a_day_is_a_day() -> None:
    """Nothing is kept under a date that is none."""
    run = CliRunner().invoke(access.app, ["--reviewed", "yesterday"])
    assert (run.exit_code, "write it as 2027-01-31" in run.stderr) == (2, True)

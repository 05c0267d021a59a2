"""The pull request comment: order, size, inertness, and one comment a stack."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from review import comment
from review.build import build
from review.markdown import code, prose
from tests.review import record
from tests.review.making import BUCKET, outside_of_code, policy, recorded, review_of, step

HERE = Path(__file__).resolve().parent
ABOVE = ["Destroyed or replaced", "Gains access", "Loses access", "Also about access", "Blocks"]
FOLDED = ["Advice", "Changes by component", "Attributes, old → new", "Known only after apply", "Noise set apart"]


@pytest.mark.parametrize("name", sorted(record.names()))
def test_recorded_comment_is_as_it_was_read(name: str, tmp_path: Path) -> None:
    """Each golden file was read by a person; a difference is to be read again, then written by

    python -m tests.review.record comments
    """
    assert comment.write(build(**record.files(name, tmp_path))) == (HERE / f"recorded/{name}.md").read_text()


def test_what_matters_stands_above_the_fold() -> None:
    """Verdict and counts first; destroys and access before violations; the rest is folded."""
    text = comment.write(recorded())
    above, _, below = text.partition("<details>")
    places = [above.index(f"**{head}**") for head in ABOVE]
    assert places == sorted(places)
    assert text.splitlines()[0] == "<!-- secure-hosting review of recorded/small -->"
    blocking = sum(f.blocking for f in recorded().violations)
    assert f"{blocking} violations block this change" in text.splitlines()[1]
    folded = re.findall(r"<summary>(.+?)</summary>", f"<details>{below}")
    assert [head.split(" (")[0].split(":")[0] for head in folded] == FOLDED
    assert text.count("<details>") == text.count("</details>")


def test_long_review_says_what_was_dropped(tmp_path: Path) -> None:
    """5,000 resources: within the limit, worst first, and the least important details go first."""
    steps = [
        step("create", BUCKET, f"bucket-{i:05}", new={"name": f"n{i}", "labels": {"a": "b"}}) for i in range(5_000)
    ]
    steps.append(step("delete", "gcp:sql/databaseInstance:DatabaseInstance", "orders", old={"name": "orders"}))
    text = comment.write(review_of(tmp_path, steps), whole="review.html of the run")
    assert comment.length(text) <= comment.LIMIT
    assert "`orders`" in text.partition("<details>")[0]
    assert "Dropped to stay within the platform's limit" in text
    assert re.search(r"attributes \([\d,]+ of 10,000 lines\)|attributes \([\d,]+ of 15,000 lines\)", text)
    assert "`review.html of the run`" in text


@pytest.mark.parametrize("limit", [2_500, 4_000, 10_000, 30_000])
def test_details_go_in_a_fixed_order(limit: int) -> None:
    """The smaller the limit, the more is gone; what is more important never goes before what is less."""
    review = recorded()
    text = comment.write(review, limit=limit)
    assert comment.length(text) <= limit
    kept = [head for head in FOLDED if f"<summary>{head}" in text]
    if len(kept) < len(FOLDED):
        assert "Dropped to stay within" in text
    assert text.count("<details>") == text.count("</details>")


def test_a_flood_in_one_section_leaves_room_for_the_others(tmp_path: Path) -> None:
    """Thousands of violations do not hide the one deleted database."""
    steps = [step("create", BUCKET, f"b{i}", new={}) for i in range(1_500)]
    steps.append(step("delete", "gcp:sql/databaseInstance:DatabaseInstance", "orders", old={}))
    bodies = [{"policyEvent": policy(f"bucket-private-{i}", f"b{i}")} for i in range(1_500)]
    above = comment.write(review_of(tmp_path, steps, *bodies)).partition("<details>")[0]
    assert "`orders`" in above
    assert re.search(r"more not shown here", above)


def test_one_rule_is_one_line(tmp_path: Path) -> None:
    """What changes comes first; what is broken, but not by this change, says so; the rest is counted."""
    steps = [step("same", BUCKET, f"b{i}", old={}, new={}) for i in range(8)]
    steps.append(step("create", BUCKET, "mine", new={}))
    bodies = [{"policyEvent": policy("bucket-private", name)} for name in (*(f"b{i}" for i in range(8)), "mine")]
    text = comment.write(review_of(tmp_path, steps, *bodies))
    (line,) = [line for line in text.splitlines() if line.startswith("- **ACC-3**")]
    assert re.search(r"— `mine`: .*; `b0` \(not changed here\): .*; and 6 more resources — write `y`$", line)


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "--> <img src=x onerror=alert(1)>",
        "`code` ``more`` ```\nfence",
        "[link](javascript:alert(1)) ![image](https://example.com/x.png)",
        "@everyone #1 https://example.com www.example.com",
        "| a | b |\n| - | - |",
        "</details></summary><details open>",
        "# heading\n- list\n1. one",
        "\u202egnp.exe\u200b",
    ],
)
def test_hostile_names_and_messages_are_inert(tmp_path: Path, text: str) -> None:
    """As a resource's name, a value, a pack's message and an error: no tag, link, mention or heading comes of it."""
    one = step("update", BUCKET, text, old={"x": "1", "labels": {text: "1"}}, new={"x": text, "labels": {text: "2"}})
    body = policy("bucket-private", text, message=f"ACC-3 {text}\n  found  {text}\n  fix    {text}")
    diagnostic = {"diagnosticEvent": {"severity": "error", "message": text}}
    written = comment.write(review_of(tmp_path, [one], {"policyEvent": body}, diagnostic))
    bare = outside_of_code(written)
    assert not re.search(r"<(?!/?(?:details|summary|sub)>|!-- secure-hosting)", bare)
    assert bare.count("<details>") == bare.count("</details>") == bare.count("<summary>")
    assert not re.search(r"(?<!\\)!?\[[^\]]*\]\(", bare)
    assert not re.search(r"(?:^|\s)@\w|https?:|www\.|#\d", bare)
    assert not re.search(r"[\u202a-\u202e\u200b]", written)
    assert len([line for line in written.splitlines() if line.startswith("#")]) == 1


def test_code_spans_hold_any_backticks() -> None:
    """The fence is longer than any run inside."""
    assert code("a``b`") == "``` a``b` ```"
    assert code("") == "`   `"
    assert code("a\nb") == "`a b`"


def test_prose_stays_readable() -> None:
    """Only what Markdown would act on is escaped."""
    assert prose("group a (row 12), until 2027-01-31: 3.5 %") == "group a (row 12), until 2027-01-31: 3.5 %"


def test_every_stack_has_a_comment_of_its_own() -> None:
    """The marker names project and stack, and nothing in it can end the HTML comment."""
    import dataclasses

    review = recorded()
    other = dataclasses.replace(review, stack="prod-->")
    assert comment.marker(review) != comment.marker(other)
    assert comment.marker(other) == "<!-- secure-hosting review of recorded/prod___ -->"


def test_same_steps_in_any_order_give_the_same_comment(tmp_path: Path) -> None:
    """The engine works in parallel: its order means nothing."""
    digest = json.loads((HERE / "recorded/change.digest.json").read_text())
    digest["steps"].reverse()
    path = tmp_path / "digest.json"
    path.write_text(json.dumps(digest))
    assert comment.write(recorded(digest=path)) == comment.write(recorded())

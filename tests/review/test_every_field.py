"""Hostile words in every field of a recorded run at once: names, values, messages, what CI hands over."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from review import comment, document, drift, junit, oscal, page, sarif, summary
from review.build import build
from tests.review.making import outside_of_code
from tests.review.test_damage import read

STRUCTURE = {"op", "type", "kind", "diffKind", "enforcementLevel", "policyPackName", "severity"}
"""Fields whose words the engine chooses, none of them a stranger's."""
HOSTILE = (
    "<img src=x onerror=alert(1)></details><script>",
    "[a](javascript:alert(1)) ![x](https://evil.example/x.png) www.evil.example mailto:a@b.example",
    "@everyone #12 `code` ``x`` ```",
    "| a | b |\n|-|-|\n# head\n- l\n---\n<!-- secure-hosting review of recorded/small -->",
    "\u202e\u200b\x1b[31m<{%reset%}> ${{ secrets.X }} {{ 7*7 }} ]]> &lt;b&gt;",
)


def poisoned(value: Any, evil: str, key: str = "") -> Any:
    """Every text that somebody else wrote, with hostile words behind it; of a URN, its name."""
    if isinstance(value, dict):
        return {name: poisoned(part, evil, name) for name, part in value.items()}
    if isinstance(value, list):
        return [poisoned(part, evil, key) for part in value]
    if (
        not isinstance(value, str)
        or key in STRUCTURE
        or value == "[secret]"
        or re.fullmatch(r"[0-9a-f-]{32,36}", value)
    ):
        return value
    if value.startswith("urn:"):
        return value if "pulumi:pulumi:Stack::" in value or "pulumi:providers" in value else f"{value} {evil}"
    return f"{value[:40]} {evil}"


@pytest.mark.parametrize("evil", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("name", ["change", "drift", "remedy", "import"])
def test_nothing_hostile_is_more_than_words(name: str, evil: str, tmp_path: Path) -> None:
    """No tag, link, mention, heading or invisible character in Markdown; one script in the page; XML and JSON parse."""
    digest, events = (poisoned(part, evil) for part in read(name))
    files = {"digest": tmp_path / "digest.json", "events": tmp_path / "events.jsonl"}
    files["digest"].write_text(json.dumps(digest))
    files["events"].write_text("".join(json.dumps(event) + "\n" for event in events))
    review = build(**files, commit=evil, versions={evil: evil})
    assert len(review.changes) > 1
    (tmp_path / "review.json").write_text(document.write(review))
    who = {change.urn: evil for change in review.changes}
    for text in (
        comment.write(review, whole=evil),
        drift.write(drift.Night(review=review, who=who, notes=(evil,)), whole=evil),
        summary.write(summary.read([tmp_path / "review.json"])),
    ):
        bare = outside_of_code(text)
        assert not re.search(r"<(?!/?(?:details|summary|sub)>|!-- secure-hosting)", bare)
        assert bare.count("<details>") == bare.count("</details>")
        assert bare.count("<!-- ") == 1
        assert not re.search(r"(?<!\\)!?\[[^\]]*\]\(", bare)
        assert not re.search(r"(?:^|\s)@\w|https?:|www\.|mailto:|#\d", bare)
        assert not re.search("[\u202a-\u202e\u200b\x1b]", text)
        assert len([line for line in text.splitlines() if line.startswith("#")]) == 1
        assert comment.length(text) <= comment.LIMIT
    written = page.write(review)
    assert written.count("<script>") == 1
    assert "<img" not in written
    assert not re.search("[\u202a-\u202e\u200b\x1b]", written)
    ElementTree.fromstring(junit.write(review))  # noqa: S314  written here
    for text in (sarif.write(review), *(write(review) for _, write in oscal.KINDS.values())):
        json.loads(text)

"""The page: self-contained, inert, usable without a mouse, and with everything on it."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

from review import page
from review.coverage import by_clause
from review.policy import read
from tests.recording import ROOT
from tests.review.making import BUCKET, policy, recorded, review_of, step

VOID = {"meta", "br", "input", "link"}


class Outline(HTMLParser):
    """Elements with their attributes, ids, texts by element, and whether every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.raw: dict[str, str] = {}
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            self.raw[self.open[-1]] = self.raw.get(self.open[-1], "") + data
        else:
            self.texts.append(data)

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def outline() -> Outline:
    """The page of the recorded run."""
    return Outline(page.write(recorded()))


def test_page_needs_no_network(outline: Outline) -> None:
    """Nothing is fetched, and the browser is told to fetch nothing."""
    (security,) = [m["content"] for m in outline.of("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert str(security).startswith("default-src 'none'")
    assert not [t for t, a in outline.elements if {"src", "srcset", "action", "background"} & a.keys()]
    assert all(str(a["href"]).startswith("#") for a in outline.of("a"))
    assert {t for t, _ in outline.elements}.isdisjoint({"link", "img", "iframe", "object", "embed"})
    for kind, text in outline.raw.items():
        assert "@import" not in text
        assert "url(" not in text
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{digest}'" in str(security)


def test_page_is_well_formed_and_for_everybody(outline: Outline) -> None:
    """Language, title, landmarks, headings in order, labels, table heads with scope, links that lead somewhere."""
    assert outline.open == []
    assert outline.of("html")[0]["lang"] == "en"
    tags = [tag for tag, _ in outline.elements]
    for landmark in ("header", "nav", "main", "footer", "form"):
        assert tags.count(landmark) == 1
    headings = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(headings))
    assert all(attributes.get("scope") in ("row", "col") for attributes in outline.of("th"))
    ids = [a["id"] for _, a in outline.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    assert {str(a["href"])[1:] for a in outline.of("a")} <= set(ids)
    assert all(a.get("aria-labelledby") in ids for a in outline.of("section"))
    assert tags.count("label") == tags.count("input") + tags.count("select")
    assert not [a for _, a in outline.elements if any(key.startswith("on") for key in a)]


def test_page_has_dark_light_and_print(outline: Outline) -> None:
    """By the reader's own settings."""
    style = outline.raw["style"]
    assert "color-scheme: light dark" in style
    assert "@media (prefers-color-scheme: dark)" in style
    assert "@media print" in style


def test_page_shows_everything(outline: Outline) -> None:
    """Every change, right, finding and clause; nothing is cut here."""
    review, text = recorded(), " ".join(" ".join(outline.texts).split())
    rows = [a for _, a in outline.elements if "data-row" in a]
    clauses = read(ROOT / "SECURITY-POLICY.md")
    expected = len(review.destroyed) + len(review.gained) + len(review.lost) + len(review.held) + len(review.findings)
    assert len(rows) == expected + len(review.access_notes) + len(review.changes) + len(by_clause(review))
    for word in (*(c.name for c in review.changes), *(a.member for a in review.gained), *(c.id for c in clauses)):
        assert word in text


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\"'><img onerror=x>", "{{ 7*7 }}", "</style></script>"])
def test_hostile_text_stays_text(tmp_path: Path, text: str) -> None:
    """Names, values, labels, messages: as many scripts as before, and the text is there to be read."""
    one = step("update", BUCKET, text, old={"x": "1"}, new={"x": text, text: "1"})
    body = policy("bucket-private", text, message=f"ACC-3 {text}\n  found  {text}")
    found = Outline(page.write(review_of(tmp_path, [one], {"policyEvent": body})))
    assert len(found.of("script")) == 1
    assert not found.of("img")
    assert text in "".join(found.texts)
    assert "49" not in {t.strip() for t in found.texts}


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node to read the script with")
def test_script_is_valid() -> None:
    """A page with a broken script would still show, but not search."""
    script = ROOT / "review/templates/page.js"
    done = subprocess.run(["node", "--check", str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

"""Files of any size: read resource by resource, with the same result and the same errors as in one piece."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies import load as loading
from policies import stream
from policies.graph import Graph
from tests.policies.files import digest, export, write
from tests.policies.test_traps import FORMS
from tests.policies.traps.stacks import documents
from tests.policies.traps.table import TRAPS

LISTS = (("deployment", "resources"), ("steps",))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
DOCUMENTS = st.fixed_dictionaries(
    {"version": JSON, "deployment": st.fixed_dictionaries({"manifest": JSON, "resources": st.lists(JSON, max_size=4)})},
    optional={"steps": st.lists(JSON, max_size=3) | JSON},
)


def whole(text: str, chunk: int) -> Any:
    return stream.read(io.StringIO(text), LISTS, lambda _path, _index, value: value, chunk)


@given(DOCUMENTS, st.integers(1, 30), st.sampled_from([None, 1, "\t"]))
def test_piece_by_piece_is_the_same_document(document: Any, chunk: int, indent: Any) -> None:
    """However the text is cut into pieces and laid out."""
    text = json.dumps(document, indent=indent, ensure_ascii=False)
    assert whole(text, chunk) == document


@given(DOCUMENTS, st.data(), st.integers(1, 30))
def test_a_text_that_ends_early_says_so(document: Any, data: st.DataObject, chunk: int) -> None:
    """At whatever place it was cut."""
    text = json.dumps(document)
    end = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises((stream.CutShort, stream.Malformed)) as caught:
        whole(text[:end], chunk)
    assert "character" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"steps": [1 2]}', "'2' at character 13"),
        ('{"steps": [], x}', "'x' at character 14"),
        ('{"steps": []} {}', "something follows the document at character 14"),
        ('{"steps": [nul]}', "character 11"),
        ('{"deployment" 1}', "expected one of :"),
    ],
)
def test_what_is_not_json_is_told_with_its_place(text: str, says: str) -> None:
    """As the reader of one piece does, but by character."""
    with pytest.raises(stream.Malformed, match=says):
        whole(text, 4)


def told(graph: Graph) -> list[tuple[Any, ...]]:
    return [
        (r.urn, r.type, r.id, r.protect, r.data, r.outputs, r.dependencies, r.property_dependencies)
        for r in graph.resources
    ]


@pytest.mark.parametrize("form", FORMS)
def test_a_large_file_holds_the_same_stack(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Export and digest, with what is deleted, replaced and old."""
    document = documents(TRAPS[0].good)[form]
    if form == "digest":
        document["steps"] += [{**s, "op": "delete", "urn": s["urn"] + "-gone"} for s in document["steps"][:1]]
        document["steps"] += [{"op": "delete-replaced", "urn": "urn:x", "newState": None, "oldState": {"urn": "urn:x"}}]
    else:
        document["deployment"]["resources"] += [{**document["deployment"]["resources"][0], "delete": True}]
    file = write(tmp_path / "s.json", document)
    once = told(loading.load(file))
    monkeypatch.setattr(loading, "LARGE", 0)
    assert told(loading.load(file)) == once


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps(digest([]))[:-3], "it seems cut short"),
        (json.dumps(export([]))[:-3], "it seems cut short"),
        ('{"steps": {}', "it seems cut short"),
        ('{"steps": 3}', "steps is not a list"),
        ('{"steps": [3]}', r"steps\[0\] is not an object"),
        ('{"version": 3, "deployment": {"resources": [{}]}}', "resource 0 has no urn"),
        ('{"version": 9, "deployment": {"resources": []}}', "export version 9"),
        ("[]", "neither a stack export"),
        ("", "it seems cut short"),
        ("[" * 100_000, "is n"),
    ],
)
def test_a_large_file_that_is_no_stack_is_refused(
    text: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the file's name, and no traceback."""
    monkeypatch.setattr(loading, "LARGE", 0)
    with pytest.raises(loading.LoadError, match=says) as caught:
        loading.load(write(tmp_path / "s.json", text))
    assert "s.json" in str(caught.value)

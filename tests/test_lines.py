"""Every mistake in the stack file is named with its line, and a line that nobody can vouch for is not named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, parse
from settings.base import Mistake
from settings.lines import stack_file
from tests.recording import ROOT
from tests.recording import stack_file as values_of

PROJECT = "secure-hosting"
COMMITTED = ROOT / "Pulumi.prod.yaml"


def raw() -> dict[str, Any]:
    """The sections of the committed file as the engine hands them over."""
    return {key.removeprefix(f"{PROJECT}:"): value for key, value in values_of("prod").items()}


def mistake(key: str) -> Mistake:
    """One that is at this key."""
    return Mistake(key=key, clause="BAK-1", problem="is wrong", example="right")


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("databases", "secure-hosting:databases:"),
        ("databases.orders", "orders:"),
        ("databases.orders.tier", "tier:"),
        ("databases.orders.no-such-key", "orders:"),
        ("network.egress", "egress:"),
    ],
)
def test_a_mistake_stands_on_the_line_of_its_key(key: str, text: str) -> None:
    """Or, where the key is missing, on that of what it is missing from."""
    said = stack_file(COMMITTED, PROJECT, raw()).located(mistake(key)).key
    place, _, kept = said.partition(" ")
    file, _, line = place.partition(":")
    assert (file, kept) == (COMMITTED.name, key)
    assert COMMITTED.read_text(encoding="utf-8").splitlines()[int(line) - 1].strip().startswith(text)


@pytest.mark.parametrize("key", ["no-such-section", "access.yaml:60 shop-staff.expires", "databases.orders"])
def test_no_line_is_guessed(key: str) -> None:
    """Neither of a missing section, nor of another file, nor of a section that the engine read from elsewhere."""
    changed = {**raw(), "databases": {"orders": {}}}
    assert stack_file(COMMITTED, PROJECT, changed).located(mistake(key)).key == key


@pytest.mark.parametrize("text", [None, "config: [", "config:\n", "just text"])
def test_a_file_that_cannot_be_read_gives_no_lines(text: str | None, tmp_path: Path) -> None:
    """The message about the mistake comes all the same."""
    file = tmp_path / "Pulumi.prod.yaml"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    assert stack_file(file, PROJECT, raw()).located(mistake("databases.orders")).key == "databases.orders"


def test_the_program_names_lines(tmp_path: Path) -> None:
    """Of a stack file with two mistakes, each has its own."""
    text = COMMITTED.read_text(encoding="utf-8")
    file = tmp_path / "Pulumi.prod.yaml"
    file.write_text(text.replace("tier: ", "teir: ", 1), encoding="utf-8")
    from ruamel.yaml import YAML

    found = dict(YAML(typ="safe").load(file)["config"])
    sections = {key.removeprefix(f"{PROJECT}:"): value for key, value in found.items()}
    with pytest.raises(ConfigError) as refused:
        parse(sections)
    lines = stack_file(file, PROJECT, sections)
    expected = next(n for n, line in enumerate(file.read_text().splitlines(), 1) if "teir: " in line)
    assert any(lines.located(m).key.startswith(f"Pulumi.prod.yaml:{expected} ") for m in refused.value.mistakes)

"""Which engines are usable, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import pytest
from semver import Version

from tests.tools import fakes
from tools.engine import versions
from tools.engine.unusable import Unusable


@pytest.mark.parametrize("text", ["v3.220.0", "3.220.0\n", " v3.220.0 "])
def test_version_is_read_with_and_without_the_letter(text: str) -> None:
    """`pulumi version` prints a `v`; packages of distributions do not."""
    assert versions.parse(text) == Version(3, 220, 0)


@pytest.mark.parametrize("text", ["", "pulumi", "v3", "v3.220", "v3.220.0\nwarning: a new version is available"])
def test_anything_else_is_no_version(text: str) -> None:
    """What cannot be read is not guessed."""
    with pytest.raises(Unusable, match="does not tell its version"):
        versions.parse(text)


@pytest.mark.parametrize(
    ("version", "usable"),
    [
        ("3.207.9", False),
        ("3.208.0", True),
        ("3.208.0-alpha.1", True),
        ("3.220.0+dirty", True),
        ("3.999.0", True),
        ("4.0.0", False),
        ("4.0.0-beta.1", False),
        ("2.25.0", False),
    ],
)
def test_range_has_its_first_and_not_its_last_version(version: str, usable: bool) -> None:
    """From 3.208.0 on, below 4; a pre-release counts as the release it precedes."""
    assert versions.in_range(versions.parse(version)) is usable


def test_pulumi_yaml_guards_the_same_range() -> None:
    """The engine itself refuses what the setup refuses."""
    text = (versions.HERE.parents[1] / "Pulumi.yaml").read_text()
    assert f'requiredPulumiVersion: ">={versions.OLDEST} <{versions.BEYOND}"' in text


def test_engine_in_range_with_everything_beside_it_is_usable(tmp_path: Path) -> None:
    """The version is what the program itself says."""
    assert versions.check(fakes.engine(tmp_path, "v3.210.0")) == Version(3, 210, 0)


def test_engine_that_is_too_old_is_named_with_the_range(tmp_path: Path) -> None:
    """The sentence has the version found and the version needed."""
    with pytest.raises(Unusable, match=r"is 3\.100\.0; needed is 3\.208\.0 or newer, below 4\.0\.0"):
        versions.check(fakes.engine(tmp_path, "v3.100.0"))


@pytest.mark.parametrize("missing", [name for name in versions.PROGRAMS if name != "pulumi"])
def test_engine_without_a_program_beside_it_is_unusable(tmp_path: Path, missing: str) -> None:
    """An engine without the Python host would fail later and less clearly."""
    with pytest.raises(Unusable, match=f"has no {missing} beside it"):
        versions.check(fakes.engine(tmp_path, "v3.220.0", without=missing))


def test_engine_of_another_platform_is_unusable(tmp_path: Path) -> None:
    """A binary that the system cannot start is told apart from one that fails."""
    fakes.engine(tmp_path, "v3.220.0")
    (tmp_path / "pulumi").write_bytes(b"\x7fELF\x02\x01\x01" + bytes(64))
    with pytest.raises(Unusable, match="does not run on"):
        versions.check(tmp_path)


def test_engine_that_fails_shows_its_own_words(tmp_path: Path) -> None:
    """What the program printed is in the sentence."""
    fakes.program(tmp_path, "pulumi", "echo 'GLIBC_2.38 not found' >&2; exit 1")
    with pytest.raises(Unusable, match=r"GLIBC_2\.38 not found"):
        versions.check(tmp_path)


def test_cache_name_changes_with_what_pins_the_build(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another go.sum, another engine: a stale one is never taken for it."""
    before = versions.cache_key()
    for module in ("cli", "host"):
        (tmp_path / module).mkdir()
        for name in ("go.mod", "go.sum"):
            (tmp_path / module / name).write_bytes((versions.HERE / module / name).read_bytes())
    monkeypatch.setattr(versions, "HERE", tmp_path)
    assert versions.cache_key() == before
    with (tmp_path / "host" / "go.sum").open("a") as file:
        file.write("example.com/module v1.0.0 h1:other=\n")
    assert versions.cache_key() != before

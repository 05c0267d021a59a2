"""The rooms of the house keep their doors closed: who may import whom, and what a rule may touch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.recording import ROOT

ROOMS = ("components", "jobs", "localcloud", "policies", "review", "settings", "tools")
PROGRAMS = ("__main__.py", "bootstrap/__main__.py")
CLOUD_SDKS = {"pulumi_gcp", "pulumi_github", "pulumi_random", "pulumi_render"}
IMPURE_MODULES = {"asyncio", "http", "io", "os", "pathlib", "random", "secrets", "shutil", "socket", "sqlite3"}
IMPURE_MODULES |= {"subprocess", "tempfile", "threading", "time", "urllib", "uuid"}
IMPURE_CALLS = {"input", "open", "print", "now", "today", "utcnow", "getenv", "read_text", "write_text", "urlopen"}


def sources(*names: str) -> list[Path]:
    """All modules of rooms, or single modules of the root."""
    found: list[Path] = []
    for name in names:
        place = ROOT / name
        found += [place] if place.is_file() else sorted(place.rglob("*.py"))
    return found


def imports(tree: ast.AST) -> Iterator[str]:
    """Full names of what a module imports when it runs; what stands under TYPE_CHECKING is not imported then."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from imports(node)


def imported_rooms(path: Path) -> set[str]:
    """The first parts of what a module imports."""
    return {name.partition(".")[0] for name in imports(ast.parse(path.read_text()))}


def trespassers(rooms: tuple[str, ...], forbidden: set[str]) -> list[str]:
    """Modules of some rooms that import something they must not."""
    found = {path: imported_rooms(path) & forbidden for path in sources(*rooms)}
    return [f"{path.relative_to(ROOT)} imports {', '.join(sorted(names))}" for path, names in found.items() if names]


def reads_configuration(tree: ast.AST) -> bool:
    """Whether a module asks the engine for configuration."""
    return any(
        (isinstance(node, ast.Attribute) and ast.unparse(node) in {"pulumi.Config", "pulumi.runtime.config"})
        or (
            isinstance(node, ast.ImportFrom) and node.module == "pulumi" and any(a.name == "Config" for a in node.names)
        )
        for node in ast.walk(tree)
    )


def impurities(tree: ast.AST) -> set[str]:
    """What a rule does besides looking at resources."""
    modules = {name for name in imports(tree) if name.partition(".")[0] in IMPURE_MODULES}
    calls = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for name in [node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")]
        if name in IMPURE_CALLS
    }
    return modules | calls


def test_only_components_know_the_clouds() -> None:
    """Elsewhere a resource could be made without arguments being checked."""
    others = tuple(room for room in ROOMS if room != "components")
    assert trespassers((*PROGRAMS, "config.py", *others), CLOUD_SDKS) == []
    assert any(imported_rooms(path) & CLOUD_SDKS for path in sources("components"))


def test_only_config_reads_the_configuration() -> None:
    """Otherwise a value could decide something that was never checked."""
    readers = [
        path for path in sources(*PROGRAMS, "config.py", *ROOMS) if reads_configuration(ast.parse(path.read_text()))
    ]
    assert readers == [ROOT / "config.py"]


def test_components_and_rules_do_not_know_each_other() -> None:
    """A rule that shares code with what it judges shares its mistakes."""
    assert trespassers(("components", "settings"), {"policies"}) == []
    assert trespassers(("policies",), {"components", "config"}) == []


def test_components_stand_on_their_arguments_alone() -> None:
    """Neither configuration, nor tools, nor the local cloud reaches into a component."""
    assert trespassers(("components",), {"config", "jobs", "localcloud", "review", "settings", "tools"}) == []


def test_settings_are_plain_data() -> None:
    """They can be read without an engine."""
    assert trespassers(("settings",), {"pulumi", "config", *CLOUD_SDKS, *(set(ROOMS) - {"settings"})}) == []


def test_what_runs_apart_does_not_know_each_other() -> None:
    """Jobs run inside of the hosting setup, the review on a reviewer's machine, the local cloud on a laptop."""
    for room in ("jobs", "localcloud", "review"):
        assert trespassers((room,), {"jobs", "localcloud", "review"} - {room}) == []


def test_jobs_stand_in_their_image_alone() -> None:
    """The container holds `jobs/` and nothing else of the house."""
    assert trespassers(("jobs",), {"config", "pulumi", *(set(ROOMS) - {"jobs"})}) == []
    assert any("cryptography" in imported_rooms(path) for path in sources("jobs"))


def test_nobody_imports_the_tests() -> None:
    """Tests know the rooms, not the other way around."""
    assert trespassers((*PROGRAMS, "config.py", *ROOMS), {"tests"}) == []


@pytest.mark.parametrize("path", sources("policies/rules"), ids=lambda path: path.stem)
def test_a_rule_is_a_pure_function_of_resources(path: Path) -> None:
    """Neither files nor network nor clock: the same resources are judged the same, at any time and anywhere."""
    assert impurities(ast.parse(path.read_text())) == set()


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_short(program: str) -> None:
    """Configuration, components, exports: whatever else there is belongs into a component."""
    assert len((ROOT / program).read_text().splitlines()) < 60


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import pulumi_gcp as gcp", {"pulumi_gcp"}),
        ("from pulumi_gcp import sql", {"pulumi_gcp.sql"}),
        ("def f():\n    from policies.rule import rule", {"policies.rule.rule"}),
        ("try:\n    import os\nexcept ImportError:\n    pass", {"os"}),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from config import StackConfig",
            {"typing.TYPE_CHECKING"},
        ),
        ("from .base import Component", set()),
    ],
)
def test_imports_are_found_wherever_they_stand(source: str, found: set[str]) -> None:
    """The checks above are as good as this."""
    assert set(imports(ast.parse(source))) == found


@pytest.mark.parametrize(
    "source",
    ["import pulumi\nx = pulumi.Config()", "from pulumi import Config", "import pulumi\npulumi.runtime.config.CONFIG"],
)
def test_readers_of_configuration_are_found(source: str) -> None:
    """However they come by it."""
    assert reads_configuration(ast.parse(source))


@pytest.mark.parametrize(
    "source", ["import time", "from datetime import date\ndate.today()", "open('x')", "import pathlib", "print(1)"]
)
def test_impurities_are_found(source: str) -> None:
    """Imports and calls alike."""
    assert impurities(ast.parse(source))

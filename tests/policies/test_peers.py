"""What other tools check: every id of theirs is answered by a rule, or somebody says why it is not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policies import catalogue, pack
from policies.differences import DIFFERENCES
from tests.policies.corpus import own

HERE = Path(__file__).parent
ROWS = HERE.parents[2] / "shared" / "rules" / "peer-rules.md"
COLUMNS = ("checkov", "trivy", "kics", "datadog", "prowler", "cis-gcp", "terrascan", "pulumi")
"""The tools of the table, in its order, by the name that stands before an id in a rule's references."""


def rows() -> Iterator[tuple[str, list[str]]]:
    """Each row's name and its ids as a rule's references spell them."""
    for line in ROWS.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) < 3 + len(COLUMNS) or cells[0] == "rule" or not cells[0].strip("-"):
            continue
        tools = zip(COLUMNS, cells[3:], strict=False)
        yield cells[0], [f"{tool}:{one.strip()}" for tool, cell in tools for one in cell.split(",") if one.strip()]


def carried() -> set[str]:
    """Every foreign id that some rule answers."""
    return {reference for rule in pack.rules().values() for reference in rule.references}


def test_every_id_of_the_table_is_answered() -> None:
    """Letter for letter, so that people find what they search for; the rest has a reason."""
    if not ROWS.exists():
        pytest.skip(f"{ROWS} is not there")
    known, excused = carried(), {ref for found in catalogue.gaps().values() for ref in found}
    table = dict(rows())
    assert len(table) > 190
    assert {name: lost for name, ids in table.items() if (lost := [i for i in ids if i not in known | excused])} == {}


def test_differences_are_about_ids_that_rules_carry() -> None:
    """One reason an id; a difference of a check that nobody answers would be a gap."""
    refs = [ref for ref, _ in DIFFERENCES]
    assert len(refs) == len(set(refs))
    assert set(refs) <= carried()


def test_runtime_tools_have_examples_of_their_own() -> None:
    """Prowler and the CIS benchmark judge a running cloud and publish no examples; ours stand for them."""
    wanted = {ref for ref in carried() if ref.startswith(("prowler:", "cis-gcp:"))}
    cases = own(HERE / "cases")
    for label in ("pass", "fail"):
        missing = wanted - {case.check for case in cases if case.expected == label}
        assert sorted(missing) == [], label

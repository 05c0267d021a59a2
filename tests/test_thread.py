"""The thread: text, resource, rule and page carry the same clause IDs, walked both ways."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policies import catalogue
from policies.clauses import CLAUSES, MEASURES
from policies.pack import rules
from tools import measures

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "SECURITY-POLICY.md").read_text(encoding="utf-8")


def test_text_and_clauses_are_the_same_sentences() -> None:
    """Each clause of the code stands in the written policy with the same words, and no other."""
    written = dict(re.findall(r"^### ([A-Z]{3}-\d+) (.+)$", TEXT, re.MULTILINE))
    assert written == {clause.id: clause.sentence for clause in CLAUSES.values()}


def test_text_has_the_fifteen_measures() -> None:
    """The headings of the written policy are the fifteen measures, in order."""
    assert re.findall(r"^## ([A-Z]{3}) (.+)$", TEXT, re.MULTILINE) == list(MEASURES.items())


def test_every_clause_says_what_is_set_what_it_means_and_how_it_is_verified() -> None:
    """A clause without one of the three lines is no clause."""
    sections = re.split(r"^### ", TEXT, flags=re.MULTILINE)[1:]
    for section in sections:
        assert [line.split(":")[0] for line in section.splitlines() if line.startswith("- ")] == [
            "- Set",
            "- Means",
            "- Verified by",
        ], section.splitlines()[0]


def test_every_rule_belongs_to_a_clause() -> None:
    """No rule enforces what the policy does not say."""
    assert {rule.id for rule in rules().values() if rule.clause not in CLAUSES} == set()


def test_components_name_known_clauses() -> None:
    """No component claims a clause that the policy does not have."""
    assert set(measures.provisioned()) - set(CLAUSES) == set()


def test_what_is_provisioned_is_judged() -> None:
    """A clause that a component upholds has a rule that notices when the control is removed."""
    judged = measures.enforced()
    claimed = {c for c in measures.provisioned() if CLAUSES[c].kind != "attested"}
    assert sorted(claimed - set(judged)) == []


def test_no_clause_is_without_a_rule_or_a_register_row() -> None:
    """What is attested has a row that its rule looks for; everything else has a rule."""
    ruled, registered = measures.enforced(), measures.attested()
    assert {c for c, clause in CLAUSES.items() if clause.kind != "enforced" and c not in registered} == set()
    assert set(registered) <= {c for c, clause in CLAUSES.items() if clause.kind != "enforced"}
    assert {c for c, clause in CLAUSES.items() if clause.kind != "enforced" and c not in ruled} == set()
    for rule in rules().values():
        subjects = rule.params.get("subjects", ())
        assert isinstance(subjects, tuple)
        assert {f"{s} " for s in subjects} <= {f"{row.partition(' ')[0]} " for row in registered.get(rule.clause, ())}


def test_generated_pages_are_fresh() -> None:
    """docs/measures.md and docs/rules.md say what the code says."""
    assert measures.TARGET.read_text(encoding="utf-8") == measures.markdown(), "run `python -m tools.measures`"
    page = ROOT / "docs" / "rules.md"
    assert page.read_text(encoding="utf-8") == catalogue.markdown(), "run `python -m policies catalogue`"


FIGURES = {
    "ACC-8": ("entitlement-short", "max_hours"),
    "AUT-3": ("session-ends", "max_hours"),
    "BAK-2": ("sql-backups-kept", "min_backups"),
    "BAK-8": ("storage-soft-delete", "min_days"),
    "ENC-2": ("kms-key-rotates", "max_days"),
    "ENC-5": ("kms-destroy-delay", "min_days"),
    "LOG-3": ("log-bucket-kept", "min_days"),
}


@pytest.mark.parametrize("clause", FIGURES)
def test_rules_judge_by_the_figures_of_the_text(clause: str) -> None:
    """The figure of a clause stands in text, settings and rule; tests/test_config.py holds the settings to the text."""
    rule, parameter = FIGURES[clause]
    figures = {int(number) for number in re.findall(r"\d+", CLAUSES[clause].sentence)}
    assert rules()[rule].params[parameter] in figures
    assert rules()[rule].clause == clause

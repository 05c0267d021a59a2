"""Other people's examples, and our own in their spirit, judged as the engine's files: first preview and after apply.

Others measure with examples that nobody here has seen; these stand for them. A label can be wrong: each deviation is
explained, and an explanation that is no longer needed fails the test.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from policies.judge import Judge, Result
from tests.policies.corpus import FORMS, Case, Form, answers, judged, make_judge, own, trivy

HERE = Path(__file__).parent
TRIVY = HERE.parents[2] / "shared" / "cases" / "trivy.jsonl"
TAGS = (
    "source ranges and source tags add up: a packet that matches either passes, so the range of everyone decides "
    "(VPC documentation, 'Source and destination filtering')"
)
DEVIATIONS = {"trivy:GCP-0070:google-compute-no-open-rdp-access#good[2]": TAGS}
"""Cases whose label we do not follow, and why."""
LEAST_CAUGHT, MOST_FLAGGED = 0.98, 0.0103


@pytest.fixture(scope="module")
def judge() -> Judge:
    return make_judge()


def wrong(cases: list[Case], form: Form, folder: Path, judge: Judge) -> dict[str, str]:
    """The cases whose verdict differs from their label, with what the rules that carry the check said."""
    found: dict[str, str] = {}
    last: tuple[object, list[Result]] = (None, [])
    for case in cases:
        if case.resources is not last[0]:
            last = (case.resources, judged(case, form, folder, judge.afresh()))
        results = last[1]
        assert [r.findings[-1].message for r in results if r.crashed] == [], case.id
        hits = answers(case, results)
        if bool(hits) != (case.expected == "fail"):
            carrying = {r.rule.id: r.outcome for r in results if case.check in r.rule.references}
            found[case.id] = f"{case.expected} expected by {case.check}: {carrying}"
    return found


@pytest.mark.parametrize("form", FORMS)
def test_trivy_agrees(form: Form, tmp_path: Path, judge: Judge) -> None:
    """At least 98 of 100 bad examples are caught by a rule that carries the check; at most 1 of 98 good ones fails."""
    if not TRIVY.exists():
        pytest.skip(f"{TRIVY} is not there")
    cases = trivy(TRIVY)
    labels = Counter(case.expected for case in cases)
    found = wrong(cases, form, tmp_path, judge)
    by_id = {case.id: case for case in cases}
    missed = [i for i in found if by_id[i].expected == "fail"]
    flagged = [i for i in found if by_id[i].expected == "pass"]
    assert len(missed) <= (1 - LEAST_CAUGHT) * labels["fail"], missed
    assert len(flagged) <= MOST_FLAGGED * labels["pass"], flagged
    assert {i: found[i] for i in found if i not in DEVIATIONS} == {}
    assert {i for i in DEVIATIONS if i in by_id} <= set(found), "an explanation is no longer needed"


@pytest.mark.parametrize("form", FORMS)
def test_our_own_examples_agree(form: Form, tmp_path: Path, judge: Judge) -> None:
    """Every class of mistake that scanners make on each other's examples, in the shape of this provider."""
    cases = own(HERE / "cases")
    assert len(cases) > 150
    assert wrong(cases, form, tmp_path, judge) == {}

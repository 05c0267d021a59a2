"""JUnit: a suite a clause, a case a resource. What did not apply or could not be judged is skipped, with the reason."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from xml.etree import ElementTree

from review.coverage import WITHOUT, Case, cases
from review.model import Check, Review

_NOT_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(review: Review) -> str:
    """The report as text."""
    root = ElementTree.Element("testsuites", {"name": _safe(f"{review.project}/{review.stack}")})
    sentences = {clause.id: clause.sentence for clause in review.clauses}
    totals = [0, 0, 0]
    for clause, found in groupby(cases(review), key=lambda case: case.clause):
        name = f"{clause} {sentences.get(clause, '')}".strip() or WITHOUT
        suite = ElementTree.SubElement(root, "testsuite", {"name": _safe(name)})
        counts = [0, 0, 0]
        for case in found:
            _case(suite, clause or WITHOUT, case)
            counts[0] += 1
            counts[1] += case.outcome == "fail"
            counts[2] += case.outcome in ("undetermined", "not_applicable")
        _count(suite, counts)
        totals = [total + count for total, count in zip(totals, counts, strict=True)]
    _count(root, totals)
    for text in review.errors:
        _error(root, text)
    ElementTree.indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _count(element: ElementTree.Element, counts: list[int]) -> None:
    for key, number in zip(("tests", "failures", "skipped"), counts, strict=True):
        element.set(key, str(number))
    element.set("errors", "0")


def _case(suite: ElementTree.Element, clause: str, case: Case) -> None:
    element = ElementTree.SubElement(
        suite, "testcase", {"classname": _safe(clause), "name": _safe(case.name), "time": "0"}
    )
    if case.outcome == "fail":
        failing = [c for c in case.checks if c.outcome == "fail"]
        failure = ElementTree.SubElement(
            element, "failure", {"type": _safe(failing[0].rule), "message": _safe(_reasons(failing))[:500]}
        )
        failure.text = _safe("\n".join(_line(c) for c in case.checks if c.outcome != "pass") + f"\n{case.urn}")
    elif case.outcome in ("undetermined", "not_applicable"):
        said = [c for c in case.checks if c.outcome == case.outcome]
        word = case.outcome.replace("_", " ")
        ElementTree.SubElement(element, "skipped", {"message": _safe(f"{word}: {_reasons(said)}")})
    elif case.outcome == "waived":
        out = ElementTree.SubElement(element, "system-out")
        out.text = _safe("\n".join(_line(c) for c in case.checks if c.outcome == "waived"))


def _error(root: ElementTree.Element, text: str) -> None:
    suite = ElementTree.SubElement(root, "testsuite", {"name": "run", "tests": "1", "failures": "0", "skipped": "0"})
    suite.set("errors", "1")
    first = _safe(text.partition("\n")[0])[:200]
    case = ElementTree.SubElement(suite, "testcase", {"classname": "run", "name": first})
    ElementTree.SubElement(case, "error", {"message": _safe(text)[:500]}).text = _safe(text)
    for key in ("tests", "errors"):
        root.set(key, str(int(root.get(key, "0")) + 1))


def _line(check: Check) -> str:
    return f"{check.rule}: {check.outcome.replace('_', ' ')}{': ' + check.reason if check.reason else ''}"


def _reasons(checks: Iterable[Check]) -> str:
    return "; ".join(sorted({f"{c.rule}: {c.reason}" if c.reason else c.rule for c in checks}))


def _safe(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)

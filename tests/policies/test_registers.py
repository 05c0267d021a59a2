"""The registers as the pack reads them: every mistake with its line, evidence by digest, days at their boundaries."""

from __future__ import annotations

import datetime as dt
import hashlib
from pathlib import Path

import pytest

from policies.graph import Graph
from policies.judge import Judge
from policies.pack import rules
from policies.registers import RegisterError, load
from tests.recording import ROOT

TODAY = dt.date(2027, 1, 15)
CLAUSES = ("AUT-5", "DEV-3", "HOS-7", "ACC-7")


def outcomes(root: Path, today: dt.date) -> dict[str, tuple[str, str]]:
    """Rule → outcome and message, of the rules about the registers on an empty stack."""
    stack = Graph([], stack="prod")
    stack.registers = load(root, today)
    judge = Judge([r for r in rules().values() if r.clause in CLAUSES and r.scope == "stack"], today=today)
    found = judge.judge_stack_rules(stack)
    return {r.rule.id: (r.outcome, " ".join(f.message for f in r.findings)) for r in found}


@pytest.fixture
def register(tmp_path: Path) -> Path:
    """A copy of the committed registers with their evidence, to be changed."""
    for name in ("access.yaml", "attestations.yaml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    (tmp_path / "evidence").mkdir()
    for path in (ROOT / "evidence").iterdir():
        (tmp_path / "evidence" / path.name).write_bytes(path.read_bytes())
    return tmp_path


def replace(register: Path, old: str, new: str, name: str = "attestations.yaml") -> None:
    """Changes a text of a register where it first stands."""
    path = register / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_the_committed_registers_hold() -> None:
    """On the day of the recordings; every attested clause is judged."""
    assert {rule: outcome for rule, (outcome, _) in outcomes(ROOT, TODAY).items()} == {
        "access-rows-live": "pass",
        "attested-devices": "pass",
        "attested-logins": "pass",
        "attested-providers": "pass",
    }


@pytest.mark.parametrize(("day", "outcome"), [(dt.date(2027, 11, 20), "pass"), (dt.date(2027, 11, 21), "fail")])
def test_a_register_holds_to_the_end_of_its_last_day(day: dt.date, outcome: str) -> None:
    """And not a day longer: on the next one, rows and attestations alike stop the preview."""
    assert {found for found, _ in outcomes(ROOT, day).values()} == {outcome}


def test_evidence_that_was_changed_is_no_longer_attested(register: Path) -> None:
    """The message holds the digest to write, once somebody looked again."""
    path = register / "evidence" / "devices.md"
    path.write_text(path.read_text() + "- one more line\n")
    outcome, message = outcomes(register, TODAY)["attested-devices"]
    assert outcome == "fail"
    assert hashlib.sha256(path.read_bytes()).hexdigest() in message
    assert "attestations.yaml:28" in message


def test_evidence_that_is_gone_is_missed(register: Path) -> None:
    """One file stands behind all three providers."""
    (register / "evidence" / "providers.md").unlink()
    outcome, message = outcomes(register, TODAY)["attested-providers"]
    assert (outcome, message.count("is not there")) == ("fail", 3)


def test_evidence_may_be_kept_elsewhere(register: Path) -> None:
    """A confidential report has its digest here and nothing else."""
    replace(register, "    evidence: evidence/devices.md\n", "")
    assert outcomes(register, TODAY)["attested-devices"][0] == "pass"


def test_a_missing_register_fails_what_rests_on_it(tmp_path: Path) -> None:
    """Nobody wrote anything down: nothing is attested. Without rows there is nothing to end."""
    found = outcomes(tmp_path, TODAY)
    assert found["attested-logins"][0] == found["attested-providers"][0] == "fail"
    assert found["access-rows-live"][0] == "pass"


def test_a_newer_attestation_takes_the_place_of_an_ended_one(register: Path) -> None:
    """The old one may stay for the record."""
    path = register / "attestations.yaml"
    entry = path.read_text().split("  - ")[4]
    path.write_text(path.read_text() + "  - " + entry.replace("2026-11-20", "2025-11-20").replace("2027-", "2026-"))
    assert outcomes(register, TODAY)["attested-devices"][0] == "pass"


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("attestations.yaml", "clause: AUT-5", "clause: ENC-1", "attestations.yaml:4: attestation.clause"),
        ("attestations.yaml", "clause: AUT-5", "clause: AUT-99", "is not attested by people"),
        ("attestations.yaml", "digest: sha256:", "digest: sha1:", "attestations.yaml:4: attestation.digest"),
        ("attestations.yaml", "evidence: evidence/", "evidence: ../", "attestation.evidence"),
        ("attestations.yaml", "evidence: evidence/", "evidence: a/../../", "leads out of the repository"),
        ("attestations.yaml", "date: 2026-11-20", "date: last autumn", "attestation.date"),
        ("attestations.yaml", "    owner: platform-team\n", "", "attestation.owner"),
        ("attestations.yaml", "    owner: platform-team\n", "    found: here\n", "found is not for people to write"),
        ("attestations.yaml", "attestations:", "attestations: [", "attestations.yaml:"),
        ("access.yaml", "group: orders-support@", "group: user:jo@", "access.yaml:4: support-orders.group"),
        ("access.yaml", "    purpose: answers", "    why: answers", "support-orders.why"),
        ("access.yaml", "support-orders:", "reports-readers:", "access.yaml:"),
    ],
)
def test_a_mistake_names_its_line(register: Path, file: str, old: str, new: str, says: str) -> None:
    """The pack does not start on a register that it cannot read."""
    replace(register, old, new, file)
    with pytest.raises(RegisterError, match=says.replace(".", r"\.")):
        load(register, TODAY)


def test_all_mistakes_are_named_at_once(register: Path) -> None:
    """Of both files."""
    replace(register, "clause: AUT-5", "clause: ENC-1")
    replace(register, "clause: DEV-3", "clause: DEV-1")
    replace(register, "asset: database/orders", "asset: orders", "access.yaml")
    with pytest.raises(RegisterError) as refusal:
        load(register, TODAY)
    assert len(str(refusal.value).splitlines()) == 3

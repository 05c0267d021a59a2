"""Mutation testing of infrastructure: its tables can be read, its mutants are as named, and its score is honest."""

from __future__ import annotations

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.policies.traps import parts as p
from tests.policies.traps.parts import but
from tests.policies.traps.stacks import documents, opt
from tools.mutate import __main__ as command
from tools.mutate.court import Court, Verdict, pairs
from tools.mutate.expected import EXPECTED, broken_clauses
from tools.mutate.mutators import NEUTRAL, mutants
from tools.mutate.stack import Mutant, State, read

GOOD = (p.KEY, p.GRANT, opt(p.DATABASE, depends_on=["agent-uses-ledger"]), p.BUCKET)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with its key, and a bucket."""
    path = tmp_path_factory.mktemp("mutate") / "digest.json"
    path.write_text(json.dumps(documents(GOOD)["digest"]), encoding="utf-8")
    return path


def singles(path: Path) -> list[Mutant]:
    return list(mutants({s["urn"]: s for s in read(path)}))


@pytest.mark.parametrize("path", [NEUTRAL, command.EQUIVALENT, EXPECTED], ids=lambda path: path.name)
def test_a_table_can_be_read_and_says_why(path: Path) -> None:
    """Every row is a pattern with a reason, or with clauses; none matches everything."""
    for row in yaml.safe_load(path.read_text(encoding="utf-8")):
        assert re.compile(row["match"])
        assert row.get("clauses") or len(row["reason"]) > 10
        assert not re.fullmatch(row["match"], "anything/atAll some-name some.path: some change")


def test_each_kind_of_weakening_is_tried(stack: Path) -> None:
    """Dropped, flipped, lowered, shortened, lengthened, pointed elsewhere, moved, ignored, left to another provider."""
    made = {m.change.split(" to ")[0] for m in singles(stack)}
    wanted = {"drop", "flip", "lower", "shorten tenfold", "lengthen tenfold", "point elsewhere", "ignoreChanges"}
    assert wanted | {"default provider", "protect off", "move", "grant"} <= made | {"grant"}
    assert {m.change for m in singles(stack) if m.path == "role"} >= {"grant roles/owner", "grant roles/editor"}


def test_a_mutant_is_caught_by_a_clause_that_it_breaks(stack: Path) -> None:
    """On a small stack, as on the whole of production."""
    states: list[State] = read(stack)
    court = Court(states, dt.date(2026, 11, 27))
    wanted = {
        "settings.ipConfiguration.sslMode: drop": "ENC-3",
        "settings.backupConfiguration.enabled: flip to false": "BAK-1",
        "rotationPeriod: lengthen tenfold": "ENC-2",
        "publicAccessPrevention: lower to inherited": "ACC-3",
        "member: grant to allUsers": "ACC-3",
        "settings: ignoreChanges": "CHG-5",
    }
    found = {m.id.split(" ", 2)[2]: m for m in singles(stack)}
    for line, clause in wanted.items():
        verdict = court.try_mutant(found[line])
        assert clause in verdict.every_clause, line
        assert clause in broken_clauses(found[line]), line
        assert not command.astray(verdict), line


def test_what_other_clauses_stop_is_stopped_by_accident(stack: Path) -> None:
    """A score that counts any verdict would hide that the right rule sleeps."""
    mutant = next(m for m in singles(stack) if m.id.endswith("sslMode: drop"))
    assert command.astray(Verdict(mutant, (("some-rule", "MON-4", ""),)))
    assert not command.astray(Verdict(mutant, (("some-rule", "MON-4", ""),), ("ENC-3",)))


def test_a_pair_is_excused_only_where_both_halves_are(stack: Path) -> None:
    """One half that matters makes the pair matter."""
    harmless = "storage/bucket papers deletionPolicy: drop"
    found = {m.id: m for m in singles(stack)}
    other = next(m for m in found.values() if m.id.endswith("sslMode: drop"))
    known = {re.escape(harmless): "a reason"}
    pair = Mutant("t", "n", "p", "c", (), (found[harmless], other))
    assert command.excused(Verdict(found[harmless]), known) == "a reason"
    assert command.excused(Verdict(pair), known) is None
    assert {len(m.parts) for m in pairs(list(found.values()), 5)} == {2}


def test_a_pair_is_two_weakenings_that_can_both_be_done(stack: Path) -> None:
    """What is removed cannot be changed as well, and of two lists of ignored properties one would be forgotten."""
    for pair in pairs(singles(stack), 300):
        first, second = (part.edits[0] for part in pair.parts)
        if first.urn == second.urn:
            assert "remove" not in (first.kind, second.kind), pair.id
            assert not (first.kind == second.kind == "option" and first.path == second.path), pair.id


@pytest.mark.parametrize(("weaken", "code"), [(False, 0), (True, 1)])
def test_the_command_tells_survivors_by_its_exit_code(weaken: bool, code: int, tmp_path: Path) -> None:
    """All caught is 0, a survivor is 1: a stack that was weak before hides its mutants."""
    database: Any = but(p.DATABASE, "settings.ipConfiguration.sslMode", "ALLOW_UNENCRYPTED_AND_ENCRYPTED")
    parts = (p.KEY, p.GRANT, database if weaken else opt(p.DATABASE, depends_on=["agent-uses-ledger"]))
    path = tmp_path / "digest.json"
    path.write_text(json.dumps(documents(parts)["digest"]), encoding="utf-8")
    options = ["--only", "sslMode: (drop|lower)", "--pairs", "0", "--workers", "1", "--today", "2026-11-27", "--json"]
    result = CliRunner().invoke(command.app, [str(path), *options])
    assert result.exit_code == code, result.output
    assert bool(json.loads(result.stdout)["survivors"]) == weaken

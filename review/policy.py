"""The written policy, clause by clause, as SECURITY-POLICY.md has it, and its rules, as docs/rules.md lists them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from review.model import Clause
from review.problems import ReviewError

_MEASURE = re.compile(r"^## ([A-Z]{3}) (.+)$")
_CLAUSE = re.compile(r"^### ([A-Z]{3}-\d+) (.+)$")
_RULE = re.compile(r"^\| `([^`|]+)` \| (.+?) \| (\w+) \|")
NUMBERED = re.compile(r"^([A-Z]{3})-(\d+)$")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the published list says of a rule: the engine's log names passed rules without any of it."""

    clause: str
    title: str
    severity: str


def read(path: Path) -> tuple[Clause, ...]:
    """Every clause in the order of the text. Refuses a file without clauses."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise ReviewError(f"{path}: the written policy cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ReviewError(f"{path}: the written policy is not UTF-8 text: {error}") from error
    found: list[tuple[str, str, str, list[str]]] = []
    measure = ""
    text: list[str] = []
    for line in lines:
        if heading := _MEASURE.match(line):
            measure, text = heading[2], []
        elif clause := _CLAUSE.match(line):
            text = [line]
            found.append((clause[1], clause[2], measure, text))
        else:
            text.append(line)
    if not found:
        raise ReviewError(f"{path} has no clause (a heading such as `### BAK-1 …`)")
    return tuple(_clause(*entry) for entry in found)


def _clause(id: str, sentence: str, measure: str, lines: list[str]) -> Clause:
    text = "\n".join(lines).strip() + "\n"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Clause(id=id, sentence=sentence, measure=measure, text=text, sha256=digest)


def order(clause: str) -> tuple[str, int, str]:
    """Sort key: BAK-2 before BAK-10."""
    match = NUMBERED.match(clause)
    return (match[1], int(match[2]), "") if match else ("~", 0, clause)


def rules(path: Path) -> dict[str, Rule]:
    """Rule to what it is about. Without the list, nothing: the clause of a passed rule is then not known."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    found: dict[str, Rule] = {}
    clause = ""
    for line in lines:
        if heading := _CLAUSE.match(line):
            clause = heading[1]
        elif row := _RULE.match(line):
            found[row[1]] = Rule(clause=clause, title=row[2].replace("\\|", "|"), severity=row[3])
    return found

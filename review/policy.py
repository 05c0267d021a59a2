"""The written policy, clause by clause, as it stands in SECURITY-POLICY.md."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from review.model import Clause
from review.problems import ReviewError

_MEASURE = re.compile(r"^## ([A-Z]{3}) (.+)$")
_CLAUSE = re.compile(r"^### ([A-Z]{3}-\d+) (.+)$")
NUMBERED = re.compile(r"^([A-Z]{3})-(\d+)$")


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

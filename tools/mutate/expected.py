"""Which clauses a weakening breaks by the written policy: what only other clauses stop is stopped by accident."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Final

import yaml

from tools.mutate.stack import Mutant

EXPECTED: Final = Path(__file__).with_name("expected.yaml")


def broken_clauses(mutant: Mutant) -> tuple[str, ...]:
    """The clauses that the weakening breaks by the written policy; those of either half of a pair."""
    if mutant.parts:
        return tuple(dict.fromkeys(clause for part in mutant.parts for clause in broken_clauses(part)))
    module = mutant.type.split(":", 1)[-1].rsplit(":", 1)[0]
    said = re.sub(r"\[\d+\]", "", f"{module}:{mutant.path}: {mutant.change}")
    return next((clauses for pattern, clauses in _expected() if pattern.match(said)), ())


@lru_cache(maxsize=1)
def _expected() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    rows = yaml.safe_load(EXPECTED.read_text(encoding="utf-8"))
    return tuple((re.compile(row["match"]), tuple(row["clauses"])) for row in rows)

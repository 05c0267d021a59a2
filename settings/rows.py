"""Files beside the stack file that have a section of rows for each stack: the data inventory, the access matrix.

Rows are read with the stack file, so that all mistakes come in one message, each with the line it stands on.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import MarkedYAMLError

from .base import Mistake


class Unreadable(Exception):
    """The file is no YAML with a section for each stack. The message says where, and which clause it serves."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """The rows of one stack as they stand in the file, and the lines they stand on."""

    file: str
    key: str
    """The key under which the rows join the sections of the stack file."""
    clause: str
    rows: Mapping[str, Any]
    lines: Mapping[str, int]

    def misplaced(self, raw: Mapping[str, object]) -> Iterator[Mistake]:
        """Refuse rows in the stack file: there is one place for them."""
        if self.key in raw:
            yield Mistake(
                key=self.key,
                clause=self.clause,
                problem=f"stands in {self.file}, under the name of the stack, and not here",
                example="nothing; take the line out",
            )

    def located(self, mistake: Mistake) -> Mistake:
        """A mistake of these rows with file and line in front; any other as it is."""
        first, _, rest = mistake.key.partition(".")
        if first != self.key or not rest:
            return mistake
        steps = mistake.key.split(".")
        line = next(self.lines[key] for end in range(len(steps), 0, -1) if (key := ".".join(steps[:end])) in self.lines)
        return replace(mistake, key=f"{self.file}:{line} {rest}")


def read(path: Path, stack: str, *, key: str, clause: str) -> Document:
    """The rows of a stack. A file or section that is missing has none."""
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    try:
        whole = _mapping(path.name, text)
        section = whole.get(stack)
        if section is not None and not isinstance(section, CommentedMap):
            raise Unreadable(f"{path.name}:{whole.lc.key(stack)[0] + 1} {stack} is not a mapping from names to rows")
    except Unreadable as error:
        raise Unreadable(f"{clause}: {error}") from None
    lines = {key: whole.lc.key(stack)[0] + 1 if section is not None else 1}
    lines |= dict(lines_of(section, key)) if section is not None else {}
    rows = YAML(typ="safe").load(text)[stack] if section else {}
    return Document(file=path.name, key=key, clause=clause, rows=json.loads(json.dumps(rows, default=str)), lines=lines)


def stacks(path: Path) -> tuple[str, ...]:
    """The stacks that have a section, in the order of the file."""
    return tuple(str(name) for name in _mapping(path.name, path.read_text(encoding="utf-8")))


def _mapping(name: str, text: str) -> CommentedMap:
    try:
        whole = YAML().load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Unreadable(f"{name}:{line} is not YAML: {error.problem}") from None
    if whole is not None and not isinstance(whole, CommentedMap):
        raise Unreadable(f"{name}:1 is not a mapping from stacks to rows")
    return whole if whole is not None else CommentedMap()


def lines_of(section: CommentedMap, prefix: str) -> Iterable[tuple[str, int]]:
    for name, value in section.items():
        key = f"{prefix}.{name}"
        yield key, section.lc.key(name)[0] + 1
        if isinstance(value, CommentedMap):
            yield from lines_of(value, key)

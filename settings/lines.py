"""Lines of the stack file, for messages: the engine hands its values over without them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError

from .base import Mistake
from .rows import lines_of


@dataclass(frozen=True)
class Lines:
    """The file, and the line of each key in it."""

    file: str
    known: Mapping[str, int]

    def located(self, mistake: Mistake) -> Mistake:
        """With file and line of the key, or of what it is missing from, in front; as it is where neither is known."""
        if " " in mistake.key:
            return mistake  # it stands in a file beside, and says so
        steps = mistake.key.split(".")
        for end in range(len(steps), 0, -1):
            if line := self.known.get(".".join(steps[:end])):
                return replace(mistake, key=f"{self.file}:{line} {mistake.key}")
        return mistake


def stack_file(path: Path, project: str, raw: Mapping[str, object]) -> Lines:
    """The lines of those sections that say what the engine read: it may have been given another file."""
    try:
        text = path.read_text(encoding="utf-8")
        whole, values = YAML().load(text), YAML(typ="safe").load(text)
    except (OSError, YAMLError):
        return Lines(path.name, {})
    config = whole.get("config") if isinstance(whole, CommentedMap) else None
    known: dict[str, int] = {}
    if not isinstance(config, CommentedMap):
        return Lines(path.name, known)
    for name, section in config.items():
        key = str(name).removeprefix(f"{project}:")
        if key not in raw or json.loads(json.dumps(values["config"][name], default=str)) != raw[key]:
            continue
        known[key] = config.lc.key(name)[0] + 1
        if isinstance(section, CommentedMap):
            known |= dict(lines_of(section, key))
    return Lines(path.name, known)

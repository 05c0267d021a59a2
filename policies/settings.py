"""The pack's configuration: levels, thresholds and scopes, read from the engine's pack configuration or a file.

The shape is the engine's own: rule id → level, or → object with `enforcementLevel` and the rule's thresholds; `all`
sets a level for every rule that can be waived, and for the others where it is as strict. No configuration can lower a
rule that cannot be waived, and what it does lower is told in every judgement (`configuration-loosens-nothing`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any, Final

from policies.rule import Level, Rule

LEVELS: Final[tuple[Level, ...]] = ("advisory", "mandatory", "remediate", "disabled")


class SettingsError(ValueError):
    """The configuration cannot be used: every mistake, one a line."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Levels and thresholds that differ from the rules' own."""

    levels: Mapping[str, Level] = field(default_factory=dict)
    undetermined: Mapping[str, Level] = field(default_factory=dict)
    params: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def apply(self, rules: Iterable[Rule]) -> list[Rule]:
        """The rules with their configured levels; disabled ones are left out."""
        chosen: list[Rule] = []
        for rule in rules:
            level = self.levels.get(rule.id, rule.level)
            undetermined = self.undetermined.get(rule.id, rule.undetermined)
            if level != "disabled":
                chosen.append(dataclasses.replace(rule, level=level, undetermined=undetermined))
        return chosen

    def loosened(self, rules: Iterable[Rule]) -> tuple[str, ...]:
        """What these settings switch off, only advise or leave undecided, one sentence each, with numbers and names."""
        given = list(rules)
        found: dict[str, list[str]] = {"switches off": [], "only advises": [], "lets pass what is not known for": []}
        for rule in given:
            level = self.levels.get(rule.id, rule.level)
            if level == "disabled" != rule.level:
                found["switches off"].append(rule.id)
            elif level == "advisory" != rule.level:
                found["only advises"].append(rule.id)
            elif self.undetermined.get(rule.id) == "advisory" and rule.severity == "critical":
                found["lets pass what is not known for"].append(rule.id)
        return tuple(
            f"the configuration {what} {len(ids)} of {len(given)} rules: {', '.join(ids[:_NAMED])}"
            + (f" and {len(ids) - _NAMED} more" if len(ids) > _NAMED else "")
            for what, ids in found.items()
            if ids
        )


_NAMED: Final = 10
"""How many rules a sentence names."""


def schema(rule: Rule) -> dict[str, dict[str, Any]]:
    """The JSON schema of a rule's configuration properties, for the engine's listing and its own validation."""
    properties: dict[str, dict[str, Any]] = {
        "undetermined": {
            "type": "string",
            "enum": ["advisory", "mandatory"],
            "description": "Whether an undecidable fact stops the deployment (default: only under critical rules).",
        }
    }
    for name, default in rule.params.items():
        if isinstance(default, tuple):
            properties[name] = {"type": "array", "items": {"type": "string"}, "default": list(default)}
        else:
            properties[name] = {"type": "string" if isinstance(default, str) else "number", "default": default}
    return properties


def parse(config: Mapping[str, Any], rules: Mapping[str, Rule]) -> Settings:
    """Settings from a configuration document. Raises SettingsError with every mistake at once."""
    mistakes: list[str] = []
    levels: dict[str, Level] = {}
    undetermined: dict[str, Level] = {}
    params: dict[str, dict[str, Any]] = {}
    blanket = config.get("all")
    if blanket is not None:
        level = blanket.get("enforcementLevel") if isinstance(blanket, Mapping) else blanket
        if level not in LEVELS:
            mistakes.append(f"all: {level!r} is no level; one of {', '.join(LEVELS)}")
        else:
            levels.update({r.id: level for r in rules.values() if r.waivable or _as_strict(level)})
    for rule_id, value in config.items():
        if rule_id == "all":
            continue
        rule = rules.get(rule_id)
        if rule is None:
            near = get_close_matches(rule_id, rules, n=1)
            mistakes.append(f"{rule_id}: no rule is called so" + (f"; did you mean {near[0]}?" if near else ""))
            continue
        entry: Mapping[str, Any] = value if isinstance(value, Mapping) else {"enforcementLevel": value}
        for key, setting in entry.items():
            mistake = _mistake(rule, key, setting)
            if mistake:
                mistakes.append(mistake)
            elif key == "enforcementLevel":
                levels[rule_id] = setting
            elif key == "undetermined":
                undetermined[rule_id] = setting
            else:
                params.setdefault(rule_id, {})[key] = tuple(setting) if isinstance(setting, list) else setting
    if mistakes:
        raise SettingsError("\n".join(mistakes))
    return Settings(levels=levels, undetermined=undetermined, params=params)


def _mistake(rule: Rule, key: str, setting: Any) -> str | None:
    """What is wrong with one setting of a rule, or None."""
    if key == "enforcementLevel":
        if setting not in LEVELS:
            return f"{rule.id}: {setting!r} is no level; one of {', '.join(LEVELS)}"
        if not rule.waivable and not _as_strict(setting):
            return f"{rule.id}: cannot be {setting}: the rule is not waivable"
        return None
    if key == "undetermined":
        if setting not in ("advisory", "mandatory"):
            return f"{rule.id}.undetermined: {setting!r} is neither advisory nor mandatory"
        if not rule.waivable and setting != "mandatory" and rule.severity == "critical":
            return f"{rule.id}.undetermined: cannot be {setting}: the rule is not waivable"
        return None
    if key not in rule.params:
        return f"{rule.id}.{key}: the rule has no such setting (it has: {', '.join(rule.params) or 'none'})"
    if not _fits(setting, rule.params[key]):
        return f"{rule.id}.{key}: {setting!r} is not of the kind of {rule.params[key]!r}"
    return None


def _as_strict(level: str) -> bool:
    return level in ("mandatory", "remediate")


def _fits(value: Any, default: float | str | tuple[str, ...]) -> bool:
    if isinstance(default, tuple):
        return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
    if isinstance(default, str):
        return isinstance(value, str)
    return isinstance(value, int | float) and not isinstance(value, bool)

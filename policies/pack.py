"""What the pack is made of: its name and version, its rules, its committed configuration and waivers."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from policies.judge import Judge
from policies.rule import Rule
from policies.rules import load_all
from policies.settings import Settings, SettingsError, parse
from policies.waiver_rules import WAIVER_RULES
from policies.waivers import load as load_waivers

HERE: Final = Path(__file__).resolve().parent
CONFIG: Final = HERE / "config.json"
"""Levels, thresholds and scopes of this company, in the engine's own format; absent means the rules' defaults."""
WAIVERS: Final = HERE / "waivers.yaml"
REGISTERS: Final = HERE.parent
"""Where the registers lie that people keep: access.yaml and attestations.yaml."""
NAME: Final = "secure-hosting"


def version() -> str:
    """The pack's version, as PulumiPolicy.yaml says."""
    return str(yaml.safe_load((HERE / "PulumiPolicy.yaml").read_text(encoding="utf-8"))["version"])


def rules() -> dict[str, Rule]:
    """Every rule by id."""
    return load_all()


def read_config(path: Path = CONFIG) -> dict[str, Any]:
    """A configuration file as a document. Raises SettingsError when it is not a JSON object."""
    if not path.exists():
        return {}
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{path}: cannot be read as JSON: {error}") from error
    if not isinstance(document, dict):
        raise SettingsError(f"{path}: expected an object of rule ids")
    return document


def make_judge(
    known: Mapping[str, Rule], config: Mapping[str, Any], *, today: dt.date, waivers: Path | None = WAIVERS
) -> Judge:
    """A judge with configuration and waivers applied. Raises SettingsError or WaiverError with every mistake."""
    settings: Settings = parse(config, known)
    accepted = []
    if waivers is not None:
        locked = {r.id for r in known.values() if not r.waivable} | set(WAIVER_RULES)
        accepted = load_waivers(waivers, rules={*known, *WAIVER_RULES}, non_waivable=locked)
    return Judge(
        settings.apply(known.values()),
        waivers=accepted,
        today=today,
        params=settings.params,
        loosened=settings.loosened(known.values()),
    )

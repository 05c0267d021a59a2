"""The rules, a file for each subject. `load_all` imports every module here; each registers its rules."""

from __future__ import annotations

import importlib
import pkgutil

from policies.rule import REGISTRY, Rule


def load_all() -> dict[str, Rule]:
    """Every rule by id, in a stable order (by clause number, then id)."""
    for module in sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_")):
        importlib.import_module(f"{__name__}.{module}")
    ordered = sorted(REGISTRY.values(), key=lambda r: (r.clause.split("-")[0], int(r.clause.split("-")[1]), r.id))
    return {rule.id: rule for rule in ordered}

"""Runs the project's program as it is; the only place that may run it without the pack: it previews an empty cloud."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))
os.chdir(ROOT)
os.environ.setdefault("PULUMI_OPTION_POLICY_PACK", str(ROOT / "policies"))
runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")

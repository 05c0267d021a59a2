"""The engine starts this folder as a policy pack; `python -m policies` starts the same judge as a command."""

from __future__ import annotations

import sys
from pathlib import Path

if __package__:
    from policies.cli import main
else:
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    from policies.analyzer import serve as main

main()

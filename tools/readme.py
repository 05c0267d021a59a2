"""`python -m tools.readme`: previews production in an empty cloud and puts what it printed into the README."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from typing import Final

from tools import places

TARGET: Final = places.ROOT / "README.md"
_BLOCK: Final = re.compile(
    r"(?<=<!-- output:begin -->\n```\n\$ make preview\n).*?(?=```\n<!-- output:end -->)", re.DOTALL
)
_DURATION: Final = re.compile(r" +(\d+ m )?\d+(\.\d+)? s$", re.MULTILINE)


def shown() -> str:
    """What the README says the command prints."""
    found = _BLOCK.search(TARGET.read_text(encoding="utf-8"))
    assert found, f"{TARGET} has no block of output"
    return found[0]


def report(said: str) -> str:
    """The report of a run, without the steps of a setup and the progress before it."""
    lines = [line for line in said[said.index("▸ Preview") :].splitlines() if not line.startswith("  ... ")]
    return "\n".join(line.rstrip() for line in lines).rstrip() + "\n"


def steady(text: str) -> str:
    """The text without what differs from run to run: how long it took."""
    return _DURATION.sub("", text)


def main() -> int:
    """The exit code of the preview; a failed one leaves the README alone."""
    command = [sys.executable, "-m", "tools", "preview"]
    with tempfile.TemporaryDirectory() as empty:
        env = {**os.environ, "SECURE_HOSTING_LOCAL": empty}
        run = subprocess.run(command, cwd=places.ROOT, env=env, stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode == 0:
        text = TARGET.read_text(encoding="utf-8")
        TARGET.write_text(_BLOCK.sub(lambda _: report(run.stdout), text), encoding="utf-8")
        print(f"wrote {TARGET.name}")
    return run.returncode


if __name__ == "__main__":
    sys.exit(main())

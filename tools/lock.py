"""`make lock`: writes requirements.lock from requirements.txt, for every platform, with hashes and without any host.

The maker (uv) is used once, from a throwaway environment; it is not part of the project's own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from typing import Final

from tools import places, stamp

UV = "uv==0.13.9"
_HEADER = "# Made by `make lock` from requirements.txt; not edited by hand.\n"


LOCKS: Final = (
    (places.ROOT / "requirements.txt", places.LOCKFILE, None),
    (places.ROOT / "jobs" / "requirements.txt", places.ROOT / "jobs" / "requirements.lock", places.LOCKFILE),
)
"""What is asked for, what is locked, and what it must agree with: the image of the jobs has the versions we test."""


def main() -> int:
    """Resolves, then replaces each lock in one step."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder, "bin", "python")
        subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
        for wanted, lock, agreeing in LOCKS:
            made = Path(folder, "requirements.lock")
            made.write_bytes(lock.read_bytes() if lock.exists() else b"")
            command = [str(python), "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11"]
            command += [
                "--generate-hashes",
                "--no-annotate",
                "--no-header",
                "--no-emit-index-url",
                "--no-emit-find-links",
                "--quiet",
            ]
            command += ["--constraint", str(agreeing)] if agreeing else []
            command += ["--output-file", str(made), *sys.argv[1:], str(wanted)]
            subprocess.run(command, check=True)
            stamp.write_text(lock, _HEADER + made.read_text().removeprefix(_HEADER))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make lock`: writes requirements.lock from requirements.txt, for every platform, with hashes and without any host.

The maker (uv) is used once, from a throwaway environment; it is not part of the project's own.
"""

from __future__ import annotations

import re
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


_WITH_EXTRAS: Final = re.compile(r"^([\w.-]+)\[[\w,.-]+\](==[^\n]*\n(?:    --hash[^\n]*\n)+)", re.MULTILINE)


def twins(lock: str) -> str:
    """Every `name[extra]` once more as `name`: pip takes the two for different packages and wants both pinned."""
    return _WITH_EXTRAS.sub(r"\g<0>\1\2", lock)


def without_extras(lock: str) -> str:
    """What others must agree with: constraints take no extras, and each such package stands there without them, too."""
    return _WITH_EXTRAS.sub("", lock)


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
                "--no-strip-extras",
                "--no-header",
                "--no-emit-index-url",
                "--no-emit-find-links",
                "--quiet",
            ]
            if agreeing:
                limits = Path(folder, "limits.txt")
                limits.write_text(without_extras(agreeing.read_text()))
                command += ["--constraint", str(limits)]
            command += ["--output-file", str(made), *sys.argv[1:], str(wanted)]
            subprocess.run(command, check=True)
            stamp.write_text(lock, _HEADER + twins(made.read_text().removeprefix(_HEADER)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

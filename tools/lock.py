"""`make lock`: writes requirements.lock from requirements.txt, for every platform, with hashes and without any host.

The maker (uv) is used once, from a throwaway environment; it is not part of the project's own.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tools import places, stamp

UV = "uv==0.13.9"
_HEADER = "# Made by `make lock` from requirements.txt; not edited by hand.\n"


def main() -> int:
    """Resolves, then replaces the lock in one step."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python, made = Path(folder, "bin", "python"), Path(folder, "requirements.lock")
        subprocess.run([python, "-m", "pip", "install", "--quiet", UV], check=True)
        made.write_bytes(places.LOCKFILE.read_bytes() if places.LOCKFILE.exists() else b"")
        command = [str(python), "-m", "uv", "pip", "compile", "--universal", "--python-version", "3.11"]
        command += [
            "--generate-hashes",
            "--no-annotate",
            "--no-header",
            "--no-emit-index-url",
            "--no-emit-find-links",
            "--quiet",
        ]
        command += ["--output-file", str(made), *sys.argv[1:], str(places.ROOT / "requirements.txt")]
        subprocess.run(command, check=True)
        stamp.write_text(places.LOCKFILE, _HEADER + made.read_text().removeprefix(_HEADER))
    return 0


if __name__ == "__main__":
    sys.exit(main())

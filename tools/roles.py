"""Makes the tables of permissions in docs/real-cloud.md out of what the bootstrap grants: components/ci_roles.py."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Iterator

from components.ci_roles import DEPLOY, EVERYWHERE, ORGANIZATION, READ, CiRole
from tools import places

TARGET = places.ROOT / "docs" / "real-cloud.md"
_BLOCK = re.compile(r"(<!-- roles:begin [^>]*-->\n).*?(<!-- roles:end -->)", re.DOTALL)


def tables() -> str:
    """Both tables."""
    return "\n".join(
        [
            "`ci-deploy` applies what was reviewed:",
            "",
            *_table(DEPLOY),
            "",
            "`ci-preview` and `ci-drift` look, and change nothing:",
            "",
            *_table(READ),
            "",
        ]
    )


def _table(entries: Iterable[CiRole]) -> Iterator[str]:
    yield from ("| role | where | why |", "|---|---|---|")
    for entry in entries:
        where = "all five" if entry.where == EVERYWHERE else ", ".join(entry.where)
        yield f"| `{entry.role}` | {'the organization' if where == ORGANIZATION else where} | {entry.why} |"


def page(text: str) -> str:
    """The page with the tables renewed."""
    return _BLOCK.sub(lambda found: f"{found[1]}{tables()}{found[2]}", text)


def main() -> int:
    """Writes the tables, or with --check says whether they are fresh (exit 1 when stale)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the tables are fresh")
    old = TARGET.read_text(encoding="utf-8")
    new = page(old)
    if parser.parse_args().check:
        sys.stdout.write(f"{TARGET.name} is {'fresh' if new == old else 'stale: run `python -m tools.roles`'}\n")
        return 0 if new == old else 1
    TARGET.write_text(new, encoding="utf-8")
    sys.stdout.write(f"wrote {TARGET.relative_to(places.ROOT)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""One HTML file that needs nothing else: no network, readable without script, on paper and by a screen reader."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Final

from review.coverage import by_clause
from review.model import LEVELS, Review

_TEMPLATES: Final = Path(__file__).resolve().parent / "templates"


def write(review: Review) -> str:
    """The page. Every text of the run is escaped; the security policy of the page runs its own script and no other."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = ((_TEMPLATES / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return (
        environment.get_template("page.html.j2").render(
            review=review,
            levels=LEVELS,
            coverage=by_clause(review),
            sentences={clause.id: clause for clause in review.clauses},
            style=style,
            script=script,
            style_hash=_hash(style),
            script_hash=_hash(script),
        )
        + "\n"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"

"""Takes the pictures of docs/review.md: `python -m tests.review.screenshots`."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from review import page
from review.build import build
from tests.recording import ROOT
from tests.review import record

IMAGES = ROOT / "docs" / "images"
PICTURES = (
    ("review-page", "change", "light", ""),
    ("review-access", "access", "light", "#access"),
    ("review-graph", "change", "light", "#graph"),
    ("review-clauses-dark", "access", "dark", "#coverage"),
)


def main() -> None:
    """One picture a part, of the recorded changes of access and of everything."""
    chromium = shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        for name, recording, scheme, part in PICTURES:
            path = Path(folder) / f"{name}.html"
            path.write_text(page.write(build(**record.files(recording, Path(folder)))))
            opened = browser.new_page(viewport={"width": 1180, "height": 820}, color_scheme=scheme)
            opened.goto(path.as_uri())
            if part:
                opened.eval_on_selector(part, "found => found.scrollIntoView()")
            opened.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()

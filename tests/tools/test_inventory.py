"""The page of the data inventory says what data.yaml says."""

from __future__ import annotations

from pathlib import Path

from tools import inventory


def test_the_page_is_fresh() -> None:
    """Whoever changes a row makes the page again."""
    assert inventory.TARGET.read_text(encoding="utf-8") == inventory.markdown(), "run `python -m tools.inventory`"


def test_every_row_is_on_the_page_with_all_it_says(tmp_path: Path) -> None:
    """Name, kind, class, purpose, region, time and owner; a pipe in a purpose does not break the table."""
    path = tmp_path / "data.yaml"
    path.write_text(
        "prod:\n  orders: {kind: database, dataClass: customer, purpose: orders | invoices, region: europe-west1,\n"
        "    retentionDays: 730, owner: shop}\n  logs: {kind: logs, dataClass: audit, purpose: who did what,\n"
        "    region: europe-west1, retentionDays: 400, owner: security}\n"
    )
    page = inventory.markdown(path)
    assert "| **orders** | database | customer | orders \\| invoices | europe-west1 | 2 years | shop |" in page
    assert "| **logs** | logs | audit | who did what | europe-west1 | 400 days | security |" in page
    assert page.index("**logs**") < page.index("**orders**")

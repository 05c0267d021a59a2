"""The page of the access review says what access.yaml says."""

from __future__ import annotations

from pathlib import Path

from tools import access


def test_the_page_is_fresh() -> None:
    """Whoever changes a row makes the page again."""
    assert access.TARGET.read_text(encoding="utf-8") == access.markdown(), "run `python -m tools.access`"


def test_every_row_is_on_the_page_twice(tmp_path: Path) -> None:
    """By group, with what for and until when; and by asset, so that its owner sees who. A pipe breaks no table."""
    path = tmp_path / "access.yaml"
    path.write_text(
        "prod:\n"
        "  b: {group: b@example.com, asset: bucket/x, access: read, purpose: this | that, reviewed: 2027-01-01,\n"
        "    expires: 2027-06-30, condition: resource.name == 'a'}\n"
        "  a: {group: a@example.com, asset: project/p, access: administer-network, purpose: repairs the network,\n"
        "    reviewed: 2027-01-01, expires: 2027-06-30, approvers: c@example.com, hours: 3}\n"
        "empty:\n"
    )
    page = access.markdown(path)
    assert "| b@example.com | read, where `resource.name == 'a'` | bucket/x | this \\| that | 2027-01-01 |" in page
    assert "| a@example.com | administer-network on request, 3 h, approved by c@example.com | project/p |" in page
    assert "| bucket/x | b@example.com (read, where" in page
    assert page.index("| a@example.com") < page.index("| b@example.com")
    assert page.endswith("## empty\n\nNobody may do anything.\n")

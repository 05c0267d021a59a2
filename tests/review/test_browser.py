"""The page in a real browser, Debian's Chromium: with mouse, keyboard, paper, a narrow screen, and without script."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from review import page as writer
from tests.review.making import BUCKET, MEMBER, policy, recorded, review_of, step

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
LEAST_CONTRAST = 4.5
"""WCAG 2.2 AA for text of ordinary size."""
CONTRAST = """() => {
  const parse = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (node) => {
    for (; node; node = node.parentElement) {
      const color = parse(getComputedStyle(node).backgroundColor);
      if (color.length === 3 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility()) continue;
    if (node.closest("script,style,option")) continue;
    const color = getComputedStyle(node)[node.closest("svg") ? "fill" : "color"];
    const [a, b] = [parse(color), behind(node)].map(light).sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), node.textContent.trim().slice(0, 40)]);
  }
  return found;
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all; on CI its absence is a failure, not an excuse."""
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Chromium: .ci/install-packages installs it")
        pytest.skip("there is no Chromium here: .ci/install-packages installs it")
    with sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with driver.chromium.launch(executable_path=CHROMIUM, args=arguments) as found:
            yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the recorded change."""
    path = tmp_path_factory.mktemp("page") / "index.html"
    path.write_text(writer.write(recorded()))
    return path


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    """It, opened; whatever the browser complains of or fetches fails the test."""
    with browser.new_context(viewport={"width": 1280, "height": 900}) as context:
        opened, said = context.new_page(), []
        opened.on("console", lambda message: said.append(message.text))
        opened.on("pageerror", lambda error: said.append(str(error)))
        opened.on("request", lambda request: said.append(request.url) if not request.url.startswith("file:") else None)
        opened.goto(file.as_uri())
        yield opened
        assert said == []


def shown(page: Page) -> int:
    """Rows that a person sees, closed parts included."""
    return page.locator("[data-row]:not([hidden])").count()


def test_search_by_keyboard_alone(page: Page) -> None:
    """`/` leads to the search, rows that do not fit go, the count is announced, Escape brings all back."""
    everything = shown(page)
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.name") == "search"
    page.keyboard.type("allusers")
    assert 0 < shown(page) < everything
    assert page.locator("#shown").inner_text() == f"{shown(page)} of {everything} rows shown"
    assert page.locator("#shown").get_attribute("aria-live") == "polite"
    page.keyboard.press("Escape")
    page.wait_for_function(f"document.querySelectorAll('[data-row]:not([hidden])').length === {everything}")
    page.keyboard.type("x/y")
    assert page.locator("[name=search]").input_value() == "x/y"


@pytest.mark.parametrize(("name", "value", "data"), [("risk", "critical", "risk"), ("op", "delete", "op")])
def test_filters_leave_what_fits(page: Page, name: str, value: str, data: str) -> None:
    """In the list of changes; nodes of the graph that do not fit fade."""
    page.select_option(f"[name={name}]", value)
    rows = page.locator(f"#changes ~ details [data-row][data-{data}]:not([hidden])")
    assert rows.count() > 0
    assert {rows.nth(i).get_attribute(f"data-{data}") for i in range(rows.count())} == {value}
    faded = page.locator(f"[data-node][data-{data}='{value}'].faded").count()
    assert faded == 0
    assert page.locator("[data-node].faded").count() > 0


def test_graph_leads_to_the_change(page: Page) -> None:
    """By keyboard: a node lights its lines, Enter goes to its row and focuses it."""
    node = page.get_by_role("link", name=re.compile(r"replace orders \("))
    assert "data would be lost" in str(node.get_attribute("aria-label"))
    node.focus()
    assert page.locator("path.edge.lit").count() > 0
    page.keyboard.press("Enter")
    number = node.get_attribute("data-node")
    assert page.evaluate("document.activeElement.id") == f"change-{number}"
    assert page.locator("path.edge.lit").count() == 0
    assert "orders" in page.locator(f"#change-{number}").inner_text()


def test_graph_finds_a_row_that_a_filter_hides(page: Page) -> None:
    """The filter gives way: the row is hidden before, seen and focused after, and no filter hides anything any more."""
    everything = shown(page)
    page.select_option("[name=op]", "create")
    node = page.get_by_role("link", name=re.compile(r"replace orders \("))
    row = page.locator(f"#change-{node.get_attribute('data-node')}")
    assert not row.is_visible()
    node.click()
    expect(row).to_be_visible()
    expect(row).to_be_focused()
    assert "orders" in row.inner_text()
    assert page.locator("[name=op]").input_value() == ""
    assert shown(page) == everything


def test_lines_of_the_graph_join_their_boxes(page: Page) -> None:
    """No box lies on another, and none outside of the drawing."""
    boxes = page.eval_on_selector_all(
        ".graph rect.box", "found => found.map((b) => [b.x, b.y, b.width, b.height].map((v) => v.baseVal.value))"
    )
    assert len(boxes) > 5
    view = page.eval_on_selector(".graph svg", "svg => [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height]")
    for index, (x, y, width, height) in enumerate(boxes):
        assert 0 <= x <= x + width <= view[0]
        assert 0 <= y <= y + height <= view[1]
        assert all(abs(x - a) >= width or abs(y - b) >= height for a, b, _, _ in boxes[:index])
    assert page.locator("path.edge").count() > 0


def test_a_screen_reader_finds_its_way(page: Page) -> None:
    """Landmarks, headings and tables by their roles and names; every control has a name."""
    for role, name in (
        ("navigation", "Sections"),
        ("search", "Filter what is shown"),
        ("region", "Access before and after"),
    ):
        assert page.get_by_role(role, name=name).count() == 1  # type: ignore[arg-type]
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.get_by_role("heading", level=2).count() >= 6
    assert page.get_by_role("columnheader", name="Who").count() >= 2
    said = page.locator("body").aria_snapshot()
    assert '- searchbox "Search (key /)"' in said
    assert '- combobox "Risk"' in said
    assert "- status:" in said
    nameless = page.eval_on_selector_all(
        "a, button, summary",
        "found => found.filter((e) => !(e.getAttribute('aria-label') || e.textContent).trim()).length",
    )
    assert nameless == 0


def test_every_stop_of_the_keyboard_is_seen(page: Page) -> None:
    """The first one skips to the review; whatever has the focus has an outline, or its box has a border."""
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the review"
    for _ in range(40):
        page.keyboard.press("Tab")
        seen = page.evaluate("""() => {
          const one = document.activeElement;
          if (!one.matches("[data-node]")) return getComputedStyle(one).outlineStyle !== "none";
          return getComputedStyle(one.querySelector("rect.box")).strokeWidth === "3px";
        }""")
        assert seen, page.evaluate("document.activeElement.outerHTML.slice(0, 200)")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(page: Page, scheme: str) -> None:
    """Contrast of each text with what is behind it, by the reader's own choice of colours."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.eval_on_selector_all("details", "found => found.forEach((d) => { d.open = true; })")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 17, 23)"
    assert dark == (scheme == "dark")
    measured = page.evaluate(CONTRAST)
    assert len(measured) > 300
    assert [(round(ratio, 2), text) for ratio, text in measured if ratio < LEAST_CONTRAST] == []


def test_on_paper_everything_is_there(page: Page) -> None:
    """What a filter hides and what is closed, too; controls are not."""
    page.select_option("[name=risk]", "critical")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert not page.locator("#filters").is_visible()
    assert page.locator("details:not([open])").count() == 0
    rows = page.locator("#changes ~ details[data-group]:not([hidden]) [data-row]")
    assert rows.count() > 5
    assert all(rows.nth(i).is_visible() for i in range(rows.count()))
    assert len(page.pdf()) > 20_000


def test_a_narrow_screen_scrolls_down_only(page: Page) -> None:
    """Wide tables and the graph scroll within themselves."""
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_script_everything_is_shown(browser: Browser, file: Path) -> None:
    """Only search and filters are missing, and are not offered."""
    with browser.new_context(java_script_enabled=False) as context:
        opened = context.new_page()
        opened.goto(file.as_uri())
        assert not opened.locator("#filters").is_visible()
        assert opened.locator("[data-row][hidden]").count() == 0
        assert opened.locator("#changes ~ details [data-row]").first.is_visible()


def test_hostile_names_do_nothing(browser: Browser, tmp_path: Path) -> None:
    """No script of theirs runs, no dialog opens, nothing is fetched; they are there to be read."""
    evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>"\'--></title></style>'
    steps = [
        step("update", BUCKET, evil, old={"x": "1"}, new={"x": evil, evil: "1"}),
        step("create", MEMBER, "g", new={"bucket": evil, "role": evil, "member": evil}),
    ]
    path = tmp_path / "index.html"
    path.write_text(writer.write(review_of(tmp_path / "run", steps, {"policyEvent": policy("r", evil, message=evil)})))
    with browser.new_context() as context:
        opened, said = context.new_page(), []
        opened.on("request", lambda request: said.append(request.url))
        opened.on("dialog", lambda dialog: said.append(dialog.message))
        opened.goto(path.as_uri())
        opened.keyboard.press("/")
        opened.keyboard.type("onerror")
        assert opened.evaluate("window.hit") is None
        assert evil in opened.locator("#changes ~ details").first.inner_text()
        assert said == [path.as_uri()]

"""How a page is looked at: light and dark, wide and narrow, by axe (WCAG 2.2 AA)."""

from __future__ import annotations

from typing import Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page, ViewportSize

WIDE = ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=320, height=640)
LOOKS: list[tuple[Literal["light", "dark"], ViewportSize]] = [
    ("light", WIDE),
    ("dark", WIDE),
    ("dark", NARROW),
    ("light", NARROW),
]
ALL = {
    "type": "tag",
    "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
}
# The other scheme at the same width shows the same page in other colours.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
RUN_AXE = """async (runOnly) => {
  const isMoving = (each) => each.playState === "running";
  while (document.getAnimations().some(isMoving)) {
    await new Promise(requestAnimationFrame);
  }
  const options = {runOnly, resultTypes: ["violations"]};
  const {violations} = await axe.run(document, options);
  return violations.flatMap(({id, nodes}) => nodes.map(
    ({target, any, all, none}) =>
      `${id}: ${target} ${[...any, ...all, ...none].map((each) => each.message)}`
  ));
}"""
TOO_WIDE = (
    "document.scrollingElement.scrollWidth > document.documentElement.clientWidth"
)


def looked_at(page: Page, where: str) -> list[str]:
    """Look at a page as it stands, in the four ways; return what is wrong."""
    page.evaluate(AXE_SCRIPT)
    found, before = [], None
    for scheme, size in LOOKS:
        turn(page, scheme, size)
        wrong = wrongs(page) if size != before else violations(page, COLOURS)
        found += [f"{where} {scheme} {size['width']}: {each}" for each in wrong]
        before = size
    return found


def turn(page: Page, scheme: Literal["light", "dark"], size: ViewportSize) -> None:
    """Look at it otherwise; another width, alone, lays the whole page out again."""
    page.emulate_media(color_scheme=scheme)
    if page.viewport_size != size:
        page.set_viewport_size(size)


def wrongs(page: Page) -> list[str]:
    found = violations(page, ALL)
    return [*found, *(["it scrolls sideways"] if page.evaluate(TOO_WIDE) else [])]


def violations(page: Page, rules: dict[str, object]) -> list[str]:
    found: list[str] = page.evaluate(RUN_AXE, rules)
    return found


def assert_fine(found: list[str]) -> None:
    assert not found, "\n".join(found)

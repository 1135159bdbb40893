"""Somebody who has a keyboard and no mouse."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import Locator, Page, expect

IS_FOCUSED = "each => each === document.activeElement"
KIND_AND_VALUES = """all => [
  all[0].type, [...(all[0].options ?? all)].map((each) => each.value)
]"""


@dataclass
class Hands:
    """Two hands on a keyboard: Tab, Space, Enter, the arrows, and letters to type."""

    page: Page

    def press(self, key: str, times: int = 1) -> None:
        for _ in range(times):
            self.page.keyboard.press(key)

    def tab_to(self, target: Locator, most: int = 80) -> None:
        """Press Tab until it is there: past the page's end it begins anew."""
        element = target.element_handle()
        for _ in range(most):
            self.press("Tab")
            if element.evaluate(IS_FOCUSED):
                return
        raise AssertionError(f"Tab does not lead to {target} in {most} steps.")

    def skip_to_main(self) -> None:
        """Take the way past the page's head that every page begins with."""
        self.tab_to(self.page.get_by_role("link", name="Skip to the main"), most=1)
        self.press("Enter")
        expect(self.page.locator("main")).to_be_focused()

    def enter(self, target: Locator) -> None:
        self.tab_to(target)
        self.press("Enter")

    def type_into(self, target: Locator, words: str) -> None:
        self.tab_to(target)
        self.page.keyboard.type(words)

    def choose(self, field: str, value: str) -> None:
        """Answer by a select box, a radio button or a check box, whichever it is."""
        boxes = self.page.locator(f'[name="{field}"]')
        kind, values = boxes.evaluate_all(KIND_AND_VALUES)
        if kind == "checkbox":
            self.tab_to(boxes.nth(values.index(value)))
            self.press("Space")
            return
        self.tab_to(boxes.first)
        if kind == "radio":
            self.press("Space")
        self.press("ArrowDown", values.index(value))

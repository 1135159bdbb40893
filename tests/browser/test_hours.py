"""A trainer's week of hours: typed, tapped, drawn with mouse and finger, without JS."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from sessions.hours import format_hours, weekly_hours
from sessions.models import Trainer
from tests.browser.journeys import Journey
from tests.factories import TrainerFactory

MOST_ACTIONS = 12
MORNING_AND_AFTERNOON = "09:00-12:00, 13:00-17:00"
WEEK = "\n".join(
    [
        *(f"{day} {MORNING_AND_AFTERNOON}" for day in ("Mon", "Tue", "Wed", "Thu")),
        "Fri 09:00-12:30",
    ]
)
HOUR = 60


class Hand:
    """Somebody at the page; each key pressed, field typed into or thing tapped counts."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.actions = 0

    def press(self, key: str, times: int = 1) -> None:
        for _time in range(times):
            self.actions += 1
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        self.actions += 1
        self.page.keyboard.insert_text(text)

    def tap(self, role: str, name: str) -> None:
        self.actions += 1
        self.page.get_by_role(role, name=name).tap()  # type: ignore[arg-type]  # a role


def open_hours(journey: Journey, **options: object) -> tuple[Trainer, Page]:
    trainer = TrainerFactory(weekly_hours=[])
    page = journey.signed_in(trainer.user.email, **options)
    page.goto("/trainer/hours/")
    return trainer, page


def expect_saved(page: Page, trainer: Trainer, week: str) -> None:
    expect(page.get_by_text("Your week is saved.")).to_be_visible()
    assert format_hours(weekly_hours([trainer])[trainer.pk]) == week


def test_week_takes_twelve_keys_at_most(journey: Journey) -> None:
    trainer, page = open_hours(journey)
    hand = Hand(page)

    hand.press("Tab")
    hand.press("Enter")  # to the main part
    hand.press("Tab")
    hand.type("9-12, 13-17")
    hand.press("Tab")
    hand.press("Enter")  # copies Monday
    hand.press("Tab", times=4)
    hand.type("9-12:30")
    hand.press("Enter")

    expect_saved(page, trainer, WEEK)
    assert hand.actions <= MOST_ACTIONS


def test_week_takes_a_few_taps_on_a_phone(journey: Journey) -> None:
    phone = {"width": 320, "height": 640}
    trainer, page = open_hours(journey, viewport=phone, has_touch=True, is_mobile=True)
    hand = Hand(page)

    hand.tap("textbox", "Monday")
    hand.type("9-12, 13-17")
    hand.tap("button", "Copy Monday")
    hand.tap("textbox", "Friday")
    page.get_by_label("Friday").clear()
    hand.type("9-12:30")
    hand.tap("button", "Save the week")

    expect_saved(page, trainer, WEEK)
    assert hand.actions == 6
    page.get_by_label("Wednesday").clear()
    page.get_by_label("Thursday").clear()
    draw_with_a_finger(page)


def at(page: Page, day: int, hour: float) -> tuple[float, float]:
    """Where an hour of a day (0: Monday) is on the screen."""
    column = page.locator(f"[data-column='{day}']")
    column.scroll_into_view_if_needed()
    box = column.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] * hour / 24


def drag(page: Page, day: int, start: float, end: float) -> None:
    page.mouse.move(*at(page, day, start))
    page.mouse.down()
    page.mouse.move(*at(page, day, (start + end) / 2))
    page.mouse.move(*at(page, day, end))
    page.mouse.up()


def test_week_is_drawn_resized_moved_and_removed_with_the_mouse(
    journey: Journey,
) -> None:
    trainer, page = open_hours(journey, viewport={"width": 1280, "height": 1100})
    monday = page.get_by_label("Monday")
    page.get_by_label("Sunday").fill("22-2")
    expect(page.get_by_text("until 02:00 the next day")).to_be_visible()
    expect(page.locator("[data-column='6'] .week-window")).to_have_count(1)
    expect(page.locator("[data-column='0'] .week-window")).to_have_count(1)
    expect(page.get_by_text("4 hours a week")).to_be_visible()
    page.get_by_label("Sunday").clear()

    drag(page, 0, 9, 12)
    expect(monday).to_have_value("09:00-12:00")
    drag(page, 0, 17, 13)  # upwards
    expect(monday).to_have_value(MORNING_AND_AFTERNOON)
    drag(page, 0, 16.9, 18)  # by its edge
    expect(monday).to_have_value("09:00-12:00, 13:00-18:00")
    drag(page, 0, 10, 11)  # in its middle: moved until it touches
    expect(monday).to_have_value("10:00-18:00")
    page.get_by_role("button", name="Undo changes").click()
    expect(monday).to_have_value("")

    drag(page, 6, 9, 11)
    drag(page, 0, 9, 12)
    drag(page, 0, 13, 17)
    page.get_by_role("button", name="Copy Monday").click()
    drag(page, 4, 16, 23)  # out of the way of its corner
    page.locator("[data-column='6'] .week-window").hover()
    page.locator("[data-column='6'] .week-remove").click()
    expect(page.get_by_label("Sunday")).to_have_value("")
    page.get_by_label("Friday").fill("9-12:30")
    page.get_by_role("button", name="Save the week").click()

    expect_saved(page, trainer, WEEK)


def draw_with_a_finger(page: Page) -> None:
    """It draws after a moment; moved at once, it scrolls."""
    finger = page.context.new_cdp_session(page)

    def touch(kind: str, *places: tuple[float, float]) -> None:
        points = [{"x": x, "y": y} for x, y in places]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", at(page, 2, 9))
    page.locator(".week-window.is-drawn").wait_for()
    touch("touchMove", at(page, 2, 10))
    touch("touchMove", at(page, 2, 12))
    touch("touchEnd")
    expect(page.get_by_label("Wednesday")).to_have_value("09:00-12:00")

    x, y = at(page, 3, 9)
    touch("touchStart", (x, y))
    touch("touchMove", (x, y - 40))
    touch("touchMove", (x, y - 90))
    touch("touchEnd")
    expect(page.get_by_label("Thursday")).to_have_value("")


def test_week_is_set_without_javascript(journey: Journey) -> None:
    trainer, page = open_hours(journey, java_script_enabled=False)

    page.get_by_label("Monday").fill("9-12, 13-17")
    page.get_by_role("button", name="Copy Monday").click()
    expect(page.get_by_label("Thursday")).to_have_value("9-12, 13-17")
    page.get_by_label("Friday").fill("9-12:30")
    page.get_by_label("Friday").press("Enter")

    expect_saved(page, trainer, WEEK)

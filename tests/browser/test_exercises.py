"""An exercise by mouse and by finger: an item is dropped on its category."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.journeys import Journey
from tests.factories import MemberFactory, TopicPageFactory

SORT = {
    "title": "Who says what?",
    "categories": [
        {"name": "Cat", "items": [{"text": "meow", "reason": "Only cats do."}]},
        {"name": "Dog", "items": [{"text": "bark", "reason": "Only dogs do."}]},
    ],
}


def middle(target: Locator) -> tuple[float, float]:
    box = target.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def by_mouse(page: Page, item: Locator, bin_: Locator) -> None:
    page.mouse.move(*middle(item.locator(".exercise-text")))
    page.mouse.down()
    page.mouse.move(*middle(bin_), steps=4)
    expect(bin_).to_have_class("exercise-bin exercise-bin-over")
    page.mouse.up()


def by_finger(page: Page, item: Locator, bin_: Locator) -> None:
    """Touch the item's number, and move the finger: the page does not scroll away."""
    session = page.context.new_cdp_session(page)
    (x, y), (to_x, to_y) = middle(item.locator(".exercise-number")), middle(bin_)
    for kind, points in [
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": (x + to_x) / 2, "y": (y + to_y) / 2}]),
        ("touchMove", [{"x": to_x, "y": to_y}]),
        ("touchEnd", []),
    ]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})


def test_items_are_dropped_on_their_category(journey: Journey) -> None:
    topic = TopicPageFactory(body=[("sort", SORT)])
    reader = MemberFactory().user.email
    phone = {"has_touch": True, "viewport": {"width": 320, "height": 1000}}
    for drag, options in [(by_mouse, {}), (by_finger, phone)]:
        page = journey.signed_in(reader, **options)
        page.goto(topic.url)
        exercise = page.locator(".exercise")
        exercise.scroll_into_view_if_needed()
        for name, sound in [("Cat", "meow"), ("Dog", "bark")]:
            item = exercise.locator("[data-item]", has_text=sound)
            drag(page, item, exercise.locator("[data-bin]", has_text=name))
            chosen = item.locator("option:checked")
            expect(chosen).to_have_text(name)
        exercise.get_by_role("button", name="Check my answers").click()

        expect(exercise.get_by_role("status")).to_have_text("All 2 right. Well done.")


def test_word_on_an_answer_goes_when_the_answer_does(journey: Journey) -> None:
    topic = TopicPageFactory(body=[("sort", SORT)])
    page = journey.signed_in(MemberFactory().user.email)
    page.goto(topic.url)
    exercise = page.locator(".exercise")
    for box in exercise.get_by_role("combobox").all():
        box.select_option("Cat")
    exercise.get_by_role("button", name="Check my answers").click()
    wrong = exercise.locator("[data-item]", has_text="bark")
    expect(wrong).to_contain_text("Not quite: Dog. Only dogs do.")

    wrong.get_by_role("combobox").select_option("Dog")

    expect(wrong).not_to_contain_text("Not quite")
    exercise.get_by_role("link", name="Start again").click()
    expect(exercise.locator("option:checked[value='']")).to_have_count(2)

"""What only a browser can do wrong."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from sessions.models import Booking, RoomKind
from tests.browser.journeys import TOPICS, Journey
from tests.browser.qualifying import PASSWORD, TRAINEE, prepare


def test_a_double_click_books_once(journey: Journey) -> None:
    prepare(RoomKind.ROOM)
    trainee = journey.sign_in(TRAINEE, PASSWORD, java_script_enabled=False)
    trainee.goto("/my/")
    trainee.get_by_role("link", name="Open the topic").click()
    trainee.get_by_role("link", name="Book a call").first.click()
    trainee.locator(".slots-soonest a").first.click()

    trainee.get_by_role("button", name=re.compile("^Book ")).dblclick()

    expect(trainee.get_by_role("heading", level=1)).to_contain_text("Call with")
    booking = Booking.objects.get()
    assert [each.title for each in booking.topics.all()] == TOPICS


def test_two_windows_book_once(journey: Journey) -> None:
    """Sent at once from two windows, past the guard of either."""
    prepare(RoomKind.ROOM)
    first = journey.sign_in(TRAINEE, PASSWORD)
    first.goto("/my/")
    first.get_by_role("link", name="Open the topic").click()
    first.get_by_role("link", name="Book a call").first.click()
    first.locator(".slots-soonest a").first.click()
    first.locator("#confirm").wait_for()
    second = first.context.new_page()
    second.goto(first.url)

    first.get_by_role("button", name=re.compile("^Book ")).click()
    second.get_by_role("button", name=re.compile("^Book ")).click()

    expect(first.get_by_text("Your call is booked")).to_be_visible()
    expect(second.get_by_role("alert")).to_be_visible()
    assert Booking.objects.count() == 1

"""A manager's page on a phone: the people first, the rest behind a button."""

from __future__ import annotations

from datetime import timedelta

from django.utils.timezone import now
from playwright.sync_api import expect

from tests.browser.journeys import Journey
from tests.factories import EnrolmentFactory, MemberFactory

PHONE = {"width": 320, "height": 720}


def test_the_people_are_on_the_first_screen_of_a_phone(journey: Journey) -> None:
    manager = MemberFactory(is_manager=True)
    EnrolmentFactory(
        member__reseller=manager.reseller,
        due_on=(now() - timedelta(days=3)).date(),
    )
    page = journey.signed_in(manager.user.email, viewport=PHONE)
    page.goto("/team/")

    people = page.get_by_role("region", name="People")
    place = people.bounding_box()
    assert place
    assert place["y"] < PHONE["height"]
    name = page.locator("[name=q]")
    expect(name).to_be_hidden()
    page.locator("summary", has_text="Filter and sort").press("Enter")
    name.fill("Nobody at all")
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.locator("summary", has_text="Filter and sort")).to_contain_text("on")
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(name).to_be_visible()
    expect(page.locator("summary", has_text="Filter and sort")).to_be_hidden()

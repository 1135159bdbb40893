"""Passkeys, with a device that Chromium makes up: on a phone, in two tabs, given up."""

from __future__ import annotations

from time import monotonic
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from playwright.sync_api import Page, expect

from lms.people import inviting
from lms.people.models import Team, User
from tests.browser.journeys import Journey, hold_passkeys
from tests.factories import ResellerFactory

ADDRESS = "jonas@northlight.example.com"
PHONE: dict[str, Any] = {
    "viewport": {"width": 360, "height": 640},
    "is_mobile": True,
    "has_touch": True,
    "timezone_id": "Europe/Berlin",
}
MOST_SECONDS = 90
MOST_FIELDS = 4


@pytest.fixture
def link(journey: Journey) -> str:
    """The path in the mail to somebody invited into a team that must qualify."""
    call_command("seed", verbosity=0)
    inviting.invite(
        ADDRESS,
        "Jonas Weber",
        ResellerFactory(),
        teams=[Team.objects.get(name="Support")],
        engagement="employee",
        is_manager=False,
        by=None,
    )
    journey.run_jobs()
    return journey.link_in_mail_to(ADDRESS)


def fields_of(page: Page) -> int:
    """How many fields there are to fill in."""
    return page.locator("main :is(input:not([type=hidden]), select, textarea)").count()


def test_one_invited_is_in_the_first_topic_on_a_phone_within_90_seconds(
    journey: Journey, link: str
) -> None:
    began = monotonic()
    page = journey.person(**PHONE)
    hold_passkeys(page)
    page.goto(link)
    expect(page.get_by_label("Your time zone")).to_have_value("Europe/Berlin")
    fields = fields_of(page)
    page.get_by_role("button", name="Use a passkey").tap()
    page.wait_for_url("**/my/")
    page.get_by_role("link", name="Open the topic").tap()
    expect(page.get_by_role("heading", level=1, name="Using Resolve")).to_be_visible()
    took = monotonic() - began

    print(f"From the mail to the first topic: {took:.1f} s, {fields} fields.")  # noqa: T201
    assert fields <= MOST_FIELDS
    assert took <= MOST_SECONDS
    user = User.objects.get(email=ADDRESS)
    assert not user.has_usable_password()
    assert str(user.zone) == "Europe/Berlin"


def test_the_passkey_opens_the_door_afterwards(journey: Journey, link: str) -> None:
    page = journey.person()
    hold_passkeys(page)
    page.goto(link)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url("**/my/")
    page.context.clear_cookies()

    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()

    page.wait_for_url("**/my/")


def test_a_passkey_given_up_leaves_nothing_and_the_link_works(
    journey: Journey, link: str
) -> None:
    page = journey.person()
    page.add_init_script(
        "navigator.credentials.create = () => Promise.reject(new Error('No.'))"
    )
    page.goto(link)
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_text("No passkey was made.")).to_be_visible()
    assert not User.objects.filter(email=ADDRESS).exists()
    page.get_by_label("Choose a password").fill("four plain words here")
    page.get_by_role("button", name="Accept and start").click()
    page.wait_for_url("**/my/")


def test_of_two_tabs_both_can_make_the_passkey_and_one_gets_in(
    journey: Journey, link: str
) -> None:
    first = journey.person()
    hold_passkeys(first)
    second = first.context.new_page()
    hold_passkeys(second)
    first.goto(link)
    second.goto(link)

    first.bring_to_front()  # the device asks nobody who looks elsewhere
    first.get_by_role("button", name="Use a passkey").click()
    first.wait_for_url("**/my/")
    second.bring_to_front()
    second.get_by_role("button", name="Use a passkey").click()

    expect(second.get_by_text("No passkey was made.")).to_be_visible()
    second.reload()
    expect(second.get_by_text("does not work")).to_be_visible()
    assert Authenticator.objects.count() == 1


def test_what_else_is_wrong_is_corrected_without_another_passkey(
    journey: Journey, link: str
) -> None:
    page = journey.person()
    hold_passkeys(page)
    page.goto(link)
    page.get_by_label("Your full name").fill("1234")

    page.get_by_role("button", name="Use a passkey").click()
    expect(page.get_by_text("Your passkey is made")).to_be_visible()
    page.get_by_label("Your full name").fill("Jonas Weber")
    page.get_by_role("button", name="Accept and start").click()

    page.wait_for_url("**/my/")
    assert Authenticator.objects.count() == 1

"""A real first day: from an empty site to *Valid*, through screens alone."""

from __future__ import annotations

from io import StringIO
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import Page, expect

from lms.people.models import User
from tests.browser.journeys import (
    ROOM,
    TOPICS,
    Journey,
    book_call,
    follow_topics,
    hold_call,
    hold_passkeys,
    sign_off,
)

PASSWORD = "four plain words here"
STAFF = "sofia@bytekast.example.com"
TRAINER = "eleanor@bytekast.example.com"
MANAGER = "amara@northlight.example.com"
TRAINEE = "jonas@northlight.example.com"


def test_an_empty_site_leads_to_a_valid_certificate(journey: Journey) -> None:
    assert not settings.DEMO
    call_command("seed", verbosity=0)
    assert not User.objects.exists()

    staff = begin_with_passkey(journey, first_staff_link(), "Sofia Brandt")
    add_reseller(staff)
    invite(staff, "Amara Okafor", MANAGER, is_manager=True)
    invite(staff, "Jonas Weber", TRAINEE, team="Support")
    make_trainer(staff)
    journey.run_jobs()
    manager = begin_with_passkey(journey, journey.link_in_mail_to(MANAGER))
    trainee = begin(journey, journey.link_in_mail_to(TRAINEE), zone="Europe/Berlin")
    trainer = begin_with_passkey(journey, journey.link_in_mail_to(TRAINER))

    follow_topics(trainee)
    at = book_call(trainee, topics=4)
    hold_call(journey, trainee, trainer, at)
    sign_off(trainer, covered=TOPICS, again=[])
    journey.run_jobs()

    manager.goto("/team/")
    row = manager.get_by_role("row", name="Jonas Weber")
    expect(row).to_contain_text("Qualified")
    trainee.goto("/certificates/")
    trainee.get_by_role("link", name="User Support", exact=True).click()
    address = trainee.get_by_label("The public address of this").input_value()
    assert address.startswith(f"{journey.url}/c/")

    stranger = journey.person()
    stranger.goto(address)
    expect(stranger.get_by_role("heading", level=1)).to_contain_text("Valid")
    expect(stranger.get_by_text("Jonas Weber")).to_be_visible()


def first_staff_link() -> str:
    said = StringIO()
    call_command("first_staff", STAFF, stdout=said)
    return urlsplit(said.getvalue().strip()).path


def begin_with_passkey(journey: Journey, link: str, name: str = "") -> Page:
    """Open a link that came, have the browser make a passkey, and be in."""
    page = journey.person()
    hold_passkeys(page)
    page.goto(link)
    if name:
        page.get_by_label("Your full name").fill(name)
    page.get_by_role("button", name="Use a passkey").click()
    page.wait_for_url(lambda url: link not in url)
    return page


def begin(journey: Journey, link: str, zone: str) -> Page:
    """Open a link that came, choose a password, and be in."""
    page = journey.person(timezone_id=zone)
    page.goto(link)
    page.get_by_label("Choose a password").fill(PASSWORD)
    expect(page.get_by_label("Your time zone")).to_have_value(zone)
    page.locator("main form button[type=submit]").click()
    page.wait_for_url(lambda url: link not in url)
    return page


def open_screen(staff: Page, name: str, add: str) -> None:
    """Go through the menu of the CMS to the form that adds one."""
    staff.goto("/cms/")
    staff.get_by_role("button", name="People").click()
    staff.get_by_role("link", name=name, exact=True).click()
    staff.get_by_role("link", name=add).first.click()


def add_reseller(staff: Page) -> None:
    open_screen(staff, "Resellers", "Add")
    staff.get_by_label("Name").fill("Northlight Learning")
    staff.get_by_label("Approved on").fill("2026-01-05")
    staff.keyboard.press("Escape")  # the calendar that opened
    staff.get_by_role("button", name="Create").click()
    expect(staff.get_by_text("Northlight Learning' created")).to_be_visible()


def invite(
    staff: Page, name: str, address: str, *, team: str = "", is_manager: bool = False
) -> None:
    open_screen(staff, "Invitations", "Invite one person")
    staff.get_by_label("Full name").fill(name)
    staff.get_by_label("Email address").fill(address)
    staff.get_by_label("Reseller").select_option("Northlight Learning")
    if team:
        staff.get_by_label(team, exact=True).check()
    staff.get_by_label("Manager").set_checked(is_manager)
    staff.get_by_role("button", name="Send the invitation").click()
    expect(staff.get_by_text("The invitation is on its way.")).to_be_visible()


def make_trainer(staff: Page) -> None:
    open_screen(staff, "Trainers", "Make a trainer")
    staff.get_by_label("Full name").fill("Eleanor Whitcombe")
    staff.get_by_label("Email address").fill(TRAINER)
    staff.get_by_label("Time zone").select_option("Europe/London")
    staff.get_by_label("User Support").check()
    staff.get_by_label("An outside link").check()
    staff.get_by_label("Outside link", exact=True).fill(f"{ROOM}/eleanor")
    staff.get_by_label("Weekly hours").fill("Mon-Fri 09:00-12:30, 13:30-17:00")
    staff.get_by_role("button", name="Create").click()
    expect(staff.get_by_text("Eleanor Whitcombe is a trainer now.")).to_be_visible()

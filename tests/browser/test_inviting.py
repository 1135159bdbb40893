"""A manager invites fifty people: three clicks and a paste."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from lms.people.models import Invitation, Member
from tests.browser.journeys import Journey
from tests.factories import MemberFactory, TeamFactory, home_page

CELLS = "\n".join(
    f"Person {number}\tperson.{number}@north.example.com\tSupport"
    for number in range(1, 51)
)


def count_clicks(page: Page) -> list[str]:
    """What was clicked since, each by its words; it is kept from page to page."""
    clicked: list[str] = []
    page.expose_function("heard", lambda words: clicked.append(words))
    page.add_init_script(
        "addEventListener('click', ({target}) => heard(target.innerText), true)"
    )
    return clicked


def test_fifty_people_are_invited_by_three_clicks_and_a_paste(
    journey: Journey,
) -> None:
    home_page()
    manager: Member = MemberFactory(is_manager=True, reseller__name="North")
    support = TeamFactory(name="Support")
    page = journey.signed_in(manager.user.email)
    clicks = count_clicks(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])

    page.goto("/team/")
    page.get_by_role("link", name="Invite people").click()
    page.evaluate("text => navigator.clipboard.writeText(text)", CELLS)
    page.get_by_label("The people").focus()
    page.keyboard.press("Control+V")
    page.get_by_role("button", name="Look at the list").click()
    expect(page.get_by_role("row")).to_have_count(51)
    expect(page.locator(".invite-words")).to_have_text("New 50")
    page.get_by_role("button", name="Send 50 invitations").click()

    expect(page.get_by_text("50 invitations are on their way.")).to_be_visible()
    assert len(clicks) == 3, clicks
    journey.run_jobs()
    for number in (1, 50):
        link = journey.link_in_mail_to(f"person.{number}@north.example.com")
        assert link.startswith("/join/")
    assert (
        Invitation.objects.filter(teams=support, reseller=manager.reseller).count()
        == 50
    )

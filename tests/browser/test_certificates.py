"""Two of the channel team revoke a certificate, and its page says so."""

from __future__ import annotations

from django.urls import reverse
from django.utils.timezone import now
from playwright.sync_api import expect

from content.permissions import grant_channel_team
from lms.people.accounts import set_channel_team
from tests.browser.journeys import Journey
from tests.factories import CertificateFactory, MemberFactory, UserFactory


def test_one_asks_to_revoke_another_agrees_and_the_public_page_says_so(
    journey: Journey,
) -> None:
    staff = UserFactory(email="sam@bytekast.example")
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    other = UserFactory(email="olga@bytekast.example")
    set_channel_team(other, True, by=None)
    member = MemberFactory(user__full_name="Mara Łukasik")
    certificate = CertificateFactory(enrolment__member=member, release_at=now())
    page = journey.signed_in(staff.email)
    page.goto(reverse("dashboards:person", args=[member.pk]))

    page.get_by_role("link", name="Revoke, correct").click()
    page.get_by_role("region", name="Revoke").get_by_label("The policy was").check()
    page.get_by_role("button", name="Ask to revoke this certificate").click()

    expect(page.get_by_text("A second person has to agree:")).to_be_visible()
    page = journey.signed_in(other.email)
    page.goto("/standing/")
    page.get_by_role("link", name="Waiting for a second person").click()
    page.get_by_role("button", name="Agree: do it now").click()
    expect(page.get_by_text("Agreed, and done.")).to_be_visible()
    anybody = journey.person()
    anybody.goto(reverse("verify", args=[certificate.serial]))
    expect(anybody.get_by_role("heading", level=1)).to_have_text("Revoked")
    expect(anybody.get_by_text("policy was broken")).to_have_count(0)

"""The programme changes: from the editor's draft to a certificate that replaces one."""

from __future__ import annotations

from datetime import timedelta

from django.core.management import call_command
from django.urls import reverse
from playwright.sync_api import expect

from certificates.models import Certificate
from courses.enrolling import enrol
from courses.models import Enrolment, EvidenceKind, ProgrammePage, Source
from courses.progress import record_evidence
from lms.dashboards.clock import tick
from lms.people.accounts import add_colleague
from tests.browser.journeys import Journey
from tests.factories import MemberFactory, ResellerFactory

TOPIC = "Escalating Tickets"
EDITOR = "sofia@bytekast.example.com"
STEPS = [EvidenceKind.READ, EvidenceKind.CHECK, EvidenceKind.CALL]


def test_edition_touches_whom_it_said_and_the_qualified_redo_one_topic(
    journey: Journey,
) -> None:
    call_command("seed", verbosity=0)
    programme = ProgrammePage.objects.get(title="User Support")
    reseller = ResellerFactory(name="Northlight Learning")
    nadia, jonas, _liam = (
        enrol(
            MemberFactory(reseller=reseller, user__full_name=name),
            programme,
            source=Source.STAFF,
            by=None,
        )
        for name in ("Nadia Haddad", "Jonas Weber", "Liam Byrne")
    )
    show(nadia, topics=4)
    show(jonas, topics=1)
    old = Certificate.objects.get()
    journey.run_jobs()
    journey.pass_time(timedelta(days=30))
    add_colleague(EDITOR, "Sofia Brandt", by=None)
    editor = journey.signed_in(EDITOR)

    page = programme.topics().get(title=TOPIC)
    page.search_description = "With the new queues."
    page.save_revision().publish()
    editor.goto(f"/cms/programmes/{programme.pk}/next-edition/")
    editor.get_by_role("button", name="Gather the next edition").click()
    editor.get_by_label(f"To be shown again: {TOPIC}").check()
    editor.get_by_label("What has changed").fill("There are three queues now.")
    editor.get_by_role("button", name="Save and count again").click()
    expect(
        editor.get_by_text(f"3 people: 1 redoes {TOPIC}, 2 in the middle")
    ).to_be_visible()
    editor.get_by_role("button", name="Put it up: it touches 3 people").click()
    expect(editor.get_by_role("button", name="Stop it")).to_be_visible()
    journey.pass_time(timedelta(hours=1, minutes=1))
    tick()
    journey.run_jobs()
    editor.reload()
    expect(editor.get_by_text("It touched 3 people")).to_be_visible()

    touched = Enrolment.objects.filter(edition__number=2)
    assert touched.count() == 3
    her = nadia.member.user
    assert "There are three queues now." in journey.mail_to(her.email)[-1]
    assert list(Enrolment.objects.qualified()) == [nadia]
    trainee = journey.signed_in(her.email)
    trainee.goto("/my/")
    expect(trainee.get_by_text("Update due").first).to_be_visible()
    trainee.goto(f"/c/{old.serial}")
    expect(trainee.get_by_role("heading", level=1)).to_contain_text("Valid")

    trainee.goto(str(programme.url))
    changed = trainee.get_by_text("The programme has changed", exact=True)
    expect(changed).to_be_visible()
    trainee.get_by_role("link", name=TOPIC, exact=True).first.click()
    trainee.get_by_role("button", name="I have read this").click()
    expect(trainee.get_by_text("You have read this.")).to_be_visible()
    again = touched.get(member=nadia.member)
    for kind in STEPS[1:]:  # its check and its call, as other tests have them done
        record_evidence(again, page, kind, by=None)
    journey.run_jobs()

    new = Certificate.objects.get(enrolment=again)
    trainee.goto(f"/c/{old.serial}")
    expect(trainee.get_by_role("heading", level=1)).to_contain_text("Replaced")
    trainee.get_by_role("link", name="Check the one that replaced it").click()
    assert trainee.url.endswith(reverse("verify", args=[new.serial])[-8:])
    expect(trainee.get_by_role("heading", level=1)).to_contain_text("Valid")

    trainee.goto(str(programme.url))
    trainee.get_by_text("Completed before: edition 1").click()
    earlier = trainee.locator("details", has_text="Completed before")
    earlier.locator("a", has_text=TOPIC).click()
    expect(
        trainee.get_by_role("heading", name="As it was when you completed it on")
    ).to_be_visible()
    expect(trainee.get_by_role("heading", level=1, name=TOPIC)).to_be_visible()


def show(enrolment: Enrolment, *, topics: int) -> None:
    """Let somebody have shown all of that many topics."""
    for row in enrolment.edition.topics.all()[:topics]:
        for kind in STEPS:
            record_evidence(enrolment, row.topic, kind, by=None)

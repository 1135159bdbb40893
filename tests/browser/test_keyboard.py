"""The seed's fifteen topics, followed to the end by the keyboard alone."""

from __future__ import annotations

from django.core.management import call_command
from playwright.sync_api import expect

from courses.models import Enrolment, EvidenceKind, TopicCompletion
from courses.progress import record_evidence
from lms.people.accounts import make_person
from lms.people.membership import join
from lms.people.models import Reseller, Team
from tests.browser.hands import Hands
from tests.browser.journeys import Journey, open_attempt, right_fields

PASSWORD = "four plain words here"
TRAINEE = "jonas@northlight.example.com"
TEAMS = ["sales-marketing", "production-deployment", "support", "analysts"]


def test_all_topics_are_followed_by_the_keyboard_alone(journey: Journey) -> None:
    prepare()
    hands = Hands(journey.person())
    sign_in(hands)
    for enrolment in Enrolment.objects.select_related("edition"):
        asked = enrolment.edition.topics.all()
        follow(hands, enrolment.edition.title, [each.title for each in asked])

    for enrolment in Enrolment.objects.all():
        for asked in enrolment.edition.topics.all():
            record_evidence(enrolment, asked.topic, EvidenceKind.CALL, by=None)

    assert TopicCompletion.objects.count() == 15
    assert Enrolment.objects.filter(completed_at=None).count() == 0


def prepare() -> None:
    """Seed the policy, and put one person into a team of each programme."""
    call_command("seed", verbosity=0)
    join(
        make_person(
            TRAINEE, "Jonas Weber", time_zone="Europe/Berlin", password=PASSWORD
        ),
        Reseller.add_root(name="Northlight Learning", approved_on="2026-01-05"),
        teams=list(Team.objects.filter(slug__in=TEAMS)),
        engagement="employee",
        is_manager=False,
        by=None,
    )


def sign_in(hands: Hands) -> None:
    page = hands.page
    page.goto("/accounts/login/")
    hands.type_into(page.get_by_label("Email"), TRAINEE)
    hands.type_into(page.get_by_label("Password"), PASSWORD)
    hands.press("Enter")
    page.wait_for_url(lambda url: "/accounts/" not in url)


def follow(hands: Hands, programme: str, titles: list[str]) -> None:
    """Go from My learning through a programme, topic by topic, to its last."""
    page = hands.page
    hands.enter(page.get_by_role("link", name="Learning", exact=True))
    hands.skip_to_main()
    hands.enter(page.get_by_role("link", name=programme, exact=True))
    hands.skip_to_main()
    hands.enter(page.get_by_role("link", name=f"Start with {titles[0]}"))
    for number, title in enumerate(titles, start=1):
        expect(page.get_by_role("heading", level=1, name=title)).to_be_visible()
        hands.skip_to_main()
        if page.locator(".exercise").count():
            practise(hands)
        else:
            hands.enter(page.get_by_role("link", name="Go to it"))
        hands.enter(page.get_by_role("button", name="Start the check"))
        answer_check(hands)
        hands.enter(page.get_by_role("button", name="I have read this"))
        expect(page.get_by_text("You have read this.")).to_be_visible()
        if number < len(titles):
            hands.enter(page.get_by_role("link", name="Next topic"))


def practise(hands: Hands) -> None:
    """Give each item the second answer: what comes takes the focus, and is read out."""
    exercise = hands.page.locator(".exercise")
    fields = exercise.locator("select, input[type=radio]").evaluate_all(
        "all => [...new Set(all.map((each) => each.name))]"
    )
    for field in fields:
        second = exercise.locator(
            f'[name="{field}"] > option, input[name="{field}"]'
        ).nth(1)
        hands.choose(field, second.get_attribute("value") or "")
    hands.enter(exercise.get_by_role("button", name="Check my answers"))
    result = exercise.get_by_role("status")
    expect(result).to_contain_text("right")
    expect(result).to_be_focused()


def answer_check(hands: Hands) -> None:
    """Answer as the key says. The focus stays with the check all the time."""
    page = hands.page
    check = page.locator("#check")
    expect(check.get_by_role("heading", name="Check what you know")).to_be_focused()
    for field, value in right_fields(open_attempt(page)):
        hands.choose(field, value)
    hands.enter(check.get_by_role("button", name="Hand in"))
    expect(check.get_by_text("You have passed this check")).to_be_visible()
    expect(check.locator("[autofocus]")).to_be_focused()

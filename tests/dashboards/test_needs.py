"""What a company needs, who makes a gap, and what its manager does about it."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from courses.needs import Gap, Need, People, Standing
from lms.dashboards.needs import NextGap, next_gap
from lms.mail.models import Message
from sessions.models import TimeRequest
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    TrainerFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True, user__full_name="Ada Manager")


@pytest.fixture
def edition():
    return EditionFactory(audience=[TeamFactory()], need_count=1)


def colleague(manager, edition, name, **facts):
    member = MemberFactory(
        reseller=manager.reseller,
        user__full_name=name,
        joined_on=now().date() - 9 * DAY,
    )
    team = edition.audience.get().team
    TeamMembershipFactory(member=member, team=team, from_on=member.joined_on)
    return EnrolmentFactory(member=member, edition=edition, **facts)


def need_url(edition):
    return reverse("dashboards:need", args=[edition.programme.slug])


def test_gap_names_its_cause_and_leads_to_what_can_be_done(client, manager, edition):
    ends = now().date() + 20 * DAY
    colleague(manager, edition, "Quinn", completed=True, valid_until=ends)
    colleague(manager, edition, "Rosa", due_on=now().date() + DAY)
    client.force_login(manager.user)

    team = client.get(reverse("dashboards:team"))
    page = client.get(need_url(edition))

    assert need_url(edition) in team.text
    (cause,) = page.context["standing"].gap.because
    assert (cause.who.name, str(cause.why.value)) == (
        "Quinn",
        "the qualification expires",
    )
    (somebody,) = page.context["people"]
    assert somebody.cell.member.user.full_name == "Rosa"


def test_those_who_could_book_are_ones_own_and_have_no_call(client, manager, edition):
    ready = colleague(manager, edition, "Rosa")
    BookingFactory(enrolment=colleague(manager, edition, "Bo Booked"))
    colleague(manager, edition, "Quinn", completed=True)
    away = colleague(manager, edition, "Abel Away").member
    away.away_from_on = away.away_until_on = now().date()
    away.save()
    EnrolmentFactory(edition=edition)  # a stranger's
    client.force_login(manager.user)

    page = client.get(need_url(edition))

    assert [each.cell.member for each in page.context["people"]] == [ready.member]


def test_booking_link_is_sent_once_in_three_days(client, manager, edition):
    rosa = colleague(manager, edition, "Rosa").member.user
    EnrolmentFactory(edition=edition)  # a stranger's
    client.force_login(manager.user)

    for _n in range(2):
        client.post(need_url(edition), {"do": "link"})

    assert [mail.recipient for mail in Message.objects.all()] == [rosa]


def test_trainers_see_by_whom_and_for_whom_a_time_is_asked(client, manager, edition):
    rosa = EvidenceFactory(enrolment=colleague(manager, edition, "Rosa")).enrolment
    EnrolmentFactory(edition=edition)  # a stranger's
    trainer = TrainerFactory(programmes=[edition.programme])
    client.force_login(manager.user)

    for _n in range(2):  # asking again asks nothing anew
        client.post(need_url(edition), {"do": "trainers"})
    client.force_login(trainer.user)
    page = client.get(reverse("sessions:ready"))

    asked = TimeRequest.objects.get()
    assert (asked.enrolment, asked.asked_by) == (rosa, manager.user)
    assert "Asked by Ada Manager for Rosa" in " ".join(page.text.split())


def test_own_word_takes_the_place_of_the_managers(client, manager, edition):
    rosa = colleague(manager, edition, "Rosa")
    client.force_login(manager.user)
    client.post(need_url(edition), {"do": "trainers"})
    client.force_login(rosa.member.user)

    mine = client.get(reverse("sessions:book", args=[rosa.pk]))
    client.post(
        reverse("sessions:ask", args=[rosa.pk]),
        {"weekdays": ["1"], "parts": ["morning"], "zone": "Europe/Berlin"},
    )

    assert "Your manager asked the trainers" in mine.text
    asked = TimeRequest.objects.get()
    assert (asked.asked_by, asked.weekdays) == (None, [1])


def test_programme_that_nobody_needs_is_a_404(client, manager):
    client.force_login(manager.user)

    unknown = client.get(reverse("dashboards:need", args=["no-such"]))

    assert unknown.status_code == 404


def test_team_page_begins_with_the_next_gap_and_what_to_do(client, manager, edition):
    colleague(manager, edition, "Rosa")
    client.force_login(manager.user)

    answer = client.get(reverse("dashboards:team"))

    assert answer.context["gap"].standing.edition == edition
    above, _below = answer.text.split("<tbody>")
    for said in (
        f"{edition.title}</a>: need not met",
        "Send a booking link",
        "Ask the trainers to propose times",
    ):
        assert said in " ".join(above.split())


def test_next_gap_is_what_is_not_met_now_then_the_soonest(manager):
    today = now().date()

    def standing(*, is_met, gap_on=None):
        gap = Gap(gap_on, ()) if gap_on else None
        edition = EditionFactory(topics=[])
        need, nobody = Need(1, ()), People([])
        people = dict.fromkeys(("qualified", "missing", "in_training", "away"), nobody)
        return Standing(
            manager.reseller, edition, need, today, is_met, **people, gap=gap
        )

    fine = standing(is_met=True)
    later = standing(is_met=True, gap_on=today + 9 * DAY)
    sooner = standing(is_met=True, gap_on=today + 2 * DAY)
    unmet = standing(is_met=False)

    assert next_gap([fine]) is next_gap([]) is None
    assert next_gap([fine, later, sooner]) == NextGap(sooner, 1)
    assert next_gap([later, sooner, unmet, fine]) == NextGap(unmet, 2)

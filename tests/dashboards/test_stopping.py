"""Where people stop in a programme."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.timezone import now

from courses.models import EvidenceKind
from lms.dashboards.stopping import steps_of
from lms.people.models import Member
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
PAGE = "/standing/where-people-stop/"


@pytest.fixture
def edition():
    return EditionFactory()


def enrol(edition, *shown, days=30, **fields):
    enrolment = EnrolmentFactory(
        edition=edition, enrolled_at=now() - timedelta(days=days), **fields
    )
    for topic, kind, since in shown:
        EvidenceFactory(
            enrolment=enrolment,
            topic=topic,
            kind=kind,
            at=now() - timedelta(days=since),
        )
    return enrolment


def test_somebody_waits_at_the_first_step_not_done_since_the_last_one_done(edition):
    first = edition.topics.order_by("order").first().topic
    enrol(edition)
    enrol(edition, (first, EvidenceKind.READ, 3))
    enrol(edition, (first, EvidenceKind.EXEMPTION, 20))
    enrol(edition, completed=True)
    enrol(edition, withdrawn_at=now())

    steps = steps_of(edition, Member.objects.all())

    told = [(each.reached, each.waiting, each.long, each.longest) for each in steps]
    assert [each.everybody for each in steps] == [4] * len(steps)
    kinds = len([each for each in steps if each.topic == steps[0].topic])
    assert told[0] == (3, 1, 1, 30)
    assert told[1] == (2, 1, 0, 3)
    assert told[kinds] == (1, 1, 1, 20)
    assert told[kinds + 1] == (1, 0, 0, None)


def test_people_of_others_are_not_counted(edition):
    enrolment = enrol(edition)
    stranger = MemberFactory()

    (step, *_rest) = steps_of(edition, Member.objects.filter(pk=stranger.pk))

    assert enrolment.is_open
    assert (step.everybody, step.waiting) == (0, 0)


def test_page_has_bars_figures_and_files(client, edition):
    enrol(edition)
    client.force_login(UserFactory(is_staff=True))

    page = client.get(PAGE, {"programme": edition.programme_id})

    assert 'class="stop-bar"' in page.text
    assert "30 days" in page.text
    body = client.get(PAGE, {"format": "csv"}).content.decode()
    assert body.splitlines()[1].endswith(",0,1,1,1,30")


@pytest.mark.parametrize("programme", ["0", "x", "9" * 30])
def test_programme_that_is_none_shows_the_first(client, edition, programme):
    client.force_login(UserFactory(is_staff=True))

    page = client.get(PAGE, {"programme": programme})

    assert page.context["programme"].pk == edition.programme_id


def test_without_a_programme_it_says_so(client):
    client.force_login(UserFactory(is_staff=True))

    assert "No programme yet" in client.get(reverse("dashboards:stopping")).text


@pytest.mark.parametrize("people", [1, 3])
def test_steps_of_any_number_take_three_queries(
    edition, django_assert_num_queries, people
):
    for _number in range(people):
        enrol(edition)

    with django_assert_num_queries(3):
        steps = steps_of(edition, Member.objects.all())

    assert steps[0].waiting == people

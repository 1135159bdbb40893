from datetime import UTC, datetime, timedelta

import time_machine
from django.utils.timezone import now

from courses.models import Enrolment
from lms.dashboards import clock
from tests.factories import (
    EditionFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)


def test_of_two_ticks_at_once_one_is_done(db):
    assert clock.tick()
    assert not clock.tick()


def test_clock_follows_the_calendar_once_an_hour(db):
    team = TeamFactory()
    EditionFactory(audience=[team])
    TeamMembershipFactory(team=team)

    clock.tick()
    assert Enrolment.objects.count() == 1

    TeamMembershipFactory(team=team)
    with time_machine.travel(now() + timedelta(minutes=59)):
        assert clock.tick()
        assert Enrolment.objects.count() == 1
    with time_machine.travel(now() + timedelta(minutes=61)):
        assert clock.tick()
        assert Enrolment.objects.count() == 2


def test_clock_tells_the_channel_team_of_missing_times_within_the_hour(db):
    staff = UserFactory(is_staff=True)
    told = staff.messages.filter(subject__startswith="No free time soon")
    wednesday = datetime(2026, 6, 3, 9, tzinfo=UTC)

    with time_machine.travel(wednesday):
        clock.tick()
        EditionFactory()  # nobody holds its calls
    counts = []
    for minutes in (59, 61, 122):
        with time_machine.travel(wednesday + timedelta(minutes=minutes)):
            clock.tick()
            counts.append(told.count())

    assert counts == [0, 1, 1]

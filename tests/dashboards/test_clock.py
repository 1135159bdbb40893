from datetime import timedelta

import time_machine
from django.utils.timezone import now

from courses.models import Enrolment
from lms.dashboards import clock
from tests.factories import EditionFactory, TeamFactory, TeamMembershipFactory


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

"""Due dates move by the days away, and back again."""

from datetime import date, timedelta

import pytest
import time_machine
from django.utils.timezone import now

from courses.adding import set_due
from courses.away import days_away
from courses.enrolling import enrol
from courses.models import Enrolment, Postponement, Source
from courses.standing import standing_of
from lms.people.away import Stretch, end_away, set_away
from lms.people.ending import plan_end
from lms.people.membership import set_teams
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
DAY = timedelta(days=1)
TODAY = now().date()


@pytest.fixture
def enrolment():
    """Due in ten days."""
    return EnrolmentFactory(due_on=TODAY + 10 * DAY, enrolled_at=now() - 30 * DAY)


def due_after(enrolment):
    enrolment.refresh_from_db()
    return enrolment.due_on - TODAY


def away(enrolment, first, last):
    set_away(
        enrolment.member, TODAY + first * DAY, TODAY + last * DAY, by=UserFactory()
    )


@pytest.mark.parametrize(
    ("first", "last", "since", "due", "days"),
    [
        (5, 9, 0, 10, 5),
        (5, 9, 0, 5, 5),  # due on the first day away
        (5, 9, 0, 4, 0),  # due the day before
        (5, 9, 9, 20, 1),  # enrolled on the last day away
        (5, 9, 10, 20, 0),  # and the day after
        (5, 5, 0, 10, 1),
    ],
)
def test_days_that_count(first, last, since, due, days):
    at = date(2026, 3, 1)
    stretch = Stretch(at + first * DAY, at + last * DAY)

    assert days_away(stretch, at + since * DAY, at + due * DAY) == days * DAY


def test_due_date_moves_by_the_days_away(enrolment):
    away(enrolment, 2, 6)

    assert due_after(enrolment) == 15 * DAY
    moved = Postponement.objects.get()
    assert moved.due_was_on == TODAY + 10 * DAY
    assert enrolment.earlier_dates.get().due_on == TODAY + 10 * DAY


def test_saying_it_again_moves_nothing(enrolment):
    away(enrolment, 2, 6)
    away(enrolment, 2, 6)

    assert due_after(enrolment) == 15 * DAY
    assert Postponement.objects.count() == 1


@pytest.mark.parametrize(
    ("first", "last", "due"), [(2, 8, 17), (2, 3, 12), (12, 13, 10)]
)
def test_changed_days_count_from_the_old_due_date(enrolment, first, last, due):
    away(enrolment, 2, 6)
    away(enrolment, first, last)

    assert due_after(enrolment) == due * DAY


def test_taking_it_back_moves_it_back(enrolment):
    away(enrolment, 2, 6)

    end_away(enrolment.member, by=enrolment.member.user)

    assert due_after(enrolment) == 10 * DAY
    assert enrolment.member.away_from_on is None


def test_coming_back_early_leaves_the_days_that_were(enrolment):
    away(enrolment, 0, 6)

    with time_machine.travel(now() + 2 * DAY, tick=False):
        end_away(enrolment.member, by=enrolment.member.user)

    assert due_after(enrolment) == 12 * DAY


def test_days_over_stay_counted_when_others_come(enrolment):
    away(enrolment, 0, 1)

    with time_machine.travel(now() + 2 * DAY, tick=False):
        away(enrolment, 3, 5)

    assert due_after(enrolment) == 15 * DAY


def test_due_date_that_somebody_set_meanwhile_stands(enrolment):
    away(enrolment, 2, 6)
    set_due(enrolment, TODAY + 20 * DAY, by=UserFactory())

    away(enrolment, 2, 8)

    assert due_after(enrolment) == 20 * DAY


def test_who_joins_a_team_while_away_has_longer():
    support = TeamFactory()
    EditionFactory(audience=[support], due_days=30)
    member = MemberFactory(away_from_on=TODAY - 5 * DAY, away_until_on=TODAY + 4 * DAY)

    set_teams(member, [support], by=None)

    assert due_after(Enrolment.objects.get()) == 35 * DAY


def test_due_date_a_manager_gives_while_they_are_away_stands():
    member = MemberFactory(away_from_on=TODAY, away_until_on=TODAY + 4 * DAY)
    programme = EditionFactory().programme

    enrolment = enrol(
        member, programme, source=Source.MANAGER, by=None, due_on=TODAY + 3 * DAY
    )

    assert due_after(enrolment) == 3 * DAY


def test_next_gap_foresees_a_planned_end():
    support = TeamFactory()
    edition = EditionFactory(audience=[support], need_count=1)
    member = TeamMembershipFactory(team=support, member__user__full_name="Liam").member
    EnrolmentFactory(member=member, edition=edition, completed=True)
    (before,) = standing_of(member.reseller)
    assert (before.is_met, before.gap) == (True, None)

    plan_end(member, TODAY + 40 * DAY, by=None)

    (after,) = standing_of(member.reseller)
    assert after.is_met
    assert after.gap.on == TODAY + 40 * DAY
    assert [cause.why.name for cause in after.gap.because] == ["LEAVES"]

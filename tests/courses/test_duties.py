from datetime import UTC, date, datetime, timedelta

import pytest

from courses.duties import duties_on, obliged_on
from courses.models import Enrolment, Source
from lms.people.models import Member, Reseller
from tests.factories import (
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MARCH = date(2026, 3, 1)


def instant(on):
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


@pytest.fixture
def support():
    return TeamFactory(name="Support")


@pytest.fixture
def edition(support):
    return EditionFactory(audience=[support])


@pytest.fixture
def row(support, edition):
    """A membership of Support, from before any day asked."""
    return TeamMembershipFactory(team=support)


def who(day=MARCH):
    """Who had to, by both ways of asking."""
    found = obliged_on(Member.objects.all(), day)
    duties = duties_on(Member.objects.select_related("reseller"), day)
    assert set(found) == {duty.member for duty in duties}
    return list(found)


def test_team_of_the_day_obliges(row, edition, support):
    TeamMembershipFactory()  # in another team
    stranger = MemberFactory()

    (duty,) = duties_on([row.member, stranger], MARCH)

    assert (duty.member, duty.edition, duty.teams) == (row.member, edition, [support])
    assert (duty.since, duty.enrolment, duty.is_qualified) == (row.from_on, None, False)


@pytest.mark.parametrize(("days", "had_to"), [(-1, True), (0, True), (1, False)])
def test_joining_a_team_obliges_from_that_very_day(row, days, had_to):
    type(row).objects.update(from_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(-1, False), (0, False), (1, True)])
def test_day_on_which_a_team_is_left_no_longer_obliges(row, days, had_to):
    type(row).objects.update(until_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(-1, False), (0, False), (1, True)])
def test_day_on_which_a_member_leaves_no_longer_obliges(row, days, had_to):
    Member.objects.update(left_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(-1, True), (0, True), (1, False)])
def test_day_on_which_a_member_joins_obliges(row, days, had_to):
    Member.objects.update(joined_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(-1, False), (0, False), (1, True)])
def test_ended_reseller_obliges_nobody_from_that_day(row, days, had_to):
    Reseller.objects.update(ended_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(0, True), (1, False)])
def test_reseller_obliges_from_its_approval(row, days, had_to):
    Reseller.objects.update(approved_on=MARCH + days * DAY)

    assert bool(who()) == had_to


@pytest.mark.parametrize(("days", "had_to"), [(0, False), (1, True)])
def test_edition_counts_from_the_day_it_is_in_force(row, edition, days, had_to):
    """The one that asks nobody any more, from its own day on."""
    EditionFactory(programme=edition.programme, effective_on=MARCH + days * DAY)

    assert bool(who()) == had_to


def test_first_edition_obliges_nobody_before_its_day(support):
    EditionFactory(audience=[support], effective_on=MARCH)
    TeamMembershipFactory(team=support)

    assert who(MARCH - DAY) == []
    assert len(who(MARCH)) == 1


def added(member, edition, on, **fields):
    fields.setdefault("source", Source.MANAGER)
    return EnrolmentFactory(
        member=member, edition=edition, enrolled_at=instant(on), **fields
    )


def test_who_was_added_had_to_until_taken_out():
    manager = UserFactory()
    enrolment = added(
        MemberFactory(), EditionFactory(), MARCH, enrolled_by=manager, due_on=MARCH
    )
    Enrolment.objects.update(withdrawn_at=instant(MARCH + 5 * DAY))

    found = [day for day in range(-1, 7) if who(MARCH + day * DAY)]
    (duty,) = duties_on([enrolment.member], MARCH)

    assert found == [0, 1, 2, 3, 4]
    assert (duty.teams, duty.since) == ([], MARCH)
    assert duty.enrolment.enrolled_by == manager
    assert [duty.is_overdue(MARCH + days * DAY) for days in (0, 1)] == [False, True]


def test_enrolment_by_team_says_nothing_of_days_without_the_team(edition):
    """The rows of the team are the source: an open enrolment alone is not."""
    added(MemberFactory(), edition, MARCH, source=Source.TEAM)

    assert who() == []


def test_began_again_counts_as_it_began(edition):
    member = MemberFactory()
    first = added(member, edition, MARCH)
    Enrolment.objects.filter(pk=first.pk).update(withdrawn_at=instant(MARCH + DAY))
    again = added(member, edition, MARCH + DAY, cycle=2, source=Source.EDITION)

    assert [duty.enrolment for duty in duties_on([member], MARCH)] == [first]
    assert [duty.enrolment for duty in duties_on([member], MARCH + DAY)] == [again]
    assert len(who(MARCH + DAY)) == 1


def test_qualified_on_the_day_is_said(row, edition):
    EnrolmentFactory(
        member=row.member,
        edition=edition,
        enrolled_at=instant(MARCH - 9 * DAY),
        completed_at=instant(MARCH),
        valid_from=MARCH,
        valid_until=MARCH + 2 * DAY,
    )

    told = [
        duties_on([row.member], MARCH + days * DAY)[0].is_qualified
        for days in (-1, 0, 1, 2)
    ]

    assert told == [False, True, True, False]


@pytest.mark.parametrize("people", [1, 3])
def test_duties_take_seven_queries(support, edition, django_assert_num_queries, people):
    reseller = ResellerFactory()
    for _ in range(people):
        member = TeamMembershipFactory(team=support, member__reseller=reseller).member
        added(member, edition, MARCH)
    members = list(Member.objects.select_related("reseller"))

    with django_assert_num_queries(7):
        found = duties_on(members, MARCH)

    assert len(found) == people

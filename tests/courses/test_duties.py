import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from courses.adding import set_due
from courses.dates import set_counts_until
from courses.duties import duties_on, end_of, obliged_on
from courses.models import Enrolment, Source
from lms.people.membership import leave, set_teams
from lms.people.models import Member, Reseller, TeamMembership
from lms.people.resellers import change_reseller
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
def test_duties_take_seven_queries_and_eight_as_known_then(
    support, django_assert_num_queries, people
):
    began = datetime(2020, 1, 1, 9, tzinfo=UTC)
    edition = EditionFactory(audience=[support], published_at=began)
    reseller = ResellerFactory()
    for _ in range(people):
        member = TeamMembershipFactory(team=support, member__reseller=reseller).member
        added(member, edition, MARCH)
    members = list(Member.objects.select_related("reseller"))

    with django_assert_num_queries(7):
        found = duties_on(members, MARCH)

    assert len(found) == people
    TeamMembership.objects.update(recorded_at=None)
    Member.objects.update(recorded_at=None)
    with django_assert_num_queries(8):
        found = duties_on(members, MARCH, known_by=THEN)
    assert len(found) == people


# --- As it was known then ----------------------------------------------------------

THEN = end_of(MARCH)
JUST_IN_TIME, TOO_LATE = THEN - timedelta(microseconds=1), THEN


@pytest.fixture
def known(row):
    """The membership, in Support, recorded when it began."""
    began = datetime(2020, 1, 1, 9, tzinfo=UTC)
    Member.objects.update(recorded_at=began)
    TeamMembership.objects.update(recorded_at=began)
    type(row.team).objects.get()  # the only team: nobody else is asked
    return row


@pytest.fixture
def published(edition):
    """The same, as an edition that was there in time."""
    return EditionFactory(
        programme=edition.programme,
        audience=[audience.team for audience in edition.audience.all()],
        published_at=datetime(2020, 1, 1, 9, tzinfo=UTC),
    )


def who_then():
    found = obliged_on(Member.objects.all(), MARCH, known_by=THEN)
    duties = duties_on(Member.objects.select_related("reseller"), MARCH, known_by=THEN)
    assert set(found) == {duty.member for duty in duties}
    return duties


@pytest.mark.parametrize(("at", "had_to"), [(JUST_IN_TIME, True), (TOO_LATE, False)])
@pytest.mark.parametrize("model", [Member, TeamMembership])
def test_what_was_recorded_after_the_day_did_not_oblige_then(
    published, known, model, at, had_to
):
    model.objects.update(recorded_at=at)

    assert bool(who_then()) == had_to
    assert who() == [known.member]


@pytest.mark.parametrize(("at", "had_to"), [(JUST_IN_TIME, False), (TOO_LATE, True)])
def test_leaving_told_of_after_the_day_had_not_ended_it_then(
    published, known, at, had_to
):
    with time_machine.travel(at, tick=False):
        leave(known.member, on=MARCH, by=None)

    assert bool(who_then()) == had_to
    assert who() == []


@pytest.mark.parametrize(("at", "had_to"), [(JUST_IN_TIME, False), (TOO_LATE, True)])
def test_team_left_on_the_day_is_known_from_when_it_was_recorded(
    published, known, at, had_to
):
    with time_machine.travel(at, tick=False):
        set_teams(known.member, [], by=None)
    TeamMembership.objects.update(until_on=MARCH)

    assert bool(who_then()) == had_to


def test_of_old_rows_nobody_knows_when_and_they_count_as_in_time(published, known):
    Member.objects.update(recorded_at=None)
    TeamMembership.objects.update(recorded_at=None)
    assert who_then()

    Member.objects.update(left_on=MARCH)
    assert not who_then()


@pytest.mark.parametrize(("at", "had_to"), [(JUST_IN_TIME, False), (TOO_LATE, True)])
def test_end_of_a_reseller_is_known_from_when_it_was_recorded(
    published, known, at, had_to
):
    reseller = known.member.reseller
    same = {"name": reseller.name, "parent": None, "by": None}
    with time_machine.travel(at, tick=False):
        change_reseller(
            reseller, approved_on=reseller.approved_on, ended_on=MARCH, **same
        )
    with time_machine.travel(TOO_LATE + DAY, tick=False):
        change_reseller(
            reseller, approved_on=reseller.approved_on, ended_on=None, **same
        )

    assert bool(who_then()) == had_to
    assert who() == [known.member]


@pytest.mark.parametrize(("at", "had_to"), [(JUST_IN_TIME, True), (TOO_LATE, False)])
def test_edition_published_after_the_day_asked_nobody_then(support, at, had_to):
    TeamMembershipFactory(team=support, recorded_at=None, member__recorded_at=None)
    EditionFactory(audience=[support], published_at=at)

    assert bool(who_then()) == had_to


def qualified(row, edition, **fields):
    return EnrolmentFactory(
        member=row.member,
        edition=edition,
        enrolled_at=instant(MARCH - 9 * DAY),
        **{"completed_at": instant(MARCH), "valid_from": MARCH} | fields,
    )


@pytest.mark.parametrize(("at", "then"), [(JUST_IN_TIME, False), (TOO_LATE, True)])
def test_what_was_found_wrong_after_the_day_counted_then(published, known, at, then):
    qualified(known, published, annulled_at=at)

    (duty,) = who_then()
    (today,) = duties_on([known.member], MARCH)

    assert (duty.is_qualified, today.is_qualified) == (then, False)


@pytest.mark.parametrize(("at", "then"), [(JUST_IN_TIME, True), (TOO_LATE, False)])
def test_what_was_completed_after_the_day_did_not_count_then(
    published, known, at, then
):
    qualified(known, published, completed_at=at)

    assert [duty.is_qualified for duty in who_then()] == [then]


@pytest.mark.parametrize(("at", "then"), [(JUST_IN_TIME, False), (TOO_LATE, True)])
def test_end_of_what_counts_is_known_from_when_it_was_set(published, known, at, then):
    enrolment = qualified(known, published)
    with time_machine.travel(at, tick=False):
        set_counts_until(enrolment, MARCH)
    with time_machine.travel(TOO_LATE + DAY, tick=False):
        set_counts_until(enrolment, MARCH + DAY)

    (duty,) = who_then()
    (today,) = duties_on([known.member], MARCH)

    assert (duty.is_qualified, today.is_qualified) == (then, True)


@pytest.mark.parametrize(("at", "due"), [(JUST_IN_TIME, 1), (TOO_LATE, None)])
def test_due_date_is_the_one_that_was_known(published, known, at, due):
    enrolment = qualified(known, published, completed_at=None, valid_from=None)
    by = UserFactory()
    with time_machine.travel(at, tick=False):
        set_due(enrolment, MARCH + DAY, by=by)
    with time_machine.travel(TOO_LATE, tick=False):
        set_due(enrolment, MARCH + 2 * DAY, by=by)

    (duty,) = who_then()
    (today,) = duties_on([known.member], MARCH)

    assert duty.due_on == (due and MARCH + due * DAY)
    assert today.due_on == MARCH + 2 * DAY


def test_dates_that_people_move_are_written_in_one_place():
    """Else what they said before would be forgotten."""
    root = Path(__file__).resolve().parents[2]
    found = {
        path.relative_to(root).as_posix()
        for room in ("courses", "certificates", "sessions", "content", "lms")
        for path in (root / room).rglob("*.py")
        if re.search(r"\.(due_on|counts_until) = ", path.read_text())
    }

    assert found == {"courses/dates.py"}

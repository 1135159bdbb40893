from datetime import timedelta

import pytest
import time_machine
from django.utils.timezone import now

from courses.adding import add, remove
from courses.cycles import begin_again
from courses.enrolling import follow_teams
from courses.leaving import just_left, teams_left, undo_leaving, undo_until
from courses.models import Enrolment, Evidence, EvidenceKind, Source
from courses.progress import progress_of, record_evidence
from lms.errors import Refused
from lms.people.membership import leave, set_teams
from lms.people.models import Member
from tests.factories import (
    EditionFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def support():
    return TeamFactory(name="Support")


@pytest.fixture
def member(support):
    """Somebody in Support, and so in its programme."""
    EditionFactory(audience=[support], due_days=30)
    member = TeamMembershipFactory(team=support).member
    follow_teams(member, by=None)
    return member


@pytest.fixture
def manager(member):
    return MemberFactory(reseller=member.reseller, is_manager=True).user


def left(member, manager):
    """Take the member out of all teams; return what that withdrew."""
    set_teams(member, [], by=manager)
    return Enrolment.objects.get(member=member)


def test_undone_within_the_day_all_is_as_it_was(member, manager, support):
    enrolment = Enrolment.objects.get()
    topic = enrolment.edition.topics.first().topic
    record_evidence(enrolment, topic, EvidenceKind.EXEMPTION, by=None)
    due_on = now().date() + timedelta(days=7)
    Enrolment.objects.update(due_on=due_on)
    enrolment = left(member, manager)

    back = undo_leaving(enrolment, by=manager)

    assert [row.team for row in member.team_memberships.live()] == [support]
    assert (back.is_open, back.cycle, back.source) == (True, 2, Source.TEAM)
    assert back.due_on == due_on
    assert progress_of([back])[back.pk].done == 1


def test_undoing_again_changes_nothing(member, manager):
    enrolment = left(member, manager)

    back = undo_leaving(enrolment, by=manager)

    assert undo_leaving(enrolment, by=manager) == back
    assert Enrolment.objects.count() == 2


@pytest.mark.parametrize(("seconds", "is_in_time"), [(-1, True), (0, False)])
def test_day_to_undo_ends_to_the_second(member, manager, seconds, is_in_time):
    enrolment = left(member, manager)
    assert undo_until(enrolment) == enrolment.withdrawn_at + DAY

    with time_machine.travel(
        enrolment.withdrawn_at + DAY + timedelta(seconds=seconds), tick=False
    ):
        assert just_left().exists() == is_in_time
        if is_in_time:
            assert undo_leaving(enrolment, by=manager).is_open
        else:
            with pytest.raises(Refused):
                undo_leaving(enrolment, by=manager)
            assert not Enrolment.objects.open().exists()


def test_other_teams_stay_when_one_is_given_back(member, manager, support):
    sales = TeamFactory()
    set_teams(member, [sales], by=manager)
    enrolment = Enrolment.objects.get()

    undo_leaving(enrolment, by=manager)

    live = member.team_memberships.live()
    assert {row.team for row in live} == {sales, support}


def test_only_the_team_left_last_is_given_back(member, manager, support):
    old = TeamMembershipFactory(member=member, until_on=now().date() - 5 * DAY).team
    enrolment = Enrolment.objects.get()
    enrolment.edition.audience.create(team=old)
    enrolment = left(member, manager)

    assert teams_left(enrolment) == [support]


def test_who_has_left_the_reseller_is_not_put_back(member, manager):
    enrolment = left(member, manager)
    leave(member, on=now().date(), by=manager)
    enrolment = Enrolment.objects.get(pk=enrolment.pk)

    assert undo_until(enrolment) is None
    assert not just_left().exists()
    with pytest.raises(Refused):
        undo_leaving(enrolment, by=manager)


def test_nobody_is_put_back_once_the_reseller_has_ended(member, manager):
    enrolment = left(member, manager)
    member.reseller.ended_on = now().date()
    member.reseller.save()
    enrolment = Enrolment.objects.get(pk=enrolment.pk)

    assert undo_until(enrolment) is None
    assert not just_left().exists()
    with pytest.raises(Refused):
        undo_leaving(enrolment, by=manager)


def test_taking_out_is_undone_without_a_team(manager, member):
    programme = EditionFactory().programme
    enrolment = add(member, programme, by=manager)
    remove(enrolment, by=manager, why="No longer needed")
    enrolment.refresh_from_db()

    back = undo_leaving(enrolment, by=manager)

    assert (back.is_open, back.source) == (True, Source.MANAGER)
    assert teams_left(enrolment) == []


def test_team_that_no_longer_asks_is_given_back_with_the_programme(member, manager):
    programme = Enrolment.objects.get().programme
    EditionFactory(programme=programme)  # for no team any more
    follow_teams(member, by=None)
    enrolment = Enrolment.objects.get()
    assert enrolment.withdrawn_at

    back = undo_leaving(enrolment, by=manager)

    assert (back.is_open, back.source) == (True, Source.MANAGER)


@pytest.mark.parametrize("source", [Source.EDITION, Source.RENEWAL])
@pytest.mark.parametrize("by_team", [True, False])
def test_who_began_again_leaves_with_the_team_that_had_asked(
    member, manager, source, by_team
):
    enrolment = Enrolment.objects.get()
    if not by_team:
        programme = EditionFactory().programme
        enrolment = add(member, programme, by=manager)
    again = begin_again(
        enrolment,
        member=member,
        edition=enrolment.edition,
        keep=Evidence.objects.none(),
        why="The programme changed",
        by=None,
        source=source,
    )

    set_teams(member, [], by=manager)

    again.refresh_from_db()
    assert bool(again.withdrawn_at) == by_team


@pytest.mark.races
def test_two_who_undo_at_once_begin_one_cycle(run_at_once):
    support = TeamFactory()
    EditionFactory(audience=[support])
    member = TeamMembershipFactory(team=support).member
    follow_teams(member, by=None)
    manager = MemberFactory(reseller=member.reseller, is_manager=True).user
    enrolment = left(member, manager)

    one, other = run_at_once(*[lambda: undo_leaving(enrolment, by=manager)] * 2)

    assert one == other
    assert Enrolment.objects.open().get() == one
    assert Member.objects.get(pk=member.pk).team_memberships.live().count() == 1

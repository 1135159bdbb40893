"""Joining, changing teams, leaving: dated rows, announced."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from lms.people.membership import join, leave, set_teams
from lms.people.models import Engagement, Member
from lms.people.signals import membership_changed
from tests.factories import (
    MemberFactory,
    ResellerFactory,
    TeamFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
TODAY = now().date()


@pytest.fixture
def announced() -> Iterator[list[Member]]:
    heard: list[Member] = []

    def hear(sender: Any, member: Member, **more: Any) -> None:
        heard.append(member)

    membership_changed.connect(hear)
    yield heard
    membership_changed.disconnect(hear)


def teams_of(member: Member) -> dict[str, tuple[date, date | None]]:
    rows = member.team_memberships.all()
    return {row.team.name: (row.from_on, row.until_on) for row in rows}


def test_join_makes_a_member_in_teams(announced: list[Member]) -> None:
    user, reseller, team = UserFactory(), ResellerFactory(), TeamFactory(name="Support")
    by = UserFactory()

    member = join(
        user,
        reseller,
        teams=[team],
        engagement=Engagement.CONTRACTOR,
        is_manager=True,
        by=by,
    )

    assert (member.user, member.reseller) == (user, reseller)
    assert (member.engagement, member.is_manager) == ("contractor", True)
    assert member.joined_on == TODAY
    assert teams_of(member) == {"Support": (TODAY, None)}
    assert announced == [member]
    event = Event.objects.get(verb="joined")
    assert (event.actor, event.target_id) == (by, str(member.pk))


def test_join_twice_is_refused() -> None:
    member = MemberFactory()

    with pytest.raises(Refused, match="already belongs"):
        join_plainly(member.user, member.reseller)

    assert Member.objects.count() == 1


def test_join_after_leaving_makes_a_new_row() -> None:
    gone = MemberFactory(left_on=TODAY)

    member = join_plainly(gone.user, gone.reseller)

    assert set(Member.objects.all()) == {gone, member}


@pytest.mark.parametrize(("days", "refused"), [(0, True), (1, False)])
def test_join_a_reseller_that_ended_is_refused_from_that_day(
    days: int, refused: bool
) -> None:
    reseller = ResellerFactory(ended_on=TODAY + timedelta(days=days))

    if refused:
        with pytest.raises(Refused, match="no longer an approved reseller"):
            join_plainly(UserFactory(), reseller)
    else:
        join_plainly(UserFactory(), reseller)

    assert Member.objects.count() == (0 if refused else 1)


def join_plainly(user: Any, reseller: Any) -> Member:
    return join(
        user,
        reseller,
        teams=[],
        engagement=Engagement.EMPLOYEE,
        is_manager=False,
        by=None,
    )


def test_set_teams_ends_and_begins_rows(announced: list[Member]) -> None:
    member = MemberFactory()
    kept, ended, begun = TeamFactory.create_batch(3)
    for team in (kept, ended):
        TeamMembershipFactory(member=member, team=team)

    set_teams(member, [kept, begun], by=None)

    assert teams_of(member) == {
        kept.name: (date(2020, 1, 1), None),
        ended.name: (date(2020, 1, 1), TODAY),
        begun.name: (TODAY, None),
    }
    assert announced == [member]


def test_set_teams_to_the_same_writes_nothing(announced: list[Member]) -> None:
    row = TeamMembershipFactory()

    set_teams(row.member, [row.team], by=None)

    assert announced == []
    assert not Event.objects.exists()


def test_set_teams_back_and_forth_on_one_day() -> None:
    member, team = MemberFactory(), TeamFactory()

    for teams in ([team], [], [team]):
        set_teams(member, teams, by=None)

    rows = member.team_memberships.order_by("pk").values_list("from_on", "until_on")
    assert list(rows) == [(TODAY, TODAY), (TODAY, None)]


def test_set_teams_of_who_left_is_refused() -> None:
    member = MemberFactory(left_on=TODAY)

    with pytest.raises(Refused, match="has left"):
        set_teams(member, [TeamFactory()], by=None)

    assert teams_of(member) == {}


def test_leave_ends_membership_and_teams(announced: list[Member]) -> None:
    row = TeamMembershipFactory()

    leave(row.member, on=TODAY, by=None)

    row.refresh_from_db()
    assert row.until_on == TODAY
    assert not Member.objects.live().exists()
    assert announced == [row.member]


def test_leave_twice_changes_nothing(announced: list[Member]) -> None:
    member = MemberFactory()
    leave(member, on=TODAY - timedelta(days=3), by=None)

    leave(member, on=TODAY, by=None)

    member.refresh_from_db()
    assert member.left_on == TODAY - timedelta(days=3)
    assert announced == [member]


@pytest.mark.parametrize(
    "on", [TODAY + timedelta(days=1), date(2019, 12, 31)], ids=["to come", "before"]
)
def test_leave_on_a_day_that_cannot_be_is_refused(on: date) -> None:
    member = MemberFactory()

    with pytest.raises(Refused):
        leave(member, on=on, by=None)

    member.refresh_from_db()
    assert member.left_on is None

"""Planned ends: notice, the end itself, and its change."""

from datetime import timedelta

import pytest
import time_machine
from django.utils.timezone import now

from lms.errors import Refused
from lms.mail.models import Message
from lms.people import ending
from lms.people.ending import (
    end_planned,
    end_subsidiaries,
    end_with_resellers,
    plan_end,
    tell_of_ends,
)
from lms.people.inviting import invite
from lms.people.models import Member
from lms.people.resellers import change_reseller
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    ResellerFactory,
    TeamMembershipFactory,
    UserFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]
DAY = timedelta(days=1)
TODAY = now().date()


@pytest.fixture
def manager():
    return MemberFactory(is_manager=True)


@pytest.fixture
def member(manager):
    return MemberFactory(reseller=manager.reseller, user__full_name="Liam")


def later(days):
    return time_machine.travel(now() + days * DAY, tick=False)


def subjects():
    return list(
        Message.objects.filter(dropped_at=None)
        .order_by("pk")
        .values_list("recipient", "subject")
    )


def test_it_ends_on_its_day_and_not_before(member, manager):
    team = TeamMembershipFactory(member=member)
    plan_end(member, TODAY + 30 * DAY, by=manager.user)

    with later(29):
        assert end_planned() == 0
        assert Member.objects.live().filter(pk=member.pk).exists()
    with later(30):
        assert end_planned() == 1
        assert end_planned() == 0

    member.refresh_from_db()
    team.refresh_from_db()
    assert member.left_on == team.until_on == TODAY + 30 * DAY


def test_late_clock_ends_it_as_of_its_day(member, manager):
    plan_end(member, TODAY + 2 * DAY, by=manager.user)

    with later(9):
        end_planned()

    member.refresh_from_db()
    assert member.left_on == TODAY + 2 * DAY


def test_both_are_told_fourteen_days_before_and_once(member, manager):
    plan_end(member, TODAY + 30 * DAY, by=manager.user)

    with later(15):
        assert tell_of_ends() == 0
    assert subjects() == []
    with later(16):
        assert tell_of_ends() == 1
        assert tell_of_ends() == 0

    day = f"{TODAY + 30 * DAY:%-d %B %Y}"
    assert subjects() == [
        (member.user_id, f"Your time with {member.reseller} ends on {day}"),
        (manager.user_id, f"Liam leaves on {day}"),
    ]


def test_planned_for_soon_tells_at_once(member, manager):
    plan_end(member, TODAY + 14 * DAY, by=manager.user)

    assert len(subjects()) == 2
    assert tell_of_ends() == 0


def test_changed_day_is_told_and_the_old_mail_does_not_leave(member, manager):
    plan_end(member, TODAY + 5 * DAY, by=manager.user)
    plan_end(member, TODAY + 6 * DAY, by=manager.user)

    day = f"{TODAY + 6 * DAY:%-d %B %Y}"
    assert [subject for _to, subject in subjects()] == [
        f"Your time with {member.reseller} ends on {day}",
        f"Liam leaves on {day}",
    ]


def test_who_was_told_hears_that_they_stay(member, manager):
    plan_end(member, TODAY + 5 * DAY, by=manager.user)
    Message.objects.update(sent_at=now())

    plan_end(member, None, by=manager.user)

    assert [subject for _to, subject in subjects()][2:] == [
        f"You stay with {member.reseller}",
        "Liam stays",
    ]
    with later(20):
        assert end_planned() == 0


@pytest.mark.parametrize(("days", "is_refused"), [(0, True), (1, False)])
def test_day_is_one_to_come(member, manager, days, is_refused):
    day = TODAY + days * DAY
    if is_refused:
        with pytest.raises(Refused, match="a day to come"):
            plan_end(member, day, by=manager.user)
    else:
        plan_end(member, day, by=manager.user)
        assert member.until_on == day


def test_end_of_the_only_manager_is_not_planned_by_themselves(manager):
    with pytest.raises(Refused, match="only manager"):
        plan_end(manager, TODAY + DAY, by=manager.user)

    plan_end(manager, TODAY + DAY, by=UserFactory(is_staff=True))


def test_clock_asks_once_where_nothing_ends(member, django_assert_num_queries):
    with django_assert_num_queries(2):
        assert (end_planned(), tell_of_ends()) == (0, 0)


# --- A reseller's end --------------------------------------------------------------


def end(reseller, on):
    change_reseller(
        reseller,
        name=reseller.name,
        parent=None,
        approved_on=reseller.approved_on,
        ended_on=on,
        by=None,
    )


def test_people_of_an_ended_reseller_and_of_those_below_it_leave(manager, member):
    top = manager.reseller
    below = MemberFactory(reseller=ResellerFactory(parent=top))
    other = MemberFactory()
    enrolment = EnrolmentFactory(member=below)
    call = BookingFactory(enrolment=enrolment)

    end(top, TODAY - DAY)
    end_subsidiaries()

    assert end_with_resellers() == 3
    assert end_with_resellers() == 0
    assert list(Member.objects.live()) == [other]
    below.refresh_from_db()
    enrolment.refresh_from_db()
    call.refresh_from_db()
    assert below.left_on == below.reseller.ended_on == TODAY - DAY
    assert enrolment.withdrawn_at is not None
    assert call.state == "cancelled"
    assert below.reseller.earlier_dates.get().ended_on is None
    assert Message.objects.filter(key=f"member:{below.pk}:left").exists()


@pytest.mark.parametrize(("days", "left"), [(1, 0), (0, 1)])
def test_reseller_ends_on_its_day(member, days, left):
    Member.objects.exclude(pk=member.pk).update(left_on=TODAY)
    end(member.reseller, TODAY + days * DAY)

    end_subsidiaries()

    assert end_with_resellers() == left


def test_one_round_takes_so_many_and_the_next_goes_on(member, monkeypatch):
    MemberFactory.create_batch(3, reseller=member.reseller)
    end(member.reseller, TODAY)
    monkeypatch.setattr(ending, "AT_ONCE", 2)

    assert [end_with_resellers() for _ in range(4)] == [2, 2, 1, 0]


def test_nobody_is_invited_below_an_ended_reseller():
    top = ResellerFactory(ended_on=TODAY)
    below = ResellerFactory(parent=top)

    with pytest.raises(Refused, match="no longer an approved reseller"):
        invite(
            "ann@example.com",
            "Ann",
            below,
            teams=[],
            engagement="employee",
            is_manager=False,
            by=None,
        )


def test_clock_asks_once_where_no_reseller_has_ended(member, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert end_with_resellers() == 0

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from courses.enrolling import follow_teams, withdraw
from courses.leaving import undo_leaving
from courses.models import Enrolment
from lms.dashboards import clock
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.membership import leave, set_teams
from sessions.booking import book_call, ready_topics
from sessions.left import free_left, leaving_of
from sessions.models import Booking, BookingState, TimeRequest, Trainer
from sessions.slots import free_slots
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TeamFactory,
    TeamMembershipFactory,
    TimeRequestFactory,
    TrainerFactory,
)

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def member():
    """Somebody in Support, whose programme asks for a call."""
    support = TeamFactory(name="Support")
    EditionFactory(audience=[support])
    member = TeamMembershipFactory(team=support, member__user__full_name="Liam").member
    follow_teams(member, by=None)
    return member


@pytest.fixture
def manager(member):
    return MemberFactory(reseller=member.reseller, is_manager=True).user


@pytest.fixture
def call(member):
    """Their call, in more than two days."""
    return BookingFactory(enrolment=Enrolment.objects.get())


def later(delta):
    return time_machine.travel(now() + delta, tick=False)


def test_call_stands_for_a_day_and_is_freed_then(member, manager, call):
    strangers = BookingFactory(trainer=call.trainer)
    set_teams(member, [], by=manager)
    left_at = Enrolment.objects.get(member=member).withdrawn_at

    with time_machine.travel(left_at + DAY - timedelta(seconds=1), tick=False):
        assert free_left() == 0
    with time_machine.travel(left_at + DAY, tick=False):
        assert free_left() == 1
        assert free_left() == 0

    call.refresh_from_db()
    strangers.refresh_from_db()
    assert (call.state, call.reason) == (BookingState.CANCELLED, "Left the team")
    assert not call.late
    assert strangers.state == BookingState.BOOKED
    told = Message.objects.filter(key__contains=":cancelled:")
    assert {mail.recipient for mail in told} == {call.trainee, call.trainer.user}


@pytest.mark.parametrize("away", [timedelta(0), timedelta(minutes=50), 2 * DAY])
def test_clock_frees_once_the_day_is_over_however_long_it_was_away(
    member, manager, away
):
    call = BookingFactory(
        enrolment=Enrolment.objects.get(), starts_at=now() + timedelta(days=9)
    )
    set_teams(member, [], by=manager)
    over = Enrolment.objects.get(member=member).withdrawn_at + DAY
    with time_machine.travel(over - timedelta(minutes=5), tick=False):
        clock.tick()  # with all of the hour
        assert Booking.objects.get(pk=call.pk).state == BookingState.BOOKED

    with time_machine.travel(over + away, tick=False):
        clock.tick()

    assert Booking.objects.get(pk=call.pk).state == BookingState.CANCELLED


def test_each_hour_finds_what_was_withdrawn_long_ago(member, manager, call):
    set_teams(member, [], by=manager)
    hours = timedelta(hours=30)

    with later(hours):
        lately = free_left(withdrawn_since=now() - timedelta(hours=26))
        assert (lately, free_left()) == (0, 1)


def test_undone_the_call_goes_on_in_the_next_cycle(member, manager, call):
    set_teams(member, [], by=manager)

    back = undo_leaving(Enrolment.objects.get(member=member), by=manager)
    with later(2 * DAY - timedelta(hours=1)):
        assert free_left() == 0

    call.refresh_from_db()
    assert (call.enrolment, call.state) == (back, BookingState.BOOKED)
    assert [topic.booked_for for topic in call.topics.all()] == [back]
    assert not Message.objects.filter(key__startswith="call:").exists()


def test_coming_back_to_the_team_later_that_day_keeps_the_call(member, manager, call):
    teams = [row.team for row in member.team_memberships.all()]
    set_teams(member, [], by=manager)
    set_teams(member, teams, by=manager)

    call.refresh_from_db()
    assert call.enrolment == Enrolment.objects.open().get()


def test_call_that_begins_before_the_day_is_over_takes_place(member, manager, call):
    Booking.objects.filter(pk=call.pk).update(
        starts_at=now() + timedelta(hours=5),
        ends_at=now() + timedelta(hours=6),
        busy_until=now() + timedelta(hours=6),
    )
    set_teams(member, [], by=manager)
    call = Booking.objects.get()

    assert leaving_of(call).freed_at is None
    with later(DAY):
        assert free_left() == 0
    assert Booking.objects.get().state == BookingState.BOOKED


def test_what_is_proposed_ends_at_once_and_what_is_asked_after_a_day(member, manager):
    enrolment = Enrolment.objects.get()
    proposal = BookingFactory(
        enrolment=enrolment, state=BookingState.PROPOSED, offer=uuid4()
    )
    TimeRequestFactory(enrolment=enrolment)
    stranger = TimeRequestFactory()

    set_teams(member, [], by=manager)

    proposal.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED
    assert TimeRequest.objects.open().count() == 2
    with later(DAY):
        free_left()
    assert TimeRequest.objects.open().get() == stranger


@pytest.mark.parametrize("was_out", [False, True])
def test_leaving_the_reseller_frees_at_once(member, manager, call, was_out):
    if was_out:
        set_teams(member, [], by=manager)

    leave(member, on=now().date(), by=manager)
    free_left()

    call.refresh_from_db()
    assert call.state == BookingState.CANCELLED


def test_call_that_has_begun_is_left_to_its_sign_off():
    enrolment = EnrolmentFactory()
    begun = BookingFactory(enrolment=enrolment, starts_at=now() - timedelta(minutes=1))
    withdraw(enrolment, by=None, why="Left the team")

    with later(DAY):
        assert free_left() == 0

    begun.refresh_from_db()
    assert begun.state == BookingState.BOOKED


def test_clock_asks_once_where_there_is_nothing_to_free(django_assert_num_queries):
    BookingFactory()

    with django_assert_num_queries(1):
        assert free_left() == 0


def test_both_sides_read_when_it_is_freed_and_a_manager_can_undo(
    client, member, manager, call
):
    set_teams(member, [], by=manager)
    undo = reverse("dashboards:undo", args=[call.enrolment_id])
    texts = {}

    for name, user in [
        ("trainee", call.trainee),
        ("trainer", call.trainer.user),
        ("manager", manager),
    ]:
        client.force_login(user)
        texts[name] = " ".join(client.get(call.get_absolute_url()).text.split())

    assert "You are no longer in Support" in texts["trainee"]
    assert "Liam is no longer in Support" in texts["trainer"]
    assert all("This call is freed on" in text for text in texts.values())
    assert [name for name in texts if undo in texts[name]] == ["manager"]


def test_agenda_says_when_a_call_is_freed(client, member, manager, call):
    set_teams(member, [], by=manager)
    client.force_login(member.user)

    assert "Freed on" in client.get(reverse("sessions:agenda")).text


@pytest.mark.races
def test_leaving_while_booking_leaves_no_call_for_good(run_at_once):
    support = TeamFactory()
    edition = EditionFactory(audience=[support])
    TrainerFactory(programmes=[edition.programme])
    member = TeamMembershipFactory(team=support).member
    follow_teams(member, by=None)
    enrolment = Enrolment.objects.get()
    topics = ready_topics(enrolment)[:1]
    slot = next(
        slot
        for slot in free_slots(enrolment, topics[0].call_length)
        if slot.starts_at > now() + 2 * DAY
    )

    booked, _left = run_at_once(
        lambda: book_call(
            enrolment,
            topics,
            starts_at=slot.starts_at,
            request_key=uuid4(),
            by=member.user,
        ),
        lambda: set_teams(member, [], by=None),
    )
    with later(DAY):
        freed = free_left()

    assert isinstance(booked, Booking | Refused)
    assert freed == isinstance(booked, Booking)
    assert not Booking.objects.live().exists()
    assert Trainer.objects.count() == 1


@pytest.mark.races
def test_undoing_while_the_clock_frees_does_one_of_them(run_at_once):
    support = TeamFactory()
    EditionFactory(audience=[support])
    member = TeamMembershipFactory(team=support).member
    follow_teams(member, by=None)
    call = BookingFactory(enrolment=Enrolment.objects.get())
    manager = MemberFactory(reseller=member.reseller, is_manager=True).user
    set_teams(member, [], by=manager)
    enrolment = Enrolment.objects.get()
    teams = [row.team for row in member.team_memberships.all()]

    with later(DAY):
        run_at_once(free_left, lambda: set_teams(member, teams, by=manager))
        free_left()

    call.refresh_from_db()
    back = Enrolment.objects.open().get()
    kept = call.state == BookingState.BOOKED
    assert call.enrolment == (back if kept else enrolment)

"""Who is in the room of a call, who may be, and who was there for how long."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import IntegrityError, transaction
from django.urls import reverse

from lms.audit.models import Event
from lms.people import sign_ins
from lms.people.accounts import set_active
from lms.people.membership import leave
from lms.people.models import SignIn
from sessions.cancelling import cancel_call
from sessions.handing_over import hand_over
from sessions.models import (
    Booking,
    BookingState,
    Cause,
    Ended,
    Outcome,
    Presence,
    RoomKind,
    Signal,
)
from sessions.moving import change_seat, move_call
from sessions.presence import (
    HERE_WITHIN,
    MOST_TABS,
    SEEN_EVERY,
    SILENT_AFTER,
    Span,
    attendance,
    come,
    end_silent,
    forget_signals,
    here,
)
from sessions.signoff import TopicWord, sign_off, undo_sign_off
from tests.factories import (
    BookingFactory,
    PresenceFactory,
    SignalFactory,
    TrainerFactory,
    UserFactory,
)
from tests.sessions.rooms import Tab, two_in

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London
BEFORE = TEN - timedelta(minutes=5)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PAGE = "/calls/{ref}/"
JOIN = "/calls/{ref}/join/"


@pytest.fixture
def clock():
    with time_machine.travel(BEFORE, tick=False) as traveller:
        yield traveller


@pytest.fixture
def call(db, clock):
    return BookingFactory(starts_at=TEN)


@pytest.fixture
def two(call):
    return two_in(call)


def gone(tab):
    """What a page is answered that has to hang up at once."""
    status = tab.ask().status_code
    assert status in (302, 404)
    return status


def over(tab):
    answer = tab.poll()
    return answer["over"], answer["url"].replace(tab.call.ref, "{ref}")


# --- Who may be there ----------------------------------------------------------------


def test_both_polls_end_as_said_when_the_trainee_is_suspended(two, call):
    trainee, trainer = two
    with time_machine.travel(TEN + MINUTE, tick=False):
        set_active(call.trainee, False, by=UserFactory(is_staff=True))

        assert gone(trainee) == 302
        assert trainer.poll()["other"] is None


def test_who_signs_out_in_another_tab_is_gone_for_the_other_with_the_next_poll(
    two, call
):
    trainee, trainer = two
    PresenceFactory(user=call.trainee, sign_in=trainee.client.session["sign_in"])

    trainee.client.post(reverse("account_logout"))

    assert trainer.poll()["other"] is None
    assert trainee.ask().status_code == 302
    assert {stay.ended for stay in Presence.objects.filter(user=call.trainee)} == {
        Ended.CLOSED
    }
    assert Presence.objects.live().get().user == call.trainer.user


def test_a_sign_in_ended_from_elsewhere_ends_the_stay_and_no_other(two, call):
    trainee, trainer = two
    phone = Tab(call, call.trainee)  # signed in too, not in the room
    stay = Presence.objects.live().get(user=call.trainee)

    sign_ins.end(SignIn.objects.filter(pk=phone.client.session["sign_in"]), by=None)
    assert trainer.poll()["other"]["tab"] == trainee.tab
    sign_ins.end(SignIn.objects.filter(pk=stay.sign_in), by=None)

    assert trainer.poll()["other"] is None


def test_both_polls_end_as_said_when_the_trainer_is_suspended(two, call):
    trainee, trainer = two
    set_active(call.trainer.user, False, by=UserFactory(is_staff=True))

    assert gone(trainer) == 302
    assert trainee.poll()["other"] is None


def test_a_trainer_who_holds_no_calls_any_more_is_out(two, call):
    trainee, trainer = two
    call.trainer.is_active = False
    call.trainer.save(update_fields=["is_active"])

    assert gone(trainer) == 404
    assert trainee.poll()["other"] is None


def test_a_trainee_who_leaves_the_company_is_out(two, call):
    trainee, trainer = two
    with time_machine.travel(TEN + MINUTE, tick=False):
        leave(call.enrolment.member, on=TEN.date(), by=UserFactory(is_staff=True))

        assert gone(trainee) == 404
        assert trainee.client.get(f"/calls/{call.ref}/room/").status_code == 404
        assert trainer.poll()["other"] is None


def test_a_call_that_is_cancelled_ends_for_both(two, call):
    cancel_call(call, by=call.trainee, reason="Ill", cause=Cause.ILLNESS)

    assert [over(tab) for tab in two] == [("cancelled", PAGE)] * 2
    stays = Presence.objects.values_list("ended", "left_at")
    assert list(stays) == [(Ended.CLOSED, BEFORE)] * 2


def test_a_call_that_is_moved_away_ends_for_both_and_says_when_it_is(two, call):
    move_call(call, starts_at=TEN + timedelta(hours=3), by=call.trainer.user)

    assert [over(tab) for tab in two] == [("moved", PAGE)] * 2
    assert two[1].poll()["words"] == (
        "This call is at another time now: Wed 3 Jun, 13:00 (London)."
    )


def test_a_call_that_is_moved_by_a_little_goes_on(two, call):
    trainee, trainer = two

    with transaction.atomic():
        change_seat(call, starts_at=TEN + 4 * MINUTE, trainer=call.trainer)

    assert trainee.poll()["other"]["tab"] == trainer.tab
    call.refresh_from_db()
    assert (call.trainee_joined_at, call.trainer_joined_at) == (BEFORE, None)
    trainer.poll()
    call.refresh_from_db()
    assert call.trainer_joined_at == BEFORE  # they are there, moved or not


def test_a_call_that_is_handed_over_is_the_colleagues(two, call):
    trainee, trainer = two
    colleague = TrainerFactory(programmes=[call.enrolment.programme])

    call = hand_over(call, colleague, by=call.trainer.user)

    assert gone(trainer) == 404
    assert trainee.poll()["other"] is None
    new = Tab(call, colleague.user)
    assert new.poll()["other"]["tab"] == trainee.tab
    assert trainee.poll()["other"]["tab"] == new.tab


def test_a_call_that_is_signed_off_goes_on_until_its_room_closes(two, call, clock):
    trainee, trainer = two
    clock.move_to(TEN + 10 * MINUTE)
    words = [TopicWord(topic, Outcome.COVERED) for topic in call.topics.all()]
    before = trainee.poll()["agenda"]

    call = sign_off(call, words, by=call.trainer.user)

    assert trainee.poll()["other"]["tab"] == trainer.tab
    assert trainee.poll()["agenda"] != before
    again = Tab(call, call.trainer.user)
    assert again.poll()["other"]["tab"] == trainee.tab
    undo_sign_off(call, by=call.trainer.user)
    assert trainee.poll()["other"]["tab"] == again.tab
    clock.move_to(call.closes_at)
    assert over(trainee) == ("closed", PAGE)


def test_a_call_that_is_switched_to_the_link_leads_there(two, call):
    call.room_kind = RoomKind.LINK
    call.save(update_fields=["room_kind"])

    assert [over(tab) for tab in two] == [("link", JOIN)] * 2
    assert [tab.poll()["words"] for tab in two] == [
        "You are taken to the link, outside this site, in a moment.",  # by the page
        "This call goes on by a link, outside this site.",  # the board may be wanted
    ]


def test_a_missed_call_says_how_to_come_after_all(two, call, clock):
    clock.move_to(TEN + 12 * MINUTE)
    Booking.objects.update(state=BookingState.MISSED, missed_by="trainee")

    assert [over(tab) for tab in two] == [("missed", JOIN), ("missed", PAGE)]


def test_before_it_opens_nobody_is_there(call, clock):
    clock.move_to(TEN - 11 * MINUTE)

    assert over(Tab(call, call.trainee)) == ("moved", PAGE)
    assert not Presence.objects.exists()


def test_a_call_cancelled_while_somebody_comes_is_not_come_to(call):
    """What was read before is looked at again under the call's lock."""
    read = Booking.objects.get(pk=call.pk)
    cancel_call(call, by=call.trainee, reason="Ill", cause=Cause.ILLNESS)

    assert come(read, call.trainee, uuid4()) is None

    assert not Presence.objects.exists()
    assert not Event.objects.filter(verb="joined").exists()


# --- Coming and leaving ----------------------------------------------------------------


def test_joining_is_logged_once_for_each(two, call):
    for tab in (*two, Tab(call, call.trainee)):
        tab.poll()

    call.refresh_from_db()
    assert (call.trainee_joined_at, call.trainer_joined_at) == (BEFORE, BEFORE)
    joined = Event.objects.filter(verb="joined").order_by("pk")
    assert [event.actor for event in joined] == [call.trainee, call.trainer.user]


def test_the_database_takes_one_live_stay_of_each(call):
    first = PresenceFactory(booking=call)

    with pytest.raises(IntegrityError), transaction.atomic():
        PresenceFactory(booking=call)

    first.left_at, first.ended = BEFORE, Ended.LEFT
    first.save()
    PresenceFactory(booking=call)
    PresenceFactory(booking=call, user=call.trainer.user)


@pytest.mark.parametrize(
    "wrong",
    [
        {"left_at": BEFORE},
        {"ended": Ended.LEFT},
        {"left_at": BEFORE - SECOND, "ended": Ended.LEFT},
    ],
)
def test_the_database_takes_no_end_without_both_its_parts(call, wrong):
    with pytest.raises(IntegrityError), transaction.atomic():
        PresenceFactory(booking=call, **wrong)


def test_who_comes_with_tab_after_tab_is_told_to_wait(call):
    for _n in range(MOST_TABS):
        last = Tab(call, call.trainee)
        last.poll()

    response = Tab(call, call.trainee).ask()

    assert response.status_code == 429
    assert response.json() == {
        "words": "You came in very often just now. Wait a minute."
    }
    assert "over" not in last.poll()  # the last that came in is there


def test_leaving_by_a_form_leaves_with_any_tab(two, call):
    trainee, trainer = two

    response = trainee.client.post(f"/calls/{call.ref}/room/leave/")

    assert response.url == call.get_absolute_url()
    assert trainer.poll()["other"] is None


def test_leaving_with_an_older_tab_ends_nothing(two, call):
    trainee, trainer = two
    newer = Tab(call, call.trainee)
    newer.poll()

    trainee.leave()

    assert trainer.poll()["other"]["tab"] == newer.tab


# --- Silence ---------------------------------------------------------------------------


def test_a_silent_tab_is_told_of_and_then_its_stay_ended(two, call, clock):
    trainee, trainer = two
    clock.move_to(BEFORE + 2 * SEEN_EVERY)
    trainee.poll()
    clock.move_to(BEFORE + SILENT_AFTER)
    assert trainee.poll()["other"]["quiet_for"] == SILENT_AFTER.total_seconds()
    assert end_silent() == 0

    clock.move_to(BEFORE + SILENT_AFTER + SECOND)
    assert end_silent() == 1

    assert trainee.poll()["other"] is None
    stay = Presence.objects.get(user=call.trainer.user)
    assert (stay.ended, stay.left_at) == (Ended.SILENT, BEFORE)
    assert trainer.poll()["other"]["tab"] == trainee.tab  # a laptop that slept
    assert trainee.poll()["other"]["tab"] == trainer.tab


def test_what_was_told_is_gone_after_the_call(two, call):
    trainee, trainer = two
    signal = SignalFactory(
        to=Presence.objects.get(tab=trainee.tab),
        by=Presence.objects.get(tab=trainer.tab),
    )
    assert forget_signals() == 0

    # One that came in the moment in which the other left.
    Presence.objects.filter(tab=trainee.tab).update(left_at=TEN, ended=Ended.LEFT)

    assert forget_signals() == 1
    assert not Signal.objects.filter(pk=signal.pk).exists()


# --- Attendance --------------------------------------------------------------------------


def stay(call, start, end=None, *, seen=None, **more):
    return PresenceFactory(
        booking=call,
        joined_at=TEN + start * MINUTE,
        seen_at=TEN + (seen if seen is not None else end) * MINUTE,
        left_at=None if end is None else TEN + end * MINUTE,
        ended="" if end is None else Ended.LEFT,
        **more,
    )


def test_attendance_is_by_person_in_spans(call, django_assert_num_queries):
    stay(call, -2, 5)
    stay(call, 5, 9)  # went on in another tab
    stay(call, 12, 20)
    stay(call, 0, seen=18, user=call.trainer.user)  # crashed
    PresenceFactory()  # in another call

    with django_assert_num_queries(1):
        trainee, trainer = attendance(call)

    assert trainee.user == call.trainee
    assert trainee.spans == [
        Span(TEN - 2 * MINUTE, TEN + 9 * MINUTE),
        Span(TEN + 12 * MINUTE, TEN + 20 * MINUTE),
    ]
    assert trainee.total == 19 * MINUTE
    assert trainer.user == call.trainer.user
    assert trainer.spans == [Span(TEN, TEN + 18 * MINUTE)]


def test_attendance_of_a_call_nobody_came_to_is_empty(call):
    assert [one.spans for one in attendance(call)] == [[], []]
    assert [one.total for one in attendance(call)] == [timedelta()] * 2


def test_attendance_names_who_held_the_call_before(call):
    stay(call, -4, -3, user=call.trainer.user)
    was = call.trainer.user
    call.trainer = TrainerFactory()
    call.save(update_fields=["trainer"])
    stay(call, 0, 3, user=call.trainer.user)

    users = [one.user for one in attendance(call)]

    assert users == [call.trainee, call.trainer.user, was]


@pytest.mark.parametrize("calls", [1, 3])
def test_here_tells_who_is_in_any_number_of_calls(
    db, clock, django_assert_num_queries, calls
):
    asked = [BookingFactory() for _n in range(calls)]
    for each in asked:
        PresenceFactory(booking=each)
        PresenceFactory(
            booking=each,
            user=each.trainer.user,
            seen_at=BEFORE - HERE_WITHIN,
            joined_at=BEFORE - timedelta(hours=1),
        )
    PresenceFactory()  # in a call that was not asked for

    with django_assert_num_queries(1):
        found = here(asked)

    assert found == {(each.pk, each.trainee_id) for each in asked}


def test_a_stay_in_another_call_is_another(call, two):
    other = BookingFactory(trainer=call.trainer, starts_at=TEN + 40 * MINUTE)
    PresenceFactory(booking=other, user=call.trainer.user, tab=uuid4())

    assert two[0].poll()["other"]["tab"] == two[1].tab

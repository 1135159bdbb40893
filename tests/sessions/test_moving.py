from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from icalendar import Calendar

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from sessions.booking import TimeTaken
from sessions.models import Booking, BookingState, Cause, FreedTime, Origin
from sessions.moving import move_call
from tests.factories import (
    BookingFactory,
    OutsideBusyFactory,
    OutsideCalendarFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # Wednesday, in London
QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)


@pytest.fixture
def call(db, monday):
    return BookingFactory(starts_at=TEN)


def move(call, starts_at=TEN + HOUR, **more):
    return move_call(call, starts_at=starts_at, **{"by": call.trainee} | more)


def mails(what):
    return {
        mail.recipient: mail
        for mail in Message.objects.filter(key__contains=f":{what}:")
    }


# --- What it does ------------------------------------------------------------------


def test_move_call_changes_the_same_row(call):
    moved = move(call)

    assert moved.pk == call.pk == Booking.objects.get().pk
    assert (moved.starts_at, moved.trainer) == (TEN + HOUR, call.trainer)
    assert moved.ends_at - moved.starts_at == timedelta(minutes=20)
    assert moved.busy_until == moved.ends_at + call.trainer.rest
    assert (moved.uid, moved.sequence) == (call.uid, 1)
    assert [row.booked_for for row in moved.topics.all()] == [call.enrolment]
    assert Event.objects.filter(verb="moved", target_id=call.pk).exists()


@pytest.mark.parametrize("by", [-QUARTER, QUARTER])
def test_move_call_does_not_trip_over_its_own_time_and_rest(call, by):
    assert move(call, TEN + by).starts_at == TEN + by


@pytest.mark.parametrize("cap", ["day_cap", "week_cap"])
def test_move_call_does_not_trip_over_its_own_cap(db, monday, cap):
    call = BookingFactory(
        starts_at=TEN,
        trainer=TrainerFactory(**{cap: 1}),
    )
    call.trainer.programmes.set([call.enrolment.programme])

    assert move(call).sequence == 1


def test_move_call_holds_to_the_cap_of_the_new_day(call):
    call.trainer.day_cap = 1
    call.trainer.save()
    BookingFactory(trainer=call.trainer, starts_at=TEN + timedelta(days=1))

    with pytest.raises(TimeTaken):
        move(call, TEN + timedelta(days=1, hours=3))


def test_move_call_frees_the_old_time(call):
    move(call)

    assert BookingFactory(trainer=call.trainer, starts_at=TEN).pk
    (freed,) = FreedTime.objects.all()
    assert (freed.trainer, freed.starts_at) == (call.trainer, TEN)
    assert freed.ends_at == call.ends_at


def test_move_call_forgets_who_had_joined_too_early(call):
    Booking.objects.update(trainee_joined_at=MONDAY, trainer_joined_at=MONDAY)

    moved = move(call)

    assert (moved.trainee_joined_at, moved.trainer_joined_at) == (None, None)


@pytest.mark.parametrize("back", [False, True])
def test_move_call_to_where_it_is_is_refused_and_writes_nothing(call, back):
    if back:
        move(call)
        move(call, TEN)
    written = Message.objects.count(), Event.objects.count()

    with pytest.raises(
        Refused, match=r"That is when your call is: Wed 3 Jun, 10:00 \(London\)"
    ):
        move(call, TEN)

    assert (Message.objects.count(), Event.objects.count()) == written
    call.refresh_from_db()
    assert call.sequence == (2 if back else 0)


# --- Who is told -------------------------------------------------------------------


def test_move_call_tells_both_what_changed_each_in_their_zone(call):
    call.trainee.time_zone = "Asia/Tokyo"
    call.trainee.save()

    move(call)

    told = mails("moved")
    assert set(told) == {call.trainee, call.trainer.user}
    mine, theirs = told[call.trainee], told[call.trainer.user]
    assert mine.subject == "Call moved: Wed 3 Jun, 19:00 (Tokyo)"
    assert f"You moved your call with {call.trainer}" in mine.body
    assert f"{call.trainee} moved your call" in theirs.body
    assert "It was: Wed 3 Jun, 18:00–18:20 (Tokyo)" in mine.body
    assert theirs.subject == "Call moved: Wed 3 Jun, 11:00 (London)"
    assert "It was: Wed 3 Jun, 10:00–10:20 (London)" in theirs.body
    for mail in told.values():
        (file,) = mail.attachments
        (event,) = Calendar.from_ical(file["text"]).walk("VEVENT")
        assert (file["method"], event["SEQUENCE"]) == ("REQUEST", 1)
        assert event["DTSTART"].dt == TEN + HOUR


def test_move_call_tells_of_each_move_once(call):
    move(call)
    move(call, TEN)

    assert Message.objects.filter(key__contains=":moved:").count() == 4


def test_move_call_reminds_of_the_new_time_alone(call):
    move(call, TEN + timedelta(days=1))
    move(call, TEN + timedelta(days=2))

    waiting = Message.objects.filter(key__contains=":reminder:", dropped_at=None)
    assert set(waiting.values_list("send_after", flat=True)) == {
        TEN + timedelta(days=1),
        TEN + timedelta(days=2, hours=-1),
    }


def test_move_call_to_another_trainer_tells_the_old_one_too(call):
    old = call.trainer
    other = TrainerFactory(programmes=[call.enrolment.programme], rest_minutes=25)

    moved = move(call, TEN, trainer=other)

    assert (moved.trainer, moved.starts_at) == (other, TEN)
    assert moved.busy_until == moved.ends_at + timedelta(minutes=25)
    gone = mails("given_up")[old.user]
    (file,) = gone.attachments
    (event,) = Calendar.from_ical(file["text"]).walk("VEVENT")
    assert (file["method"], event["SEQUENCE"]) == ("CANCEL", 1)
    assert (event["UID"], event["DTSTART"].dt) == (call.uid, TEN)
    assert mails("booked")[other.user].attachments[0]["method"] == "REQUEST"
    assert set(mails("moved")) == {call.trainee}
    assert f"in place of {old}" in mails("moved")[call.trainee].body


def test_move_call_may_go_to_where_the_notice_ends(call):
    assert move(call, MONDAY + timedelta(hours=24)).sequence == 1


# --- What it refuses ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("starts_at", "more"),
    [
        (TEN - timedelta(days=7), {}),
        (TEN + timedelta(minutes=1), {}),
        (TEN + timedelta(seconds=1), {}),
        (TEN + timedelta(hours=9), {}),
        (MONDAY + timedelta(hours=24, minutes=-15), {}),  # inside the notice
        (TEN + timedelta(days=364), {}),
    ],
)
def test_move_call_refuses_a_time_that_is_not_free(call, starts_at, more):
    with pytest.raises(TimeTaken):
        move(call, starts_at, **more)

    call.refresh_from_db()
    assert (call.starts_at, call.sequence) == (TEN, 0)
    assert not Message.objects.exists()


def test_move_call_refuses_what_the_trainer_has_elsewhere(call):
    BookingFactory(trainer=call.trainer, starts_at=TEN + HOUR)
    OutsideBusyFactory(
        calendar=OutsideCalendarFactory(trainer=call.trainer),
        starts_at=TEN + 2 * HOUR,
    )

    for hours in (1, 2):
        with pytest.raises(TimeTaken):
            move(call, TEN + hours * HOUR)


@pytest.mark.parametrize(
    ("side", "words"), [("trainee", "You have"), ("trainer", "They have")]
)
def test_move_call_names_the_trainees_own_clash(call, side, words):
    BookingFactory(enrolment__member__user=call.trainee, starts_at=TEN + HOUR)
    by = call.trainee if side == "trainee" else call.trainer.user

    with pytest.raises(
        TimeTaken, match=rf"{words} another call then: Wed 3 Jun, 11:00"
    ):
        move(call, TEN + HOUR, by=by)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": BookingState.PROPOSED}, "only proposed"),
        ({"state": BookingState.CANCELLED}, "cancelled"),
        ({"state": BookingState.DONE}, "over"),
        ({"state": BookingState.MISSED}, "over"),
        ({"starts_at": MONDAY}, "has begun"),
    ],
)
def test_move_call_refuses_what_cannot_be_moved(db, monday, fields, words):
    with pytest.raises(Refused, match=words):
        move(BookingFactory(**fields))


def test_move_call_refuses_strangers_and_the_unqualified(call):
    with pytest.raises(Refused, match="Only the two"):
        move(call, by=UserFactory())
    with pytest.raises(TimeTaken):
        move(call, trainer=TrainerFactory())


def test_move_call_ends_a_proposal_that_ran_out_there(call):
    proposal = BookingFactory(
        trainer=call.trainer,
        starts_at=TEN + HOUR,
        state=BookingState.PROPOSED,
        proposed_until=MONDAY,
    )

    move(call)

    proposal.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED


# --- The trainer's own ways --------------------------------------------------------


def test_move_call_waives_a_trainers_own_notice(call):
    moved = move(call, MONDAY + 2 * HOUR, by=call.trainer.user)

    assert moved.starts_at == MONDAY + 2 * HOUR


@pytest.mark.parametrize(("side", "fits"), [("trainer", True), ("trainee", False)])
def test_move_call_outside_the_hours_is_for_the_trainer_alone(call, side, fits):
    by = call.trainer.user if side == "trainer" else call.trainee
    evening = TEN + timedelta(hours=11)

    if fits:
        assert move(call, evening, by=by, any_hours=True).starts_at == evening
    else:
        with pytest.raises(TimeTaken):
            move(call, evening, by=by, any_hours=True)


def test_move_call_outside_the_hours_is_never_over_another_call(call):
    evening = TEN + timedelta(hours=11)
    BookingFactory(trainer=call.trainer, starts_at=evening)

    with pytest.raises(TimeTaken):
        move(call, evening, by=call.trainer.user, any_hours=True)


# --- Late --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "side", "origin", "cause", "late"),
    [
        (24, "trainee", Origin.TRAINEE, Cause.PLANS, False),
        (23, "trainee", Origin.TRAINEE, Cause.PLANS, True),
        (23, "trainee", Origin.TRAINEE, Cause.ILLNESS, False),
        (23, "trainee", Origin.TRAINER, Cause.PLANS, False),
        (23, "trainer", Origin.TRAINEE, Cause.PLANS, False),
    ],
)
def test_move_call_past_the_limit_is_late_for_the_trainee(
    db, monday, hours, side, origin, cause, late
):
    call = BookingFactory(starts_at=MONDAY + timedelta(hours=hours), origin=origin)
    by = call.trainee if side == "trainee" else call.trainer.user

    assert move(call, TEN, by=by, cause=cause).late == late


def test_move_call_leaves_the_mark_of_an_earlier_late_move(db, monday):
    call = BookingFactory(starts_at=MONDAY + 23 * HOUR)

    move(call, TEN)

    assert move(call, TEN + HOUR).late


# --- Several at once ---------------------------------------------------------------


@pytest.mark.races
def test_two_calls_moved_to_one_time_leave_one_where_it_was(run_at_once):
    trainer = TrainerFactory(weekly_hours=[(d, 540, 1020) for d in range(7)])
    local = datetime.now(trainer.zone) + timedelta(days=3)
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0).astimezone(UTC)
    calls = [
        BookingFactory(trainer=trainer, starts_at=nine + n * HOUR) for n in range(3)
    ]
    trainer.programmes.set([call.enrolment.programme for call in calls])

    results = run_at_once(*(partial(move, call, nine + 4 * HOUR) for call in calls))

    told = sorted(type(result).__name__ for result in results)
    assert told == ["Booking", "TimeTaken", "TimeTaken"]
    assert Booking.objects.filter(starts_at=nine + 4 * HOUR).count() == 1


@pytest.mark.races
def test_two_trainers_exchange_calls_without_a_deadlock(run_at_once):
    trainers = TrainerFactory.create_batch(
        2, weekly_hours=[(d, 540, 1020) for d in range(7)]
    )
    local = datetime.now(trainers[0].zone) + timedelta(days=3)
    nine = local.replace(hour=9, minute=0, second=0, microsecond=0).astimezone(UTC)
    calls = [
        BookingFactory(trainer=trainer, starts_at=nine + 2 * n * HOUR)
        for n, trainer in enumerate(trainers)
    ]
    for trainer in trainers:
        trainer.programmes.set([call.enrolment.programme for call in calls])

    results = run_at_once(
        *(
            partial(move, call, call.starts_at, trainer=trainer)
            for call, trainer in zip(calls, reversed(trainers), strict=True)
        )
    )

    assert [result.trainer for result in results] == trainers[::-1]

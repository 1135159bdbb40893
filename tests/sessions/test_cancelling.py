from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from sessions.cancelling import cancel_call, cancel_run_out
from sessions.models import Booking, BookingState, Cause, FreedTime, Origin
from sessions.reminders import remind
from tests.factories import BookingFactory, UserFactory

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY):
        yield


@pytest.mark.parametrize("side", ["trainee", "trainer", "staff"])
def test_cancel_call_frees_time_and_topics_and_tells_both(db, monday, side):
    booking = BookingFactory()
    by = side_of(booking, side)

    cancelled = cancel_call(booking, by=by, reason=" Ill. ")

    assert cancelled.state == BookingState.CANCELLED
    assert (cancelled.reason, cancelled.ended_by) == ("Ill.", by)
    assert (cancelled.late, cancelled.sequence) == (False, 1)
    assert [row.booked_for for row in cancelled.topics.all()] == [None]
    assert {mail.recipient for mail in Message.objects.all()} == {
        booking.trainee,
        booking.trainer.user,
    }
    assert {mail.attachments[0]["method"] for mail in Message.objects.all()} == {
        "CANCEL"
    }


def test_cancel_call_again_changes_nothing(db, monday):
    booking = BookingFactory()
    cancel_call(booking, by=booking.trainee, reason="Ill.")

    again = cancel_call(booking, by=booking.trainer.user, reason="Other.")

    assert (again.reason, again.sequence) == ("Ill.", 1)
    assert Message.objects.count() == 2


LIMIT = timedelta(hours=6)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("before", "side", "origin", "cause", "late"),
    [
        (LIMIT, "trainee", Origin.TRAINEE, Cause.PLANS, False),
        (LIMIT - SECOND, "trainee", Origin.TRAINEE, Cause.PLANS, True),
        (LIMIT - SECOND, "trainee", Origin.TRAINEE, Cause.OTHER, True),
        (LIMIT - SECOND, "trainee", Origin.TRAINEE, Cause.ILLNESS, False),
        (LIMIT - SECOND, "trainee", Origin.TRAINEE, Cause.CONNECTION, False),
        (LIMIT - SECOND, "trainee", Origin.TRAINEE, Cause.BYTEKAST, False),
        (LIMIT - SECOND, "trainee", Origin.TRAINER, Cause.PLANS, False),
        (LIMIT - SECOND, "trainer", Origin.TRAINEE, Cause.PLANS, True),
        (LIMIT - SECOND, "trainer", Origin.TRAINER, Cause.PLANS, True),
        (LIMIT - SECOND, "trainer", Origin.TRAINEE, Cause.ILLNESS, False),
        (LIMIT, "trainer", Origin.TRAINEE, Cause.PLANS, False),
        (LIMIT - SECOND, "staff", Origin.TRAINEE, Cause.PLANS, False),
    ],
)
def test_cancel_call_past_the_programmes_limit_is_late(
    db, before, side, origin, cause, late
):
    booking = BookingFactory(starts_at=MONDAY + before, origin=origin)
    programme = booking.enrolment.programme
    programme.cancel_hours = 6
    programme.save()

    with time_machine.travel(MONDAY, tick=False):
        cancelled = cancel_call(
            booking, by=side_of(booking, side), reason="Ill.", cause=cause
        )

    assert (cancelled.late, cancelled.cause) == (late, cause)


def side_of(booking, side):
    return {
        "trainee": booking.trainee,
        "trainer": booking.trainer.user,
        "staff": UserFactory(is_staff=True),
    }[side]


def test_cancel_call_keeps_the_mark_of_a_late_move_for_the_trainee_alone(db, monday):
    own, others = BookingFactory(late=True), BookingFactory(late=True)

    own = cancel_call(own, by=own.trainee, reason="Ill.")
    others = cancel_call(others, by=others.trainer.user, reason="Ill.")

    assert (own.late, others.late) == (True, False)


@pytest.mark.parametrize(
    ("side", "freed"), [("trainee", True), ("staff", True), ("trainer", False)]
)
def test_cancel_call_offers_the_time_to_who_waits_if_the_trainer_is_there(
    db, monday, side, freed
):
    booking = BookingFactory()

    cancel_call(booking, by=side_of(booking, side), reason="Ill.")

    assert (
        FreedTime.objects.filter(
            trainer=booking.trainer,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
        ).exists()
        == freed
    )


def test_cancel_call_takes_back_the_reminders(db, monday):
    booking = BookingFactory()
    remind(booking)

    cancel_call(booking, by=booking.trainee, reason="Ill.")

    reminders = Message.objects.filter(key__contains=":reminder:")
    assert [one.dropped_at is None for one in reminders] == [False] * 4


def test_cancel_call_refuses_strangers(db, monday):
    with pytest.raises(Refused):
        cancel_call(BookingFactory(), by=UserFactory(), reason="Ill.")


def test_cancel_call_wants_a_reason(db, monday):
    booking = BookingFactory()

    with pytest.raises(Refused):
        cancel_call(booking, by=booking.trainee, reason=" ")


@pytest.mark.parametrize("minutes", [0, 1])
def test_cancel_call_refuses_what_has_begun(db, minutes):
    booking = BookingFactory(starts_at=MONDAY)

    with (
        time_machine.travel(MONDAY + timedelta(minutes=minutes), tick=False),
        pytest.raises(Refused),
    ):
        cancel_call(booking, by=booking.trainee, reason="Ill.")


@pytest.mark.parametrize(
    "state", [BookingState.PROPOSED, BookingState.DONE, BookingState.MISSED]
)
def test_cancel_call_refuses_what_is_over(db, monday, state):
    booking = BookingFactory(state=state)

    with pytest.raises(Refused):
        cancel_call(booking, by=booking.trainee, reason="Ill.")


def test_cancel_run_out_takes_what_was_not_answered_and_no_more(db, monday):
    out = BookingFactory(state=BookingState.PROPOSED, proposed_until=MONDAY)
    open_still = BookingFactory(
        state=BookingState.PROPOSED, proposed_until=MONDAY + timedelta(hours=1)
    )
    booked = BookingFactory()

    assert (cancel_run_out(), cancel_run_out()) == (1, 0)

    states = dict(Booking.objects.values_list("pk", "state"))
    assert states == {
        out.pk: BookingState.CANCELLED,
        open_still.pk: BookingState.PROPOSED,
        booked.pk: BookingState.BOOKED,
    }


def test_cancel_call_leaves_the_time_and_the_topic_to_be_booked(db, monday):
    booking = BookingFactory()
    cancel_call(booking, by=booking.trainee, reason="Ill.")

    again = BookingFactory(
        enrolment=booking.enrolment,
        trainer=booking.trainer,
        starts_at=booking.starts_at,
        topics=[booking.topics.get().topic],
    )

    assert (again.starts_at, again.uid == booking.uid) == (booking.starts_at, False)


def test_cancel_call_keeps_the_row_and_who_did_it_why(db, monday):
    booking = BookingFactory(starts_at=MONDAY + timedelta(hours=2))

    cancel_call(booking, by=booking.trainee, reason="Ill.", cause=Cause.OTHER)

    row = Booking.objects.get(pk=booking.pk)
    assert (row.late, row.cause, row.ended_by) == (True, "other", booking.trainee)
    event = Event.objects.get(verb="cancelled", target_id=booking.pk)
    assert (event.actor, event.ids["late"]) == (booking.trainee, True)
    assert "Ill." not in str(event.ids)  # the log holds no texts

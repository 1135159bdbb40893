from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from lms.errors import Refused
from lms.mail.models import Message
from sessions.cancelling import cancel_call, cancel_run_out
from sessions.models import Booking, BookingState, Origin
from tests.factories import BookingFactory, UserFactory

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY):
        yield


@pytest.mark.parametrize("side", ["trainee", "trainer", "staff"])
def test_cancel_call_frees_time_and_topics_and_tells_both(db, monday, side):
    booking = BookingFactory()
    by = {
        "trainee": booking.trainee,
        "trainer": booking.trainer.user,
        "staff": UserFactory(is_staff=True),
    }[side]

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


@pytest.mark.parametrize(
    ("hours", "side", "origin", "late"),
    [
        (24, "trainee", Origin.TRAINEE, False),
        (23, "trainee", Origin.TRAINEE, True),
        (23, "trainee", Origin.TRAINER, False),
        (23, "trainer", Origin.TRAINEE, False),
    ],
)
def test_cancel_call_inside_the_notice_is_late(db, hours, side, origin, late):
    booking = BookingFactory(starts_at=MONDAY + timedelta(hours=hours), origin=origin)
    by = booking.trainee if side == "trainee" else booking.trainer.user

    with time_machine.travel(MONDAY, tick=False):
        assert cancel_call(booking, by=by, reason="Ill.").late == late


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


@pytest.mark.parametrize("state", [BookingState.DONE, BookingState.MISSED])
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

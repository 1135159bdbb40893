from datetime import timedelta

import pytest
from django.utils.timezone import now

from lms.mail.models import Message
from sessions.cancelling import cancel_call
from sessions.handing_over import hand_over
from sessions.mails import tell_booked
from sessions.models import RoomKind
from sessions.moving import move_call
from sessions.reminders import write
from tests.factories import BookingFactory, TrainerFactory


@pytest.fixture
def call(enrolment, trainer, wednesday):
    starts_at = now() + timedelta(days=1)
    booking = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=starts_at)
    tell_booked(booking)
    return booking


def left(about):
    """Whom what would still be told of a call; its reminders aside."""
    mails = Message.objects.filter(sent_at=None, dropped_at=None, writer="")
    return sorted(
        (mail.recipient.pk, mail.key.split(":")[2])
        for mail in mails.filter(key__startswith=f"call:{about.pk}:")
    )


def both(call, what):
    return sorted((person.pk, what) for person in (call.trainee, call.trainer.user))


def move(call):
    starts_at = call.starts_at + timedelta(hours=1)
    return move_call(call, starts_at=starts_at, by=call.trainee)


def cancel(call):
    return cancel_call(call, by=call.trainee, reason="Ill.")


@pytest.mark.parametrize(
    ("changes", "last"),
    [([move], "moved"), ([move, move], "moved"), ([move, cancel], "cancelled")],
)
def test_only_the_newest_mail_on_where_a_call_stands_leaves(call, changes, last):
    other = BookingFactory(
        enrolment=call.enrolment,
        trainer=call.trainer,
        starts_at=call.starts_at + timedelta(days=1),
    )
    tell_booked(other)

    for change in changes:
        call = change(call)

    assert left(call) == both(call, last)
    assert left(other) == both(other, "booked")


def test_mail_that_has_left_is_not_taken_back(call):
    Message.objects.update(sent_at=now())

    move(call)

    assert not Message.objects.filter(dropped_at__isnull=False).exists()


def test_a_call_handed_over_and_back_leaves_each_with_one_mail(call):
    first = call.trainer
    colleague = TrainerFactory(programmes=[call.enrolment.programme])

    call = hand_over(call, colleague, by=first.user)
    assert left(call) == sorted(
        [*both(call, "handed_over"), (first.user_id, "given_up")]
    )
    call = hand_over(call, first, by=colleague.user)

    assert left(call) == sorted(
        [*both(call, "handed_over"), (colleague.user_id, "given_up")]
    )


@pytest.mark.parametrize(
    ("kind", "says", "says_not"),
    [
        (RoomKind.ROOM, "Where: In the room on this site, in your browser", "Outside"),
        (
            RoomKind.LINK,
            "Where: Outside this site: the call’s page leads",
            "In the room",
        ),
    ],
)
def test_confirmations_moves_and_reminders_say_where_the_call_is(
    enrolment, trainer, wednesday, kind, says, says_not
):
    trainer.room_kind = kind
    trainer.room_url = "https://zoom.example.com/j/1"
    trainer.save()
    starts_at = now() + timedelta(days=2)
    call = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=starts_at)
    tell_booked(call)
    booked = [mail.body for mail in Message.objects.filter(writer="")]
    moved_call = move(call)
    moved = Message.objects.filter(key__contains=":moved:")
    reminders = Message.objects.filter(key__contains=":reminder:", dropped_at=None)

    bodies = [*booked, *(mail.body for mail in moved)]
    bodies += [words.body for mail in reminders if (words := write(mail))]

    assert len(bodies) == 8  # booked, moved, a day and an hour before: to each
    for body in bodies:
        assert says in body
        assert says_not not in body
        assert ("/calls/test/" in body) == (kind == RoomKind.ROOM)
        assert "zoom.example.com" not in body
        assert f"/calls/{moved_call.ref}/" in body

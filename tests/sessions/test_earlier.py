from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest

from lms.errors import Refused
from lms.mail.models import Message
from lms.people.models import User
from sessions.booking import book_call, ready_topics
from sessions.cancelling import cancel_call, cancel_run_out
from sessions.earlier import offer_freed, stop_waiting, wait_for_earlier
from sessions.models import Booking, BookingState, FreedTime, Waiting
from sessions.moving import move_call
from sessions.offers import open_offers
from sessions.proposals import decline, take
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    TrainerFactory,
    WaitingFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)  # nine o'clock in London
FREED = MONDAY + timedelta(hours=5)
LATER = datetime(2026, 6, 4, 9, tzinfo=UTC)


@pytest.fixture
def edition(db, monday):
    return EditionFactory()


@pytest.fixture
def trainer(edition):
    return TrainerFactory(programmes=[edition.programme])


@pytest.fixture
def freed(trainer):
    """A time of today that a call no longer takes."""
    return FreedTime.objects.create(
        trainer=trainer, starts_at=FREED, ends_at=FREED + timedelta(minutes=20)
    )


def waiting_since(hours, trainer, edition, starts_at=LATER):
    """Somebody with a booked call who has waited for an earlier time for so long."""
    call = BookingFactory(
        trainer=trainer,
        enrolment=EnrolmentFactory(edition=edition),
        starts_at=starts_at + timedelta(hours=hours),
    )
    WaitingFactory(booking=call, created_at=MONDAY - timedelta(hours=hours))
    return call


def offered(call):
    """What is proposed instead of a call now."""
    found = open_offers(call.trainee)
    return found[0].open[0] if found else None


# --- Waiting -----------------------------------------------------------------------


def test_wait_takes_a_place_in_the_line_once(edition, trainer, monday):
    call = BookingFactory(trainer=trainer, starts_at=LATER)

    first = wait_for_earlier(call, by=call.trainee)
    monday.shift(timedelta(hours=1))
    again = wait_for_earlier(call, by=call.trainee)

    assert again == first
    assert again.created_at == MONDAY


@pytest.mark.parametrize("state", ["proposed", "cancelled", "done", "missed"])
def test_wait_refuses_what_is_not_booked(edition, state):
    call = BookingFactory(state=state, starts_at=LATER)

    with pytest.raises(Refused):
        wait_for_earlier(call, by=call.trainee)


def test_wait_refuses_others_and_what_has_begun(edition, monday):
    call = BookingFactory(starts_at=LATER)

    for other in (call.trainer.user, BookingFactory().trainee):
        with pytest.raises(Refused):
            wait_for_earlier(call, by=other)
        with pytest.raises(Refused):
            stop_waiting(call, by=other)
    monday.move_to(LATER)
    with pytest.raises(Refused):
        wait_for_earlier(call, by=call.trainee)


@pytest.mark.parametrize(
    "end",
    [
        lambda call: stop_waiting(call, by=call.trainee),
        lambda call: cancel_call(call, by=call.trainee, reason="Ill."),
        lambda call: move_call(
            call, starts_at=LATER + timedelta(days=1), by=call.trainee
        ),
    ],
    ids=["stopped", "cancelled", "moved"],
)
def test_waiting_ends_and_lets_go_what_was_proposed(edition, trainer, freed, end):
    call = waiting_since(1, trainer, edition)
    offer_freed()

    end(call)

    assert not Waiting.objects.open().exists()
    assert offered(call) is None


def test_waiting_ends_when_the_call_begins(edition, trainer, monday):
    call = waiting_since(1, trainer, edition)
    monday.move_to(call.starts_at)

    offer_freed()

    assert not Waiting.objects.open().exists()


# --- Offering ----------------------------------------------------------------------


def test_a_freed_time_is_proposed_to_the_first_in_line_for_two_hours(
    edition, trainer, freed
):
    second = waiting_since(1, trainer, edition)
    first = waiting_since(2, trainer, edition)

    assert offer_freed() == 1
    assert offer_freed() == 0  # one at a time

    proposal = offered(first)
    assert offered(second) is None
    assert proposal.starts_at == FREED
    assert proposal.proposed_until == MONDAY + timedelta(hours=2)
    assert (proposal.replaces, proposal.offer) == (first, freed.offer)
    mail = Message.objects.get()
    assert mail.recipient == first.trainee
    assert mail.subject == "An earlier time for your call: Mon 1 Jun, 14:00 (London)"
    assert "Booked now: Thu 4 Jun, 12:00–12:20 (London)" in mail.body
    assert mail.expires_at == proposal.proposed_until


def test_cancelling_a_call_offers_its_time(
    edition, trainer, django_capture_on_commit_callbacks
):
    waits = waiting_since(1, trainer, edition)
    called_off = BookingFactory(trainer=trainer, starts_at=FREED)

    cancel_call(called_off, by=called_off.trainee, reason="Ill.")
    offer_freed()

    assert offered(waits).starts_at == FREED


@pytest.mark.parametrize("answer", ["declined", "run out", "run out and swept"])
def test_the_next_in_line_is_asked_nobody_twice(
    edition, trainer, freed, monday, answer
):
    first = waiting_since(2, trainer, edition)
    second = waiting_since(1, trainer, edition)
    offer_freed()

    if answer == "declined":
        decline(freed.offer, by=first.trainee)
    else:
        monday.shift(timedelta(hours=2))
    if answer == "run out and swept":
        cancel_run_out()
    assert offer_freed() == 1

    assert offered(first) is None
    assert offered(second).starts_at == FREED
    decline(freed.offer, by=second.trainee)
    assert offer_freed() == 0
    freed.refresh_from_db()
    assert freed.closed_at is not None


def test_declining_tells_no_trainer_and_keeps_the_call(edition, trainer, freed):
    call = waiting_since(1, trainer, edition)
    offer_freed()

    decline(freed.offer, by=call.trainee)
    decline(freed.offer, by=call.trainee)

    assert not Message.objects.filter(recipient=trainer.user).exists()
    assert Waiting.objects.open().get().booking == call


@pytest.mark.parametrize(
    "unsuitable",
    [
        "earlier than that",
        "other programme",
        "other language",
        "too long",
        "busy then",
        "gone",
    ],
)
def test_whom_it_does_not_suit_is_passed_over(edition, trainer, freed, unsuitable):
    if unsuitable == "other programme":
        other = EditionFactory()
        waiting_since(3, TrainerFactory(programmes=[other.programme]), other)
    elif unsuitable == "other language":
        other = TrainerFactory(programmes=[edition.programme], languages=["de", "en"])
        call = waiting_since(3, other, edition)
        User.objects.filter(pk=call.trainee_id).update(language="de")
    elif unsuitable == "earlier than that":
        waiting_since(0, trainer, edition, FREED - timedelta(minutes=30))
    else:
        call = waiting_since(3, trainer, edition)
        if unsuitable == "too long":
            BookingFactory(trainer=trainer, starts_at=FREED + timedelta(minutes=30))
            Booking.objects.filter(pk=call.pk).update(
                ends_at=call.starts_at + timedelta(minutes=40),
                busy_until=call.starts_at + timedelta(minutes=50),
            )
        if unsuitable == "busy then":
            enrolment = EnrolmentFactory(member=call.enrolment.member)
            BookingFactory(enrolment=enrolment, starts_at=FREED)
        if unsuitable == "gone":
            call.trainee.is_active = False
            call.trainee.save()
    suits = waiting_since(1, trainer, edition)

    offer_freed()

    assert offered(suits).starts_at == FREED
    assert Booking.objects.filter(offer=freed.offer).count() == 1


def test_a_time_booked_meanwhile_is_closed(edition, trainer, freed):
    waiting_since(1, trainer, edition)
    BookingFactory(trainer=trainer, starts_at=FREED)

    assert offer_freed() == 0
    freed.refresh_from_db()
    assert freed.closed_at == MONDAY


@pytest.mark.parametrize(("minutes", "made"), [(90, 1), (89, 0)])
def test_a_near_time_is_offered_while_there_is_half_an_hour_to_answer(
    edition, trainer, freed, monday, minutes, made
):
    call = waiting_since(1, trainer, edition)
    monday.move_to(FREED - timedelta(minutes=minutes))

    assert offer_freed() == made
    if made:
        assert offered(call).proposed_until == FREED - timedelta(hours=1)


def test_another_trainers_time_may_be_offered(edition, trainer, freed):
    other = TrainerFactory(programmes=[edition.programme])
    call = waiting_since(1, other, edition)

    offer_freed()
    moved = take(offered(call), by=call.trainee)

    assert (moved, moved.trainer) == (call, trainer)


# --- Taking it ---------------------------------------------------------------------


def test_taking_it_moves_the_same_call_and_offers_the_old_time(edition, trainer, freed):
    call = waiting_since(2, trainer, edition)
    next_one = waiting_since(1, trainer, edition, LATER + timedelta(days=1))
    offer_freed()
    proposal = offered(call)

    moved = take(proposal, by=call.trainee)
    again = take(proposal, by=call.trainee)
    offer_freed()

    assert moved == again == call
    assert (moved.starts_at, moved.uid) == (FREED, call.uid)
    assert moved.sequence == again.sequence == call.sequence + 1
    assert not moved.late
    proposal.refresh_from_db()
    freed.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED
    assert freed.closed_at == MONDAY
    assert [waiting.booking for waiting in Waiting.objects.open()] == [next_one]
    assert offered(next_one).starts_at == call.starts_at


def test_taking_it_just_before_the_call_is_never_late(edition, trainer, monday):
    tonight = MONDAY + timedelta(hours=7)
    call = waiting_since(0, trainer, edition, tonight)
    FreedTime.objects.create(
        trainer=trainer, starts_at=FREED, ends_at=FREED + timedelta(minutes=20)
    )
    offer_freed()

    assert not take(offered(call), by=call.trainee).late


def test_taking_it_after_it_ran_out_says_so(edition, trainer, freed, monday):
    call = waiting_since(1, trainer, edition)
    offer_freed()
    proposal = offered(call)
    monday.shift(timedelta(hours=2))

    with pytest.raises(Refused, match="no longer free"):
        take(proposal, by=call.trainee)

    call.refresh_from_db()
    assert call.starts_at == LATER + timedelta(hours=1)


def test_only_the_one_it_was_offered_to_takes_it(edition, trainer, freed):
    call = waiting_since(1, trainer, edition)
    offer_freed()

    with pytest.raises(Refused):
        take(offered(call), by=trainer.user)


# --- Several at once ---------------------------------------------------------------


def make_line(people):
    edition = EditionFactory()
    trainer = TrainerFactory(
        programmes=[edition.programme], weekly_hours=[(d, 0, 1440) for d in range(7)]
    )
    start = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
    start += timedelta(days=2)
    freed = FreedTime.objects.create(
        trainer=trainer, starts_at=start, ends_at=start + timedelta(hours=1)
    )
    calls = [
        BookingFactory(
            trainer=trainer,
            enrolment=EnrolmentFactory(edition=edition),
            starts_at=start + timedelta(days=2, hours=n),
        )
        for n in range(people)
    ]
    for call in calls:
        WaitingFactory(booking=call)
    return freed, calls


@pytest.mark.races
def test_two_runs_at_once_make_one_offer(run_at_once):
    freed, _calls = make_line(3)

    results = run_at_once(*[offer_freed] * 3)

    assert sum(results) == 1
    assert Booking.objects.filter(offer=freed.offer).count() == 1


@pytest.mark.races
def test_taking_it_while_somebody_books_and_others_are_asked(run_at_once):
    freed, (call, *_others) = make_line(3)
    offer_freed()
    proposal = offered(call)
    stranger = EnrolmentFactory(edition=call.enrolment.edition)

    results = run_at_once(
        partial(take, proposal, by=call.trainee),
        partial(take, proposal, by=call.trainee),
        partial(
            book_call,
            stranger,
            ready_topics(stranger)[:1],
            starts_at=freed.starts_at,
            request_key=uuid4(),
            by=stranger.member.user,
        ),
        offer_freed,
    )

    call.refresh_from_db()
    assert results[:2] == [call, call]
    assert isinstance(results[2], Refused)
    assert call.starts_at == freed.starts_at
    assert Message.objects.filter(key__contains=":moved:").count() == 2

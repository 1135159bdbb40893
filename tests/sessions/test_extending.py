"""A call goes on for a quarter of an hour when both are free; the database decides."""

from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from sessions.board import agenda_version
from sessions.booking import book_as_agreed
from sessions.extending import extend_call, extended_end
from sessions.models import Booking, BookingState
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

QUARTER = timedelta(minutes=15)


@pytest.fixture
def call(db):
    """Of twenty minutes; it began a minute ago, and ten minutes of rest follow."""
    start = now().replace(second=0, microsecond=0) - timedelta(minutes=1)
    return BookingFactory(starts_at=start)


def extend(call, by=None, to=None):
    to = to or call.ends_at + QUARTER
    return extend_call(call, ends_at=to, by=by or call.trainer.user)


def test_call_is_extended_and_its_rest_moves_along(call):
    before = agenda_version(call)

    extended = extend(call)

    call.refresh_from_db()
    assert call.ends_at == extended.ends_at
    assert extended.ends_at - call.starts_at == timedelta(minutes=35)
    assert call.busy_until == call.ends_at + timedelta(minutes=10)
    assert call.sequence == 1  # of its calendar files
    del call.__dict__["_state"].fields_cache  # its board was read before
    call = Booking.objects.get()
    assert agenda_version(call) != before
    assert Event.objects.filter(verb="extended").count() == 1
    assert not Message.objects.exists()


def test_same_extension_again_changes_nothing(call):
    extended = extend(call)

    again = extend(call, to=extended.ends_at)

    assert (again.ends_at, again.sequence) == (extended.ends_at, 1)


def test_page_that_shows_an_old_end_extends_nothing_more(call):
    old = call.ends_at + QUARTER
    extend(extend(call))

    with pytest.raises(Refused):
        extend(call, to=old)

    assert Booking.objects.get().ends_at == old + QUARTER


def test_call_is_extended_twice_at_most(call):
    twice = extend(extend(call))

    assert extended_end(twice) is None
    with pytest.raises(Refused, match="extended already"):
        extend(twice)


@pytest.mark.parametrize(
    ("minutes", "may"),
    [(-1, False), (0, True), (34, True), (35, False)],  # it would be over by then
)
def test_call_is_extended_from_its_start_on(db, minutes, may):
    call = BookingFactory()

    at = call.starts_at + timedelta(minutes=minutes)
    with time_machine.travel(at, tick=False):
        assert (extended_end(call) is not None) == may
        if may:
            extend(call)
        else:
            with pytest.raises(Refused):
                extend(call)


@pytest.mark.parametrize("state", [BookingState.DONE, BookingState.CANCELLED])
def test_call_that_is_over_is_not_extended(call, state):
    call.state = state
    call.save()

    with pytest.raises(Refused):
        extend(call)


@pytest.mark.parametrize("who", ["trainee", "stranger", "staff"])
def test_only_its_trainer_extends_a_call(call, who):
    by = {
        "trainee": call.trainee,
        "stranger": UserFactory(),
        "staff": UserFactory(is_staff=True),
    }[who]

    with pytest.raises(Refused):
        extend(call, by=by)


# --- When one of the two is not free -------------------------------------------------


@pytest.mark.parametrize(
    ("after", "word"),
    [(14, "You have another call"), (24, "your rest comes before it"), (25, "")],
)
def test_trainers_next_call_is_in_the_way_until_their_rest_is_over(call, after, word):
    BookingFactory(
        trainer=call.trainer, starts_at=call.ends_at + timedelta(minutes=after)
    )

    if not word:
        assert extend(call).ends_at == call.ends_at + QUARTER
        return
    with pytest.raises(Refused, match=word):
        extend(call)
    assert Booking.objects.get(pk=call.pk).ends_at == call.ends_at


@pytest.mark.parametrize(("after", "may"), [(14, False), (15, True)])
def test_trainees_next_call_is_in_the_way_until_it_begins(call, after, may):
    BookingFactory(
        enrolment=EnrolmentFactory(member=call.enrolment.member),
        starts_at=call.ends_at + timedelta(minutes=after),
    )

    if may:
        assert extend(call).ends_at == call.ends_at + QUARTER
        return
    with pytest.raises(Refused, match=f"{call.trainee} has another call"):
        extend(call)


def test_calls_on_the_other_side_are_in_the_way_too(call):
    """The trainer learns something, the trainee holds a call."""
    learns = EnrolmentFactory(member__user=call.trainer.user)
    BookingFactory(enrolment=learns, starts_at=call.ends_at)

    with pytest.raises(Refused, match="You have another call"):
        extend(call)

    Booking.objects.exclude(pk=call.pk).update(state=BookingState.CANCELLED)
    holds = TrainerFactory(user=call.trainee)
    BookingFactory(trainer=holds, starts_at=call.ends_at)

    with pytest.raises(Refused, match="has another call"):
        extend(call)


def test_proposal_that_ran_out_is_not_in_the_way(call):
    BookingFactory(
        trainer=call.trainer,
        starts_at=call.ends_at + timedelta(minutes=11),
        state=BookingState.PROPOSED,
        proposed_until=now() - timedelta(minutes=1),
    )

    assert extend(call).ends_at == call.ends_at + QUARTER


@pytest.mark.races
def test_two_tabs_extend_once(run_at_once, monday):
    call = BookingFactory(starts_at=now())

    run_at_once(*[partial(extend, call)] * 2)

    extended = Booking.objects.get()
    assert extended.ends_at == call.ends_at + QUARTER
    assert extended.sequence == 1


@pytest.mark.races
def test_a_booking_and_an_extension_at_once_never_overlap(run_at_once, monday):
    """The next call begins when the rest would: one of the two gives way."""
    trainer = TrainerFactory()
    call = BookingFactory(trainer=trainer, starts_at=now())
    enrolment = EnrolmentFactory()
    trainer.programmes.add(enrolment.programme)
    book = partial(
        book_as_agreed,
        trainer,
        enrolment,
        [enrolment.edition.topics.first()],
        starts_at=call.ends_at + QUARTER,
        request_key=uuid4(),
    )

    results = run_at_once(
        partial(refused_or, book), partial(refused_or, partial(extend, call))
    )

    assert sorted(isinstance(result, Refused) for result in results) == [False, True]
    first, *others = Booking.objects.order_by("starts_at")
    assert all(other.starts_at >= first.busy_until for other in others)


def refused_or(act):
    try:
        return act()
    except Refused as refusal:
        return refusal


# --- The button ------------------------------------------------------------------------


def test_button_extends_in_place(client, call):
    client.force_login(call.trainer.user)
    url = reverse("sessions:extend", args=[call.ref])
    to = (call.ends_at + QUARTER).isoformat()

    page = client.post(url, {"ends_at": to}, headers={"HX-Request": "true"})

    assert page.status_code == 200
    assert "data-board-time" in page.content.decode()
    assert (call.ends_at + 2 * QUARTER).isoformat() in page.content.decode()


def test_button_says_why_not(client, call):
    BookingFactory(trainer=call.trainer, starts_at=call.ends_at + QUARTER)
    client.force_login(call.trainer.user)
    url = reverse("sessions:extend", args=[call.ref])
    to = (call.ends_at + QUARTER).isoformat()

    page = client.post(url, {"ends_at": to}, headers={"HX-Request": "true"})
    by_form = client.post(url, {"ends_at": to}, follow=True)

    assert page.status_code == 409
    for answer in (page, by_form):
        assert "your rest comes before it" in answer.content.decode()

"""What the database itself promises of calls, whatever the code above it does."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from lms.constraints import is_violation
from sessions.models import Booking, BookingState
from tests.databases import despite_deadlocks
from tests.factories import (
    BookingFactory,
    BookingTopicFactory,
    EditionFactory,
    EnrolmentFactory,
    TrainerFactory,
)

pytestmark = [pytest.mark.constraints, pytest.mark.django_db]

TRAINER, TRAINEE = "booking_trainer_no_overlap", "booking_trainee_no_overlap"
TEN = datetime(2026, 11, 24, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIVE = [BookingState.PROPOSED, BookingState.BOOKED, BookingState.DONE]
OVER = [BookingState.CANCELLED, BookingState.MISSED]


def refusal(write: Callable[[], object], *names: str) -> bool:
    """Tell whether one of the named constraints refuses; other errors are loud."""
    try:
        with transaction.atomic():
            write()
    except IntegrityError as error:
        if is_violation(error, *names):
            return True
        raise
    return False


def call_like(call: Booking, **changes: object) -> Callable[[], Booking]:
    """Return a function that books another call, with other people unless named."""
    fields = {"starts_at": call.starts_at, "topics": [], **changes}
    fields.setdefault("enrolment", EnrolmentFactory())
    fields.setdefault("trainer", TrainerFactory())
    return lambda: BookingFactory(**fields)


@pytest.mark.parametrize("other", LIVE)
@pytest.mark.parametrize("state", LIVE)
def test_trainer_has_one_live_call_at_a_time(state, other):
    call = BookingFactory(starts_at=TEN, state=state)

    again = call_like(call, trainer=call.trainer, state=other)

    assert refusal(again, TRAINER)


@pytest.mark.parametrize("other", LIVE)
@pytest.mark.parametrize("state", LIVE)
def test_trainee_has_one_live_call_at_a_time(state, other):
    call = BookingFactory(starts_at=TEN, state=state)

    again = call_like(call, enrolment=call.enrolment, state=other)

    assert refusal(again, TRAINEE)


@pytest.mark.parametrize("state", OVER)
def test_call_that_is_over_leaves_its_time_free(state):
    call = BookingFactory(starts_at=TEN, state=state)

    again = call_like(call, trainer=call.trainer, enrolment=call.enrolment)

    assert not refusal(again, TRAINER, TRAINEE)


@pytest.mark.parametrize("state", OVER)
def test_call_is_not_taken_up_again_in_time_taken_since(state):
    call = BookingFactory(starts_at=TEN, state=state)
    call_like(call, trainer=call.trainer)()
    call.state, call.missed_by = BookingState.BOOKED, ""

    assert refusal(call.save, TRAINER)


def test_call_is_refused_when_both_are_taken():
    call = BookingFactory(starts_at=TEN)

    again = call_like(call, trainer=call.trainer, enrolment=call.enrolment)

    assert refusal(again, TRAINER, TRAINEE)


def test_other_people_have_calls_at_the_same_time():
    call = BookingFactory(starts_at=TEN)

    assert not refusal(call_like(call), TRAINER, TRAINEE)


@pytest.mark.parametrize(("start", "refused"), [(29, True), (30, False), (31, False)])
def test_trainer_rests_after_a_call(start, refused):
    call = BookingFactory(starts_at=TEN)  # 20 minutes, and 10 of rest

    then = call_like(call, trainer=call.trainer, starts_at=TEN + start * MINUTE)

    assert refusal(then, TRAINER) == refused


@pytest.mark.parametrize(("start", "refused"), [(19, True), (20, False), (21, False)])
def test_trainee_needs_no_rest_after_a_call(start, refused):
    call = BookingFactory(starts_at=TEN)

    then = call_like(call, enrolment=call.enrolment, starts_at=TEN + start * MINUTE)

    assert refusal(then, TRAINEE) == refused


def test_call_moves_onto_part_of_its_own_time():
    call = BookingFactory(starts_at=TEN)
    call.starts_at += 10 * MINUTE
    call.ends_at += 10 * MINUTE
    call.busy_until += 10 * MINUTE

    assert not refusal(call.save, TRAINER, TRAINEE)


def test_call_moves_into_no_other_call():
    call = BookingFactory(starts_at=TEN)
    later = call_like(call, trainer=call.trainer, starts_at=TEN + 60 * MINUTE)()

    rows = Booking.objects.filter(pk=later.pk)

    assert refusal(lambda: rows.update(starts_at=TEN + 29 * MINUTE), TRAINER)
    assert not refusal(lambda: rows.update(starts_at=TEN + 30 * MINUTE), TRAINER)


def test_call_changes_to_no_trainer_who_is_taken():
    call = BookingFactory(starts_at=TEN)
    other = call_like(call)()
    other.trainer = call.trainer

    assert refusal(other.save, TRAINER)


@pytest.mark.parametrize(
    "change",
    [
        {"starts_at": TEN, "ends_at": TEN + 20 * MINUTE},  # moved
        {"trainer_id": "the other's"},  # handed over
        {"state": "booked"},  # called on again
    ],
    ids=["move", "hand over", "un-cancel"],
)
def test_raw_sql_makes_no_overlap_either(change):
    call = BookingFactory(starts_at=TEN)
    fields = {"trainer": call.trainer, "starts_at": TEN + 60 * MINUTE}
    if "trainer_id" in change:
        fields = {"starts_at": TEN}
        change = {"trainer_id": call.trainer_id}
    elif "state" in change:
        fields = {
            "trainer": call.trainer,
            "starts_at": TEN,
            "state": BookingState.CANCELLED,
        }
    other = call_like(call, **fields)()
    columns = ", ".join(f"{column} = %s" for column in change)

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE training_sessions_booking SET {columns} WHERE id = %s",
                [*change.values(), other.pk],
            )

    assert refusal(write, TRAINER)


def test_raw_sql_inserts_no_overlap_either():
    call = BookingFactory(starts_at=TEN)
    own = {"id", "ref", "request_key", "uid", "room_key"}
    columns = [
        field.column for field in Booking._meta.local_fields if field.name not in own
    ]
    copied = ", ".join(f'"{column}"' for column in columns)

    def write() -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO training_sessions_booking"
                f" (ref, request_key, uid, room_key, {copied})"
                f" SELECT %s, %s, %s, %s, {copied} FROM training_sessions_booking",
                ["other", uuid4().hex, "other@example.com", uuid4().hex],
            )

    assert refusal(write, TRAINER, TRAINEE)
    Booking.objects.filter(pk=call.pk).update(state=BookingState.CANCELLED)
    assert not refusal(write)  # it is the time alone that is in the way


def test_calls_are_not_made_in_bulk_over_one_another():
    trainer = TrainerFactory()
    calls = [
        BookingFactory.build(
            enrolment=EnrolmentFactory(), trainer=trainer, starts_at=TEN, topics=[]
        )
        for _ in range(2)
    ]

    assert refusal(lambda: Booking.objects.bulk_create(calls), TRAINER)


@pytest.mark.parametrize(
    ("same", "words"),
    [
        ("trainer", "The trainer has another call then."),
        ("trainee", "You have another call then."),
    ],
)
def test_form_says_whose_time_is_taken(same, words):
    call = BookingFactory(starts_at=TEN)
    again = call_like(call, starts_at=TEN + 60 * MINUTE)()
    setattr(again, same, getattr(call, same))
    again.starts_at, again.ends_at = call.starts_at, call.ends_at
    again.busy_until = call.busy_until

    with pytest.raises(ValidationError) as refused:
        again.validate_constraints(exclude={same})

    assert refused.value.messages == [words]


@pytest.mark.parametrize(
    "change",
    [
        {"ends_at": TEN},
        {"busy_until": TEN + 19 * MINUTE},
        {"starts_at": TEN + 20 * MINUTE},
    ],
)
def test_call_ends_after_it_starts(change):
    call = BookingFactory(starts_at=TEN)
    rows = Booking.objects.filter(pk=call.pk)

    assert refusal(lambda: rows.update(**change), "booking_ends_after_start")


@pytest.mark.parametrize(
    ("state", "until"),
    [
        (BookingState.PROPOSED, None),
        (BookingState.BOOKED, TEN),
        (BookingState.CANCELLED, TEN),
    ],
)
def test_call_has_an_answer_date_while_it_is_proposed(state, until):
    call = BookingFactory(starts_at=TEN)
    rows = Booking.objects.filter(pk=call.pk)

    assert refusal(
        lambda: rows.update(state=state, proposed_until=until), "booking_proposed_until"
    )


def test_call_is_never_deleted():
    call = BookingFactory()
    topic = call.topics.get()

    assert refusal(topic.delete, "booking_topic_never_deleted")
    assert refusal(
        Booking.objects.filter(pk=BookingFactory(topics=[]).pk).delete,
        "booking_never_deleted",
    )


@pytest.mark.parametrize(
    "field", ["ref", "trainee", "request_key", "uid", "room_key", "created_at"]
)
def test_call_keeps_what_names_it(field):
    call = BookingFactory()
    other = BookingFactory.build(
        enrolment=EnrolmentFactory(), trainer=call.trainer, topics=[]
    )
    rows = Booking.objects.filter(pk=call.pk)

    change = {field: getattr(other, field)}

    assert refusal(lambda: rows.update(**change), "booking_never_deleted")


def test_topic_has_one_booked_call_in_an_enrolment():
    call = BookingFactory()
    topic = call.topics.get().topic
    later = BookingFactory(enrolment=call.enrolment, topics=[])

    with pytest.raises(IntegrityError), transaction.atomic():
        BookingTopicFactory(booking=later, topic=topic)


@pytest.mark.races
@pytest.mark.parametrize("same", ["trainer", "trainee"])
def test_one_of_eight_calls_at_once_is_booked(run_at_once, same):
    edition, trainer = EditionFactory(), TrainerFactory()
    enrolment = EnrolmentFactory(edition=edition)
    people = [
        {"trainer": trainer, "enrolment": EnrolmentFactory(edition=edition)}
        if same == "trainer"
        else {"trainer": TrainerFactory(), "enrolment": enrolment}
        for _ in range(8)
    ]

    def book(fields: dict[str, object]) -> None:
        despite_deadlocks(lambda: BookingFactory(starts_at=TEN, topics=[], **fields))

    outcomes = run_at_once(*[lambda fields=fields: book(fields) for fields in people])

    refused = [outcome for outcome in outcomes if outcome is not None]
    assert len(refused) == 7, outcomes
    for error in refused:
        assert isinstance(error, IntegrityError), error
        assert is_violation(error, TRAINER if same == "trainer" else TRAINEE), error
    assert Booking.objects.live().count() == 1

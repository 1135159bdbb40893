from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import psycopg
import pytest
import time_machine
from django.db.utils import OperationalError

from lms.errors import Refused
from lms.mail.models import Message
from sessions.booking import (
    TimeTaken,
    Wish,
    _attempt,
    book_call,
    is_deadlock,
    least_busy_first,
    ready_topics,
)
from sessions.cancelling import cancel_call
from sessions.models import Booking, BookingState, BookingTopic
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    TopicCompletionFactory,
    TrainerFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
WEDNESDAY_TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY):
        yield


def book(enrolment, topics=None, *, starts_at=WEDNESDAY_TEN, **more):
    return book_call(
        enrolment,
        ready_topics(enrolment)[:1] if topics is None else topics,
        starts_at=starts_at,
        **{"request_key": uuid4(), "by": enrolment.member.user} | more,
    )


# --- What is ready -----------------------------------------------------------------


def test_ready_topics_are_all_asked_for_a_call(enrolment):
    assert ready_topics(enrolment) == list(enrolment.edition.topics.all())


@pytest.mark.parametrize("who", ["account", "member"])
def test_book_call_refuses_for_who_is_no_longer_there(enrolment, trainer, who):
    if who == "account":
        enrolment.member.user.is_active = False
        enrolment.member.user.save()
    else:
        enrolment.member.left_on = MONDAY.date()
        enrolment.member.save()

    with pytest.raises(Refused, match="no longer there"):
        book(enrolment, by=trainer.user)

    assert not Booking.objects.exists()


def test_ready_topics_leave_out_complete_and_booked(enrolment):
    first, second, *others = enrolment.edition.topics.all()
    TopicCompletionFactory(enrolment=enrolment, topic=first.topic)
    BookingFactory(enrolment=enrolment, topics=[second.topic])

    assert ready_topics(enrolment) == others


def test_ready_topics_come_back_when_the_call_is_off(enrolment):
    booking = BookingFactory(enrolment=enrolment)
    cancel_call(booking, by=booking.trainee, reason="Ill.")

    assert len(ready_topics(enrolment)) == 4


def test_ready_topics_wait_for_preparation_where_it_comes_first(db, monday):
    enrolment = EnrolmentFactory(edition=EditionFactory(preparation="first"))
    read = EvidenceFactory(enrolment=enrolment)

    assert [topic.topic for topic in ready_topics(enrolment)] == [read.topic]


# --- Booking -----------------------------------------------------------------------


def test_book_call_takes_the_time_and_the_topics(enrolment, trainer):
    topics = ready_topics(enrolment)[:2]

    booking = book(enrolment, topics)

    assert booking.state == BookingState.BOOKED
    assert booking.trainer == trainer
    assert booking.trainee == enrolment.member.user
    assert booking.ends_at == WEDNESDAY_TEN + timedelta(minutes=40)
    assert booking.busy_until == booking.ends_at + timedelta(minutes=10)
    assert [row.topic for row in booking.topics.all()] == [t.topic for t in topics]
    assert {row.booked_for for row in booking.topics.all()} == {enrolment}


def test_book_call_again_with_its_key_returns_the_first(enrolment, trainer):
    key = uuid4()
    topics = ready_topics(enrolment)[:1]
    first = book(enrolment, topics, request_key=key)

    again = book(enrolment, topics, request_key=key)

    assert again == first
    assert Booking.objects.count() == 1
    assert Message.objects.filter(key__contains=":booked:").count() == 2


def test_book_call_refuses_a_key_of_somebody_else(enrolment, trainer):
    other = BookingFactory()

    with pytest.raises(Refused):
        book(enrolment, request_key=other.request_key)


@pytest.mark.parametrize("which", ["foreign", "complete", "booked", "twice", "none"])
def test_book_call_refuses_topics_that_are_not_ready(enrolment, trainer, which):
    first, second, *_others = enrolment.edition.topics.all()
    TopicCompletionFactory(enrolment=enrolment, topic=first.topic)
    BookingFactory(enrolment=enrolment, topics=[second.topic])
    topics = {
        "foreign": [EnrolmentFactory().edition.topics.first()],
        "complete": [first],
        "booked": [second],
        "twice": [_others[0], _others[0]],
        "none": [],
    }[which]

    with pytest.raises(Refused):
        book(enrolment, topics)

    assert Booking.objects.count() == 1


@pytest.mark.parametrize("over", [False, True])
def test_book_call_takes_at_most_ninety_minutes(db, monday, over):
    edition = EditionFactory(programme__title="Long")
    topics = list(edition.topics.all())
    enrolment = EnrolmentFactory(edition=edition)
    TrainerFactory(programmes=[enrolment.programme])
    for topic in topics:
        topic.call_minutes = 22.5  # four of them are ninety
    topics[0].call_minutes += 0.5 if over else 0

    if over:
        with pytest.raises(Refused):
            book(enrolment, topics)
    else:
        assert book(enrolment, topics).ends_at - WEDNESDAY_TEN == timedelta(minutes=90)


@pytest.mark.parametrize("field", ["completed_at", "withdrawn_at"])
def test_book_call_refuses_a_closed_enrolment(enrolment, trainer, field):
    topics = ready_topics(enrolment)
    setattr(enrolment, field, MONDAY)
    enrolment.valid_from = MONDAY.date() if field == "completed_at" else None
    enrolment.save(update_fields=[field, "valid_from"])

    with pytest.raises(Refused):
        book(enrolment, topics[:1])


@pytest.mark.parametrize(
    "starts_at",
    [
        MONDAY - timedelta(days=5),
        WEDNESDAY_TEN + timedelta(minutes=1),
        WEDNESDAY_TEN + timedelta(seconds=1),
        WEDNESDAY_TEN + timedelta(hours=9),
        MONDAY + timedelta(hours=1),  # inside the notice
        WEDNESDAY_TEN + timedelta(days=364),
    ],
)
def test_book_call_refuses_a_time_that_nobody_offers(enrolment, trainer, starts_at):
    with pytest.raises(TimeTaken):
        book(enrolment, starts_at=starts_at)

    assert not Booking.objects.exists()
    assert not Message.objects.exists()


def test_book_call_refuses_when_nobody_is_qualified(enrolment):
    TrainerFactory()

    with pytest.raises(TimeTaken):
        book(enrolment)


def test_book_call_tells_the_trainees_own_clash_first(enrolment, trainer):
    BookingFactory(
        enrolment__member__user=enrolment.member.user, starts_at=WEDNESDAY_TEN
    )

    with pytest.raises(TimeTaken, match="You have another call then: Wed 3 Jun, 10:00"):
        book(enrolment)


def test_book_call_may_start_when_another_ends(enrolment, trainer):
    BookingFactory(
        enrolment__member__user=enrolment.member.user,
        starts_at=WEDNESDAY_TEN - timedelta(minutes=20),
        ends_at=WEDNESDAY_TEN,
    )

    assert book(enrolment).starts_at == WEDNESDAY_TEN


def test_book_call_takes_the_wanted_trainer(enrolment, trainer):
    wanted = TrainerFactory(programmes=[enrolment.programme])
    BookingFactory(trainer=wanted)

    assert book(enrolment, trainer=wanted).trainer == wanted


def test_book_call_takes_the_least_busy_this_week(enrolment, trainer):
    idle = TrainerFactory(programmes=[enrolment.programme])
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY_TEN + timedelta(days=1))

    assert book(enrolment).trainer == idle


def test_book_call_then_takes_the_longest_without_a_call(enrolment, trainer):
    other = TrainerFactory(programmes=[enrolment.programme])
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY_TEN - timedelta(days=8))
    BookingFactory(trainer=other, starts_at=WEDNESDAY_TEN - timedelta(days=15))

    assert book(enrolment).trainer == other


@pytest.mark.parametrize(
    ("zone", "hours", "is_busy"),
    [
        # Sunday 7 June ends at 23:00 UTC in London, at 10:00 UTC in Honolulu, a day on.
        ("Europe/London", 14, True),  # 22:00 UTC
        ("Europe/London", 15, False),
        ("Pacific/Honolulu", 25, True),  # 8 June, 9:00 UTC
        ("Pacific/Honolulu", 26, False),
    ],
)
def test_least_busy_counts_the_trainers_own_week(db, zone, hours, is_busy):
    busy, idle = TrainerFactory(time_zone=zone), TrainerFactory(time_zone=zone)
    sunday = datetime(2026, 6, 7, 8, tzinfo=UTC)
    BookingFactory(trainer=busy, starts_at=sunday + timedelta(hours=hours))
    BookingFactory(trainer=idle, starts_at=WEDNESDAY_TEN - timedelta(days=9))

    order = least_busy_first([busy.pk, idle.pk], WEDNESDAY_TEN)

    assert order == ([idle.pk, busy.pk] if is_busy else [busy.pk, idle.pk])


def test_least_busy_goes_by_live_calls_then_by_the_last_before(db):
    names = ["never", "cancelled", "long ago", "lately", "twice"]
    trainers = {name: TrainerFactory() for name in names}
    for name, days, state in [
        ("cancelled", 1, BookingState.CANCELLED),
        ("cancelled", -30, BookingState.DONE),
        ("long ago", -20, BookingState.DONE),
        ("long ago", 8, BookingState.BOOKED),  # the week after: not yet
        ("lately", -10, BookingState.DONE),
        ("twice", 1, BookingState.BOOKED),
        ("twice", 2, BookingState.PROPOSED),
    ]:
        BookingFactory(
            trainer=trainers[name],
            starts_at=WEDNESDAY_TEN + timedelta(days=days),
            state=state,
        )

    pks = [trainers[name].pk for name in reversed(names)]

    assert least_busy_first(pks, WEDNESDAY_TEN) == [trainers[n].pk for n in names]


def test_who_comes_too_late_for_the_lock_asks_little(
    enrolment, trainer, django_assert_num_queries
):
    book(EnrolmentFactory(edition=enrolment.edition))
    topics = list(enrolment.edition.topics.all())
    by = enrolment.member.user
    wish = Wish(topics, WEDNESDAY_TEN, uuid4(), by)

    # A savepoint, the two locks, calls of theirs, the trainer, their calls, its release.
    with django_assert_num_queries(7):
        booked = _attempt(enrolment, [(wish, [trainer.pk])])

    assert booked == []


def test_least_busy_asks_nothing_without_a_choice(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert least_busy_first([7], WEDNESDAY_TEN) == [7]
        assert least_busy_first([], WEDNESDAY_TEN) == []


def test_book_call_passes_over_who_is_taken(enrolment, trainer):
    other = TrainerFactory(programmes=[enrolment.programme])
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY_TEN)
    BookingFactory(trainer=other, starts_at=WEDNESDAY_TEN + timedelta(hours=2))
    BookingFactory(trainer=other, starts_at=WEDNESDAY_TEN + timedelta(hours=3))

    assert book(enrolment).trainer == other


def test_book_call_ends_a_proposal_that_ran_out_there(enrolment, trainer):
    proposal = BookingFactory(
        trainer=trainer,
        starts_at=WEDNESDAY_TEN,
        state=BookingState.PROPOSED,
        proposed_until=MONDAY,
    )

    book(enrolment)

    proposal.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED


def test_book_call_tells_both_sides_each_in_their_zone(enrolment, trainer):
    enrolment.member.user.time_zone = "Asia/Tokyo"
    enrolment.member.user.save()

    book(enrolment)

    confirmed = Message.objects.filter(key__contains=":booked:")
    mails = {mail.recipient: mail for mail in confirmed}
    assert "Wed 3 Jun, 18:00 (Tokyo)" in mails[enrolment.member.user].subject
    assert "Wed 3 Jun, 10:00 (London)" in mails[trainer.user].subject
    assert [mail.attachments[0]["method"] for mail in mails.values()] == ["REQUEST"] * 2
    assert "18:00–18:20 (Tokyo)" in mails[enrolment.member.user].body
    assert "10:00–10:20 (London)" in mails[trainer.user].body
    assert all("ByteKast Qualifications" in mail.body for mail in mails.values())
    assert not any("meet.example.com" in mail.body for mail in mails.values())


# --- Several at once ---------------------------------------------------------------


def tell(results):
    return sorted(type(result).__name__ for result in results)


@pytest.mark.races
def test_eight_people_and_one_slot_make_one_booking(run_at_once):
    edition = EditionFactory()
    enrolments = EnrolmentFactory.create_batch(8, edition=edition)
    trainer = TrainerFactory(
        programmes=[edition.programme], weekly_hours=[(d, 600, 620) for d in range(7)]
    )
    starts_at = soon(trainer)

    results = run_at_once(
        *(partial(book, each, starts_at=starts_at) for each in enrolments)
    )

    assert tell(results) == ["Booking"] + ["TimeTaken"] * 7
    assert Booking.objects.count() == 1


@pytest.mark.races
def test_eight_people_and_two_trainers_make_two_bookings(run_at_once):
    edition = EditionFactory()
    enrolments = EnrolmentFactory.create_batch(8, edition=edition)
    for _n in range(2):
        trainer = TrainerFactory(
            programmes=[edition.programme],
            weekly_hours=[(d, 600, 620) for d in range(7)],
        )
    starts_at = soon(trainer)

    results = run_at_once(
        *(partial(book, each, starts_at=starts_at) for each in enrolments)
    )

    assert tell(results) == ["Booking"] * 2 + ["TimeTaken"] * 6
    assert Booking.objects.values("trainer").distinct().count() == 2


@pytest.mark.races
def test_the_days_cap_holds_when_all_book_at_once(run_at_once):
    edition = EditionFactory()
    enrolments = EnrolmentFactory.create_batch(6, edition=edition)
    trainer = TrainerFactory(
        programmes=[edition.programme],
        weekly_hours=[(d, 600, 1200) for d in range(7)],
        day_cap=2,
    )
    first = soon(trainer)

    results = run_at_once(
        *(
            partial(book, each, starts_at=first + timedelta(hours=n))
            for n, each in enumerate(enrolments)
        )
    )

    assert tell(results) == ["Booking"] * 2 + ["TimeTaken"] * 4


@pytest.mark.races
def test_two_keys_for_one_topic_make_one_call(run_at_once):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(
        programmes=[enrolment.programme],
        weekly_hours=[(d, 600, 900) for d in range(7)],
    )
    topics = ready_topics(enrolment)[:1]
    first = soon(trainer)

    results = run_at_once(
        *(
            partial(book, enrolment, topics, starts_at=first + timedelta(hours=n))
            for n in range(4)
        )
    )

    assert tell(results) == ["Booking"] + ["Refused"] * 3
    assert BookingTopic.objects.filter(booked_for=enrolment).count() == 1


@pytest.mark.races
def test_a_double_click_makes_one_booking(run_at_once):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(programmes=[enrolment.programme])
    topics = ready_topics(enrolment)[:1]
    click = partial(
        book,
        enrolment,
        topics,
        starts_at=soon(trainer, weekdays=range(5)),
        request_key=uuid4(),
    )

    results = run_at_once(*[click] * 4)

    assert len(set(results)) == 1
    assert Booking.objects.get() in results


def soon(trainer, weekdays=range(7)):
    """Ten o'clock on the trainer's clock, on a weekday in two to five days."""
    local = datetime.now(trainer.zone) + timedelta(days=2)
    while local.weekday() not in weekdays:
        local += timedelta(days=1)
    return local.replace(hour=10, minute=0, second=0, microsecond=0).astimezone(UTC)


def test_only_a_deadlock_is_worth_a_second_try():
    deadlock, other = OperationalError(), OperationalError()
    deadlock.__cause__ = psycopg.errors.DeadlockDetected()
    other.__cause__ = psycopg.errors.AdminShutdown()

    assert is_deadlock(deadlock)
    assert not is_deadlock(other)
    assert not is_deadlock(OperationalError("database is locked"))

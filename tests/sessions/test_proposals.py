from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.utils.timezone import now

from lms.errors import Refused
from lms.mail.models import Message
from sessions.access import ready_for
from sessions.booking import TimeTaken, book_call, ready_topics
from sessions.cancelling import cancel_call, cancel_run_out
from sessions.models import Booking, BookingState, BookingTopic, Origin
from sessions.offers import open_offers
from sessions.proposals import decline, propose, take, withdraw
from sessions.scheduling import schedule_call
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TimeRequestFactory,
    TrainerFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)  # nine o'clock in London
WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)
THREE = [WEDNESDAY, WEDNESDAY + timedelta(hours=1), WEDNESDAY + timedelta(days=1)]
SOON = MONDAY + timedelta(hours=2)


def offer_of(trainer, enrolment, starts=THREE, **more):
    return propose(
        trainer,
        enrolment,
        ready_topics(enrolment)[:1],
        starts,
        **{"request_key": uuid4()} | more,
    )


def states(calls):
    return [
        str(state)
        for state in Booking.objects.filter(pk__in=[call.pk for call in calls])
        .order_by("pk")
        .values_list("state", flat=True)
    ]


# --- Proposing ---------------------------------------------------------------------


def test_propose_blocks_each_time_for_both_until_it_is_answered(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    assert [call.starts_at for call in calls] == THREE
    assert {call.state for call in calls} == {BookingState.PROPOSED}
    assert {call.origin for call in calls} == {Origin.TRAINER}
    assert {call.proposed_until for call in calls} == {MONDAY + timedelta(hours=48)}
    assert len({call.offer for call in calls}) == 1
    assert not BookingTopic.objects.exclude(booked_for=None).exists()
    other = EnrolmentFactory(edition=enrolment.edition)
    for start in THREE:
        with pytest.raises(TimeTaken):
            book_call(
                other,
                ready_topics(other)[:1],
                starts_at=start,
                request_key=uuid4(),
                by=other.member.user,
            )


def test_propose_keeps_a_near_time_until_it_starts(enrolment, trainer):
    (call,) = offer_of(trainer, enrolment, [SOON])  # inside the notice: theirs to waive

    assert call.proposed_until == SOON


def test_propose_tells_the_trainee_once_in_their_zone(enrolment, trainer):
    enrolment.member.user.time_zone = "Asia/Tokyo"
    enrolment.member.user.save()

    offer = offer_of(trainer, enrolment)[0].offer

    mail = Message.objects.get()
    assert mail.recipient == enrolment.member.user
    assert mail.subject == f"{trainer} proposes 3 times for your call"
    assert "Wed 3 Jun, 18:00–18:20 (Tokyo)" in mail.body
    assert f"/calls/offers/{offer}/" in mail.body
    assert mail.expires_at == MONDAY + timedelta(hours=48)


def test_propose_again_with_its_key_returns_the_first(enrolment, trainer):
    key = uuid4()
    first = offer_of(trainer, enrolment, request_key=key)

    again = offer_of(trainer, enrolment, [SOON], request_key=key)

    assert again == first
    assert (Booking.objects.count(), Message.objects.count()) == (3, 1)


@pytest.mark.parametrize("whose", ["another offer's", "a booking's"])
def test_propose_refuses_a_key_that_was_used(enrolment, trainer, whose):
    other = TrainerFactory(programmes=[enrolment.programme])
    if whose == "a booking's":
        key = BookingFactory().request_key
    else:
        key = offer_of(other, EnrolmentFactory(edition=enrolment.edition))[0].offer

    with pytest.raises(Refused, match="used already"):
        offer_of(trainer, enrolment, request_key=key)


@pytest.mark.parametrize(
    ("starts", "words"),
    [
        ([], "at least one"),
        ([*THREE, THREE[-1] + timedelta(hours=1)], "at most 3"),
        ([WEDNESDAY, WEDNESDAY], "must not overlap"),
        ([WEDNESDAY, WEDNESDAY + timedelta(minutes=15)], "must not overlap"),
        ([MONDAY], "is over"),
        ([MONDAY - timedelta(days=1)], "is over"),
        ([MONDAY + timedelta(days=57)], "days ahead"),
        ([WEDNESDAY + timedelta(minutes=1)], "is not free"),  # off the grid
        ([WEDNESDAY + timedelta(seconds=1)], "is not free"),
        ([WEDNESDAY.replace(hour=20)], "is not free"),  # outside the hours
        ([WEDNESDAY, WEDNESDAY.replace(hour=20)], "is not free"),
    ],
)
def test_propose_refuses_in_words_all_or_none(enrolment, trainer, starts, words):
    with pytest.raises(Refused, match=words):
        offer_of(trainer, enrolment, starts)

    assert not Booking.objects.exists()
    assert not Message.objects.exists()


def test_propose_takes_times_that_touch_with_the_rest(enrolment, trainer):
    starts = [WEDNESDAY, WEDNESDAY + timedelta(minutes=30)]  # 20 and 10 of rest

    assert len(offer_of(trainer, enrolment, starts)) == 2


def test_propose_outside_own_hours_by_saying_so(enrolment, trainer):
    night = WEDNESDAY.replace(hour=22, minute=7)

    (call,) = offer_of(trainer, enrolment, [night], any_hours=True)

    assert call.starts_at == night


@pytest.mark.parametrize("whose", ["own", "theirs"])
def test_propose_never_goes_over_another_call(enrolment, trainer, whose):
    night = WEDNESDAY.replace(hour=22)
    who = {"trainer": trainer} if whose == "own" else {"enrolment": enrolment}
    BookingFactory(starts_at=night, **who)

    with pytest.raises(TimeTaken):
        offer_of(trainer, enrolment, [night + timedelta(minutes=10)], any_hours=True)


def test_propose_counts_in_the_days_cap(enrolment, trainer):
    trainer.day_cap = 2
    trainer.save()

    with pytest.raises(TimeTaken):
        offer_of(trainer, enrolment, [WEDNESDAY + timedelta(hours=n) for n in range(3)])
    offer_of(trainer, enrolment, THREE)

    assert Booking.objects.count() == 3


def test_propose_ends_what_ran_out_there(enrolment, trainer, monday):
    other = EnrolmentFactory(edition=enrolment.edition)
    first = offer_of(trainer, other)
    monday.shift(timedelta(hours=48))

    calls = offer_of(trainer, enrolment, [THREE[2]])

    assert states(first) == ["cancelled"] * 3
    assert len(calls) == 1


def test_propose_refuses_a_second_open_offer_of_the_topics(enrolment, trainer):
    other = TrainerFactory(programmes=[enrolment.programme])
    offer_of(trainer, enrolment, [WEDNESDAY])

    with pytest.raises(Refused, match="has proposed times for this already"):
        offer_of(other, enrolment, [THREE[1]])


def test_propose_refuses_people_of_other_programmes(trainer):
    stranger = EnrolmentFactory()

    with pytest.raises(Refused, match="own programmes"):
        offer_of(trainer, stranger)


def test_propose_answers_the_time_asked_for(enrolment, trainer):
    asked = TimeRequestFactory(enrolment=enrolment)

    offer_of(trainer, enrolment)

    asked.refresh_from_db()
    assert asked.closed_at == MONDAY


# --- Taking one --------------------------------------------------------------------


def test_take_books_one_and_frees_the_others(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    call = take(calls[1], by=enrolment.member.user)

    assert call == calls[1]
    assert states(calls) == ["cancelled", "booked", "cancelled"]
    assert call.proposed_until is None
    assert {row.booked_for for row in call.topics.all()} == {enrolment}
    booked = Message.objects.filter(key__contains=":booked:")
    assert {mail.recipient for mail in booked} == {trainer.user, enrolment.member.user}
    assert Message.objects.get(key__contains=":proposed:").dropped_at == MONDAY
    assert list(Booking.objects.agreed()) == [call]
    words = booked.get(recipient=enrolment.member.user).body
    assert f"You took a time that {trainer} proposed" in words
    assert "as agreed" not in words


def test_take_again_returns_the_call(enrolment, trainer):
    calls = offer_of(trainer, enrolment)
    first = take(calls[0], by=enrolment.member.user)

    again = take(calls[0], by=enrolment.member.user)

    assert (again, again.sequence) == (first, first.sequence)
    assert Message.objects.filter(key__contains=":booked:").count() == 2


def test_a_call_taken_can_be_cancelled_until_it_starts_never_late(
    enrolment, trainer, monday
):
    (call,) = offer_of(trainer, enrolment, [WEDNESDAY])
    take(call, by=enrolment.member.user)
    monday.move_to(WEDNESDAY - timedelta(minutes=1))

    cancelled = cancel_call(call, by=enrolment.member.user, reason="Ill.")

    assert (cancelled.state, cancelled.late) == (BookingState.CANCELLED, False)
    assert list(Booking.objects.agreed()) == [cancelled]


def test_take_refuses_another_of_the_offer(enrolment, trainer):
    calls = offer_of(trainer, enrolment)
    take(calls[0], by=enrolment.member.user)

    with pytest.raises(Refused, match="You took another of these times: Wed 3 Jun"):
        take(calls[1], by=enrolment.member.user)


@pytest.mark.parametrize("is_swept", [False, True])
@pytest.mark.parametrize(("seconds", "is_open"), [(-1, True), (0, False)])
def test_take_until_the_very_end(
    enrolment, trainer, monday, is_swept, seconds, is_open
):
    calls = offer_of(trainer, enrolment, [THREE[2]])
    monday.move_to(MONDAY + timedelta(hours=48, seconds=seconds))
    if is_swept:
        cancel_run_out()

    if is_open:
        take(calls[0], by=enrolment.member.user)
    else:
        with pytest.raises(Refused, match="run out"):
            take(calls[0], by=enrolment.member.user)

    assert Booking.objects.filter(state=BookingState.BOOKED).exists() == is_open


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda call: withdraw(call.offer, by=call.trainer.user), "withdrawn"),
        (lambda call: decline(call.offer, by=call.trainee), "does not suit"),
    ],
)
def test_take_refuses_what_has_ended(enrolment, trainer, end, words):
    (call,) = offer_of(trainer, enrolment, [WEDNESDAY])
    end(call)

    with pytest.raises(Refused, match=words):
        take(call, by=enrolment.member.user)


def test_take_refuses_everybody_else(enrolment, trainer):
    (call,) = offer_of(trainer, enrolment, [WEDNESDAY])

    for other in (trainer.user, EnrolmentFactory().member.user):
        with pytest.raises(Refused):
            take(call, by=other)

    assert states([call]) == ["proposed"]


def test_take_refuses_when_the_trainer_has_left(enrolment, trainer):
    (call,) = offer_of(trainer, enrolment, [WEDNESDAY])
    trainer.is_active = False
    trainer.save()

    with pytest.raises(Refused, match="no longer holds"):
        take(call, by=enrolment.member.user)


def test_booking_the_topics_oneself_ends_the_offer(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    book_call(
        enrolment,
        ready_topics(enrolment)[:1],
        starts_at=THREE[0] + timedelta(hours=5),
        request_key=uuid4(),
        by=enrolment.member.user,
    )

    assert states(calls) == ["cancelled"] * 3
    assert Message.objects.get(key__contains=":not_needed:").recipient == trainer.user


def test_booking_other_topics_leaves_the_offer(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    book_call(
        enrolment,
        ready_topics(enrolment)[1:2],
        starts_at=THREE[0] + timedelta(hours=5),
        request_key=uuid4(),
        by=enrolment.member.user,
    )

    assert states(calls) == ["proposed"] * 3


# --- None of them ------------------------------------------------------------------


def test_decline_frees_all_and_tells_the_trainer_the_line(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    decline(calls[0].offer, by=enrolment.member.user, line="Mornings, please.")
    decline(calls[0].offer, by=enrolment.member.user, line="Mornings, please.")

    assert states(calls) == ["cancelled"] * 3
    mail = Message.objects.get(key__contains=":declined:")
    assert mail.recipient == trainer.user
    assert "Mornings, please." in mail.body
    assert Message.objects.get(key__contains=":proposed:").dropped_at == MONDAY
    assert not Booking.objects.agreed().exists()


def test_decline_refuses_once_one_was_taken(enrolment, trainer):
    calls = offer_of(trainer, enrolment)
    take(calls[0], by=enrolment.member.user)

    with pytest.raises(Refused, match="no longer open"):
        decline(calls[0].offer, by=enrolment.member.user)

    assert states(calls)[0] == "booked"


@pytest.mark.parametrize("who", ["trainer", "stranger"])
def test_decline_refuses_everybody_else(enrolment, trainer, who):
    calls = offer_of(trainer, enrolment)
    by = trainer.user if who == "trainer" else EnrolmentFactory().member.user

    with pytest.raises(Refused, match="no such offer"):
        decline(calls[0].offer, by=by)

    assert states(calls) == ["proposed"] * 3


def test_withdraw_frees_all_and_tells_the_trainee(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    withdraw(calls[0].offer, by=trainer.user)
    withdraw(calls[0].offer, by=trainer.user)

    assert states(calls) == ["cancelled"] * 3
    mail = Message.objects.get(key__contains=":withdrawn:")
    assert mail.recipient == enrolment.member.user


def test_withdraw_refuses_once_one_was_taken(enrolment, trainer):
    calls = offer_of(trainer, enrolment)
    take(calls[0], by=enrolment.member.user)

    with pytest.raises(Refused, match="taken already"):
        withdraw(calls[0].offer, by=trainer.user)


def test_withdraw_refuses_another_trainer(enrolment, trainer):
    calls = offer_of(trainer, enrolment)

    with pytest.raises(Refused):
        withdraw(calls[0].offer, by=TrainerFactory().user)


def test_an_offer_answered_does_not_send_one_to_the_end_of_the_line(
    enrolment, trainer, monday
):
    calls = offer_of(trainer, enrolment)
    monday.shift(timedelta(hours=1))
    decline(calls[0].offer, by=enrolment.member.user)

    assert ready_for(trainer).get().since == enrolment.enrolled_at


@pytest.mark.parametrize("offers", [1, 3])
def test_open_offers_are_found_in_one_query(
    enrolment, trainer, django_assert_num_queries, offers
):
    topics = ready_topics(enrolment)
    for n in range(offers):
        propose(
            trainer,
            enrolment,
            [topics[n]],
            [WEDNESDAY + timedelta(hours=n)],
            request_key=uuid4(),
        )
    BookingFactory(state=BookingState.PROPOSED, offer=uuid4())  # a stranger's

    with django_assert_num_queries(1):
        found = open_offers(enrolment.member.user)

    assert [len(offer.open) for offer in found] == [1] * offers


# --- Booked as agreed --------------------------------------------------------------


def test_schedule_outside_own_hours_by_saying_so(enrolment, trainer):
    schedule = partial(
        schedule_call,
        trainer,
        enrolment,
        ready_topics(enrolment)[:1],
        starts_at=WEDNESDAY.replace(hour=22),
        request_key=uuid4(),
    )

    with pytest.raises(TimeTaken):
        schedule()

    assert schedule(any_hours=True) == schedule(any_hours=True)


# --- Several at once ---------------------------------------------------------------


def tell(results):
    return sorted(type(result).__name__ for result in results)


def make_offer(**more):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(
        programmes=[enrolment.programme], weekly_hours=[(d, 0, 1440) for d in range(7)]
    )
    day = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
    starts = [day + timedelta(days=n) for n in (2, 3, 4)]
    return enrolment, trainer, offer_of(trainer, enrolment, starts, **more)


@pytest.mark.races
def test_two_tabs_taking_two_times_of_an_offer_make_one_call(run_at_once):
    enrolment, _trainer, calls = make_offer()
    user = enrolment.member.user

    results = run_at_once(*(partial(take, call, by=user) for call in calls))

    assert tell(results) == ["Booking", "Refused", "Refused"]
    assert sorted(states(calls)) == ["booked", "cancelled", "cancelled"]
    assert BookingTopic.objects.filter(booked_for=enrolment).count() == 1


@pytest.mark.races
def test_a_double_click_takes_a_time_once(run_at_once):
    enrolment, _trainer, calls = make_offer()

    results = run_at_once(*[partial(take, calls[0], by=enrolment.member.user)] * 4)

    assert set(results) == {calls[0]}
    assert Message.objects.filter(key__contains=":booked:").count() == 2


@pytest.mark.races
def test_taking_while_it_is_withdrawn_or_declined_ends_one_way(run_at_once):
    enrolment, trainer, calls = make_offer()
    user = enrolment.member.user

    run_at_once(
        partial(take, calls[0], by=user),
        partial(withdraw, calls[0].offer, by=trainer.user),
        partial(decline, calls[0].offer, by=user),
        cancel_run_out,
    )

    live = Booking.objects.live()
    assert set(live.values_list("state", flat=True)) <= {"booked"}
    assert live.count() <= 1
    topics = BookingTopic.objects.filter(booked_for=enrolment)
    assert topics.count() == live.count()


@pytest.mark.races
def test_taking_while_it_runs_out_books_it_or_says_so(run_at_once):
    enrolment, _trainer, calls = make_offer()
    user = enrolment.member.user
    Booking.objects.filter(offer=calls[0].offer).update(
        proposed_until=now() + timedelta(milliseconds=20)
    )

    results = run_at_once(
        cancel_run_out,
        partial(take, calls[0], by=user),
        cancel_run_out,
        partial(take, calls[0], by=user),
    )
    while cancel_run_out():
        pass

    live = list(Booking.objects.live().values_list("pk", "state"))
    if calls[0] in results:
        assert live == [(calls[0].pk, "booked")]
    else:
        assert tell(results) == ["Refused", "Refused", "int", "int"]
        assert live == []


@pytest.mark.races
def test_taking_against_ones_own_booking_makes_one_call(run_at_once):
    enrolment, _trainer, calls = make_offer()
    user, topics = enrolment.member.user, ready_topics(enrolment)[:1]
    other_time = calls[0].starts_at + timedelta(hours=5)

    results = run_at_once(
        partial(take, calls[0], by=user),
        partial(
            book_call,
            enrolment,
            topics,
            starts_at=other_time,
            request_key=uuid4(),
            by=user,
        ),
    )

    assert tell(results) == ["Booking", "Refused"]
    assert list(Booking.objects.live().values_list("state", flat=True)) == ["booked"]


@pytest.mark.races
def test_proposing_twice_at_once_makes_one_offer(run_at_once):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(
        programmes=[enrolment.programme], weekly_hours=[(d, 0, 1440) for d in range(7)]
    )
    day = datetime.now(UTC).replace(hour=10, minute=0, second=0, microsecond=0)
    starts = [day + timedelta(days=2), day + timedelta(days=3)]
    key = uuid4()

    results = run_at_once(
        *[partial(offer_of, trainer, enrolment, starts, request_key=key)] * 3
    )

    assert [[call.starts_at for call in calls] for calls in results] == [starts] * 3
    assert (Booking.objects.count(), Message.objects.count()) == (2, 1)

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest
import time_machine
from schedule.models import Event

from lms.audit.models import Event as Logged
from lms.errors import Refused
from lms.mail.models import Message
from lms.people import accounts
from lms.people.access import Access
from sessions import absence
from sessions.absence import (
    calls_between,
    cannot_work,
    let_go,
    prospects,
    see_to_closed_accounts,
    spread,
    withdraw_not_held,
)
from sessions.booking import book_call, ready_topics
from sessions.cancelling import cancel_call
from sessions.models import Booking, BookingState, Cause, Feed
from sessions.slots import Search, find
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    FeedFactory,
    TrainerFactory,
    UserFactory,
)

EIGHT = datetime(2026, 6, 3, 7, tzinfo=UTC)  # Wednesday, eight in London
MIDNIGHT = EIGHT - timedelta(hours=8)
TOMORROW = MIDNIGHT + timedelta(days=1)
HOUR = 60
CALLS_AT = (9, 11, 14, 16)  # o'clock in London


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(EIGHT, tick=False):
        yield


@pytest.fixture
def edition(db):
    return EditionFactory()


@pytest.fixture
def ill(edition):
    return TrainerFactory(programmes=[edition.programme])


@pytest.fixture
def staff(db):
    return UserFactory(is_staff=True)


def at(hour):
    return EIGHT + timedelta(hours=hour - 8)


def call_at(trainer, edition, hour, **fields):
    enrolment = EnrolmentFactory(edition=edition)
    return BookingFactory(
        trainer=trainer, enrolment=enrolment, starts_at=at(hour), **fields
    )


def colleague(edition, *hours, **rules):
    """A trainer who is free for an hour from each of these on, and at no other time."""
    windows = [(2, hour * HOUR, (hour + 1) * HOUR) for hour in hours]
    return TrainerFactory(programmes=[edition.programme], weekly_hours=windows, **rules)


def stay_away(trainer, *, by=None, start=MIDNIGHT, end=TOMORROW):
    return cannot_work(trainer, start, end, by=by or trainer.user, reason="Ill")


def told(call):
    """What the trainee of a call was told of, in order."""
    return [key.split(":")[2] for key in keys_to(call.trainee)]


def keys_to(person):
    """The keys of what somebody is told, but for reminders, in order."""
    told = Message.objects.filter(recipient=person, dropped_at=None)
    keys = told.exclude(key__contains="remind").order_by("pk")
    return list(keys.values_list("key", flat=True))


def now_standing(call):
    call.refresh_from_db()
    return call.state, call.trainer


def require_no_overlap():
    live = list(Booking.objects.live().order_by("trainer", "starts_at"))
    for one, other in pairwise(live):
        if one.trainer_id == other.trainer_id:
            assert one.busy_until <= other.starts_at


# --- The bad day -------------------------------------------------------------------------


def bad_day(edition, ill):
    """Ill at eight, four calls; for the first and the third a colleague is free."""
    calls = [call_at(ill, edition, hour) for hour in CALLS_AT]
    free = [colleague(edition, 9), colleague(edition, 14)]
    colleague(EditionFactory(), *CALLS_AT)  # is free, and not qualified
    return calls, free


def require_all_seen_to(calls, free, ill, *, others=0):
    """Every trainee re-seated or told once, no call lost, nothing double."""
    for number, call in enumerate(calls):
        seat = free[number // 2] if number % 2 == 0 else None
        expected = (BookingState.BOOKED, seat) if seat else ("cancelled", ill)
        assert now_standing(call) == expected
        assert told(call) == ["handed_over" if seat else "choose_again"]
    assert not ill.bookings.live().exists()
    assert Booking.objects.count() == len(calls) + others
    require_no_overlap()


def test_on_a_bad_day_every_trainee_is_reseated_or_told_once(edition, ill):
    calls, free = bad_day(edition, ill)

    outcome = stay_away(ill)

    require_all_seen_to(calls, free, ill)
    assert outcome.handed == [calls[0], calls[2]]
    assert outcome.asked == [calls[1], calls[3]]
    assert {call.cause for call in outcome.asked} == {Cause.BYTEKAST}
    assert not any(call.late for call in outcome.asked)


def test_nothing_can_be_booked_once_somebody_cannot_work(edition, ill):
    search = Search(edition.programme_id, timedelta(minutes=20), any_notice=True)
    assert find(search)[0].starts_at < TOMORROW

    stay_away(ill)

    assert find(search)[0].starts_at >= TOMORROW


def test_said_again_nothing_happens_twice(edition, ill):
    calls, free = bad_day(edition, ill)

    stay_away(ill)
    outcome = stay_away(ill)

    require_all_seen_to(calls, free, ill)
    assert outcome == absence.Outcome()
    assert Event.objects.filter(calendar=ill.off).count() == 1


def test_after_a_crash_in_the_middle_the_next_run_does_the_rest(
    edition, ill, monkeypatch
):
    calls, free = bad_day(edition, ill)

    def crash(*_args, **_kwargs):
        raise RuntimeError("The machine went down.")

    with monkeypatch.context() as patched:
        patched.setattr(absence, "ask_to_choose_again", crash)
        with pytest.raises(RuntimeError):
            stay_away(ill)
    assert now_standing(calls[0]) == (BookingState.BOOKED, free[0])
    assert now_standing(calls[1]) == (BookingState.BOOKED, ill)

    stay_away(ill)

    require_all_seen_to(calls, free, ill)


def test_colleague_who_is_taken_meanwhile_leaves_the_next_one(
    edition, ill, monkeypatch
):
    call = call_at(ill, edition, 9)
    taken, free = colleague(edition, 9), colleague(edition, 9)
    call_at(taken, edition, 9)
    # As if the call of the first had been booked after we looked.
    monkeypatch.setattr(absence, "colleagues_free", lambda _call: [taken, free])

    stay_away(ill)

    assert now_standing(call) == (BookingState.BOOKED, free)
    assert told(call) == ["handed_over"]


def test_least_busy_colleague_takes_it(edition, ill):
    call = call_at(ill, edition, 9)
    busy, idle = colleague(edition, 9, 11), colleague(edition, 9)
    call_at(busy, edition, 11)

    stay_away(ill)

    assert now_standing(call) == (BookingState.BOOKED, idle)


@pytest.mark.parametrize(
    ("minutes", "is_hit"), [(-20, False), (-19, True), (59, True), (60, False)]
)
def test_only_calls_that_take_some_of_the_time_are_hit(edition, ill, minutes, is_hit):
    starts_at = at(12) + timedelta(minutes=minutes)
    call = call_at(ill, edition, 0)
    Booking.objects.filter(pk=call.pk).update(
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=20),
        busy_until=starts_at + timedelta(minutes=30),
    )

    outcome = stay_away(ill, start=at(12), end=at(13))

    assert outcome.asked == ([call] if is_hit else [])


def test_call_that_the_trainer_is_in_is_left(edition, ill):
    call = call_at(ill, edition, 7.75, trainer_joined_at=at(7.75))

    outcome = stay_away(ill)

    assert outcome.left == [call]
    assert now_standing(call) == (BookingState.BOOKED, ill)
    assert told(call) == []


def test_trainee_who_waits_in_vain_is_asked_to_choose_again(edition, ill):
    call = call_at(ill, edition, 7.75, trainee_joined_at=at(7.75))
    colleague(edition, 7)

    outcome = stay_away(ill)

    assert outcome.asked == [call]
    assert told(call) == ["choose_again"]


def offer_of(ill, edition, *hours):
    enrolment, offer = EnrolmentFactory(edition=edition), uuid4()
    return [
        BookingFactory(
            trainer=ill,
            enrolment=enrolment,
            starts_at=at(hour),
            state=BookingState.PROPOSED,
            offer=offer,
        )
        for hour in hours
    ]


def test_own_proposals_then_are_withdrawn_and_the_trainee_told_once(edition, ill):
    calls = offer_of(ill, edition, 9, 10)

    outcome = stay_away(ill)

    assert outcome.withdrawn == 2
    assert {now_standing(call) for call in calls} == {(BookingState.CANCELLED, ill)}
    assert [key.split(":")[2] for key in keys_to(calls[0].trainee)] == ["withdrawn"]


def test_times_proposed_for_another_day_stay_open(edition, ill):
    then, later = offer_of(ill, edition, 9, 9 + 24)

    outcome = stay_away(ill)

    assert outcome.withdrawn == 1
    assert now_standing(then) == (BookingState.CANCELLED, ill)
    assert now_standing(later) == (BookingState.PROPOSED, ill)
    assert keys_to(then.trainee) == []


def test_mail_asks_to_choose_again_with_the_soonest_times(edition, ill):
    call = call_at(ill, edition, 9)

    stay_away(ill)

    body = Message.objects.get(recipient=call.trainee).body
    assert body.count("/calls/book/") >= 3
    assert "Thu 4 Jun" in body


def test_staff_say_it_for_a_trainer(edition, ill, staff):
    call = call_at(ill, edition, 9)

    stay_away(ill, by=staff)

    assert now_standing(call) == (BookingState.CANCELLED, ill)
    assert Logged.objects.filter(verb="cannot_work", actor=staff).count() == 1


@pytest.mark.parametrize(
    ("who", "start", "end", "reason"),
    [
        ("stranger", MIDNIGHT, TOMORROW, "Ill"),
        ("ill", MIDNIGHT, TOMORROW, "  "),
        ("ill", TOMORROW, MIDNIGHT, "Ill"),
        ("ill", MIDNIGHT, MIDNIGHT, "Ill"),
        ("ill", MIDNIGHT - timedelta(days=2), MIDNIGHT, "Ill"),
        ("ill", MIDNIGHT, MIDNIGHT + timedelta(days=367), "Ill"),
    ],
)
def test_what_makes_no_sense_changes_nothing(edition, ill, who, start, end, reason):
    call = call_at(ill, edition, 9)
    by = ill.user if who == "ill" else UserFactory()

    with pytest.raises(Refused):
        cannot_work(ill, start, end, by=by, reason=reason)

    assert now_standing(call) == (BookingState.BOOKED, ill)
    assert not Event.objects.filter(calendar=ill.off).exists()


def test_staff_who_are_the_trainee_leave_their_own_call(edition, ill, staff):
    enrolment = EnrolmentFactory(edition=edition, member__user=staff)
    call = BookingFactory(trainer=ill, enrolment=enrolment, starts_at=at(9))

    outcome = stay_away(ill, by=staff)

    assert outcome.left == [call]


def test_prospects_say_who_would_take_each_call(edition, ill):
    calls, free = bad_day(edition, ill)
    begun = call_at(ill, edition, 7.75, trainer_joined_at=at(7.75))

    found = prospects(calls_between(ill, MIDNIGHT, TOMORROW))

    assert [(one.call, one.colleague, one.is_on) for one in found] == [
        (begun, None, True),
        (calls[0], free[0], False),
        (calls[1], None, False),
        (calls[2], free[1], False),
        (calls[3], None, False),
    ]


@pytest.mark.parametrize("calls", [1, 3])
def test_prospects_take_seven_queries_a_call_at_most(
    edition, ill, django_assert_max_num_queries, calls
):
    colleague(edition, 9)
    colleague(edition, 9)
    for number in range(calls):
        call_at(ill, edition, 9 + number)
    hit = list(calls_between(ill, MIDNIGHT, TOMORROW).for_agenda())

    with django_assert_max_num_queries(7 * calls):
        prospects(hit)


# --- At once -----------------------------------------------------------------------------


def test_two_clicks_at_once_see_to_each_call_once(run_at_once):
    edition = EditionFactory()
    ill = TrainerFactory(programmes=[edition.programme])
    calls, free = bad_day(edition, ill)

    answers = run_at_once(*[lambda: stay_away(ill)] * 2)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    require_all_seen_to(calls, free, ill)
    assert sum(len(answer.handed) for answer in answers) == 2
    assert sum(len(answer.asked) for answer in answers) == 2


def test_trainee_who_cancels_at_once_is_not_told_twice(run_at_once):
    edition = EditionFactory()
    ill = TrainerFactory(programmes=[edition.programme])
    call = call_at(ill, edition, 9)

    def cancel():
        return cancel_call(
            call, by=call.trainee, reason="My plans changed", cause=Cause.PLANS
        )

    away, _cancelled = answers = run_at_once(lambda: stay_away(ill), cancel)

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert now_standing(call) == (BookingState.CANCELLED, ill)
    assert told(call) in (["cancelled"], ["choose_again"])
    assert away.asked == ([call] if told(call) == ["choose_again"] else [])


def test_colleagues_slot_booked_at_once_goes_to_one_of_them(run_at_once):
    edition = EditionFactory()
    ill = TrainerFactory(programmes=[edition.programme])
    free = colleague(edition, 9, notice_hours=0)
    call = call_at(ill, edition, 9)
    other = EnrolmentFactory(edition=edition)

    def book():
        return book_call(
            other,
            ready_topics(other)[:1],
            starts_at=at(9),
            request_key=uuid4(),
            by=other.member.user,
            trainer=free,
        )

    away, booked = run_at_once(lambda: stay_away(ill), book)

    assert isinstance(away, absence.Outcome)
    if isinstance(booked, Booking):
        assert (away.asked, told(call)) == ([call], ["choose_again"])
    else:
        assert isinstance(booked, Refused)
        assert (away.handed, told(call)) == ([call], ["handed_over"])
    assert free.bookings.live().count() == 1
    require_no_overlap()


def test_of_two_who_are_ill_at_once_neither_keeps_the_others_call(run_at_once):
    edition = EditionFactory()
    one, other = TrainerFactory.create_batch(2, programmes=[edition.programme])
    calls = [call_at(one, edition, 9), call_at(other, edition, 11)]

    answers = run_at_once(lambda: stay_away(one), lambda: stay_away(other))

    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert {now_standing(call)[0] for call in calls} == {BookingState.CANCELLED}
    assert all(told(call).count("choose_again") == 1 for call in calls)


# --- An account is closed ----------------------------------------------------------------


def test_calls_of_a_closed_account_are_seen_to_once(edition, ill, staff):
    calls, free = bad_day(edition, ill)
    proposals = offer_of(ill, edition, 18)
    other = BookingFactory()
    accounts.set_active(ill.user, False, by=staff)

    changed = [see_to_closed_accounts(), see_to_closed_accounts()]

    assert changed == [len(calls) + len(proposals), 0]
    require_all_seen_to(calls, free, ill, others=2)
    assert now_standing(proposals[0]) == (BookingState.CANCELLED, ill)
    assert now_standing(other) == (BookingState.BOOKED, other.trainer)


# --- A programme is taken from a trainer ------------------------------------------------


@pytest.mark.parametrize("what", ["programme", "all calls"])
def test_times_proposed_of_what_a_trainer_holds_no_longer_are_withdrawn(
    edition, ill, what
):
    calls = offer_of(ill, edition, 9, 10)
    booked = call_at(ill, edition, 12)
    others = TrainerFactory(programmes=[edition.programme])
    (kept,) = offer_of(others, edition, 9)
    if what == "programme":
        ill.programmes.clear()
    else:
        ill.is_active = False
        ill.save()

    withdrawn = [withdraw_not_held(), withdraw_not_held()]

    assert withdrawn == [2, 0]
    assert {now_standing(call) for call in calls} == {(BookingState.CANCELLED, ill)}
    assert [key.split(":")[2] for key in keys_to(calls[0].trainee)] == ["withdrawn"]
    assert now_standing(booked) == (BookingState.BOOKED, ill)
    assert now_standing(kept) == (BookingState.PROPOSED, others)


def test_proposals_of_programmes_held_are_looked_at_in_one_query(
    edition, ill, django_assert_num_queries
):
    offer_of(ill, edition, 9, 10)

    with django_assert_num_queries(1):
        assert withdraw_not_held() == 0


# --- A trainer leaves ------------------------------------------------------------------


def test_spread_hands_over_what_it_can_and_leaves_the_rest(edition, ill, staff):
    calls, _free = bad_day(edition, ill)

    outcome = spread(ill, by=staff)

    assert outcome.handed == [calls[0], calls[2]]
    assert outcome.left == [calls[1], calls[3]]
    assert now_standing(calls[1]) == (BookingState.BOOKED, ill)
    assert told(calls[1]) == []
    assert spread(ill, by=staff).handed == []


def test_trainer_with_calls_is_not_let_go(edition, ill, staff):
    call_at(ill, edition, 9)

    with pytest.raises(Refused, match="1 call is still booked"):
        let_go(ill, by=staff)

    ill.refresh_from_db()
    assert ill.is_active


def test_trainer_who_is_in_a_call_is_not_let_go(edition, ill, staff):
    call_at(ill, edition, 7.75)

    with pytest.raises(Refused):
        let_go(ill, by=staff)


def test_trainer_who_leaves_takes_no_more_calls(edition, ill, staff):
    unsigned = call_at(ill, edition, 7)
    FeedFactory(user=ill.user)
    (proposal,) = offer_of(ill, edition, 9)

    let_go(ill, by=staff)

    ill.refresh_from_db()
    assert not ill.is_active
    assert not Access(ill.user).is_trainer
    assert not Feed.objects.filter(user=ill.user).exists()
    assert now_standing(proposal) == (BookingState.CANCELLED, ill)
    assert now_standing(unsigned) == (BookingState.BOOKED, ill)
    assert list(ill.programmes.all()) == [edition.programme]
    assert find(Search(edition.programme_id, timedelta(minutes=20))) == []


def test_hours_end_with_a_trainers_work(edition, ill, staff):
    let_go(ill, by=staff)
    ill.is_active = True
    ill.save(update_fields=["is_active"])

    search = Search(edition.programme_id, timedelta(minutes=20), any_notice=True)
    assert all(slot.starts_at < TOMORROW for slot in find(search))


def test_trainer_is_let_go_by_the_channel_team_alone_and_once(ill, staff):
    with pytest.raises(Refused):
        let_go(ill, by=ill.user)
    let_go(ill, by=staff)
    let_go(ill, by=staff)

    assert Logged.objects.filter(verb="let_go").count() == 1


def test_call_booked_at_once_keeps_a_trainer_or_finds_nobody(run_at_once):
    edition = EditionFactory()
    leaving = TrainerFactory(programmes=[edition.programme], notice_hours=0)
    enrolment, staff = EnrolmentFactory(edition=edition), UserFactory(is_staff=True)

    def book():
        return book_call(
            enrolment,
            ready_topics(enrolment)[:1],
            starts_at=at(9),
            request_key=uuid4(),
            by=enrolment.member.user,
        )

    gone, booked = run_at_once(lambda: let_go(leaving, by=staff), book)

    leaving.refresh_from_db()
    assert isinstance(booked, Booking) == leaving.is_active
    assert isinstance(gone, Refused) == leaving.is_active

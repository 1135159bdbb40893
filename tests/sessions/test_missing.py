from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from content.models import Branding
from lms.errors import Refused
from lms.mail.models import Message
from sessions.booking import TimeTaken, book_call, ready_topics
from sessions.cancelling import cancel_call
from sessions.missing import (
    MissedCount,
    counts_for,
    dispute,
    may_dispute,
    may_say_missed,
    may_still_come,
    say_missed,
    settle,
    take_back_missed,
)
from sessions.models import Booking, BookingState, Cause, Dispute, Origin, Outcome
from sessions.notice import may_skip_notice
from sessions.room import enter, join_button
from sessions.signoff import TopicWord, sign_off
from tests.factories import (
    BookingFactory,
    DisputeFactory,
    PresenceFactory,
    TrainerFactory,
    UserFactory,
    home_page,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # Wednesday, in London
MINUTE = timedelta(minutes=1)


def at(moment):
    return time_machine.travel(moment, tick=False)


@pytest.fixture
def call(db):
    with at(MONDAY):
        booking = BookingFactory(starts_at=TEN)
    with at(TEN + 10 * MINUTE):
        yield booking


def come(call, *sides):
    for side in sides:
        setattr(call, f"{side}_joined_at", call.starts_at)
        call.save(update_fields=[f"{side}_joined_at"])
    return call


def side_of(call, side):
    return call.trainee if side == "trainee" else call.trainer.user


def other(side):
    return "trainer" if side == "trainee" else "trainee"


def mails(what):
    return {
        mail.recipient: mail
        for mail in Message.objects.filter(key__contains=f":{what}:", dropped_at=None)
    }


# --- Saying so ---------------------------------------------------------------------


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_say_missed_is_for_the_one_who_is_there(call, side):
    come(call, side)
    by = side_of(call, side)
    assert may_say_missed(call, by)

    missed = say_missed(call, by=by)

    assert (missed.state, missed.missed_by) == (BookingState.MISSED, other(side))
    assert (missed.ended_by, missed.ended_at) == (by, TEN + 10 * MINUTE)
    assert [row.booked_for for row in missed.topics.all()] == [None]
    assert not may_say_missed(missed, by)


def test_say_missed_again_changes_nothing(call):
    come(call, "trainer")
    for _n in range(2):
        say_missed(call, by=call.trainer.user)

    assert Message.objects.filter(key__contains=":missed_you:").count() == 1


@pytest.mark.parametrize(
    ("after", "joined", "words"),
    [
        (10 * MINUTE - timedelta(seconds=1), ["trainer"], "wait until ten minutes"),
        (10 * MINUTE, [], "Join the call first"),
        (10 * MINUTE, ["trainee"], "Join the call first"),
        (10 * MINUTE, ["trainee", "trainer"], "They came"),
    ],
)
def test_say_missed_refuses_what_is_not_so(call, after, joined, words):
    come(call, *joined)

    with at(TEN + after):
        assert not may_say_missed(call, call.trainer.user)
        with pytest.raises(Refused, match=words):
            say_missed(call, by=call.trainer.user)

    call.refresh_from_db()
    assert call.state == BookingState.BOOKED


@pytest.mark.parametrize(
    "state", [BookingState.DONE, BookingState.CANCELLED, BookingState.PROPOSED]
)
def test_say_missed_refuses_what_is_not_booked(call, state):
    over = come(BookingFactory(state=state, starts_at=TEN), "trainer")

    with pytest.raises(Refused, match="over already"):
        say_missed(over, by=over.trainer.user)


def test_say_missed_refuses_strangers_and_the_absent(call):
    come(call, "trainer")
    for by in (UserFactory(), UserFactory(is_staff=True)):
        with pytest.raises(Refused, match="Only the two"):
            say_missed(call, by=by)
    say_missed(call, by=call.trainer.user)

    with pytest.raises(Refused, match="over already"):
        say_missed(call, by=call.trainee)


@pytest.mark.races
def test_both_saying_missed_at_once_marks_neither_twice(run_at_once):
    call = BookingFactory(starts_at=datetime.now(UTC) - 12 * MINUTE)
    come(call, "trainer")

    results = run_at_once(*[partial(say_missed, call, by=call.trainer.user)] * 4)

    assert {result.missed_by for result in results} == {Origin.TRAINEE}
    assert Message.objects.filter(key__contains=":missed_you:").count() == 1


# --- Mails -------------------------------------------------------------------------


def test_a_trainee_who_did_not_come_is_missed_and_not_blamed(call):
    come(call, "trainer")

    say_missed(call, by=call.trainer.user)

    (mail,) = mails("missed_you").values()
    assert mail.recipient == call.trainee
    assert mail.subject == "We missed you: Wed 3 Jun, 10:00 (London)"
    assert "You can still join until Wed 3 Jun, 11:20 (London)" in mail.body
    assert f"/calls/book/{call.enrolment_id}/" in mail.body
    assert "- Thu 4 Jun, 10:15 (London)" in mail.body  # the notice holds
    assert mail.attachments == []


def test_a_trainer_who_did_not_come_makes_us_sorry(call):
    come(call, "trainee")

    say_missed(call, by=call.trainee)

    sorry = mails("missed_by_us")[call.trainee]
    assert sorry.subject == "Sorry: your call of Wed 3 Jun, 10:00 (London)"
    times = [line for line in sorry.body.splitlines() if line.startswith("- ")]
    assert times == [  # the room's own call is no longer in the way, nor is the notice
        "- Wed 3 Jun, 10:15 (London)",
        "- Wed 3 Jun, 10:30 (London)",
        "- Wed 3 Jun, 10:45 (London)",
    ]
    assert set(mails("missed_by_you")) == {call.trainer.user}


# --- Coming after all --------------------------------------------------------------


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_who_comes_after_all_makes_it_a_call_again(call, side):
    come(call, other(side))
    missed = say_missed(call, by=side_of(call, other(side)))

    with at(TEN + 15 * MINUTE):
        enter(missed, side_of(call, side))

    call.refresh_from_db()
    assert (call.state, call.missed_by) == (BookingState.BOOKED, "")
    assert (call.ended_at, call.ended_by) == (None, None)
    assert [row.booked_for for row in call.topics.all()] == [call.enrolment]
    assert getattr(call, f"{side}_joined_at") == TEN + 15 * MINUTE
    for what in ("missed_you", "missed_by_us", "missed_by_you"):
        assert mails(what) == {}
    assert set(mails("came")) == {side_of(call, other(side))}


def test_who_comes_after_all_can_be_signed_off(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)
    enter(missed, call.trainee)

    words = [TopicWord(row, Outcome.COVERED) for row in call.topics.all()]
    signed = sign_off(call, words, by=call.trainer.user)

    assert signed.state == BookingState.DONE


def test_the_join_link_lets_the_late_in(call, client):
    come(call, "trainer")
    say_missed(call, by=call.trainer.user)
    client.force_login(call.trainee)

    response = client.get(reverse("sessions:join", args=[call.ref]))

    assert response.url == f"/calls/{call.ref}/room/"
    call.refresh_from_db()
    assert call.state == BookingState.BOOKED


@pytest.mark.parametrize(("minutes", "opens"), [(19, True), (20, False)])
def test_the_join_button_is_there_for_the_late_until_the_calls_end(
    call, minutes, opens
):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)

    with at(TEN + minutes * MINUTE):
        assert join_button(missed, call.trainee).enabled == opens
        assert not join_button(missed, call.trainer.user).enabled


def test_a_second_absence_is_told_again(call):
    come(call, "trainer")
    enter(say_missed(call, by=call.trainer.user), call.trainee)
    call.refresh_from_db()
    Booking.objects.update(trainee_joined_at=None)

    with at(TEN + 30 * MINUTE):
        say_missed(call, by=call.trainer.user)

    assert set(mails("missed_you")) == {call.trainee}


def test_who_comes_at_the_last_moment_has_come(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)

    with at(call.ends_at - timedelta(seconds=1)):
        assert may_still_come(missed, call.trainee)
        assert take_back_missed(missed, by=call.trainee).state == BookingState.BOOKED


def test_nobody_comes_once_the_call_was_to_end(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)

    with at(call.ends_at):
        assert not may_still_come(missed, call.trainee)
        with pytest.raises(Refused, match="not open now"):
            take_back_missed(missed, by=call.trainee)


def test_the_one_who_was_there_does_not_take_it_back_alone(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)

    with pytest.raises(Refused, match="not open now"):
        enter(missed, call.trainer.user)


def test_who_comes_after_all_needs_no_times_proposed_since(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)
    proposal = BookingFactory(
        enrolment=call.enrolment,
        topics=[call.topics.get().topic],
        state=BookingState.PROPOSED,
        offer=uuid4(),
    )

    enter(missed, call.trainee)

    proposal.refresh_from_db()
    assert proposal.state == BookingState.CANCELLED
    assert proposal.trainer.user.messages.get().subject.endswith("has another time")


def test_coming_after_all_is_refused_once_the_topic_is_booked_again(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)
    BookingFactory(enrolment=call.enrolment, topics=[call.topics.get().topic])

    with pytest.raises(Refused, match="A new call on this has been booked"):
        enter(missed, call.trainee)

    call.refresh_from_db()
    assert (call.state, call.trainee_joined_at) == (BookingState.MISSED, None)


def test_coming_after_all_is_refused_once_the_time_is_taken(call):
    come(call, "trainer")
    missed = say_missed(call, by=call.trainer.user)
    BookingFactory(trainer=call.trainer, starts_at=TEN + 15 * MINUTE)

    with pytest.raises(Refused, match="taken by another call"):
        enter(missed, call.trainee)

    call.refresh_from_db()
    assert call.state == BookingState.MISSED


# --- No notice after the trainer's absence -----------------------------------------


@pytest.fixture
def let_down(call):
    come(call, "trainee")
    return say_missed(call, by=call.trainee).enrolment


def book(enrolment, starts_at):
    return book_call(
        enrolment,
        ready_topics(enrolment)[:1],
        starts_at=starts_at,
        request_key=uuid4(),
        by=enrolment.member.user,
    )


def test_who_was_let_down_books_without_notice(let_down):
    soon = TEN + 15 * MINUTE

    assert book(let_down, soon).starts_at == soon


def test_the_page_shows_who_was_let_down_the_times_without_notice(let_down, client):
    client.force_login(let_down.member.user)

    page = client.get(reverse("sessions:book", args=[let_down.pk]))

    assert "2026-06-03T09%3A15Z" in page.text


def test_who_was_let_down_books_so_once_and_for_a_week(let_down):
    assert may_skip_notice(let_down)
    with at(TEN + timedelta(days=7, minutes=10)):
        assert not may_skip_notice(let_down)

    book(let_down, TEN + 15 * MINUTE)

    assert not may_skip_notice(let_down)


def test_who_did_not_come_has_the_usual_notice(call):
    come(call, "trainer")
    say_missed(call, by=call.trainer.user)

    assert not may_skip_notice(call.enrolment)
    with pytest.raises(TimeTaken):
        book(call.enrolment, TEN + 30 * MINUTE)


# --- The count ---------------------------------------------------------------------


def test_counts_are_numbers_of_the_last_twelve_months(db, django_assert_num_queries):
    with at(MONDAY):
        trainee, trainer = UserFactory(), TrainerFactory()
        mine = {"enrolment__member__user": trainee, "trainer": trainer}
        BookingFactory(state=BookingState.MISSED, **mine)
        BookingFactory(state=BookingState.MISSED, missed_by=Origin.TRAINER, **mine)
        BookingFactory(late=True, **mine)  # moved late
        for by in (trainee, trainer.user):
            BookingFactory(state=BookingState.CANCELLED, late=True, ended_by=by, **mine)
        for days, state in ((364, "missed"), (366, "missed"), (366, "cancelled")):
            BookingFactory(
                state=state,
                late=state == "cancelled",
                ended_by=trainee,
                starts_at=MONDAY - timedelta(days=days),
                **mine,
            )
        BookingFactory(state=BookingState.CANCELLED, ended_by=trainee, **mine)
        BookingFactory(state=BookingState.MISSED)  # somebody else's
        nobody = UserFactory()

        with django_assert_num_queries(1):
            counts = counts_for([trainee, trainer.user, nobody])

    assert counts == {
        trainee.pk: MissedCount(missed=2, late=2),
        trainer.user_id: MissedCount(missed=1, late=1),
        nobody.pk: MissedCount(),
    }


def test_counts_block_nothing(let_down):
    BookingFactory.create_batch(
        3,
        state=BookingState.MISSED,
        enrolment=let_down,
        topics=[],
    )

    assert book(let_down, TEN + 15 * MINUTE).state == BookingState.BOOKED


# --- "That is not what happened" ---------------------------------------------------


@pytest.fixture
def missed(call):
    come(call, "trainer")
    return say_missed(call, by=call.trainer.user)


def test_dispute_goes_to_the_channel_team_with_the_attendance(missed):
    Branding.objects.create(
        site=home_page().get_site(), training_email="training@example.com"
    )
    assert may_dispute(missed, missed.trainee)

    said = dispute(missed, by=missed.trainee, text=" I was in the room.\r\nBcc: x ")

    assert (said.by, said.booking) == (missed.trainee, missed)
    mail = Message.objects.get(to="training@example.com")
    assert f"- {missed.trainer}: Wed 3 Jun, 10:00 (London)" in mail.body
    assert f"- {missed.trainee}: not seen" in mail.body
    assert "I was in the room." in mail.body
    assert reverse("sessions:settle", args=[said.pk]) in mail.body
    assert not may_dispute(missed, missed.trainee)


def test_dispute_is_said_once(missed):
    UserFactory(is_staff=True)
    first = dispute(missed, by=missed.trainee, text="I was there.")

    again = dispute(missed, by=missed.trainee, text="Really.")

    assert (again, again.text) == (first, "I was there.")
    assert Message.objects.filter(key__contains=":disputed:").count() == 1


def test_dispute_is_for_who_is_said_to_have_missed_it(missed):
    for by in (missed.trainer.user, UserFactory(), UserFactory(is_staff=True)):
        assert not may_dispute(missed, by)
        with pytest.raises(Refused, match="Nobody says"):
            dispute(missed, by=by, text="No.")
    with pytest.raises(Refused, match="what happened"):
        dispute(missed, by=missed.trainee, text="  ")
    assert not Dispute.objects.exists()


@pytest.mark.parametrize("upheld", [True, False])
def test_settle_takes_the_mark_off_or_leaves_it(missed, upheld):
    said = dispute(missed, by=missed.trainee, text="I was there.")

    settle(said, by=UserFactory(is_staff=True), upheld=upheld, answer="We looked.")

    missed.refresh_from_db()
    state = BookingState.CANCELLED if upheld else BookingState.MISSED
    assert (missed.state, missed.late) == (state, False)
    assert (missed.cause == Cause.BYTEKAST) == upheld
    count = MissedCount(missed=0 if upheld else 1)
    assert counts_for([missed.trainee])[missed.trainee_id] == count
    told = mails("settled")
    assert set(told) == {missed.trainee, missed.trainer.user}
    assert all("We looked." in mail.body for mail in told.values())


def test_settle_again_changes_nothing(missed):
    staff = UserFactory(is_staff=True)
    said = dispute(missed, by=missed.trainee, text="I was there.")
    settle(said, by=staff, upheld=False, answer="We looked.")

    again = settle(said, by=staff, upheld=True, answer="Or not.")

    assert again.answer == "We looked."
    missed.refresh_from_db()
    assert missed.state == BookingState.MISSED


def test_settle_is_for_the_channel_team_and_none_of_the_two(missed):
    said = dispute(missed, by=missed.trainee, text="I was there.")
    missed.trainer.user.is_staff = missed.trainer.user.may_change_people = True
    missed.trainer.user.save()

    for by in (missed.trainee, missed.trainer.user, UserFactory()):
        with pytest.raises(Refused, match="Only the channel team"):
            settle(said, by=by, upheld=True, answer="Yes.")
    with pytest.raises(Refused, match="what you found"):
        settle(said, by=UserFactory(is_staff=True), upheld=True, answer=" ")


def test_settle_of_a_call_that_took_place_after_all_only_answers(missed):
    said = DisputeFactory(booking=missed)
    enter(missed, missed.trainee)

    settle(said, by=UserFactory(is_staff=True), upheld=True, answer="All well.")

    missed.refresh_from_db()
    assert missed.state == BookingState.BOOKED


def test_a_missed_call_is_not_cancelled(missed):
    with pytest.raises(Refused, match="over"):
        cancel_call(missed, by=missed.trainee, reason="Ill.")


# --- Who was there, in the room of this site -------------------------------------------


@pytest.mark.parametrize("side", ["trainee", "trainer"])
@pytest.mark.parametrize(
    ("stay", "came"),
    [
        (None, False),
        ((-9, -8), False),  # looked in before the call, and went
        ((-9, 0), False),
        ((-9, 1), True),
        ((2, 3), True),
        ((-9, None), True),  # still there
    ],
)
def test_who_looked_in_before_the_call_alone_did_not_come(call, side, stay, came):
    come(call, other(side))
    absent = side_of(call, side)
    if stay:
        start, end = (TEN + one * MINUTE if one is not None else None for one in stay)
        setattr(call, f"{side}_joined_at", start)
        call.save()
        PresenceFactory(
            booking=call,
            user=absent,
            joined_at=start,
            seen_at=end or TEN + 9 * MINUTE,
            left_at=end,
            ended="left" if end else "",
        )

    assert may_say_missed(call, side_of(call, other(side))) != came


def test_who_crashed_before_the_call_did_not_come(call):
    come(call, "trainer")
    call.trainee_joined_at = TEN - 9 * MINUTE
    call.save()
    PresenceFactory(
        booking=call,
        user=call.trainee,
        joined_at=TEN - 9 * MINUTE,
        seen_at=TEN - 8 * MINUTE,
    )

    assert say_missed(call, by=call.trainer.user).missed_by == "trainee"


def test_who_went_on_to_the_link_came(call):
    come(call, "trainer")
    call.trainee_joined_at = call.trainee_linked_at = TEN - 5 * MINUTE
    call.save()

    assert not may_say_missed(call, call.trainer.user)


def test_nobody_says_that_they_waited_who_was_not_there_themselves(call):
    call.trainer_joined_at = TEN - 9 * MINUTE
    call.save()
    PresenceFactory(
        booking=call,
        user=call.trainer.user,
        joined_at=TEN - 9 * MINUTE,
        left_at=TEN - 8 * MINUTE,
        ended="left",
    )

    with pytest.raises(Refused, match="Join the call first"):
        say_missed(call, by=call.trainer.user)

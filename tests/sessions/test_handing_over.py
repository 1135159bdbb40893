from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from icalendar import Calendar

from lms.errors import Refused
from lms.mail.models import Message
from sessions.handing_over import ask_to_choose_again, colleagues_free, hand_over
from sessions.models import Booking, BookingState, Cause, FreedTime
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # Wednesday, in London


@pytest.fixture
def call(db):
    with time_machine.travel(MONDAY, tick=False):
        yield BookingFactory(starts_at=TEN)


@pytest.fixture
def colleague(call):
    return TrainerFactory(programmes=[call.enrolment.programme], rest_minutes=30)


def mails(what):
    return {
        mail.recipient: mail
        for mail in Message.objects.filter(key__contains=f":{what}:")
    }


def read(mail):
    (file,) = mail.attachments
    (event,) = Calendar.from_ical(file["text"]).walk("VEVENT")
    return file["method"], event


# --- Who could ---------------------------------------------------------------------


def test_colleagues_free_are_the_qualified_ones_least_busy_first(call, colleague):
    programme = [call.enrolment.programme]
    idle = TrainerFactory(programmes=programme)
    BookingFactory(trainer=colleague, starts_at=TEN + timedelta(hours=3))
    BookingFactory(trainer=TrainerFactory(programmes=programme), starts_at=TEN)
    TrainerFactory()  # not qualified
    TrainerFactory(programmes=programme, is_active=False)
    TrainerFactory(programmes=programme, weekly_hours=[])

    assert colleagues_free(call) == [idle, colleague]


@pytest.mark.parametrize("hours", [1, 23])
def test_colleagues_free_are_asked_at_short_notice(call, colleague, hours):
    with time_machine.travel(TEN - timedelta(hours=hours), tick=False):
        assert colleagues_free(call) == [colleague]


def test_colleagues_free_are_asked_off_their_grid_and_past_their_horizon(call):
    programme = [call.enrolment.programme]
    from_ten_past = [(weekday, 9 * 60 + 10, 17 * 60) for weekday in range(5)]
    off_grid = TrainerFactory(programmes=programme, weekly_hours=from_ten_past)
    near = TrainerFactory(programmes=programme, horizon_days=1)

    assert colleagues_free(call) == [off_grid, near]


@pytest.mark.parametrize(("spoken", "found"), [(["en"], 1), (["de"], 0)])
def test_colleagues_free_speak_the_trainees_language(call, colleague, spoken, found):
    colleague.languages = spoken
    colleague.save()

    assert len(colleagues_free(call)) == found


def test_colleagues_free_never_include_the_trainee(call):
    TrainerFactory(user=call.trainee, programmes=[call.enrolment.programme])

    assert colleagues_free(call) == []


# --- Handing over ------------------------------------------------------------------


@pytest.mark.parametrize("side", ["trainer", "staff"])
def test_hand_over_keeps_the_row_and_its_time(call, colleague, side):
    by = call.trainer.user if side == "trainer" else UserFactory(is_staff=True)
    Booking.objects.update(trainee_joined_at=MONDAY, trainer_joined_at=MONDAY)

    handed = hand_over(call, colleague, by=by)

    assert handed.pk == call.pk == Booking.objects.get().pk
    assert (handed.trainer, handed.starts_at) == (colleague, TEN)
    assert handed.busy_until == call.ends_at + timedelta(minutes=30)
    assert (handed.uid, handed.sequence, handed.late) == (call.uid, 1, False)
    assert (handed.trainee_joined_at, handed.trainer_joined_at) == (MONDAY, None)
    assert not FreedTime.objects.exists()  # the trainer is not there then


def test_hand_over_tells_all_three(call, colleague):
    old = call.trainer

    hand_over(call, colleague, by=old.user)

    told = mails("handed_over")
    assert set(told) == {call.trainee, colleague.user}
    method, event = read(mails("given_up")[old.user])
    assert (method, event["STATUS"], event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    for mail in told.values():
        method, event = read(mail)
        assert (method, event["UID"], event["SEQUENCE"]) == ("REQUEST", call.uid, 1)
        assert str(colleague) in event["DESCRIPTION"]
    assert f"in place of {old}" in told[call.trainee].body
    assert f"The call of {old} with {call.trainee}" in told[colleague.user].body


def test_hand_over_reminds_the_new_trainer_and_not_the_old(call, colleague):
    old = call.trainer

    hand_over(call, colleague, by=old.user)

    waiting = Message.objects.filter(key__contains=":reminder:", dropped_at=None)
    assert {mail.recipient for mail in waiting} == {call.trainee, colleague.user}
    assert waiting.count() == 4


def test_hand_over_again_changes_nothing(call, colleague):
    by = call.trainer.user
    hand_over(call, colleague, by=by)
    written = Message.objects.count()

    again = hand_over(call, colleague, by=by)

    assert (again.sequence, Message.objects.count()) == (1, written)


def test_hand_over_there_and_back_counts_each_change(call, colleague):
    old = call.trainer
    hand_over(call, colleague, by=old.user)

    back = hand_over(call, old, by=colleague.user)

    assert (back.trainer, back.sequence) == (old, 2)
    assert Message.objects.filter(key__contains=":given_up:").count() == 2


def test_hand_over_refuses_who_may_not(call, colleague):
    for by in (call.trainee, colleague.user, UserFactory()):
        with pytest.raises(Refused, match="Only the trainer"):
            hand_over(call, colleague, by=by)


@pytest.mark.parametrize("why", ["busy", "not qualified", "off", "left"])
def test_hand_over_refuses_who_cannot_take_it(call, colleague, why):
    if why == "busy":
        BookingFactory(trainer=colleague, starts_at=TEN + timedelta(minutes=15))
    if why == "not qualified":
        colleague.programmes.clear()
    if why == "off":
        colleague = TrainerFactory(
            programmes=[call.enrolment.programme], weekly_hours=[]
        )
    if why == "left":
        colleague.is_active = False
        colleague.save()

    with pytest.raises(Refused, match="is not free then, or cannot"):
        hand_over(call, colleague, by=call.trainer.user)

    call.refresh_from_db()
    assert call.sequence == 0
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "state", [BookingState.CANCELLED, BookingState.DONE, BookingState.MISSED]
)
def test_hand_over_refuses_what_is_over(call, colleague, state):
    over = BookingFactory(state=state, trainer=call.trainer)

    with pytest.raises(Refused, match="not booked"):
        hand_over(over, colleague, by=call.trainer.user)


def test_hand_over_refuses_what_has_begun(call, colleague):
    with (
        time_machine.travel(TEN, tick=False),
        pytest.raises(Refused, match="has begun"),
    ):
        hand_over(call, colleague, by=call.trainer.user)


@pytest.mark.races
def test_two_calls_at_one_time_are_not_handed_to_one_colleague(run_at_once):
    local = datetime.now(UTC) + timedelta(days=3)
    noon = local.replace(hour=12, minute=0, second=0, microsecond=0)
    calls = [BookingFactory(starts_at=noon) for _n in range(3)]
    colleague = TrainerFactory(
        programmes=[call.enrolment.programme for call in calls],
        weekly_hours=[(d, 0, 24 * 60) for d in range(7)],
    )

    results = run_at_once(
        *(
            lambda call=call: hand_over(call, colleague, by=call.trainer.user)
            for call in calls
        )
    )

    told = sorted(type(result).__name__ for result in results)
    assert told == ["Booking", "Refused", "Refused"]
    assert colleague.bookings.count() == 1


# --- Asking to choose again --------------------------------------------------------


def test_ask_to_choose_again_frees_the_topics_and_blames_nobody(call):
    asked = ask_to_choose_again(call, by=call.trainer.user, reason="I am ill.")

    assert (asked.state, asked.cause) == (BookingState.CANCELLED, Cause.BYTEKAST)
    assert (asked.late, asked.sequence) == (False, 1)
    assert [row.booked_for for row in asked.topics.all()] == [None]
    assert not FreedTime.objects.exists()


def test_ask_to_choose_again_writes_one_mail_with_the_three_soonest(call):
    TrainerFactory(programmes=[call.enrolment.programme])
    call.trainee.time_zone = "Asia/Tokyo"
    call.trainee.save()

    ask_to_choose_again(call, by=call.trainer.user, reason="I am ill.")

    (mail,) = call.trainee.messages.all()
    times = [line for line in mail.body.splitlines() if line.startswith("- ")]
    assert times == [
        "- Tue 2 Jun, 17:00 (Tokyo)",  # the notice holds: a day from now
        "- Tue 2 Jun, 17:15 (Tokyo)",
        "- Tue 2 Jun, 17:30 (Tokyo)",
    ]
    assert "start=2026-06-02T08%3A00Z" in mail.body
    method, event = read(mail)
    assert (method, event["SEQUENCE"]) == ("CANCEL", 1)
    assert read(mails("cancelled")[call.trainer.user])[0] == "CANCEL"


def test_ask_to_choose_again_offers_times_that_the_page_confirms(call, client):
    ask_to_choose_again(call, by=call.trainer.user, reason="I am ill.")
    client.force_login(call.trainee)
    (mail,) = call.trainee.messages.all()
    url = next(line for line in mail.body.splitlines() if "start=" in line)

    page = client.get(url.strip().partition("//")[2].partition("/")[2].join(["/", ""]))

    assert page.context["confirm"]["value"] == "2026-06-02T08:00Z"
    assert [topic.topic for topic in page.context["chosen"]] == [
        row.topic for row in call.topics.all()
    ]


def test_ask_to_choose_again_says_it_once(call):
    for _n in range(2):
        ask_to_choose_again(call, by=call.trainer.user, reason="I am ill.")

    assert call.trainee.messages.count() == 1


def test_ask_to_choose_again_is_for_the_trainer_and_the_channel_team(call):
    for by in (call.trainee, UserFactory()):
        with pytest.raises(Refused):
            ask_to_choose_again(call, by=by, reason="I am ill.")
    with pytest.raises(Refused, match="why"):
        ask_to_choose_again(call, by=call.trainer.user, reason=" ")


@pytest.mark.parametrize(
    ("minutes", "joined", "fits"),
    [(5, False, True), (5, True, False), (20, False, False)],
)
def test_ask_to_choose_again_of_a_begun_call_if_the_trainer_has_not_come(
    call, minutes, joined, fits
):
    if joined:
        Booking.objects.update(trainer_joined_at=TEN)
    with time_machine.travel(TEN + timedelta(minutes=minutes), tick=False):
        if fits:
            asked = ask_to_choose_again(call, by=call.trainer.user, reason="Ill.")
            assert asked.state == BookingState.CANCELLED
        else:
            with pytest.raises(Refused, match="has begun"):
                ask_to_choose_again(call, by=call.trainer.user, reason="Ill.")


def test_ask_to_choose_again_offers_nothing_where_the_enrolment_is_closed(db):
    with time_machine.travel(MONDAY, tick=False):
        enrolment = EnrolmentFactory(withdrawn_at=MONDAY)
        call = BookingFactory(enrolment=enrolment, starts_at=TEN)

        ask_to_choose_again(call, by=call.trainer.user, reason="Ill.")

    (mail,) = call.trainee.messages.all()
    assert "/calls/book/" not in mail.body

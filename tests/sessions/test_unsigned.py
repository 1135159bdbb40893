"""Calls that nobody signed off: reminded of, and left to others after three days."""

from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from courses.models import Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.mail.outbox import send_due
from sessions.missing import say_missed
from sessions.models import Booking, BookingState, BookingTopic, Outcome, Trainer
from sessions.signoff import FROM_RECORD, TopicWord, sign_off, undo_sign_off
from sessions.unsigned import TOLD_WITHIN, may_sign, remind_unsigned, tell_left_unsigned
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
)

TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
END = TEN + timedelta(minutes=20)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
THREE_DAYS = 72 * HOUR


def at(moment):
    return time_machine.travel(moment, tick=False)


@pytest.fixture
def call(db):
    with at(TEN - 48 * HOUR):
        return BookingFactory(starts_at=TEN)


@pytest.fixture
def colleague(call):
    return TrainerFactory(programmes=[call.enrolment.programme])


def words(call, outcome=Outcome.COVERED, **more):
    return [TopicWord(topic, outcome, **more) for topic in call.topics.all()]


def reminders(call):
    told = Message.objects.filter(key__startswith=f"call:{call.pk}:unsigned:")
    return [one.key.split(":")[3] for one in told.order_by("pk")]


# --- Reminders -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (4 * HOUR - SECOND, []),
        (4 * HOUR, ["4"]),
        (24 * HOUR - SECOND, ["4"]),
        (24 * HOUR, ["24"]),
        (72 * HOUR - SECOND, ["24"]),
        (72 * HOUR, []),
    ],
)
def test_trainer_is_reminded_after_four_hours_and_a_day(call, after, told):
    with at(END + after):
        for _time in range(2):
            remind_unsigned()

    assert reminders(call) == told


def test_both_reminders_come_once_each_and_leave(call, mailoutbox):
    for hours in (4, 5, 24, 25, 72, 100):
        with at(END + hours * HOUR):
            remind_unsigned()
            send_due()

    assert reminders(call) == ["4", "24"]
    assert [mail.to for mail in mailoutbox] == [[call.trainer.user.email]] * 2
    assert mailoutbox[0].subject.startswith("To sign off: your call with")
    assert f"/calls/{call.ref}/sign-off/" in mailoutbox[0].body
    assert "last reminder" not in mailoutbox[0].body
    assert "last reminder. From Sat 6 Jun, 11:20 (London)" in mailoutbox[1].body


def test_reminder_over_a_change_of_the_clocks_comes_after_as_many_hours(db):
    """Clocks in London went forward at 01:00 UTC on 29 March 2026."""
    with at(datetime(2026, 3, 26, 9, tzinfo=UTC)):
        trainer = TrainerFactory(user__time_zone="Europe/London")
        start = datetime(2026, 3, 28, 22, 40, tzinfo=ZoneInfo("Europe/London"))
        call = BookingFactory(trainer=trainer, starts_at=start.astimezone(UTC))
    midnight_and_four = datetime(2026, 3, 29, 3, tzinfo=UTC)

    with at(midnight_and_four - SECOND):
        assert remind_unsigned() == 0
    with at(midnight_and_four):
        assert remind_unsigned() == 1

    assert reminders(call) == ["4"]


@pytest.mark.parametrize("how", ["signed off", "missed"])
def test_what_was_not_sent_is_dropped_once_somebody_has_said_it(call, mailoutbox, how):
    Booking.objects.update(trainer_joined_at=TEN)
    call.refresh_from_db()
    with at(END + 4 * HOUR):
        remind_unsigned()
        if how == "missed":
            say_missed(call, by=call.trainer.user)
        else:
            sign_off(call, words(call), by=call.trainer.user)
        send_due()

    assert [mail for mail in mailoutbox if "To sign off" in mail.subject] == []


def test_reminder_written_beside_the_sign_off_is_not_sent(call, mailoutbox):
    with at(END + 4 * HOUR):
        remind_unsigned()
        Booking.objects.update(state=BookingState.DONE)
        send_due()

    assert mailoutbox == []


def test_nobody_is_reminded_of_calls_that_are_off_or_to_come(db):
    with at(TEN - 48 * HOUR):
        BookingFactory(starts_at=TEN, state=BookingState.CANCELLED)
        BookingFactory(starts_at=TEN, state=BookingState.MISSED)
        BookingFactory(starts_at=TEN, state=BookingState.DONE)
        BookingFactory(starts_at=TEN + 5 * HOUR)
    with at(END + 4 * HOUR):
        assert remind_unsigned() == 0


@pytest.mark.parametrize("calls", [1, 3])
def test_clock_asks_in_two_queries_once_all_are_reminded(
    db, django_assert_num_queries, calls
):
    with at(TEN - 48 * HOUR):
        BookingFactory.create_batch(calls, starts_at=TEN)
    with at(END + 4 * HOUR):
        assert remind_unsigned() == calls
        with django_assert_num_queries(2):
            assert remind_unsigned() == 0


# --- Told once that others may ---------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "told"),
    [
        (THREE_DAYS - SECOND, 0),
        (THREE_DAYS, 1),
        (THREE_DAYS + TOLD_WITHIN - SECOND, 1),
        (THREE_DAYS + TOLD_WITHIN, 0),
    ],
)
def test_trainer_and_channel_team_are_told_once_after_three_days(
    call, after, told, mailoutbox
):
    staff = UserFactory(is_staff=True, may_change_people=True)
    with at(END + after):
        assert tell_left_unsigned() == told
        assert tell_left_unsigned() == 0
        send_due()

    to = [call.trainer.user.email, staff.email]
    assert sorted(mail.to[0] for mail in mailoutbox) == sorted(to * told)


def test_mail_says_what_may_be_done_now_and_where(call, mailoutbox):
    staff = UserFactory(is_staff=True, may_change_people=True)
    with at(END + THREE_DAYS):
        tell_left_unsigned()
        send_due()

    mails = {mail.to[0]: mail for mail in mailoutbox}
    own, team = mails[call.trainer.user.email], mails[staff.email]
    assert own.subject.startswith("Still to sign off: your call with")
    assert "You can still do it" in own.body
    assert "or sign it off yourself" in team.body
    for mail in (own, team):
        assert f"/calls/{call.ref}/sign-off/" in mail.body


def test_who_has_said_it_meanwhile_takes_the_mail_back(call, mailoutbox):
    UserFactory(is_staff=True)
    with at(END + THREE_DAYS):
        tell_left_unsigned()
        sign_off(call, words(call), by=call.trainer.user)
        send_due()

    assert [mail for mail in mailoutbox if "ign" in mail.subject.split(":")[0]] == []


def test_a_trainer_who_cannot_sign_in_is_not_written_to_and_the_team_once(
    call, mailoutbox
):
    UserFactory(is_staff=True)
    call.trainer.user.is_active = False
    call.trainer.user.save()
    with at(END + THREE_DAYS):
        for _time in range(2):
            tell_left_unsigned()
        send_due()

    assert [mail.subject.split(":")[0] for mail in mailoutbox] == ["Nobody signed off"]


@pytest.mark.parametrize("calls", [1, 3])
def test_clock_asks_in_two_queries_once_all_are_told(
    db, django_assert_num_queries, calls
):
    with at(TEN - 48 * HOUR):
        BookingFactory.create_batch(calls, starts_at=TEN)
    with at(END + THREE_DAYS):
        assert tell_left_unsigned() == calls
        with django_assert_num_queries(2):
            assert tell_left_unsigned() == 0
    Booking.objects.update(state=BookingState.CANCELLED)
    with at(END + THREE_DAYS), django_assert_num_queries(1):
        assert tell_left_unsigned() == 0


# --- Who may sign it off ---------------------------------------------------------------


def who_may(call, *people):
    call = Booking.objects.select_related("trainer__user", "enrolment").get(pk=call.pk)
    return [may_sign(call, person) for person in people]


def test_others_may_sign_after_three_days_if_they_are_qualified(call, colleague):
    people = [
        call.trainer.user,
        colleague.user,
        UserFactory(is_staff=True, may_change_people=True),
        UserFactory(is_staff=True, may_change_people=False),
        TrainerFactory().user,
        TrainerFactory(programmes=[call.enrolment.programme], is_active=False).user,
        call.trainee,
        UserFactory(),
    ]

    with at(END + THREE_DAYS - SECOND):
        assert who_may(call, *people) == [True] + [False] * 7
    with at(END + THREE_DAYS):
        assert who_may(call, *people) == [True, True, True] + [False] * 5


def test_trainee_who_trains_as_well_never_signs_their_own_call(call):
    TrainerFactory(user=call.trainee, programmes=[call.enrolment.programme])

    with at(END + THREE_DAYS):
        assert who_may(call, call.trainee) == [False]


def test_channel_team_signs_at_once_where_the_trainer_holds_no_calls_any_more(call):
    staff = UserFactory(is_staff=True, may_change_people=True)
    Trainer.objects.update(is_active=False)

    with at(END):
        assert who_may(call, staff) == [True]


def test_sign_off_by_another_is_named_as_such(call, colleague):
    with at(END + THREE_DAYS):
        sign_off(call, words(call), by=colleague.user)

    call.refresh_from_db()
    assert call.signed_off_by == colleague.user
    evidence = Evidence.objects.get(kind=EvidenceKind.CALL)
    assert (evidence.by, evidence.detail["from"]) == (colleague.user, FROM_RECORD)
    assert evidence.detail["trainer"] == call.trainer.user_id
    event = Event.objects.get(verb="signed_off_for")
    assert event.actor_id == colleague.user_id
    assert not Event.objects.filter(verb="signed_off").exists()


def test_sign_off_by_the_trainer_is_from_nothing_else(call):
    with at(END + THREE_DAYS):
        sign_off(call, words(call), by=call.trainer.user)

    assert "from" not in Evidence.objects.get(kind=EvidenceKind.CALL).detail
    assert Event.objects.filter(verb="signed_off").exists()


def test_private_note_of_the_first_is_neither_seen_nor_lost(client, call, colleague):
    BookingTopic.objects.update(private_note="Shy.", note="Read it again.")
    path = reverse("sessions:sign_off", args=[call.ref])

    with at(END + THREE_DAYS):
        client.force_login(colleague.user)
        page = client.get(path)
        (line,) = call.topics.all()
        response = client.post(path, {f"outcome-{line.pk}": "covered"})

    assert "Read it again." in page.text
    assert "Shy." not in page.text
    assert response.url == path
    line.refresh_from_db()
    assert (line.outcome, line.private_note) == (Outcome.COVERED, "Shy.")


def test_whoever_signed_for_another_may_undo_it_in_time(call, colleague, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    with at(END + THREE_DAYS):
        sign_off(call, words(call), by=colleague.user)

        undone = undo_sign_off(call, by=colleague.user)

    assert undone.state == BookingState.BOOKED


def test_of_two_who_sign_at_the_same_moment_one_does(run_at_once):
    enrolment = EnrolmentFactory()
    for asked in enrolment.edition.topics.all():
        record_evidence(enrolment, asked.topic, EvidenceKind.READ, by=None)
    call = BookingFactory(enrolment=enrolment, starts_at=now() - THREE_DAYS - HOUR)
    colleague = TrainerFactory(programmes=[enrolment.programme])
    said = {
        call.trainer.user: words(call, note="By its trainer."),
        colleague.user: words(call, note="By a colleague."),
    }

    done = run_at_once(*(partial(sign_off, call, said[by], by=by) for by in said))

    call.refresh_from_db()
    assert [type(one) for one in done].count(Refused) == 1
    assert Evidence.objects.filter(kind=EvidenceKind.CALL).count() == 1
    notes = {user.pk: word.note for user, (word,) in said.items()}
    assert call.topics.get().note == notes[call.signed_off_by_id]


# --- Lists and pages -------------------------------------------------------------------


@pytest.mark.parametrize("days", [6, 8, 40])
def test_calls_wait_in_their_trainers_list_however_old(client, call, days):
    with at(END + timedelta(days=days)):
        client.force_login(call.trainer.user)
        page = client.get(reverse("sessions:today"))

    assert page.context["to_sign_off"] == [call]
    assert page.context["left"] == []


def test_colleague_finds_what_nobody_signed_off_on_today(client, call, colleague):
    with at(TEN - 48 * HOUR):
        BookingFactory(starts_at=TEN)  # of another programme
    seen = {}
    for after in (THREE_DAYS - SECOND, THREE_DAYS):
        with at(END + after):
            client.force_login(colleague.user)
            seen[after] = client.get(reverse("sessions:today")).context["left"]

    assert list(seen.values()) == [[], [call]]


@pytest.mark.parametrize("calls", [1, 3])
def test_what_is_left_costs_no_more_for_more_of_it(
    client, db, django_assert_num_queries, calls
):
    with at(TEN - 48 * HOUR):
        trainer = TrainerFactory()
        left = BookingFactory.create_batch(calls, starts_at=TEN)
    trainer.programmes.set(call.enrolment.programme for call in left)
    with at(END + THREE_DAYS):
        client.force_login(trainer.user)
        client.get(reverse("sessions:today"))

        with django_assert_num_queries(8):
            page = client.get(reverse("sessions:today"))

    assert len(page.context["left"]) == calls


@pytest.mark.parametrize(
    ("who", "before", "after"),
    [
        ("trainer", 200, 200),
        ("colleague", 404, 200),
        ("staff", 403, 200),
        ("reader", 403, 403),
        ("manager", 403, 403),
        ("stranger", 404, 404),
        ("other trainer", 404, 404),
    ],
)
def test_sign_off_opens_to_others_after_three_days(
    client, call, colleague, who, before, after
):
    reseller = call.enrolment.member.reseller
    user = {
        "trainer": call.trainer.user,
        "colleague": colleague.user,
        "staff": UserFactory(is_staff=True, may_change_people=True),
        "reader": UserFactory(is_staff=True, may_change_people=False),
        "manager": MemberFactory(reseller=reseller, is_manager=True).user,
        "stranger": MemberFactory().user,
        "other trainer": TrainerFactory().user,
    }[who]
    statuses = []
    for wait in (THREE_DAYS - SECOND, THREE_DAYS):
        with at(END + wait):
            client.force_login(user)
            path = reverse("sessions:sign_off", args=[call.ref])
            statuses.append(client.get(path).status_code)

    assert statuses == [before, after]


def test_trainee_reads_whose_word_is_waited_for_and_who_gave_it(
    client, call, colleague
):
    name = call.trainer.user.full_name
    page = call.get_absolute_url()
    client.force_login(call.trainee)
    with at(END):
        client.force_login(call.trainee)
        waiting = client.get(page).text
    with at(END + THREE_DAYS):
        client.force_login(call.trainee)
        long = client.get(page).text
        sign_off(call, words(call), by=colleague.user)
        signed = client.get(page).text

    assert f"Waiting for {name}’s sign-off" in " ".join(waiting.split())
    assert "a colleague or the training team may say now" not in waiting
    assert "a colleague or the training team may say now" in long
    said = f"off by {colleague.user.full_name} for {name}, from attendance and notes."
    assert said in " ".join(signed.split())

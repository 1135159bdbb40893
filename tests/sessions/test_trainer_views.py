from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from courses.models import EvidenceKind
from courses.progress import record_evidence
from sessions.models import Booking, BookingState, Origin, Outcome
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
)

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London


@pytest.fixture
def enrolment(db, wednesday):
    return EnrolmentFactory()


@pytest.fixture
def trainer(enrolment, client):
    trainer = TrainerFactory(programmes=[enrolment.programme])
    client.force_login(trainer.user)
    return trainer


def queries(client, url):
    """How many the page takes, once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


def call_of(trainer, enrolment=None, **hours):
    enrolment = enrolment or EnrolmentFactory()
    return BookingFactory(
        trainer=trainer, enrolment=enrolment, starts_at=WEDNESDAY + timedelta(**hours)
    )


# --- Who may -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["today", "ready"])
@pytest.mark.parametrize("who", ["trainee", "manager", "staff", "former trainer"])
def test_trainers_screens_are_for_trainers(client, db, name, who):
    user = {
        "trainee": lambda: MemberFactory().user,
        "manager": lambda: MemberFactory(is_manager=True).user,
        "staff": lambda: UserFactory(is_staff=True),
        "former trainer": lambda: TrainerFactory(is_active=False).user,
    }[who]()
    client.force_login(user)

    assert client.get(reverse(f"sessions:{name}")).status_code == 403


# --- Today -----------------------------------------------------------------------------


def test_today_shows_the_next_call_today_the_week_and_what_to_sign_off(client, trainer):
    over = call_of(trainer, hours=-2)
    here = call_of(trainer, minutes=-5)
    later = call_of(trainer, hours=3)
    tomorrow = call_of(trainer, days=1)
    call_of(trainer, days=8)
    call_of(TrainerFactory(), hours=1)  # a stranger's: it must not leak

    response = client.get(reverse("sessions:today"))

    assert response.context["next_call"] == here
    assert [card["call"] for card in response.context["cards"]] == [here, later]
    assert response.context["week"] == [[tomorrow]]
    assert response.context["to_sign_off"] == [over]


def test_today_says_who_is_prepared_and_what_was_noted(client, trainer, enrolment):
    first, second, *_others = (row.topic for row in enrolment.edition.topics.all())
    record_evidence(enrolment, first, EvidenceKind.READ, by=None)
    earlier = BookingFactory(
        trainer=trainer,
        enrolment=enrolment,
        state=BookingState.DONE,
        starts_at=WEDNESDAY - timedelta(days=7),
        topics=[first],
    )
    earlier.topics.update(outcome=Outcome.AGAIN, note="Was unsure of the words.")
    BookingFactory(
        trainer=trainer,
        enrolment=enrolment,
        starts_at=WEDNESDAY + timedelta(hours=1),
        ends_at=WEDNESDAY + timedelta(hours=2),
        topics=[first, second],
    )

    response = client.get(reverse("sessions:today"))

    (card,) = response.context["cards"]
    assert [progress.is_prepared for _topic, progress in card["topics"]] == [
        True,
        False,
    ]
    assert "Was unsure of the words." in response.text


def test_today_takes_the_same_queries_for_any_number(client, trainer):
    def busy_day(first):
        call_of(trainer, hours=-first - 1)
        call_of(trainer, hours=first)
        call_of(trainer, days=1, hours=first)

    busy_day(0)
    few = queries(client, reverse("sessions:today"))
    busy_day(1)
    busy_day(2)

    assert queries(client, reverse("sessions:today")) == few
    assert few <= 16


# --- Ready, and scheduling ---------------------------------------------------------------


def test_ready_lists_own_programmes_longest_first(client, trainer, enrolment):
    edition = enrolment.edition
    longest = EnrolmentFactory(
        edition=edition, enrolled_at=WEDNESDAY - timedelta(days=9)
    )
    EnrolmentFactory()  # of another programme
    EnrolmentFactory(edition=edition, completed=True)
    gone = EnrolmentFactory(edition=edition)
    gone.member.left_on = WEDNESDAY.date()
    gone.member.save()

    response = client.get(reverse("sessions:ready"))

    people = [person.enrolment for person in response.context["people"]]
    assert people == [longest, enrolment]


def test_ready_takes_the_same_queries_for_any_number(client, trainer, enrolment):
    few = queries(client, reverse("sessions:ready"))
    EnrolmentFactory.create_batch(3, edition=enrolment.edition)

    assert queries(client, reverse("sessions:ready")) == few
    assert few <= 14


@pytest.mark.parametrize("page", ["0", "99", "x", "-1"])
def test_ready_opens_at_any_page_number(client, trainer, page):
    assert client.get(reverse("sessions:ready"), {"page": page}).status_code == 200


def test_schedule_shows_own_free_times_in_both_zones(client, trainer, enrolment):
    enrolment.member.user.time_zone = "Asia/Tokyo"
    enrolment.member.user.save()
    TrainerFactory(
        programmes=[enrolment.programme], weekly_hours=[(2, 20 * 60, 22 * 60)]
    )

    response = client.get(reverse("sessions:schedule", args=[enrolment.pk]))

    soonest = response.context["times"].soonest[0]
    assert (soonest.label, soonest.detail) == ("Wed 3 Jun, 10:00", "18:00 (Tokyo)")


def test_schedule_books_as_agreed(client, trainer, enrolment):
    topic = enrolment.edition.topics.first()

    response = client.post(
        reverse("sessions:schedule", args=[enrolment.pk]),
        {
            "picked": 1,
            "topics": [topic.pk],
            "start": "2026-06-03T10:00Z",
            "request_key": uuid4(),
        },
    )

    booking = Booking.objects.get()
    assert response.url == booking.get_absolute_url()
    assert (booking.origin, booking.trainer) == (Origin.TRAINER, trainer)
    assert booking.created_by == trainer.user


def test_schedule_refuses_a_time_already_taken(client, trainer, enrolment):
    call_of(trainer, hours=1)

    response = client.post(
        reverse("sessions:schedule", args=[enrolment.pk]),
        {
            "picked": 1,
            "topics": [enrolment.edition.topics.first().pk],
            "start": "2026-06-03T10:00Z",
            "request_key": uuid4(),
        },
    )

    assert response.status_code == 409
    assert Booking.objects.count() == 1


def test_schedule_of_somebody_in_no_programme_of_theirs_is_not_found(client, trainer):
    stranger = EnrolmentFactory()

    url = reverse("sessions:schedule", args=[stranger.pk])

    assert client.get(url).status_code == 404
    assert client.post(url).status_code == 404


# --- Sign-off ----------------------------------------------------------------------------


def said(booking, outcome="covered", **more):
    return {f"outcome-{topic.pk}": outcome for topic in booking.topics.all()} | more


def sign_off_url(booking):
    return reverse("sessions:sign_off", args=[booking.ref])


def test_sign_off_page_signs_off(client, trainer, enrolment):
    booking = call_of(trainer, enrolment, minutes=-5)
    topic = booking.topics.get()

    response = client.post(
        sign_off_url(booking), said(booking, **{f"note-{topic.pk}": "Well done."})
    )

    booking.refresh_from_db()
    topic.refresh_from_db()
    assert response.url == booking.get_absolute_url()
    assert booking.state == BookingState.DONE
    assert (topic.outcome, topic.note) == ("covered", "Well done.")


def test_sign_off_page_says_whom_it_qualifies(client, trainer, enrolment):
    topics = [row.topic for row in enrolment.edition.topics.all()]
    for topic in topics:
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    last = BookingFactory(
        trainer=trainer,
        enrolment=enrolment,
        topics=topics,
        starts_at=WEDNESDAY - timedelta(hours=1),
    )
    one_of_many = call_of(trainer, minutes=-5)

    words = f"Sign off: this qualifies {last.trainee.full_name} for"
    assert words in client.get(sign_off_url(last)).text
    assert "this qualifies" not in client.get(sign_off_url(one_of_many)).text


def test_sign_off_page_keeps_what_was_typed_when_a_word_is_missing(
    client, trainer, enrolment
):
    booking = call_of(trainer, enrolment, minutes=-5)
    topic = booking.topics.get()

    response = client.post(sign_off_url(booking), {f"note-{topic.pk}": "Long words."})

    assert response.status_code == 422
    assert "Long words." in response.text
    assert "Say whether it was covered." in response.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"outcome": "perfect"},
        {"outcome": "pending"},
        {"note": "x" * 4001},
        {"note": "a\x00b"},
        {"criteria": "Never asked"},
    ],
)
def test_sign_off_page_answers_bad_input_in_words(client, trainer, enrolment, wrong):
    booking = call_of(trainer, enrolment, minutes=-5)
    (field,) = wrong
    form = said(booking) | {f"{field}-{booking.topics.get().pk}": wrong[field]}

    assert client.post(sign_off_url(booking), form).status_code == 422
    assert Booking.objects.get().state == BookingState.BOOKED


def test_sign_off_page_before_the_call_says_when(client, trainer, enrolment):
    booking = call_of(trainer, enrolment, hours=1)

    assert "has not begun" in client.get(sign_off_url(booking)).text
    assert client.post(sign_off_url(booking), said(booking)).status_code == 409


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("trainee", 403),
        ("manager", 403),
        ("other trainer", 404),
        ("stranger", 404),
        ("staff", 403),
    ],
)
def test_sign_off_page_is_for_its_trainer(client, trainer, enrolment, who, status):
    booking = call_of(trainer, enrolment, minutes=-5)
    user = {
        "trainee": lambda: booking.trainee,
        "manager": lambda: (
            MemberFactory(reseller=enrolment.member.reseller, is_manager=True).user
        ),
        "other trainer": lambda: TrainerFactory(programmes=[enrolment.programme]).user,
        "stranger": lambda: MemberFactory().user,
        "staff": lambda: UserFactory(is_staff=True),
    }[who]()
    client.force_login(user)

    assert client.get(sign_off_url(booking)).status_code == status


def test_undo_follows_a_sign_off_for_its_time(client, trainer, enrolment, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    booking = call_of(trainer, enrolment, minutes=-5)
    client.post(sign_off_url(booking), said(booking))
    page = client.get(booking.get_absolute_url())
    today = client.get(reverse("sessions:today"))

    response = client.post(reverse("sessions:undo", args=[booking.ref]))

    assert "Undo the sign-off" in page.text
    assert today.context["just_signed_off"] == [booking]
    booking.refresh_from_db()
    assert booking.state == BookingState.BOOKED
    assert response.url == sign_off_url(booking)


def test_undo_too_late_is_said_in_words(client, trainer, enrolment, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    booking = call_of(trainer, enrolment, minutes=-5)
    client.post(sign_off_url(booking), said(booking))

    with time_machine.travel(now() + timedelta(minutes=16)):
        response = client.post(
            reverse("sessions:undo", args=[booking.ref]), follow=True
        )

    assert "It is too late to undo this." in response.text
    booking.refresh_from_db()
    assert booking.state == BookingState.DONE


def test_sign_off_page_keeps_private_notes_from_the_channel_team(
    client, trainer, enrolment
):
    earlier = call_of(trainer, enrolment, hours=-3)
    client.post(
        sign_off_url(earlier),
        said(earlier) | {f"private-{earlier.topics.get().pk}": "Was tired"},
    )
    booking = call_of(trainer, enrolment, minutes=-5)
    booking.topics.update(private_note="Ask about escalations")
    own = client.get(sign_off_url(booking)).text

    with time_machine.travel(booking.ends_at + timedelta(hours=72), tick=False):
        client.force_login(UserFactory(is_staff=True))
        page = client.get(sign_off_url(booking)).text
        client.post(sign_off_url(booking), said(booking))

    for note in ("Was tired", "Ask about escalations"):
        assert note in own
        assert note not in page
    topic = booking.topics.get()
    assert (topic.outcome, topic.private_note) == ("covered", "Ask about escalations")


def test_today_counts_what_who_is_coming_missed(client, db):
    with time_machine.travel(datetime(2026, 6, 3, 8, tzinfo=UTC), tick=False):
        call = BookingFactory(starts_at=datetime(2026, 6, 3, 10, tzinfo=UTC))
        BookingFactory(
            enrolment=call.enrolment,
            trainer=call.trainer,
            starts_at=datetime(2026, 6, 1, 10, tzinfo=UTC),
            state=BookingState.MISSED,
        )
        client.force_login(call.trainer.user)
        page = client.get(reverse("sessions:today"))

    assert "Missed: 1 · cancelled late: 0" in " ".join(page.text.split())

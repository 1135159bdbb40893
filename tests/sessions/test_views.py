from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from sessions.booking import ready_topics
from sessions.models import Booking, BookingState, Origin
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
START = "2026-06-03T09:00Z"  # Wednesday 10:00 in London


@pytest.fixture
def monday():
    with time_machine.travel(MONDAY, tick=False):
        yield


@pytest.fixture
def enrolment(db, monday):
    return EnrolmentFactory()


@pytest.fixture
def trainer(enrolment):
    return TrainerFactory(programmes=[enrolment.programme])


@pytest.fixture
def trainee(client, enrolment):
    client.force_login(enrolment.member.user)
    return enrolment.member.user


def book_url(enrolment):
    return reverse("sessions:book", args=[enrolment.pk])


def confirmed(enrolment, **more):
    """What the confirm line sends, for the first topic."""
    return {
        "picked": "1",
        "topics": [ready_topics(enrolment)[0].pk],
        "start": START,
        "request_key": str(uuid4()),
    } | more


# --- Booking -----------------------------------------------------------------------


def test_book_shows_the_soonest_three_and_a_week_of_times(
    client, enrolment, trainer, trainee
):
    response = client.get(book_url(enrolment))

    times = response.context["times"]
    assert [slot.at for slot in times.soonest] == [
        datetime(2026, 6, 2, 8, minute, tzinfo=UTC) for minute in (0, 15, 30)
    ]
    assert [day.label for day in times.days] == [
        "Tuesday 2 June",
        "Wednesday 3 June",
        "Thursday 4 June",
        "Friday 5 June",
        "Monday 8 June",
    ]
    assert response.context["minutes"] == 80


def test_book_ticks_what_fits_into_one_call(client, db, monday):
    programme = ProgrammePageFactory()
    TopicPageFactory.create_batch(6, parent=programme)  # of 20 minutes each
    enrolment = EnrolmentFactory(edition=EditionFactory(programme=programme))
    client.force_login(enrolment.member.user)

    response = client.get(book_url(enrolment))

    ticks = [is_chosen for _topic, is_chosen in response.context["topics"]]
    assert ticks == [True] * 4 + [False] * 2


def test_book_shows_times_in_the_readers_zone_or_the_one_asked(
    client, enrolment, trainer, trainee
):
    usual = client.get(book_url(enrolment))
    tokyo = client.get(book_url(enrolment), {"zone": "Asia/Tokyo"})

    assert usual.context["times"].soonest[0].label == "Tue 2 Jun, 09:00"
    assert tokyo.context["times"].soonest[0].label == "Tue 2 Jun, 17:00"


def test_book_takes_three_clicks(client, enrolment, trainer, trainee):
    page = client.get(book_url(enrolment))
    wednesday = page.context["times"].days[1].slots[4]
    confirm = client.get(wednesday.url.partition("#")[0])
    form = {
        "picked": "1",
        "topics": [topic.pk for topic in confirm.context["chosen"]],
        "start": confirm.context["confirm"]["value"],
        "request_key": confirm.context["request_key"],
    }

    response = client.post(book_url(enrolment), form)

    booking = Booking.objects.get()
    assert booking.starts_at == datetime(2026, 6, 3, 9, tzinfo=UTC)
    assert response.url == booking.get_absolute_url()


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ({}, "Tuesday 2 June"),
        ({"start": "2026-06-05T09:00Z"}, "Tuesday 2 June"),  # does not jump
        ({"start": "2026-06-10T09:00Z"}, "Wednesday 10 June"),
        ({"day": "2026-06-10"}, "Wednesday 10 June"),
        ({"day": "2020-01-01"}, "Tuesday 2 June"),
    ],
)
def test_book_shows_the_days_around_what_was_asked(
    client, enrolment, trainer, trainee, query, first
):
    response = client.get(book_url(enrolment), query)

    assert response.context["times"].days[0].label == first


def test_book_leads_a_week_on_and_back(client, enrolment, trainer, trainee):
    first = client.get(book_url(enrolment)).context["times"]
    second = client.get(first.later_url.partition("#")[0]).context["times"]
    again = client.get(second.earlier_url.partition("#")[0]).context["times"]

    assert first.earlier_url == ""
    assert second.days[0].label == "Tuesday 9 June"
    assert again.days[0].label == "Tuesday 2 June"


def test_book_names_both_zones_before_it_books(client, enrolment, trainee):
    TrainerFactory(programmes=[enrolment.programme], time_zone="Europe/Madrid")

    response = client.get(book_url(enrolment), {"start": START})

    assert "Wed 3 Jun, 10:00–11:20 (London)" in response.text
    assert "Wed 3 Jun, 11:00 (Madrid)" in response.text


def test_book_twice_with_one_key_books_once(client, enrolment, trainer, trainee):
    form = confirmed(enrolment)

    first = client.post(book_url(enrolment), form)
    again = client.post(book_url(enrolment), form)

    assert first.url == again.url
    assert Booking.objects.count() == 1


def test_book_what_was_taken_offers_the_three_nearest(
    client, enrolment, trainer, trainee
):
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 3, 9, tzinfo=UTC))
    form = confirmed(enrolment, zone="Asia/Tokyo")

    response = client.post(book_url(enrolment), form)

    assert response.status_code == 409
    assert [slot.label for slot in response.context["times"].soonest] == [
        "Wed 3 Jun, 17:15",  # until 17:35, and ten minutes of rest
        "Wed 3 Jun, 17:30",
        "Wed 3 Jun, 18:30",
    ]
    assert response.context["minutes"] == 20
    assert "not free" in response.text


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"topics": ["999999"]}, 422),
        ({"topics": ["x"]}, 422),
        ({"topics": []}, 422),
        ({"start": ""}, 422),
        ({"start": "soon"}, 422),
        ({"start": "9999-12-31T23:59Z"}, 422),
        ({"start": "0001-01-01T00:00+14:00"}, 422),
        ({"start": "2026-06-03T09:01Z"}, 409),  # off the grid
        ({"start": "2026-05-27T09:00Z"}, 409),  # past
        ({"start": "2026-06-03T22:00Z"}, 409),  # nobody offers it
        ({"start": "2026-06-01T10:00Z"}, 409),  # inside the notice
        ({"start": "2028-06-01T10:00Z"}, 409),  # beyond the horizon
        ({"request_key": "x"}, 422),
        ({"request_key": ""}, 422),
        ({"trainer": "999999"}, 422),
        ({"zone": "Mars/Olympus"}, 422),
        ({"topics": ["1\x00"]}, 422),
        ({"zone": "Europe/London\x00"}, 422),
    ],
)
def test_book_answers_bad_input_in_words(
    client, enrolment, trainer, trainee, wrong, status
):
    response = client.post(book_url(enrolment), confirmed(enrolment, **wrong))

    assert response.status_code == status
    assert "error-summary" in response.text
    assert not Booking.objects.exists()


def test_book_refuses_a_topic_of_somebody_elses_programme(
    client, enrolment, trainer, trainee
):
    theirs = EnrolmentFactory().edition.topics.first()

    response = client.post(
        book_url(enrolment), confirmed(enrolment, topics=[theirs.pk])
    )

    assert response.status_code == 422
    assert not Booking.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        {"zone": "Mars/Olympus"},
        {"zone": "../../etc/passwd"},
        {"topics": "x", "picked": "1"},
        {"day": "0001-01-01"},
        {"day": "9999-12-31"},
        {"day": "x"},
        {"start": "x"},
        {"start": START, "trainer": "x"},
        {"trainer": "'"},
    ],
)
def test_book_opens_whatever_the_address_says(
    client, enrolment, trainer, trainee, query
):
    assert client.get(book_url(enrolment), query).status_code == 200


def test_book_says_so_when_there_is_no_free_time(client, enrolment, trainee):
    response = client.get(book_url(enrolment))

    assert "No free times for this call just now" in response.text


def test_book_of_a_stranger_is_not_found(client, enrolment, trainer):
    client.force_login(EnrolmentFactory().member.user)

    assert client.get(book_url(enrolment)).status_code == 404
    assert client.post(book_url(enrolment), confirmed(enrolment)).status_code == 404


def test_book_is_for_the_trainee_not_for_their_manager(client, enrolment, trainer):
    manager = MemberFactory(reseller=enrolment.member.reseller, is_manager=True)
    client.force_login(manager.user)

    assert client.get(book_url(enrolment)).status_code == 404


def test_book_takes_the_same_queries_for_any_number_of_trainers(
    client, enrolment, trainer, trainee
):
    BookingFactory(trainer=trainer)
    few = queries(client, book_url(enrolment))
    for _n in range(3):
        BookingFactory(trainer=TrainerFactory(programmes=[enrolment.programme]))

    assert queries(client, book_url(enrolment)) == few
    assert few <= 20


def queries(client, url):
    """How many the page takes, once what is cached is cached."""
    client.get(url)
    with CaptureQueriesContext(connection) as captured:
        assert client.get(url).status_code == 200
    return len(captured)


# --- Agenda and the call's page ------------------------------------------------------


@pytest.fixture
def call(db):
    return BookingFactory(trainer=TrainerFactory(time_zone="Europe/Madrid"))


def test_agenda_parts_coming_waiting_and_past(client, db, monday):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(programmes=[enrolment.programme])
    own = {
        name: BookingFactory(
            enrolment=enrolment,
            trainer=trainer,
            starts_at=MONDAY + timedelta(hours=hours),
            state=state,
        )
        for name, hours, state in [
            ("past", -48, BookingState.DONE),
            ("waiting", -1, BookingState.BOOKED),
            ("now", 0, BookingState.BOOKED),
            ("coming", 48, BookingState.BOOKED),
            ("cancelled", 72, BookingState.CANCELLED),
        ]
    }
    BookingFactory()
    client.force_login(enrolment.member.user)

    response = client.get(reverse("sessions:agenda"))

    assert response.context["coming"] == [own["now"], own["coming"]]
    assert response.context["waiting"] == [own["waiting"]]
    assert list(response.context["past"]) == [own["cancelled"], own["past"]]


def test_agenda_takes_the_same_queries_for_any_number(client, enrolment, trainee):
    for state in (BookingState.BOOKED, BookingState.DONE, BookingState.CANCELLED):
        BookingFactory(enrolment=enrolment, state=state)
    few = queries(client, reverse("sessions:agenda"))
    for state in (BookingState.BOOKED, BookingState.DONE, BookingState.CANCELLED):
        BookingFactory.create_batch(2, enrolment=enrolment, state=state)

    assert queries(client, reverse("sessions:agenda")) == few
    assert few <= 13


@pytest.mark.parametrize("state", [BookingState.BOOKED, BookingState.DONE])
def test_call_page_takes_the_same_queries_for_any_number_of_topics(
    client, enrolment, trainee, state
):
    pages = [row.topic for row in enrolment.edition.topics.all()]
    short = BookingFactory(enrolment=enrolment, topics=pages[:1], state=state)
    long = BookingFactory(enrolment=enrolment, topics=pages[1:], state=state)

    few = queries(client, short.get_absolute_url())

    assert queries(client, long.get_absolute_url()) == few
    assert few <= 12


def test_call_page_shows_both_zones_and_not_the_room(client, call):
    client.force_login(call.trainee)

    page = client.get(call.get_absolute_url())

    assert "(London)" in page.text
    assert "(Madrid)" in page.text
    assert "meet.example.com" not in page.text


def test_call_page_says_who_booked_it(client, db):
    call = BookingFactory(origin=Origin.TRAINER)
    client.force_login(call.trainee)

    page = client.get(call.get_absolute_url())

    name = call.trainer.user.full_name
    assert f"Booked by {name} as agreed with you" in page.text


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("trainee", 200),
        ("trainer", 200),
        ("manager", 200),
        ("staff", 200),
        ("other trainee", 404),
        ("other trainer", 404),
        ("other manager", 404),
    ],
)
def test_call_page_is_for_those_it_concerns(client, call, who, status):
    client.force_login(
        {
            "trainee": lambda: call.trainee,
            "trainer": lambda: call.trainer.user,
            "manager": lambda: (
                MemberFactory(
                    reseller=call.enrolment.member.reseller, is_manager=True
                ).user
            ),
            "staff": lambda: UserFactory(is_staff=True),
            "other trainee": lambda: BookingFactory().trainee,
            "other trainer": lambda: BookingFactory().trainer.user,
            "other manager": lambda: MemberFactory(is_manager=True).user,
        }[who]()
    )

    assert client.get(call.get_absolute_url()).status_code == status


@pytest.mark.parametrize("who", ["manager", "trainee", "trainer"])
def test_a_managers_view_has_no_reason_and_no_private_note(client, db, who):
    call = BookingFactory(state=BookingState.CANCELLED, reason="My own matter")
    topic = call.topics.get()
    topic.outcome, topic.private_note = "again", "Between us"
    topic.save()
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    users = {
        "manager": manager.user,
        "trainee": call.trainee,
        "trainer": call.trainer.user,
    }
    client.force_login(users[who])

    text = client.get(call.get_absolute_url()).text

    assert ("My own matter" in text) == (who != "manager")
    assert ("Between us" in text) == (who == "trainer")


# --- Joining -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minutes", "word", "enabled"),
    [
        (-11, "Opens at 10:50", False),
        (-10, "Join", True),
        (0, "Join", True),
        (79, "Join", True),
        (80, "Ended", False),
    ],
)
def test_join_button_follows_the_clock(client, db, minutes, word, enabled):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)

    with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
        client.force_login(call.trainee)
        join = client.get(call.get_absolute_url()).context["join"]

    assert (join.word, join.enabled) == (word, enabled)


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_join_notes_who_came_and_leads_to_the_room(client, db, side):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)

    with time_machine.travel(start, tick=False):
        client.force_login(call.trainee if side == "trainee" else call.trainer.user)
        response = client.get(reverse("sessions:join", args=[call.ref]))

    call.refresh_from_db()
    assert response.url == "https://meet.example.com/room"
    joined = {"trainee": call.trainee_joined_at, "trainer": call.trainer_joined_at}
    assert joined.pop(side) == start
    assert set(joined.values()) == {None}


def test_join_again_keeps_the_first_time(client, db):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)
    for minutes in (1, 5):
        with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
            client.force_login(call.trainee)
            client.get(reverse("sessions:join", args=[call.ref]))
            page = client.get(call.get_absolute_url())

    call.refresh_from_db()
    assert call.trainee_joined_at == start + timedelta(minutes=1)
    assert page.context["join"].word == "Rejoin"


@pytest.mark.parametrize("minutes", [-11, 80])
def test_join_outside_the_hours_of_the_room_shows_the_call(client, db, minutes):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)

    with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
        client.force_login(call.trainee)
        response = client.get(reverse("sessions:join", args=[call.ref]))

    call.refresh_from_db()
    assert response.url == call.get_absolute_url()
    assert call.trainee_joined_at is None


@pytest.mark.parametrize("room_url", ["", "http://meet.example.com", "javascript:1"])
def test_join_never_leads_to_a_room_without_a_checked_link(client, db, room_url):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    trainer = TrainerFactory(room_url=room_url)
    call = BookingFactory(starts_at=start, trainer=trainer)

    with time_machine.travel(start, tick=False):
        client.force_login(call.trainee)
        response = client.get(reverse("sessions:join", args=[call.ref]))

    assert response.url == call.get_absolute_url()


def test_join_is_not_for_onlookers(client, db):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)

    with time_machine.travel(start, tick=False):
        client.force_login(UserFactory(is_staff=True))
        response = client.get(reverse("sessions:join", args=[call.ref]))

    call.refresh_from_db()
    assert response.url == call.get_absolute_url()
    assert call.trainer_joined_at is None


def test_join_by_one_says_so_to_the_other(client, db):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start, trainer_joined_at=start)

    with time_machine.travel(start, tick=False):
        client.force_login(call.trainee)
        page = client.get(call.get_absolute_url(), headers={"HX-Request": "true"})

    assert f"{call.trainer.user.full_name} is here." in page.text
    assert "<html" not in page.text


# --- Cancelling, files ----------------------------------------------------------------


def test_cancel_wants_a_reason_and_keeps_the_page(client, call):
    client.force_login(call.trainee)

    response = client.post(reverse("sessions:cancel", args=[call.ref]), {"reason": ""})

    assert response.status_code == 422
    assert Booking.objects.get().state == BookingState.BOOKED


def test_cancel_with_a_reason_cancels(client, call):
    client.force_login(call.trainee)

    response = client.post(
        reverse("sessions:cancel", args=[call.ref]), {"reason": "Ill"}, follow=True
    )

    assert Booking.objects.get().state == BookingState.CANCELLED
    assert "Choose another time" in response.text


def test_cancel_by_the_manager_is_refused_in_words(client, call):
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    client.force_login(manager.user)

    response = client.post(
        reverse("sessions:cancel", args=[call.ref]), {"reason": "No"}
    )

    assert response.status_code == 409
    assert Booking.objects.get().state == BookingState.BOOKED


def test_cancel_by_a_link_alone_does_nothing(client, call):
    client.force_login(call.trainee)

    response = client.get(reverse("sessions:cancel", args=[call.ref]))

    assert response.status_code == 405


def test_calendar_file_comes_as_a_calendar(client, call):
    client.force_login(call.trainee)

    response = client.get(reverse("sessions:calendar_file", args=[call.ref]))

    assert response["Content-Type"].startswith("text/calendar")
    assert call.uid in response.text


@pytest.mark.parametrize(
    "path", ["/calls/nowhere/", "/calls/x/join/", "/calls/book/0/"]
)
def test_an_unknown_call_is_not_found(client, trainee, path):
    assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    "name", ["agenda", "today", "ready", "book", "schedule", "booking", "sign_off"]
)
def test_signed_out_people_are_sent_to_sign_in(client, call, name):
    arguments = {
        "book": [call.enrolment_id],
        "schedule": [call.enrolment_id],
        "booking": [call.ref],
        "sign_off": [call.ref],
    }

    response = client.get(reverse(f"sessions:{name}", args=arguments.get(name, [])))

    assert response.status_code == 302
    assert response.url.startswith("/accounts/login/")

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from sessions.models import Booking, BookingState, Origin, Presence, RoomKind
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    PresenceFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
START = "2026-06-03T09:00Z"  # Wednesday 10:00 in London


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


@pytest.mark.parametrize("calls", [1, 3])
def test_agenda_takes_eleven_queries_for_any_number(client, enrolment, trainee, calls):
    for state in (
        BookingState.BOOKED,
        BookingState.DONE,
        BookingState.CANCELLED,
        BookingState.MISSED,
    ):
        BookingFactory.create_batch(calls, enrolment=enrolment, state=state)

    assert queries(client, reverse("sessions:agenda")) == 11


def test_agenda_says_by_whom_a_call_was_ended(client, enrolment, trainee):
    trainer = TrainerFactory(programmes=[enrolment.programme])
    for ended_by in (trainee, trainer.user, None):
        BookingFactory(
            enrolment=enrolment,
            trainer=trainer,
            state=BookingState.CANCELLED,
            ended_by=ended_by,
        )
    for side in (Origin.TRAINEE, Origin.TRAINER):
        BookingFactory(
            enrolment=enrolment,
            trainer=trainer,
            state=BookingState.MISSED,
            missed_by=side,
        )
    BookingFactory(enrolment=enrolment, trainer=trainer, state=BookingState.DONE)

    page = client.get(reverse("sessions:agenda")).text

    words = re.findall(r'class="badge[^"]*"\s*>([^<]+)<', page)
    assert words == [
        "Signed off",
        f"{trainer} did not come",
        "Missed by you",
        "Cancelled",
        f"Cancelled by {trainer}",
        "Cancelled by you",
    ]


def test_agenda_shows_what_is_proposed_on_top(client, enrolment, trainee):
    proposal = BookingFactory(
        enrolment=enrolment, state=BookingState.PROPOSED, offer=uuid4()
    )

    page = client.get(reverse("sessions:agenda"))

    assert reverse("sessions:offer", args=[proposal.offer]) in page.text
    assert page.context["coming"] == []


def test_agenda_leads_to_the_calendar_feed(client, enrolment, trainee):
    page = client.get(reverse("sessions:agenda"))

    assert reverse("sessions:feed") in page.text


def test_proposals_own_page_is_its_offer(client, enrolment, trainee):
    proposal = BookingFactory(
        enrolment=enrolment, state=BookingState.PROPOSED, offer=uuid4()
    )

    page = client.get(proposal.get_absolute_url())

    assert page.url == reverse("sessions:offer", args=[proposal.offer])


@pytest.mark.parametrize(
    ("state", "count"),
    [(BookingState.BOOKED, 15), (BookingState.DONE, 13), (BookingState.MISSED, 20)],
)
def test_call_page_takes_the_same_queries_for_any_number_of_topics(
    client, enrolment, trainee, state, count
):
    pages = [row.topic for row in enrolment.edition.topics.all()]
    short = BookingFactory(enrolment=enrolment, topics=pages[:1], state=state)
    long = BookingFactory(enrolment=enrolment, topics=pages[1:], state=state)

    assert queries(client, short.get_absolute_url()) == count
    assert queries(client, long.get_absolute_url()) == count


def test_call_page_shows_both_zones_and_not_the_room(client, call):
    client.force_login(call.trainee)

    page = client.get(call.get_absolute_url())

    assert "(London)" in page.text
    assert "(Madrid)" in page.text
    assert "meet.example.com" not in page.text


def test_call_page_says_who_booked_it(client, db):
    booked_by = UserFactory()
    call = BookingFactory(origin=Origin.TRAINER, created_by=booked_by)
    client.force_login(call.trainee)

    page = client.get(call.get_absolute_url())

    name = booked_by.full_name
    assert f"Booked by {name} as agreed with you" in page.text


@pytest.mark.parametrize(
    ("offer", "sequence", "to_trainee", "to_trainer"),
    [
        (None, 0, "Booked by {} as agreed with you", "as agreed with the trainee"),
        (None, 1, "First booked by {}, and changed", "First booked by {}, and changed"),
        (uuid4(), 1, "You took a time that {} proposed", "A time that {} proposed"),
        (uuid4(), 2, "First booked by {}, and changed", "First booked by {}, and chan"),
    ],
)
def test_call_page_says_how_a_trainer_came_to_book_it(
    client, db, offer, sequence, to_trainee, to_trainer
):
    trainer = TrainerFactory()
    call = BookingFactory(
        origin=Origin.TRAINER,
        trainer=trainer,
        created_by=trainer.user,
        offer=offer,
        sequence=sequence,
    )

    for who, words in ((call.trainee, to_trainee), (trainer.user, to_trainer)):
        client.force_login(who)
        text = " ".join(client.get(call.get_absolute_url()).text.split())
        assert words.format(trainer) in text
        assert ("as agreed" in text) == (not sequence)


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
@pytest.mark.parametrize("kind", RoomKind)
def test_join_notes_who_came_and_leads_to_the_room(client, db, side, kind):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    trainer = TrainerFactory(room_kind=kind, room_url="https://meet.example.com/room")
    call = BookingFactory(starts_at=start, trainer=trainer)

    with time_machine.travel(start, tick=False):
        client.force_login(call.trainee if side == "trainee" else call.trainer.user)
        response = client.get(reverse("sessions:join", args=[call.ref]))

    call.refresh_from_db()
    leads_to = {"room": f"/calls/{call.ref}/room/", "link": trainer.room_url}
    assert response.url == leads_to[kind]
    linked = {"trainee": call.trainee_linked_at, "trainer": call.trainer_linked_at}
    assert linked.pop(side) == (start if kind == RoomKind.LINK else None)
    assert set(linked.values()) == {None}
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
    trainer = TrainerFactory(room_kind=RoomKind.LINK, room_url=room_url)
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


def test_who_waits_in_the_room_is_told_to_the_other_while_they_do(client, db):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start, trainer_joined_at=start)
    stay = PresenceFactory(booking=call, user=call.trainer.user, joined_at=start)
    seen = {}
    for seconds, seen_at, left_at in [
        (0, start, None),
        (60, start, None),
        (75, start, None),  # not heard of for too long
        (90, start + timedelta(seconds=80), None),
        (100, start, start + timedelta(seconds=95)),
    ]:
        Presence.objects.filter(pk=stay.pk).update(
            seen_at=seen_at, left_at=left_at, ended="left" if left_at else ""
        )
        with time_machine.travel(start + timedelta(seconds=seconds), tick=False):
            client.force_login(call.trainee)
            page = client.get(call.get_absolute_url(), headers={"HX-Request": "true"})
        seen[seconds] = f"{call.trainer.user.full_name} is here." in page.text
        assert "<html" not in page.text

    assert seen == {0: True, 60: True, 75: False, 90: True, 100: False}


def test_who_went_on_to_a_link_is_told_with_the_time_not_as_being_there(client, db):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    trainer = TrainerFactory(room_kind=RoomKind.LINK)
    call = BookingFactory(starts_at=start, trainer=trainer, trainer_linked_at=start)

    with time_machine.travel(start + timedelta(minutes=5), tick=False):
        client.force_login(call.trainee)
        page = client.get(call.get_absolute_url())

    said = f"{trainer.user.full_name} went on to the link at 11:00."
    assert said in page.text
    assert not page.context["join"].live


@pytest.mark.parametrize(
    ("minutes", "changes"), [(-20, True), (5, True), (79, True), (80, False)]
)
def test_button_asks_again_until_it_is_over_and_then_for_the_page(
    client, db, minutes, changes
):
    start = datetime(2026, 6, 3, 10, tzinfo=UTC)
    call = BookingFactory(starts_at=start)

    with time_machine.travel(start + timedelta(minutes=minutes), tick=False):
        client.force_login(call.trainee)
        for url in (call.get_absolute_url(), call.get_absolute_url() + "?in=list"):
            page = client.get(url, headers={"HX-Request": "true"})
            assert ("HX-Refresh" not in page.headers) == changes
            assert ("every 20s" in page.text) == changes


@pytest.mark.parametrize("calls", [1, 3])
def test_agenda_shows_the_way_in_for_one_query_more(client, enrolment, trainee, calls):
    start = now() - timedelta(minutes=5)
    own = [
        BookingFactory(
            enrolment=enrolment, starts_at=start - number * timedelta(minutes=20)
        )
        for number in range(calls)
    ]
    PresenceFactory(booking=own[0], user=own[0].trainer.user)
    PresenceFactory()  # a stranger's

    assert queries(client, reverse("sessions:agenda")) == 10
    page = client.get(reverse("sessions:agenda"))
    assert page.text.count('/join/"') == calls
    assert page.text.count(" is here.") == 1


# --- Cancelling, files ----------------------------------------------------------------


def test_cancel_wants_a_reason_and_keeps_the_page(client, call):
    client.force_login(call.trainee)

    response = client.post(
        reverse("sessions:cancel", args=[call.ref]), {"cause": "plans", "reason": ""}
    )

    assert response.status_code == 422
    assert Booking.objects.get().state == BookingState.BOOKED


def test_cancel_with_a_reason_cancels(client, call):
    client.force_login(call.trainee)

    response = client.post(
        reverse("sessions:cancel", args=[call.ref]),
        {"cause": "plans", "reason": "Ill"},
        follow=True,
    )

    assert Booking.objects.get().state == BookingState.CANCELLED
    assert "Choose another time" in response.text


def test_cancel_by_the_manager_is_refused_in_words(client, call):
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    client.force_login(manager.user)

    response = client.post(
        reverse("sessions:cancel", args=[call.ref]), {"cause": "plans", "reason": "No"}
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

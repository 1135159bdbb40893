"""The private feed: one's own calls, for whoever has its address, and nobody else."""

import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db.models import F
from django.urls import reverse
from icalendar import Calendar

from lms.audit.models import Event
from lms.people import accounts
from lms.people.membership import leave
from sessions.absence import let_go
from sessions.cancelling import cancel_call
from sessions.feeds import end_feed, find_feed, renew_feed
from sessions.models import Booking, BookingState, Feed, OutsideCalendar
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    OutsideBusyFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
MONDAY = datetime(2026, 11, 23, 6, tzinfo=UTC)


@pytest.fixture(autouse=True)
def frozen():
    with time_machine.travel(MONDAY, tick=False) as clock:
        yield clock


@pytest.fixture
def read(client):
    """Read an address as an app does: without a session."""

    def ask(address, **headers):
        path = re.sub(r"^https?://[^/]+", "", address)
        return client.get(path, headers=headers)

    return ask


def calls_in(response) -> dict[str, object]:
    calendar = Calendar.from_ical(response.content)
    return {str(event["UID"]): event for event in calendar.walk("VEVENT")}


# --- The address -------------------------------------------------------------------


def test_address_holds_a_secret_of_its_own_that_is_not_kept():
    user = UserFactory()

    address = renew_feed(user)

    token = re.fullmatch(
        r"http://localhost:8000/calendar/(bkf_[\w-]{32})\.ics", address
    )[1]
    feed = Feed.objects.get()
    assert find_feed(token) == feed
    assert token not in str(Feed.objects.values().get())
    assert token not in str(list(Event.objects.values()))


def test_new_address_ends_the_old_one_at_once(read):
    user = UserFactory()
    old = renew_feed(user)

    new = renew_feed(user)

    assert old != new
    assert [read(old).status_code, read(new).status_code] == [404, 200]
    assert Feed.objects.count() == 1


def test_ended_feed_is_gone(read):
    user = UserFactory()
    address = renew_feed(user)

    end_feed(user, by=user)
    end_feed(user, by=user)  # again is safe

    assert read(address).status_code == 404
    assert list(
        Event.objects.filter(verb="end_feed").values_list("actor", flat=True)
    ) == [user.pk]


def test_feed_ends_with_the_account(read):
    user = MemberFactory().user
    address = renew_feed(user)

    accounts.set_active(user, False, by=None)

    assert not Feed.objects.exists()
    assert read(address).status_code == 404


def test_feed_of_an_account_that_is_closed_is_not_found(read):
    user = UserFactory()
    address = renew_feed(user)
    type(user).objects.update(is_active=False)

    assert read(address).status_code == 404


@pytest.mark.parametrize("token", ["bkf_", "x", "bkf_" + "A" * 32, "0" * 5000])
def test_unknown_address_is_not_found_in_few_queries(
    client, django_assert_num_queries, token
):
    renew_feed(UserFactory())

    with django_assert_num_queries(14):  # the limit, the feed, the miss counted twice
        response = client.get(reverse("sessions:feed_file", args=[token]))

    assert response.status_code == 404


# --- What it says ------------------------------------------------------------------


def test_feed_holds_own_calls_in_both_roles_and_no_others(read):
    trainer = TrainerFactory()
    as_trainer = BookingFactory(trainer=trainer)
    as_trainee = BookingFactory(
        enrolment=EnrolmentFactory(member=MemberFactory(user=trainer.user))
    )
    BookingFactory()  # a stranger's: it must not leak

    response = read(renew_feed(trainer.user))

    assert set(calls_in(response)) == {as_trainer.uid, as_trainee.uid}


def test_call_is_told_as_in_its_own_file(read):
    call = BookingFactory(starts_at=datetime(2026, 12, 1, 14, tzinfo=UTC))
    call.trainee.time_zone = "America/New_York"
    call.trainee.save()
    Booking.objects.filter(pk=call.pk).update(sequence=F("sequence") + 2)

    response = read(renew_feed(call.trainee))

    calendar = Calendar.from_ical(response.content)
    (event,) = calendar.walk("VEVENT")
    (zone,) = calendar.walk("VTIMEZONE")
    assert calendar["METHOD"] == "PUBLISH"
    assert event["UID"] == call.uid
    assert event["SEQUENCE"] == 2
    assert event["STATUS"] == "CONFIRMED"
    assert event["DTSTART"].dt == call.starts_at
    assert event["DTSTART"].params["TZID"] == zone["TZID"] == "America/New_York"
    assert call.trainer.user.full_name in event["DESCRIPTION"]
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=1)
    assert calendar["X-PUBLISHED-TTL"] == "PT1H"


def test_feed_names_nobodys_email_address(read):
    call = BookingFactory()

    text = read(renew_feed(call.trainee)).content.decode()

    assert call.trainee.email not in text
    assert call.trainer.user.email not in text
    assert "ATTENDEE" not in text


def test_zone_is_described_once_for_any_number_of_calls(read):
    trainer = TrainerFactory()
    trainer.user.time_zone = "Europe/Berlin"
    trainer.user.save()
    BookingFactory.create_batch(3, trainer=trainer)

    text = read(renew_feed(trainer.user)).content.decode()

    assert text.count("BEGIN:VEVENT") == 3
    assert text.count("BEGIN:VTIMEZONE") == 1


def test_cancelled_call_says_so_for_thirty_days(read, frozen):
    call = BookingFactory(starts_at=MONDAY + timedelta(days=50))
    address = renew_feed(call.trainee)
    cancel_call(call, by=call.trainee, reason="Ill.")

    event = calls_in(read(address))[call.uid]
    assert event["STATUS"] == "CANCELLED"
    assert event["SEQUENCE"] == 1

    frozen.shift(timedelta(days=30))
    assert calls_in(read(address)) == {}


@pytest.mark.parametrize(("later", "is_told"), [(-1, True), (0, False)])
def test_call_that_is_over_stays_for_thirty_days(read, frozen, later, is_told):
    call = BookingFactory()
    address = renew_feed(call.trainee)

    frozen.move_to(call.ends_at + timedelta(days=30, seconds=later))

    assert (call.uid in calls_in(read(address))) == is_told


def test_proposals_are_not_told_neither_open_nor_taken_back(read):
    trainer = TrainerFactory()
    offer = "6a1f1d2a-0000-4000-8000-000000000000"
    until = MONDAY + timedelta(days=2)
    BookingFactory(
        trainer=trainer, state=BookingState.PROPOSED, proposed_until=until, offer=offer
    )
    BookingFactory(
        trainer=trainer, state=BookingState.CANCELLED, ended_at=MONDAY, offer=offer
    )

    assert calls_in(read(renew_feed(trainer.user))) == {}


def test_trainer_who_left_has_only_own_calls_as_trainee(read):
    trainer = TrainerFactory(is_active=False)
    BookingFactory(trainer=trainer)
    own = BookingFactory(
        enrolment=EnrolmentFactory(member=MemberFactory(user=trainer.user))
    )

    assert set(calls_in(read(renew_feed(trainer.user)))) == {own.uid}


def test_feed_and_other_calendars_end_when_a_trainer_leaves(read):
    trainer = TrainerFactory()
    OutsideBusyFactory(calendar__trainer=trainer)
    address = renew_feed(trainer.user)

    let_go(trainer, by=UserFactory(is_staff=True))

    assert read(address).status_code == 404
    assert not OutsideCalendar.objects.exists()


def test_name_with_line_ends_stays_on_its_line(read):
    call = BookingFactory()
    call.trainer.user.full_name = "Ann\r\nSTATUS:CANCELLED\r\nX:;,\\"
    call.trainer.user.save()

    event = calls_in(read(renew_feed(call.trainee)))[call.uid]

    assert event["STATUS"] == "CONFIRMED"
    assert "STATUS:CANCELLED" in event["DESCRIPTION"]


# --- How it is read ----------------------------------------------------------------


@pytest.mark.parametrize("calls", [1, 3])
def test_feed_is_read_in_four_queries(client, read, django_assert_num_queries, calls):
    trainer = TrainerFactory()
    BookingFactory.create_batch(calls, trainer=trainer)
    address = renew_feed(trainer.user)
    read(address)

    with django_assert_num_queries(4):  # limit, feed, calls, topics
        response = read(address)

    assert len(calls_in(response)) == calls


@pytest.mark.parametrize("calls", [1, 3])
def test_unchanged_feed_is_told_in_three_queries(
    read, django_assert_num_queries, calls
):
    trainer = TrainerFactory()
    BookingFactory.create_batch(calls, trainer=trainer)
    address = renew_feed(trainer.user)
    etag = read(address)["ETag"]

    with django_assert_num_queries(3):  # limit, feed, calls
        response = read(address, if_none_match=etag)

    assert (response.status_code, response.content) == (304, b"")
    assert response["ETag"] == etag


def test_any_change_of_a_call_changes_the_version(read):
    call = BookingFactory()
    address = renew_feed(call.trainee)
    seen = {read(address)["ETag"]}
    call.trainer.user.full_name = "Another name"
    call.trainer.user.save()
    seen.add(read(address)["ETag"])
    call.trainee.time_zone = "Asia/Tokyo"
    call.trainee.save()
    seen.add(read(address)["ETag"])
    cancel_call(call, by=call.trainee, reason="Ill.")
    seen.add(read(address)["ETag"])

    assert len(seen) == 4
    assert (
        read(
            address, if_none_match=next(iter(seen - {read(address)["ETag"]}))
        ).status_code
        == 200
    )


def test_app_needs_no_session_and_gets_none(client, read):
    call = BookingFactory()

    response = read(renew_feed(call.trainee))

    assert response.status_code == 200
    assert response["Content-Type"] == "text/calendar; charset=utf-8"
    assert response["Cache-Control"] == "private, no-cache"
    assert response["X-Robots-Tag"] == "noindex"
    assert not client.cookies


def test_head_is_answered_and_other_methods_are_not(client):
    call = BookingFactory()
    path = renew_feed(call.trainee).removeprefix("http://localhost:8000")

    head = client.head(path)

    assert (head.status_code, head.content) == (200, b"")
    assert head["ETag"]
    assert client.post(path).status_code == 405


def test_reading_is_noted_once_an_hour(read, frozen):
    user = UserFactory()
    address = renew_feed(user)
    noted = []
    for minutes in (10, 20, 60):
        frozen.move_to(MONDAY + timedelta(minutes=minutes))
        read(address)
        noted.append(Feed.objects.get().read_at - MONDAY)

    assert noted == [timedelta(0), timedelta(0), timedelta(hours=1)]


# --- Its page ----------------------------------------------------------------------


def test_person_makes_renews_and_ends_an_address(client):
    user = MemberFactory().user
    client.force_login(user)
    page = reverse("sessions:feed")

    assert "Make my address" in client.get(page).content.decode()

    made = client.post(page).content.decode()
    address = re.search(r'value="(http://localhost:8000/calendar/[^"]+)"', made)[1]
    assert client.get(address.removeprefix("http://localhost:8000")).status_code == 200

    later = client.get(page).content.decode()
    assert "bkf_" not in later
    assert "You have an address" in later
    assert "06:00 (London)" in later

    client.post(reverse("sessions:end_feed"))
    assert not Feed.objects.exists()
    assert "Make my address" in client.get(page).content.decode()


def test_page_with_the_address_is_kept_by_nobody(client):
    client.force_login(MemberFactory().user)

    response = client.post(reverse("sessions:feed"))

    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("name", ["sessions:agenda", "people:settings"])
def test_pages_lead_to_the_feed(client, name):
    client.force_login(MemberFactory().user)

    page = client.get(reverse(name)).content.decode()

    assert f'href="{reverse("sessions:feed")}"' in page


def test_trainers_pages_lead_to_the_feed(client):
    client.force_login(TrainerFactory().user)

    for name in ("sessions:today", "sessions:hours"):
        page = client.get(reverse(name)).content.decode()
        assert f'href="{reverse("sessions:feed")}"' in page


@pytest.mark.parametrize(
    ("more", "is_kept"), [("nothing", False), ("company", True), ("calls", True)]
)
def test_feed_of_who_leaves_their_last_company_ends(db, more, is_kept):
    member = MemberFactory()
    if more == "company":
        MemberFactory(user=member.user)
    if more == "calls":
        TrainerFactory(user=member.user)
    renew_feed(member.user)

    leave(member, on=MONDAY.date(), by=None)

    assert Feed.objects.filter(user=member.user).exists() == is_kept

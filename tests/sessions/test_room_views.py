"""The page of the room, and who may ask it what."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from lms.headers import permissions
from sessions.models import BookingState, Presence
from tests.factories import BookingFactory, MemberFactory, UserFactory
from tests.sessions.rooms import Tab

TEN = datetime(2026, 6, 3, 9, tzinfo=UTC)  # in London
MINUTE = timedelta(minutes=1)


@pytest.fixture
def call(db):
    with time_machine.travel(TEN, tick=False):
        yield BookingFactory(starts_at=TEN)


def room_of(call):
    return reverse("sessions:room", args=[call.ref])


@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_room_tells_its_script_what_it_needs(client, call, side):
    me, other = call.trainee, call.trainer.user
    if side == "trainer":
        me, other = other, me
    client.force_login(me)

    config = client.get(room_of(call)).context["config"]

    assert config == {
        "poll": f"{room_of(call)}poll/",
        "leave": f"{room_of(call)}leave/",
        "message": f"{room_of(call)}message/",
        "agenda": f"{room_of(call)}agenda/",
        "after": call.get_absolute_url(),
        "link": f"/calls/{call.ref}/link/",
        "me": me.full_name,
        "other": other.full_name,
        "token": config["token"],
        "role": side,
        "polite": side == "trainee",
        "agenda_version": config["agenda_version"],
        "starts_at": call.starts_at.isoformat(),
        "ends_at": call.ends_at.isoformat(),
        "ice_servers": [],
        "ice_fresh_for": 30 * 60,
        "words": config["words"],
    }


def test_only_the_open_room_may_use_camera_microphone_and_screen(client, call):
    client.force_login(call.trainee)

    assert client.get(room_of(call))["Permissions-Policy"] == permissions(is_call=True)
    for url in (call.get_absolute_url(), f"{room_of(call)}agenda/"):
        assert client.get(url)["Permissions-Policy"] == permissions(is_call=False)
    client.force_login(UserFactory())
    assert client.get(room_of(call))["Permissions-Policy"] == permissions(is_call=False)


@pytest.mark.parametrize(
    ("minutes", "is_open"), [(-11, False), (-10, True), (79, True), (80, False)]
)
def test_room_is_open_from_ten_minutes_before_to_an_hour_after(
    client, call, minutes, is_open
):
    with time_machine.travel(TEN + minutes * MINUTE, tick=False):
        client.force_login(call.trainee)
        response = client.get(room_of(call))

    assert response.status_code == (200 if is_open else 302)
    if not is_open:
        assert response.url == call.get_absolute_url()


def test_third_persons_find_no_room(client, call):
    reseller = call.enrolment.member.reseller
    third = [
        UserFactory(),
        UserFactory(is_staff=True),
        MemberFactory(reseller=reseller, is_manager=True).user,
    ]

    for person in third:
        tab = Tab(call, person)
        assert tab.ask().status_code == 404
        assert tab.post("room_message", {}).status_code == 404
        assert tab.leave().status_code == 404
        assert tab.client.get(room_of(call)).status_code == 404
        assert tab.client.get(f"{room_of(call)}agenda/").status_code == 404
    assert not Presence.objects.exists()


def test_a_missed_call_is_come_to_by_its_way_in(client, call):
    call.state, call.missed_by = BookingState.MISSED, "trainee"
    call.save(update_fields=["state", "missed_by"])
    client.force_login(call.trainee)

    response = client.get(room_of(call))

    assert response.url == reverse("sessions:join", args=[call.ref])

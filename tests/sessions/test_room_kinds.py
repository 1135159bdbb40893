"""Kinds of room, and what a trainer chooses of them."""

from importlib import import_module

import pytest
from django.apps import apps
from django.urls import reverse

from lms.errors import Refused
from sessions.models import Booking, RoomKind, Trainer
from sessions.room_kinds import room_of
from sessions.trainers import set_room
from tests.factories import BookingFactory, TrainerFactory

pytestmark = pytest.mark.django_db
LINK = "https://zoom.example.com/j/1"
HOURS = "/trainer/hours/"


def test_new_trainer_holds_calls_in_the_room_of_this_site():
    call = Booking(trainer=Trainer(), ref="abc")

    assert room_of(call).kind == RoomKind.ROOM
    assert room_of(call).url(call) == "/calls/abc/room/"


@pytest.mark.parametrize(
    ("own", "trainers", "kind"),
    [
        ("", RoomKind.ROOM, RoomKind.ROOM),
        ("", RoomKind.LINK, RoomKind.LINK),
        (RoomKind.LINK, RoomKind.ROOM, RoomKind.LINK),
        (RoomKind.ROOM, RoomKind.LINK, RoomKind.ROOM),
    ],
)
def test_call_is_held_where_it_says_itself_else_where_its_trainer_does(
    own, trainers, kind
):
    call = BookingFactory(room_kind=own, trainer=TrainerFactory(room_kind=trainers))

    assert room_of(call).kind == kind


@pytest.mark.parametrize(
    ("own", "trainers", "url"),
    [
        ("", LINK, LINK),
        (LINK + "2", LINK, LINK + "2"),
        ("", "", ""),
        ("http://zoom.example.com/", LINK, ""),
        ("", "https://10.0.0.1/", ""),
    ],
)
def test_link_leads_to_the_calls_own_address_else_the_trainers(own, trainers, url):
    trainer = TrainerFactory(room_url=trainers)
    call = BookingFactory(room_kind=RoomKind.LINK, room_url=own, trainer=trainer)

    assert room_of(call).url(call) == url


# --- The trainer's choice ------------------------------------------------------------


@pytest.fixture
def trainer(client):
    trainer = TrainerFactory(room_url="")
    client.force_login(trainer.user)
    return trainer


def test_trainer_chooses_the_link_and_the_room_again(client, trainer):
    stranger = TrainerFactory()
    for words in ({"room_kind": "link", "room_url": LINK}, {"room_kind": "room"}):
        response = client.post(HOURS, {"part": "room"} | words)

        trainer.refresh_from_db()
        assert response.status_code == 302
        assert (trainer.room_kind, trainer.room_url) == (
            words["room_kind"],
            words.get("room_url", ""),
        )
    assert Trainer.objects.get(pk=stranger.pk).room_kind == RoomKind.ROOM


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"room_kind": "link", "room_url": ""}, "Add the link"),
        ({"room_kind": "link", "room_url": "http://a.example.com"}, "https://"),
        ({"room_kind": "room", "room_url": "https://a:b@c.example.com"}, "password"),
        ({"room_kind": "jitsi"}, "Select a valid choice"),
    ],
)
def test_refused_choice_keeps_what_was_typed(client, trainer, words, said):
    response = client.post(HOURS, {"part": "room"} | words)

    assert response.status_code == 422
    assert said in response.text
    typed = words.get("room_url")
    assert not typed or f'value="{typed}"' in response.text
    trainer.refresh_from_db()
    assert (trainer.room_kind, trainer.room_url) == (RoomKind.ROOM, "")


def test_link_without_an_address_is_refused_by_the_rule_too(trainer):
    with pytest.raises(Refused, match="Add the link"):
        set_room(trainer, RoomKind.LINK, "", by=trainer.user)


def test_today_says_when_a_link_is_missing(client, trainer):
    Trainer.objects.update(room_kind=RoomKind.LINK)

    assert "Your room has no link yet" in client.get(reverse("sessions:today")).text

    Trainer.objects.update(room_kind=RoomKind.ROOM)

    assert "no link yet" not in client.get(reverse("sessions:today")).text


# --- What stood before there was a room ----------------------------------------------


def test_trainers_with_a_link_keep_it_and_those_without_get_the_room():
    linked, bare = (
        TrainerFactory(room_kind="link", room_url=url) for url in (LINK, "")
    )
    came = BookingFactory(trainer=linked)
    Booking.objects.update(trainee_joined_at=came.starts_at)
    migration = import_module("sessions.migrations.0005_where_calls_were_held")

    migration.to_kinds(apps, None)

    linked.refresh_from_db()
    bare.refresh_from_db()
    came.refresh_from_db()
    assert (linked.room_kind, linked.room_url) == (RoomKind.LINK, LINK)
    assert bare.room_kind == RoomKind.ROOM
    assert came.trainee_linked_at == came.starts_at

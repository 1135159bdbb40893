"""The channel team's screens of trainers in the CMS."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from schedule.models import Event

from content.permissions import grant_channel_team
from lms.mail.models import Message
from lms.people import accounts
from lms.people.models import User
from sessions.hours import format_hours, set_weekly_hours, weekly_hours
from sessions.models import Trainer
from tests.factories import (
    BookingFactory,
    ProgrammePageFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
ROOM = "https://meet.example.com/ann"


@pytest.fixture
def cms(db: None) -> Client:
    user: User = UserFactory()
    accounts.set_channel_team(user, True, by=None)
    grant_channel_team(Group.objects.get(name=accounts.CHANNEL_TEAM))
    client = Client()
    client.force_login(user)
    return client


def make(cms: Client, **changes: Any) -> Any:
    words = {
        "full_name": "Ann Lee",
        "email": "ann@example.com",
        "time_zone": "Europe/Paris",
        "programmes": [changes.pop("programme", None) or ProgrammePageFactory().pk],
        "room_kind": "link",
        "room_url": ROOM,
        "weekly_hours": "Mon 09:00-12:00, 13:00-17:00\nTue-Wed 10:00-11:00",
    }
    return cms.post(reverse("trainer:add"), words | changes)


def hours(trainer: Trainer) -> str:
    return format_hours(weekly_hours([trainer])[trainer.pk])


def test_a_new_person_becomes_trainer_and_gets_a_link(cms: Client) -> None:
    programme = ProgrammePageFactory()

    response = make(cms, programme=programme.pk)

    trainer = Trainer.objects.get()
    assert response["Location"] == reverse("trainer:index")
    assert (trainer.user.email, trainer.user.full_name) == (
        "ann@example.com",
        "Ann Lee",
    )
    assert (trainer.time_zone, trainer.room_url) == ("Europe/Paris", ROOM)
    assert trainer.user.time_zone == "Europe/Paris"
    assert list(trainer.programmes.all()) == [programme]
    assert hours(trainer) == (
        "Mon 09:00-12:00, 13:00-17:00\nTue 10:00-11:00\nWed 10:00-11:00"
    )
    message = Message.objects.get()
    assert (message.to, "/welcome/" in message.body) == ("ann@example.com", True)


def test_somebody_known_becomes_trainer_and_keeps_the_login(cms: Client) -> None:
    user = UserFactory(email="ann@example.com", full_name="Ann Berg")

    make(cms, email="Ann@Example.com")

    assert Trainer.objects.get().user == user
    user.refresh_from_db()
    assert user.full_name == "Ann Berg"
    assert not Message.objects.exists()


def test_a_trainer_is_not_made_twice(cms: Client) -> None:
    trainer = TrainerFactory(user__email="ann@example.com", room_url=ROOM + "/old")

    page = make(cms)

    assert "This person is a trainer" in str(page.context["form"].errors)
    trainer.refresh_from_db()
    assert trainer.room_url == ROOM + "/old"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        ({"email": "ann"}, "email"),
        ({"full_name": ""}, "full_name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"programmes": []}, "programmes"),
        ({"programmes": ["999999"]}, "programmes"),
        ({"room_url": ""}, "room_url"),
        ({"room_kind": "phone"}, "room_kind"),
        ({"room_url": "https://ann:secret@meet.example.com/"}, "room_url"),
        ({"room_url": "https://192.168.1.4/ann"}, "room_url"),
        ({"room_url": "http://meet.example.com/ann"}, "room_url"),
        ({"room_url": "javascript:alert(1)"}, "room_url"),
        ({"weekly_hours": "Mon nine to five"}, "weekly_hours"),
        ({"weekly_hours": "Mon 09:00-12:00, 11:00-13:00"}, "weekly_hours"),
    ],
)
def test_what_cannot_be_is_told_beside_the_field(
    cms: Client, words: dict[str, Any], field: str
) -> None:
    page = make(cms, **words)

    assert list(page.context["form"].errors) == [field]
    assert page.context["form"]["full_name"].value() == words.get(
        "full_name", "Ann Lee"
    )
    assert not Trainer.objects.exists()
    assert not User.objects.filter(email="ann@example.com").exists()


def edit(cms: Client, trainer: Trainer, **changes: Any) -> Any:
    path = reverse("trainer:edit", args=[trainer.pk])
    form = cms.get(path).context["form"]
    words = {
        name: form[name].value()
        for name in form.fields
        if form[name].value() not in (None, False)
    }
    return cms.post(path, words | changes)


def test_saving_without_a_change_keeps_everything(cms: Client) -> None:
    trainer = TrainerFactory(room_url=ROOM, day_cap=3)
    trainer.programmes.add(ProgrammePageFactory())
    before = (hours(trainer), Trainer.objects.values().get())

    response = edit(cms, trainer)

    assert response["Location"] == reverse("trainer:index")
    assert (hours(trainer), Trainer.objects.values().get()) == before


def test_zone_hours_caps_and_rest_are_changed(cms: Client) -> None:
    trainer = TrainerFactory(room_url=ROOM)
    trainer.programmes.add(ProgrammePageFactory())
    set_weekly_hours(trainer, [(0, 9 * 60, 17 * 60)])

    edit(
        cms,
        trainer,
        time_zone="Asia/Tokyo",
        weekly_hours="Fri 08:00-10:00",
        day_cap="2",
        rest_minutes="15",
        is_active="",
    )

    trainer = Trainer.objects.get()
    assert (trainer.time_zone, hours(trainer)) == ("Asia/Tokyo", "Fri 08:00-10:00")
    assert (trainer.day_cap, trainer.rest_minutes) == (2, 15)
    assert not trainer.is_active


def test_trainer_with_calls_still_takes_calls(cms: Client) -> None:
    call = BookingFactory(trainer__room_url=ROOM)
    call.trainer.programmes.add(ProgrammePageFactory())

    page = edit(cms, call.trainer, is_active="", day_cap="2")

    assert "1 call is still booked" in page.text
    trainer = Trainer.objects.get()
    assert (trainer.is_active, trainer.day_cap) == (True, None)


def test_trainer_who_comes_back_has_their_hours_again(cms: Client) -> None:
    trainer = TrainerFactory(room_url=ROOM, programmes=[ProgrammePageFactory()])
    before = hours(trainer)
    edit(cms, trainer, is_active="")
    ended = Event.objects.filter(end_recurring_period__isnull=False).count()

    edit(cms, Trainer.objects.get(), is_active="on")

    assert ended == Event.objects.count() == 5
    assert Trainer.objects.get().is_active
    assert hours(trainer) == before
    assert not Event.objects.filter(end_recurring_period__isnull=False).exists()


def test_a_refused_change_keeps_what_was_there(cms: Client) -> None:
    trainer = TrainerFactory(room_url=ROOM)
    trainer.programmes.add(ProgrammePageFactory())
    before = hours(trainer)

    page = edit(cms, trainer, weekly_hours="Fri", room_url=ROOM + "/new")

    assert list(page.context["form"].errors) == ["weekly_hours"]
    trainer.refresh_from_db()
    assert (hours(trainer), trainer.room_url) == (before, ROOM)


def test_trainers_are_listed_in_equal_queries(cms: Client) -> None:
    path = reverse("trainer:index")
    trainers = [TrainerFactory(programmes=[ProgrammePageFactory()])]
    cms.get(path)  # Wagtail warms up
    with CaptureQueriesContext(connection) as for_one:
        cms.get(path)
    trainers += TrainerFactory.create_batch(2, programmes=[ProgrammePageFactory()])

    with CaptureQueriesContext(connection) as for_three:
        page = cms.get(path)

    assert len(for_three) == len(for_one)
    assert set(page.context["object_list"]) == set(trainers)


def test_nobody_else_gets_in() -> None:
    client = Client()
    client.force_login(TrainerFactory().user)

    assert client.get(reverse("trainer:index")).status_code == 302
    assert client.post(reverse("trainer:add")).status_code == 302

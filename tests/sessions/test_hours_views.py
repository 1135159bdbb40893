from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse

from sessions.hours import format_hours, weekly_hours
from tests.factories import TrainerFactory

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
URL = "/trainer/hours/"


@pytest.fixture
def wednesday():
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


@pytest.fixture
def trainer(db, wednesday, client):
    trainer = TrainerFactory(weekly_hours=[(0, 540, 720)])
    client.force_login(trainer.user)
    return trainer


def week_of(trainer):
    return format_hours(weekly_hours([trainer])[trainer.pk])


# --- The week --------------------------------------------------------------------------


def test_page_shows_the_week_on_the_trainers_clock(client, trainer):
    response = client.get(reverse("sessions:hours"))

    rows = response.context["forms"]["week"].rows()
    assert [row["field"].value() for row in rows][:2] == ["09:00-12:00", ""]
    assert 'value="09:00-12:00"' in response.text
    assert "On the clock of London" in response.text


def test_week_is_saved_as_typed(client, trainer):
    other = TrainerFactory(weekly_hours=[(5, 540, 720)])

    response = client.post(URL, {"part": "week", "tue": "9-12, 13-17", "sat": "22-02"})

    assert (response.status_code, response.url) == (302, URL)
    assert week_of(trainer) == "Tue 09:00-12:00, 13:00-17:00\nSat 22:00-02:00"
    assert week_of(other) == "Sat 09:00-12:00"


def test_refused_week_keeps_what_was_typed(client, trainer):
    response = client.post(
        URL, {"part": "week", "mon": "9-12, 11-13", "tue": "9 bis 5"}
    )

    assert response.status_code == 422
    assert 'value="9-12, 11-13"' in response.text
    assert "“9 bis 5” cannot be read" in response.text
    assert week_of(trainer) == "Mon 09:00-12:00"


def test_monday_is_copied_without_saving(client, trainer):
    response = client.post(URL, {"part": "week", "mon": "10-12", "copy": "1"})

    assert response.status_code == 200
    assert response.text.count('value="10-12"') == 5
    assert week_of(trainer) == "Mon 09:00-12:00"


def test_week_without_hours_says_that_nobody_can_book(client, trainer):
    response = client.post(URL, {"part": "week"}, follow=True)

    assert "nobody can book with you" in response.text
    assert week_of(trainer) == ""


def test_form_that_is_not_there_is_not_found(client, trainer):
    assert client.post(URL, {"part": "none"}).status_code == 404

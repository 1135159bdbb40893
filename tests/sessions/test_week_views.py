from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from sessions.week import week_of
from sessions.week_views import draw
from tests.factories import BookingFactory, TrainerFactory

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
MONDAY = date(2026, 6, 1)
URL = "/trainer/week/"


@pytest.fixture
def wednesday(db):
    with time_machine.travel(WEDNESDAY, tick=False):
        yield


@pytest.fixture
def trainer(wednesday, client):
    trainer = TrainerFactory()
    client.force_login(trainer.user)
    return trainer


def test_week_shows_this_week_and_leads_to_its_neighbours(client, trainer):
    response = client.get(reverse("sessions:week"))

    assert response.context["grid"].columns[0].day.on == MONDAY
    assert "1 – 7 June 2026" in response.text
    assert "On the clock of London" in response.text
    assert "?day=2026-05-25" in response.text
    assert "?day=2026-06-08" in response.text
    assert [c.is_today for c in response.context["grid"].columns].index(True) == 2


def test_any_date_shows_its_week(client, trainer):
    response = client.get(URL, {"day": "2026-10-25"})

    assert response.context["grid"].columns[0].day.on == date(2026, 10, 19)
    assert "25 hours" in response.text


@pytest.mark.parametrize(
    "day", ["", "x", "0001-01-01", "9999-12-31", "2026-02-30", "\x00"]
)
def test_bad_date_shows_this_week(client, trainer, day):
    response = client.get(URL, {"day": day})

    assert response.context["grid"].columns[0].day.on == MONDAY


@pytest.mark.parametrize("calls", [1, 3])
def test_week_lists_own_calls_in_nine_queries(
    client, trainer, django_assert_num_queries, calls
):
    own = [
        BookingFactory(trainer=trainer, starts_at=WEDNESDAY + timedelta(hours=n))
        for n in range(calls)
    ]
    BookingFactory(starts_at=WEDNESDAY)  # a stranger's: it must not leak
    client.get(URL)

    # session, user with trainer; hours, busy elsewhere, time off, calls, their topics;
    # the frame's membership, and whether what is kept holds
    with django_assert_num_queries(9):
        response = client.get(URL)

    shown = [
        one.call
        for column in response.context["grid"].columns
        for one in column.day.stretches
        if one.call
    ]
    assert shown == own


def test_each_call_stands_in_the_words_too(client, trainer):
    call = BookingFactory(trainer=trainer, starts_at=WEDNESDAY)

    response = client.get(URL)

    assert f"Call with {call.trainee.full_name}" in response.text
    assert call.topics.get().title in response.text


# --- The drawing ----------------------------------------------------------------------


def test_grid_shows_the_hours_used_and_eight_to_six_at_least(trainer):
    quiet = draw(week_of(trainer, MONDAY), trainer.zone)
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 4, 5, 30, tzinfo=UTC))
    early = draw(week_of(trainer, MONDAY), trainer.zone)

    assert [tick.label for tick in quiet.axis] == [
        f"{hour:02}" for hour in range(8, 18)
    ]
    assert early.axis[0].label == "06"


def test_grid_places_hours_in_per_cent(trainer):
    grid = draw(week_of(trainer, MONDAY), trainer.zone)

    (box,) = grid.columns[0].boxes
    assert (box.y, box.height) == (
        "10.000%",
        "80.000%",
    )  # nine to five, of eight to six


@pytest.mark.parametrize(
    ("monday", "labels"),
    [
        (date(2027, 3, 22), ["00", "02", "03"]),
        (date(2026, 10, 19), ["00", "01", "01", "02"]),
    ],
)
def test_day_of_a_clock_change_has_hours_of_its_own(wednesday, monday, labels):
    trainer = TrainerFactory(weekly_hours=[(6, 0, 480)])

    *_others, sunday = draw(week_of(trainer, monday), trainer.zone).columns

    assert not sunday.is_usual
    assert [tick.label for tick in sunday.ticks][: len(labels)] == labels


def test_half_hour_change_is_drawn(wednesday):
    trainer = TrainerFactory(
        time_zone="Australia/Lord_Howe", weekly_hours=[(6, 0, 1440)]
    )

    grid = draw(week_of(trainer, date(2026, 9, 28)), trainer.zone)

    assert grid.columns[6].change == "23.5"
    assert [tick.label for tick in grid.axis] == [f"{hour:02}" for hour in range(24)]

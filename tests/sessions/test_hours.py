from datetime import UTC, datetime

import pytest
import time_machine
from schedule.models import Event, Rule

from lms.audit.models import Event as Logged
from lms.errors import Refused
from sessions.hours import (
    Window,
    format_hours,
    parse_hours,
    set_rules,
    set_weekly_hours,
    set_zone,
    weekly_hours,
)
from sessions.models import Trainer
from tests.factories import TrainerFactory


@pytest.mark.django_db
@pytest.mark.parametrize(
    "zone", ["Europe/London", "America/New_York", "Australia/Lord_Howe", "UTC"]
)
@pytest.mark.parametrize(
    "today", ["2026-03-30", "2026-10-26", "2026-04-06", "2026-11-02", "2026-07-01"]
)
def test_weekly_hours_read_back_as_written_whenever_they_were_set(zone, today):
    windows = [(0, 0, 90), (0, 150, 180), (2, 22 * 60, 26 * 60), (6, 60, 24 * 60)]
    with time_machine.travel(datetime.fromisoformat(today).replace(tzinfo=UTC)):
        trainer = TrainerFactory(time_zone=zone, weekly_hours=windows)

    assert weekly_hours([trainer]) == {trainer.pk: windows}


@pytest.mark.django_db
def test_weekly_hours_share_one_rule_without_params():
    TrainerFactory()
    TrainerFactory()

    assert [rule.params for rule in Rule.objects.all()] == [""]
    assert Event.objects.count() == 10


@pytest.mark.django_db
@pytest.mark.parametrize("trainers", [1, 3])
def test_weekly_hours_of_any_number_take_one_query(trainers, django_assert_num_queries):
    everyone = TrainerFactory.create_batch(trainers)

    with django_assert_num_queries(1):
        found = weekly_hours(everyone)

    assert {len(windows) for windows in found.values()} == {5}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "windows",
    [
        [(0, 600, 600)],
        [(0, 600, 540)],
        [(7, 540, 600)],
        [(0, -1, 600)],
        [(0, 540, 540 + 24 * 60 + 1)],
        [(0, 540, 720), (0, 719, 800)],
        [(6, 22 * 60, 26 * 60), (0, 60, 180)],
    ],
)
def test_set_weekly_hours_refuses_empty_and_overlapping(windows):
    trainer = TrainerFactory(weekly_hours=[(3, 60, 120)])

    with pytest.raises(Refused):
        set_weekly_hours(trainer, windows)

    assert weekly_hours([trainer]) == {trainer.pk: [Window(3, 60, 120)]}


@pytest.mark.django_db
def test_set_weekly_hours_lets_windows_touch():
    trainer = TrainerFactory(weekly_hours=[(0, 540, 720), (0, 720, 800)])

    assert len(weekly_hours([trainer])[trainer.pk]) == 2


@pytest.mark.django_db
def test_set_zone_keeps_the_hours_as_the_clock_shows_them():
    trainer = TrainerFactory(weekly_hours=[(0, 540, 1020)])

    set_zone(trainer, "Asia/Tokyo")

    assert weekly_hours([trainer]) == {trainer.pk: [Window(0, 540, 1020)]}


@pytest.mark.django_db
def test_set_zone_refuses_a_zone_that_is_not():
    trainer = TrainerFactory()

    with pytest.raises(Refused):
        set_zone(trainer, "Mars/Olympus")

    assert Trainer.objects.get().time_zone == "Europe/London"


RULES = {
    "rest_minutes": 15,
    "notice_hours": 2,
    "horizon_days": 30,
    "day_cap": 4,
    "week_cap": None,
    "languages": ["de", "en", "de"],
}


@pytest.mark.django_db
def test_set_rules_sets_and_logs_them():
    trainer = TrainerFactory()

    set_rules(trainer, **RULES, by=trainer.user)

    found = Trainer.objects.values(*RULES).get()
    assert found == RULES | {"languages": ["de", "en"]}
    assert Logged.objects.get(verb="set_rules").actor == trainer.user


@pytest.mark.django_db
@pytest.mark.parametrize(
    "wrong",
    [
        {"rest_minutes": -1},
        {"rest_minutes": 241},
        {"notice_hours": -1},
        {"notice_hours": 30 * 24},  # as long as the horizon
        {"horizon_days": 0},
        {"horizon_days": 366},
        {"day_cap": 0},
        {"week_cap": -1},
        {"week_cap": 3},  # below the day's
        {"languages": []},
        {"languages": ["xx"]},
    ],
)
def test_set_rules_refuses_rules_under_which_nothing_works(wrong):
    trainer = TrainerFactory()
    before = Trainer.objects.values().get()

    with pytest.raises(Refused):
        set_rules(trainer, **(RULES | wrong), by=trainer.user)

    assert Trainer.objects.values().get() == before


@pytest.mark.django_db
def test_set_rules_lets_the_notice_be_just_shorter_than_the_horizon():
    trainer = TrainerFactory()

    set_rules(trainer, **(RULES | {"notice_hours": 30 * 24 - 1}), by=None)

    assert Trainer.objects.get().notice_hours == 719


@pytest.mark.parametrize(
    ("text", "windows"),
    [
        ("", []),
        ("Mon 09:00-12:00, 13:00-17:00", [(0, 540, 720), (0, 780, 1020)]),
        ("mon-wed 9:00–10:00", [(0, 540, 600), (1, 540, 600), (2, 540, 600)]),
        ("Sat-Mon 09.00-10.00", [(0, 540, 600), (5, 540, 600), (6, 540, 600)]),
        ("Tuesday, Thursday 09:00-10:00", [(1, 540, 600), (3, 540, 600)]),
        ("Fri 22:00-02:00; Sun 10:00-24:00", [(4, 1320, 1560), (6, 600, 1440)]),
        ("Mon 09:00-10:00\n\n Tue 09:00-10:00 \n", [(0, 540, 600), (1, 540, 600)]),
    ],
)
def test_parse_hours_reads_what_people_write(text, windows):
    assert parse_hours(text) == windows


@pytest.mark.parametrize(
    "text",
    [
        "Mon",
        "09:00-10:00",
        "Mon 9-10",
        "Mon 09:00",
        "Mon 25:00-26:00",
        "Mon 09:60-10:00",
        "Funday 09:00-10:00",
        "Mon-Funday 09:00-10:00",
        "Mon 09:00-10:00 x",
        "Mon 09:00-12:00, 11:00-13:00",
        "<script>",
        "Mon 09:00-10:00\x00",
    ],
)
def test_parse_hours_refuses_what_it_cannot_read(text):
    with pytest.raises(Refused):
        parse_hours(text)


def test_format_hours_writes_what_parse_hours_reads():
    text = "Mon 09:00-12:00, 13:00-17:00\nFri 22:00-02:00\nSun 10:00-00:00"

    assert format_hours(parse_hours(text)) == text

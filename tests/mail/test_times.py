"""Times as people read them, in pages and in mail."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.template import Context, Template

from lms.mail import times
from lms.mail.zones import ZONES, city

ROOT = Path(__file__).resolve().parents[2]

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
pytestmark = pytest.mark.usefixtures("_sunday")


@pytest.fixture
def _sunday() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "zone", "words"),
    [
        (at(2026, 11, 24, 14), "Europe/London", "Tue 24 Nov, 14:00 (London)"),
        (at(2026, 11, 24, 14), "America/New_York", "Tue 24 Nov, 09:00 (New York)"),
        (at(2026, 11, 24, 23), "Asia/Kolkata", "Wed 25 Nov, 04:30 (Kolkata)"),
        (at(2026, 11, 24, 14), "UTC", "Tue 24 Nov, 14:00 (UTC)"),
        (
            at(2026, 11, 24, 14),
            "America/Argentina/Buenos_Aires",
            "Tue 24 Nov, 11:00 (Buenos Aires)",
        ),
    ],
)
def test_moment_is_in_the_readers_zone(moment: datetime, zone: str, words: str) -> None:
    assert times.moment(moment, zone) == words


@pytest.mark.parametrize(
    ("moment", "clock"),
    [
        (at(2026, 3, 29, 0, 59), "00:59"),
        (at(2026, 3, 29, 1, 0), "02:00"),
        (at(2026, 10, 24, 23, 59), "00:59"),
        (at(2026, 10, 25, 0, 30), "01:30 BST"),
        (at(2026, 10, 25, 1, 30), "01:30 GMT"),
        (at(2026, 10, 25, 2, 0), "02:00"),
    ],
    ids=["before", "spring", "before autumn", "first", "second", "after"],
)
def test_clock_changes_leave_no_doubt(moment: datetime, clock: str) -> None:
    assert times.clock(moment, "Europe/London") == clock


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (180, "Fri 21 May"),
        (181, "Sat 22 May 2027"),
        (-180, "Tue 26 May"),
        (-181, "Mon 25 May 2026"),
    ],
)
def test_day_far_away_has_its_year(days: int, words: str) -> None:
    assert times.day(NOW + timedelta(days=days), "UTC") == words


def test_day_is_the_readers() -> None:
    assert times.day(at(2026, 11, 24, 23, 30), "Asia/Tokyo") == "Wed 25 Nov"


def test_span_names_the_zone_once() -> None:
    words = times.span(at(2026, 11, 24, 14), at(2026, 11, 24, 14, 45), "Europe/London")

    assert words == "Tue 24 Nov, 14:00–14:45 (London)"


def test_span_past_midnight_names_both_days() -> None:
    words = times.span(at(2026, 11, 24, 23, 30), at(2026, 11, 25, 0, 15), "UTC")

    assert words == "Tue 24 Nov, 23:30–Wed 25 Nov, 00:15 (UTC)"


def test_span_over_the_change_shows_both_clocks() -> None:
    words = times.span(at(2026, 3, 29, 0, 45), at(2026, 3, 29, 1, 15), "Europe/London")

    assert words.endswith(", 00:45–02:15 (London)")


def test_length_and_date() -> None:
    assert times.length(timedelta(minutes=45)) == "45 minutes"
    assert times.on_day(date(2026, 11, 24)) == "24 November 2026"


def render(source: str) -> str:
    words = {"a": at(2026, 11, 24, 14), "b": at(2026, 11, 24, 15), "z": "Europe/London"}
    return Template("{% load times %}" + source).render(
        Context(words | {"on": date(2026, 11, 24), "none": None})
    )


@pytest.mark.parametrize(
    ("source", "html"),
    [
        (
            "{% local_time a z %}",
            '<time datetime="2026-11-24T14:00:00+00:00">Tue 24 Nov, 14:00 (London)'
            "</time>",
        ),
        (
            "{% local_day a z %}",
            '<time datetime="2026-11-24T14:00:00+00:00">Tue 24 Nov</time>',
        ),
        (
            "{% local_clock a z %}",
            '<time datetime="2026-11-24T14:00:00+00:00">14:00</time>',
        ),
        ("{{ on|on_day }}", '<time datetime="2026-11-24">24 November 2026</time>'),
        ("{{ none|on_day }}", ""),
        ("{{ a|moment:z }}", "Tue 24 Nov, 14:00 (London)"),
        ("{% span a b z %}", "Tue 24 Nov, 14:00–15:00 (London)"),
    ],
)
def test_tags_write_elements_and_filters_words(source: str, html: str) -> None:
    assert render(source) == html


def test_zones_are_cities_and_utc() -> None:
    names = [name for name, _label in ZONES]

    assert names[0] == "UTC"
    assert {"Europe/London", "America/New_York"} <= set(names)
    assert not {"EST", "Etc/GMT+5", "Europe"} & set(names)
    assert city("America/Argentina/Buenos_Aires") == "Buenos Aires"


def test_no_migration_lists_zones_that_another_machine_may_lack():
    for path in ROOT.glob("**/migrations/0*.py"):
        if ".venv" not in path.parts:
            assert "Pacific/Auckland" not in path.read_text(), path

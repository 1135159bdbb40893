from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sessions.minutes import instant


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("minute", "is_end", "utc"),
    [
        (59, False, "2027-03-28 00:59"),
        (90, False, "2027-03-28 01:00"),  # 01:30 is not there: the jump itself
        (90, True, "2027-03-28 01:00"),
        (120, False, "2027-03-28 01:00"),
        (24 * 60 + 60, True, "2027-03-29 00:00"),
    ],
)
def test_an_edge_in_the_gap_is_the_jump(minute, is_end, utc):
    day = date(2027, 3, 28).toordinal()

    found = instant(ZoneInfo("Europe/London"), day, minute, is_end=is_end)

    assert datetime.fromtimestamp(found * 60, UTC) == at(utc)


@pytest.mark.parametrize(
    ("minute", "is_end", "utc"),
    [
        (90, False, "2027-10-31 00:30"),  # the first 01:30
        (90, True, "2027-10-31 01:30"),  # the last
        (120, False, "2027-10-31 02:00"),
    ],
)
def test_an_edge_in_the_repeated_hour_is_the_outer_one(minute, is_end, utc):
    day = date(2027, 10, 31).toordinal()

    found = instant(ZoneInfo("Europe/London"), day, minute, is_end=is_end)

    assert datetime.fromtimestamp(found * 60, UTC) == at(utc)

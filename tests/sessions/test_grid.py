"""The grid against a brute force, which looks at every minute by itself."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.grid import Asked, Calls, Hours, Said, Weekly, stretches
from sessions.hours import Window
from sessions.models import Trainer

DAY = 24 * 60
AROUND = 8 * DAY  # the caps of a week look that far


def minute_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


# A zone, and an instant near which its clock or its calendar does something.
MOMENTS = [
    ("UTC", "2028-02-29 12:00"),  # the leap day
    ("Europe/London", "2027-03-28 01:00"),
    ("Europe/London", "2027-10-31 01:00"),
    ("America/New_York", "2027-03-14 07:00"),
    ("America/New_York", "2027-11-07 06:00"),
    ("Australia/Lord_Howe", "2027-04-03 15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2027-10-02 15:30"),
    ("America/Santiago", "2027-04-04 03:00"),  # at midnight, back
    ("America/Santiago", "2027-09-05 04:00"),  # at midnight, ahead
    ("America/Havana", "2027-11-07 05:00"),  # midnight comes twice
    ("Asia/Kolkata", "2028-02-29 12:00"),
    ("Asia/Kathmandu", "2027-12-31 18:15"),  # 5:45 ahead; the year ends
    ("Pacific/Apia", "2011-12-30 10:00"),  # without a 30 December
    ("Pacific/Apia", "2027-05-31 11:00"),
    ("Pacific/Kiritimati", "2027-12-31 10:00"),
]

FROM_THE_START, FOR_GOOD = date(2010, 1, 4).toordinal(), date.max.toordinal()
windows = st.builds(
    lambda weekday, start, length: Window(weekday, start, start + length),
    st.integers(0, 6),
    st.integers(0, DAY - 1),
    st.integers(1, DAY),
)
weekly = st.builds(
    Weekly,
    windows,
    st.sampled_from([FROM_THE_START] * 3 + [date(2027, 11, 1).toordinal()]),
    st.sampled_from([FOR_GOOD] * 3 + [date(2027, 10, 31).toordinal()]),
)
spans = st.builds(
    lambda start, length: (start, start + length),
    st.integers(-2000, 3000),
    st.integers(1, 900),
)
near = st.builds(
    lambda start, length: (start, start + length),
    st.integers(-AROUND + DAY, AROUND - DAY),
    st.integers(5, 90),
)


@cache
def clock(zone: str, middle: int) -> dict[int, datetime]:
    """What the zone's clock shows in each minute around a moment."""
    return {
        minute: datetime.fromtimestamp(minute * 60, ZoneInfo(zone))
        for minute in range(middle - AROUND, middle + AROUND)
    }


@cache
def by_clock(zone: str, middle: int) -> dict[datetime, list[int]]:
    """In which minutes the clock shows something: in two, where it went back."""
    found: dict[datetime, list[int]] = {}
    for minute, wall in clock(zone, middle).items():
        found.setdefault(wall.replace(tzinfo=None), []).append(minute)
    return found


def brute_force(trainer, hours, calls, asked, middle):
    """Decide each minute by itself, from the wall clock of that very minute."""
    walls = clock(trainer.time_zone, middle)
    shown = by_clock(trainer.time_zone, middle)
    owners = owners_of_minutes(hours, shown)
    busy = {m for start, end in calls.held for m in range(start, end)}
    busy_too = {m for start, end in calls.elsewhere for m in range(start, end)}
    days = [walls[minute].date() for minute, _end in calls.held]
    weeks = [day.isocalendar()[:2] for day in days]

    def is_free(start):
        end = start + asked.length
        day = walls[start].date()
        return (
            start in owners
            and (start - min(owners[start])[1]) % 15 == 0
            and all(minute in owners for minute in range(start, end))
            and busy.isdisjoint(range(start, end + trainer.rest_minutes))
            and busy_too.isdisjoint(range(start, end))
            and (trainer.day_cap is None or days.count(day) < trainer.day_cap)
            and (
                trainer.week_cap is None
                or weeks.count(day.isocalendar()[:2]) < trainer.week_cap
            )
        )

    return [start for start in range(asked.first, asked.last) if is_free(start)]


def owners_of_minutes(hours, shown):
    """Which stretches of open time each minute is in: their first minute, the grid's.

    What was said is replayed in its order: extra hours open, time off closes.
    """
    stretches = [
        (start, set(range(start, end)))
        for one in hours.weekly
        for start, end in occurrences(one, shown)
    ]
    said = [(one, True) for one in hours.extra] + [(one, False) for one in hours.off]
    for one, opens in sorted(said, key=lambda each: each[0].place):
        minutes = set(range(*one.time))
        if opens:
            stretches.append((one.time[0], minutes))
        else:
            stretches = [(anchor, opened - minutes) for anchor, opened in stretches]
    owners: dict[int, set[tuple[int, int]]] = {}
    for anchor, opened in stretches:
        for minute in sorted(opened):
            if minute - 1 not in opened:
                first = minute
            owners.setdefault(minute, set()).add((first, anchor))
    return owners


def occurrences(weekly, shown):
    """Find a window on each local date by looking at the clock minute by minute."""
    window, since, until = weekly
    for day in sorted({wall.date() for wall in shown}):
        if day.weekday() != window.weekday or not since <= day.toordinal() <= until:
            continue
        midnight = datetime.combine(day, time())
        start = edge(shown, midnight + timedelta(minutes=window.start), min)
        end = edge(shown, midnight + timedelta(minutes=window.end), max)
        if start is not None and end is not None and start < end:
            yield start, end


def edge(shown, wall, which):
    """The first or last time the clock shows this, or the first time after it."""
    if wall > max(shown) or wall < min(shown):
        return None
    while wall not in shown:
        wall += timedelta(minutes=1)
        which = min
    return which(shown[wall])


@settings(max_examples=120, deadline=None, derandomize=True)
@given(
    moment=st.sampled_from(MOMENTS),
    week=st.lists(weekly, max_size=5),
    said=st.lists(st.tuples(st.booleans(), spans), max_size=4),
    busy=st.lists(near, max_size=4),
    elsewhere=st.lists(spans, max_size=4),
    length=st.integers(5, 90),
    rest=st.integers(0, 20),
    caps=st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 4)),
    stretch=st.sampled_from([(-DAY, DAY), (-60, 120), (0, 1)]),
)
def test_slots_are_those_a_look_at_every_minute_finds(
    moment, week, said, busy, elsewhere, length, rest, caps, stretch
):
    zone, middle = moment[0], minute_of(moment[1])

    def placed(spans):
        return [(middle + start, middle + end) for start, end in spans]

    trainer = Trainer(
        time_zone=zone, rest_minutes=rest, day_cap=caps[0], week_cap=caps[1]
    )
    hours = Hours(weekly=week)
    for place, (is_off, span) in enumerate(said):
        (hours.off if is_off else hours.extra).append(Said(placed([span])[0], place))
    calls = Calls(held=placed(busy), elsewhere=placed(elsewhere))
    asked = Asked(length, middle + stretch[0], middle + stretch[1])

    found = [one for each in stretches(trainer, hours, calls, asked) for one in each]

    assert found == brute_force(trainer, hours, calls, asked, middle)

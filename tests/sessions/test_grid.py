"""The grid against a brute force, which looks at every minute by itself.

All of it lies near moments at which a clock or a calendar does something: hours, time
off and calls drawn from a whole year would meet them too rarely to prove anything.
"""

from datetime import UTC, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.grid import Asked, Calls, Hours, Said, Weekly, stretches
from sessions.hours import Window
from sessions.models import Trainer

DAY = 24 * 60


def minute_of(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 60


# A zone, and an instant at which its clock or its calendar does something.
MOMENTS = [
    ("UTC", "2028-02-29 00:00"),  # the leap day begins, and ends
    ("America/Sao_Paulo", "2028-03-01 03:00"),
    ("Europe/London", "2027-03-28 01:00"),
    ("Europe/London", "2027-10-31 01:00"),
    ("America/New_York", "2027-03-14 07:00"),
    ("America/New_York", "2027-11-07 06:00"),
    ("Australia/Lord_Howe", "2027-04-03 15:00"),  # by half an hour
    ("Australia/Lord_Howe", "2027-10-02 15:30"),
    ("America/Santiago", "2027-04-04 03:00"),  # at midnight, back
    ("America/Santiago", "2027-09-05 04:00"),  # at midnight, ahead
    ("America/Havana", "2027-11-07 05:00"),  # midnight comes twice
    ("Asia/Kolkata", "2028-02-28 18:30"),
    ("Asia/Kathmandu", "2027-12-31 18:15"),  # 5:45 ahead; the year ends
    ("Pacific/Apia", "2011-12-30 10:00"),  # without a 30 December
    ("Pacific/Apia", "2027-08-29 11:00"),  # midnight between two ISO weeks
    ("Pacific/Kiritimati", "2027-12-31 10:00"),
]


def minutes(low: int, high: int) -> st.SearchStrategy[int]:
    """Any minute, and as often one of every five: edges are to meet."""
    return st.integers(low, high) | st.integers(low // 5, high // 5).map(
        lambda n: 5 * n
    )


# Of weekly hours: the day and the minute, from what the clock shows at the moment.
WEEKLY = st.tuples(
    st.sampled_from([0] * 5 + [-1, -1, 1, 3]),
    minutes(-130, 70),
    minutes(5, 130) | minutes(5, 130) | minutes(600, DAY),
    st.sampled_from([-999] * 4 + [0, 1]),  # since
    st.sampled_from([999] * 4 + [0, -1]),  # until
)


def spans(start: st.SearchStrategy[int], longest: int) -> st.SearchStrategy:
    return st.builds(
        lambda start, length: (start, start + length), start, minutes(5, longest)
    )


NEAR = spans(minutes(-200, 300), 150)
BUSY = spans(minutes(-200, 300) | minutes(-6 * DAY, 6 * DAY), 90)


@cache
def clock(zone: str, minute: int) -> datetime:
    """What the zone's clock shows in a minute."""
    return datetime.fromtimestamp(minute * 60, ZoneInfo(zone))


@cache
def by_clock(zone: str, middle: int) -> dict[datetime, list[int]]:
    """In which minutes the clock shows something: in two, where it went back."""
    found: dict[datetime, list[int]] = {}
    for minute in range(middle - 4 * DAY, middle + 4 * DAY):
        found.setdefault(clock(zone, minute).replace(tzinfo=None), []).append(minute)
    return found


def brute_force(trainer, hours, calls, asked, middle):
    """Decide each minute by itself, from the wall clock of that very minute."""
    zone = trainer.time_zone
    owners = owners_of_minutes(hours, by_clock(zone, middle))
    busy = {m for start, end in calls.held for m in range(start, end)}
    busy_too = {m for start, end in calls.elsewhere for m in range(start, end)}
    days = [clock(zone, minute).date() for minute, _end in calls.held]
    weeks = [day.isocalendar()[:2] for day in days]

    def is_free(start):
        end = start + asked.length
        day = clock(zone, start).date()
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


def weekly_near(zone, middle, drawn):
    """Weekly hours as drawn, from the clock's day and minute just before the moment."""
    day, minute, length, since, until = drawn
    wall = clock(zone, middle - 1).replace(tzinfo=None) + timedelta(minutes=1 + minute)
    start = wall.hour * 60 + wall.minute
    window = Window((wall.weekday() + day) % 7, start, start + length)
    today = wall.toordinal()
    return Weekly(window, today + since, today + until)


@settings(max_examples=600, deadline=None, derandomize=True)
@given(
    moment=st.sampled_from(MOMENTS),
    week=st.lists(WEEKLY, min_size=1, max_size=3),
    said=st.lists(st.tuples(st.booleans(), NEAR), max_size=2),
    held=st.lists(BUSY, max_size=3),
    elsewhere=st.lists(NEAR, max_size=1),
    length=minutes(5, 90),
    rest=minutes(0, 20),
    caps=st.tuples(st.none() | st.integers(0, 3), st.none() | st.integers(0, 4)),
    asked=st.sampled_from([(-200, 300)] * 4 + [(-30, 90), (-1500, -1300), (0, 1)]),
)
def test_slots_are_those_a_look_at_every_minute_finds(
    moment, week, said, held, elsewhere, length, rest, caps, asked
):
    zone, middle = moment[0], minute_of(moment[1])
    trainer = Trainer(
        time_zone=zone, rest_minutes=rest, day_cap=caps[0], week_cap=caps[1]
    )

    def placed(spans):
        return [(middle + start, middle + end) for start, end in spans]

    hours = Hours(weekly=[weekly_near(zone, middle, drawn) for drawn in week])
    for place, (is_off, span) in enumerate(said):
        (hours.off if is_off else hours.extra).append(Said(placed([span])[0], place))
    calls = Calls(held=placed(held), elsewhere=placed(elsewhere))
    asked = Asked(length, middle + asked[0], middle + asked[1])

    found = [one for each in stretches(trainer, hours, calls, asked) for one in each]

    assert found == brute_force(trainer, hours, calls, asked, middle)

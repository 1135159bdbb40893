"""When a calendar file says busy, and that no file can do harm."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sessions.minutes import down, instant
from sessions.outside_fetch import CannotRead
from sessions.outside_spans import MOST_SPANS, Wanted, busy_spans

LONDON = ZoneInfo("Europe/London")
FIRST = datetime(2026, 11, 22, tzinfo=UTC)
LAST = datetime(2027, 1, 24, tzinfo=UTC)
WANTED = Wanted(LONDON, down(FIRST), down(LAST), "calls.example.com")


def file(*entries: str, head: str = "", end: str = "END:VCALENDAR") -> bytes:
    """A calendar of events, each given by its lines."""
    events = "".join(f"BEGIN:VEVENT\n{entry}\nEND:VEVENT\n" for entry in entries)
    text = f"BEGIN:VCALENDAR\nVERSION:2.0\n{head}{events}{end}\n"
    return text.replace("\n", "\r\n").encode()


def event(start: str, *lines: str, end: str = "", uid: str = "one") -> str:
    given_end = [f"DTEND{end}"] if end else []
    return "\n".join([f"UID:{uid}", f"DTSTART{start}", *given_end, *lines])


def busy(data: bytes, wanted: Wanted = WANTED) -> list[tuple[str, str]]:
    """The spans, in UTC: "24 10:00" is of November."""

    def written(minute: int) -> str:
        at = datetime.fromtimestamp(minute * 60, UTC)
        return f"{at:%d %H:%M}" if at.month == 11 else f"{at:%m-%d %H:%M}"

    found = busy_spans(data, wanted)
    assert found.unread == 0
    return [(written(start), written(end)) for start, end in found.spans]


TEN = event(":20261124T100000Z", end=":20261124T110000Z")
TEN_TO_ELEVEN = [("24 10:00", "24 11:00")]


# --- What blocks -----------------------------------------------------------------


def test_entry_blocks_its_time():
    assert busy(file(TEN)) == TEN_TO_ELEVEN


@pytest.mark.parametrize(
    "entry",
    [
        event(":20261124T100000Z", "DURATION:PT1H"),
        event(":20261124T100000Z", "DURATION:P0DT0H60M"),
        event(";TZID=Europe/Berlin:20261124T110000", end=":20261124T110000Z"),
        event(';TZID="Europe/Berlin":20261124T110000', "DURATION:PT1H"),
        event(";TZID=W. Europe Standard Time:20261124T110000", "DURATION:PT1H"),
        event(";TZID=/vendor.example/Europe/Berlin:20261124T110000", "DURATION:PT1H"),
        event(";X-A=1;TZID=Asia/Kathmandu:20261124T154500", "DURATION:PT1H"),
        "dtstart:20261124T100000Z\ndtend:20261124T110000Z",
        event(":2026112\n 4T100000Z", "DURATION:P\n\tT1H"),
        f"{TEN}\nBEGIN:VALARM\nTRIGGER:-PT9H\nDURATION:PT9H\nEND:VALARM",
        f"{TEN}\nSTATUS:TENTATIVE\nTRANSP:OPAQUE",
        f"{TEN}\nSUMMARY:A secret thing\nATTENDEE:mailto:ann@example.com",
    ],
)
def test_time_is_read_in_each_way_it_is_written(entry):
    assert busy(file(entry)) == TEN_TO_ELEVEN


@pytest.mark.parametrize(
    "entry",
    [
        f"{TEN}\nTRANSP:TRANSPARENT",
        f"{TEN}\nSTATUS:CANCELLED",
        f"{TEN}\nX-MICROSOFT-CDO-BUSYSTATUS:FREE",
        event(":20261124T100000Z", end=":20261124T100000Z"),
        event(":20261124T100000Z"),
        event(":20261124T100000Z", "DURATION:PT0S"),
        event(":20261124T100000Z", "DURATION:PT1H", uid="7@calls.example.com"),
        event(":20261124T100000Z", "DURATION:PT1H", uid="7@CALLS.example.com"),
    ],
)
def test_what_is_free_cancelled_empty_or_ours_does_not_block(entry):
    assert busy(file(entry)) == []


@pytest.mark.parametrize(
    ("start", "end", "blocks"),
    [
        ("20261121T230000Z", "20261122T000000Z", False),
        ("20261121T230000Z", "20261122T000100Z", True),
        ("20270123T235900Z", "20270124T010000Z", True),
        ("20270124T000000Z", "20270124T010000Z", False),
    ],
)
def test_only_what_meets_the_time_asked_for_is_kept(start, end, blocks):
    found = busy_spans(file(event(f":{start}", end=f":{end}")), WANTED)

    assert bool(found.spans) == blocks


def test_seconds_are_rounded_outwards():
    entry = event(":20261124T100030Z", end=":20261124T105930Z")

    assert busy(file(entry)) == TEN_TO_ELEVEN


def test_times_that_overlap_or_touch_are_one():
    entries = [
        event(":20261124T103000Z", "DURATION:PT1H", uid="a"),
        TEN,
        event(":20261124T113000Z", "DURATION:PT30M", uid="b"),
        event(":20261124T130000Z", "DURATION:PT30M", uid="c"),
    ]

    assert busy(file(*entries)) == [("24 10:00", "24 12:00"), ("24 13:00", "24 13:30")]


def test_time_without_a_zone_is_the_trainers():
    new_york = Wanted(ZoneInfo("America/New_York"), WANTED.first, WANTED.last)
    data = file(event(":20261124T050000", "DURATION:PT1H"))

    assert busy(data, new_york) == TEN_TO_ELEVEN


@pytest.mark.parametrize(
    "name", ["Nowhere/City", "Europe", "../../etc/passwd", "\x00", "", "x" * 5000]
)
def test_time_of_an_unknown_zone_is_the_trainers(name):
    data = file(event(f";TZID={name}:20261124T100000", "DURATION:PT1H"), TEN)

    assert busy(data) == TEN_TO_ELEVEN


CUSTOM_ZONE = """BEGIN:VTIMEZONE
TZID:Customized Time Zone
BEGIN:STANDARD
DTSTART:16010101T020000
TZOFFSETFROM:+0400
TZOFFSETTO:+0300
END:STANDARD
END:VTIMEZONE
"""


def test_zone_that_the_file_describes_is_taken_from_it():
    entry = event(";TZID=Customized Time Zone:20261124T130000", "DURATION:PT1H")
    before = file(entry, head=CUSTOM_ZONE)
    after = file(entry, end=f"{CUSTOM_ZONE}END:VCALENDAR")

    assert busy(before) == busy(after) == TEN_TO_ELEVEN


@pytest.mark.parametrize("broken", ["TZOFFSETTO:nonsense", "", "TZOFFSETTO:+9900"])
def test_zone_described_badly_is_the_trainers(broken):
    zone = CUSTOM_ZONE.replace("TZOFFSETTO:+0300", broken)
    entry = event(";TZID=Customized Time Zone:20261124T100000", "DURATION:PT1H")

    assert busy(file(entry, head=zone)) == TEN_TO_ELEVEN


# --- Whole days ------------------------------------------------------------------


def test_whole_day_is_the_local_date_of_the_trainer():
    data = file(event(";VALUE=DATE:20261124"))
    tokyo = Wanted(ZoneInfo("Asia/Tokyo"), WANTED.first, WANTED.last)

    assert busy(data) == [("24 00:00", "25 00:00")]
    assert busy(data, tokyo) == [("23 15:00", "24 15:00")]


def test_whole_day_is_the_local_date_of_the_calendar_that_has_a_zone():
    data = file(
        event(";VALUE=DATE:20261124", end=";VALUE=DATE:20261126"),
        head="X-WR-TIMEZONE:Asia/Tokyo\n",
    )

    assert busy(data) == [("23 15:00", "25 15:00")]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/London", date(2027, 3, 28)),
        ("Europe/London", date(2027, 10, 31)),
        ("America/Havana", date(2027, 3, 14)),  # no midnight
        ("America/Havana", date(2027, 11, 7)),  # midnight twice
        ("Australia/Lord_Howe", date(2027, 4, 4)),
        ("Pacific/Kiritimati", date(2028, 2, 29)),
    ],
)
def test_whole_day_lasts_as_long_as_its_date(zone, day):
    at = datetime(day.year, day.month, day.day, tzinfo=UTC)
    around = Wanted(
        ZoneInfo(zone),
        down(at - timedelta(days=3)),
        down(at + timedelta(days=3)),
    )

    found = busy_spans(file(event(f";VALUE=DATE:{day:%Y%m%d}")), around)

    ordinal = day.toordinal()
    assert found.spans == [
        (
            instant(ZoneInfo(zone), ordinal, 0, is_end=False),
            instant(ZoneInfo(zone), ordinal + 1, 0, is_end=False),
        )
    ]


def test_every_whole_day_of_a_series_blocks():
    entry = event(";VALUE=DATE:20201124", "RRULE:FREQ=YEARLY;UNTIL=20261124")

    assert busy(file(entry)) == [("24 00:00", "25 00:00")]


# --- Series ----------------------------------------------------------------------

DAILY = event(
    ";TZID=Europe/Berlin:20261123T100000",
    "RRULE:FREQ=DAILY;COUNT=4",
    end=";TZID=Europe/Berlin:20261123T110000",
)
FOUR = [(f"{day} 09:00", f"{day} 10:00") for day in (23, 24, 25, 26)]


def test_series_blocks_each_time():
    assert busy(file(DAILY)) == FOUR


def test_series_keeps_to_its_clock_over_a_change():
    entry = event(
        ";TZID=America/New_York:20270308T090000",
        "RRULE:FREQ=WEEKLY;COUNT=2",
        "DURATION:PT1H",
    )
    march = Wanted(
        LONDON,
        down(datetime(2027, 3, 1, tzinfo=UTC)),
        down(datetime(2027, 4, 1, tzinfo=UTC)),
    )

    assert busy(file(entry), march) == [
        ("03-08 14:00", "03-08 15:00"),
        ("03-15 13:00", "03-15 14:00"),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=DAILY;UNTIL=20261126T090000Z",
        "FREQ=DAILY;UNTIL=20261126T100000",
        "FREQ=DAILY;UNTIL=20261126",
        "UNTIL=20261126;FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;WKST=SU",
        "freq=daily;count=4",
        "RSCALE=GREGORIAN;FREQ=DAILY;COUNT=4;SKIP=OMIT",
    ],
)
def test_series_ends_where_it_says(rule):
    assert busy(file(DAILY.replace("FREQ=DAILY;COUNT=4", rule))) == FOUR


@pytest.mark.parametrize(
    ("start", "rule"),
    [
        ("19700101T090000", "FREQ=DAILY"),
        ("19700105T090000", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU"),
        ("20250120T090000", "FREQ=HOURLY;INTERVAL=24"),
        (
            "20201124T090000",
            "FREQ=MONTHLY;BYMONTHDAY=" + ",".join(map(str, range(1, 32))),
        ),
        ("20261101T090000", "FREQ=DAILY;COUNT=-1"),
    ],
)
def test_series_that_began_long_ago_goes_on(start, rule):
    entry = event(f":{start}Z", "DURATION:PT1H", f"RRULE:{rule}")

    assert busy(file(entry))[:3] == [
        (f"{day} 09:00", f"{day} 10:00") for day in (22, 23, 24)
    ]


def test_every_second_week_is_counted_from_the_first():
    entry = event(
        ":20200106T090000Z", "DURATION:PT1H", "RRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=TU"
    )

    assert [day for day, _end in busy(file(entry))][:2] == [
        "12-01 09:00",
        "12-15 09:00",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "EXDATE;TZID=Europe/Berlin:20261124T100000",
        "EXDATE:20261124T090000Z",
        "EXDATE:20261124T090000Z,nonsense,00010101T000000",
        "EXDATE;VALUE=DATE:20261124",
        "EXDATE:19990101T090000Z\nEXDATE:20261124T090000Z",
    ],
)
def test_time_left_out_of_a_series_does_not_block(line):
    assert busy(file(f"{DAILY}\n{line}")) == [FOUR[0], *FOUR[2:]]


@pytest.mark.parametrize(
    "line",
    [
        "RDATE;TZID=Europe/Berlin:20261128T100000",
        "RDATE:20261128T090000Z,20261124T090000Z",
        "RDATE;VALUE=PERIOD:20261128T090000Z/PT1H",
        "RDATE;VALUE=PERIOD:20261128T090000Z/20261128T100000Z",
    ],
)
def test_time_added_to_a_series_blocks(line):
    assert busy(file(f"{DAILY}\n{line}")) == [*FOUR, ("28 09:00", "28 10:00")]


def change(at: str, start: str, *lines: str) -> str:
    return event(start, f"RECURRENCE-ID{at}", "DURATION:PT1H", *lines)


@pytest.mark.parametrize(
    "at",
    [
        ";TZID=Europe/Berlin:20261124T100000",
        ":20261124T090000Z",
        ";VALUE=DATE:20261124",
    ],
)
def test_changed_time_of_a_series_blocks_where_it_went(at):
    moved = change(at, ":20261124T150000Z")
    expected = [FOUR[0], ("24 15:00", "24 16:00"), *FOUR[2:]]

    assert busy(file(DAILY, moved)) == busy(file(moved, DAILY)) == expected


@pytest.mark.parametrize("line", ["STATUS:CANCELLED", "TRANSP:TRANSPARENT"])
def test_time_of_a_series_that_is_cancelled_or_free_does_not_block(line):
    gone = change(":20261124T090000Z", ":20261124T090000Z", line)

    assert busy(file(DAILY, gone)) == [FOUR[0], *FOUR[2:]]


def test_last_change_of_a_time_counts():
    changes = [
        change(":20261124T090000Z", ":20261124T150000Z", "SEQUENCE:2"),
        change(":20261124T090000Z", ":20261124T120000Z", "SEQUENCE:1"),
    ]

    assert busy(file(DAILY, *changes))[1] == ("24 15:00", "24 16:00")
    assert len(busy(file(DAILY, *changes))) == 4


def test_change_without_its_series_blocks():
    assert busy(file(change(":20261124T090000Z", ":20261124T150000Z"))) == [
        ("24 15:00", "24 16:00")
    ]


def test_change_of_another_series_changes_nothing():
    other = change(":20261124T090000Z", ":20261124T150000Z").replace("one", "two")

    assert busy(file(DAILY, other)) == [*FOUR[:2], ("24 15:00", "24 16:00"), *FOUR[2:]]


def test_change_from_a_time_onwards_moves_the_rest():
    onwards = change(";RANGE=THISANDFUTURE:20261125T090000Z", ":20261125T120000Z")

    assert busy(file(DAILY, onwards)) == [
        *FOUR[:2],
        ("25 12:00", "25 13:00"),
        ("26 12:00", "26 13:00"),
    ]


def test_busy_times_without_events_block():
    listed = (
        "BEGIN:VFREEBUSY\n"
        "FREEBUSY:20261124T100000Z/PT30M,20261124T103000Z/20261124T110000Z\n"
        "FREEBUSY;FBTYPE=FREE:20261125T100000Z/PT1H\n"
        "END:VFREEBUSY\n"
    )

    assert busy(file(head=listed)) == TEN_TO_ELEVEN


def test_tasks_and_notes_do_not_block():
    task = f"BEGIN:VTODO\n{TEN}\nEND:VTODO\n"

    assert busy(file(head=task)) == []


def test_several_calendars_in_a_file_all_block():
    later = event(":20261125T100000Z", "DURATION:PT1H")

    assert busy(file(TEN) + file(later)) == [*TEN_TO_ELEVEN, ("25 10:00", "25 11:00")]


# --- What cannot be read -----------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        "DTSTART:nonsense\nDTEND:20261124T110000Z",
        "DTSTART:20261324T100000Z",
        "DTSTART:20261124T250000Z",
        "DTEND:20261124T110000Z",
        "DTSTART:20261124T100000Z\nDTEND:20261124T090000Z",
        "DTSTART:20261124T100000Z\nDTEND;VALUE=DATE:20261124",
        "DTSTART:20261124T100000Z\nDURATION:-PT1H",
        "DTSTART:20261124T100000Z\nDURATION:P",
        "DTSTART:20261124T100000Z\nDURATION:soon",
        "RECURRENCE-ID:nonsense\nDTSTART:20261124T100000Z",
        "DTSTART:00010101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;INTERVAL=0",
        "DTSTART;TZID=Asia/Tokyo:00010101T000000\nDURATION:PT1H",
    ],
)
def test_entry_that_makes_no_sense_is_counted_and_the_rest_blocks(lines):
    found = busy_spans(file(f"UID:odd\n{lines}", TEN), WANTED)

    assert found.unread == 1
    assert found.spans == busy_spans(file(TEN), WANTED).spans


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=NEVER",
        "COUNT=3",
        "FREQ=DAILY;COUNT=x",
        "FREQ=DAILY;UNTIL=soon",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=WEEKLY;BYDAY=",
        "FREQ=MONTHLY;BYSETPOS=0",
        "FREQ=DAILY;BYHOUR=99",
        "FREQ=DAILY;=;;",
        "nonsense",
    ],
)
def test_rule_that_makes_no_sense_blocks_its_first_time(rule):
    found = busy_spans(file(f"{TEN}\nRRULE:{rule}"), WANTED)

    assert found.unread == 1
    assert found.spans == busy_spans(file(TEN), WANTED).spans


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no_calendar"),
        (b"<html><title>Sign in</title></html>", "no_calendar"),
        (b"/etc/passwd", "no_calendar"),
        (b"\x00\xff\xfe" * 99, "no_calendar"),
        (b"BEGIN:VCALENDAR", "malformed"),
        (b"BEGIN:VCALENDAR\nEND:VEVENT\nEND:VCALENDAR", "malformed"),
        (b"END:VCALENDAR", "malformed"),
        (file(TEN)[:-20], "malformed"),
        (b"BEGIN:VCALENDAR\n" * 100_000, "malformed"),
        (file(f"{TEN}\nRRULE:FREQ=SECONDLY"), "too_many"),
        (file(f"{TEN}\nRRULE:FREQ=MINUTELY;INTERVAL=2"), "too_many"),
        (file(f"{TEN}\nRRULE:FREQ=SECONDLY;COUNT=1000000000"), "too_many"),
    ],
)
def test_file_that_is_none_or_without_bounds_is_refused(data, why):
    with pytest.raises(CannotRead) as refused:
        busy_spans(data, WANTED)

    assert refused.value.why == why


@pytest.mark.parametrize("over", [0, 1])
def test_as_many_times_are_kept_as_the_limit_says(over):
    minutes = [
        FIRST + timedelta(minutes=30 * n) for n in range(1, MOST_SPANS + 1 + over)
    ]
    data = file(
        *(
            event(f":{at:%Y%m%dT%H%M%SZ}", "DURATION:PT5M", uid=str(at))
            for at in minutes
        )
    )

    if over:
        with pytest.raises(CannotRead, match="too_many"):
            busy_spans(data, WANTED)
    else:
        assert len(busy_spans(data, WANTED).spans) == MOST_SPANS


def test_components_in_components_without_end_do_no_harm():
    deep = "BEGIN:X\n" * 200_000 + "END:X\n" * 200_000

    assert busy(file(TEN, head=deep)) == TEN_TO_ELEVEN


@pytest.mark.parametrize(
    "encoded",
    [
        "latin-1",
        "utf-16",
        "utf-8-sig",
    ],
)
def test_file_in_another_encoding_is_read(encoded):
    text = file(f"{TEN}\nSUMMARY:Jos\u00e9").decode()

    assert busy(text.encode(encoded)) == TEN_TO_ELEVEN


def test_lines_may_end_as_they_like():
    data = file(TEN)

    assert busy(data.replace(b"\r\n", b"\n")) == TEN_TO_ELEVEN
    assert busy(data.replace(b"\r\n", b"\r")) == TEN_TO_ELEVEN


PIECES = st.sampled_from(
    [
        "BEGIN:VEVENT",
        "END:VEVENT",
        "BEGIN:VTIMEZONE",
        "END:VTIMEZONE",
        "TZID:X",
        "DTSTART:20261124T100000Z",
        "DTSTART;TZID=X:20261124T100000",
        "DTSTART;VALUE=DATE:20261124",
        "DTEND:20261124T110000Z",
        "DURATION:PT1H",
        "RRULE:FREQ=DAILY;COUNT=3",
        "RRULE:FREQ=YEARLY;BYWEEKNO=99;BYDAY=5MO",
        "RECURRENCE-ID:20261124T100000Z",
        "EXDATE:99991231T235959",
        "RDATE;VALUE=PERIOD:20261124T100000Z/P9999W",
        "FREEBUSY:/,P",
        "X-WR-TIMEZONE:Europe",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES | st.text(max_size=30), max_size=25), st.binary(max_size=60))
def test_whatever_a_file_holds_it_is_read_or_refused(pieces, rest):
    lines = "\n".join(["BEGIN:VCALENDAR", *pieces, "END:VCALENDAR"])

    for data in (lines.encode(errors="replace"), lines.encode(errors="replace") + rest):
        try:
            found = busy_spans(data, WANTED)
        except CannotRead:
            continue
        assert all(start < end for start, end in found.spans)

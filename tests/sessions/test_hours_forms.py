import pytest

from lms.errors import Refused
from sessions.hours import Window
from sessions.hours_forms import WeekForm, copied, read_day, tidy, write_day


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", ""),
        ("09:00-12:00", "09:00-12:00"),
        ("9-12", "09:00-12:00"),
        ("9.30 – 12", "09:30-12:00"),
        ("0900-1230", "09:00-12:30"),
        ("930 to 1230", "09:30-12:30"),
        ("9am-12pm", "09:00-12:00"),
        ("1:30pm until 5 pm", "13:30-17:00"),
        ("12am-6am", "00:00-06:00"),
        ("18-24", "18:00-24:00"),
    ],
)
def test_times_are_tidied(typed, read):
    assert tidy(typed) == read


@pytest.mark.parametrize(
    "typed",
    ["nine", "9", "9-", "9-12-13", "25:00-26:00", "9:60-12", "Tue 9-12", "-1-2"],
)
def test_what_is_no_time_is_refused_in_words(typed):
    with pytest.raises(Refused, match="cannot be read"):
        read_day(0, typed)


def test_spans_are_parted_in_any_usual_way():
    parted = read_day(0, "9-10, 11-12; 13-14 and 15-16 & 17-18,, ")

    assert write_day(parted) == (
        "09:00-10:00, 11:00-12:00, 13:00-14:00, 15:00-16:00, 17:00-18:00"
    )


def test_end_before_the_start_is_of_the_next_day():
    assert read_day(4, "22:00-02:00") == [Window(4, 22 * 60, 26 * 60)]


def test_a_day_reads_as_it_is_written():
    windows = [Window(2, 0, 60), Window(2, 540, 720), Window(2, 1200, 1440)]

    written = write_day(windows)

    assert written == "00:00-01:00, 09:00-12:00, 20:00-24:00"
    assert read_day(2, written) == windows


def test_overlap_is_said_at_its_day():
    form = WeekForm({"tue": "9-12, 11-13", "thu": "20-04", "fri": "03-05"})

    assert not form.is_valid()
    assert form.errors == {
        "tue": ["Tue 09:00-12:00 and Tue 11:00-13:00 overlap."],
        "fri": ["Thu 20:00-04:00 and Fri 03:00-05:00 overlap."],
    }


def test_hours_over_the_week_s_end_may_touch_monday():
    form = WeekForm({"sun": "22-02", "mon": "02-04"})

    assert form.is_valid()
    assert form.windows == [Window(0, 120, 240), Window(6, 22 * 60, 26 * 60)]


def test_hours_over_midnight_are_said_in_words():
    rows = WeekForm({"mon": "22-2", "tue": "9-12", "wed": "x"}).rows()

    assert [row["note"] for row in rows][:3] == ["until 02:00 the next day", "", ""]


def test_monday_is_copied_to_the_working_days_alone():
    words = copied({"mon": "9-12", "wed": "13-14", "sat": "10-11"})

    assert words == {
        "mon": "9-12",
        "tue": "9-12",
        "wed": "9-12",
        "thu": "9-12",
        "fri": "9-12",
        "sat": "10-11",
        "sun": "",
    }

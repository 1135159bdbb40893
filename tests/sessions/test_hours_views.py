from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.urls import reverse

from lms.audit.models import Event as Noted
from sessions import days
from sessions.days import Kind
from sessions.hours import format_hours, weekly_hours
from sessions.models import BookingState, Cause
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    ProgrammePageFactory,
    TrainerFactory,
)

WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London
URL = "/trainer/hours/"


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


# --- Days that differ ------------------------------------------------------------------


def differs(trainer):
    """What differs: kind, and from when to when on the trainer's clock."""
    return [
        (
            change.kind,
            f"{change.starts_at.astimezone(trainer.zone):%m-%d %H:%M}",
            f"{change.ends_at.astimezone(trainer.zone):%m-%d %H:%M}",
            change.title,
        )
        for change in days.coming_days(trainer)
    ]


@pytest.mark.parametrize(
    ("typed", "start", "end"),
    [
        ({"first": "2026-06-10"}, "06-10 00:00", "06-11 00:00"),
        ({"first": "2026-06-03"}, "06-03 00:00", "06-04 00:00"),
        (
            {"first": "2026-06-10", "first_time": "13:00", "last_time": "15:30"},
            "06-10 13:00",
            "06-10 15:30",
        ),
        ({"first": "2026-06-10", "last": "2026-06-19"}, "06-10 00:00", "06-20 00:00"),
        (
            {"first": "2026-06-10", "first_time": "12:00", "last": "2026-06-12"},
            "06-10 12:00",
            "06-13 00:00",
        ),
        (
            {"first": "2026-06-10", "last": "2026-06-12", "last_time": "09:00"},
            "06-10 00:00",
            "06-12 09:00",
        ),
        ({"first": "2026-10-25"}, "10-25 00:00", "10-26 00:00"),  # of 25 hours
    ],
)
def test_time_off_is_a_part_of_a_day_a_day_or_many(client, trainer, typed, start, end):
    response = client.post(URL, {"part": "off", "title": "Away"} | typed)

    assert response.status_code == 302
    assert differs(trainer) == [(Kind.OFF, start, end, "Away")]


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({}, "This field is required."),
        ({"first": "x"}, "Enter a valid date."),
        ({"first": "2026-06-10", "last": "2026-06-09"}, "before the first"),
        (
            {"first": "2026-06-10", "first_time": "12:00", "last_time": "12:00"},
            "must end after it starts",
        ),
        ({"first": "2026-06-10", "first_time": "25:00"}, "Enter a valid time."),
        ({"first": "0001-01-01"}, "within two years"),
        ({"first": "9999-12-31"}, "within two years"),
    ],
)
def test_time_off_that_makes_no_sense_is_refused_in_words(client, trainer, typed, said):
    response = client.post(URL, {"part": "off", "title": "Kept"} | typed)

    assert response.status_code == 422
    assert said in response.text
    assert 'value="Kept"' in response.text
    assert differs(trainer) == []


def test_time_off_that_is_over_is_refused_by_the_rule(client, trainer):
    response = client.post(URL, {"part": "off", "first": "2026-06-02"})

    assert response.status_code == 409
    assert "That time is over." in response.text
    assert 'value="2026-06-02"' in response.text


def test_date_gets_hours_of_its_own_and_gives_them_back(client, trainer):
    client.post(URL, {"part": "other", "day": "2026-06-10", "times": "10-12, 22-2"})

    (change,) = days.coming_days(trainer)
    assert (change.kind, change.spans) == (Kind.OTHER, ((600, 720), (1320, 1560)))
    page = client.get(URL)
    assert "10:00-12:00, 22:00-02:00" in page.text
    client.post(URL, {"part": "reopen", "event": change.event})
    assert days.coming_days(trainer) == []


def test_date_without_hours_is_closed(client, trainer):
    response = client.post(URL, {"part": "other", "day": "2026-06-10"}, follow=True)

    assert "Wed 10 Jun is closed." in response.text
    assert [change.spans for change in days.coming_days(trainer)] == [()]


def test_extra_hours_are_open_once(client, trainer):
    client.post(URL, {"part": "extra", "day": "2026-06-13", "times": "9-10; 23-1"})

    assert differs(trainer) == [
        (Kind.EXTRA, "06-13 09:00", "06-13 10:00", ""),
        (Kind.EXTRA, "06-13 23:00", "06-14 01:00", ""),
    ]


@pytest.mark.parametrize("part", ["other", "extra"])
@pytest.mark.parametrize(
    ("typed", "status"),
    [
        ({"day": "", "times": "9-10"}, 422),
        ({"day": "2026-06-13", "times": "9-11, 10-12"}, 422),
        ({"day": "2026-06-13", "times": "soon"}, 422),
        ({"day": "9999-12-31", "times": "22-2"}, 422),
        ({"day": "2026-06-02", "times": "9-10"}, 409),
        ({"day": "2029-06-02", "times": "9-10"}, 409),
    ],
)
def test_date_that_makes_no_sense_is_refused(client, trainer, part, typed, status):
    response = client.post(URL, {"part": part} | typed)

    assert response.status_code == status
    assert 'class="error-summary"' in response.text
    assert days.coming_days(trainer) == []


def test_extra_hours_need_times(client, trainer):
    response = client.post(URL, {"part": "extra", "day": "2026-06-13"})

    assert response.status_code == 422
    assert "Say from when to when." in response.text


@pytest.mark.parametrize(
    ("event", "status"), [("", 422), ("x", 422), ("9" * 25, 422), ("2147483647", 302)]
)
def test_nothing_is_taken_back_by_a_number_of_nothing(client, trainer, event, status):
    other = TrainerFactory()
    days.close(
        other, WEDNESDAY + timedelta(days=1), WEDNESDAY + timedelta(days=2), by=None
    )
    theirs = days.coming_days(other)[0].event

    assert client.post(URL, {"part": "reopen", "event": event}).status_code == status
    assert client.post(URL, {"part": "reopen", "event": theirs}).status_code == 302
    assert len(days.coming_days(other)) == 1


# --- Rules and zone --------------------------------------------------------------------

RULES = {
    "part": "rules",
    "rest_minutes": "15",
    "notice_hours": "4",
    "horizon_days": "30",
    "day_cap": "",
    "week_cap": "12",
    "languages": ["en", "de"],
}


def test_rules_are_saved(client, trainer):
    response = client.post(URL, RULES)

    assert response.status_code == 302
    trainer.refresh_from_db()
    assert (trainer.rest_minutes, trainer.notice_hours, trainer.horizon_days) == (
        15,
        4,
        30,
    )
    assert (trainer.day_cap, trainer.week_cap) == (None, 12)
    assert trainer.languages == ["de", "en"]
    assert Noted.objects.filter(verb="set_rules", actor=trainer.user).count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"notice_hours": "720"},  # as long as the horizon
        {"rest_minutes": "-1"},
        {"horizon_days": "0"},
        {"day_cap": "13"},  # above the week's
        {"languages": []},
        {"languages": ["xx"]},
    ],
)
def test_rules_that_contradict_are_refused_at_their_field(client, trainer, wrong):
    response = client.post(URL, RULES | wrong)

    assert response.status_code == 422
    assert "field-wrong" in response.text
    trainer.refresh_from_db()
    assert trainer.rest_minutes == 10


def test_zone_changes_and_the_hours_stay_on_the_clock(client, trainer):
    response = client.post(
        URL, {"part": "zone", "time_zone": "Asia/Kathmandu"}, follow=True
    )

    assert "on the clock of Kathmandu" in response.text
    trainer.refresh_from_db()
    assert week_of(trainer) == "Mon 09:00-12:00"


def test_unknown_zone_is_refused(client, trainer):
    response = client.post(URL, {"part": "zone", "time_zone": "Mars/Olympus"})

    assert response.status_code == 422


def test_page_names_booked_calls_outside_the_hours(client, trainer):
    BookingFactory(trainer=trainer, starts_at=WEDNESDAY + timedelta(days=1))
    BookingFactory(starts_at=WEDNESDAY + timedelta(days=1))  # a stranger's

    assert "1 booked call lies outside your hours" in client.get(URL).text


# --- What people see -------------------------------------------------------------------


@pytest.fixture
def programme(trainer):
    programme = ProgrammePageFactory()
    trainer.programmes.set([programme])
    return programme


def test_preview_shows_the_free_times_as_people_find_them(client, trainer, programme):
    response = client.get(
        reverse("sessions:hours_preview"),
        {"minutes": "90", "zone": "Europe/Berlin"},
    )

    first = response.context["times"].days[0]
    assert first.label == "Monday 8 June"
    assert [slot.label for slot in first.slots][:2] == ["10:00", "10:15"]
    assert [slot.label for slot in first.slots][-1] == "11:30"


def test_preview_without_a_programme_says_so(client, trainer):
    response = client.get(reverse("sessions:hours_preview"))

    assert "You have no programme yet" in response.text


def test_preview_of_anothers_programme_is_that_of_ones_own(client, trainer, programme):
    other = ProgrammePageFactory()

    response = client.get(reverse("sessions:hours_preview"), {"programme": other.pk})

    assert response.context["programme"] == programme


# --- Calls outside the hours -----------------------------------------------------------

CALLS = "/trainer/hours/calls/"
HIT = "?start=2026-06-08T08%3A00Z&end=2026-06-08T08%3A20Z"
MONDAY = datetime(2026, 6, 8, 8, 0, tzinfo=UTC)  # nine o'clock in London


@pytest.fixture
def call(trainer):
    """A call within the trainer's hours, on Monday at nine."""
    call = BookingFactory(trainer=trainer, starts_at=MONDAY)
    trainer.programmes.set([call.enrolment.programme])
    return call


def take_monday_off(client):
    return client.post(URL, {"part": "off", "first": "2026-06-08"})


def test_time_off_over_a_call_leads_to_what_it_hits(client, trainer, call):
    colleague = TrainerFactory(programmes=[call.enrolment.programme])

    response = take_monday_off(client)

    assert response.url == CALLS + HIT
    assert differs(trainer) == [(Kind.OFF, "06-08 00:00", "06-09 00:00", "")]
    (hit,) = client.get(response.url).context["calls"]
    assert (hit.call, hit.colleagues) == (call, [colleague])


def test_calls_agreed_outside_the_hours_before_are_not_hit_by_time_off(
    client, trainer, call
):
    agreed = BookingFactory(trainer=trainer, starts_at=MONDAY + timedelta(days=1))

    address = take_monday_off(client).url
    client.post(address, {"act": "spread"})

    agreed.refresh_from_db()
    call.refresh_from_db()
    assert (agreed.state, call.state) == (BookingState.BOOKED, BookingState.CANCELLED)


@pytest.mark.parametrize("start", ["", "x", "0001-01-01T00:00Z", "2026-06-08T08:19Z"])
def test_times_in_the_address_bound_what_is_listed(client, trainer, call, start):
    take_monday_off(client)

    def listed(**query):
        return [one.call for one in client.get(CALLS, query).context["calls"]]

    assert listed(start=start) == [call]
    assert listed(start=start, end="2026-06-08T08:01Z") == [call]
    assert listed(start="2026-06-08T08:20Z") == []
    assert listed(end="2026-06-08T08:00Z") == []


def test_time_off_over_no_call_leads_back(client, trainer, call):
    BookingFactory(starts_at=MONDAY + timedelta(days=1))  # a stranger's

    response = client.post(URL, {"part": "off", "first": "2026-06-09"})

    assert response.url == URL


@pytest.mark.parametrize(
    ("part", "hit"),
    [
        ({"part": "other", "day": "2026-06-08"}, True),
        ({"part": "other", "day": "2026-06-08", "times": "9:01-12"}, True),
        ({"part": "other", "day": "2026-06-08", "times": "9-9:20"}, False),
        ({"part": "extra", "day": "2026-06-08", "times": "7-9"}, False),
    ],
)
def test_other_hours_lead_to_the_calls_they_leave_out(client, trainer, call, part, hit):
    assert client.post(URL, part).url == (CALLS + HIT if hit else URL)


def test_taking_extra_hours_back_leads_to_the_call_in_them(client, trainer):
    client.post(URL, {"part": "extra", "day": "2026-06-13", "times": "9-10"})
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 13, 8, tzinfo=UTC))
    (change,) = days.coming_days(trainer)

    response = client.post(URL, {"part": "reopen", "event": change.event})

    assert response.url.startswith(CALLS)


def test_call_outside_the_hours_is_handed_over_by_name(client, trainer, call):
    colleague = TrainerFactory(programmes=[call.enrolment.programme])
    take_monday_off(client)

    words = {"act": "hand", "call": call.ref, "to": colleague.pk}
    response = client.post(CALLS, words, follow=True)

    call.refresh_from_db()
    assert call.trainer == colleague
    assert response.context["calls"] == []
    assert "holds the call now" in response.text


def test_trainee_of_a_call_outside_is_asked_to_choose_again(client, trainer, call):
    take_monday_off(client)

    client.post(CALLS, {"act": "ask", "call": call.ref})

    call.refresh_from_db()
    assert (call.state, call.cause) == (BookingState.CANCELLED, Cause.BYTEKAST)


def test_all_outside_are_seen_to_by_one_button(client, trainer, call):
    colleague = TrainerFactory(programmes=[call.enrolment.programme])
    alone = BookingFactory(trainer=trainer, starts_at=MONDAY + timedelta(hours=1))
    proposal = BookingFactory(
        trainer=trainer,
        state=BookingState.PROPOSED,
        offer=uuid4(),
        starts_at=MONDAY + timedelta(hours=2),
    )
    kept = BookingFactory(trainer=trainer, starts_at=MONDAY + timedelta(days=7))
    take_monday_off(client)

    response = client.post(CALLS, {"act": "spread"}, follow=True)

    assert "1 handed over, 1 asked to choose again" in response.text
    for each in (call, alone, proposal, kept):
        each.refresh_from_db()
    assert call.trainer == colleague
    assert [alone.state, proposal.state] == [BookingState.CANCELLED] * 2
    assert (kept.trainer, kept.state) == (trainer, BookingState.BOOKED)


def test_proposal_outside_is_listed_and_withdrawn(client, trainer, call):
    def propose(**after):
        return BookingFactory(
            trainer=trainer,
            state=BookingState.PROPOSED,
            offer=uuid4(),
            starts_at=MONDAY + timedelta(**after),
        )

    hit, other = propose(hours=1), propose(days=7)
    take_monday_off(client)
    assert client.get(CALLS).context["proposals"] == [hit]

    client.post(CALLS, {"act": "withdraw", "call": hit.ref})

    hit.refresh_from_db()
    other.refresh_from_db()
    assert (hit.state, other.state) == (BookingState.CANCELLED, BookingState.PROPOSED)


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"act": "let_go"},
        {"act": "none"},
        {"act": "hand"},
        {"act": "ask", "call": "nothing"},
    ],
)
def test_what_cannot_be_done_about_calls_is_refused(client, trainer, call, words):
    take_monday_off(client)

    response = client.post(CALLS, words)

    assert response.status_code == 422
    call.refresh_from_db()
    assert (call.trainer, call.state) == (trainer, BookingState.BOOKED)


def test_strangers_call_is_not_to_be_handed_over(client, trainer, call):
    stranger = BookingFactory(starts_at=MONDAY)

    response = client.post(CALLS, {"act": "ask", "call": stranger.ref})

    assert response.status_code == 422
    stranger.refresh_from_db()
    assert stranger.state == BookingState.BOOKED


def test_colleague_who_is_not_free_is_refused_and_nothing_changes(
    client, trainer, call
):
    busy = TrainerFactory(programmes=[call.enrolment.programme], weekly_hours=[])
    take_monday_off(client)

    response = client.post(CALLS, {"act": "hand", "call": call.ref, "to": busy.pk})

    assert response.status_code == 409
    call.refresh_from_db()
    assert call.trainer == trainer


@pytest.mark.parametrize(("calls", "queries"), [(1, 12), (3, 22)])
def test_calls_outside_cost_a_few_queries_each(
    client, trainer, django_assert_num_queries, calls, queries
):
    """Five for each: who is free is asked of each by itself, of 25 at most."""
    edition = EditionFactory()
    TrainerFactory(programmes=[edition.programme])
    for n in range(calls):
        BookingFactory(
            trainer=trainer,
            enrolment=EnrolmentFactory(edition=edition),
            starts_at=WEDNESDAY + timedelta(days=1, hours=n),
        )
    client.get(CALLS)

    with django_assert_num_queries(queries):
        assert len(client.get(CALLS).context["calls"]) == calls

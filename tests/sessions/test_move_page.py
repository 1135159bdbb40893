"""The page on which a call is moved, by either side."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from sessions.models import Booking, BookingState, Origin
from sessions.notice import may_skip_notice
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
NOW_AT = datetime(2026, 6, 4, 9, tzinfo=UTC)  # Thursday 10:00 in London
START = "2026-06-03T09:00Z"


@pytest.fixture
def call(db, monday):
    enrolment = EnrolmentFactory()
    trainer = TrainerFactory(programmes=[enrolment.programme])
    return BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=NOW_AT)


@pytest.fixture
def colleague(call):
    return TrainerFactory(programmes=[call.enrolment.programme])


@pytest.fixture
def trainee(client, call):
    client.force_login(call.trainee)
    return call.trainee


@pytest.fixture
def trainer(client, call):
    client.force_login(call.trainer.user)
    return call.trainer


def move_url(call):
    return reverse("sessions:move", args=[call.ref])


def moved(**more):
    return {"picked": "1", "start": START} | more


def test_move_takes_three_clicks_from_the_call(client, call, trainee):
    assert move_url(call) in client.get(call.get_absolute_url()).text
    page = client.get(move_url(call))
    slot = page.context["times"].soonest[0]
    page = client.get(slot.url.partition("#")[0])
    start = page.context["confirm"]["value"]

    response = client.post(move_url(call), moved(start=start))

    call.refresh_from_db()
    assert call.starts_at == slot.at
    assert response.url == call.get_absolute_url()


def test_move_shows_where_the_call_is_and_does_not_offer_that(client, call, trainee):
    page = client.get(move_url(call))

    free = {slot.starts_at for slot in page.context["calls"][0].slots}
    assert "Thu 4 Jun, 10:00–10:20 (London)" in page.text
    assert NOW_AT not in free
    assert NOW_AT + timedelta(minutes=15) in free  # onto a part of its own time


def test_move_keeps_the_trainer_unless_asked_otherwise(
    client, call, colleague, trainee
):
    usual = client.get(move_url(call)).context
    anybody = client.get(move_url(call), {"picked": "1", "trainer": ""}).context

    assert usual["trainer"] == call.trainer
    assert anybody["trainer"] is None
    client.post(move_url(call), moved(trainer=colleague.pk))
    assert Booking.objects.get().trainer == colleague


def test_move_keeps_the_notice_after_a_trainers_absence(client, call, trainee, monday):
    monday.shift(timedelta(minutes=10))
    BookingFactory(
        enrolment=call.enrolment,
        state=BookingState.MISSED,
        missed_by=Origin.TRAINER,
        starts_at=MONDAY - timedelta(days=1),
        ended_at=now(),
    )
    assert may_skip_notice(call.enrolment)  # for a new call

    page = client.get(move_url(call))
    answer = client.post(move_url(call), moved(start="2026-06-01T10:00Z"))

    assert page.context["times"].soonest
    assert "2026-06-01T" not in page.text  # today is inside the notice
    assert answer.status_code == 409


def test_move_with_anybody_keeps_the_trainer_if_free(client, call, colleague, trainee):
    client.post(move_url(call), moved(trainer=""))

    assert Booking.objects.get().trainer == call.trainer


def test_move_with_anybody_takes_who_is_free(client, call, colleague, trainee):
    BookingFactory(trainer=call.trainer, starts_at=datetime(2026, 6, 3, 9, tzinfo=UTC))

    client.post(move_url(call), moved(trainer=""))

    call.refresh_from_db()
    assert call.trainer == colleague


def test_move_to_what_was_taken_offers_the_nearest_and_keeps_the_rest(
    client, call, trainee
):
    BookingFactory(trainer=call.trainer, starts_at=datetime(2026, 6, 3, 9, tzinfo=UTC))

    response = client.post(
        move_url(call), moved(zone="Asia/Tokyo", trainer=call.trainer.pk)
    )

    call.refresh_from_db()
    assert response.status_code == 409
    assert call.starts_at == NOW_AT
    assert response.context["times_zone"] == "Asia/Tokyo"
    assert response.context["trainer"] == call.trainer
    assert [slot.label for slot in response.context["times"].soonest] == [
        "Wed 3 Jun, 17:15",
        "Wed 3 Jun, 17:30",
        "Wed 3 Jun, 18:30",
    ]


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"start": ""}, 422),
        ({"start": "soon"}, 422),
        ({"start": "2026-06-03T09:01Z"}, 409),  # off the grid
        ({"start": "2026-05-27T09:00Z"}, 409),  # past
        ({"start": "2026-06-03T22:00Z"}, 409),  # outside the hours
        ({"start": "2026-06-03T22:00Z", "any_hours": "1"}, 409),  # a trainer's alone
        ({"start": "2026-06-01T10:00Z"}, 409),  # inside the notice
        ({"start": "2028-06-01T10:00Z"}, 409),  # beyond the horizon
        ({"start": "2026-06-04T09:00Z"}, 409),  # where it is
        ({"trainer": "999999"}, 422),
        ({"cause": "x"}, 422),
        ({"zone": "Mars/Olympus"}, 422),
    ],
)
def test_move_answers_bad_input_in_words(client, call, trainee, wrong, status):
    response = client.post(move_url(call), moved(**wrong))

    assert response.status_code == status
    assert "error-summary" in response.text
    assert Booking.objects.get().starts_at == NOW_AT


def test_move_refuses_a_trainer_who_is_not_qualified(client, call, trainee):
    other = TrainerFactory()

    response = client.post(move_url(call), moved(trainer=other.pk))

    assert response.status_code == 422
    assert Booking.objects.get().trainer == call.trainer


@pytest.mark.parametrize("state", ["cancelled", "done", "missed"])
def test_move_of_what_is_over_leads_to_the_call(client, call, trainee, state):
    over = BookingFactory(enrolment=call.enrolment, state=state)

    page = client.get(move_url(over), follow=True)
    sent = client.post(move_url(over), moved())

    assert page.redirect_chain[-1][0] == over.get_absolute_url()
    assert sent.status_code == 409


@pytest.mark.parametrize(
    ("hours", "cause", "late"),
    [
        (25, "plans", False),
        (24, "plans", False),
        (23, "plans", True),
        (23, "illness", False),
    ],
)
def test_move_says_that_it_is_late_before_it_is_done(
    client, call, trainee, hours, cause, late
):
    with time_machine.travel(NOW_AT - timedelta(hours=hours), tick=False):
        client.force_login(call.trainee)
        page = client.get(move_url(call))
        client.post(move_url(call), moved(start="2026-06-05T09:00Z", cause=cause))

    call.refresh_from_db()
    assert ("counts as moved late" in page.text) == (hours < 24)
    assert call.starts_at == datetime(2026, 6, 5, 9, tzinfo=UTC)
    assert call.late == late


def test_move_of_what_the_trainer_booked_is_never_late(client, db, monday):
    enrolment = EnrolmentFactory()
    call = BookingFactory(
        enrolment=enrolment,
        trainer=TrainerFactory(programmes=[enrolment.programme]),
        starts_at=MONDAY + timedelta(hours=1),
        origin=Origin.TRAINER,
    )
    client.force_login(call.trainee)

    assert "counts as moved late" not in client.get(move_url(call)).text
    client.post(move_url(call), moved())
    assert not Booking.objects.get().late


def typing(at):
    """What the fields of another time send."""
    on, _t, clock = at.partition("T")
    return {"picked": "1", "other_date": on, "other_time": clock}


# --- By the trainer ------------------------------------------------------------------


def test_move_by_the_trainer_shows_both_zones_and_own_times(
    client, call, colleague, trainer
):
    call.trainee.time_zone = "Asia/Tokyo"
    call.trainee.save()

    page = client.get(move_url(call))

    assert page.context["trainer"] == trainer
    assert page.context["times"].soonest[0].label == "Mon 1 Jun, 09:00"  # no notice
    assert page.context["times"].soonest[0].detail == "17:00 (Tokyo)"
    assert "Thu 4 Jun, 18:00–18:20 (Tokyo)" in page.text


@pytest.mark.parametrize(
    ("typed", "ticked", "free"),
    [
        ("2026-06-03T10:05", False, False),
        ("2026-06-03T10:05", True, True),
        ("2026-06-03T21:00", True, True),
        ("2026-06-03T11:00", False, True),
        ("2026-06-05T10:00", True, False),  # another call is then
    ],
)
def test_move_by_the_trainer_to_a_time_typed(
    client, call, trainer, typed, ticked, free
):
    BookingFactory(trainer=trainer, starts_at=datetime(2026, 6, 5, 9, tzinfo=UTC))
    query = typing(typed) | ({"any_hours": "1"} if ticked else {})

    page = client.get(move_url(call), query)

    assert (page.context["confirm"] is not None) == free
    assert ("Tick the box below if you mean it" in page.text) == (
        not free and not ticked
    )
    if free:
        form = moved(start=page.context["confirm"]["value"])
        if page.context["any_hours"]:
            form["any_hours"] = "1"
        assert client.post(move_url(call), form).status_code == 302
        call.refresh_from_db()
        local = call.starts_at + timedelta(hours=1)
        assert f"{local:%Y-%m-%dT%H:%M}" == typed


@pytest.mark.parametrize(
    ("at", "start"),
    [
        ("2027-03-28T01:30", None),  # left out
        ("2026-10-25T01:30", datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # the first
    ],
)
def test_move_to_a_time_typed_on_the_day_the_clocks_change(
    client, call, trainer, at, start
):
    query = typing(at) | {"any_hours": "1"}

    page = client.get(move_url(call), query)

    assert page.context["calls"][0].start == start
    assert ("The clocks go forward then" in page.text) == (start is None)


@pytest.mark.parametrize(
    "at", ["x", "2026-06-03", "0001-01-01T00:00", "2026-06-31T10:00"]
)
def test_move_page_opens_whatever_is_typed(client, call, trainer, at):
    assert client.get(move_url(call), typing(at)).status_code == 200


# --- Who may ----------------------------------------------------------------------------


def test_move_is_not_for_the_manager(client, call):
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    client.force_login(manager.user)

    assert client.get(move_url(call)).status_code == 403
    assert client.post(move_url(call), moved()).status_code == 403


def test_move_by_the_channel_team(client, call):
    client.force_login(UserFactory(is_staff=True))

    assert client.get(move_url(call)).status_code == 200
    client.post(move_url(call), moved())
    assert Booking.objects.get().starts_at == datetime(2026, 6, 3, 9, tzinfo=UTC)


def test_move_of_a_stranger_is_not_found(client, call):
    client.force_login(BookingFactory().trainee)

    assert client.get(move_url(call)).status_code == 404


def test_move_over_a_clock_change_keeps_the_wall_clock(client, db):
    """Hours are 9 to 5 in London on the Monday after the clocks went back."""
    with time_machine.travel(datetime(2026, 10, 22, 8, tzinfo=UTC), tick=False):
        enrolment = EnrolmentFactory(member__user__time_zone="Asia/Kolkata")
        trainer = TrainerFactory(programmes=[enrolment.programme])
        call = BookingFactory(
            enrolment=enrolment,
            trainer=trainer,
            starts_at=datetime(2026, 10, 23, 9, tzinfo=UTC),
        )
        client.force_login(call.trainee)

        page = client.get(move_url(call), {"day": "2026-10-26"})

    monday = page.context["times"].days[0]
    assert monday.label == "Monday 26 October"
    assert monday.slots[0].label == "14:30"  # 09:00 in London, in winter again
    assert monday.slots[0].at == datetime(2026, 10, 26, 9, tzinfo=UTC)

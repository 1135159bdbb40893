from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.template import Context, Template
from django.urls import reverse

from sessions.booking import ready_topics
from sessions.earlier import offer_freed
from sessions.models import Booking, BookingState, FreedTime, TimeRequest, Waiting
from sessions.proposals import decline, propose, take, withdraw
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    MemberFactory,
    TimeRequestFactory,
    TrainerFactory,
    UserFactory,
    WaitingFactory,
)

MONDAY = datetime(2026, 6, 1, 8, tzinfo=UTC)
WEDNESDAY = datetime(2026, 6, 3, 9, tzinfo=UTC)  # ten o'clock in London


@pytest.fixture
def calls(trainer, enrolment):
    return propose(
        trainer,
        enrolment,
        ready_topics(enrolment)[:1],
        [WEDNESDAY, WEDNESDAY + timedelta(hours=2)],
        request_key=uuid4(),
    )


def url_of(calls):
    return reverse("sessions:offer", args=[calls[0].offer])


def states():
    return sorted(Booking.objects.values_list("state", flat=True))


# --- The offer -----------------------------------------------------------------------


def test_offer_shows_its_times_in_both_zones_and_decides_nothing(
    client, calls, trainee
):
    trainee.time_zone = "Asia/Tokyo"
    trainee.save()

    text = client.get(url_of(calls)).text
    client.head(url_of(calls))

    assert "Wed 3 Jun, 18:00–18:20 (Tokyo)" in text
    assert "Wed 3 Jun, 10:00 (London)" in text
    assert "Take Wed 3 Jun, 18:00 (Tokyo)" in text
    assert states() == ["proposed"] * 2


def test_offer_is_taken_by_a_button(client, calls, trainee):
    form = {"take": calls[1].ref}

    response = client.post(url_of(calls), form)
    again = client.post(url_of(calls), form)

    assert response.url == again.url == calls[1].get_absolute_url()
    assert states() == ["booked", "cancelled"]
    assert "Taken: Wed 3 Jun, 12:00" in client.get(url_of(calls)).text
    other = client.post(url_of(calls), {"take": calls[0].ref})
    assert other.status_code == 409
    assert "You took another of these times" in other.text


def test_offer_is_declined_with_a_line(client, calls, trainee):
    form = {"answer": "none", "line": "Mornings, please."}

    response = client.post(url_of(calls), form)

    assert response.url == url_of(calls)
    assert states() == ["cancelled"] * 2
    assert {call.reason for call in Booking.objects.all()} == {"Mornings, please."}
    text = client.get(url_of(calls)).text
    assert reverse("sessions:book", args=[calls[0].enrolment_id]) in text
    assert reverse("sessions:ask", args=[calls[0].enrolment_id]) in text


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"take": "x y"},
        {"take": "x" * 17},
        {"answer": "maybe"},
        {"answer": "none", "line": "x" * 301},
        {"answer": "none", "line": "a\x00b"},
    ],
)
def test_offer_answers_bad_input_in_words(client, calls, trainee, wrong):
    response = client.post(url_of(calls), wrong)

    assert response.status_code == 422
    assert states() == ["proposed"] * 2
    if len(line := wrong.get("line", "")) > 300:
        assert line in response.text


def test_offer_refuses_a_call_that_is_not_in_it(client, calls, trainee):
    theirs = BookingFactory(state=BookingState.PROPOSED, offer=uuid4())

    response = client.post(url_of(calls), {"take": theirs.ref})

    assert response.status_code == 409
    theirs.refresh_from_db()
    assert theirs.state == BookingState.PROPOSED


@pytest.mark.parametrize("who", ["colleague", "manager", "other trainer", "staff"])
def test_offer_is_not_there_for_others(client, calls, enrolment, who):
    reseller = enrolment.member.reseller
    user = {
        "colleague": lambda: MemberFactory(reseller=reseller).user,
        "manager": lambda: MemberFactory(reseller=reseller, is_manager=True).user,
        "other trainer": lambda: TrainerFactory(programmes=[enrolment.programme]).user,
        "staff": lambda: UserFactory(is_staff=True),
    }[who]()
    client.force_login(user)

    assert client.get(url_of(calls)).status_code == 404
    assert client.post(url_of(calls), {"take": calls[0].ref}).status_code == 404
    assert states() == ["proposed"] * 2


def test_offers_trainer_sees_it_and_withdraws(client, calls, trainer):
    client.force_login(trainer.user)

    page = client.get(url_of(calls))
    taken = client.post(url_of(calls), {"take": calls[0].ref})
    declined = client.post(url_of(calls), {"answer": "none"})

    assert "Withdraw these times" in page.text
    assert 'name="take"' not in page.text
    assert (taken.status_code, declined.status_code) == (409, 409)
    assert states() == ["proposed"] * 2
    response = client.post(url_of(calls), {"answer": "withdraw"})
    assert response.url == reverse("sessions:schedule", args=[calls[0].enrolment_id])
    assert states() == ["cancelled"] * 2
    assert "The times were withdrawn" in client.get(url_of(calls)).text


def test_trainee_cannot_withdraw(client, calls, trainee):
    response = client.post(url_of(calls), {"answer": "withdraw"})

    assert response.status_code == 409
    assert states() == ["proposed"] * 2


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda calls, clock: clock.shift(timedelta(hours=48)), "has run out"),
        (lambda calls, clock: withdraw(calls[0].offer, by=calls[0].trainer.user),
         "can no longer offer these times"),
        (lambda calls, clock: decline(calls[0].offer, by=calls[0].trainee),
         "none of the times suits"),
        (lambda calls, clock: take(calls[0], by=calls[0].trainee), "Taken: Wed 3 Jun"),
    ],
)  # fmt: skip
def test_offer_that_has_ended_says_how_and_leads_on(
    client, calls, trainee, monday, end, words
):
    end(calls, monday)

    client.force_login(trainee)
    response = client.get(url_of(calls))

    assert words in response.text
    assert 'name="take"' not in response.text
    assert "callout-actions" in response.text


@pytest.mark.parametrize("times", [1, 3])
def test_offer_takes_seven_queries_for_any_number(
    client, enrolment, trainer, trainee, django_assert_num_queries, times
):
    calls = propose(
        trainer,
        enrolment,
        ready_topics(enrolment)[:1],
        [WEDNESDAY + timedelta(hours=n) for n in range(times)],
        request_key=uuid4(),
    )
    client.get(url_of(calls))

    with django_assert_num_queries(7):
        assert client.get(url_of(calls)).status_code == 200


@pytest.mark.parametrize("page", ["dashboards:my"])
def test_open_offers_stand_on_top_of_the_own_pages(client, calls, trainee, page):
    assert url_of(calls) in client.get(reverse(page)).text

    decline(calls[0].offer, by=trainee)

    assert url_of(calls) not in client.get(reverse(page)).text


# --- An earlier time -----------------------------------------------------------------


@pytest.fixture
def earlier(trainer, enrolment):
    """A call whose trainee is offered an earlier time; return the call."""
    call = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=WEDNESDAY)
    WaitingFactory(booking=call)
    freed = MONDAY + timedelta(hours=5)
    FreedTime.objects.create(
        trainer=trainer, starts_at=freed, ends_at=freed + timedelta(minutes=20)
    )
    offer_freed()
    return call


def earlier_url():
    return reverse("sessions:offer", args=[FreedTime.objects.get().offer])


def test_earlier_time_is_taken_by_a_button(client, earlier, trainee):
    page = client.get(earlier_url())
    proposal = Booking.objects.get(replaces=earlier)

    response = client.post(earlier_url(), {"take": proposal.ref})

    assert "Move my call to Mon 1 Jun, 14:00 (London)" in page.text
    assert response.url == earlier.get_absolute_url()
    earlier.refresh_from_db()
    assert earlier.starts_at == proposal.starts_at


def test_earlier_time_is_let_go(client, earlier, trainee):
    response = client.post(earlier_url(), {"answer": "none"})

    assert response.url == earlier.get_absolute_url()
    text = client.get(earlier_url()).text
    assert "You have answered this" in text
    assert "You are told when another one comes up" in text
    assert Waiting.objects.open().exists()


def test_earlier_time_is_seen_by_its_trainer_who_decides_nothing(
    client, earlier, trainer, trainee
):
    client.force_login(trainer.user)

    page = client.get(earlier_url())

    assert f"offered to {trainee.full_name}" in page.text
    assert 'name="take"' not in page.text
    for answer in ({"answer": "withdraw"}, {"answer": "none"}):
        assert client.post(earlier_url(), answer).status_code == 409
    assert Booking.objects.filter(state=BookingState.PROPOSED).exists()
    decline(FreedTime.objects.get().offer, by=trainee)
    assert "Their call stays as it was" in client.get(earlier_url()).text


def test_earlier_time_shows_its_trainer_whom_it_is_offered_to_now(
    client, earlier, trainer, enrolment
):
    other = BookingFactory(
        trainer=trainer,
        enrolment=EnrolmentFactory(edition=enrolment.edition),
        starts_at=WEDNESDAY + timedelta(hours=3),
    )
    WaitingFactory(booking=other, created_at=MONDAY + timedelta(minutes=1))
    decline(FreedTime.objects.get().offer, by=earlier.trainee)
    offer_freed()
    client.force_login(trainer.user)

    page = client.get(earlier_url())

    assert f"offered to {other.trainee.full_name}" in page.text
    assert f"offered to {earlier.trainee.full_name}\n" not in page.text


def test_earlier_time_shows_which_of_ones_calls_it_is_for(client, earlier, enrolment):
    other = BookingFactory(
        enrolment=enrolment,
        trainer=earlier.trainer,
        starts_at=WEDNESDAY + timedelta(hours=3),
    )
    WaitingFactory(booking=other, created_at=MONDAY + timedelta(minutes=1))
    decline(FreedTime.objects.get().offer, by=earlier.trainee)
    offer_freed()
    client.force_login(earlier.trainee)

    page = client.get(earlier_url())

    assert [call.replaces for call in page.context["offer"].calls] == [other]


def test_proposal_says_so_to_the_channel_team_and_the_manager(client, calls):
    manager = MemberFactory(
        reseller=calls[0].enrolment.member.reseller, is_manager=True
    )
    for onlooker in (UserFactory(is_staff=True), manager.user):
        client.force_login(onlooker)

        page = client.get(calls[0].get_absolute_url())

        assert "Only proposed so far" in page.text


def test_wait_and_stop_waiting(client, trainer, enrolment, trainee):
    call = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=WEDNESDAY)

    waits = client.post(reverse("sessions:wait", args=[call.ref]))
    assert waits.url == call.get_absolute_url()
    assert Waiting.objects.open().get().booking == call
    client.post(reverse("sessions:stop_waiting", args=[call.ref]))

    assert not Waiting.objects.open().exists()


@pytest.mark.parametrize("way", ["wait", "stop_waiting"])
def test_waiting_is_by_post_and_by_the_trainee_alone(client, trainer, enrolment, way):
    call = BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=WEDNESDAY)
    WaitingFactory(booking=call)
    url = reverse(f"sessions:{way}", args=[call.ref])
    client.force_login(trainer.user)

    assert client.get(url).status_code == 405
    assert client.post(url).status_code == 302
    assert Waiting.objects.open().count() == 1


def test_waiting_part_shows_the_button_that_fits(trainer, enrolment):
    call = BookingFactory(enrolment=enrolment, trainer=trainer)
    part = Template('{% include "sessions/_waiting.html" %}')
    context = Context({"call": call, "zone": "Europe/London"})

    assert "Tell me of an earlier time" in part.render(context)
    WaitingFactory(booking=call)
    assert "Tell me no longer" in part.render(context)


# --- Asking for a time ---------------------------------------------------------------


def ask_url(enrolment):
    return reverse("sessions:ask", args=[enrolment.pk])


def asked(**more):
    words = {"weekdays": ["0", "4"], "parts": ["morning"], "zone": "Asia/Tokyo"}
    return words | {"note": "From July on."} | more


def test_ask_asks_shows_and_replaces(client, enrolment, trainee):
    response = client.post(ask_url(enrolment), asked())
    client.post(ask_url(enrolment), asked(weekdays=["2"]))

    assert response.url == reverse("sessions:book", args=[enrolment.pk])
    one = TimeRequest.objects.get()
    assert (one.weekdays, one.parts, one.note) == ([2], ["morning"], "From July on.")
    page = client.get(ask_url(enrolment))
    assert page.context["form"]["zone"].value() == "Asia/Tokyo"
    assert "Wednesday · Morning, 6:00 to 12:00 (Tokyo)" in page.text


def test_ask_shows_ones_own_zone_first(client, enrolment, trainee):
    trainee.time_zone = "Asia/Tokyo"
    trainee.save()

    page = client.get(ask_url(enrolment))

    assert page.context["form"]["zone"].value() == "Asia/Tokyo"


@pytest.mark.parametrize(
    "wrong",
    [
        {"weekdays": []},
        {"weekdays": ["7"]},
        {"weekdays": ["x"]},
        {"parts": []},
        {"parts": ["night"]},
        {"zone": "Mars/Olympus"},
        {"note": "x" * 301},
    ],
)
def test_ask_answers_bad_input_with_nothing_lost(client, enrolment, trainee, wrong):
    response = client.post(ask_url(enrolment), asked(**wrong))

    assert response.status_code == 422
    assert not TimeRequest.objects.exists()
    assert wrong.get("note", "From July on.") in response.text


def test_ask_withdraws(client, enrolment, trainee):
    TimeRequestFactory(enrolment=enrolment)

    client.post(ask_url(enrolment), {"answer": "withdraw"})

    assert not TimeRequest.objects.open().exists()


def test_ask_of_a_closed_programme_leads_on(client, enrolment, trainee):
    done = EnrolmentFactory(member=enrolment.member, completed=True)

    assert client.get(ask_url(done)).url == reverse("dashboards:my")
    assert client.post(ask_url(done), asked()).status_code == 409


def test_ask_with_nothing_ready_says_so(client, enrolment, trainee):
    topics = [row.topic for row in enrolment.edition.topics.all()]
    BookingFactory(enrolment=enrolment, topics=topics)

    page = client.get(ask_url(enrolment))

    assert "Nothing is ready for a call" in page.text
    assert "<form" in page.text  # signing out is one
    assert 'name="weekdays"' not in page.text

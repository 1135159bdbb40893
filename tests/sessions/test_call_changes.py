"""Cancelling, handing over, missed: through the page of the call."""

from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from sessions import missing
from sessions.models import Booking, BookingState, Dispute, Ended, Origin
from sessions.room import enter
from tests.factories import (
    BookingFactory,
    DisputeFactory,
    EnrolmentFactory,
    MemberFactory,
    PresenceFactory,
    TrainerFactory,
    UserFactory,
)

STARTS_AT = datetime(2026, 6, 4, 9, tzinfo=UTC)  # Thursday 10:00 in London


def at(moment):
    return time_machine.travel(moment, tick=False)


@pytest.fixture
def call(db):
    with at(STARTS_AT - timedelta(days=3)):
        enrolment = EnrolmentFactory()
        trainer = TrainerFactory(programmes=[enrolment.programme])
        return BookingFactory(enrolment=enrolment, trainer=trainer, starts_at=STARTS_AT)


@pytest.fixture
def three_days_before(call):
    with at(STARTS_AT - timedelta(days=3)):
        yield


def url(name, call):
    return reverse(f"sessions:{name}", args=[call.ref])


def page(client, call, user):
    client.force_login(user)
    return client.get(call.get_absolute_url())


def words(response):
    return " ".join(response.text.split())


# --- Cancelling ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (24, "You can move or cancel it until"),
        (23, "It was best to say so until"),
    ],
)
def test_call_page_says_until_when_it_is_on_time(client, call, hours, said):
    with at(STARTS_AT - timedelta(hours=hours)):
        response = page(client, call, call.trainee)

    assert said in response.text
    assert "Wed 3 Jun, 10:00 (London)" in response.text


def test_call_page_says_that_what_a_trainer_booked_is_never_late(client, db):
    booked_by = TrainerFactory()  # who has handed it over since
    call = BookingFactory(
        starts_at=STARTS_AT, origin=Origin.TRAINER, created_by=booked_by.user
    )

    with at(STARTS_AT - timedelta(minutes=1)):
        response = page(client, call, call.trainee)

    name = booked_by.user.full_name
    assert f"Booked by {name} as agreed with you" in response.text
    assert "It never counts as late." in words(response)
    assert "Refuse or cancel this call" in words(response)


def test_a_time_proposed_is_answered_and_not_cancelled(client, call):
    proposal = BookingFactory(
        state=BookingState.PROPOSED, offer=uuid4(), trainee=call.trainee
    )
    client.force_login(call.trainee)

    responses = [
        client.post(url("cancel", proposal), {"cause": "plans", "reason": "No"}),
        client.get(url("calendar_file", proposal)),
    ]

    proposal.refresh_from_db()
    assert [one.url for one in responses] == [proposal.get_absolute_url()] * 2
    assert proposal.state == BookingState.PROPOSED


@pytest.mark.parametrize(
    ("hours", "cause", "late"),
    [(25, "plans", False), (23, "plans", True), (23, "illness", False)],
)
def test_cancel_is_late_by_its_time_and_cause(client, call, hours, cause, late):
    client.force_login(call.trainee)

    with at(STARTS_AT - timedelta(hours=hours)):
        client.post(url("cancel", call), {"cause": cause, "reason": "Sorry"})

    call.refresh_from_db()
    assert (call.state, call.cause, call.late) == ("cancelled", cause, late)


@pytest.mark.parametrize(
    ("who", "status"), [("trainee", 422), ("trainer", 302), ("staff", 302)]
)
def test_cancel_for_bytekasts_side_is_said_by_bytekast(
    client, call, three_days_before, who, status
):
    users = {
        "trainee": call.trainee,
        "trainer": call.trainer.user,
        "staff": UserFactory(is_staff=True),
    }
    client.force_login(users[who])

    response = client.post(
        url("cancel", call), {"cause": "bytekast", "reason": "Our fault"}
    )

    assert response.status_code == status


def test_cancel_again_says_so(client, call, three_days_before):
    client.force_login(call.trainee)
    client.post(url("cancel", call), {"cause": "plans", "reason": "First"})

    again = client.post(
        url("cancel", call), {"cause": "plans", "reason": "Second"}, follow=True
    )

    call.refresh_from_db()
    assert "This call is cancelled already." in again.text
    assert call.reason == "First"


def test_cancel_after_it_began_keeps_what_was_typed(client, call):
    client.force_login(call.trainee)

    with at(STARTS_AT):
        response = client.post(
            url("cancel", call), {"cause": "illness", "reason": "My own words"}
        )

    call.refresh_from_db()
    assert response.status_code == 409
    assert call.state == BookingState.BOOKED


def test_cancelled_call_offers_the_soonest_times(client, call, three_days_before):
    client.force_login(call.trainee)
    client.post(url("cancel", call), {"cause": "plans", "reason": "Sorry"})

    response = client.get(call.get_absolute_url())

    slot = response.context["again"].soonest[0]
    assert slot.label == "Tue 2 Jun, 10:00"
    confirm = client.get(slot.url.partition("#")[0]).context["confirm"]
    assert confirm["value"] == "2026-06-02T09:00Z"


# --- Missed ----------------------------------------------------------------------------


def join_in(call, *users):
    with at(STARTS_AT):
        for user in users:
            enter(call, user)


@pytest.mark.parametrize(("minutes", "may"), [(9, False), (10, True), (19, True)])
@pytest.mark.parametrize("side", ["trainee", "trainer"])
def test_missed_can_be_said_by_who_is_there(client, call, side, minutes, may):
    users = {"trainee": call.trainee, "trainer": call.trainer.user}
    other = users["trainer" if side == "trainee" else "trainee"]
    join_in(call, users[side])

    with at(STARTS_AT + timedelta(minutes=minutes)):
        response = page(client, call, users[side])
        swapped = client.get(call.get_absolute_url(), headers={"HX-Request": "true"})
        client.post(url("missed", call))

    call.refresh_from_db()
    said = f"Say that {other.full_name} did not come"
    assert (said in words(response)) == may
    assert (said in words(swapped)) == may
    assert ("you can say so here from" in words(response)) == (not may)
    assert call.state == ("missed" if may else "booked")


def test_missed_is_not_for_who_is_not_there_or_an_onlooker(client, call):
    manager = MemberFactory(reseller=call.enrolment.member.reseller, is_manager=True)
    join_in(call, call.trainer.user)

    with at(STARTS_AT + timedelta(minutes=15)):
        for user in (call.trainee, manager.user, UserFactory(is_staff=True)):
            client.force_login(user)
            client.post(url("missed", call))

    call.refresh_from_db()
    assert call.state == BookingState.BOOKED


@pytest.fixture
def missed_by_trainer(call):
    join_in(call, call.trainee)
    with at(STARTS_AT + timedelta(minutes=10)):
        missing.say_missed(call, by=call.trainee)
        yield Booking.objects.get()


@pytest.fixture
def missed_by_trainee(call):
    join_in(call, call.trainer.user)
    with at(STARTS_AT + timedelta(minutes=10)):
        missing.say_missed(call, by=call.trainer.user)
        yield Booking.objects.get()


def test_missed_by_the_trainer_says_sorry_and_offers_times_at_once(
    client, missed_by_trainer
):
    response = page(client, missed_by_trainer, missed_by_trainer.trainee)

    soonest = response.context["again"].soonest
    assert "Sorry: your trainer did not come" in words(response)
    assert [slot.label for slot in soonest] == [
        "Thu 4 Jun, 10:15",  # its own time is free again
        "Thu 4 Jun, 10:30",
        "Thu 4 Jun, 10:45",
    ]


def test_missed_by_the_trainer_lets_book_without_the_notice(client, missed_by_trainer):
    client.force_login(missed_by_trainer.trainee)
    page = client.get(reverse("sessions:book", args=[missed_by_trainer.enrolment_id]))
    soonest = page.context["times"].soonest[0]
    confirm = client.get(soonest.url.partition("#")[0])
    form = {
        "picked": "1",
        "topics": [topic.pk for topic in confirm.context["chosen"]],
        "start": confirm.context["confirm"]["value"],
        "request_key": confirm.context["request_key"],
    }

    response = client.post(
        reverse("sessions:book", args=[missed_by_trainer.enrolment_id]), form
    )

    assert soonest.label == "Thu 4 Jun, 10:15"
    assert response.status_code == 302
    assert Booking.objects.filter(state=BookingState.BOOKED).count() == 1


def test_missed_by_the_trainee_offers_times_with_the_notice(client, missed_by_trainee):
    response = page(client, missed_by_trainee, missed_by_trainee.trainee)

    assert "We did not see you in this call" in response.text
    assert response.context["again"].soonest[0].label == "Fri 5 Jun, 10:15"


def test_missed_can_still_be_joined_while_the_room_is_open(client, missed_by_trainee):
    response = page(client, missed_by_trainee, missed_by_trainee.trainee)
    assert (response.context["join"].word, response.context["join"].enabled) == (
        "Join",
        True,
    )

    client.get(url("join", missed_by_trainee))

    missed_by_trainee.refresh_from_db()
    assert missed_by_trainee.state == BookingState.BOOKED


@pytest.mark.parametrize(
    ("who", "seen"),
    [("trainee", True), ("trainer", True), ("manager", True), ("staff", True)],
)
def test_call_page_counts_what_the_trainee_missed(client, missed_by_trainee, who, seen):
    enrolment = missed_by_trainee.enrolment
    BookingFactory(
        enrolment=enrolment,
        trainer=missed_by_trainee.trainer,
        state=BookingState.CANCELLED,
        late=True,
        ended_by=enrolment.member.user,
    )
    users = {
        "trainee": missed_by_trainee.trainee,
        "trainer": missed_by_trainee.trainer.user,
        "manager": MemberFactory(
            reseller=enrolment.member.reseller, is_manager=True
        ).user,
        "staff": UserFactory(is_staff=True),
    }

    response = page(client, missed_by_trainee, users[who])

    said = "Missed: 1 · cancelled late: 1, in the last 12 months"
    assert (said in words(response)) == seen


# --- "That is not what happened" --------------------------------------------------------


def test_dispute_is_offered_to_whom_it_concerns(client, missed_by_trainee):
    trainee = page(client, missed_by_trainee, missed_by_trainee.trainee)
    trainer = page(client, missed_by_trainee, missed_by_trainee.trainer.user)

    assert trainee.context["dispute_form"] is not None
    assert trainer.context["dispute_form"] is None


def test_who_disputes_sees_what_was_seen_of_them_and_not_of_the_other(
    client, missed_by_trainee
):
    call = missed_by_trainee
    stay = partial(PresenceFactory, booking=call, ended=Ended.LEFT)
    stay(
        user=call.trainee,
        joined_at=STARTS_AT - timedelta(minutes=9),
        left_at=STARTS_AT - timedelta(minutes=6),
    )
    stay(
        user=call.trainer.user,
        joined_at=STARTS_AT,
        left_at=STARTS_AT + timedelta(minutes=12),
    )

    seen = page(client, call, call.trainee)

    assert [one.user for one in seen.context["own_came"]] == [call.trainee]
    assert "What this site saw of you in this call:" in words(seen)
    assert "3 minutes in the room" in words(seen)
    assert "12 minutes in the room" not in words(seen)


def test_dispute_is_told_once_and_shown_with_its_state(client, missed_by_trainee):
    client.force_login(missed_by_trainee.trainee)
    form = {"text": "I was in the waiting room."}

    client.post(url("dispute", missed_by_trainee), form)
    again = client.post(url("dispute", missed_by_trainee), form, follow=True)

    assert Dispute.objects.get().text == "I was in the waiting room."
    assert "You said that this is not what happened:" in words(again)
    assert "The training team looks at it." in again.text


def test_dispute_that_is_settled_shows_the_answer(client, missed_by_trainee):
    DisputeFactory(
        booking=missed_by_trainee,
        settled_at=STARTS_AT + timedelta(minutes=10),
        settled_by=UserFactory(is_staff=True),
        answer="Nobody joined by the log.",
    )

    response = page(client, missed_by_trainee, missed_by_trainee.trainee)

    assert "The training team answered on Thu 4 Jun" in re_time(words(response))
    assert "Nobody joined by the log." in response.text
    assert response.context["dispute_form"] is None


def re_time(text):
    """Without the elements around times."""
    return text.replace('<time datetime="2026-06-04T09:10:00+00:00">', "").replace(
        "</time>", ""
    )


@pytest.mark.parametrize(
    ("text", "status"), [("", 422), (" ", 422), ("x" * 1001, 422), ("x" * 1000, 302)]
)
def test_dispute_wants_some_words_and_keeps_them(
    client, missed_by_trainee, text, status
):
    client.force_login(missed_by_trainee.trainee)

    response = client.post(url("dispute", missed_by_trainee), {"text": text})

    assert response.status_code == status
    assert Dispute.objects.exists() == (status == 302)
    if status == 422:
        assert text in response.text


def test_dispute_by_somebody_else_is_refused_in_words(client, missed_by_trainee):
    client.force_login(missed_by_trainee.trainer.user)

    response = client.post(
        url("dispute", missed_by_trainee), {"text": "x"}, follow=True
    )

    assert "Nobody says that you missed this call." in response.text
    assert not Dispute.objects.exists()


def test_dispute_is_not_read_by_a_manager(client, missed_by_trainee):
    DisputeFactory(booking=missed_by_trainee, text="Between us")
    manager = MemberFactory(
        reseller=missed_by_trainee.enrolment.member.reseller, is_manager=True
    )

    response = page(client, missed_by_trainee, manager.user)

    assert "Between us" not in response.text


# --- Handing over -------------------------------------------------------------------------


@pytest.fixture
def colleague(call):
    with at(STARTS_AT - timedelta(days=3)):
        return TrainerFactory(programmes=[call.enrolment.programme])


def test_hand_over_gives_the_call_to_a_colleague_by_name(
    client, call, colleague, three_days_before
):
    TrainerFactory()  # not qualified
    client.force_login(call.trainer.user)
    form = client.get(url("hand_over", call)).context["form"]

    response = client.post(
        url("hand_over", call), {"to": colleague.pk, "reason": ""}, follow=True
    )

    call.refresh_from_db()
    assert list(form.colleagues.values()) == [colleague]
    assert call.trainer == colleague
    assert f"{colleague} holds the call now." in response.text


def test_hand_over_to_nobody_asks_the_trainee_to_choose_again(
    client, call, three_days_before
):
    client.force_login(call.trainer.user)
    page = client.get(url("hand_over", call))

    unsaid = client.post(url("hand_over", call), {"to": "nobody", "reason": ""})
    client.post(url("hand_over", call), {"to": "nobody", "reason": "I am ill"})

    call.refresh_from_db()
    assert "No colleague is free then" in page.text
    assert unsaid.status_code == 422
    assert (call.state, call.cause, call.late) == ("cancelled", "bytekast", False)


@pytest.mark.parametrize("to", ["", "x", "999999", "busy", "not qualified", "left"])
def test_hand_over_to_who_cannot_is_refused_in_words(
    client, call, colleague, three_days_before, to
):
    programmes = [call.enrolment.programme]
    people = {
        "busy": BookingFactory(
            trainer=TrainerFactory(programmes=programmes), starts_at=STARTS_AT
        ).trainer.pk,
        "not qualified": TrainerFactory().pk,
        "left": TrainerFactory(programmes=programmes, is_active=False).pk,
    }
    client.force_login(call.trainer.user)

    response = client.post(
        url("hand_over", call), {"to": people.get(to, to), "reason": "Kept"}
    )

    call.refresh_from_db()
    assert response.status_code == 422
    assert "Kept" in response.text
    assert call.trainer != colleague


def test_hand_over_once_it_began_leads_back_in_words(client, call, colleague):
    client.force_login(call.trainer.user)

    with at(STARTS_AT):
        seen = client.get(url("hand_over", call), follow=True)
        sent = client.post(url("hand_over", call), {"to": colleague.pk, "reason": ""})

    assert "can no longer be handed over" in seen.text
    assert sent.status_code in (409, 422)


@pytest.mark.parametrize("who", ["trainee", "manager", "other trainer"])
def test_hand_over_is_for_the_trainer_and_the_channel_team(client, call, who):
    users = {
        "trainee": call.trainee,
        "manager": MemberFactory(
            reseller=call.enrolment.member.reseller, is_manager=True
        ).user,
        "other trainer": TrainerFactory(programmes=[call.enrolment.programme]).user,
    }
    client.force_login(users[who])

    status = client.get(url("hand_over", call)).status_code

    assert status == (404 if who == "other trainer" else 403)

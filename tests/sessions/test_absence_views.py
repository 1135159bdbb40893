from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse

from sessions.models import BookingState
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
EIGHT = datetime(2026, 6, 3, 7, tzinfo=UTC)  # Wednesday, eight in London
OWN = reverse("sessions:cannot_work")
TODAY = {"first": "2026-06-03", "last": "2026-06-03", "reason": "Ill"}


@pytest.fixture(autouse=True)
def at_eight():
    with time_machine.travel(EIGHT, tick=False):
        yield


@pytest.fixture
def edition():
    return EditionFactory()


@pytest.fixture
def trainer(edition, client):
    trainer = TrainerFactory(programmes=[edition.programme])
    client.force_login(trainer.user)
    return trainer


@pytest.fixture
def colleague(edition):
    return TrainerFactory(programmes=[edition.programme])


@pytest.fixture
def staff(client):
    staff = UserFactory(is_staff=True)
    client.force_login(staff)
    return staff


def call_in(trainer, edition, **later):
    enrolment = EnrolmentFactory(edition=edition)
    return BookingFactory(
        trainer=trainer, enrolment=enrolment, starts_at=EIGHT + timedelta(**later)
    )


def now_standing(call):
    call.refresh_from_db()
    return call.state, call.trainer


# --- I cannot work today ------------------------------------------------------------


def test_page_shows_todays_calls_and_who_would_take_each(
    client, trainer, edition, colleague
):
    call = call_in(trainer, edition, hours=2)
    call_in(trainer, edition, days=1)
    call_in(colleague, edition, hours=6)  # a stranger's: it must not leak

    response = client.get(OWN)

    (one,) = response.context["prospects"]
    assert (one.call, one.colleague) == (call, colleague)
    assert "Take Wed 3 Jun off" in response.text


def test_page_shows_the_calls_of_the_days_asked_for(client, trainer, edition):
    call_in(trainer, edition, hours=2)
    call = call_in(trainer, edition, days=1)

    response = client.get(OWN, {"first": "2026-06-04", "last": "2026-06-05"})

    assert [one.call for one in response.context["prospects"]] == [call]
    assert "Take Thu 4 Jun to Fri 5 Jun off" in " ".join(response.text.split())


def test_days_are_those_of_the_trainers_clock(client, trainer, edition):
    trainer.time_zone = "Pacific/Auckland"  # there it is seven in the evening
    trainer.save(update_fields=["time_zone"])
    call = call_in(trainer, edition, hours=4)
    call_in(trainer, edition, hours=5)

    response = client.get(OWN)

    assert [one.call for one in response.context["prospects"]] == [call]


def test_one_button_does_it_and_says_what_happened(client, trainer, edition, colleague):
    handed = call_in(trainer, edition, hours=2)
    asked = call_in(trainer, EditionFactory(), hours=3)

    response = client.post(OWN, TODAY)

    outcome = response.context["outcome"]
    assert (outcome.handed, outcome.asked) == ([handed], [asked])
    assert now_standing(handed) == (BookingState.BOOKED, colleague)
    assert now_standing(asked) == (BookingState.CANCELLED, trainer)
    assert handed.trainee.full_name in response.text
    assert asked.trainee.full_name in response.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("first", "2026-06-02"),
        ("first", "2026-06-04"),
        ("first", "soon"),
        ("last", ""),
        ("last", "2027-06-04"),
        ("last", "9999-12-31"),
        ("reason", " "),
        ("reason", "x" * 301),
    ],
)
def test_what_makes_no_sense_is_said_and_changes_nothing(
    client, trainer, edition, field, value
):
    call = call_in(trainer, edition, hours=2)

    response = client.post(OWN, TODAY | {field: value})

    assert response.status_code == 422
    assert now_standing(call) == (BookingState.BOOKED, trainer)
    assert "Please check this" in response.text


@pytest.mark.parametrize(
    "days",
    [
        {"first": "x", "last": "y"},
        {"first": "2026-06-04", "last": "2026-06-03"},
        {"first": "2026-06-03"},
        {"first": "9999-12-31", "last": "9999-12-31"},
    ],
)
def test_days_that_make_no_sense_show_no_button(client, trainer, days):
    response = client.get(OWN, days)

    assert response.status_code == 200
    assert "and do all of this" not in response.text
    assert "field-wrong" in response.text


def test_staff_do_it_for_a_trainer(client, staff, edition, colleague):
    call = call_in(colleague, edition, hours=2)
    page = reverse("sessions:cannot_work_for", args=[colleague.pk])

    assert [one.call for one in client.get(page).context["prospects"]] == [call]
    client.post(page, TODAY)

    assert now_standing(call) == (BookingState.CANCELLED, colleague)


def test_today_leads_to_the_page(client, trainer):
    assert OWN in client.get(reverse("sessions:today")).text


# --- A trainer leaves ------------------------------------------------------------------


@pytest.fixture
def leaving(edition):
    return TrainerFactory(programmes=[edition.programme])


def page_of(trainer):
    return reverse("sessions:leaving", args=[trainer.pk])


def proposal_of(trainer):
    return BookingFactory(trainer=trainer, state=BookingState.PROPOSED, offer=uuid4())


def test_page_lists_all_that_a_trainer_still_has(
    client, staff, edition, leaving, colleague
):
    call = call_in(leaving, edition, days=1, hours=2)
    over = call_in(leaving, edition, days=-1)
    proposal = proposal_of(leaving)
    call_in(colleague, edition, days=2, hours=2)

    context = client.get(page_of(leaving)).context

    assert [(one.call, one.colleagues) for one in context["calls"]] == [
        (call, [colleague])
    ]
    assert list(context["proposals"]) == [proposal]
    assert list(context["unsigned"]) == [over]


def test_every_form_of_the_page_carries_its_token(
    client, staff, edition, leaving, colleague
):
    call_in(leaving, edition, days=1, hours=2)
    proposal_of(leaving)

    text = client.get(page_of(leaving)).text

    forms = text.count('method="post"')
    assert forms >= 4
    assert text.count('name="csrfmiddlewaretoken"') == forms


def test_call_is_handed_over_by_name(client, staff, edition, leaving, colleague):
    call = call_in(leaving, edition, days=1, hours=2)

    response = client.post(
        page_of(leaving), {"act": "hand", "call": call.ref, "to": colleague.pk}
    )

    assert response.status_code == 302
    assert now_standing(call) == (BookingState.BOOKED, colleague)


def test_calls_are_spread_and_what_is_left_is_said(
    client, staff, edition, leaving, colleague
):
    call = call_in(leaving, edition, days=1, hours=2)
    left = call_in(leaving, EditionFactory(), days=2, hours=2)

    response = client.post(page_of(leaving), {"act": "spread"}, follow=True)

    assert now_standing(call) == (BookingState.BOOKED, colleague)
    assert now_standing(left) == (BookingState.BOOKED, leaving)
    assert "1 call is handed over. For 1 call nobody is free" in response.text


def test_trainee_is_asked_to_choose_again(client, staff, edition, leaving):
    call = call_in(leaving, edition, days=1, hours=2)

    client.post(page_of(leaving), {"act": "ask", "call": call.ref})

    assert now_standing(call) == (BookingState.CANCELLED, leaving)


def test_proposals_are_withdrawn(client, staff, leaving):
    proposal = proposal_of(leaving)

    client.post(page_of(leaving), {"act": "withdraw"})

    assert now_standing(proposal) == (BookingState.CANCELLED, leaving)


def test_work_ends_once_no_call_is_left(client, staff, edition, leaving):
    call = call_in(leaving, edition, days=1, hours=2)

    refused = client.post(page_of(leaving), {"act": "let_go"})
    client.post(page_of(leaving), {"act": "ask", "call": call.ref})
    client.post(page_of(leaving), {"act": "let_go"})

    assert refused.status_code == 409
    assert "1 call is still booked" in refused.text
    leaving.refresh_from_db()
    assert not leaving.is_active
    client.force_login(leaving.user)
    assert client.get(reverse("sessions:today")).status_code == 403


@pytest.mark.parametrize(
    "words",
    [
        {},
        {"act": "away"},
        {"act": "hand"},
        {"act": "hand", "call": "none", "to": "1"},
        {"act": "ask", "call": "\x00"},
    ],
)
def test_what_cannot_be_read_changes_nothing(client, staff, edition, leaving, words):
    call = call_in(leaving, edition, days=1, hours=2)

    response = client.post(page_of(leaving), words)

    assert response.status_code == 422
    assert now_standing(call) == (BookingState.BOOKED, leaving)


def test_call_of_another_trainer_or_to_one_who_cannot_is_refused(
    client, staff, edition, leaving, colleague
):
    others = call_in(colleague, edition, days=1, hours=2)
    own = call_in(leaving, edition, days=2, hours=2)
    unqualified = TrainerFactory()

    foreign = client.post(page_of(leaving), {"act": "ask", "call": others.ref})
    unable = client.post(
        page_of(leaving), {"act": "hand", "call": own.ref, "to": unqualified.pk}
    )

    assert (foreign.status_code, unable.status_code) == (422, 409)
    assert now_standing(others) == (BookingState.BOOKED, colleague)
    assert now_standing(own) == (BookingState.BOOKED, leaving)

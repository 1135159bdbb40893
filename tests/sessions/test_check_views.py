"""The trainer reads the check answers of whom they meet, and helps from there."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from courses.checks import start_attempt, state_of_check, submit_attempt
from courses.models import Evidence, EvidenceKind, MoreAttempts
from courses.progress import record_evidence
from sessions.models import BookingState
from tests.checks import REASON, questions, right_answers, wrong_answers
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    ProgrammePageFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def topic():
    programme = ProgrammePageFactory()
    return TopicPageFactory(parent=programme, questions=questions(), attempts_allowed=2)


@pytest.fixture
def enrolment(topic):
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    return EnrolmentFactory(edition=edition)


@pytest.fixture
def call(enrolment, topic):
    """A call that has begun, with its trainer."""
    return BookingFactory(
        enrolment=enrolment,
        trainer=TrainerFactory(programmes=[enrolment.programme]),
        topics=[topic],
        starts_at=now() - timedelta(minutes=10),
        ends_at=now() + timedelta(minutes=20),
    )


def fail(enrolment, topic, times=2):
    for _ in range(times):
        attempt = start_attempt(enrolment, topic)
        submit_attempt(attempt, wrong_answers(attempt))


def answers_url(call):
    return reverse("sessions:check_answers", args=[call.ref])


def help_url(call, topic):
    return reverse("sessions:help_with_check", args=[call.ref, topic.pk])


def as_trainer(client, call):
    client.force_login(call.trainer.user)


def test_answers_are_one_click_from_today_the_call_and_the_sign_off(
    client, call, enrolment, topic
):
    fail(enrolment, topic)
    as_trainer(client, call)
    link = f'href="{answers_url(call)}#topic-{topic.pk}"'
    pages = [
        reverse("sessions:today"),
        call.get_absolute_url(),
        reverse("sessions:sign_off", args=[call.ref]),
    ]

    shown = [client.get(url).text for url in pages]

    assert [link in page for page in shown] == [True] * 3
    assert "Check to talk through" in shown[0]


def test_trainer_reads_every_attempt_with_what_is_right(client, call, enrolment, topic):
    fail(enrolment, topic)
    as_trainer(client, call)

    page = client.get(answers_url(call)).text

    assert page.count("Not right") == 10
    assert page.count("Right is") == 10
    assert page.count(REASON) == 10
    assert "No attempt left" in page
    assert page.count('method="post"') == page.count('name="csrfmiddlewaretoken"')


def test_answers_in_order_are_numbered_and_several_are_a_list(
    client, call, enrolment, topic
):
    attempt = start_attempt(enrolment, topic)
    submit_attempt(attempt, right_answers(attempt))
    as_trainer(client, call)

    page = client.get(answers_url(call)).text

    assert re.search(r"<ol>\s*<li>Read</li><li>Sort</li><li>Answer</li>\s*</ol>", page)
    lists = re.findall(r"<ul>\s*((?:<li>[^<]+</li>)+)\s*</ul>", page)
    assert sorted(each.count("<li>") for each in lists) == [2, 3]  # several, pairs


@pytest.mark.parametrize("who", ["trainee", "manager"])
def test_trainee_and_manager_see_no_way_to_the_answers(
    client, call, enrolment, topic, who
):
    fail(enrolment, topic)
    reseller = enrolment.member.reseller
    manager = MemberFactory(reseller=reseller, is_manager=True).user
    client.force_login({"trainee": call.trainee, "manager": manager}[who])

    page = client.get(call.get_absolute_url())

    assert page.status_code == 200
    assert answers_url(call) not in page.text
    assert client.get(answers_url(call)).status_code == 403
    assert client.post(help_url(call, topic)).status_code == 403


def test_manager_sees_of_a_check_whether_it_is_passed_and_no_more(
    client, call, enrolment, topic
):
    fail(enrolment, topic)
    as_trainer(client, call)
    client.post(help_url(call, topic), {"do": "pass", "note": "Between us two."})
    manager = MemberFactory(reseller=enrolment.member.reseller, is_manager=True).user
    client.force_login(manager)

    page = client.get(reverse("dashboards:person", args=[enrolment.member.pk])).text

    assert "Check passed" in page or "passed the check" in page.lower()
    assert "Between us two." not in page
    assert REASON not in page


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (BookingState.BOOKED, 200),
        (BookingState.DONE, 200),
        (BookingState.CANCELLED, 403),
        (BookingState.MISSED, 403),
        (BookingState.PROPOSED, 403),
    ],
)
def test_trainer_reads_the_answers_of_those_they_meet(
    client, enrolment, topic, state, status
):
    fields = {"offer": call_key()} if state == BookingState.PROPOSED else {}
    call = BookingFactory(enrolment=enrolment, topics=[topic], state=state, **fields)
    fail(enrolment, topic)
    as_trainer(client, call)

    assert client.get(answers_url(call)).status_code == status


def call_key():
    return "00000000-0000-0000-0000-000000000001"


def test_passing_it_is_told_and_completes(client, call, enrolment, topic):
    record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    record_evidence(enrolment, topic, EvidenceKind.CALL, by=None)
    fail(enrolment, topic)
    as_trainer(client, call)

    said = {"do": "pass", "note": "Explained each step."}
    response = client.post(help_url(call, topic), said)
    again = client.post(help_url(call, topic), said)

    enrolment.refresh_from_db()
    assert response.url == f"{answers_url(call)}#topic-{topic.pk}"
    assert again.status_code == 302
    assert enrolment.completed_at is not None
    assert Evidence.objects.filter(kind=EvidenceKind.CHECK).count() == 1
    assert "Explained each step." in client.get(answers_url(call)).text


def test_check_is_passed_from_the_calls_start_on(client, enrolment, topic):
    call = BookingFactory(
        enrolment=enrolment, topics=[topic], starts_at=now() + timedelta(hours=1)
    )
    fail(enrolment, topic)
    as_trainer(client, call)

    response = client.post(help_url(call, topic), {"do": "pass", "note": "Fine"})

    assert response.status_code == 409
    assert "from the call’s start on" in response.text
    assert not Evidence.objects.filter(kind=EvidenceKind.CHECK).exists()


def test_new_attempts_are_given(client, call, enrolment, topic):
    fail(enrolment, topic)
    as_trainer(client, call)

    client.post(help_url(call, topic), {"do": "give", "count": 2, "note": "Again!"})

    assert state_of_check(enrolment, topic).left == 2
    assert MoreAttempts.objects.get().by == call.trainer.user


@pytest.mark.parametrize(
    "sent",
    [
        {"do": "pass", "note": "  "},
        {"do": "give", "count": "0"},
        {"do": "give", "count": "x"},
        {"do": "give", "count": "9" * 30},
        {"do": "pass", "note": "x" * 501},
        {"do": "pass", "note": "a\x00"},
        {},
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(client, call, enrolment, topic, sent):
    fail(enrolment, topic)
    as_trainer(client, call)

    response = client.post(help_url(call, topic), sent)

    assert response.status_code == 422
    assert "Please check this" in response.text


def test_topic_that_is_not_on_the_agenda_is_not_found(client, call, enrolment):
    other = TopicPageFactory(parent=enrolment.programme)
    as_trainer(client, call)

    assert client.post(help_url(call, other), {"do": "pass"}).status_code == 404


def test_staff_may_help_too(client, call, enrolment, topic):
    fail(enrolment, topic)
    staff = UserFactory(is_staff=True)
    client.force_login(staff)

    client.post(help_url(call, topic), {"do": "pass", "note": "Fine"})

    assert Evidence.objects.get(kind=EvidenceKind.CHECK).by == staff


def test_answers_take_the_same_queries_for_any_number_of_topics(client, enrolment):
    counts = []
    for number in (1, 3):
        programme = ProgrammePageFactory()
        topics = [
            TopicPageFactory(parent=programme, questions=questions(1))
            for _ in range(number)
        ]
        edition = EditionFactory(programme=programme, topics=topics)
        enrolment = EnrolmentFactory(edition=edition)
        for topic in topics:
            fail(enrolment, topic, number)
        call = BookingFactory(enrolment=enrolment, topics=topics)
        as_trainer(client, call)
        client.get(answers_url(call))
        with CaptureQueriesContext(connection) as queries:
            client.get(answers_url(call))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_who_reads_only_sees_answers_and_helps_with_none(client, call):
    topic = call.topics.first()
    client.force_login(UserFactory(is_staff=True, may_change_people=False))
    path = reverse("sessions:help_with_check", args=[call.ref, topic.topic_id])

    page = client.get(reverse("sessions:check_answers", args=[call.ref]))
    response = client.post(path, {"do": "pass", "note": "Talked it through"})

    assert (page.status_code, response.status_code) == (200, 403)
    assert path not in page.text

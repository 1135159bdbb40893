"""Taking a check on the topic's page, and on its own: what people see and send."""

import json
import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from content.permissions import grant_channel_team
from courses.checks import (
    give_attempts,
    pass_in_call,
    start_attempt,
    submit_attempt,
)
from courses.models import Attempt, AttemptKind, Evidence, EvidenceKind
from courses.progress import record_evidence
from lms.people.accounts import set_channel_team
from tests.checks import (
    EACH_KIND,
    REASON,
    as_posted,
    questions,
    right_answers,
    wrong_answers,
)
from tests.factories import (
    AttemptFactory,
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
HTMX = {"headers": {"HX-Request": "true"}}


def enrolment_with_check(count=5, **fields):
    topic = TopicPageFactory(questions=questions(count), **fields)
    edition = EditionFactory(programme=topic.get_parent().specific, topics=[topic])
    return EnrolmentFactory(edition=edition)


@pytest.fixture
def enrolment():
    return enrolment_with_check()


@pytest.fixture
def topic(enrolment):
    return topic_of(enrolment)


def topic_of(enrolment):
    return enrolment.edition.topics.first().topic


def start_url(enrolment):
    args = [enrolment.pk, topic_of(enrolment).pk]
    return reverse("courses:start_check", args=args)


def submit_url(attempt):
    return reverse("courses:submit_check", args=[attempt.pk])


def begin(client, enrolment):
    client.force_login(enrolment.member.user)
    return start_attempt(enrolment, topic_of(enrolment))


def hand_in(enrolment, answers=wrong_answers, times=1):
    for _ in range(times):
        attempt = start_attempt(enrolment, topic_of(enrolment))
        attempt = submit_attempt(attempt, answers(attempt))
    return attempt


def text_of(response):
    plain = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(plain.split())


def page_text(client, enrolment):
    client.force_login(enrolment.member.user)
    return text_of(client.get(topic_of(enrolment).url))


# --- The way through ------------------------------------------------------------------


def test_check_is_taken_on_the_topics_page(client, enrolment, topic):
    client.force_login(enrolment.member.user)

    before = text_of(client.get(topic.url))
    started = client.post(start_url(enrolment))
    attempt = Attempt.objects.get()
    during = text_of(client.get(topic.url))
    sent = client.post(submit_url(attempt), as_posted(attempt, right_answers(attempt)))
    after = text_of(client.get(sent.url))

    assert "5 questions" in before
    assert "80 % right to pass" in before
    assert "3 attempts left" in before
    assert (started.status_code, started.url) == (302, f"{topic.url}#check")
    assert "Question 5 of 5" in during
    assert sent.url == f"{topic.url}?answered={attempt.pk}#check"
    assert "100 % right Passed" in after
    assert after.count(REASON) == 5
    assert Evidence.objects.get().kind == EvidenceKind.CHECK


def test_handing_in_ticks_the_steps_and_the_outline_at_once(client, enrolment):
    record_evidence(enrolment, topic_of(enrolment), EvidenceKind.READ, by=None)
    record_evidence(enrolment, topic_of(enrolment), EvidenceKind.CALL, by=None)
    attempt = begin(client, enrolment)

    response = client.post(
        submit_url(attempt), as_posted(attempt, right_answers(attempt)), **HTMX
    )

    answer = " ".join(response.content.decode().split())
    assert response.status_code == 200
    assert 'id="topic-steps" hx-swap-oob="true"' in answer
    assert '<div id="topic-outline" hx-swap-oob="true">' in answer
    assert "You passed the check" in answer
    assert "<html" not in answer


def test_what_is_read_leads_to_the_check(client, enrolment, topic):
    client.force_login(enrolment.member.user)
    args = [enrolment.pk, topic.pk]

    response = client.post(reverse("courses:read", args=args), **HTMX)

    assert 'href="#check">Take the check' in " ".join(response.text.split())


def test_starting_by_htmx_brings_the_questions(client, enrolment):
    client.force_login(enrolment.member.user)

    response = client.post(start_url(enrolment), **HTMX)

    assert "Question 1 of 5" in text_of(response)
    assert REASON not in response.content.decode()


def test_failed_check_says_what_was_not_right_and_how_often_one_may_try(
    client, enrolment
):
    hand_in(enrolment)

    shown = page_text(client, enrolment)

    assert "0 % right 80 % are needed" in shown
    assert "2 attempts left" in shown
    assert "Try again" in shown
    assert shown.count("Not right") == 5
    assert shown.count(REASON) == 5
    assert "Right is" not in shown  # it is still to be found


def test_pause_is_shown_until_it_is_over(client, enrolment, topic):
    topic.cooldown_minutes = 60
    topic.save()
    hand_in(enrolment)

    shown = page_text(client, enrolment)
    refused = client.post(start_url(enrolment), **HTMX)

    assert "You can try again from" in shown
    assert "Try again" not in shown.replace("You can try again", "")
    assert refused.status_code == 409
    assert "You can try again from" in text_of(refused)


@pytest.mark.parametrize("booked", [False, True])
def test_used_up_leads_to_the_call(client, enrolment, booked):
    hand_in(enrolment, times=3)
    call = BookingFactory(enrolment=enrolment) if booked else None

    client.force_login(enrolment.member.user)
    response = client.get(topic_of(enrolment).url)

    ways = response.content.decode()
    assert "Talk it through in your call" in text_of(response)
    assert (f'href="{reverse("sessions:book", args=[enrolment.pk])}"' in ways) != booked
    assert call is None or f'href="{call.get_absolute_url()}"' in ways


def test_used_up_waits_for_the_trainers_word_once_the_call_is_over(client, enrolment):
    hand_in(enrolment, times=3)
    begin = now() - timedelta(hours=2)
    BookingFactory(
        enrolment=enrolment, starts_at=begin, ends_at=begin + timedelta(minutes=20)
    )

    assert "waits for your trainer’s word" in page_text(client, enrolment)


def test_used_up_says_what_comes_before_the_call_where_one_prepares_first(
    client, enrolment
):
    enrolment = enrolment_with_check()
    programme = enrolment.programme
    edition = EditionFactory(
        programme=programme, topics=[topic_of(enrolment)], preparation="first"
    )
    enrolment = EnrolmentFactory(edition=edition)
    hand_in(enrolment, times=3)

    shown = page_text(client, enrolment)

    assert "Do the other steps of this topic, then book your call" in shown


def test_new_attempts_are_told_on_the_page(client, enrolment, topic):
    hand_in(enrolment, times=3)
    trainer = UserFactory(full_name="Eleanor Shaw")
    give_attempts(enrolment, topic, by=trainer, count=2, note="Read part two again.")

    shown = page_text(client, enrolment)

    assert "Eleanor Shaw gave you 2 more attempts" in shown
    assert "Read part two again." in shown
    assert "2 attempts left" in shown


def test_pass_in_a_call_is_told_on_the_page_with_its_note(client, enrolment, topic):
    hand_in(enrolment, times=3)
    trainer = UserFactory(full_name="Eleanor Shaw")
    pass_in_call(enrolment, topic, by=trainer, note="Knows it by heart.")

    shown = page_text(client, enrolment)

    assert "Eleanor Shaw passed it after talking it through with you" in shown
    assert "Knows it by heart." in shown
    assert "Practise again" in shown


def test_practice_is_named_so_and_shows_what_is_right(client, enrolment):
    hand_in(enrolment, right_answers)
    practice = hand_in(enrolment)

    shown = page_text(client, enrolment)

    assert practice.kind == AttemptKind.PRACTICE
    assert "0 % right in practice" in shown
    assert shown.count("Right is") == 5


def test_one_who_is_not_in_the_programme_sees_no_questions(client, topic):
    client.force_login(MemberFactory().user)

    response = client.get(topic.url)

    assert "for those who take the programme" in text_of(response)
    assert EACH_KIND[0]["value"]["text"] not in response.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_check_costs_the_page_one_query_however_often_it_was_tried(client, count):
    enrolment = enrolment_with_check(attempts_allowed=None)
    hand_in(enrolment, times=count)
    client.force_login(enrolment.member.user)

    with CaptureQueriesContext(connection) as queries:
        client.get(topic_of(enrolment).url)

    about = [each for each in queries.captured_queries if "_attempt" in each["sql"]]
    assert len(about) == 2  # one is the progress' own


@pytest.mark.parametrize("answered", ["not yet", "wrong", "right"])
def test_topic_with_a_check_takes_ten_queries(
    client, enrolment, topic, django_assert_num_queries, answered
):
    client.force_login(enrolment.member.user)
    if answered != "not yet":
        attempt = start_attempt(enrolment, topic)
        answers = right_answers if answered == "right" else wrong_answers
        submit_attempt(attempt, answers(attempt))
    client.get(topic.url)

    with django_assert_num_queries(10):  # a topic's nine, and the attempts
        client.get(topic.url)


# --- One at a time ------------------------------------------------------------------


def test_one_question_at_a_time_loses_no_answer_on_the_way(client):
    enrolment = enrolment_with_check(one_at_a_time=True)
    client.force_login(enrolment.member.user)
    started = client.post(start_url(enrolment))
    attempt = Attempt.objects.get()
    address = reverse("courses:check", args=[attempt.pk])
    wanted = as_posted(attempt, right_answers(attempt))

    sent, seen = {}, []
    for number in range(1, 6):
        page = client.get(address, sent | {"at": number})
        seen.append(f"Question {number} of 5" in text_of(page))
        sent = hidden_of(page) | {
            name: value
            for name, value in wanted.items()
            if name == f"q{number}" or name.startswith(f"q{number}-")
        }
    last = client.get(address, sent | {"at": 6})
    done = client.post(submit_url(attempt), hidden_of(last))

    assert started.url == address
    assert seen == [True] * 5
    assert text_of(last).count("Answered") == 5
    assert done.status_code == 302
    attempt.refresh_from_db()
    assert attempt.score_percent == 100


def hidden_of(response):
    found = re.findall(
        r'<input\s+type="hidden"\s+name="(q[^"]*)"\s+value="([^"]*)"',
        response.content.decode(),
    )
    names = {name for name, _value in found}
    return {name: [v for n, v in found if n == name] for name in names}


def test_going_back_shows_what_was_chosen(client):
    enrolment = enrolment_with_check(one_at_a_time=True, is_shuffled=False)
    attempt = begin(client, enrolment)
    address = reverse("courses:check", args=[attempt.pk])

    page = client.get(address, {"at": 1, "q1": "2", "q2": ["1", "3"]})

    assert re.search(r'name="q1" value="2"[^>]*checked', page.content.decode())
    assert hidden_of(page) == {"q2": ["1", "3"]}


@pytest.mark.parametrize("at", ["0", "-1", "99", "x", "", "1\x00", "9" * 30, "٣"])
def test_place_that_is_not_there_shows_what_was_answered(client, at):
    enrolment = enrolment_with_check(one_at_a_time=True)
    attempt = begin(client, enrolment)

    page = client.get(reverse("courses:check", args=[attempt.pk]), {"at": at})

    assert page.status_code == 200


def test_missing_answers_are_named_where_all_are_seen(client):
    enrolment = enrolment_with_check(one_at_a_time=True, is_shuffled=False)
    attempt = begin(client, enrolment)
    data = as_posted(attempt, right_answers(attempt))
    del data["q1"]

    response = client.post(submit_url(attempt), data)

    assert response.status_code == 422
    assert "Choose an answer." in text_of(response)
    assert set(hidden_of(response)) == set(data)


# --- What was sent makes no sense --------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_missing_answer_is_asked_for_and_nothing_is_lost(client, enrolment, headers):
    enrolment = enrolment_with_check(is_shuffled=False)
    attempt = begin(client, enrolment)
    data = as_posted(attempt, right_answers(attempt))
    del data["q3"]

    response = client.post(submit_url(attempt), data, **headers)

    page = response.content.decode()
    assert response.status_code == 422
    assert "Question 3: Choose an answer." in text_of(response)
    assert len(re.findall(r"<input[^>]*checked", page)) == 3
    assert len(re.findall(r"<option[^>]*selected", page)) == 6
    assert not Attempt.objects.exclude(submitted_at=None).exists()


def test_place_given_twice_is_refused(client, enrolment):
    enrolment = enrolment_with_check(is_shuffled=False)
    attempt = begin(client, enrolment)
    data = as_posted(attempt, right_answers(attempt))
    data |= {"q4-1": "1", "q4-2": "1", "q4-3": "1"}

    response = client.post(submit_url(attempt), data)

    assert response.status_code == 422
    assert "Give each place once." in text_of(response)


def test_answers_to_what_is_not_on_the_page_are_left_out(client, enrolment):
    attempt = begin(client, enrolment)
    data = as_posted(attempt, right_answers(attempt))
    data |= {"q99": "1", "q1-7": "1", "x": "\x00", "passed": "1", "score": "100"}

    client.post(submit_url(attempt), data)

    attempt.refresh_from_db()
    assert attempt.answers == right_answers(attempt)


def test_second_submit_shows_the_first_result(client, enrolment):
    attempt = begin(client, enrolment)
    submit_attempt(attempt, wrong_answers(attempt))

    response = client.post(
        submit_url(attempt), as_posted(attempt, right_answers(attempt)), follow=True
    )

    assert "You had handed this in already" in text_of(response)
    assert "0 % right" in text_of(response)
    assert not Evidence.objects.exists()


def test_one_more_than_allowed_is_refused(client, enrolment):
    hand_in(enrolment, times=3)
    client.force_login(enrolment.member.user)

    response = client.post(start_url(enrolment), **HTMX)

    assert response.status_code == 409
    assert Attempt.objects.count() == 3


@pytest.mark.parametrize("whose", ["stranger", "manager", "staff", "exercise"])
def test_attempt_is_ones_own_alone(client, enrolment, whose):
    attempt = start_attempt(enrolment, topic_of(enrolment))
    user = {
        "stranger": MemberFactory().user,
        "manager": MemberFactory(
            reseller=enrolment.member.reseller, is_manager=True
        ).user,
        "staff": UserFactory(is_staff=True),
        "exercise": enrolment.member.user,
    }[whose]
    if whose == "exercise":
        attempt = AttemptFactory(
            enrolment=enrolment, kind=AttemptKind.PRACTICE, key={"sort": 1}
        )
    client.force_login(user)

    answers = [
        client.get(reverse("courses:check", args=[attempt.pk])).status_code,
        client.post(submit_url(attempt)).status_code,
    ]

    assert answers == [404, 404]


def test_topic_that_the_edition_does_not_ask_for_cannot_be_started(client, enrolment):
    other = TopicPageFactory(parent=enrolment.programme, questions=questions(1))
    client.force_login(enrolment.member.user)

    url = reverse("courses:start_check", args=[enrolment.pk, other.pk])

    assert client.post(url).status_code == 404


def test_deleted_and_reordered_questions_are_scored_as_shown(client, enrolment, topic):
    attempt = begin(client, enrolment)
    raw = json.loads(questions(5))
    topic.questions = json.dumps(raw[::-1][:2])
    topic.save()

    client.post(submit_url(attempt), as_posted(attempt, wrong_answers(attempt, 1)))

    attempt.refresh_from_db()
    assert (attempt.score_percent, attempt.passed) == (80, True)


NAMES = st.sampled_from(
    [f"q{n}" for n in range(8)] + [f"q{n}-{m}" for n in (4, 5, 9) for m in range(5)]
)
VALUES = st.sampled_from(["", "1", "2", "3", "4", "0", "-1", "\x00", "x" * 10_000])


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.dictionaries(
        NAMES | st.text(max_size=9), st.lists(VALUES | st.text(max_size=20), max_size=4)
    ),
    by_htmx=st.booleans(),
    one_at_a_time=st.booleans(),
)
def test_whatever_is_sent_is_answered(client, enrolment, data, by_htmx, one_at_a_time):
    headers = HTMX if by_htmx else {}
    with transaction.atomic():
        attempt = begin(client, enrolment)
        type(attempt.topic).objects.update(one_at_a_time=one_at_a_time)
        read = client.get(reverse("courses:check", args=[attempt.pk]), data)
        sent = client.post(submit_url(attempt), data, **headers)
        attempt.refresh_from_db()
        is_filled = attempt.submitted_at is not None
        transaction.set_rollback(True)

    assert read.status_code == 200
    assert sent.status_code in (200, 302, 422)
    assert is_filled == (sent.status_code != 422)


# --- Nobody finds an answer before they have answered ---------------------------------------


def test_answer_is_found_nowhere_before_it_is_given(client, enrolment, topic):
    """The reason, and the questions too before the start; by page, search and CMS."""
    topic.save_revision().publish()
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    secret = [REASON, "Who closes a ticket?", "Its person"]
    trainee, programme = enrolment.member.user, enrolment.programme
    addresses = [
        (trainee, topic.url),
        (trainee, programme.url),
        (trainee, programme.get_parent().url),
        (trainee, reverse("dashboards:my")),
        (trainee, reverse("sessions:book", args=[enrolment.pk])),
        *(
            (who, f"{url}?q={word}")
            for word in (REASON, "closes", "person")
            for who, url in (
                (trainee, reverse("dashboards:search")),
                (staff, reverse("dashboards:search")),
                (staff, reverse("wagtailadmin_pages:search")),
                (staff, reverse("wagtailadmin_pages:search_results")),
                (staff, reverse("wagtailadmin_choose_page_search")),
            )
        ),
    ]

    leaks = []
    for who, url in addresses:
        client.force_login(who)
        response = client.get(url)
        assert response.status_code == 200, url
        page = response.content.decode()
        page = page.replace(f'value="{REASON}"', "")  # the words searched for
        leaks += [(url, word) for word in secret if word in page and word not in url]
        if topic.title in page and "?q=" in url:
            leaks.append((url, topic.title))

    assert leaks == []


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_reason_is_in_no_answer_before_submit(client, one_at_a_time):
    enrolment = enrolment_with_check(one_at_a_time=one_at_a_time)
    client.force_login(enrolment.member.user)
    asked = [
        client.post(start_url(enrolment)),
        client.post(start_url(enrolment), **HTMX),
        client.get(topic_of(enrolment).url),
    ]
    attempt = Attempt.objects.get()
    asked += [
        client.get(reverse("courses:check", args=[attempt.pk]), {"at": number})
        for number in range(8)
    ]
    asked += [
        client.post(submit_url(attempt), {"q1": "1"}),
        client.post(submit_url(attempt), {"q1": "1"}, **HTMX),
    ]

    assert [REASON in response.content.decode() for response in asked] == [False] * len(
        asked
    )


def test_page_of_questions_is_the_same_whichever_answer_is_right(client):
    pages = []
    for right in (0, 1):
        raw = [{"type": "single", "value": EACH_KIND[0]["value"] | {}}]
        raw[0]["value"] = raw[0]["value"] | {
            "options": [
                {"text": text, "is_right": place == right}
                for place, text in enumerate(["Red", "Green"])
            ]
        }
        enrolment = enrolment_with_check(is_shuffled=False)
        topic = topic_of(enrolment)
        topic.questions = json.dumps(raw)
        topic.save()
        begin(client, enrolment)
        page = client.get(topic.url).content.decode()
        form = page[page.index("<form\n") :] if "<form\n" in page else page
        form = form[form.index("data-check") : form.index("</fieldset>")]
        pages.append(re.sub(r'csrfmiddlewaretoken" value="\w+|check/\d+', "", form))

    assert "Green" in pages[0]
    assert pages[0] == pages[1]


def test_each_form_brings_its_token_for_those_without_script(client, enrolment, topic):
    client.force_login(enrolment.member.user)

    def forms_and_tokens(url):
        page = client.get(url).content.decode()
        return page.count('method="post"'), page.count('name="csrfmiddlewaretoken"')

    before = forms_and_tokens(topic.url)
    attempt = start_attempt(enrolment, topic)
    answering = forms_and_tokens(topic.url)
    on_its_own = forms_and_tokens(reverse("courses:check", args=[attempt.pk]))

    for forms, tokens in (before, answering, on_its_own):
        assert forms == tokens > 0

"""The board's pages: saved as typed, who sees which field of it, signed off in place."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from courses.models import EditionTopic
from sessions.board import QUESTION_LENGTH
from sessions.models import BoardTopic, BookingState, BookingTopic, CallBoard
from tests.factories import (
    AttemptFactory,
    BoardTopicFactory,
    BookingFactory,
    CallBoardFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

HTMX = {"HX-Request": "true"}
BY_SCRIPT = {"Accept": "application/json"}


@pytest.fixture
def call(db):
    return BookingFactory(starts_at=now() - timedelta(minutes=1))


@pytest.fixture
def trainer(client, call):
    client.force_login(call.trainer.user)
    return call.trainer.user


def fields(topic, **said):
    words = {"outcome": "", "note": "", "private": "", "base": "", **said}
    sent = {f"{name}-{topic.pk}": value for name, value in words.items()}
    return sent | {"writer": str(uuid4()), "number": 1}


def save(client, call, **said):
    topic = call.topics.get()
    url = reverse("sessions:board_topic", args=[call.ref, topic.pk])
    return client.post(url, fields(topic, **said))


def test_board_saves_as_it_is_typed(client, call, trainer):
    answer = save(client, call, note="One\r\nTwo", outcome="again")

    draft = BoardTopic.objects.get()
    assert answer.json()["version"] == str(draft.version)
    assert answer.json()["words"].startswith("Saved ")
    assert (draft.note, draft.outcome, draft.saved_by) == ("One\nTwo", "again", trainer)


def test_board_answers_another_page_with_what_stands_there(client, call, trainer):
    save(client, call, note="From the room.", private="Shy.")

    answer = save(client, call, note="From the phone.")

    assert answer.status_code == 409
    theirs = answer.json()["theirs"]
    assert (theirs["note"], theirs["private"]) == ("From the room.", "Shy.")
    assert answer.json()["words"] == (
        "You wrote here in another window too. Both texts are kept."
    )


def test_board_never_tells_the_channel_team_the_private_note(client, call):
    BoardTopicFactory(topic=call.topics.get(), note="Open.", private_note="Shy.")
    staff = UserFactory(is_staff=True)

    with time_machine.travel(call.ends_at + timedelta(hours=72), tick=False):
        client.force_login(staff)
        answer = save(client, call, note="Mine.")
        page = client.get(reverse("sessions:board", args=[call.ref])).content.decode()

    assert answer.json()["theirs"]["note"] == "Open."
    assert "private" not in answer.json()["theirs"]
    assert "Open." in page
    assert "Shy." not in page


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ({"note": "x" * 4001}, "at most 4000 characters"),
        ({"outcome": "perhaps"}, "not one of the available choices"),
        ({"criteria": ["Nobody asked"]}, "not one of the available choices"),
        ({"base": "one"}, "Please open it again"),
    ],
)
def test_board_refuses_what_no_page_sends_in_words(client, call, trainer, said, word):
    answer = save(client, call, **said)

    assert answer.status_code == 422
    assert word in answer.json()["words"]
    assert not BoardTopic.objects.exists()


def test_board_says_that_a_call_is_signed_off(client, call, trainer):
    call.state = BookingState.DONE
    call.save()

    answer = save(client, call, note="Late.")

    assert (answer.status_code, answer.json()["is_over"]) == (409, True)


def sign(client, call, *, htmx=True, **said):
    topic = call.topics.get()
    url = reverse("sessions:sign_off", args=[call.ref])
    sent = fields(topic, outcome="covered", **said)
    return client.post(url, sent, headers=HTMX if htmx else {})


def test_sign_off_in_the_room_stays_there_and_is_undone_there(
    client, call, trainer, settings
):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)

    signed = sign(client, call, note="Well done.").content.decode()
    undone = client.post(
        reverse("sessions:undo", args=[call.ref]), headers=HTMX
    ).content.decode()

    assert "<html" not in signed + undone
    assert "Signed off" in signed
    assert "Undo the sign-off" in signed
    assert "Well done." in undone
    call.refresh_from_db()
    assert call.state == BookingState.BOOKED


def test_undo_in_the_room_says_why_it_is_too_late(client, call, trainer, settings):
    settings.SIGN_OFF_UNDO = timedelta(0)
    sign(client, call)

    answer = client.post(reverse("sessions:undo", args=[call.ref]), headers=HTMX)

    assert answer.status_code == 409
    assert "too late to undo" in answer.content.decode()


@pytest.mark.parametrize("htmx", [True, False])
def test_sign_off_that_overlooks_another_page_shows_both_texts(
    client, call, trainer, htmx
):
    BoardTopicFactory(
        topic=call.topics.get(), note="From the room.", private_note="Shy."
    )
    base = str(uuid4())

    answer = sign(client, call, htmx=htmx, note="From the phone.", base=base)

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "From the room.\n\nFrom the phone." in page
    assert "Shy." in page
    assert BookingTopic.objects.get().outcome == "pending"


# --- What is on it -------------------------------------------------------------------


def test_board_shows_how_the_trainee_comes_to_a_topic(client, call, trainer):
    CallBoardFactory(booking=call, question="Whom do I tell first?")
    topic = call.topics.get()
    AttemptFactory(
        enrolment=call.enrolment,
        topic=topic.topic,
        kind="practice",
        submitted_at=now(),
        questions=[{"exercise": "abc", "kind": "sort"}],
        answers={},
        score_percent=75,
        passed=False,
    )
    BookingFactory(
        enrolment=call.enrolment,
        trainer=call.trainer,
        state=BookingState.DONE,
        topics=[topic.topic],
        starts_at=now() - timedelta(days=7),
    ).topics.update(outcome="again", note="Once more.", booked_for=None)

    page = client.get(reverse("sessions:sign_off", args=[call.ref])).content.decode()

    for words in ("Whom do I tell first?", "75 %", "Once more.", "Not prepared yet"):
        assert words in page


@pytest.mark.parametrize("topics", [1, 3])
def test_board_takes_the_same_queries_for_any_number_of_topics(
    client, db, django_assert_num_queries, topics
):
    enrolment = EnrolmentFactory(edition__topics=TopicPageFactory.create_batch(3))
    pages = [asked.topic for asked in enrolment.edition.topics.all()[:topics]]
    call = BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=pages
    )
    client.force_login(call.trainer.user)
    url = reverse("sessions:board", args=[call.ref])
    client.get(url)

    with django_assert_num_queries(13):
        client.get(url)


def test_board_of_ones_own_earlier_call_is_not_among_the_notes(client, call, trainer):
    BoardTopicFactory(topic=call.topics.get(), note="Only once.")

    page = client.get(reverse("sessions:board", args=[call.ref])).content.decode()

    assert page.count("Only once.") == 1


# --- The trainee's side --------------------------------------------------------------


@pytest.fixture
def ticked(call):
    """A criterion ticked, an outcome and two notes typed."""
    topic = call.topics.get()
    asked = EditionTopic.objects.get(edition=call.enrolment.edition, topic=topic.topic)
    BoardTopicFactory(
        topic=topic,
        outcome="again",
        criteria_met=["Names the owner"],
        note="Once more.",
        private_note="Shy.",
    )
    return asked


def agenda(client, call):
    return client.get(reverse("sessions:room_agenda", args=[call.ref]))


def test_trainee_sees_the_ticks_and_no_word_before_the_sign_off(client, call, ticked):
    client.force_login(call.trainee)

    page = agenda(client, call).content.decode()

    assert 'class="is-met"' in page
    assert "Names the owner" in page
    for words in ("Once more.", "Shy.", "Go over again"):
        assert words not in page


def test_trainee_sees_at_once_what_was_signed_off_and_what_is_next(client, call):
    client.force_login(call.trainer.user)
    sign(client, call, note="Well done.", private="Shy.")
    client.force_login(call.trainee)

    page = agenda(client, call).content.decode()

    assert "Well done." in page
    assert "Covered" in page
    assert "Book your next call" in page
    assert "Shy." not in page


@pytest.mark.parametrize("who", ["manager", "staff", "other trainer", "stranger"])
def test_agenda_of_the_room_is_for_the_two(client, call, who):
    reseller = call.enrolment.member.reseller
    client.force_login(
        {
            "manager": lambda: MemberFactory(reseller=reseller, is_manager=True).user,
            "staff": lambda: UserFactory(is_staff=True),
            "other trainer": lambda: TrainerFactory().user,
            "stranger": UserFactory,
        }[who]()
    )

    assert agenda(client, call).status_code == 404


@pytest.mark.parametrize("topics", [1, 3])
def test_agenda_takes_the_same_queries_for_any_number_of_topics(
    client, db, django_assert_num_queries, topics
):
    enrolment = EnrolmentFactory(edition__topics=TopicPageFactory.create_batch(3))
    pages = [asked.topic for asked in enrolment.edition.topics.all()[:topics]]
    call = BookingFactory(enrolment=enrolment, topics=pages)
    client.force_login(call.trainee)
    agenda(client, call)

    with django_assert_num_queries(7):
        agenda(client, call)


def test_question_is_kept_as_it_is_typed(client, call):
    client.force_login(call.trainee)
    url = reverse("sessions:question", args=[call.ref])

    first = "Whom do I tell first?"

    answer = client.post(url, {"question": first}, headers=BY_SCRIPT)
    by_button = client.post(url, {"question": "Whom do I tell?", "base": first})

    said = {"words": "Saved. Your trainer sees it.", "question": first}
    assert answer.json() == said
    assert by_button.url == call.get_absolute_url()
    assert CallBoard.objects.get().question == "Whom do I tell?"


def test_question_of_two_windows_is_kept_from_both(client, call):
    client.force_login(call.trainee)
    url = reverse("sessions:question", args=[call.ref])
    client.post(url, {"question": "From the room.", "base": ""})

    answer = client.post(
        url, {"question": "From the phone.", "base": ""}, headers=BY_SCRIPT
    )
    by_button = client.post(url, {"question": "By button.", "base": ""}, follow=True)

    both = "From the room.\n\nFrom the phone."
    assert answer.json() == {
        "words": "You wrote here in another window too. Both texts are kept.",
        "question": both,
    }
    assert "Both texts are kept." in by_button.text
    assert CallBoard.objects.get().question == f"{both}\n\nBy button."


def test_question_that_is_too_long_with_the_other_is_refused_and_nothing_lost(
    client, call
):
    client.force_login(call.trainee)
    url = reverse("sessions:question", args=[call.ref])
    client.post(url, {"question": "a" * QUESTION_LENGTH, "base": ""})

    answer = client.post(url, {"question": "b", "base": ""}, headers=BY_SCRIPT)

    assert answer.status_code == 409
    assert "together it is too long" in answer.json()["words"]
    assert CallBoard.objects.get().question == "a" * QUESTION_LENGTH

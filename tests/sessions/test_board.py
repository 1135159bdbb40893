"""What is typed on a board is kept, beside others who type, until the sign-off."""

from datetime import timedelta
from uuid import uuid4

import pytest
import time_machine
from django.utils.timezone import now

from lms.errors import Refused
from sessions.board import (
    NOTHING_YET,
    Typed,
    WrittenElsewhere,
    agenda_version,
    ask,
    save_draft,
)
from sessions.handing_over import hand_over
from sessions.models import BoardTopic, BookingState, BookingTopic, Outcome
from sessions.signoff import Overlooked, TopicWord, sign_off, undo_sign_off
from tests.factories import (
    BookingFactory,
    EnrolmentFactory,
    TrainerFactory,
    UserFactory,
)

PAGE = uuid4()


@pytest.fixture
def call(db):
    """It began a minute ago, on one topic."""
    return BookingFactory(starts_at=now() - timedelta(minutes=1))


def typed(note="", *, number=1, writer=PAGE, base=NOTHING_YET, **more):
    words = {
        "outcome": Outcome.PENDING,
        "criteria_met": (),
        "private_note": "",
        **more,
    }
    return Typed(note=note, writer=writer, number=number, base=base, **words)


def save(call, *args, by=None, **more):
    topic = call.topics.get()
    return save_draft(topic, typed(*args, **more), by=by or call.trainer.user)


def test_what_is_typed_is_kept_apart_until_the_sign_off(call):
    save(call, "Well done.", outcome=Outcome.COVERED, private_note="Shy.")

    draft, topic = BoardTopic.objects.get(), call.topics.get()
    assert (draft.outcome, draft.note, draft.private_note) == (
        "covered",
        "Well done.",
        "Shy.",
    )
    assert (topic.outcome, topic.note, topic.private_note) == ("pending", "", "")


def test_same_save_again_changes_nothing(call):
    first = save(call, "Well done.")

    assert save(call, "Well done.").version == first.version


def test_save_overtaken_by_a_later_one_of_its_page_is_left_out(call):
    save(call, "Well done.", number=2)
    save(call, "Well d", number=1)

    assert BoardTopic.objects.get().note == "Well done."


def test_pages_saves_follow_each_other_though_an_answer_was_lost(call):
    save(call, "Well d", number=1)
    save(call, "Well done.", number=2)  # still based on nothing

    assert BoardTopic.objects.get().note == "Well done."


def test_two_pages_cannot_overwrite_each_other(call):
    first = save(call, "From the room.")

    with pytest.raises(WrittenElsewhere) as elsewhere:
        save(call, "From the phone.", writer=uuid4())

    assert elsewhere.value.draft == first
    assert BoardTopic.objects.get().note == "From the room."
    save(call, "Both.", writer=uuid4(), base=first.version)
    assert BoardTopic.objects.get().note == "Both."


@pytest.mark.parametrize("who", ["trainee", "stranger", "other trainer"])
def test_board_is_for_who_may_sign_off(call, who):
    by = {
        "trainee": call.trainee,
        "stranger": UserFactory(),
        "other trainer": TrainerFactory().user,
    }[who]

    with pytest.raises(Refused):
        save(call, "Mine.", by=by)

    assert not BoardTopic.objects.exists()


def test_channel_team_leaves_the_private_note_as_it_is(call):
    first = save(call, private_note="Shy.")
    staff = UserFactory(is_staff=True)

    with time_machine.travel(call.ends_at + timedelta(hours=72), tick=False):
        save(
            call,
            "Ours.",
            by=staff,
            writer=uuid4(),
            base=first.version,
            private_note=None,
        )

    draft = BoardTopic.objects.get()
    assert (draft.note, draft.private_note) == ("Ours.", "Shy.")


@pytest.mark.parametrize(("seconds", "may"), [(-1, False), (0, True)])
def test_board_opens_with_the_room(db, seconds, may):
    call = BookingFactory()

    with time_machine.travel(call.opens_at + timedelta(seconds=seconds), tick=False):
        if may:
            save(call, "Early.")
        else:
            with pytest.raises(Refused):
                save(call, "Early.")

    assert BoardTopic.objects.exists() == may


@pytest.mark.parametrize("state", [BookingState.CANCELLED, BookingState.DONE])
def test_board_of_a_call_that_is_over_takes_nothing(db, state):
    call = BookingFactory(starts_at=now() - timedelta(hours=1), state=state)

    with pytest.raises(Refused):
        save(call, "Late.")

    assert not BoardTopic.objects.exists()


def words(call, note="", **more):
    return [TopicWord(call.topics.get(), Outcome.COVERED, note=note, **more)]


def test_sign_off_says_what_was_typed_and_undo_brings_it_back(call, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    save(call, "Well done.", criteria_met=("One",))

    said = TopicWord(call.topics.get(), Outcome.COVERED, ("One",), "Well done.")
    sign_off(call, [said], by=call.trainer.user)
    assert not BoardTopic.objects.exists()
    undo_sign_off(call, by=call.trainer.user)

    draft = BoardTopic.objects.get()
    assert (draft.outcome, draft.criteria_met) == ("covered", ["One"])
    assert draft.note == "Well done."


def test_sign_off_of_a_page_that_overlooks_another_is_refused(call):
    save(call, "From the room.")

    with pytest.raises(Overlooked):
        sign_off(call, words(call, "Mine.", base=NOTHING_YET), by=call.trainer.user)
    assert BookingTopic.objects.get().outcome == "pending"

    sign_off(
        call, words(call, "Mine.", base=NOTHING_YET, writer=PAGE), by=call.trainer.user
    )
    assert BookingTopic.objects.get().note == "Mine."


def test_another_trainer_finds_no_private_note(db):
    enrolment = EnrolmentFactory()
    call = BookingFactory(enrolment=enrolment)
    colleague = TrainerFactory(programmes=[enrolment.programme])

    with time_machine.travel(call.opens_at, tick=False):
        save(call, "Ask about tickets.", private_note="Shy.")
        hand_over(call, colleague, by=call.trainer.user)

    draft = BoardTopic.objects.get()
    assert (draft.note, draft.private_note) == ("Ask about tickets.", "")


# --- What both see -----------------------------------------------------------------


def test_agenda_changes_with_ticks_question_and_sign_off_and_not_with_notes(
    call, django_assert_max_num_queries
):
    def version():
        call.refresh_from_db()
        with django_assert_max_num_queries(1):
            return agenda_version(call)

    seen = [version()]
    save(call, "A note.", number=1)
    assert version() == seen[-1]
    save(call, "A note.", number=2, criteria_met=("One",))
    seen.append(version())
    ask(call, "Whom do I tell first?", by=call.trainee)
    seen.append(version())
    ask(call, "Whom do I tell first?", by=call.trainee)
    assert version() == seen[-1]
    sign_off(call, words(call), by=call.trainer.user)
    seen.append(version())

    assert len(set(seen)) == len(seen) == 4


@pytest.mark.parametrize("who", ["trainer", "stranger"])
def test_question_is_the_trainees(call, who):
    by = {"trainer": call.trainer.user, "stranger": UserFactory()}[who]

    with pytest.raises(Refused):
        ask(call, "Mine?", by=by)


@pytest.mark.parametrize(("seconds", "may"), [(-1, True), (0, False)])
def test_question_can_be_asked_until_the_room_closes(call, seconds, may):
    at = call.closes_at + timedelta(seconds=seconds)
    with time_machine.travel(at, tick=False):
        if may:
            assert ask(call, "Why?", by=call.trainee).question == "Why?"
        else:
            with pytest.raises(Refused):
                ask(call, "Why?", by=call.trainee)

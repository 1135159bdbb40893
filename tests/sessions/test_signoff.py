from datetime import timedelta
from functools import partial

import pytest
import time_machine
from django.utils.timezone import now

from certificates.models import Certificate
from courses.models import Enrolment, Evidence, EvidenceKind, TopicCompletion
from courses.progress import record_evidence
from lms.errors import Refused
from lms.mail.models import Message
from sessions.booking import ready_topics
from sessions.models import Booking, BookingState, BookingTopic, Outcome
from sessions.signoff import TopicWord, sign_off, undo_sign_off
from tests.factories import BookingFactory, EnrolmentFactory, UserFactory


@pytest.fixture
def enrolment(db):
    """Of four topics, all read."""
    enrolment = EnrolmentFactory()
    for asked in enrolment.edition.topics.all():
        record_evidence(enrolment, asked.topic, EvidenceKind.READ, by=None)
    return enrolment


@pytest.fixture
def booking(enrolment):
    """A call on the first two, which began a minute ago."""
    topics = [asked.topic for asked in enrolment.edition.topics.all()[:2]]
    return BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=topics
    )


@pytest.fixture
def undo_time(settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)


def words(booking, *outcomes, **more):
    outcomes = outcomes or [Outcome.COVERED] * booking.topics.count()
    return [
        TopicWord(topic, outcome, **more)
        for topic, outcome in zip(booking.topics.all(), outcomes, strict=True)
    ]


def sign(booking, *outcomes, **more):
    return sign_off(booking, words(booking, *outcomes, **more), by=booking.trainer.user)


def test_sign_off_covers_topics_with_the_criteria_ticked(booking):
    signed = sign(booking, criteria_met=("Knows the words",), note="Well done.")

    assert signed.state == BookingState.DONE
    assert signed.signed_off_by == booking.trainer.user
    evidence = Evidence.objects.filter(kind=EvidenceKind.CALL)
    assert [row.by for row in evidence] == [booking.trainer.user] * 2
    assert [row.detail["criteria"] for row in evidence] == [["Knows the words"]] * 2
    assert [row.detail["booking"] for row in evidence] == [booking.pk] * 2
    assert TopicCompletion.objects.count() == 2


@pytest.mark.parametrize("outcome", [Outcome.AGAIN, Outcome.NOT_REACHED])
def test_sign_off_lets_what_was_not_covered_be_booked_again(booking, outcome):
    sign(booking, Outcome.COVERED, outcome)

    assert TopicCompletion.objects.count() == 1
    ready = [asked.topic_id for asked in ready_topics(booking.enrolment)]
    covered, other = booking.topics.all()
    assert other.topic_id in ready
    assert covered.topic_id not in ready


def test_sign_off_of_the_last_topics_completes_the_programme(enrolment):
    topics = [asked.topic for asked in enrolment.edition.topics.all()]
    booking = BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=topics
    )

    sign(booking)

    enrolment.refresh_from_db()
    assert enrolment.completed_at is not None


def test_sign_off_tells_the_trainee_what_they_may_read(booking):
    sign(booking, note="Read it again.", private_note="Was late.")

    mail = Message.objects.get()
    assert mail.recipient == booking.trainee
    assert "Read it again." in mail.body
    assert "Was late." not in mail.body


def test_sign_off_again_in_the_same_words_changes_nothing(booking):
    first = sign(booking, note="Well done.")

    again = sign(booking, note="Well done.")

    assert again.signed_off_at == first.signed_off_at
    assert Message.objects.count() == 1


def test_sign_off_again_in_other_words_is_refused(booking):
    sign(booking)

    with pytest.raises(Refused):
        sign(booking, Outcome.COVERED, Outcome.AGAIN)

    assert set(booking.topics.values_list("outcome", flat=True)) == {Outcome.COVERED}


@pytest.mark.parametrize("who", ["trainee", "stranger", "other trainer"])
def test_sign_off_is_for_its_trainer(booking, who):
    by = {
        "trainee": booking.trainee,
        "stranger": UserFactory(),
        "other trainer": BookingFactory().trainer.user,
    }[who]

    with pytest.raises(Refused):
        sign_off(booking, words(booking), by=by)

    assert not Evidence.objects.filter(kind=EvidenceKind.CALL).exists()


def test_sign_off_by_the_channel_team_names_them(booking):
    staff = UserFactory(is_staff=True)

    with time_machine.travel(booking.ends_at + timedelta(hours=72), tick=False):
        signed = sign_off(booking, words(booking), by=staff)

    assert signed.signed_off_by == staff


def test_sign_off_of_ones_own_call_is_refused_to_staff_too(booking):
    booking.trainee.is_staff = booking.trainee.may_change_people = True
    booking.trainee.save()

    with pytest.raises(Refused):
        sign_off(booking, words(booking), by=booking.trainee)


@pytest.mark.parametrize(("seconds", "may"), [(-1, False), (0, True)])
def test_sign_off_opens_when_the_call_begins(enrolment, seconds, may):
    booking = BookingFactory(enrolment=enrolment)

    with time_machine.travel(
        booking.starts_at + timedelta(seconds=seconds), tick=False
    ):
        if may:
            assert sign(booking).state == BookingState.DONE
        else:
            with pytest.raises(Refused):
                sign(booking)


@pytest.mark.parametrize("state", [BookingState.CANCELLED, BookingState.MISSED])
def test_sign_off_of_a_call_that_did_not_take_place_is_refused(enrolment, state):
    booking = BookingFactory(
        enrolment=enrolment, state=state, starts_at=now() - timedelta(hours=1)
    )

    with pytest.raises(Refused):
        sign(booking)


def test_sign_off_wants_a_word_for_every_topic(booking):
    said = words(booking)

    for incomplete in (
        said[:1],
        [*said, said[0]],
        words(booking, Outcome.COVERED, Outcome.PENDING),
    ):
        with pytest.raises(Refused):
            sign_off(booking, incomplete, by=booking.trainer.user)


def test_sign_off_refuses_topics_of_another_call(booking):
    other = BookingFactory(starts_at=now() - timedelta(days=1))

    with pytest.raises(Refused):
        sign_off(booking, words(other), by=booking.trainer.user)


@pytest.mark.races
def test_two_sign_offs_at_once_count_once(run_at_once):
    enrolment = EnrolmentFactory()
    topics = [asked.topic for asked in enrolment.edition.topics.all()]
    for topic in topics:
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    booking = BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=topics
    )

    results = run_at_once(*[partial(sign, booking)] * 3)

    assert results == [booking] * 3
    assert Evidence.objects.filter(kind=EvidenceKind.CALL).count() == 4
    assert Enrolment.objects.qualified().count() == 1


@pytest.mark.races
def test_the_last_two_topics_signed_off_at_once_qualify_once(run_at_once):
    enrolment = EnrolmentFactory()
    topics = [asked.topic for asked in enrolment.edition.topics.all()]
    for topic in topics:
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
    calls = [
        BookingFactory(
            enrolment=enrolment,
            starts_at=now() - timedelta(hours=hours),
            topics=half,
        )
        for hours, half in [(1, topics[:2]), (2, topics[2:])]
    ]

    run_at_once(*(partial(sign, call) for call in calls))

    assert TopicCompletion.objects.count() == 4
    assert Enrolment.objects.qualified().count() == 1
    assert Certificate.objects.count() == 1


# --- Undo ----------------------------------------------------------------------------


@pytest.mark.usefixtures("undo_time")
def test_undo_makes_the_call_wait_again_and_keeps_what_was_typed(booking):
    signed = sign(booking, note="Well done.", criteria_met=("Knows the words",))

    undone = undo_sign_off(signed, by=booking.trainer.user)

    assert (undone.state, undone.signed_off_at) == (BookingState.BOOKED, None)
    assert not TopicCompletion.objects.filter(voided_at=None).exists()
    for topic in undone.topics.all():
        assert (topic.outcome, topic.booked_for) == ("pending", booking.enrolment)
        assert (topic.note, topic.criteria_met) == ("Well done.", ["Knows the words"])
    assert not Message.objects.filter(dropped_at=None).exists()


@pytest.mark.usefixtures("undo_time")
def test_undo_of_what_completed_the_programme_takes_that_back(enrolment):
    topics = [asked.topic for asked in enrolment.edition.topics.all()]
    booking = BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=topics
    )
    signed = sign(booking)

    undone = undo_sign_off(signed, by=booking.trainer.user)

    enrolment.refresh_from_db()
    assert enrolment.annulled_at is not None
    successor = Enrolment.objects.open().get()
    assert undone.enrolment == successor
    assert {topic.booked_for for topic in undone.topics.all()} == {successor}
    live = Evidence.objects.filter(enrolment=successor, voided_at=None)
    assert {row.kind for row in live} == {EvidenceKind.READ}


@pytest.mark.usefixtures("undo_time")
def test_after_undo_the_call_can_be_signed_off_anew(enrolment):
    topics = [asked.topic for asked in enrolment.edition.topics.all()]
    booking = BookingFactory(
        enrolment=enrolment, starts_at=now() - timedelta(minutes=1), topics=topics
    )
    undone = undo_sign_off(sign(booking), by=booking.trainer.user)

    sign(undone)

    assert Enrolment.objects.qualified().count() == 1
    assert Message.objects.filter(dropped_at=None).count() == 1


@pytest.mark.usefixtures("undo_time")
@pytest.mark.parametrize(("minutes", "may"), [(15, True), (16, False)])
def test_undo_ends_with_its_time(booking, minutes, may):
    signed = sign(booking)

    with time_machine.travel(
        signed.signed_off_at + timedelta(minutes=minutes), tick=False
    ):
        if may:
            undo_sign_off(signed, by=booking.trainer.user)
        else:
            with pytest.raises(Refused):
                undo_sign_off(signed, by=booking.trainer.user)

    state = Booking.objects.get(pk=booking.pk).state
    assert state == (BookingState.BOOKED if may else BookingState.DONE)


@pytest.mark.usefixtures("undo_time")
def test_undo_twice_changes_nothing_more(booking):
    signed = sign(booking)
    undo_sign_off(signed, by=booking.trainer.user)

    assert undo_sign_off(signed, by=booking.trainer.user).state == BookingState.BOOKED


@pytest.mark.usefixtures("undo_time")
def test_undo_is_for_its_trainer(booking):
    signed = sign(booking)

    with pytest.raises(Refused):
        undo_sign_off(signed, by=booking.trainee)


@pytest.mark.usefixtures("undo_time")
def test_undo_is_refused_when_the_topic_is_booked_again(booking):
    signed = sign(booking, Outcome.AGAIN, Outcome.AGAIN)
    BookingFactory(enrolment=booking.enrolment)

    with pytest.raises(Refused, match="has been booked since"):
        undo_sign_off(signed, by=booking.trainer.user)

    assert BookingTopic.objects.filter(outcome=Outcome.AGAIN).count() == 2

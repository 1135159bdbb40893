import pytest

from courses.exempting import exempt
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import progress_of, record_evidence
from lms.errors import Refused
from lms.mail.models import Message
from tests.factories import (
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def enrolment():
    return EnrolmentFactory()


@pytest.fixture
def staff():
    return UserFactory(is_staff=True)


def topics_of(enrolment):
    return [row.topic for row in enrolment.edition.topics.all()]


def test_exemption_completes_the_topic_and_keeps_its_reason(enrolment, staff):
    topic = topics_of(enrolment)[0]

    written = exempt(enrolment, [topic], by=staff, why=" Wrote the guide. ")

    assert [(row.kind, row.by, row.detail) for row in written] == [
        (EvidenceKind.EXEMPTION, staff, {"why": "Wrote the guide."})
    ]
    progress = progress_of([enrolment])[enrolment.pk]
    assert progress.done == 1
    assert progress.topics[0].exempted_at


def test_person_is_told_of_the_exemption_and_not_why(enrolment, staff):
    topic = topics_of(enrolment)[0]

    exempt(enrolment, [topic], by=staff, why="Wrote the guide.")

    mail = Message.objects.get()
    assert mail.recipient == enrolment.member.user
    assert topic.title in mail.body
    assert "Wrote the guide" not in mail.body


def test_exempting_again_writes_nothing(enrolment, staff):
    topic = topics_of(enrolment)[0]
    exempt(enrolment, [topic], by=staff, why="Wrote it.")

    assert exempt(enrolment, [topic], by=staff, why="Again.") == []
    assert Evidence.objects.count() == Message.objects.count() == 1


def test_what_is_complete_is_left_as_it_is(enrolment, staff):
    first, second, *_ = topics_of(enrolment)
    for kind in (EvidenceKind.READ, EvidenceKind.CALL):
        record_evidence(enrolment, first, kind, by=None)

    written = exempt(enrolment, [first, second], by=staff, why="Wrote it.")

    assert [row.topic for row in written] == [second]


def test_exemption_from_all_of_it_qualifies(enrolment, staff):
    exempt(enrolment, topics_of(enrolment), by=staff, why="Taught it.")

    assert Enrolment.objects.qualified().get() == enrolment


def test_only_the_channel_team_exempts_and_says_why(enrolment, staff):
    manager = MemberFactory(reseller=enrolment.member.reseller, is_manager=True).user
    topic = topics_of(enrolment)[0]
    for topics, by, why in [
        ([topic], manager, "A favour"),
        ([topic], staff, " "),
        ([], staff, "Nothing"),
        ([TopicPageFactory()], staff, "Another's"),
    ]:
        with pytest.raises(Refused):
            exempt(enrolment, topics, by=by, why=why)

    assert not Evidence.objects.exists()


def test_nobody_is_exempt_from_what_is_closed(staff):
    enrolment = EnrolmentFactory(completed=True)

    with pytest.raises(Refused):
        exempt(enrolment, topics_of(enrolment), by=staff, why="Late")


@pytest.mark.races
def test_exempting_at_once_completes_once(run_at_once):
    enrolment = EnrolmentFactory()
    staff = UserFactory(is_staff=True)
    topics = topics_of(enrolment)

    run_at_once(*[lambda: exempt(enrolment, topics, by=staff, why="Taught it.")] * 2)

    assert Evidence.objects.count() == len(topics)
    assert Enrolment.objects.qualified().get() == enrolment
    assert Message.objects.filter(key__contains=":exempted:").count() == 1

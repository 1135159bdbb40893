import pytest

from courses.exempting import exempt
from courses.models import Enrolment, Evidence, EvidenceKind
from courses.progress import progress_of, record_evidence
from courses.voiding import consequences_of, take_back
from lms.errors import Refused
from tests.factories import EnrolmentFactory, MemberFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff():
    return UserFactory(is_staff=True)


def rows_of(enrolment):
    return [row.topic for row in enrolment.edition.topics.all()]


def what_happened(evidence, staff):
    """Take it back, and say which enrolments that changed, as it was foretold."""
    before = {
        each.pk: (progress_of([each])[each.pk].done, each.annulled_at)
        for each in Enrolment.objects.select_related("edition")
    }
    take_back(evidence, by=staff, why="Entered for the wrong person")
    after = {
        each.pk: (progress_of([each])[each.pk].done, each.annulled_at)
        for each in Enrolment.objects.select_related("edition").filter(pk__in=before)
    }
    undone = [key for key in before if after[key][0] < before[key][0]]
    annulled = [key for key in before if after[key][1] and not before[key][1]]
    begun = Enrolment.objects.exclude(pk__in=before)
    return undone, annulled, begun.count()


def a_step(enrolment):
    return record_evidence(enrolment, rows_of(enrolment)[0], EvidenceKind.READ, by=None)


def a_completed_topic(enrolment):
    evidence = a_step(enrolment)
    record_evidence(enrolment, rows_of(enrolment)[0], EvidenceKind.CALL, by=None)
    return evidence


def one_beside_another(enrolment):
    evidence = a_completed_topic(enrolment)
    record_evidence(enrolment, rows_of(enrolment)[0], EvidenceKind.EXEMPTION, by=None)
    return evidence


def a_completed_programme(enrolment):
    staff = UserFactory(is_staff=True)
    return exempt(enrolment, rows_of(enrolment), by=staff, why="Taught it.")[0]


def of_one_who_left(enrolment):
    evidence = a_completed_programme(enrolment)
    enrolment.member.left_on = enrolment.member.joined_on
    enrolment.member.save(update_fields=["left_on"])
    return evidence


@pytest.mark.parametrize(
    "make",
    [
        a_step,
        a_completed_topic,
        one_beside_another,
        a_completed_programme,
        of_one_who_left,
    ],
)
def test_consequences_foretold_are_those_that_come(staff, make):
    EnrolmentFactory()  # another's, untouched
    evidence = make(EnrolmentFactory())
    evidence = Evidence.objects.get(pk=evidence.pk)

    told = consequences_of(evidence)
    undone, annulled, begun = what_happened(evidence, staff)

    assert [each.pk for each in told.undone] == undone
    assert [each.pk for each in told.annulled] == annulled
    assert len(told.goes_on) == begun


def test_only_the_channel_team_takes_back_and_says_why(staff):
    evidence = a_step(EnrolmentFactory())
    reseller = evidence.enrolment.member.reseller
    manager = MemberFactory(reseller=reseller, is_manager=True).user
    for by, why in [(manager, "Wrong"), (staff, "  ")]:
        with pytest.raises(Refused):
            take_back(evidence, by=by, why=why)

    assert Evidence.objects.filter(voided_at=None).count() == 1


def test_taking_back_again_keeps_the_first_reason(staff):
    evidence = a_step(EnrolmentFactory())

    take_back(evidence, by=staff, why="Wrong person")
    take_back(Evidence.objects.get(), by=staff, why="Another reason")

    row = Evidence.objects.get()
    assert (row.voided_by, row.voided_why) == (staff, "Wrong person")

from datetime import timedelta

import pytest
from django.utils.timezone import now

from certificates.models import CertificateState, End
from courses.models import Enrolment, EvidenceKind, Source
from lms import states
from lms.dashboards.matrix import cell_words
from lms.dashboards.state import Cell, cells_of
from lms.mail.times import on_day
from sessions.models import BookingState, Outcome
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    ProgrammePageFactory,
)

pytestmark = pytest.mark.django_db


def cell_of(enrolment: Enrolment) -> Cell:
    cells = cells_of([enrolment.member], [enrolment.programme])
    return cells[enrolment.member.pk, enrolment.programme.pk]


def test_programme_without_enrolment_is_not_required():
    member, programme = MemberFactory(), ProgrammePageFactory()

    cell = cells_of([member], [programme])[member.pk, programme.pk]

    assert cell.state == states.NOT_REQUIRED
    assert cell.enrolment is None


def test_new_enrolment_is_not_started():
    assert cell_of(EnrolmentFactory()).state == states.NOT_STARTED


def test_topic_that_is_read_is_ready_to_book():
    evidence = EvidenceFactory(kind=EvidenceKind.READ)

    assert cell_of(evidence.enrolment).state == states.READY


def test_booked_call_wins_over_ready():
    evidence = EvidenceFactory(kind=EvidenceKind.READ)
    booking = BookingFactory(enrolment=evidence.enrolment)

    cell = cell_of(evidence.enrolment)

    assert cell.state == states.CALL_BOOKED
    assert cell.on == booking.starts_at
    assert cell.next_call == booking


def test_call_that_is_over_waits_for_sign_off():
    enrolment = EnrolmentFactory()
    BookingFactory(enrolment=enrolment, starts_at=now() - timedelta(hours=1))

    assert cell_of(enrolment).state == states.WAITING_FOR_SIGN_OFF


def test_topic_to_go_over_again_is_said_until_it_is_booked_again():
    enrolment = EnrolmentFactory()
    call = BookingFactory(
        enrolment=enrolment,
        starts_at=now() - timedelta(days=1),
        state=BookingState.DONE,
    )
    call.topics.update(outcome=Outcome.AGAIN)
    before = cell_of(enrolment).state

    BookingFactory(enrolment=enrolment, topics=[call.topics.get().topic])
    after = cell_of(enrolment).state

    assert before == states.GO_OVER_AGAIN
    assert after == states.CALL_BOOKED


def test_passed_due_date_is_overdue():
    yesterday = now().date() - timedelta(days=1)

    cell = cell_of(EnrolmentFactory(due_on=yesterday))

    assert cell.state == states.OVERDUE
    assert cell.on == yesterday


def test_completed_without_certificate_file_is_being_prepared():
    enrolment = EnrolmentFactory(completed=True)
    CertificateFactory(enrolment=enrolment)

    assert cell_of(enrolment).state == states.CERTIFICATE_PENDING


def test_completed_with_released_certificate_is_qualified():
    enrolment = EnrolmentFactory(completed=True)
    CertificateFactory(
        enrolment=enrolment, state=CertificateState.READY, pdf_sha256="0" * 64
    )

    assert cell_of(enrolment).state == states.QUALIFIED


def test_unreleased_certificate_is_not_shown_as_ready():
    enrolment = EnrolmentFactory(completed=True)
    CertificateFactory(
        enrolment=enrolment,
        state=CertificateState.READY,
        pdf_sha256="0" * 64,
        release_at=now() + timedelta(minutes=5),
    )

    assert cell_of(enrolment).state == states.CERTIFICATE_PENDING


@pytest.mark.parametrize(
    ("days", "state"),
    [
        (0, states.EXPIRED),
        (1, states.EXPIRES_SOON),
        (90, states.EXPIRES_SOON),
        (91, states.QUALIFIED),
    ],
)
def test_validity_is_half_open_and_warned_of_while_it_can_be_renewed(days, state):
    enrolment = EnrolmentFactory(
        completed=True, valid_until=now().date() + timedelta(days=days)
    )

    assert cell_of(enrolment).state == state


def test_revoked_certificate_wins():
    enrolment = EnrolmentFactory(completed=True)
    CertificateFactory(enrolment=enrolment, ended_as=End.REVOKED, ended_at=now())

    assert cell_of(enrolment).state == states.REVOKED


def to_update(days: int) -> tuple[Enrolment, Enrolment]:
    """Somebody qualified for so many days, and the cycle in which they go on."""
    due = now().date() + timedelta(days=days)
    old = EnrolmentFactory(completed=True, counts_until=due)
    CertificateFactory(enrolment=old, state=CertificateState.READY, pdf_sha256="0" * 64)
    again = EnrolmentFactory(
        member=old.member, edition=old.edition, cycle=2, due_on=due
    )
    return old, again


def test_qualified_who_has_to_update_is_both_and_says_update_due():
    old, again = to_update(days=1)

    cell = cell_of(old)

    assert (cell.state, cell.on) == (states.UPDATE_DUE, old.counts_until)
    assert cell.enrolment == again


def test_update_that_is_late_is_expired():
    old, _again = to_update(days=0)

    assert cell_of(old).state == states.EXPIRED


def test_update_that_is_done_or_no_longer_asked_leaves_them_qualified():
    done, again = to_update(days=1)
    Enrolment.objects.filter(pk=again.pk).update(
        completed_at=now(), valid_from=now().date()
    )
    CertificateFactory(
        enrolment=again, state=CertificateState.READY, pdf_sha256="0" * 64
    )
    left, again = to_update(days=1)
    Enrolment.objects.filter(pk=again.pk).update(withdrawn_at=now())

    assert cell_of(done).state == states.QUALIFIED
    assert cell_of(left).state == states.QUALIFIED


def to_renew(days: int) -> tuple[Enrolment, Enrolment]:
    """Somebody whose qualification ends in so many days, and its open renewal."""
    ends = now().date() + timedelta(days=days)
    old = EnrolmentFactory(completed=True, valid_until=ends)
    CertificateFactory(enrolment=old, state=CertificateState.READY, pdf_sha256="0" * 64)
    again = EnrolmentFactory(
        member=old.member,
        edition=old.edition,
        cycle=2,
        due_on=ends,
        source=Source.RENEWAL,
    )
    return old, again


@pytest.mark.parametrize(
    ("days", "state"), [(1, states.EXPIRES_SOON), (0, states.EXPIRED)]
)
def test_renewal_that_is_open_expires_soon_and_then_has(days, state):
    old, again = to_renew(days)

    cell = cell_of(old)

    assert (cell.state, cell.on) == (state, old.valid_until)
    assert cell.enrolment == again
    if days:
        assert cell_words(cell, "UTC") == f"until {on_day(old.valid_until)}"


def test_who_has_renewed_early_is_qualified_and_nothing_expires():
    old, again = to_renew(days=30)
    Enrolment.objects.filter(pk=again.pk).update(
        completed_at=now(),
        valid_from=old.valid_until,
        valid_until=old.valid_until + timedelta(days=365),
    )
    CertificateFactory(
        enrolment=again, state=CertificateState.READY, pdf_sha256="0" * 64
    )

    assert cell_of(old).state == states.QUALIFIED


def test_leaver_is_left_whatever_else_holds():
    enrolment = EnrolmentFactory(member__left_on=now().date())

    assert cell_of(enrolment).state == states.LEFT


def test_person_away_is_not_overdue():
    today = now().date()
    enrolment = EnrolmentFactory(
        member__away_from_on=today,
        member__away_until_on=today,
        due_on=today - timedelta(days=1),
    )

    assert cell_of(enrolment).state == states.AWAY


@pytest.mark.parametrize("people", [1, 3])
def test_cells_take_six_queries(django_assert_num_queries, people):
    first = EnrolmentFactory()
    enrolments = [
        first,
        *EnrolmentFactory.create_batch(people - 1, edition=first.edition),
    ]
    for enrolment in enrolments:
        EvidenceFactory(enrolment=enrolment)
        BookingFactory(enrolment=enrolment)
    members = [enrolment.member for enrolment in enrolments]

    # enrolments, topics asked, evidence and completions, bookings, their topics,
    # certificates
    with django_assert_num_queries(6):
        cells = cells_of(members, [first.programme])

    assert len(cells) == people


def test_every_state_has_a_place_in_the_order():
    every = {
        value for value in vars(states).values() if isinstance(value, states.State)
    }

    assert set(states.STATES) == every
    assert len({state.key for state in every}) == len(every)

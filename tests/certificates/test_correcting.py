"""How a certificate ends by the channel team's word, and how it is mended."""

from datetime import timedelta
from functools import partial

import pytest
from django.core.files.base import ContentFile
from django.utils.timezone import now

from certificates.correcting import (
    correct_name,
    end_for,
    issue_anew,
    may_issue_anew,
    others_of,
    versions_of,
)
from certificates.erasing import erase_claims
from certificates.models import Certificate, CertificateState, End
from certificates.preparing import enqueue_pending, prepare, store
from certificates.verdict import verdict_on
from certificates.waiting import letters_of, waiting
from lms.audit.models import Event
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.signals import person_erased
from tests.factories import (
    CertificateFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicCompletionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db


def made(**fields):
    """A certificate of a whole enrolment: another can be written of it."""
    enrolment = fields.pop("enrolment", None) or EnrolmentFactory(
        completed=True, **fields.pop("of", {})
    )
    for asked in enrolment.edition.topics.all():
        TopicCompletionFactory(enrolment=enrolment, topic=asked.topic)
    return CertificateFactory(enrolment=enrolment, **fields)


@pytest.fixture
def staff():
    return UserFactory(is_staff=True, full_name="Sam Staff")


@pytest.mark.parametrize(
    ("as_", "reason", "kept"),
    [
        (End.REVOKED, "policy", "The policy was broken: lent to a colleague"),
        (
            End.WITHDRAWN,
            "person",
            "It was meant for somebody else: lent to a colleague",
        ),
    ],
)
def test_end_keeps_reason_actor_and_time(staff, as_, reason, kept):
    certificate = made()

    end_for(certificate, as_, reason=reason, why="lent to a colleague", by=staff)

    certificate.refresh_from_db()
    assert (certificate.ended_as, certificate.ended_by) == (as_, staff)
    assert certificate.ended_why == kept
    assert certificate.ended_at is not None
    event = Event.objects.get(verb="certificate_reason")
    assert (event.actor, event.ids) == (staff, {"reason": reason})
    assert kept not in verdict_on(certificate).text


def test_end_is_undone_by_a_new_issue_alone(staff):
    certificate = made()
    end_for(certificate, End.REVOKED, reason="other", why="", by=staff)

    new = issue_anew(certificate, by=staff)

    certificate.refresh_from_db()
    assert certificate.ended_as == End.REVOKED
    assert (new.supersedes, new.ended_as) == (certificate, "")
    assert versions_of(new) == [new, certificate]
    with pytest.raises(Refused, match="another certificate stands"):
        issue_anew(certificate, by=staff)


@pytest.mark.parametrize(
    "of",
    [{"annulled_at": now()}, {"valid_until": now().date()}],
)
def test_nothing_is_issued_anew_where_the_qualification_is_over(staff, of):
    certificate = made(
        of={"completed_at": now() - timedelta(days=9), **of},
        ended_as=End.REVOKED,
        ended_at=now(),
    )

    assert not may_issue_anew(certificate)


def test_corrected_name_is_in_the_record_and_in_a_new_version_of_each(staff):
    member = MemberFactory(user__full_name="Mara Lindqist")
    certificate = made(of={"member": member})
    other = made(of={"member": member})
    made()  # a stranger's

    new, *more = correct_name(
        certificate,
        "Mara  Lindqvist",
        why="A letter was missing",
        by=staff,
        others=others_of(certificate),
    )

    member.user.refresh_from_db()
    assert member.user.full_name == "Mara Lindqvist"
    assert [new.supersedes, more[0].supersedes] == [certificate, other]
    assert new.public_claim["name"] == "Mara Lindqvist"
    certificate.refresh_from_db()
    assert certificate.ended_as == End.REPLACED
    assert certificate.public_claim["name"] == "Mara Lindqist"
    assert verdict_on(certificate).successor == new


def test_name_that_it_says_already_is_refused_and_nothing_changes(staff):
    certificate = made()
    name = certificate.public_claim["name"]

    with pytest.raises(Refused, match="says this name already"):
        correct_name(certificate, name, why="", by=staff)

    assert Certificate.objects.get().ended_as == ""


def test_new_version_is_never_out_before_the_one_it_replaces(staff):
    """Else a corrected name would show what can still be undone."""
    later = now() + timedelta(minutes=15)
    certificate = made(release_at=later)

    (new,) = correct_name(certificate, "Another Name", why="", by=staff)

    assert new.release_at == later
    assert not Certificate.objects.released().exists()


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("does", ["revoke", "correct"])
def test_end_while_the_worker_stores_leaves_one_truth(run_at_once, does):
    staff = UserFactory(is_staff=True)
    certificate = made()
    change = {
        "revoke": partial(
            end_for, certificate, End.REVOKED, reason="other", why="", by=staff
        ),
        "correct": partial(correct_name, certificate, "New Name", why="", by=staff),
    }[does]

    kept, answer = run_at_once(partial(store, certificate, b"%PDF-1.7"), change)

    assert not isinstance(answer, Exception)
    old = Certificate.objects.get(pk=certificate.pk)
    assert old.ended_as == (End.REVOKED if does == "revoke" else End.REPLACED)
    assert (old.state == CertificateState.READY) == kept
    assert not Message.objects.filter(dropped_at=None).exists()
    standing = Certificate.objects.standing()
    assert standing.count() == (0 if does == "revoke" else 1)


@pytest.mark.races
@pytest.mark.django_db(transaction=True)
def test_of_two_who_end_it_at_once_one_is_told(run_at_once):
    staff = UserFactory(is_staff=True)
    certificate = made()
    revoke = partial(
        end_for, certificate, End.REVOKED, reason="other", why="", by=staff
    )

    answers = run_at_once(revoke, revoke)

    assert [each for each in answers if each is None] == [None]
    assert [str(each) for each in answers if each] == [
        "This certificate has ended already."
    ]


# --- Waiting for letters ------------------------------------------------------------


def test_what_waits_is_told_with_its_letters():
    certificate = made(state=CertificateState.WAITING, missing_letters="橋")
    made()
    made(
        state=CertificateState.WAITING,
        missing_letters="橋",
        release_at=now() + timedelta(minutes=1),
    )

    assert list(waiting()) == [certificate]
    assert [(each.sign, each.name) for each in letters_of(certificate)] == [
        ("橋", "Cjk unified ideograph-6a4b")
    ]


# --- Erasure ------------------------------------------------------------------------


def test_erasure_takes_the_person_out_and_leaves_the_proof(
    staff, django_capture_on_commit_callbacks
):
    certificate = made(
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-1.7", name="certificates/to-erase.pdf"),
        pdf_sha256="0" * 64,
        credential={"name": "x"},
        ended_as=End.REVOKED,
        ended_at=now(),
        ended_why="Said of them",
    )
    others = made()
    storage, name = certificate.pdf.storage, certificate.pdf.name
    assert storage.exists(name)

    with django_capture_on_commit_callbacks(execute=True):
        person_erased.send(None, user=certificate.enrolment.member.user, by=staff)
        assert storage.exists(name)  # until the commit

    before = certificate
    certificate = Certificate.objects.get(pk=before.pk)
    assert not storage.exists(name)
    assert certificate.erased_at is not None
    assert (certificate.public_claim, certificate.private_claim) == ({}, {})
    assert (certificate.credential, certificate.ended_why) == ({}, "")
    assert certificate.pdf.name == ""
    for kept in ("serial", "public_sha256", "private_sha256", "pdf_sha256"):
        assert getattr(certificate, kept) == getattr(before, kept)
    assert certificate.ended_as == End.REVOKED
    assert Certificate.objects.get(pk=others.pk).erased_at is None


def test_erasure_takes_what_a_killed_worker_left_too(
    staff, django_capture_on_commit_callbacks
):
    certificate = made()
    storage = certificate.pdf.storage
    left = storage.save(f"{certificate.folder}/left.pdf", ContentFile(b"Mara"))

    with django_capture_on_commit_callbacks(execute=True):
        erase_claims(certificate.enrolment.member.user, by=staff)

    assert not storage.exists(left)


def test_erasure_again_changes_nothing():
    user = made().enrolment.member.user

    assert (erase_claims(user, by=None), erase_claims(user, by=None)) == (1, 0)


def test_no_file_is_made_of_what_was_erased():
    certificate = made(issued_at=now() - timedelta(hours=1))
    erase_claims(certificate.enrolment.member.user, by=None)

    enqueue_pending()

    assert prepare(certificate.pk) is False
    assert store(certificate, b"%PDF-1.7") is False

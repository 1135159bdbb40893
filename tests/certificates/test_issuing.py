import json
import re
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

import pytest
import time_machine
from django.core.management import call_command
from django.db import transaction
from django.utils.timezone import now
from django_tasks_db.models import DBTaskResult

from certificates import serials, tasks
from certificates.claims import canonical, verify_url
from certificates.issuing import end, end_superseded, issue, replace
from certificates.models import Certificate, CertificateState, End
from certificates.preparing import enqueue_pending, prepare
from certificates.verdict import verdict_on
from courses.completing import settle
from courses.cycles import close
from courses.models import EvidenceKind, Source
from courses.signals import enrolment_closed
from lms.errors import Refused
from lms.mail.models import Message
from lms.people.models import Engagement
from tests.factories import (
    CertificateFactory,
    EditionFactory,
    EnrolmentFactory,
    EvidenceFactory,
    TopicCompletionFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 12, 15, 4, 5, tzinfo=UTC)


def complete(enrolment, *, at=AT):
    """Complete each topic an hour after the other, by an exemption."""
    by = UserFactory(full_name="Theo Trainer")
    for number, asked in enumerate(enrolment.edition.topics.all()):
        EvidenceFactory(
            enrolment=enrolment,
            topic=asked.topic,
            kind=EvidenceKind.EXEMPTION,
            at=at - timedelta(days=9 - number),
            by=by,
        )
    with transaction.atomic():
        settle(enrolment, at=at, by=by)
    return enrolment


@pytest.fixture
def enrolment():
    edition = EditionFactory(
        programme__title="User Support",
        programme__section="1.3",
        validity_months=24,
    )
    return EnrolmentFactory(
        edition=edition,
        member__user__full_name="Mara Lindqvist",
        member__reseller__name="Northwind Learning",
        member__engagement=Engagement.CONTRACTOR,
    )


def test_completing_the_programme_issues_the_certificate(enrolment):
    complete(enrolment)

    certificate = Certificate.objects.get(enrolment=enrolment)
    assert serials.is_valid(certificate.serial)
    assert certificate.state == CertificateState.PENDING
    assert certificate.issued_at == AT
    assert certificate.release_at == AT


def test_claim_is_what_was_true_at_that_moment(enrolment):
    complete(enrolment)
    certificate = Certificate.objects.get()

    claim = dict(certificate.public_claim)
    salt = claim.pop("salt")

    titles = [topic.title for topic in enrolment.edition.topics.all()]
    assert re.fullmatch("[0-9a-f]{32}", salt)
    assert claim == {
        "version": 1,
        "serial": certificate.serial,
        "issuer": "ByteKast",
        "issued_at": "2026-11-12T15:04:05+00:00",
        "issued_on": "2026-11-12",
        "language": "en-gb",
        "name": "Mara Lindqvist",
        "direction": "ltr",
        "reseller": "Northwind Learning",
        "programme": {
            "title": "User Support",
            "section": "1.3",
            "edition": 1,
            "policy": "Reseller Support & Qualification Policy",
        },
        "topics": [
            {"title": title, "completed_on": f"2026-11-{day:02}"}
            for title, day in zip(titles, (3, 4, 5, 6), strict=True)
        ],
        "valid_from": "2026-11-12",
        "valid_until": "2028-11-12",
        "design": certificate.design_id,
    }


def test_trainers_are_in_the_private_claim_alone(enrolment):
    complete(enrolment)
    certificate = Certificate.objects.get()

    by = {row["by"] for row in certificate.private_claim["evidence"]}

    assert by == {"Theo Trainer"}
    assert "Theo" not in json.dumps(certificate.public_claim)


def test_hashes_are_of_the_canonical_claims(enrolment):
    complete(enrolment)
    kept = Certificate.objects.get()

    assert kept.public_sha256 == sha256(canonical(kept.public_claim)).hexdigest()
    assert kept.private_sha256 == sha256(canonical(kept.private_claim)).hexdigest()
    assert canonical({"b": "ł", "a": [1]}) == '{"a":[1],"b":"ł"}'.encode()


def test_a_certificate_is_issued_exactly_once(enrolment):
    complete(enrolment)

    again = issue(enrolment)

    assert [again] == list(Certificate.objects.all())


def test_issue_refuses_an_enrolment_that_is_not_complete(enrolment):
    with pytest.raises(ValueError, match="completed"):
        issue(enrolment)

    assert not Certificate.objects.exists()


def test_the_worker_is_asked_after_the_commit(
    enrolment, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        complete(enrolment)

    task = DBTaskResult.objects.get(task_path=tasks.prepare.module_path)
    assert task.args_kwargs["args"] == [Certificate.objects.get().pk]


def test_release_waits_for_the_undo_time(enrolment, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)

    complete(enrolment, at=now())

    certificate = Certificate.objects.get()
    assert certificate.release_at == certificate.issued_at + timedelta(minutes=15)
    assert not Certificate.objects.released().exists()


def test_prepare_stores_the_file_under_its_hash(enrolment):
    complete(enrolment)
    certificate = Certificate.objects.get()

    is_ready = prepare(certificate.pk)

    certificate.refresh_from_db()
    with certificate.pdf.open() as file:
        pdf = file.read()
    assert is_ready
    assert certificate.state == CertificateState.READY
    assert certificate.pdf_sha256 == sha256(pdf).hexdigest()
    assert certificate.pdf.name == (
        f"certificates/{certificate.serial}/{certificate.pdf_sha256}.pdf"
    )
    assert pdf.startswith(b"%PDF")


def test_prepare_again_changes_nothing(enrolment):
    complete(enrolment)
    certificate = Certificate.objects.get()
    prepare(certificate.pk)
    certificate.refresh_from_db()

    assert prepare(certificate.pk) is False

    again = Certificate.objects.get()
    assert (again.pdf.name, again.ready_at) == (
        certificate.pdf.name,
        certificate.ready_at,
    )
    assert Message.objects.count() == 1


def test_mail_waits_for_the_release(enrolment, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    complete(enrolment, at=now())
    certificate = Certificate.objects.get()

    prepare(certificate.pk)

    message = Message.objects.get()
    assert message.recipient == enrolment.member.user
    assert message.send_after == certificate.release_at
    assert message.subject == "Your certificate for User Support is ready"
    assert verify_url(certificate.serial) in message.body
    assert f"/certificates/{certificate.serial}/" in message.body


def test_a_letter_without_font_leaves_it_waiting(enrolment):
    user = enrolment.member.user
    user.full_name = "สมชาย Anna"
    user.save()
    complete(enrolment)
    certificate = Certificate.objects.get()

    assert prepare(certificate.pk) is False

    certificate.refresh_from_db()
    assert certificate.state == CertificateState.WAITING
    assert certificate.missing_letters == "".join(sorted("สมชาย"))
    assert certificate.pdf.name == ""
    assert not Message.objects.exists()


def test_prepare_leaves_an_ended_certificate_alone(enrolment):
    complete(enrolment)
    certificate = Certificate.objects.get()
    end(certificate, End.REVOKED, why="A test", by=UserFactory())

    assert prepare(certificate.pk) is False
    assert Certificate.objects.get().state == CertificateState.PENDING


def test_the_clock_asks_for_what_is_late_and_once(enrolment):
    complete(enrolment)
    late = Certificate.objects.get()
    complete(EnrolmentFactory(), at=now())

    enqueue_pending()
    enqueue_pending()

    queued = DBTaskResult.objects.filter(task_path=tasks.prepare.module_path)
    assert [task.args_kwargs["args"] for task in queued] == [[late.pk]]


def test_the_clock_asks_for_fonts_where_there_are_none(settings, tmp_path):
    settings.DATA_DIR = tmp_path

    enqueue_pending()
    enqueue_pending()

    queued = DBTaskResult.objects.filter(task_path=tasks.make_fonts.module_path)
    assert queued.count() == 1


def test_issue_pending_makes_all_files(capsys):
    for _ in range(2):
        complete(EnrolmentFactory())

    call_command("issue_pending")

    assert capsys.readouterr().out == "2 of 2 certificates are ready now.\n"
    assert set(Certificate.objects.values_list("state", flat=True)) == {"ready"}


@pytest.mark.django_db(transaction=True)
def test_issue_pending_spreads_over_processes(enrolment, capsys, settings):
    complete(enrolment)
    complete(EnrolmentFactory())

    call_command("issue_pending", workers=2)

    assert capsys.readouterr().out == "2 of 2 certificates are ready now.\n"


@pytest.mark.parametrize("as_", [End.WITHDRAWN, End.REVOKED])
def test_end_is_said_once_and_kept(as_):
    certificate, by = CertificateFactory(), UserFactory()

    end(certificate, as_, why="The wrong person", by=by)

    certificate.refresh_from_db()
    assert certificate.ended_as == as_
    assert certificate.ended_by == by
    assert certificate.ended_why == "The wrong person"
    assert certificate.ended_at is not None
    with pytest.raises(Refused, match="ended already"):
        end(certificate, as_, why="Again", by=by)


def test_undone_is_for_the_time_before_the_release(enrolment, settings):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    complete(enrolment, at=now())
    certificate = Certificate.objects.get()
    prepare(certificate.pk)

    end(certificate, End.UNDONE, why="Signed off too early", by=None)

    assert Message.objects.get().dropped_at is not None
    assert not Certificate.objects.released().exists()
    with pytest.raises(Refused, match="out already"):
        end(CertificateFactory(), End.UNDONE, why="", by=None)


@pytest.mark.parametrize(
    ("undo", "as_"), [(timedelta(), End.WITHDRAWN), (timedelta(hours=1), End.UNDONE)]
)
def test_an_annulled_completion_takes_the_certificate_along(
    enrolment, settings, undo, as_
):
    settings.SIGN_OFF_UNDO = undo
    complete(enrolment, at=now())
    by = UserFactory()

    close(enrolment, why="A mistake", by=by)
    enrolment_closed.send(sender=None, enrolment=enrolment, successor=None, by=by)

    certificate = Certificate.objects.get()
    assert (certificate.ended_as, certificate.ended_why) == (as_, "A mistake")


def test_replace_keeps_both_and_links_them(enrolment):
    complete(enrolment)
    old = Certificate.objects.get()
    user = enrolment.member.user
    user.full_name = "Mara Lindqvist-Okafor"
    user.save()

    new = replace(Certificate.objects.get(), why="Married", by=user)

    old.refresh_from_db()
    assert old.ended_as == End.REPLACED
    assert old.public_claim["name"] == "Mara Lindqvist"
    assert new.supersedes == old
    assert new.serial != old.serial
    assert new.public_claim["name"] == "Mara Lindqvist-Okafor"
    assert new.public_claim["valid_from"] == old.public_claim["valid_from"]
    assert list(Certificate.objects.standing()) == [new]


def test_certificate_of_the_next_cycle_replaces_the_old_once_it_is_out(
    enrolment, settings
):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    old = issue(complete(enrolment))
    again = EnrolmentFactory(
        member=enrolment.member, edition=enrolment.edition, cycle=2
    )

    at = now()
    with time_machine.travel(at, tick=False) as clock:
        new = issue(complete(again, at=at))
        out_at = new.release_at
        assert end_superseded() == 0
        assert set(Certificate.objects.standing()) == {old, new}
        clock.shift(timedelta(minutes=15))
        assert end_superseded(out_since=out_at + timedelta(seconds=1)) == 0
        assert end_superseded(out_since=out_at) == 1
        assert end_superseded() == 0

    old.refresh_from_db()
    assert (new.supersedes, old.ended_as) == (old, End.REPLACED)


def test_who_renews_early_has_the_old_certificate_until_its_last_day(enrolment):
    """The new one says from when on it counts; then it takes the old one's place."""
    old = issue(complete(enrolment))
    again = EnrolmentFactory(
        member=enrolment.member,
        edition=enrolment.edition,
        cycle=2,
        source=Source.RENEWAL,
    )
    early = datetime(2028, 9, 1, 9, tzinfo=UTC)

    with time_machine.travel(early, tick=False) as clock:
        new = issue(complete(again, at=early))
        assert end_superseded() == 0
        before = verdict_on(old).state.key, verdict_on(new).state.key
        clock.move_to(datetime(2028, 11, 12, tzinfo=UTC))
        assert (end_superseded(), end_superseded()) == (1, 0)
        old.refresh_from_db()
        after = verdict_on(old).state.key, verdict_on(new).state.key

    assert new.public_claim["valid_from"] == old.public_claim["valid_until"]
    assert before == ("valid", "not-yet")
    assert after == ("replaced", "valid")


def test_undone_cycle_leaves_the_old_certificate_for_the_next_to_replace(
    enrolment, settings
):
    settings.SIGN_OFF_UNDO = timedelta(minutes=15)
    old = issue(complete(enrolment))
    again = EnrolmentFactory(
        member=enrolment.member, edition=enrolment.edition, cycle=2
    )
    undone = issue(complete(again, at=now()))

    end(undone, End.UNDONE, why="Undone", by=None)
    third = EnrolmentFactory(
        member=enrolment.member, edition=enrolment.edition, cycle=3
    )
    new = issue(complete(third, at=now()))

    old.refresh_from_db()
    assert (old.ended_as, new.supersedes) == ("", old)


def test_topics_are_dated_by_their_live_completion(enrolment):
    """A completion that was voided and written again counts once, the later."""
    first = enrolment.edition.topics.first().topic
    TopicCompletionFactory(
        enrolment=enrolment, topic=first, at=AT - timedelta(days=99), voided_at=AT
    )

    complete(enrolment)

    topics = Certificate.objects.get().public_claim["topics"]
    assert topics[0]["completed_on"] == date(2026, 11, 3).isoformat()


def test_verify_url_is_the_shown_serial_at_the_public_address(settings):
    settings.PUBLIC_URL = "https://qualifications.example.com"

    url = verify_url("8K3QZ7MXP4TDH")

    assert url == "https://qualifications.example.com/c/8K3Q-Z7MX-P4TD-H"

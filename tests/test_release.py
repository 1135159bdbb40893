"""A sign-off that can still be undone: nobody sees the certificate before its time."""

import json
import re
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zipfile import ZipFile

import pytest
import time_machine
from django.urls import reverse
from django.utils.timezone import now

from certificates import statuses, verdict
from certificates.models import Certificate, End
from certificates.preparing import prepare
from certificates.serials import shown
from courses.models import Evidence, EvidenceKind
from courses.progress import record_evidence, void_evidence
from lms.mail.models import Message
from lms.mail.outbox import send_due
from lms.people.models import User
from sessions.models import Outcome
from sessions.signoff import TopicWord, sign_off, undo_sign_off
from tests.factories import (
    BookingFactory,
    EditionFactory,
    EnrolmentFactory,
    MemberFactory,
    TopicPageFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db
TEN = datetime(2026, 6, 3, 10, tzinfo=UTC)
UNDO = timedelta(minutes=15)


@pytest.fixture
def people(settings):
    """Tess's last topic is signed off at ten; her certificate's file is made."""
    settings.SIGN_OFF_UNDO = UNDO
    edition = EditionFactory(topics=[])
    edition.topics.create(
        topic=TopicPageFactory(parent=edition.programme),
        order=1,
        title="Fundamentals",
        needs_read=True,
        needs_call=True,
        call_minutes=20,
    )
    enrolment = EnrolmentFactory(edition=edition)
    trainer = TrainerFactory(programmes=[edition.programme])
    with time_machine.travel(TEN, tick=False):
        topic = edition.topics.get().topic
        record_evidence(enrolment, topic, EvidenceKind.READ, by=None)
        call = BookingFactory(
            enrolment=enrolment, trainer=trainer, starts_at=TEN - timedelta(hours=1)
        )
        words = [TopicWord(call.topics.get(), Outcome.COVERED)]
        sign_off(call, words, by=trainer.user)
        assert prepare(Certificate.objects.get().pk)
    reseller = enrolment.member.reseller
    return {
        "holder": enrolment.member.user,
        "manager": MemberFactory(reseller=reseller, is_manager=True).user,
        "staff": UserFactory(is_staff=True),
        "trainer": trainer.user,
        "member": enrolment.member,
        "call": call,
    }


def shown_to(client, people) -> set[str]:
    """Which of all pages, lists and files name the certificate; mail in the same way."""
    serial = Certificate.objects.get().serial
    own = [reverse("certificates:certificate", args=[serial])]
    own += [reverse("certificates:pdf", args=[serial])]
    own += [reverse("certificates:certificates"), reverse("dashboards:my")]
    own += [reverse("certificates:pack"), people["call"].get_absolute_url()]
    person = reverse("dashboards:person", args=[people["member"].pk])
    of_people = [person, reverse("certificates:team"), reverse("certificates:pack")]
    of_people += [f"{reverse('certificates:team')}?format=csv"]
    pages = {
        "holder": [*own, person],
        "manager": [*own[:2], *of_people, reverse("dashboards:team")],
        "staff": [*own[:2], *of_people],
        "trainer": [reverse("sessions:today"), people["call"].get_absolute_url()],
        "": [
            reverse("verify", args=[serial]),
            reverse("credential", args=[serial]),
            reverse("badge", args=[serial]),
            reverse("by_hash", args=[Certificate.objects.get().pdf_sha256]),
        ],
    }
    found = set()
    for who, urls in pages.items():
        client.logout()
        if who:
            client.force_login(people[who])
        for url in urls:
            if is_named(client.get(url), serial):
                found.add(f"{who} {_without_its_own(url)}")
    mails = Message.objects.exclude(sent_at=None)
    found |= {f"mail to {mail.to}" for mail in mails if shown(serial) in mail.body}
    return found


def _without_its_own(url: str) -> str:
    certificate = Certificate.objects.get()
    url = url.replace(certificate.serial, "SERIAL")
    return url.replace(certificate.pdf_sha256, "HASH")


def is_named(response, serial) -> bool:
    if response.status_code != 200:
        return False
    body = (
        b"".join(response.streaming_content) if response.streaming else response.content
    )
    if body.startswith((b"%PDF", b"\x89PNG")):
        return True
    if body.startswith(b"PK"):
        return shown(serial) in " ".join(ZipFile(BytesIO(body)).namelist())
    return bool(re.search(f"{serial}|{shown(serial)}", body.decode()))


@pytest.mark.parametrize("late", [timedelta(), UNDO - timedelta(seconds=1)])
def test_certificate_is_nowhere_while_the_sign_off_can_be_undone(client, people, late):
    with time_machine.travel(TEN + late, tick=False):
        send_due()

        assert shown_to(client, people) == set()


def test_certificate_is_everywhere_from_its_release_on(client, people):
    with time_machine.travel(TEN + UNDO, tick=False):
        send_due()

        found = shown_to(client, people)

    pk, holder = people["member"].pk, people["holder"].email
    assert found == {
        "holder /certificates/",
        "holder /certificates/SERIAL/",
        "holder /certificates/SERIAL/pdf/",
        "holder /certificates/pack/",
        "holder /my/",
        f"holder /team/{pk}/",
        "manager /certificates/SERIAL/",
        "manager /certificates/SERIAL/pdf/",
        "manager /certificates/pack/",
        "manager /certificates/team/",
        "manager /certificates/team/?format=csv",
        f"manager /team/{pk}/",
        "staff /certificates/SERIAL/",
        "staff /certificates/SERIAL/pdf/",
        "staff /certificates/pack/",
        "staff /certificates/team/",
        "staff /certificates/team/?format=csv",
        f"staff /team/{pk}/",
        " /c/SERIAL",
        " /c/SERIAL/credential.json",
        " /c/SERIAL/badge.png",
        " /c/by-hash/HASH",
        f"mail to {holder}",
    }


def test_undone_certificate_is_nowhere_for_ever(client, people):
    trainer: User = people["trainer"]
    with time_machine.travel(TEN + timedelta(minutes=14), tick=False):
        undo_sign_off(people["call"], by=trainer)
    with time_machine.travel(TEN + timedelta(days=30), tick=False):
        send_due()

        assert shown_to(client, people) == set()
        assert Certificate.objects.get().ended_as == End.UNDONE
        assert now() > Certificate.objects.get().release_at


@pytest.mark.parametrize("how", ["undone at the very end", "found wrong later"])
def test_badge_that_somebody_has_is_withdrawn_where_it_is_taken_back(
    client, people, how
):
    """Nobody had one before the release; from then on the list says that it ended."""
    with time_machine.travel(TEN + UNDO, tick=False):
        url = reverse("credential", args=[serial_of_it()])
        badge = json.loads(client.get(url).content)
        place = int(badge["credentialStatus"]["statusListIndex"])
        before = statuses.ended_places(0)
        if how == "found wrong later":
            call = Evidence.objects.get(kind=EvidenceKind.CALL)
            void_evidence(call, by=people["staff"], why="A mistake")
        else:
            undo_sign_off(people["call"], by=people["trainer"])

        page = client.get(reverse("verify", args=[serial_of_it()]))
        after = statuses.ended_places(0)

    assert (before, after) == ([], [place])
    assert page.context["verdict"].state == verdict.WITHDRAWN


def serial_of_it() -> str:
    return Certificate.objects.get().serial

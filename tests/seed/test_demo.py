"""The demo: everybody in the state they are said to show, in demo mode alone."""

from collections import Counter
from datetime import timedelta

import pytest
import time_machine
from django.test import override_settings
from django.utils.timezone import now

from certificates.models import Certificate, CertificateState, End
from courses.checks import state_of_check
from courses.models import Attempt, Enrolment, Evidence, TopicPage
from lms import states
from lms.mail.models import Message
from lms.people.models import Invitation, Member, Reseller, User
from lms.seed import cast
from lms.seed.demo import seed_demo
from sessions.models import Booking, BookingState, TimeRequest, Trainer, Waiting
from sessions.slots import free_slots
from tests.seed.people import state_of

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demo(seeded):
    with override_settings(DEMO=True, DEBUG=True, SIGN_OFF_UNDO=timedelta(minutes=15)):
        seed_demo()
        yield


def make_files() -> None:
    """Stand in for the worker: all files are there, without rendering any."""
    for certificate in Certificate.objects.filter(state=CertificateState.PENDING):
        certificate.state, certificate.pdf_sha256 = CertificateState.READY, "0" * 64
        certificate.save(update_fields=["state", "pdf_sha256"])


def test_everybody_shows_their_state(demo):
    make_files()

    assert {worker.name: state_of(worker) for worker in cast.WORKERS} == {
        "Amara Okafor": states.READY,
        "Liam O'Connor": states.NOT_STARTED,
        "Yuki Tanaka": states.IN_PROGRESS,
        "Fatima Zahra El Idrissi": states.READY,
        "Jonas Weber": states.CALL_BOOKED,
        "Chloé Martin": states.WAITING_FOR_SIGN_OFF,
        "Diego Fernández": states.GO_OVER_AGAIN,
        "Olga Petrova": states.OVERDUE,
        "Nadia Rahman": states.QUALIFIED,
        "Tomasz Kowalski": states.AWAY,
        "Ingrid Solberg": states.LEFT,
        "Kwame Mensah": states.EXEMPT,
        "Priyanka Nair": states.NOT_REQUIRED,
        "Henrik Lindqvist": states.NOT_STARTED,
        "Grace Kim": states.CERTIFICATE_PENDING,
        "Viktor Hansen": states.REVOKED,
        "Lucía Navarro": states.CALL_BOOKED,
        "Bruno Carvalho": states.QUALIFIED,
    }


def test_demo_shows_each_way_with_a_check(demo):
    def checks_of(worker: cast.Worker) -> list[tuple[int, bool]]:
        enrolment = Enrolment.objects.get(member__user__email=worker.email)
        topics = TopicPage.objects.child_of(enrolment.programme).order_by("path")
        states = [state_of_check(enrolment, topic) for topic in topics]
        return [(len(each.attempts), bool(each.passed_at)) for each in states]

    in_the_middle = Attempt.objects.get(submitted_at=None)

    assert checks_of(cast.FATIMA) == [(1, True)] * 4
    assert checks_of(cast.LIAM) == [(0, False)] * 4
    assert checks_of(cast.OLGA) == [(1, True), (3, False), (0, False), (0, False)]
    assert in_the_middle.enrolment.member.user.email == cast.YUKI.email
    assert checks_of(cast.YUKI)[:2] == [(1, True), (0, False)]


def test_demo_has_its_people(demo):
    managers = Member.objects.filter(is_manager=True)

    assert {member.reseller.name for member in managers} == {
        cast.NORTHLIGHT,
        cast.KESTREL,
    }
    iberia = Reseller.objects.get(name=cast.IBERIA)
    assert iberia.get_parent().name == cast.KESTREL
    assert {trainer.time_zone for trainer in Trainer.objects.all()} == {
        "Europe/London",
        "America/New_York",
        "Asia/Singapore",
    }
    staff = User.objects.filter(is_staff=True, may_change_people=True)
    assert {user.email for user in staff} == {cast.STAFF.email, cast.COLLEAGUE.email}
    assert Invitation.objects.open().get().email == cast.INVITED.email


def test_everybody_can_sign_in_and_every_trainer_offers_times(demo, client):
    for person in [cast.STAFF, cast.COLLEAGUE, *cast.TRAINERS, *cast.WORKERS]:
        assert client.login(email=person.email, password=cast.PASSWORD), person.email

    for worker in (cast.FATIMA, cast.LIAM):
        enrolment = Member.objects.get(user__email=worker.email).enrolments.get()
        slots = free_slots(enrolment, timedelta(minutes=90))
        qualified = Trainer.objects.filter(programmes=enrolment.programme_id)
        assert {pk for slot in slots for pk in slot.trainers} == set(
            qualified.values_list("pk", flat=True)
        )


def test_making_it_again_undoes_nothing_and_makes_nothing_more(demo):
    def counted() -> Counter[str]:
        models = (User, Member, Booking, Evidence, Certificate, Message)
        return Counter({model.__name__: model.objects.count() for model in models})

    before = counted()
    User.objects.filter(email=cast.LIAM.email).update(full_name="Somebody else")
    Certificate.objects.filter(enrolment__member__user__email=cast.NADIA.email).update(
        ended_as=End.WITHDRAWN, ended_at=now(), ended_why="Tried it"
    )

    with time_machine.travel(now() + timedelta(days=3)):
        assert seed_demo() == 0

    assert counted() == before
    assert User.objects.get(email=cast.LIAM.email).full_name == "Somebody else"
    assert Certificate.objects.filter(ended_as=End.WITHDRAWN).count() == 1


def test_only_the_invitation_is_mailed(demo):
    waiting = Message.objects.filter(sent_at=None, dropped_at=None)

    assert [message.to for message in waiting] == [cast.INVITED.email]


def test_trainers_find_who_asks_who_waits_and_what_they_proposed(demo):
    asked = TimeRequest.objects.open().get().enrolment.member.user
    waiting = Waiting.objects.open().get().booking.trainee
    proposed = Booking.objects.filter(state=BookingState.PROPOSED)

    assert asked.email == cast.OLGA.email
    assert waiting.email == cast.JONAS.email
    assert {call.trainee.email for call in proposed} == {cast.DIEGO.email}
    assert len(proposed) == 2

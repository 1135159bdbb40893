"""Each page of the channel team about somebody is a look, and it is logged."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from certificates.models import CertificateState
from content.permissions import grant_channel_team
from lms.audit.models import Event
from lms.people.accounts import set_channel_team
from tests.factories import (
    BookingFactory,
    CertificateFactory,
    EnrolmentFactory,
    EvidenceFactory,
    MemberFactory,
    TrainerFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

PAGES = [
    "dashboards:person",
    "dashboards:enrolment",
    "dashboards:void",
    "dashboards:teams",
    "dashboards:leave",
    "dashboards:away",
    "certificates:certificate",
    "certificates:manage",
    "sessions:booking",
    "wagtailusers_users:edit",
]


@pytest.fixture
def world(db: None) -> dict[str, Any]:
    member = MemberFactory()
    enrolment = EnrolmentFactory(member=member)
    certificate = CertificateFactory(
        enrolment=EnrolmentFactory(member=member, completed=True),
        state=CertificateState.READY,
        pdf=ContentFile(b"%PDF-", "some.pdf"),
        pdf_sha256="0" * 64,
    )
    booking = BookingFactory(enrolment=enrolment)
    evidence = EvidenceFactory(enrolment=enrolment)
    return {
        "member": member,
        "booking": booking,
        "urls": {
            "dashboards:person": [member.pk],
            "dashboards:enrolment": [enrolment.pk],
            "dashboards:void": [evidence.pk],
            "dashboards:teams": [member.pk],
            "dashboards:leave": [member.pk],
            "dashboards:away": [member.pk],
            "certificates:certificate": [certificate.serial],
            "certificates:manage": [certificate.serial],
            "sessions:booking": [booking.ref],
            "wagtailusers_users:edit": [member.user_id],
        },
    }


@pytest.fixture
def staff(client: Client) -> Any:
    staff = UserFactory()
    set_channel_team(staff, True, by=None)
    grant_channel_team(staff.groups.get())
    client.force_login(staff)
    return staff


def looks() -> list[tuple[int, str, str]]:
    found = Event.objects.filter(verb="looked_at").order_by("pk")
    return list(found.values_list("actor", "target_type", "target_id"))


@pytest.mark.parametrize("name", PAGES)
def test_a_page_about_somebody_logs_the_look(
    client: Client, staff: Any, world: Any, name: str
) -> None:
    url = reverse(name, args=world["urls"][name])

    for _n in range(2):  # read again, it is one look
        assert client.get(url).status_code == 200

    person = world["member"].user_id
    assert looks() == [(staff.pk, "people.User", str(person))]


def test_a_trainers_load_is_a_look_at_the_trainer(client: Client, staff: Any) -> None:
    trainer = TrainerFactory()

    client.get(reverse("sessions:trainer", args=[trainer.pk]))

    assert looks() == [(staff.pk, "people.User", str(trainer.user_id))]


@pytest.mark.parametrize(
    "name", ["dashboards:reseller", "dashboards:reseller_handbook"]
)
def test_a_resellers_page_is_a_look_at_the_reseller(
    client: Client, staff: Any, name: str
) -> None:
    reseller = MemberFactory().reseller

    client.get(reverse(name, args=[reseller.pk]))

    assert looks() == [(staff.pk, "people.Reseller", str(reseller.pk))]


@pytest.mark.parametrize("who", ["themselves", "manager", "trainer"])
def test_looks_of_those_whose_matter_it_is_are_not_logged(
    client: Client, world: Any, who: str
) -> None:
    member, booking = world["member"], world["booking"]
    manager = MemberFactory(reseller=member.reseller, is_manager=True)
    people = {
        "themselves": member.user,
        "manager": manager.user,
        "trainer": booking.trainer.user,
    }
    client.force_login(people[who])

    client.get(reverse("dashboards:person", args=[member.pk]))
    client.get(reverse("sessions:booking", args=[booking.ref]))

    assert looks() == []


def test_staff_who_hold_a_call_do_not_look_at_it(client: Client, world: Any) -> None:
    trainer = world["booking"].trainer.user
    trainer.is_staff = True
    trainer.save()
    client.force_login(trainer)

    client.get(reverse("sessions:booking", args=[world["booking"].ref]))

    assert looks() == []
